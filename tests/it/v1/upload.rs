//! `/v1/object/upload`.

use futures::future::join_all;
use holdall_tests::{Form, Setup, fixture};
use serde_json::json;

crate::on_both! {
    the_sample_of_the_contract_is_understood_as_printed,
    info_may_come_last_or_between_and_in_any_case,
    affinity_is_a_preference_for_a_space_that_must_exist,
    many_files_of_one_request_come_back_in_its_order_and_read_back,
    a_request_with_one_bad_file_stores_none,
    overwriting_keeps_the_id_and_the_birth,
    a_zero_byte_file_has_the_hash_of_nothing,
    a_path_is_kept_as_given,
    content_is_kept_byte_for_byte,
    an_object_of_many_chunks_is_one_object,
    an_upload_without_a_file_is_refused,
    writers_of_one_path_leave_one_whole_object,
    many_clients_upload_at_once,
}

const UPLOAD: &str = "/v1/object/upload";

async fn the_sample_of_the_contract_is_understood_as_printed(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    // Blank lines and line ends as a real client sends the sample; no Content-Type on the second file.
    let sample = "--BBB\r\nContent-Disposition: form-data; name=\"info\"\r\n\r\n\
        {\n\"userID\": 1,\n\"packageID\": PACKAGE\n}\r\n\
        --BBB\r\nContent-Disposition: form-data; name=\"files\"; filename=\"test.txt\"\r\nContent-Type: text/plain\r\n\r\n\
        testdata\r\n\
        --BBB\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a%2Fb%2Ftest2.txt\"\r\n\r\n\
        testdata2\r\n--BBB--\r\n"
        .replace("PACKAGE", &package.to_string());
    let answer = client.post_raw(UPLOAD, "multipart/form-data; boundary=BBB", sample).await;
    let objects = answer.uploaded();
    assert_eq!(objects.len(), 2);
    for (object, (path, content)) in objects.iter().zip([("test.txt", "testdata"), ("a/b/test2.txt", "testdata2")]) {
        assert_eq!((object.path.as_str(), object.package), (path, package));
        assert_eq!(object.size, content.len() as u64);
        assert_eq!(object.hash, fixture::full_hash(content.as_bytes()));
        assert_eq!(object.redundancy, json!({"type": "none"}));
        assert_eq!(client.read(object.id).await, content);
    }
    assert_eq!(answer.ok().as_object().unwrap().keys().collect::<Vec<_>>(), ["uploadeds"]);
}

async fn info_may_come_last_or_between_and_in_any_case(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    // As a real Go client sends it: no tags, so capital names, and the files first.
    let last = Form::new().file("last.txt", "1").info(json!({"UserID": 1, "PackageID": package}));
    let between = Form::new().file("x", "2").info(json!({"packageid": package, "unknown": [1]})).file("y", "3");
    let big = fixture::content(1, 3 << 20);
    let after_much = Form::new().file("big", &big).info(json!({"PACKAGEID": package}));
    for form in [last, between, after_much] {
        client.post_form(UPLOAD, form).await.uploaded();
    }
    let listed = client.package_objects(package).await;
    assert_eq!(listed.iter().map(|object| object.path.as_str()).collect::<Vec<_>>(), ["big", "last.txt", "x", "y"]);
    assert_eq!(client.read(listed[0].id).await, big);
    assert_eq!(client.read(listed[2].id).await, "2");
}

async fn affinity_is_a_preference_for_a_space_that_must_exist(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let form = Form::new().info(json!({"packageID": package, "affinity": 1})).file("a", "1");
    client.post_form(UPLOAD, form).await.uploaded();
    let form = Form::new().info(json!({"packageID": package, "affinity": null})).file("b", "1");
    client.post_form(UPLOAD, form).await.uploaded();
    let form = Form::new().info(json!({"packageID": package, "affinity": 777})).file("c", "1");
    let message = client.post_form(UPLOAD, form).await.refused(400, "BadArgument");
    assert!(message.contains("affinity"), "{message}");
    assert_eq!(client.find(package, "c").await, None);
}

async fn many_files_of_one_request_come_back_in_its_order_and_read_back(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let files = fixture::tree(7, 400, 9000);
    let objects = client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
    assert_eq!(objects.len(), files.len());
    for (object, (path, content)) in objects.iter().zip(&files) {
        assert_eq!(&object.path, path);
        assert_eq!(object.hash, fixture::full_hash(content));
    }
    for (object, (_, content)) in objects.iter().zip(&files).step_by(9) {
        assert_eq!(client.read(object.id).await, content);
    }
    let mut sorted = objects.clone();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(client.package_objects(package).await, sorted);
}

/// Promise 3: one request is one transaction.
async fn a_request_with_one_bad_file_stores_none(setup: Setup) {
    let server = setup.eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let old = client.put(package, "a", "old").await;
    let before = server.snapshot();

    let info = json!({"packageID": package});
    let twice = Form::new().info(info.clone()).file("a", "new").file("same", "1").file("b", "x").file("same", "2");
    let message = client.post_form(UPLOAD, twice).await.refused(400, "BadArgument");
    assert!(message.contains("same"), "names the path: {message}");
    let too_long = Form::new().info(info.clone()).file("a", "new").file(&"x".repeat(1025), "1");
    client.post_form(UPLOAD, too_long).await.refused(400, "BadArgument");
    let nul = Form::new().info(info).file("a", "new").file("nul\0", "1");
    client.post_form(UPLOAD, nul).await.refused(400, "BadArgument");
    let unknown = Form::new().file("a", "new").info(json!({"packageID": 999}));
    client.post_form(UPLOAD, unknown).await.refused(404, "DataNotFound");

    assert_eq!(client.read(old.id).await, "old");
    super::bad_input::assert_nothing_changed(&server, &before).await;
}

