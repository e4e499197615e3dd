"""boto3 on versions: their whole life, delete markers, paging of all versions, and buckets where they are suspended."""

from s3_harness import body, client, content, empty, keys, refused, run, same, true

s3 = client()


def enable(bucket, status="Enabled"):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
    same(s3.get_bucket_versioning(Bucket=bucket)["Status"], status, "the state of versions")


def listed(bucket, **arguments):
    """Key, version, whether it is the latest, and whether it is a delete marker; in the order of the listing."""
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **arguments):
        entries = [(entry, False) for entry in page.get("Versions", [])]
        entries += [(entry, True) for entry in page.get("DeleteMarkers", [])]
        found += [(e["Key"], e["VersionId"], e["IsLatest"], marker, e["LastModified"]) for e, marker in entries]
    return found


def life():
    bucket = "boto-versions"
    s3.create_bucket(Bucket=bucket)
    true("Status" not in s3.get_bucket_versioning(Bucket=bucket), "a new bucket never had versions")
    s3.put_object(Bucket=bucket, Key="a", Body=b"before")
    true("VersionId" not in s3.head_object(Bucket=bucket, Key="a"), "no version is told without versions")
    enable(bucket)
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"first", Metadata={"n": "1"})["VersionId"]
    second = s3.put_object(Bucket=bucket, Key="a", Body=b"second")["VersionId"]
    true(len({first, second, "null"}) == 3, "versions have names of their own")
    same(body(s3, bucket, "a"), b"second", "the latest version")
    for version, expected in [("null", b"before"), (first, b"first"), (second, b"second")]:
        got = s3.get_object(Bucket=bucket, Key="a", VersionId=version)
        same((got["VersionId"], got["Body"].read()), (version, expected), f"version {version}")
    same(s3.head_object(Bucket=bucket, Key="a", VersionId=first)["Metadata"], {"n": "1"}, "metadata of a version")
    marker = s3.delete_object(Bucket=bucket, Key="a")
    true(marker["DeleteMarker"], "a delete leaves a marker")
    try:
        s3.get_object(Bucket=bucket, Key="a")
        raise AssertionError("a deleted object is there")
    except s3.exceptions.ClientError as error:
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
        same(error.response["Error"]["Code"], "NoSuchKey", "code of a deleted object")
        same(headers.get("x-amz-delete-marker"), "true", "the marker is told")
        same(headers.get("x-amz-version-id"), marker["VersionId"], "and its version")
    with refused(405, "MethodNotAllowed"):
        s3.get_object(Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    same(keys(s3, bucket), [], "the plain listing knows no deleted objects")
    seen = [(version, latest, deleted) for _, version, latest, deleted, _ in listed(bucket)]
    expected = {(marker["VersionId"], True, True), (second, False, False), (first, False, False), ("null", False, False)}
    same(set(seen), expected, "all versions")
    same(len(seen), 4, "number of versions")
    gone = s3.delete_object(Bucket=bucket, Key="a", VersionId=marker["VersionId"])
    same((gone["DeleteMarker"], gone["VersionId"]), (True, marker["VersionId"]), "a marker that is deleted")
    same(body(s3, bucket, "a"), b"second", "without its marker the object is back")
    s3.delete_object(Bucket=bucket, Key="a", VersionId=second)
    same(body(s3, bucket, "a"), b"first", "the version before becomes the latest")
    copied = s3.copy_object(
        Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a", "VersionId": "null"}
    )
    same(copied["CopySourceVersionId"], "null", "the version that was copied")
    same(body(s3, bucket, "a"), b"before", "an old version, copied to the front")
    with refused(404, "NoSuchVersion"):
        s3.get_object(Bucket=bucket, Key="a", VersionId=second)
    with refused(400, "InvalidArgument"):
        s3.get_object(Bucket=bucket, Key="a", VersionId="no version of ours")
    with refused(409, "BucketNotEmpty"):
        for _, version, *_ in listed(bucket)[1:]:
            s3.delete_object(Bucket=bucket, Key="a", VersionId=version)
        s3.delete_bucket(Bucket=bucket)
    empty(s3, bucket)


def suspended():
    bucket = "boto-versions-suspended"
    s3.create_bucket(Bucket=bucket)
    enable(bucket)
    kept = s3.put_object(Bucket=bucket, Key="a", Body=b"kept")["VersionId"]
    enable(bucket, "Suspended")
    made = s3.put_object(Bucket=bucket, Key="a", Body=b"one").get("VersionId")
    true(made in (None, "null"), f"while versions are suspended, none gets a name ({made})")
    s3.put_object(Bucket=bucket, Key="a", Body=b"two")
    same(body(s3, bucket, "a"), b"two", "the latest while suspended")
    same({version for _, version, *_ in listed(bucket)}, {kept, "null"}, "the version without a name is replaced")
    same(body(s3, bucket, "a", VersionId=kept), b"kept", "a version from before")
    same(s3.delete_object(Bucket=bucket, Key="a")["VersionId"], "null", "the marker replaces it too")
    seen = {(version, deleted) for _, version, _, deleted, _ in listed(bucket)}
    same(seen, {(kept, False), ("null", True)}, "what is left while suspended")
    same(keys(s3, bucket), [], "a deleted object while suspended")
    empty(s3, bucket)


def paging():
    bucket = "boto-versions-paging"
    s3.create_bucket(Bucket=bucket)
    enable(bucket)
    expected = []
    for key in ["a", "a/b", "b", "dir/x", "dir/y", "ключ"]:
        made = [s3.put_object(Bucket=bucket, Key=key, Body=content(n, 10))["VersionId"] for n in range(4)]
        made.append(s3.delete_object(Bucket=bucket, Key=key)["VersionId"])
        made.append(s3.put_object(Bucket=bucket, Key=key, Body=b"last")["VersionId"])
        expected += [(key, version) for version in reversed(made)]
    whole = sorted((key, version) for key, version in expected)
    for limit in [1, 2, 5, 7, 1000]:
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket, PaginationConfig={"PageSize": limit}
        )
        found, marked = [], 0
        for page in pages:
            versions, markers = page.get("Versions", []), page.get("DeleteMarkers", [])
            true(len(versions) + len(markers) <= limit, f"a page of {limit}")
            found += [(entry["Key"], entry["VersionId"]) for entry in versions + markers]
            marked += len(markers)
        same(sorted(found), whole, f"all versions in pages of {limit}")
        same((len(found), marked), (36, 6), f"versions and markers in pages of {limit}")
        if limit == 1:
            same(found, expected, "keys in the order of bytes, the latest version first")
    latest = [entry for entry in listed(bucket) if entry[2]]
    same(len(latest), 6, "one latest version of each key")
    below = s3.list_object_versions(Bucket=bucket, Prefix="dir/")
    same({entry["Key"] for entry in below["Versions"]}, {"dir/x", "dir/y"}, "versions below a prefix")
    grouped = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    same([entry["Prefix"] for entry in grouped["CommonPrefixes"]], ["a/", "dir/"], "prefixes of versions")
    same({entry["Key"] for entry in grouped["Versions"]}, {"a", "b", "ключ"}, "versions beside prefixes")
    empty(s3, bucket)


