"""A browser (Chromium, without a screen) at the S3 door: a page of another origin posts a form by a policy and is sent on,
posts one by script, puts by a link with a preflight, and reads what it stored.

Run by the test: browser.py ENDPOINT ACCESS_KEY SECRET_KEY, with HOLDALL_TEST_CHROMIUM naming the browser.
"""

import html
import http.server
import json
import os
import subprocess
import tempfile
import threading

from s3_harness import body, client, content, empty, run, same, true

s3 = client()
BUCKET = "browser"

PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>upload</title>
<form id="form" method="post" enctype="multipart/form-data" action="{url}">{fields}<input type="file" name="file" id="file"></form>
<pre id="result">not finished</pre>
<script>
const bytes = new Uint8Array({length});
for (let n = 0; n < bytes.length; n++) bytes[n] = (n * 7 + (n >> 8)) & 255;
const file = new File([bytes], "from a browser ü.bin", {{type: "image/png"}});
const say = (text) => {{ document.getElementById("result").textContent = text; }};
async function work() {{ {work} }}
work().catch((error) => say("failed: " + error));
</script>"""

SUBMIT = """
const chosen = new DataTransfer();
chosen.items.add(file);
document.getElementById("file").files = chosen.files;
document.getElementById("form").submit();
"""

BY_SCRIPT = """
const form = new FormData(document.getElementById("form"));
form.delete("file");
form.append("file", file);
const answer = await fetch(document.getElementById("form").action, {method: "POST", body: form});
say("status " + answer.status + " tag " + answer.headers.get("etag"));
"""

BY_LINK = """
const put = await fetch(LINKS.put, {method: "PUT", body: file, headers: {"x-amz-meta-who": "a browser"}});
const got = await fetch(LINKS.get);
const back = new Uint8Array(await got.arrayBuffer());
const equal = back.length === bytes.length && back.every((byte, n) => byte === bytes[n]);
let other = "was read";
try { await fetch(LINKS.other); } catch { other = "was kept from us"; }
say("put " + put.status + " equal " + equal + " who " + got.headers.get("x-amz-meta-who") + ", the other bucket " + other);
"""

LENGTH = 700_001
DATA = bytes((n * 7 + (n >> 8)) & 255 for n in range(LENGTH))


class Pages(http.server.BaseHTTPRequestHandler):
    pages = {}

    def do_GET(self):
        text = self.pages.get(self.path.split("?")[0], f"arrived at {html.escape(self.path)}").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
threading.Thread(target=server.serve_forever, daemon=True).start()
origin = f"http://127.0.0.1:{server.server_port}"


def visit(path, page):
    """What the document says once the browser has nothing left to do."""
    Pages.pages[path] = page
    with tempfile.TemporaryDirectory() as home:
        command = [os.environ["HOLDALL_TEST_CHROMIUM"], "--headless=new", "--no-sandbox", "--disable-gpu",
                   "--disable-dev-shm-usage", "--disable-background-networking", "--no-first-run",
                   f"--user-data-dir={home}", "--virtual-time-budget=20000", "--dump-dom", origin + path]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": home})
    true(seen.returncode == 0 and seen.stdout, f"the browser ended with {seen.returncode}: {seen.stderr[-2000:]}")
    return html.unescape(seen.stdout)


def form(key, **more):
    fields = {"Content-Type": "image/png", **more}
    conditions = [{name: value} for name, value in fields.items()] + [["content-length-range", 1, 1 << 20]]
    return s3.generate_presigned_post(BUCKET, key, Fields=fields, Conditions=conditions, ExpiresIn=120)


def page(made, work):
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in made["fields"].items()
    )
    return PAGE.format(url=made["url"], fields=inputs, length=LENGTH, work=work)


def uploads():
    s3.create_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=BUCKET + "-other")
    s3.put_object(Bucket=BUCKET + "-other", Key="a", Body=b"x")
    rule = {"AllowedOrigins": [origin], "AllowedMethods": ["GET", "PUT", "POST"], "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag", "x-amz-meta-who"]}
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})

    seen = visit("/form", page(form("form/${filename}", success_action_redirect=origin + "/done"), SUBMIT))
    true("arrived at /done?" in seen and "bucket=browser" in seen, f"the browser was sent on: {seen}")
    key = "form/from a browser ü.bin"
    same(body(s3, BUCKET, key), DATA, "what a form of a browser sent")
    same(s3.head_object(Bucket=BUCKET, Key=key)["ContentType"], "image/png", "its type")

    seen = visit("/script", page(form("script/a"), BY_SCRIPT))
    tag = s3.head_object(Bucket=BUCKET, Key="script/a")["ETag"]
    true(f"status 204 tag {tag}" in seen, f"the script read the answer: {seen}")
    same(body(s3, BUCKET, "script/a"), DATA, "what a script sent by a form")

    said = {"Bucket": BUCKET, "Key": "link/ключ"}
    links = {
        "put": s3.generate_presigned_url("put_object", Params={**said, "Metadata": {"who": "a browser"}}),
        "get": s3.generate_presigned_url("get_object", Params=said),
        "other": s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET + "-other", "Key": "a"}),
    }
    seen = visit("/link", page(form("unused"), f"const LINKS = {json.dumps(links)};" + BY_LINK))
    expected = "put 200 equal true who a browser, the other bucket was kept from us"
    true(expected in seen, f"by links: {seen}")
    same(body(s3, BUCKET, said["Key"]), DATA, "what a script sent by a link")
    empty(s3, BUCKET)
    empty(s3, BUCKET + "-other")


run(uploads)
