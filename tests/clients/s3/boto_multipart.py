"""boto3 on uploads in parts: three parts with each check sum, both types of it, reading by part, paging, refusals, aborts."""

import base64
import hashlib
import zlib

from s3_harness import SMALLEST_PART, body, client, content, empty, keys, refused, run, same, true

s3 = client()
old = client(request_checksum_calculation="when_required", response_checksum_validation="when_required")
DATA = [content(21, SMALLEST_PART), content(22, SMALLEST_PART + 7), content(23, 1000)]
WHOLE = b"".join(DATA)


def composite_tag(parts):
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


def upload(style, bucket, key, parts, create=(), part=(), complete=()):
    """Uploads parts in reverse order and completes them in theirs."""
    begun = style.create_multipart_upload(Bucket=bucket, Key=key, **dict(create))["UploadId"]
    done = []
    for number, data in reversed(list(enumerate(parts, 1))):
        answer = style.upload_part(
            Bucket=bucket, Key=key, UploadId=begun, PartNumber=number, Body=data, **dict(part)
        )
        sums = {name: value for name, value in answer.items() if name.startswith("Checksum") and name != "ChecksumType"}
        done.insert(0, {"PartNumber": number, "ETag": answer["ETag"], **sums})
    return style.complete_multipart_upload(
        Bucket=bucket, Key=key, UploadId=begun, MultipartUpload={"Parts": done}, **dict(complete)
    )


