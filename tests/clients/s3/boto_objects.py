"""boto3 on objects: default and old check sums, content headers, ranges, keys, listings, conditions, copies, deletes."""

import base64
import hashlib
import zlib

from s3_harness import SMALLEST_PART, body, client, content, empty, keys, refused, run, same, true

s3 = client()
old = client(request_checksum_calculation="when_required", response_checksum_validation="when_required")
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def buckets():
    with refused(404, "NoSuchBucket"):
        s3.list_objects_v2(Bucket="boto-nothing-here")
    s3.create_bucket(Bucket="boto-buckets")
    true("boto-buckets" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]], "the bucket is listed")
    head = s3.head_bucket(Bucket="boto-buckets")
    same(head["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region"), "us-east-1", "region of a bucket")
    same(s3.get_bucket_location(Bucket="boto-buckets")["LocationConstraint"], None, "location in us-east-1")
    with refused(404, "404"):
        s3.head_bucket(Bucket="boto-nothing-here")
    s3.put_object(Bucket="boto-buckets", Key="a", Body=b"")
    with refused(409, "BucketNotEmpty"):
        s3.delete_bucket(Bucket="boto-buckets")
    s3.delete_object(Bucket="boto-buckets", Key="a")
    s3.delete_bucket(Bucket="boto-buckets")
    with refused(404, "NoSuchBucket"):
        s3.delete_bucket(Bucket="boto-buckets")
    for name in ["ab", "Upper-Case", "under_score", "a..b", "-begin", "192.168.5.4", "x" * 64]:
        # The check of boto3 itself would refuse some of these.
        unchecked = client()
        from botocore.handlers import validate_bucket_name

        unchecked.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
        with refused(400, "InvalidBucketName"):
            unchecked.create_bucket(Bucket=name)