async fn overwriting_keeps_the_id_and_the_birth(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let first = client.put(package, "a/b.txt", "first").await;
    let second = client.put(package, "a/b.txt", "second, longer").await;
    assert_eq!((second.id, second.created), (first.id, first.created));
    assert!(second.updated >= first.updated);
    assert_eq!(second.size, 14);
    assert_eq!(client.read(first.id).await, "second, longer");
    assert_eq!(client.package_objects(package).await, [second]);
}

async fn a_zero_byte_file_has_the_hash_of_nothing(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let objects = client.put_all(package, [("empty", ""), ("full", "x"), ("folder/", "")]).await;
    for object in [&objects[0], &objects[2]] {
        assert_eq!((object.size, object.hash.as_str()), (0, fixture::full_hash(b"").as_str()));
        assert_eq!(client.read(object.id).await, "");
    }
    assert_eq!(objects[2].path, "folder/");
}

async fn a_path_is_kept_as_given(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let paths = [
        "plain",
        "with space and +plus%percent&amp=eq?q#h",
        "unicode/日本語/ñandú/🦀",
        "e\u{301} is not \u{e9}",
        "\u{e9} is not e\u{301}",
        "//double//slash",
        "/leading",
        "..",
        "../../etc/passwd",
        "a/../b",
        "./.",
        "trailing/",
        "back\\slash",
        "quote\"quote'quote",
        "line\nbreak\ttab",
        " ",
        &"ü".repeat(512),
    ];
    let objects = client.put_all(package, paths.iter().map(|path| (path, path))).await;
    for (object, path) in objects.iter().zip(paths) {
        assert_eq!(object.path, path);
        let query = json!({"packageID": package, "path": path});
        assert_eq!(client.get("/v1/object/downloadByPath", query).await.content(), path);
        assert_eq!(client.find(package, path).await.as_ref(), Some(object));
    }
    assert_eq!(client.package_objects(package).await.len(), paths.len());
}

async fn content_is_kept_byte_for_byte(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let boundary = holdall_tests::form::BOUNDARY;
    let mut contents: Vec<Vec<u8>> = vec![
        b"\r\n".to_vec(),
        b"\r\n--".to_vec(),
        format!("\r\n--{}\r\n", &boundary[..boundary.len() - 1]).into_bytes(),
        format!("--{boundary}x").into_bytes(),
        vec![0; 70_000],
        (0..=255).collect(),
    ];
    // Around every border that a store may have: blocks of 1 MiB, small files of 256 KiB.
    for length in [4095, 4096, 4097, 262_143, 262_144, 262_145, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 5] {
        contents.push(fixture::content(length as u64, length));
    }
    let files: Vec<_> = contents.iter().enumerate().map(|(i, content)| (format!("f{i:02}"), content)).collect();
    for (object, (path, content)) in client.put_all(package, files.clone()).await.iter().zip(&files) {
        assert_eq!(object.size, content.len() as u64, "{path}");
        assert_eq!(object.hash, fixture::full_hash(content), "{path}");
        assert!(client.read(object.id).await == content.as_slice(), "{path} of {} bytes", content.len());
    }
}

/// An object larger than a chunk is cut; nobody sees it.
async fn an_object_of_many_chunks_is_one_object(setup: Setup) {
    let server = setup.set("store.chunk_size", "1MiB").set("store.pack_size", "1MiB").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(3, (5 << 20) + 77);
    let object = client.put(package, "big", &content).await;
    assert_eq!(object.hash, fixture::full_hash(&content));
    assert!(client.read(object.id).await == content);
    for (offset, length) in
        [(0, 1), ((1 << 20) - 1, 2), (1 << 20, 1 << 20), ((2 << 20) - 3, (2 << 20) + 6), (5 << 20, 77)]
    {
        let query = json!({"objectID": object.id, "offset": offset, "length": length});
        let read = client.get("/v1/object/download", query).await.content();
        assert!(read == content[offset..offset + length], "{length} bytes from {offset}");
    }
}

async fn an_upload_without_a_file_is_refused(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let before = server.snapshot();
    let message =
        client.post_form(UPLOAD, Form::new().info(json!({"packageID": package}))).await.refused(400, "BadArgument");
    assert!(message.contains("files"), "{message}");
    client.post_form(UPLOAD, Form::new()).await.refused(400, "BadArgument");
    assert_eq!(before.difference(&server.snapshot()), "");
}

async fn writers_of_one_path_leave_one_whole_object(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let contents: Vec<_> = (0..16).map(|i| fixture::content(i, 20_000 + i as usize)).collect();
    let objects = join_all(contents.iter().map(|content| client.put(package, "contended", content))).await;
    let listed = client.package_objects(package).await;
    assert_eq!(listed.len(), 1);
    assert!(objects.iter().all(|object| object.id == listed[0].id && object.created == listed[0].created));
    for (object, content) in objects.iter().zip(&contents) {
        assert_eq!(object.hash, fixture::full_hash(content), "everyone is answered about their own content");
    }
    let read = client.read(listed[0].id).await;
    assert_eq!(listed[0].hash, fixture::full_hash(&read));
    assert!(contents.iter().any(|content| read == content.as_slice()));
}

async fn many_clients_upload_at_once(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let puts = (0..200_u64).map(|i| {
        let client = client.clone();
        async move {
            let content = fixture::content(i, 3000 + (i as usize * 37) % 9000);
            let object = client.put(package, &format!("{i:04}"), &content).await;
            assert!(client.read(object.id).await == content);
            object.id
        }
    });
    let mut ids = join_all(puts).await;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200);
}
