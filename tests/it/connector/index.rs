//! What a scan makes of a bucket, and what the next one changes.

use super::*;
use std::fs;

fn counts(run: &Value) -> [u64; 4] {
    ["listed", "indexed", "removed", "unchanged"].map(|name| run[name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_and_folders_become_documents() {
    let awkward = [
        "a b/c+d.txt",
        "100%/50%25.txt",
        "hash#1/x?y=z&w.md",
        "ünï/北京 文件.PDF",
        "..a/b..",
        "v1.2/readme",
        ".env",
        "x.tar.gz",
        "q\"uo'te.txt",
        " lead/trail ",
        "😀.png",
        "<&>.xml",
        "deep/er/and/deeper/leaf.txt",
    ];
    let storage = bucket_of(&awkward);
    let server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&storage.endpoint(), "docs", json!({}))).await;
    let run = coco.scanned(&id).await;
    let folders = [
        "a b/",
        "100%/",
        "hash#1/",
        "ünï/",
        "..a/",
        "v1.2/",
        " lead/",
        "deep/",
        "deep/er/",
        "deep/er/and/",
        "deep/er/and/deeper/",
    ];
    assert_eq!(counts(&run), [13, 13 + folders.len() as u64, 0, 0], "{run}");
    let documents = coco.documents(&id).await;
    let mut expected: Vec<&str> = awkward.into_iter().chain(folders).collect();
    expected.sort_unstable();
    assert_eq!(documents.keys().map(String::as_str).collect::<Vec<_>>(), expected);

    for (key, url, title, category) in [
        ("a b/c+d.txt", "a%20b/c%2Bd.txt", "c+d.txt", "/a b/"),
        ("100%/50%25.txt", "100%25/50%2525.txt", "50%25.txt", "/100%/"),
        ("hash#1/x?y=z&w.md", "hash%231/x%3Fy%3Dz%26w.md", "x?y=z&w.md", "/hash#1/"),
        ("ünï/北京 文件.PDF", "%C3%BCn%C3%AF/%E5%8C%97%E4%BA%AC%20%E6%96%87%E4%BB%B6.PDF", "北京 文件.PDF", "/ünï/"),
        (" lead/trail ", "%20lead/trail%20", "trail ", "/ lead/"),
        (".env", ".env", ".env", "/"),
    ] {
        let document = &documents[key];
        assert_eq!(document["url"], format!("{}/docs/{url}", storage.endpoint()), "{key}");
        assert_eq!(
            (&document["title"], &document["category"], &document["type"]),
            (&json!(title), &json!(category), &json!("file"))
        );
        assert_eq!(document["metadata"]["bucket"], "docs");
        // Whoever follows the link finds the object, once it is signed.
        let length = format!("content of {key}").len();
        assert_eq!(document["size"], length, "{key}");
        assert_eq!(storage.client("docs").get(key).await.unwrap().len(), length);
    }
    let pdf = &documents["ünï/北京 文件.PDF"]["metadata"];
    assert_eq!((&pdf["content_type"], &pdf["extension"]), (&json!("application/pdf"), &json!("pdf")));
    let folder = &documents["deep/er/and/"];
    assert_eq!(
        (&folder["type"], &folder["title"], &folder["category"]),
        (&json!("folder"), &json!("and"), &json!("/deep/er/"))
    );
    assert_eq!((&folder["categories"], folder.get("size")), (&json!(["deep", "er"]), None));
    assert_eq!(folder["url"], format!("{}/docs/deep/er/and/", storage.endpoint()));
    // The id of the contract: the md5 of datasource, bucket and key.
    let leaf = &documents["deep/er/and/deeper/leaf.txt"];
    assert_eq!(leaf["id"], md5_of(&format!("{id}-docs-deep/er/and/deeper/leaf.txt")));
    let shown = coco.source(&format!("/document/{}", leaf["id"].as_str().unwrap())).await;
    assert_eq!(&shown, leaf, "it is shown as it is found");
    let modified: jiff::Timestamp = leaf["metadata"]["last_modified"].as_str().unwrap().parse().unwrap();
    let age = jiff::Timestamp::now().as_second() - modified.as_second();
    assert!((0..600).contains(&age), "{leaf}");
}

fn md5_of(text: &str) -> String {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let mut child = Command::new("md5sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..32].to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_writes_what_has_changed_and_nothing_else() {
    let storage = bucket_of(&["a/1.txt", "a/2.txt", "b/3.txt", "c/4.txt"]);
    let server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&storage.endpoint(), "docs", json!({}))).await;
    assert_eq!(counts(&coco.scanned(&id).await), [4, 7, 0, 0]);
    let before = server.snapshot().rows["document"].clone();
    let run = coco.scan_again(&id).await;
    assert_eq!(counts(&run), [4, 0, 0, 7], "{run}");
    assert_eq!(server.snapshot().rows["document"], before, "no document was written");

    storage.put_file("docs", "a/2.txt", "other content");
    storage.put_file("docs", "b/b/5.txt", "new");
    fs::remove_dir_all(storage.bucket("docs").join("c")).unwrap();
    let run = coco.scan_again(&id).await;
    assert_eq!(counts(&run), [4, 3, 2, 4], "{run}");
    let documents = coco.documents(&id).await;
    let keys: Vec<&str> = documents.keys().map(String::as_str).collect();
    assert_eq!(keys, ["a/", "a/1.txt", "a/2.txt", "b/", "b/3.txt", "b/b/", "b/b/5.txt"]);
    assert_eq!(documents["a/2.txt"]["size"], "other content".len());
    assert_eq!(coco.get("/query/_search?filter=metadata.key:c/4.txt").await.body["hits"]["total"]["value"], 0);

    // An empty bucket is a complete listing, too.
    fs::remove_dir_all(storage.bucket("docs")).unwrap();
    storage.make_bucket("docs");
    let run = coco.scan_again(&id).await;
    assert_eq!(counts(&run), [0, 0, 7, 0], "{run}");
    assert!(coco.keys(&id).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_callers_say_survives_scans() {
    let storage = bucket_of(&["a.txt"]);
    let server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&storage.endpoint(), "docs", json!({}))).await;
    coco.scanned(&id).await;
    let document = coco.documents(&id).await["a.txt"]["id"].as_str().unwrap().to_owned();
    let said = json!({"title": "My title", "tags": ["mine"], "size": 99, "url": "http://elsewhere", "metadata": {"note": "n", "key": "other"}});
    coco.put(&format!("/document/{document}"), said).await.is(200);
    storage.put_file("docs", "a.txt", "changed since");
    assert_eq!(counts(&coco.scan_again(&id).await), [1, 1, 0, 0]);
    let found = &coco.documents(&id).await["a.txt"];
    assert_eq!(
        (&found["title"], &found["tags"], &found["metadata"]["note"]),
        (&json!("My title"), &json!(["mine"]), &json!("n"))
    );
    assert_eq!((&found["size"], &found["metadata"]["key"]), (&json!("changed since".len()), &json!("a.txt")));
    assert!(found["url"].as_str().unwrap().ends_with("/docs/a.txt"));
    // One that is deleted comes back as the object has it.
    coco.delete(&format!("/document/{document}")).await.is(200);
    assert_eq!(counts(&coco.scan_again(&id).await), [1, 1, 0, 0]);
    assert_eq!(coco.documents(&id).await["a.txt"]["title"], "a.txt");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prefix_and_extensions_choose() {
    let storage = bucket_of(&[
        "documents/x.PDF",
        "docs/a.pdf",
        "docs/b.tar.gz",
        "docs/c.txt",
        "docs/sub/d.pdf",
        "other/e.pdf",
        "docs/pdf",
    ]);
    let server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&storage.endpoint(), "docs", json!({"prefix": "doc", "extensions": [".PDF"]}))).await;
    coco.scanned(&id).await;
    assert_eq!(
        coco.keys(&id).await,
        ["docs/", "docs/a.pdf", "docs/sub/", "docs/sub/d.pdf", "documents/", "documents/x.PDF"]
    );
    let path = format!("/datasource/{id}");
    // What is no longer wanted goes, by a scan that begins at once.
    let change = |config: Value| {
        let (coco, id, path) = (&coco, &id, &path);
        async move {
            let before = coco.last_run(id).await["started"].clone();
            coco.put(path, json!({"connector": {"config": config}})).await.is(200);
            coco.run_after(id, &before, "succeeded").await
        }
    };
    let run = change(json!({"prefix": "docs/", "extensions": ["tar.gz", "txt"]})).await;
    assert_eq!(counts(&run), [5, 2, 5, 1], "{run}");
    assert_eq!(coco.keys(&id).await, ["docs/", "docs/b.tar.gz", "docs/c.txt"]);
    change(json!({"prefix": "", "extensions": []})).await;
    assert_eq!(coco.keys(&id).await.len(), 7 + 4);
    // Another bucket: nothing of the first one stays.
    storage.make_bucket("second");
    storage.put_file("second", "docs/a.pdf", "content of docs/a.pdf");
    change(json!({"bucket": "second"})).await;
    let documents = coco.documents(&id).await;
    assert_eq!(documents.keys().collect::<Vec<_>>(), ["docs/", "docs/a.pdf"]);
    assert_eq!(documents["docs/a.pdf"]["metadata"]["bucket"], "second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_prefix_is_listed_and_nothing_else_is_asked() {
    let storage = bucket_of(&["in/a.txt", "out/b.txt"]);
    let proxy = holdall_tests::Proxy::to(storage.address());
    let server = rare().start();
    let coco = Coco::of(&server);
    let id = coco.datasource(over(&proxy.endpoint(), "docs", json!({"prefix": "in/"}))).await;
    coco.scanned(&id).await;
    proxy.forget();
    coco.scan_again(&id).await;
    let requests = proxy.requests();
    let [(method, target)] = requests.as_slice() else { panic!("one listing and nothing else: {requests:?}") };
    assert!(method == "GET" && target.contains("prefix=in%2F") && target.contains("list-type=2"), "{target}");
    assert_eq!(coco.keys(&id).await, ["in/", "in/a.txt"]);
}