def put_and_get():
    bucket = "boto-put-get"
    s3.create_bucket(Bucket=bucket)
    for seed, length in enumerate([0, 1, 4096, 65_536, 1_000_003, 9_000_001]):
        for style, name in [(s3, "new"), (old, "old")]:
            data, key = content(seed, length), f"{name}-{length}"
            put = style.put_object(Bucket=bucket, Key=key, Body=data)
            same(put["ETag"], f'"{hashlib.md5(data).hexdigest()}"', f"tag of {key}")
            if style is s3:
                crc = base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()
                same(put.get("ChecksumCRC32"), crc, f"check sum of {key} in the answer of PUT")
            true("VersionId" not in put, "no version in a bucket that never had versions")
            got = s3.get_object(Bucket=bucket, Key=key)
            same(got["ContentLength"], length, f"length of {key}")
            same(got["ETag"], put["ETag"], f"tag of {key} when it is read")
            same(got["Body"].read(), data, f"content of {key}")
            same(body(old, bucket, key), data, f"content of {key}, read without check sums")
            head = s3.head_object(Bucket=bucket, Key=key)
            same((head["ContentLength"], head["ETag"]), (length, put["ETag"]), f"HEAD of {key}")
            same(head["AcceptRanges"], "bytes", "ranges are said to be accepted")
    with refused(404, "NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="missing")
    with refused(404, "404"):
        s3.head_object(Bucket=bucket, Key="missing")
    s3.put_object(Bucket=bucket, Key="new-1", Body=b"overwritten")
    same(body(s3, bucket, "new-1"), b"overwritten", "content after it was overwritten")
    empty(s3, bucket)


def check_sums():
    bucket = "boto-check-sums"
    s3.create_bucket(Bucket=bucket)
    data = content(7, 200_000)
    for algorithm in ALGORITHMS:
        for style, source in [("new", s3), ("old", old)]:
            key = f"{algorithm}-{style}"
            put = source.put_object(Bucket=bucket, Key=key, Body=data, ChecksumAlgorithm=algorithm)
            value = put[f"Checksum{algorithm}"]
            same(put.get("ChecksumType"), "FULL_OBJECT", f"type of the check sum of {key}")
            head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
            same(head[f"Checksum{algorithm}"], value, f"check sum of {key} at HEAD")
            true(f"Checksum{algorithm}" not in old.head_object(Bucket=bucket, Key=key), "only those who ask are told")
            got = s3.get_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
            same(got[f"Checksum{algorithm}"], value, f"check sum of {key} at GET")
            same(got["Body"].read(), data, f"content of {key}")
            found = s3.get_object_attributes(
                Bucket=bucket, Key=key, ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"]
            )
            same(found["Checksum"][f"Checksum{algorithm}"], value, f"check sum of {key} among its attributes")
            same(found["ObjectSize"], len(data), f"size of {key} among its attributes")
            same(found["ETag"], hashlib.md5(data).hexdigest(), f"tag of {key} among its attributes, without quotes")
    true("CRC32" in s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"][0], "listed check sum")
    sha = base64.b64encode(hashlib.sha256(data).digest()).decode()
    s3.put_object(Bucket=bucket, Key="given", Body=data, ChecksumSHA256=sha)
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    with refused(400, "BadDigest", "XAmzContentChecksumMismatch"):
        s3.put_object(Bucket=bucket, Key="given", Body=b"", ChecksumSHA256=wrong)
    with refused(400, "BadDigest"):
        s3.put_object(Bucket=bucket, Key="given", Body=b"", ContentMD5=base64.b64encode(b"0" * 16).decode())
    with refused(400, "InvalidDigest"):
        s3.put_object(Bucket=bucket, Key="given", Body=b"", ContentMD5="short")
    same(body(s3, bucket, "given"), data, "content that refused writes left alone")
    empty(s3, bucket)


def headers_and_metadata():
    bucket = "boto-headers"
    s3.create_bucket(Bucket=bucket)
    import datetime

    expires = datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
    said = {
        "ContentType": "text/plain; charset=utf-8",
        "ContentEncoding": "gzip",
        "ContentLanguage": "de, en",
        "ContentDisposition": 'attachment; filename="a b.txt"',
        "CacheControl": "max-age=60, public",
        "Expires": expires,
        "Metadata": {"mtime": "1700000000.123", "two-words": "a  b", "empty": ""},
    }
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", **said)
    for answer in [s3.head_object(Bucket=bucket, Key="a"), s3.get_object(Bucket=bucket, Key="a")]:
        for name, value in said.items():
            same(answer[name], value, name)
    changed = s3.get_object(
        Bucket=bucket,
        Key="a",
        ResponseContentType="image/png",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-store",
        ResponseContentLanguage="fr",
        ResponseContentEncoding="identity",
    )
    names = ["ContentType", "ContentDisposition", "CacheControl", "ContentLanguage", "ContentEncoding"]
    same([changed[name] for name in names], ["image/png", "inline", "no-store", "fr", "identity"], "overridden")
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x")
    same(s3.head_object(Bucket=bucket, Key="plain")["ContentType"], "binary/octet-stream", "type of the untyped")
    # boto3 itself refuses metadata beyond ASCII; what others send arrives as an encoded word or as UTF-8.
    encoded = "=?UTF-8?B?" + base64.b64encode("Größe 漢字".encode()).decode() + "?="
    s3.put_object(Bucket=bucket, Key="unicode", Body=b"x", Metadata={"title": encoded})
    same(s3.head_object(Bucket=bucket, Key="unicode")["Metadata"]["title"], encoded, "an encoded word stays one")
    with refused(400, "MetadataTooLarge"):
        s3.put_object(Bucket=bucket, Key="large", Body=b"x", Metadata={"large": "x" * 2048})
    s3.put_object(Bucket=bucket, Key="as-large-as-may-be", Body=b"x", Metadata={"large": "x" * (2048 - 5)})
    empty(s3, bucket)


def ranges():
    bucket = "boto-ranges"
    s3.create_bucket(Bucket=bucket)
    data = content(11, 3_000_000)
    s3.put_object(Bucket=bucket, Key="a", Body=data)
    length = len(data)
    for said, begin, end in [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=1048570-1048590", 1_048_570, 1_048_591),
        ("bytes=2999999-", length - 1, length),
        ("bytes=-1", length - 1, length),
        ("bytes=-9999999", 0, length),
        ("bytes=100-9999999", 100, length),
    ]:
        got = s3.get_object(Bucket=bucket, Key="a", Range=said)
        same(got["ResponseMetadata"]["HTTPStatusCode"], 206, f"status of {said}")
        same(got["ContentRange"], f"bytes {begin}-{end - 1}/{length}", f"range of {said}")
        same(got["ContentLength"], end - begin, f"length of {said}")
        same(got["Body"].read(), data[begin:end], f"content of {said}")
        head = s3.head_object(Bucket=bucket, Key="a", Range=said)
        same(head["ContentLength"], end - begin, f"length of HEAD with {said}")
    for said in ["bytes=3000000-", "bytes=3000000-3000001", "bytes=-0"]:
        with refused(416, "InvalidRange"):
            s3.get_object(Bucket=bucket, Key="a", Range=said)
    for said in ["bytes=5-2", "lines=1-2", "bytes=a-b", "nonsense"]:
        same(body(s3, bucket, "a", Range=said), data, f"what is no range ({said}) is not heeded")
    same(body(s3, bucket, "a", PartNumber=1), data, "the first part of what has no parts")
    with refused(416, "InvalidPartNumber"):
        s3.get_object(Bucket=bucket, Key="a", PartNumber=2)
    empty(s3, bucket)


def strange_keys():
    bucket = "boto-keys"
    s3.create_bucket(Bucket=bucket)
    names = [
        "a", "a/b", "a/b/", "a//b", "/a", "//", "/", "a/../b", "..", "../x", "./a", "a/./b", "a b", "a+b", "a%2Fb",
        "a&b=c?d#e", "ключ/漢字", "e\u0301", "\u00e9", "\U0001f600/\U0001f4a9", "<xml>&amp;\"'", "a\tb", "a\nb", "tail ",
        "x" * 1024, "d/" * 500 + "leaf", "p" * 255 + "/q", "p" * 256 + "/q", "\u6f22" * 341 + "x", "~!*()'$,;:@=",
        "\\back\\slash", "a\x7fb", "soap", "?uploads", "*",
    ]
    for seed, name in enumerate(names):
        s3.put_object(Bucket=bucket, Key=name, Body=content(seed, 64))
    for seed, name in enumerate(names):
        same(body(s3, bucket, name), content(seed, 64), f"content of {name!r}")
    expected = sorted(names, key=str.encode)
    same(keys(s3, bucket), expected, "the listing, in the order of bytes")
    for limit in [1, 3, 7]:
        same(keys(s3, bucket, PaginationConfig={"PageSize": limit}), expected, f"the listing in pages of {limit}")
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4})
    same([entry["Key"] for page in pages for entry in page["Contents"]], expected, "the listing of version 1")
    for name in ["a/b", "..", "ключ/漢字", "a+b", "a\nb"]:
        s3.copy_object(Bucket=bucket, Key="copy/" + name, CopySource={"Bucket": bucket, "Key": name})
        same(body(s3, bucket, "copy/" + name), body(s3, bucket, name), f"a copy of {name!r}")
    with refused(400, "KeyTooLongError"):
        s3.put_object(Bucket=bucket, Key="x" * 1025, Body=b"")
    with refused(400, "KeyTooLongError"):
        s3.put_object(Bucket=bucket, Key="\u6f22" * 342, Body=b"")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names]})
    same(sorted(entry["Key"] for entry in answer["Deleted"]), sorted(names), "deleted at once")
    same(sorted(keys(s3, bucket)), sorted("copy/" + n for n in ["a/b", "..", "ключ/漢字", "a+b", "a\nb"]), "what is left")
    empty(s3, bucket)


