"""boto3 on what S3 answers to odd questions: what is there already, what nobody set, forms, pages, and dates."""

import datetime

import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from s3_harness import access_key, body, client, content, empty, endpoint, keys, refused, run, same, secret_key, true

s3 = client()


def a_bucket_is_made_again():
    bucket = "manners-again"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"x")
    s3.create_bucket(Bucket=bucket)
    same(keys(s3, bucket), ["a"], "keys of a bucket that was made again")
    empty(s3, bucket)


def what_nobody_set():
    bucket = "manners-absent"
    s3.create_bucket(Bucket=bucket)
    for call in [s3.get_bucket_analytics_configuration, s3.get_bucket_inventory_configuration,
                 s3.get_bucket_metrics_configuration, s3.get_bucket_intelligent_tiering_configuration]:
        with refused(404, "NoSuchConfiguration"):
            call(Bucket=bucket, Id="one")
    for call in [s3.list_bucket_analytics_configurations, s3.list_bucket_inventory_configurations,
                 s3.list_bucket_metrics_configurations, s3.list_bucket_intelligent_tiering_configurations]:
        same(call(Bucket=bucket)["IsTruncated"], False, "a list of nothing")
    for call in [s3.delete_bucket_policy, s3.delete_bucket_lifecycle, s3.delete_bucket_website,
                 s3.delete_bucket_encryption, s3.delete_bucket_replication, s3.delete_public_access_block]:
        same(call(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"], 204, "deleting what is not there")
        with refused(404, "NoSuchBucket"):
            call(Bucket="manners-missing")
    enforced, writers = [{"Rules": [{"ObjectOwnership": word}]} for word in ["BucketOwnerEnforced", "ObjectWriter"]]
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    same(s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"], enforced, "who owns objects")
    with refused(501, "NotImplemented"):
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=writers)
    empty(s3, bucket)


def forms():
    bucket = "manners-forms"
    s3.create_bucket(Bucket=bucket)
    conditions = [["starts-with", "$key", "photo"], {"acl": "private"}]
    form = s3.generate_presigned_post(bucket, "${filename}", Fields={"acl": "private"}, Conditions=conditions)
    sent = requests.post(form["url"], data=form["fields"], files={"file": ("photo.jpg", b"x")})
    same(sent.status_code, 204, f"a form whose key is the name of its file: {sent.text}")
    same(body(s3, bucket, "photo.jpg"), b"x", "what the form sent")
    sent = requests.post(form["url"], data=form["fields"], files={"file": ("other.jpg", b"x")})
    same(sent.status_code, 403, "a file that the policy does not let in")
    form = s3.generate_presigned_post(bucket, "photo", Conditions=[])
    del form["fields"]["key"]
    sent = requests.post(form["url"], data=form["fields"], files={"file": b"x"})
    same(sent.status_code, 400, "a form without a key")
    same(keys(s3, bucket), ["photo.jpg"], "keys after forms that were refused")
    empty(s3, bucket)


def parts_of_a_head():
    bucket, key = "manners-parts", "a"
    s3.create_bucket(Bucket=bucket)
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    tag = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=5, Body=content("part", 10))["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 5, "ETag": tag}]})
    head = s3.head_object(Bucket=bucket, Key=key, PartNumber=1)
    same((head["ResponseMetadata"]["HTTPStatusCode"], head["PartsCount"]), (206, 1), "the head of a part")
    empty(s3, bucket)


def markers_and_tags():
    bucket, key = "manners-versions", "a"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key=key, Body=b"x", Tagging="k=v")
    same(s3.get_object_tagging(Bucket=bucket, Key=key)["VersionId"], first["VersionId"], "the version of the tags")
    same(s3.delete_object_tagging(Bucket=bucket, Key=key)["VersionId"], first["VersionId"], "and of those that went")
    marker = s3.delete_object(Bucket=bucket, Key=key)["VersionId"]
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key, "VersionId": marker})
    answer = requests.get(link)
    same((answer.status_code, answer.headers.get("Allow")), (405, "DELETE"), "a read of a marker")
    true("Last-Modified" in answer.headers, "when it was made")
    with refused(412, "PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key=key, VersionId=first["VersionId"], IfMatch='"x"')
    s3.delete_object(Bucket=bucket, Key=key, VersionId=first["VersionId"], IfMatch=first["ETag"])
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    true("VersionId" not in s3.put_object(Bucket=bucket, Key=key, Body=b"x"), "a put while suspended tells no version")
    same(s3.head_object(Bucket=bucket, Key=key)["VersionId"], "null", "its head does")
    empty(s3, bucket)


def pages_of_other_origins():
    bucket = "manners-cors"
    s3.create_bucket(Bucket=bucket)
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*suffix"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    for asked, allowed in [("GET", "foo.suffix"), ("PUT", None), (None, None)]:
        headers = {"Origin": "foo.suffix", **({"Access-Control-Request-Method": asked} if asked else {})}
        answer = requests.put(f"{endpoint}/{bucket}/a", headers=headers)
        same((answer.status_code, answer.headers.get("Access-Control-Allow-Origin")), (403, allowed), f"asked {asked}")
    empty(s3, bucket)


def dates():
    """Requests may be signed at the time of their Date, without one of Amazon's own."""
    bucket = "manners-dates"
    s3.create_bucket(Bucket=bucket)
    for age, status in [(0, 200), (3600, 403)]:
        request = AWSRequest(method="GET", url=f"{endpoint}/{bucket}", headers={"Date": "now"})
        now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        signer = S3SigV4Auth(Credentials(access_key, secret_key), "s3", "us-east-1")
        request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
        signer._modify_request_before_signing(request)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signer._inject_signature_to_request(request, signer.signature(text, request))
        true("x-amz-date" not in {name.lower() for name in request.headers.keys()}, "only a Date")
        same(requests.get(request.url, headers=dict(request.headers.items())).status_code, status, f"{age} s ago")
    empty(s3, bucket)


run(a_bucket_is_made_again, what_nobody_set, forms, parts_of_a_head, markers_and_tags, pages_of_other_origins, dates)
