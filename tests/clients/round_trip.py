"""A full round trip through the client that openapi-python-client makes: whatever a program has to do with Holdall,
done with nothing but generated code, its results compared with the truth.

Run by python.sh: round_trip.py BASE_URL
"""

import hashlib
import io
import random
import sys
import uuid
from datetime import datetime
from urllib.parse import quote

from holdall_client import Client
from holdall_client import models
from holdall_client.api.bucket import bucket_create, bucket_delete, bucket_get_by_name, bucket_list_all
from holdall_client.api.multipart import (
    object_abort_multipart_upload,
    object_complete_multipart_upload,
    object_new_multipart_upload,
    object_upload_part,
)
from holdall_client.api.object_ import (
    object_clone,
    object_delete,
    object_download,
    object_download_by_path,
    object_get_package_objects,
    object_list_by_path,
    object_move,
    object_upload,
)
from holdall_client.api.package import (
    package_create,
    package_delete,
    package_get_by_full_name,
    package_list_bucket_packages,
)
from holdall_client.types import File

client = Client(base_url=sys.argv[1], timeout=60)
chance = random.Random(7)

FILES = {
    "readme.txt": b"hello\n",
    "empty": b"",
    "a/one.bin": chance.randbytes(1),
    "a/block.bin": chance.randbytes(1 << 20),
    "a/b/more.bin": chance.randbytes((1 << 20) + 1),
    "a/b/ünïcode and spaces & signs%2F?.txt": "schön".encode(),
    "large.bin": chance.randbytes(5_000_000),
}


def call(operation, expected=200, **arguments):
    """The parsed answer; fails unless its status and its code are the expected ones."""
    answer = operation.sync_detailed(client=client, **arguments)
    assert answer.status_code == expected, f"{operation.__name__}: {answer.status_code} {answer.content[:500]!r}"
    if expected != 200:
        assert isinstance(answer.parsed, models.Failure), answer
        assert answer.parsed.message, answer
        return answer.parsed
    if not isinstance(answer.parsed, File):
        assert answer.parsed.code == "OK", answer
    return answer.parsed


def content_of(answer):
    return answer.payload.read()


def full_hash(content):
    return "Full" + hashlib.sha256(content).hexdigest().upper()


def check(stored, path, content):
    assert stored.path == path, stored
    assert stored.size == str(len(content)), stored
    assert stored.file_hash == full_hash(content), stored
    assert isinstance(stored.create_time, datetime) and stored.create_time.tzinfo is not None, stored
    assert isinstance(stored.update_time, datetime), stored


def file(path, content):
    return File(payload=io.BytesIO(content), file_name=quote(path, safe=""))


def upload(package, files):
    form = models.UploadForm(
        info=models.UploadInfo(package_id=package), files=[file(path, content) for path, content in files.items()]
    )
    return call(object_upload, body=form).data.uploadeds


def buckets_and_packages():
    name = f"python-{uuid.uuid4()}"
    bucket = call(bucket_create, body=models.CreateBucket(name=name)).data.bucket
    assert bucket.name == name
    assert call(bucket_create, 409, body=models.CreateBucket(name=name)).code == "DataExists"
    assert call(bucket_get_by_name, name=name).data.bucket.bucket_id == bucket.bucket_id
    assert call(bucket_get_by_name, 404, name=name + "-not").code == "DataNotFound"
    assert bucket.bucket_id in [one.bucket_id for one in call(bucket_list_all).data.buckets]

    made = models.CreatePackage(bucket_id=bucket.bucket_id, name="files")
    package = call(package_create, body=made).data.package
    assert package.name == "files" and package.bucket_id == bucket.bucket_id
    found = call(package_get_by_full_name, bucket_name=name, package_name="files").data.package
    assert found.package_id == package.package_id and found.create_time == package.create_time
    listed = call(package_list_bucket_packages, bucket_id=bucket.bucket_id).data.packages
    assert [one.package_id for one in listed] == [package.package_id]
    return bucket.bucket_id, package.package_id


def upload_and_read_back(package):
    stored = upload(package, FILES)
    assert len(stored) == len(FILES)
    for object, (path, content) in zip(stored, FILES.items()):
        check(object, path, content)
        assert content_of(call(object_download, object_id=object.object_id)) == content, path
        by_path = call(object_download_by_path, package_id=package, path=path)
        assert content_of(by_path) == content, path

    by_path = {object.path: object for object in stored}
    large = by_path["large.bin"].object_id
    piece = call(object_download, object_id=large, offset=1_000_000, length=3_000_000)
    assert content_of(piece) == FILES["large.bin"][1_000_000:4_000_000]
    call(object_download, 400, object_id=large, offset=6_000_000)
    call(object_download, 404, object_id=2**40)

    again = upload(package, {"readme.txt": b"changed\n"})[0]
    assert again.object_id == by_path["readme.txt"].object_id and again.create_time == by_path["readme.txt"].create_time
    check(again, "readme.txt", b"changed\n")
    upload(package, {"readme.txt": FILES["readme.txt"]})
    return by_path