def three_parts():
    bucket = "boto-parts"
    s3.create_bucket(Bucket=bucket)
    for style, key in [(s3, "dir/new"), (old, "dir/old")]:
        said = {"ContentType": "text/x", "Metadata": {"k": "v"}, "Tagging": "t=1", "CacheControl": "no-cache"}
        answer = upload(style, bucket, key, DATA, create=said)
        same(answer["ETag"], composite_tag(DATA), f"tag of {key}")
        same((answer["Bucket"], answer["Key"]), (bucket, key), "what was completed")
        true("/" in answer["Location"], "a location is told")
        head = s3.head_object(Bucket=bucket, Key=key)
        same((head["ContentLength"], head["ETag"]), (len(WHOLE), answer["ETag"]), f"HEAD of {key}")
        same((head["ContentType"], head["Metadata"], head["CacheControl"]), ("text/x", {"k": "v"}, "no-cache"), "headers")
        same(s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"], [{"Key": "t", "Value": "1"}], "tags of an upload")
        same(body(s3, bucket, key), WHOLE, f"content of {key}")
        begin = 0
        for number, data in enumerate(DATA, 1):
            got = s3.get_object(Bucket=bucket, Key=key, PartNumber=number)
            same(got["ResponseMetadata"]["HTTPStatusCode"], 206, "status of a part")
            same(got["PartsCount"], 3, "number of parts")
            same(got["ContentRange"], f"bytes {begin}-{begin + len(data) - 1}/{len(WHOLE)}", f"range of part {number}")
            same(got["Body"].read(), data, f"content of part {number}")
            head = s3.head_object(Bucket=bucket, Key=key, PartNumber=number)
            same((head["PartsCount"], head["ContentLength"]), (3, len(data)), f"HEAD of part {number}")
            begin += len(data)
        with refused(416, "InvalidPartNumber"):
            s3.get_object(Bucket=bucket, Key=key, PartNumber=4)
        seam = len(DATA[0])
        got = body(s3, bucket, key, Range=f"bytes={seam - 10}-{seam + 9}")
        same(got, WHOLE[seam - 10 : seam + 10], "a range over the seam of two parts")
    empty(s3, bucket)


def check_sums_of_both_types():
    bucket = "boto-parts-sums"
    s3.create_bucket(Bucket=bucket)
    hashes = {
        "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
        "SHA1": lambda data: hashlib.sha1(data).digest(),
        "SHA256": lambda data: hashlib.sha256(data).digest(),
    }
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
        for kind in ["COMPOSITE", "FULL_OBJECT"]:
            if (algorithm, kind) in [("CRC64NVME", "COMPOSITE"), ("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT")]:
                with refused(400, "InvalidRequest"):
                    s3.create_multipart_upload(
                        Bucket=bucket, Key="a", ChecksumAlgorithm=algorithm, ChecksumType=kind
                    )
                continue
            key, field = f"{algorithm}-{kind}", f"Checksum{algorithm}"
            answer = upload(
                s3,
                bucket,
                key,
                DATA,
                create={"ChecksumAlgorithm": algorithm, "ChecksumType": kind},
                part={"ChecksumAlgorithm": algorithm},
                complete={"ChecksumType": kind},
            )
            same(answer.get("ChecksumType"), kind, f"type of {key}")
            if algorithm in hashes:
                hashed = hashes[algorithm]
                expected = hashed(WHOLE) if kind == "FULL_OBJECT" else hashed(b"".join(map(hashed, DATA)))
                suffix = "" if kind == "FULL_OBJECT" else "-3"
                same(answer[field], base64.b64encode(expected).decode() + suffix, f"check sum of {key}")
            head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
            same((head[field], head["ChecksumType"]), (answer[field], kind), f"check sum of {key} at HEAD")
            same(body(s3, bucket, key), WHOLE, f"content of {key}")
            found = s3.get_object_attributes(
                Bucket=bucket, Key=key, ObjectAttributes=["ObjectParts", "Checksum", "ObjectSize"], MaxParts=2
            )
            same(found["Checksum"]["ChecksumType"], kind, "type among the attributes")
            parts = found["ObjectParts"]
            same(parts["TotalPartsCount"], 3, "parts among the attributes")
            if kind == "COMPOSITE":
                sizes = [(part["PartNumber"], part["Size"]) for part in parts["Parts"]]
                same(sizes, [(1, len(DATA[0])), (2, len(DATA[1]))], "parts of a page of attributes")
                true(parts["IsTruncated"], "there are more parts")
                true(all(field in part for part in parts["Parts"]), "each part has its check sum")
    one = s3.put_object(Bucket=bucket, Key="one", Body=WHOLE, ChecksumAlgorithm="CRC32C")["ChecksumCRC32C"]
    same(
        s3.head_object(Bucket=bucket, Key="CRC32C-FULL_OBJECT", ChecksumMode="ENABLED")["ChecksumCRC32C"],
        one,
        "a check sum of the whole is the same in one piece and in parts",
    )
    empty(s3, bucket)


def refusals():
    bucket = "boto-parts-refused"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"before")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    said = {"Bucket": bucket, "Key": "a", "UploadId": begun}
    tags = {}
    for number, data in [(1, DATA[0]), (2, b"too small"), (3, b"last")]:
        tags[number] = s3.upload_part(**said, PartNumber=number, Body=data)["ETag"]

    def finish(*parts):
        listed = [{"PartNumber": number, "ETag": tag} for number, tag in parts]
        return s3.complete_multipart_upload(**said, MultipartUpload={"Parts": listed})

    with refused(400, "InvalidPartOrder"):
        finish((2, tags[2]), (1, tags[1]))
    with refused(400, "InvalidPart"):
        finish((1, tags[1]), (4, tags[3]))
    with refused(400, "InvalidPart"):
        finish((1, tags[2]))
    with refused(400, "EntityTooSmall"):
        finish((1, tags[1]), (2, tags[2]), (3, tags[3]))
    with refused(400, "MalformedXML", "InvalidRequest"):
        finish()
    for number in [0, 10_001]:
        with refused(400, "InvalidArgument"):
            s3.upload_part(**said, PartNumber=number, Body=b"x")
    with refused(404, "NoSuchUpload"):
        s3.upload_part(Bucket=bucket, Key="a", UploadId="none", PartNumber=1, Body=b"x")
    with refused(404, "NoSuchUpload"):
        s3.upload_part(Bucket=bucket, Key="other", UploadId=begun, PartNumber=1, Body=b"x")
    same(body(s3, bucket, "a"), b"before", "an upload is invisible until it is complete")
    first = finish((1, tags[1]), (3, tags[3]))
    same(body(s3, bucket, "a"), DATA[0] + b"last", "the parts that were named, and no others")
    again = finish((1, tags[1]), (3, tags[3]))
    same(again["ETag"], first["ETag"], "a completion may be asked for again")
    with refused(404, "NoSuchUpload"):
        s3.abort_multipart_upload(Bucket=bucket, Key="a", UploadId="none")
    empty(s3, bucket)