/// Against our own S3 door, which keeps what no file system does, and names owners.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_no_paths_and_their_owners() {
    let server = rare().start();
    let door = server.s3();
    door.create_bucket("things").await;
    let keys = ["a", "a/", "a/b/", "a/b", "x//y.txt", "m/../n.txt", "/top.txt"];
    for key in keys {
        door.put("things", key, key.as_bytes()).await;
    }
    let coco = Coco::of(&server);
    let mut body = over(&door.endpoint(), "things", json!({}));
    body["connector"]["config"]["access_key_id"] = door.signer.access_key.clone().into();
    body["connector"]["config"]["secret_access_key"] = door.signer.secret.clone().into();
    let id = coco.datasource(body).await;
    let run = coco.scanned(&id).await;
    // A marker of a folder in which something lies tells nothing that this does not.
    assert_eq!(run["listed"], keys.len() - 1, "{run}");
    let documents = coco.documents(&id).await;
    let mut expected = vec!["a", "a/", "a/b/", "a/b", "x/", "x//y.txt", "m/", "m/../", "m/../n.txt", "/top.txt"];
    expected.sort_unstable();
    assert_eq!(documents.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!((&documents["a/b/"]["type"], &documents["a/b"]["type"]), (&json!("folder"), &json!("file")));
    assert_eq!(documents["x//y.txt"]["category"], "/x/");
    assert!(documents["x//y.txt"]["url"].as_str().unwrap().ends_with("/things/x//y.txt"));
    assert_eq!(documents["a"]["owner"]["username"], "credential-1");
    assert_eq!(coco.scan_again(&id).await["indexed"], 0);
}