def list_in_pages_and_as_folders(package):
    ordered = sorted(FILES, key=lambda path: path.encode())
    everything = call(object_get_package_objects, package_id=package).data.objects
    assert [object.path for object in everything] == ordered

    paths, token = [], None
    for _ in range(len(FILES) + 1):
        more = {} if token is None else {"continuation_token": token}
        page = call(object_list_by_path, package_id=package, path="", is_prefix=True, max_keys=2, **more).data
        assert len(page.objects) <= 2
        paths += [object.path for object in page.objects]
        if not page.is_truncated:
            break
        token = page.next_continuation_token
    assert paths == ordered

    top = call(object_list_by_path, package_id=package, path="", is_prefix=True, no_recursive=True).data
    assert top.common_prefixes == ["a/"]
    assert [object.path for object in top.objects] == ["empty", "large.bin", "readme.txt"]
    one = call(object_list_by_path, package_id=package, path="a/one.bin", is_prefix=False).data
    assert [object.path for object in one.objects] == ["a/one.bin"]


def move_clone_and_delete(bucket, package, stored):
    other = call(package_create, body=models.CreatePackage(bucket_id=bucket, name="other")).data.package.package_id
    one, more = stored["a/one.bin"].object_id, stored["a/b/more.bin"].object_id

    moving = models.MoveObjects(movings=[models.Moving(object_id=one, package_id=other, path="moved.bin")])
    assert call(object_move, body=moving).data.successes == [one]
    moved = call(object_download_by_path, package_id=other, path="moved.bin")
    assert content_of(moved) == FILES["a/one.bin"]
    call(object_download_by_path, 404, package_id=package, path="a/one.bin")

    cloning = models.CloneObjects(
        clonings=[
            models.Cloning(object_id=more, new_package_id=other, new_path="cloned.bin"),
            models.Cloning(object_id=2**40, new_package_id=other, new_path="nothing"),
        ]
    )
    cloned = call(object_clone, body=cloning).data
    assert len(cloned.objects) == 2 and cloned.objects[1] is None
    assert cloned.failures[0].object_id == 2**40 and cloned.failures[0].code == "DataNotFound"
    check(cloned.objects[0], "cloned.bin", FILES["a/b/more.bin"])

    call(object_delete, body=models.DeleteObjects(object_i_ds=[more, 2**40]))
    call(object_download, 404, object_id=more)
    copy = call(object_download, object_id=cloned.objects[0].object_id)
    assert content_of(copy) == FILES["a/b/more.bin"], "a clone outlives its original"
    call(package_delete, body=models.DeletePackage(package_id=other))
    call(object_download, 404, object_id=one)


def multipart(package):
    parts = {index: chance.randbytes(1_500_000) for index in (1, 2, 3)}
    started = call(object_new_multipart_upload, body=models.NewMultipartUpload(package_id=package, path="parts.bin"))
    object = started.data.object_
    assert object.size == "0" and object.file_hash == "Full" + "0" * 64 and object.redundancy.type_ == "multipartUpload"

    def send(index, content):
        info = models.PartInfo(object_id=object.object_id, index=index)
        return call(object_upload_part, body=models.PartForm(info=info, file=file("part", content)))

    send(3, parts[3])
    send(1, b"to be replaced")
    send(2, parts[2])
    send(1, parts[1])
    unknown = models.CompleteMultipartUpload(object_id=object.object_id, indexes=[1, 9])
    assert call(object_complete_multipart_upload, 400, body=unknown).code == "BadArgument"
    complete = models.CompleteMultipartUpload(object_id=object.object_id, indexes=[2, 3, 1])
    completed = call(object_complete_multipart_upload, body=complete).data.object_
    content = parts[2] + parts[3] + parts[1]
    check(completed, "parts.bin", content)
    assert completed.redundancy.type_ == "none"
    assert content_of(call(object_download, object_id=object.object_id)) == content

    started = call(object_new_multipart_upload, body=models.NewMultipartUpload(package_id=package, path="given-up"))
    given_up = started.data.object_
    abort = models.AbortMultipartUpload(object_id=given_up.object_id)
    call(object_abort_multipart_upload, body=abort)
    call(object_download_by_path, 404, package_id=package, path="given-up")


def clean_up(bucket, package):
    call(bucket_delete, body=models.DeleteBucket(bucket_id=bucket))
    assert call(bucket_delete, 404, body=models.DeleteBucket(bucket_id=bucket)).code == "DataNotFound"
    assert call(object_get_package_objects, 404, package_id=package).code == "DataNotFound"


bucket, package = buckets_and_packages()
stored = upload_and_read_back(package)
list_in_pages_and_as_folders(package)
move_clone_and_delete(bucket, package, stored)
multipart(package)
clean_up(bucket, package)
print("the generated Python client did the full round trip")