def repeated_parts_and_aborts():
    bucket = "boto-parts-again"
    s3.create_bucket(Bucket=bucket)
    begun = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    said = {"Bucket": bucket, "Key": "a", "UploadId": begun}
    s3.upload_part(**said, PartNumber=5, Body=b"first")
    tag = s3.upload_part(**said, PartNumber=5, Body=b"second")["ETag"]
    listed = s3.list_parts(**said)["Parts"]
    same([(part["PartNumber"], part["ETag"], part["Size"]) for part in listed], [(5, tag, 6)], "the later part counts")
    s3.complete_multipart_upload(**said, MultipartUpload={"Parts": [{"PartNumber": 5, "ETag": tag}]})
    same(body(s3, bucket, "a"), b"second", "content of the later part")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="b")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="b", UploadId=begun, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="b", UploadId=begun)
    with refused(404, "NoSuchUpload"):
        s3.list_parts(Bucket=bucket, Key="b", UploadId=begun)
    same(keys(s3, bucket), ["a"], "nothing is left of an aborted upload")
    empty(s3, bucket)


def copied_parts():
    bucket = "boto-parts-copied"
    s3.create_bucket(Bucket=bucket)
    tag = s3.put_object(Bucket=bucket, Key="source", Body=WHOLE)["ETag"]
    begun = s3.create_multipart_upload(Bucket=bucket, Key="target")["UploadId"]
    said = {"Bucket": bucket, "Key": "target", "UploadId": begun}
    source = {"Bucket": bucket, "Key": "source"}
    edge = SMALLEST_PART + 3
    first = s3.upload_part_copy(**said, PartNumber=1, CopySource=source, CopySourceRange=f"bytes=0-{edge - 1}")
    same(first["CopyPartResult"]["ETag"], f'"{hashlib.md5(WHOLE[:edge]).hexdigest()}"', "tag of a copied part")
    second = s3.upload_part_copy(
        **said, PartNumber=2, CopySource=source, CopySourceRange=f"bytes={edge}-{len(WHOLE) - 1}", CopySourceIfMatch=tag
    )
    with refused(412, "PreconditionFailed"):
        s3.upload_part_copy(**said, PartNumber=3, CopySource=source, CopySourceIfNoneMatch=tag)
    with refused(416, "InvalidRange"):
        s3.upload_part_copy(**said, PartNumber=3, CopySource=source, CopySourceRange=f"bytes=5-{len(WHOLE)}")
    third = s3.upload_part_copy(**said, PartNumber=3, CopySource=source)
    tags = [part["CopyPartResult"]["ETag"] for part in (first, second, third)]
    listed = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**said, MultipartUpload={"Parts": listed})
    s3.delete_object(Bucket=bucket, Key="source")
    same(body(s3, bucket, "target"), WHOLE + WHOLE, "content of copied parts, without their source")
    empty(s3, bucket)


def paging():
    bucket = "boto-parts-paging"
    s3.create_bucket(Bucket=bucket)
    ids = {}
    for key in ["dir/a", "dir/b", "other", "zz"]:
        for _ in range(3):
            ids.setdefault(key, []).append(s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"])
    expected = sorted((key, one) for key in ids for one in ids[key])
    for limit in [1, 2, 5, 1000]:
        pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, PaginationConfig={"PageSize": limit})
        found = [(entry["Key"], entry["UploadId"]) for page in pages for entry in page.get("Uploads", [])]
        same([key for key, _ in found], sorted(key for key, _ in found), f"order of uploads in pages of {limit}")
        same(sorted(found), expected, f"uploads in pages of {limit}")
    below = s3.list_multipart_uploads(Bucket=bucket, Prefix="dir/")["Uploads"]
    same([entry["Key"] for entry in below], ["dir/a"] * 3 + ["dir/b"] * 3, "uploads below a prefix")
    grouped = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    same([entry["Prefix"] for entry in grouped["CommonPrefixes"]], ["dir/"], "prefixes of uploads")
    one = ids["zz"][0]
    for number in range(1, 8):
        s3.upload_part(Bucket=bucket, Key="zz", UploadId=one, PartNumber=number, Body=b"x" * number)
    for limit in [1, 3, 7]:
        pages = s3.get_paginator("list_parts").paginate(
            Bucket=bucket, Key="zz", UploadId=one, PaginationConfig={"PageSize": limit}
        )
        found = [(part["PartNumber"], part["Size"]) for page in pages for part in page.get("Parts", [])]
        same(found, [(n, n) for n in range(1, 8)], f"parts in pages of {limit}")
    for key in ids:
        for one in ids[key]:
            s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=one)
    true("Uploads" not in s3.list_multipart_uploads(Bucket=bucket), "no uploads are left")
    s3.delete_bucket(Bucket=bucket)


run(three_parts, check_sums_of_both_types, refusals, repeated_parts_and_aborts, copied_parts, paging)