def listings():
    bucket = "boto-listings"
    s3.create_bucket(Bucket=bucket)
    names = sorted([f"dir{d}/file{f:02}" for d in range(5) for f in range(12)] + ["dir2", "dir2-x", "top", "zz--a--b"])
    for name in names:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x")
    for version in ["list_objects", "list_objects_v2"]:
        for prefix in ["", "dir", "dir2", "dir2/", "dir2/file0", "nothing", "zz"]:
            for delimiter in ["", "/", "file", "--", "r"]:
                for limit in [1, 2, 5, 1000]:
                    prefixes, found = [], []
                    arguments = {"Bucket": bucket, "Prefix": prefix, "Delimiter": delimiter}
                    pages = s3.get_paginator(version).paginate(**arguments, PaginationConfig={"PageSize": limit})
                    for page in pages:
                        found += [entry["Key"] for entry in page.get("Contents", [])]
                        prefixes += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
                        here = len(page.get("Contents", [])) + len(page.get("CommonPrefixes", []))
                        true(here <= limit, f"{here} entries on a page of {limit}")
                    what = f"{version} of {prefix!r} by {delimiter!r} in pages of {limit}"
                    same((found, prefixes), grouped(names, prefix, delimiter), what)
    none = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    same((none["KeyCount"], none["IsTruncated"]), (0, False), "a page of nothing")
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="dir4/file09", FetchOwner=True)
    same([e["Key"] for e in after["Contents"]], ["dir4/file10", "dir4/file11", "top", "zz--a--b"], "a late start")
    true(after["Contents"][0]["Owner"]["ID"], "the owner, when asked for")
    true("Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0], "no owner, when not asked for")
    same(s3.list_objects(Bucket=bucket, Marker="top")["Contents"][0]["Key"], "zz--a--b", "after a marker")
    entry = s3.list_objects_v2(Bucket=bucket, Prefix="top")["Contents"][0]
    same((entry["Size"], entry["ETag"], entry["StorageClass"]), (1, '"9dd4e461268c8034f5c8564e155c67a6"', "STANDARD"), "top")
    with refused(400, "InvalidArgument"):
        s3.list_objects_v2(Bucket=bucket, MaxKeys=-1)
    with refused(400, "InvalidArgument"):
        s3.list_objects_v2(Bucket=bucket, ContinuationToken="no token of ours")
    empty(s3, bucket)


def grouped(names, prefix, delimiter):
    found, prefixes = [], []
    for name in names:
        if not name.startswith(prefix):
            continue
        at = name.find(delimiter, len(prefix)) if delimiter else -1
        if at < 0:
            found.append(name)
        elif name[: at + len(delimiter)] not in prefixes:
            prefixes.append(name[: at + len(delimiter)])
    return found, prefixes


def conditions_on_reads():
    import datetime

    bucket = "boto-conditions"
    s3.create_bucket(Bucket=bucket)
    tag = s3.put_object(Bucket=bucket, Key="a", Body=b"x")["ETag"]
    written = s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    before, after = written - datetime.timedelta(hours=1), written + datetime.timedelta(seconds=1)
    for read in [s3.get_object, s3.head_object]:
        codes = (lambda code: [code]) if read == s3.get_object else (lambda code: ["412", "304", code])
        read(Bucket=bucket, Key="a", IfMatch=tag)
        read(Bucket=bucket, Key="a", IfMatch=tag.strip('"'))
        read(Bucket=bucket, Key="a", IfNoneMatch='"other"')
        read(Bucket=bucket, Key="a", IfModifiedSince=before)
        read(Bucket=bucket, Key="a", IfUnmodifiedSince=after)
        # The tag outweighs the time.
        read(Bucket=bucket, Key="a", IfMatch=tag, IfUnmodifiedSince=before)
        with refused(412, *codes("PreconditionFailed")):
            read(Bucket=bucket, Key="a", IfMatch='"other"')
        with refused(412, *codes("PreconditionFailed")):
            read(Bucket=bucket, Key="a", IfUnmodifiedSince=before)
        with refused(304, "304"):
            read(Bucket=bucket, Key="a", IfNoneMatch=tag)
        with refused(304, "304"):
            read(Bucket=bucket, Key="a", IfNoneMatch="*")
        with refused(304, "304"):
            read(Bucket=bucket, Key="a", IfModifiedSince=written)
        with refused(304, "304"):
            read(Bucket=bucket, Key="a", IfNoneMatch=tag, IfModifiedSince=before)
    empty(s3, bucket)


def conditions_on_writes():
    bucket = "boto-conditional-writes"
    s3.create_bucket(Bucket=bucket)
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"first", IfNoneMatch="*")["ETag"]
    with refused(412, "PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"again", IfNoneMatch="*")
    with refused(412, "PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="a", Body=b"again", IfMatch='"0123"')
    with refused(404, "NoSuchKey"):
        s3.put_object(Bucket=bucket, Key="missing", Body=b"again", IfMatch=first)
    same(body(s3, bucket, "a"), b"first", "content after refused writes")
    second = s3.put_object(Bucket=bucket, Key="a", Body=b"second", IfMatch=first)["ETag"]
    same(body(s3, bucket, "a"), b"second", "content after a compare and swap")
    with refused(412, "PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key="a", IfMatch=first)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=1, Body=b"third")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    finish = {"Bucket": bucket, "Key": "a", "UploadId": upload, "MultipartUpload": parts}
    with refused(412, "PreconditionFailed"):
        s3.complete_multipart_upload(**finish, IfNoneMatch="*")
    with refused(412, "PreconditionFailed"):
        s3.complete_multipart_upload(**finish, IfMatch=first)
    same(body(s3, bucket, "a"), b"second", "content after refused completions")
    third = s3.complete_multipart_upload(**finish, IfMatch=second)["ETag"]
    same(body(s3, bucket, "a"), b"third", "content after a completion with a condition")
    s3.delete_object(Bucket=bucket, Key="a", IfMatch=third)
    same(keys(s3, bucket), [], "after a delete with a condition")
    from concurrent.futures import ThreadPoolExecutor

    def race(n):
        try:
            s3.put_object(Bucket=bucket, Key="race", Body=str(n).encode(), IfNoneMatch="*")
            return n
        except s3.exceptions.ClientError as error:
            true(error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict"), str(error))
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [n for n in pool.map(race, range(24)) if n is not None]
    same(len(winners), 1, f"winners of a race ({winners})")
    same(body(s3, bucket, "race"), str(winners[0]).encode(), "content of the winner")
    empty(s3, bucket)


def copies():
    bucket, other = "boto-copies", "boto-copies-other"
    s3.create_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=other)
    data = content(13, 300_000)
    tag = s3.put_object(
        Bucket=bucket, Key="a", Body=data, ContentType="text/x", Metadata={"k": "v"}, Tagging="t=1"
    )["ETag"]
    source = {"Bucket": bucket, "Key": "a"}
    copied = s3.copy_object(Bucket=other, Key="b", CopySource=source)
    same(copied["CopyObjectResult"]["ETag"], tag, "tag of a copy")
    head = s3.head_object(Bucket=other, Key="b")
    same((head["ContentType"], head["Metadata"]), ("text/x", {"k": "v"}), "what a copy brings with it")
    same(s3.get_object_tagging(Bucket=other, Key="b")["TagSet"], [{"Key": "t", "Value": "1"}], "tags of a copy")
    same(body(s3, other, "b"), data, "content of a copy")
    replace = {"MetadataDirective": "REPLACE", "Metadata": {"new": "1"}, "ContentType": "text/y"}
    s3.copy_object(Bucket=other, Key="c", CopySource=source, TaggingDirective="REPLACE", Tagging="u=2", **replace)
    head = s3.head_object(Bucket=other, Key="c")
    same((head["ContentType"], head["Metadata"]), ("text/y", {"new": "1"}), "what replaces")
    same(s3.get_object_tagging(Bucket=other, Key="c")["TagSet"], [{"Key": "u", "Value": "2"}], "tags that replace")
    with refused(400, "InvalidRequest"):
        s3.copy_object(Bucket=bucket, Key="a", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="a", CopySource=source, **replace)
    same(s3.head_object(Bucket=bucket, Key="a")["Metadata"], {"new": "1"}, "metadata after a copy to itself")
    same(body(s3, bucket, "a"), data, "content after a copy to itself")
    s3.copy_object(Bucket=other, Key="d", CopySource=source, CopySourceIfMatch=tag)
    with refused(412, "PreconditionFailed"):
        s3.copy_object(Bucket=other, Key="e", CopySource=source, CopySourceIfMatch='"other"')
    with refused(412, "PreconditionFailed"):
        s3.copy_object(Bucket=other, Key="e", CopySource=source, CopySourceIfNoneMatch=tag)
    with refused(404, "NoSuchKey"):
        s3.copy_object(Bucket=other, Key="e", CopySource={"Bucket": bucket, "Key": "missing"})
    with refused(404, "NoSuchBucket"):
        s3.copy_object(Bucket=other, Key="e", CopySource={"Bucket": "boto-nothing-here", "Key": "a"})
    s3.delete_object(Bucket=bucket, Key="a")
    same(body(s3, other, "b"), data, "content of a copy without its source")
    summed = s3.copy_object(
        Bucket=other, Key="f", CopySource={"Bucket": other, "Key": "b"}, ChecksumAlgorithm="SHA256"
    )["CopyObjectResult"]
    same(summed["ChecksumSHA256"], base64.b64encode(hashlib.sha256(data).digest()).decode(), "a check sum on demand")
    same(keys(s3, other), ["b", "c", "d", "f"], "the copies")
    empty(s3, bucket)
    empty(s3, other)


def deletes():
    bucket = "boto-deletes"
    s3.create_bucket(Bucket=bucket)
    for n in range(1005):
        s3.put_object(Bucket=bucket, Key=f"{n:04}", Body=b"")
    s3.delete_object(Bucket=bucket, Key="missing")
    wanted = [{"Key": f"{n:04}"} for n in range(1000)]
    for style in [s3, old]:
        answer = style.delete_objects(Bucket=bucket, Delete={"Objects": wanted})
        same(len(answer["Deleted"]), 1000, "deleted, or not there")
        true("Errors" not in answer, "no errors")
    same(keys(s3, bucket), [f"{n:04}" for n in range(1000, 1005)], "what is left")
    with refused(400, "MalformedXML"):
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": f"{n}"} for n in range(1001)]})
    quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "1000"}], "Quiet": True})
    true("Deleted" not in quiet, "a quiet delete says nothing")
    same(len(keys(s3, bucket)), 4, "what is left after a quiet delete")
    with refused(404, "NoSuchBucket"):
        s3.delete_objects(Bucket="boto-nothing-here", Delete={"Objects": [{"Key": "a"}]})
    empty(s3, bucket)


