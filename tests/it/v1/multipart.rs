//! The life of a multipart upload.

use futures::future::join_all;
use holdall_tests::{Form, Setup, eventually, fixture, inspect};
use serde_json::{Value, json};

crate::on_both! {
    an_upload_shows_at_once_and_becomes_an_object_when_complete,
    parts_come_in_parallel_in_any_order_and_again,
    indexes_are_taken_as_given_and_the_rest_is_dropped,
    the_old_object_is_readable_until_the_new_one_is_complete,
    a_new_call_replaces_the_unfinished_upload,
    a_completion_may_be_repeated,
    a_completed_upload_takes_no_part,
    what_cannot_be_completed_changes_nothing,
    the_form_of_a_part_may_be_in_any_order_and_case,
    a_large_result_has_the_hash_over_its_parts,
    an_aborted_upload_leaves_nothing,
    a_forgotten_upload_expires,
    an_unfinished_upload_has_no_content_to_read,
    ten_thousand_parts_are_the_most,
}

async fn an_upload_shows_at_once_and_becomes_an_object_when_complete(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let started = client.new_upload(package, "dir/multi").await;
    assert_eq!((started.package, started.path.as_str(), started.size), (package, "dir/multi", 0));
    assert_eq!(started.hash, fixture::unfinished_hash());
    assert_eq!(started.redundancy, json!({"type": "multipartUpload"}));
    assert_eq!(client.find(package, "dir/multi").await.as_ref(), Some(&started));

    let parts = [fixture::content(1, 300_000), fixture::content(2, 5), fixture::content(3, 1_100_000)];
    for (index, part) in (1..).zip(&parts) {
        client.part(started.id, index, part).await;
    }
    let done = client.complete(started.id, &[1, 2, 3]).await;
    assert_eq!((done.id, done.created), (started.id, started.created));
    assert!(done.updated >= started.updated);
    assert_eq!(done.size, 1_400_005);
    assert_eq!(done.hash, fixture::full_hash(&parts.concat()));
    assert_eq!(done.redundancy, json!({"type": "none"}));
    assert!(client.read(done.id).await == parts.concat());
    assert_eq!(client.find(package, "dir/multi").await, Some(done.clone()));
    let query = json!({"objectID": done.id, "offset": 299_990, "length": 30});
    let across = client.get("/v1/object/download", query).await.content();
    assert!(across == parts.concat()[299_990..300_020]);
}

async fn parts_come_in_parallel_in_any_order_and_again(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    let part = |index: i64| fixture::content(index as u64, 100_000 + index as usize);
    join_all((1..=20).rev().map(|index| client.part(upload.id, index, part(index)))).await;
    // The same index again replaces what was there; two at once leave one of them whole.
    client.part(upload.id, 7, fixture::content(77, 123)).await;
    client.part(upload.id, 7, part(7)).await;
    join_all((0..4).map(|_| client.part(upload.id, 9, part(9)))).await;

    let indexes: Vec<i64> = (1..=20).collect();
    let done = client.complete(upload.id, &indexes).await;
    let expected: Vec<u8> = indexes.iter().flat_map(|index| part(*index)).collect();
    assert_eq!(done.hash, fixture::full_hash(&expected));
    assert!(client.read(done.id).await == expected);
}

async fn indexes_are_taken_as_given_and_the_rest_is_dropped(setup: Setup) {
    let server = setup.eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    let big = fixture::content(4, 2 << 20);
    for (index, part) in [(1, b"one-".as_slice()), (2, b"two-"), (3, b"three-"), (4, &big)] {
        client.part(upload.id, index, part).await;
    }
    let done = client.complete(upload.id, &[2, 3, 1, 1]).await;
    assert_eq!(client.read(done.id).await, "two-three-one-one-");
    assert_eq!(done.size, 18);
    assert_eq!(done.hash, fixture::full_hash(b"two-three-one-one-"));
    eventually("the part that was not listed is swept", || async {
        (inspect::shard_files(&server.space()).values().sum::<u64>() < 1 << 20).then_some(())
    })
    .await;
    assert_eq!(client.read(done.id).await, "two-three-one-one-");
}

async fn the_old_object_is_readable_until_the_new_one_is_complete(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let old = client.put(package, "a", "old content").await;
    let upload = client.new_upload(package, "a").await;
    client.part(upload.id, 1, "new content").await;
    let query = json!({"packageID": package, "path": "a"});
    assert_eq!(client.get("/v1/object/downloadByPath", query.clone()).await.content(), "old content");
    assert_eq!(client.read(old.id).await, "old content");
    assert_eq!(client.package_objects(package).await.len(), 1, "one path, one object");

    let done = client.complete(upload.id, &[1]).await;
    assert_eq!((done.id, done.created), (old.id, old.created), "the same object with other content");
    assert_eq!(client.get("/v1/object/downloadByPath", query).await.content(), "new content");
    assert_eq!(client.package_objects(package).await, [done]);
}

