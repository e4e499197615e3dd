"""What the clients of the JCS contract do, signed by botocore: an independent implementation of Signature V4.

Bucket, package, a folder (an empty upload whose path ends in `/`), a small file, a large one in parallel parts, a paged
listing and ranged downloads at once; then the same by presigned links. `info` comes last and in Go's spelling.

Run by jcs.sh: jcs.py BASE_URL ACCESS_KEY SECRET_KEY
"""

import datetime
import hashlib
import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

base, access_key, secret_key = sys.argv[1:]
credentials = Credentials(access_key, secret_key)


class JcsAuth(SigV4Auth):
    """Signs the empty text instead of a hash of the body, as clients do for files."""

    def payload(self, request):
        return "" if request.context.get("file") else super().payload(request)


class JcsQueryAuth(SigV4QueryAuth):
    """The contract's own name for the life of a link, and the empty text for its body."""

    def payload(self, request):
        return ""

    def _modify_request_before_signing(self, request):
        names = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": self.scope(request),
            "X-Amz-Date": request.context["timestamp"],
            "X-Amz-SignedHeaders": "host",
            "X-Expires": str(self._expires),
        }
        request.url += ("&" if "?" in request.url else "?") + urlencode(names, quote_via=quote)


def query(values):
    pairs = [(name, str(value)) for name, value in values]
    return urlencode(pairs, quote_via=quote, safe="")


def send(method, url, body=None, headers=()):
    try:
        with urlopen(Request(url, data=body, headers=dict(headers), method=method)) as response:
            return response.headers["Content-Type"], response.read()
    except HTTPError as error:
        return error.headers["Content-Type"], error.read()


def signed(method, path, values=(), body=None, content_type=None, file=False):
    url = f"{base}{path}" + (f"?{query(values)}" if values else "")
    request = AWSRequest(method=method, url=url, data=body, headers={"Content-Type": content_type} if content_type else {})
    request.context["file"] = file
    JcsAuth(credentials, "jcs", "any").add_auth(request)
    return send(method, url, body, request.headers.items())


def call(method, path, values=(), body=None):
    text = json.dumps(body).encode() if body is not None else None
    kind, answer = signed(method, path, values, text, "application/json" if text else None)
    assert kind == "application/json", kind
    return json.loads(answer)


def data(answer):
    assert answer["code"] == "OK", answer
    return answer["data"]


def form(path, parts):
    boundary = "b0undary"
    body = b""
    for disposition, content in parts:
        body += f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    kind, answer = signed("POST", path, body=body, content_type=f"multipart/form-data; boundary={boundary}", file=True)
    return data(json.loads(answer))


def upload(package, path, content):
    info = json.dumps({"UserID": 1, "PackageID": package}).encode()
    name = quote(path, safe="")
    return form("/v1/object/upload", [(f'name="files"; filename="{name}"', content), ('name="info"', info)])


def link(method, call, values, body=None):
    request = AWSRequest(method=method, url=f"{base}/v1/presigned/object/{call}?{query(values)}")
    JcsQueryAuth(credentials, "jcs", "any", expires=600).add_auth(request)
    headers = {"Content-Type": "application/octet-stream"} if body is not None else {}
    return send(method, request.url, body if body is not None else (b"" if method == "POST" else None), headers)


def linked(method, call, values, body=None):
    return data(json.loads(link(method, call, values, body)[1]))


# Names and folders, twice as a client that tries again does.
bucket = data(call("POST", "/v1/bucket/create", body={"userID": 1, "name": "jcs"}))["bucket"]["bucketID"]
create = {"userID": 1, "bucketID": bucket, "name": "package"}
package = data(call("POST", "/v1/package/create", body=create))["package"]["packageID"]
assert call("POST", "/v1/package/create", body=create)["code"] == "DataExists"
found = call("GET", "/v1/package/getByFullName", [("userID", 1), ("bucketName", "jcs"), ("packageName", "package")])
assert data(found)["package"]["packageID"] == package

upload(package, "folder/", b"")
upload(package, "folder/small ü+.txt", b"small")
large = random.Random(7).randbytes(4_000_000)
start = {"userID": 1, "packageID": package, "path": "folder/large"}
large_id = data(call("POST", "/v1/object/newMultipartUpload", body=start))["object"]["objectID"]
pieces = [large[at : at + 250_000] for at in range(0, len(large), 250_000)]


def part(index):
    info = json.dumps({"UserID": 1, "ObjectID": large_id, "Index": index}).encode()
    form("/v1/object/uploadPart", [('name="file"; filename="x"', pieces[index - 1]), ('name="info"', info)])


with ThreadPoolExecutor(8) as pool:
    list(pool.map(part, range(1, len(pieces) + 1)))
indexes = list(range(1, len(pieces) + 1))
done = data(call("POST", "/v1/object/completeMultipartUpload", body={"objectID": large_id, "indexes": indexes}))
assert done["object"]["fileHash"] == "Full" + hashlib.sha256(large).hexdigest().upper()

objects, token = [], ""
while True:
    page = data(
        call(
            "GET",
            "/v1/object/listByPath",
            [("userID", 1), ("packageID", package), ("path", "folder/"), ("isPrefix", "true"), ("noRecursive", "false"),
             ("maxKeys", 2), ("continuationToken", token)],
        )
    )
    objects += page["objects"]
    token = page["nextContinuationToken"]
    if not page["isTruncated"]:
        break
assert [entry["path"] for entry in objects] == ["folder/", "folder/large", "folder/small ü+.txt"]


def stretch(at):
    kind, content = signed(
        "GET", "/v1/object/download", [("userID", 1), ("objectID", large_id), ("offset", at), ("length", 300_000)]
    )
    assert kind == "application/octet-stream", content
    return content


with ThreadPoolExecutor(8) as pool:
    assert b"".join(pool.map(stretch, range(0, len(large), 300_000))) == large

# The same by links.
here = [("userID", 1), ("packageID", package)]
assert linked("POST", "upload", here + [("path", "by link ü+")], b"by link")["object"]["size"] == "7"
page = linked("GET", "listByPath", here + [("path", "by"), ("isPrefix", "true"), ("noRecursive", "false")])
by_link = page["objects"][0]["objectID"]
assert link("GET", "download", [("userID", 1), ("objectID", by_link), ("offset", 3), ("length", 4)])[1] == b"link"
assert link("GET", "downloadByPath", here + [("path", "by link ü+")])[1] == b"by link"
parts_id = linked("POST", "newMultipartUpload", here + [("path", "parts")])["object"]["objectID"]
for index in (1, 2, 10):
    linked("POST", "uploadPart", [("userID", 1), ("objectID", parts_id), ("index", index)], b"%d," % index)
complete = [("userID", 1), ("objectID", parts_id)] + [("indexes", index) for index in (1, 2, 10)]
linked("POST", "completeMultipartUpload", complete)
assert link("GET", "download", [("objectID", parts_id)])[1] == b"1,2,10,"

# A wrong secret opens nothing.
credentials = Credentials(access_key, secret_key + "x")
assert call("GET", "/v1/bucket/listAll")["code"] == "Unauthorized"
assert json.loads(link("GET", "download", [("objectID", by_link)])[1])["code"] == "Unauthorized"
print("everything a client of the contract does went through")
