"""boto3 on what surrounds objects: tags, rules for browsers, links, forms, strangers, and what is not built."""

import base64
import datetime
import hashlib
import hmac
import json

import requests
from botocore import UNSIGNED

from s3_harness import access_key, body, client, content, empty, endpoint, keys, refused, run, same, secret_key, true

s3 = client()
by_default = client(signature=None)


def tags():
    bucket = "boto-tags"
    s3.create_bucket(Bucket=bucket)
    some = [{"Key": "Größe", "Value": "a b/c:+=._-@"}, {"Key": "empty", "Value": ""}]
    with refused(404, "NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": some})
    by_key = lambda tags: sorted(tags, key=lambda tag: tag["Key"])
    same(by_key(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]), by_key(some), "tags of a bucket")
    s3.delete_bucket_tagging(Bucket=bucket)
    with refused(404, "NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", Tagging="k=v&two=a%20b")
    same(s3.get_object(Bucket=bucket, Key="a")["TagCount"], 2, "the number of tags")
    same(s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"],
         [{"Key": "k", "Value": "v"}, {"Key": "two", "Value": "a b"}], "tags that came with an object")
    s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": some})
    same(by_key(s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]), by_key(some), "tags that replaced others")
    many = [{"Key": f"{n}", "Value": ""} for n in range(11)]
    for wrong in [many, [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}], [{"Key": "x" * 129, "Value": ""}],
                  [{"Key": "k", "Value": "x" * 257}]]:
        with refused(400, "InvalidTag", "BadRequest"):
            s3.put_object_tagging(Bucket=bucket, Key="a", Tagging={"TagSet": wrong})
    same(len(s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"]), 2, "tags after refused ones")
    s3.delete_object_tagging(Bucket=bucket, Key="a")
    same(s3.get_object_tagging(Bucket=bucket, Key="a")["TagSet"], [], "tags that were deleted")
    with refused(404, "NoSuchKey"):
        s3.get_object_tagging(Bucket=bucket, Key="missing")
    empty(s3, bucket)


def rules_for_browsers():
    bucket = "boto-cors"
    s3.create_bucket(Bucket=bucket)
    with refused(404, "NoSuchCORSConfiguration"):
        s3.get_bucket_cors(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    url = f"{endpoint}/{bucket}/a"
    asked = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "PUT"}
    same(requests.options(url, headers=asked).status_code, 403, "a preflight without rules")
    rules = [
        {"ID": "one", "AllowedOrigins": ["https://*.example.org"], "AllowedMethods": ["GET", "PUT"],
         "AllowedHeaders": ["x-amz-*", "content-type"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 600},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]},
    ]
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": rules})
    same(s3.get_bucket_cors(Bucket=bucket)["CORSRules"], rules, "rules that were kept")
    answer = requests.options(url, headers={**asked, "Access-Control-Request-Headers": "x-amz-date, Content-Type"})
    same(answer.status_code, 200, "a preflight that fits")
    for name, value in [("Origin", "https://app.example.org"), ("Max-Age", "600")]:
        same(answer.headers.get(f"Access-Control-Allow-{name}" if name == "Origin" else f"Access-Control-{name}"), value, name)
    true("PUT" in answer.headers["Access-Control-Allow-Methods"], "the method is allowed")
    true("x-amz-date" in answer.headers["Access-Control-Allow-Headers"].lower(), "the header is allowed")
    for wrong in [{"Origin": "https://elsewhere.org"}, {"Access-Control-Request-Method": "DELETE"},
                  {"Access-Control-Request-Headers": "x-other"}]:
        same(requests.options(url, headers={**asked, **wrong}).status_code, 403, f"a preflight with {wrong}")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    answer = requests.get(link, headers={"Origin": "https://app.example.org"})
    same(answer.headers.get("Access-Control-Allow-Origin"), "https://app.example.org", "origin on an answer")
    same(answer.headers.get("Access-Control-Expose-Headers"), "ETag", "headers that are shown")
    same(requests.get(link, headers={"Origin": "null"}).headers.get("Access-Control-Allow-Origin"), "*", "any origin")
    true("Access-Control-Allow-Origin" not in requests.get(link).headers, "who tells no origin is told none")
    with refused(400, "InvalidRequest", "MalformedXML"):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={
            "CORSRules": [{"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]}]})
    s3.delete_bucket_cors(Bucket=bucket)
    same(requests.options(url, headers=asked).status_code, 403, "a preflight after the rules have gone")
    empty(s3, bucket)


def links():
    bucket = "boto-links"
    s3.create_bucket(Bucket=bucket)
    key, data = "dir/a b+ü.txt", content(31, 100_000)
    for name, style in [("of version 4", s3), ("by default", by_default)]:
        link = style.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=60)
        answer = requests.put(link, data=data)
        same(answer.status_code, 200, f"PUT by a link {name}: {answer.text}")
        same(body(s3, bucket, key), data, f"content put by a link {name}")
        said = {"Bucket": bucket, "Key": key, "ResponseContentType": "text/x", "ResponseContentDisposition": "inline"}
        link = style.generate_presigned_url("get_object", Params=said, ExpiresIn=60)
        answer = requests.get(link)
        same((answer.status_code, answer.content), (200, data), f"GET by a link {name}")
        same(answer.headers["Content-Type"], "text/x", f"type that a link {name} asks for")
        same(requests.get(link, headers={"Range": "bytes=5-9"}).content, data[5:10], f"a range by a link {name}")
        same(requests.get(link.replace("dir", "other")).status_code, 403, f"a link {name} for another key")
        same(requests.put(link, data=b"x").status_code, 403, f"a link {name} for another method")
        cut = link.split("Signature=")[0] + "Signature=" + "0" * 64
        same(requests.get(cut).status_code, 403, f"a link {name} with another signature")
        link = style.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": key})
        same(requests.head(link).headers["Content-Length"], str(len(data)), f"HEAD by a link {name}")
        link = style.generate_presigned_url("list_objects_v2", Params={"Bucket": bucket, "Prefix": "dir/"})
        true("<Key>" in requests.get(link).text, f"a listing by a link {name}")
        link = style.generate_presigned_url("delete_object", Params={"Bucket": bucket, "Key": key})
        same(requests.delete(link).status_code, 204, f"DELETE by a link {name}")
        same(keys(s3, bucket), [], f"what a link {name} deleted")
    long = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"}, ExpiresIn=604_801)
    same(requests.get(long).status_code, 400, "a link that lives longer than a week")
    typed = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "t", "ContentType": "text/x"})
    same(requests.put(typed, data=b"x", headers={"Content-Type": "text/y"}).status_code, 403, "another type than signed")
    same(requests.put(typed, data=b"x", headers={"Content-Type": "text/x"}).status_code, 200, "the type that was signed")
    same(requests.put(typed, data=b"x").status_code, 403, "no type where one was signed")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    said = {"Bucket": bucket, "Key": "parts", "UploadId": begun}
    tag = requests.put(
        s3.generate_presigned_url("upload_part", Params={**said, "PartNumber": 1}), data=data
    ).headers["ETag"]
    s3.complete_multipart_upload(**said, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    same(body(s3, bucket, "parts"), data, "a part by a link")
    empty(s3, bucket)


def forms():
    bucket = "boto-forms"
    s3.create_bucket(Bucket=bucket)
    data = content(37, 300_000)

    def post(made, file=data, name="a ü.bin", **more):
        # The file comes last: what follows it is not read.
        fields = {**made["fields"], **more}
        return requests.post(made["url"], data=fields, files={"file": (name, file)}, allow_redirects=False)

    for name, style in [("of version 4", s3), ("by default", by_default)]:
        conditions = [["starts-with", "$key", "up/"], ["content-length-range", 10, 400_000],
                      {"x-amz-meta-who": "me"}, ["starts-with", "$Content-Type", "image/"]]
        made = style.generate_presigned_post(
            bucket, "up/${filename}", Fields={"x-amz-meta-who": "me", "Content-Type": "image/png"},
            Conditions=conditions, ExpiresIn=60)
        answer = post(made)
        same(answer.status_code, 204, f"a form {name}: {answer.text}")
        same(keys(s3, bucket), ["up/a ü.bin"], f"the key of a form {name}")
        same(body(s3, bucket, "up/a ü.bin"), data, f"content of a form {name}")
        head = s3.head_object(Bucket=bucket, Key="up/a ü.bin")
        same((head["ContentType"], head["Metadata"]), ("image/png", {"who": "me"}), f"headers of a form {name}")
        s3.delete_object(Bucket=bucket, Key="up/a ü.bin")
        refusals = [
            (post(made, file=b"short"), 400, "EntityTooSmall"),
            (post(made, file=bytes(400_001)), 400, "EntityTooLarge"),
            (post(made, **{"x-amz-meta-who": "you"}), 403, "AccessDenied"),
            (post(made, key="elsewhere/a"), 403, "AccessDenied"),
            (post(made, **{"Content-Type": "text/html"}), 403, "AccessDenied"),
            (post(made, **{"x-amz-meta-more": "1"}), 403, "AccessDenied"),
            (post(made, policy=base64.b64encode(b"{}").decode()), 403, "SignatureDoesNotMatch"),
        ]
        for answer, status, code in refusals:
            true(answer.status_code == status and f"<Code>{code}</Code>" in answer.text,
                 f"a form {name}: {answer.status_code} {answer.text} instead of {status} {code}")
        same(keys(s3, bucket), [], f"nothing was stored by refused forms {name}")
    made = s3.generate_presigned_post(bucket, "b", Fields={"success_action_status": "201"},
                                      Conditions=[{"success_action_status": "201"}])
    answer = post(made)
    same(answer.status_code, 201, "a form that asks for 201")
    true("<Key>b</Key>" in answer.text and "<ETag>" in answer.text, f"the answer tells the object: {answer.text}")
    back = "http://127.0.0.1/done?x=1"
    made = s3.generate_presigned_post(bucket, "c", Fields={"success_action_redirect": back},
                                      Conditions=[{"success_action_redirect": back}])
    answer = post(made)
    same(answer.status_code, 303, "a form that asks to be sent on")
    true(answer.headers["Location"].startswith(back) and "key=c" in answer.headers["Location"], "where it is sent")
    same(post(expired_form(bucket)).status_code, 403, "a form whose policy has expired")
    anonymous = requests.post(f"{endpoint}/{bucket}", data={"key": "d"}, files={"file": ("d", b"x")})
    same(anonymous.status_code, 403, "a form without a policy")
    same(keys(s3, bucket), ["b", "c"], "what the forms stored")
    empty(s3, bucket)


def expired_form(bucket):
    """A form that is signed well, with a policy of the past; boto3 makes none."""
    now = datetime.datetime.now(datetime.timezone.utc)
    date, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    fields = {"key": "expired", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": date,
              "x-amz-credential": f"{access_key}/{day}/us-east-1/s3/aws4_request"}
    past = (now - datetime.timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = {"expiration": past, "conditions": [{"bucket": bucket}, *({k: v} for k, v in fields.items())]}
    fields["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()
    key = ("AWS4" + secret_key).encode()
    for word in [day, "us-east-1", "s3", "aws4_request", fields["policy"]]:
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    fields["x-amz-signature"] = key.hex()
    return {"url": f"{endpoint}/{bucket}", "fields": fields}


def strangers():
    bucket = "boto-strangers"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    nobody = client(signature=UNSIGNED)
    for attempt in [
        lambda: nobody.get_object(Bucket=bucket, Key="a"),
        lambda: nobody.list_objects_v2(Bucket=bucket),
        lambda: nobody.put_object(Bucket=bucket, Key="b", Body=b"x"),
        lambda: nobody.delete_object(Bucket=bucket, Key="a"),
        lambda: nobody.list_buckets(),
    ]:
        with refused(403, "AccessDenied"):
            attempt()
    elsewhere = client(region="eu-west-1")
    with refused(400, "AuthorizationHeaderMalformed"):
        elsewhere.list_objects_v2(Bucket=bucket)
    same(keys(s3, bucket), ["a"], "what strangers left alone")
    empty(s3, bucket)


def what_is_not_built():
    """Asking for a configuration answers that there is none; setting one is refused; nothing succeeds in silence."""
    bucket = "boto-not-built"
    s3.create_bucket(Bucket=bucket)
    asked = [
        (s3.get_bucket_policy, "NoSuchBucketPolicy"),
        (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
        (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
        (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError"),
        (s3.get_public_access_block, "NoSuchPublicAccessBlockConfiguration"),
        (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
    ]
    for call, code in asked:
        with refused(404, code):
            call(Bucket=bucket)
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                                    "Resource": f"arn:aws:s3:::{bucket}/*"}]}
    settings = [
        lambda: s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy)),
        lambda: s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]}),
        lambda: s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "i"}}),
        lambda: s3.put_object_acl(Bucket=bucket, Key="a", ACL="public-read"),
        lambda: s3.put_bucket_acl(Bucket=bucket, ACL="public-read"),
        lambda: s3.put_object(Bucket=bucket, Key="b", Body=b"x", ServerSideEncryption="AES256"),
        lambda: s3.put_object(Bucket=bucket, Key="b", Body=b"x", ACL="public-read"),
        lambda: s3.put_object(Bucket=bucket, Key="b", Body=b"x", ObjectLockLegalHoldStatus="ON"),
    ]
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    for number, attempt in enumerate(settings):
        try:
            attempt()
        except s3.exceptions.ClientError as error:
            status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
            true(code in ("NotImplemented", "InvalidRequest", "AccessControlListNotSupported", "InvalidArgument")
                 and status in (400, 501), f"setting {number}: {status} {code}")
        else:
            raise AssertionError(f"setting {number} succeeded, and nothing keeps it")
    same(keys(s3, bucket), ["a"], "what was stored beside settings that are not built")
    owner = s3.get_bucket_acl(Bucket=bucket)
    same([grant["Permission"] for grant in owner["Grants"]], ["FULL_CONTROL"], "the owner owns the bucket")
    same(s3.get_object_acl(Bucket=bucket, Key="a")["Owner"]["ID"], owner["Owner"]["ID"], "and the object")
    s3.put_object(Bucket=bucket, Key="private", Body=b"x", ACL="private")
    empty(s3, bucket)


run(tags, rules_for_browsers, links, forms, strangers, what_is_not_built)