async fn a_new_call_replaces_the_unfinished_upload(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let first = client.new_upload(package, "m").await;
    client.part(first.id, 1, "from the first").await;
    let second = client.new_upload(package, "m").await;
    client.try_complete(second.id, &[1]).await.refused(400, "BadArgument");
    client.part(second.id, 1, "from the second").await;
    assert_eq!(client.package_objects(package).await.len(), 1);
    let done = client.complete(second.id, &[1]).await;
    assert_eq!(client.read(done.id).await, "from the second");
}

async fn a_completion_may_be_repeated(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    client.part(upload.id, 1, "a").await;
    client.part(upload.id, 2, "b").await;
    let done = client.complete(upload.id, &[2, 1]).await;
    let before = server.snapshot();
    assert_eq!(client.complete(upload.id, &[2, 1]).await, done, "a retry is answered alike");
    let (code, message, _) = client.try_complete(upload.id, &[1, 2]).await.envelope();
    assert_ne!(code, "OK", "another completion is not a retry");
    assert!(!message.is_empty());
    assert_eq!(before.difference(&server.snapshot()), "");
    assert_eq!(client.read(done.id).await, "ba");

    // At once: one wins, the others are its retries.
    let upload = client.new_upload(package, "n").await;
    client.part(upload.id, 1, "x").await;
    let answers = join_all((0..8).map(|_| client.complete(upload.id, &[1]))).await;
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
}

async fn a_completed_upload_takes_no_part(setup: Setup) {
    let server = setup.eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    client.part(upload.id, 1, "a").await;
    let done = client.complete(upload.id, &[1]).await;
    let before = server.snapshot();
    let answer = client.try_part(upload.id, 2, "late").await;
    let (code, message, _) = answer.envelope();
    assert!((400..500).contains(&answer.status) && code != "OK", "{answer:?}");
    assert!(!message.is_empty());
    // Nor does an object that never was an upload.
    let plain = client.put(package, "plain", "content").await;
    let answer = client.try_part(plain.id, 1, "x").await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    let answer = client.try_complete(plain.id, &[1]).await;
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(client.read(plain.id).await, "content");
    client.delete(&[plain.id]).await;
    super::bad_input::assert_nothing_changed(&server, &before).await;
    assert_eq!(client.read(done.id).await, "a");
}

async fn what_cannot_be_completed_changes_nothing(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    client.part(upload.id, 1, "a").await;
    let before = server.snapshot();
    for indexes in [vec![], vec![2], vec![1, 2], vec![-1], vec![i64::MAX]] {
        let message = client.try_complete(upload.id, &indexes).await.refused(400, "BadArgument");
        assert!(message.contains("indexes"), "{indexes:?}: {message}");
    }
    client.try_complete(999, &[1]).await.refused(404, "DataNotFound");
    client.try_part(999, 1, "x").await.refused(404, "DataNotFound");
    assert_eq!(before.difference(&server.snapshot()), "");
    assert_eq!(client.complete(upload.id, &[1]).await.size, 1, "it still can be completed rightly");
}

async fn the_form_of_a_part_may_be_in_any_order_and_case(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    let form = Form::new().piece("first the file").info(json!({"UserID": 1, "ObjectID": upload.id, "Index": 1}));
    let answer = client.post_form("/v1/object/uploadPart", form).await;
    assert_eq!(answer.ok(), Value::Null);
    // Without a file name, as some clients send it.
    let form =
        Form::new().info(json!({"objectID": upload.id, "index": 2})).part("name=\"file\"", b", then without a name");
    client.post_form("/v1/object/uploadPart", form).await.ok();
    let done = client.complete(upload.id, &[1, 2]).await;
    assert_eq!(client.read(done.id).await, "first the file, then without a name");

    let before = server.snapshot();
    let upload = client.new_upload(package, "n").await;
    let info = json!({"objectID": upload.id, "index": 1});
    for (form, field) in [
        (Form::new().info(info.clone()), "file"),
        (Form::new().piece("x"), "info"),
        (Form::new().info(info.clone()).piece("x").piece("y"), "file"),
        (Form::new().info(json!({"objectID": upload.id})).piece("x"), "index"),
        (Form::new().info(json!({"index": 1})).piece("x"), "objectID"),
        (Form::new().info(json!({"objectID": upload.id, "index": "1"})).piece("x"), "index"),
    ] {
        let message = client.post_form("/v1/object/uploadPart", form).await.refused(400, "BadArgument");
        assert!(message.contains(field), "{field}: {message}");
    }
    client.try_complete(upload.id, &[1]).await.refused(400, "BadArgument");
    assert_eq!(before.count("upload_part"), server.snapshot().count("upload_part"), "no part came of it");
}