def large_by_transfer_manager():
    """`upload_fileobj` and `download_fileobj`, in parallel parts, as most programs do it."""
    import io

    from boto3.s3.transfer import TransferConfig

    bucket = "boto-transfer"
    s3.create_bucket(Bucket=bucket)
    data = content(17, 4 * SMALLEST_PART + 12_345)
    config = TransferConfig(multipart_threshold=SMALLEST_PART, multipart_chunksize=SMALLEST_PART, max_concurrency=4)
    for name, style in [("new", s3), ("old", old)]:
        style.upload_fileobj(io.BytesIO(data), bucket, name, Config=config, ExtraArgs={"Metadata": {"n": name}})
        target = io.BytesIO()
        style.download_fileobj(bucket, name, target, Config=config)
        same(target.getvalue(), data, f"content through the transfer manager, {name}")
        style.copy({"Bucket": bucket, "Key": name}, bucket, name + "-copy", Config=config)
        same(body(s3, bucket, name + "-copy"), data, f"content of a copy in parts, {name}")
        true(s3.head_object(Bucket=bucket, Key=name)["ETag"].endswith('-5"'), "the tag counts the parts")
    empty(s3, bucket)


run(
    buckets,
    put_and_get,
    check_sums,
    headers_and_metadata,
    ranges,
    strange_keys,
    listings,
    conditions_on_reads,
    conditions_on_writes,
    copies,
    deletes,
    large_by_transfer_manager,
)