def unversioned_listing():
    bucket = "boto-versions-none"
    s3.create_bucket(Bucket=bucket)
    for key in ["a", "b"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    seen = [(key, version, latest, deleted) for key, version, latest, deleted, _ in listed(bucket)]
    same(seen, [("a", "null", True, False), ("b", "null", True, False)], "the versions of a bucket without versions")
    s3.delete_object(Bucket=bucket, Key="a", VersionId="null")
    same(keys(s3, bucket), ["b"], "deleted by the version that has no name")
    empty(s3, bucket)


def bulk_deletes():
    bucket = "boto-versions-bulk"
    s3.create_bucket(Bucket=bucket)
    enable(bucket)
    version = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="b", Body=b"2")
    answer = s3.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "a", "VersionId": version}, {"Key": "b"}, {"Key": "c"}]}
    )
    by_key = {entry["Key"]: entry for entry in answer["Deleted"]}
    same(by_key["a"]["VersionId"], version, "a version that was deleted for good")
    true(by_key["b"]["DeleteMarker"] and by_key["b"]["DeleteMarkerVersionId"], "a marker that was made")
    true(by_key["c"]["DeleteMarker"], "a marker for what never was")
    same(len(listed(bucket)), 3, "what is left of a bulk delete")
    empty(s3, bucket)


def parts_and_tags():
    bucket = "boto-versions-parts"
    s3.create_bucket(Bucket=bucket)
    enable(bucket)
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"one", Tagging="n=1")["VersionId"]
    begun = s3.create_multipart_upload(Bucket=bucket, Key="a", Tagging="n=2")["UploadId"]
    said = {"Bucket": bucket, "Key": "a", "UploadId": begun}
    tag = s3.upload_part(**said, PartNumber=1, Body=b"two")["ETag"]
    done = s3.complete_multipart_upload(**said, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    true(done["VersionId"] != first, "a completed upload is a version of its own")
    same(body(s3, bucket, "a"), b"two", "the latest version came in parts")
    for version, number in [(first, "1"), (done["VersionId"], "2")]:
        found = s3.get_object_tagging(Bucket=bucket, Key="a", VersionId=version)
        same((found["VersionId"], found["TagSet"][0]["Value"]), (version, number), "tags of a version")
    s3.put_object_tagging(
        Bucket=bucket, Key="a", VersionId=first, Tagging={"TagSet": [{"Key": "new", "Value": ""}]}
    )
    same(s3.get_object_tagging(Bucket=bucket, Key="a", VersionId=first)["TagSet"][0]["Key"], "new", "changed tags")
    same(s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"][0]["Value"], "2", "tags of the other version")
    empty(s3, bucket)


run(life, suspended, paging, unversioned_listing, bulk_deletes, parts_and_tags)