/// Above the limit the result is not read back, and its hash is the one over the parts.
async fn a_large_result_has_the_hash_over_its_parts(setup: Setup) {
    let server = setup.set("multipart.full_hash_limit", 1000).start();
    let client = server.client();
    let package = client.new_package("b").await;
    let parts = [fixture::content(1, 600), fixture::content(2, 600)];
    let upload = client.new_upload(package, "m").await;
    for (index, part) in (1..).zip(&parts) {
        client.part(upload.id, index, part).await;
    }
    let large = client.complete(upload.id, &[2, 1, 2]).await;
    assert_eq!(large.hash, fixture::composite_hash([parts[1].as_slice(), &parts[0], &parts[1]]));
    assert!(client.read(large.id).await == [parts[1].as_slice(), &parts[0], &parts[1]].concat());

    let upload = client.new_upload(package, "n").await;
    client.part(upload.id, 1, &parts[0]).await;
    let small = client.complete(upload.id, &[1]).await;
    assert_eq!(small.hash, fixture::full_hash(&parts[0]));
}

async fn an_aborted_upload_leaves_nothing(setup: Setup) {
    let server = setup.eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let old = client.put(package, "occupied", "old").await;
    let before = server.snapshot();
    for path in ["free", "occupied"] {
        let upload = client.new_upload(package, path).await;
        client.part(upload.id, 1, fixture::content(1, 3 << 20)).await;
        let data = client.post("/v1/object/abortMultipartUpload", json!({"objectID": upload.id})).await.ok();
        assert_eq!(data, Value::Null);
        let answer = client.try_part(upload.id, 2, "late").await;
        assert!((400..500).contains(&answer.status), "{answer:?}");
    }
    assert_eq!(client.package_objects(package).await, std::slice::from_ref(&old));
    super::bad_input::assert_nothing_changed(&server, &before).await;
    assert_eq!(client.read(old.id).await, "old");
    client.post("/v1/object/abortMultipartUpload", json!({"objectID": 999})).await.refused(404, "DataNotFound");
    let message = client.post("/v1/object/abortMultipartUpload", json!({})).await.refused(400, "BadArgument");
    assert!(message.contains("objectID"), "{message}");
}

async fn a_forgotten_upload_expires(setup: Setup) {
    let server = setup.eager_sweep().set("multipart.expiry", "1s").start();
    let client = server.client();
    let package = client.new_package("b").await;
    let old = client.put(package, "occupied", "old").await;
    let before = server.snapshot();
    for path in ["free", "occupied"] {
        let upload = client.new_upload(package, path).await;
        // The upload may expire before its part comes.
        client.try_part(upload.id, 1, fixture::content(1, 3 << 20)).await;
    }
    eventually("the uploads and their bytes go", || async {
        before.difference(&server.snapshot()).is_empty().then_some(())
    })
    .await;
    assert_eq!(client.package_objects(package).await, std::slice::from_ref(&old));
    assert_eq!(client.read(old.id).await, "old");
}

async fn an_unfinished_upload_has_no_content_to_read(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    client.part(upload.id, 1, "part").await;
    let answer = client.get("/v1/object/download", json!({"objectID": upload.id})).await;
    // Refused or empty, but not a part of what is not yet an object.
    if answer.status == 200 {
        assert_eq!(answer.content(), "");
    } else {
        let (code, _, _) = answer.envelope();
        assert_ne!(code, "OK");
    }
    client.delete(&[upload.id]).await;
    client.try_part(upload.id, 2, "late").await.refused(404, "DataNotFound");
    assert_eq!(client.find(package, "m").await, None);
}

async fn ten_thousand_parts_are_the_most(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let upload = client.new_upload(package, "m").await;
    client.part(upload.id, 1, "ab").await;
    let indexes = vec![1; 10_000];
    let before = server.snapshot();
    let one_more = vec![1; 10_001];
    let answer = client.try_complete(upload.id, &one_more).await;
    assert!(answer.status == 400 || answer.status == 413, "{answer:?}");
    let (_, message, _) = answer.envelope();
    assert!(message.contains("indexes"), "{message}");
    assert_eq!(before.difference(&server.snapshot()), "");
    let done = client.complete(upload.id, &indexes).await;
    assert_eq!(done.size, 20_000);
    assert_eq!(client.read(done.id).await, "ab".repeat(10_000));
}
