"""What the boto3 scenarios share: clients, content that is the same on every run, and checks that say what they saw.

Each scenario is a program: NAME.py ENDPOINT ACCESS_KEY SECRET_KEY. It makes buckets of its own and empties them.
"""

import contextlib
import random
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, access_key, secret_key = sys.argv[1:4]
SMALLEST_PART = 5 << 20


def client(region="us-east-1", signature="s3v4", **options):
    """A client with the default settings of today, but for what `options` say."""
    options.setdefault("retries", {"total_max_attempts": 1})
    if signature:
        options["signature_version"] = signature
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name=region,
        config=Config(s3={"addressing_style": "path"}, connect_timeout=10, read_timeout=60, **options),
    )


def content(seed, length):
    return random.Random(seed).randbytes(length)


def same(seen, expected, what):
    if seen != expected:
        short = [repr(value)[:2000] for value in (seen, expected)]
        raise AssertionError(f"{what}: {short[0]} instead of {short[1]}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)


@contextlib.contextmanager
def refused(status, *codes):
    """What is done within must be refused with this status and one of these codes."""
    try:
        yield
    except ClientError as error:
        seen = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"]
        true(seen[0] == status and seen[1] in codes, f"refused with {seen} instead of {(status, codes)}: {error}")
    else:
        raise AssertionError(f"not refused with {status} {codes}")


def keys(s3, bucket, **arguments):
    """All keys of a listing of version 2, in the order in which they came."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **arguments)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def body(s3, bucket, key, **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


def empty(s3, bucket):
    """Deletes every version, every delete marker and every unfinished upload, and then the bucket."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = page.get("Versions", []) + page.get("DeleteMarkers", [])
        for entry in entries:
            true("VersionId" in entry, f"{entry} has a version")
        if entries:
            doomed = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed})
            same(answer.get("Errors", []), [], "errors of a bulk delete")
            same(len(answer["Deleted"]), len(doomed), "deleted versions")
    for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    s3.delete_bucket(Bucket=bucket)


def run(*scenarios):
    """Runs all, tells every failure, and ends with a status that says whether there was one."""
    import traceback

    failures = []
    chosen = sys.argv[4:]
    for scenario in scenarios:
        if chosen and scenario.__name__ not in chosen:
            continue
        try:
            scenario()
            print(f"ok      {scenario.__name__}", flush=True)
        except Exception:
            failures.append(scenario.__name__)
            print(f"FAILED  {scenario.__name__}\n{traceback.format_exc()}", flush=True)
    if failures:
        sys.exit(f"{len(failures)} of {len(scenarios)} failed: {', '.join(failures)}")
