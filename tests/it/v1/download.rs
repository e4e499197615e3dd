//! `/v1/object/download` and `downloadByPath`.

use futures::future::join_all;
use holdall_tests::{Answer, Client, Setup, fixture};
use reqwest::Method;
use serde_json::json;

crate::on_both! {
    offset_and_length_choose_the_bytes,
    what_is_not_there_is_an_envelope_and_not_data,
    the_answer_describes_what_it_carries,
    odd_names_do_not_break_the_header,
    a_range_is_answered_in_part,
    conditions_are_honoured,
    one_object_is_read_in_many_ranges_at_once,
    a_reader_is_not_given_a_mixture_of_old_and_new,
}

const DOWNLOAD: &str = "/v1/object/download";
const BY_PATH: &str = "/v1/object/downloadByPath";

async fn with_headers(client: &Client, method: Method, id: i64, headers: &[(&str, &str)]) -> Answer {
    let target = format!("{DOWNLOAD}?objectID={id}");
    let request = client.request(method, &target);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    Answer::of(&format!("{target} {headers:?}"), request).await
}

async fn offset_and_length_choose_the_bytes(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(1, 100);
    let object = client.put(package, "a/b.bin", &content).await;

    let cases = [
        (json!({}), 0..100),
        (json!({"offset": 0}), 0..100),
        (json!({"offset": 10}), 10..100),
        (json!({"offset": 99}), 99..100),
        (json!({"offset": 100}), 100..100),
        (json!({"offset": 100, "length": 5}), 100..100),
        (json!({"length": 7}), 0..7),
        (json!({"length": 0}), 0..0),
        (json!({"offset": 10, "length": 20}), 10..30),
        (json!({"offset": 90, "length": 20}), 90..100),
        (json!({"offset": 1, "length": i64::MAX}), 1..100),
    ];
    for (mut query, range) in cases {
        query["objectID"] = object.id.into();
        assert_eq!(client.get(DOWNLOAD, query.clone()).await.content(), content[range.clone()], "{query}");
        query["packageID"] = package.into();
        query["path"] = "a/b.bin".into();
        assert_eq!(client.get(BY_PATH, query.clone()).await.content(), content[range], "{query}");
    }
    for (field, value) in [("offset", 101), ("offset", i64::MAX), ("offset", -1), ("length", -1)] {
        for (path, mut query) in
            [(DOWNLOAD, json!({"objectID": object.id})), (BY_PATH, json!({"packageID": package, "path": "a/b.bin"}))]
        {
            query[field] = value.into();
            let message = client.get(path, query).await.refused(400, "BadArgument");
            assert!(message.contains(field), "{field}={value}: {message}");
        }
    }
}

async fn what_is_not_there_is_an_envelope_and_not_data(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    client.get(DOWNLOAD, json!({"objectID": 999})).await.refused(404, "DataNotFound");
    client.get(BY_PATH, json!({"packageID": package, "path": "none"})).await.refused(404, "DataNotFound");
    client.get(BY_PATH, json!({"packageID": 999, "path": "none"})).await.refused(404, "DataNotFound");
    let message = client.get(BY_PATH, json!({"path": "none"})).await.refused(400, "BadArgument");
    assert!(message.contains("packageID"), "{message}");
    let message = client.get(BY_PATH, json!({"packageID": package})).await.refused(400, "BadArgument");
    assert!(message.contains("path"), "{message}");
    let message = client.get(DOWNLOAD, json!({})).await.refused(400, "BadArgument");
    assert!(message.contains("objectID"), "{message}");
}

async fn the_answer_describes_what_it_carries(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "dir/report.txt", "0123456789").await;
    let answer = with_headers(&client, Method::GET, object.id, &[]).await;
    let etag = answer.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "a strong tag: {etag}");
    let disposition = answer.header("content-disposition").to_owned();
    assert!(disposition.starts_with("attachment") && disposition.contains("report.txt"), "{disposition}");
    assert!(!disposition.contains("dir"), "{disposition}");
    assert_eq!(answer.content(), "0123456789");

    let head = with_headers(&client, Method::HEAD, object.id, &[]).await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-length"), "10");
    assert_eq!(head.header("content-type"), "application/octet-stream");
    assert_eq!(head.header("etag"), etag);
    assert!(head.body.is_empty());

    client.put(package, "dir/report.txt", "9876543210").await;
    let changed = with_headers(&client, Method::HEAD, object.id, &[]).await;
    assert_ne!(changed.header("etag"), etag, "other content, other tag");

    let gone = with_headers(&client, Method::HEAD, 999, &[]).await;
    assert_eq!((gone.status, gone.body.len()), (404, 0));
}

async fn odd_names_do_not_break_the_header(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    for path in ["日本語.txt", "quote\".txt", "semi;colon", "line\r\nX-Injected: yes", "dir/", "..", "a\\b", " "] {
        let object = client.put(package, path, "x").await;
        let answer = with_headers(&client, Method::GET, object.id, &[]).await;
        assert!(answer.header("content-disposition").starts_with("attachment"), "{path:?}");
        assert_eq!(answer.header("x-injected"), "", "{path:?}");
        assert_eq!(answer.content(), "x", "{path:?}");
    }
}

async fn a_range_is_answered_in_part(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(2, 1000);
    let object = client.put(package, "a", &content).await;
    for (range, start, end) in [
        ("bytes=0-9", 0, 10),
        ("bytes=990-", 990, 1000),
        ("bytes=-7", 993, 1000),
        ("bytes=5-5", 5, 6),
        ("bytes=900-5000", 900, 1000),
        ("bytes=-5000", 0, 1000),
    ] {
        let answer = with_headers(&client, Method::GET, object.id, &[("range", range)]).await;
        assert_eq!(answer.status, 206, "{range}: {answer:?}");
        assert_eq!(answer.header("content-range"), format!("bytes {start}-{}/1000", end - 1), "{range}");
        assert_eq!(answer.header("content-length"), (end - start).to_string(), "{range}");
        assert_eq!(answer.header("content-type"), "application/octet-stream");
        assert_eq!(answer.body, content[start..end], "{range}");
    }
    for range in ["bytes=1000-", "bytes=2000-3000", "bytes=-0"] {
        let answer = with_headers(&client, Method::GET, object.id, &[("range", range)]).await;
        assert_eq!(answer.status, 416, "{range}: {answer:?}");
        assert_eq!(answer.header("content-range"), "bytes */1000", "{range}");
        answer.envelope();
    }
    for nonsense in ["bytes=9-5", "lines=1-2", "bytes=a-b", "bytes="] {
        let answer = with_headers(&client, Method::GET, object.id, &[("range", nonsense)]).await;
        assert_eq!(answer.status, 200, "what is not a range is ignored: {nonsense}");
        assert_eq!(answer.content(), content);
    }
}

async fn conditions_are_honoured(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let object = client.put(package, "a", "content").await;
    let etag = with_headers(&client, Method::HEAD, object.id, &[]).await.header("etag").to_owned();
    let several = format!("\"other\", {etag}");
    let weak = format!("W/{etag}");

    for same in [etag.as_str(), "*", &several, &weak] {
        let answer = with_headers(&client, Method::GET, object.id, &[("if-none-match", same)]).await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{same}");
        assert_eq!(answer.header("etag"), etag);
    }
    let answer = with_headers(&client, Method::GET, object.id, &[("if-none-match", "\"other\"")]).await;
    assert_eq!(answer.content(), "content");
    for same in [etag.as_str(), "*", &several] {
        assert_eq!(with_headers(&client, Method::GET, object.id, &[("if-match", same)]).await.content(), "content");
    }
    let answer = with_headers(&client, Method::GET, object.id, &[("if-match", "\"other\"")]).await;
    assert_eq!(answer.status, 412, "{answer:?}");
    answer.envelope();

    let answer = with_headers(&client, Method::GET, object.id, &[("range", "bytes=0-2"), ("if-range", &etag)]).await;
    assert_eq!((answer.status, answer.body.as_ref()), (206, b"con".as_slice()));
    let answer = with_headers(&client, Method::GET, object.id, &[("range", "bytes=0-2"), ("if-range", "\"x\"")]).await;
    assert_eq!(answer.content(), "content");
}

/// How a real client loads one file: twenty ranges at once.
async fn one_object_is_read_in_many_ranges_at_once(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let content = fixture::content(4, 6 << 20);
    let object = client.put(package, "a", &content).await;
    let step = content.len() / 20 + 1;
    let reads = (0..20).map(|i| {
        let query = json!({"objectID": object.id, "offset": i * step, "length": step});
        client.get(DOWNLOAD, query)
    });
    let pieces: Vec<_> = join_all(reads).await.into_iter().map(Answer::content).collect();
    assert!(pieces.concat() == content);
}

/// A reader that began before an overwrite sees the old object or a broken connection, never a mixture.
async fn a_reader_is_not_given_a_mixture_of_old_and_new(setup: Setup) {
    let server = setup.eager_sweep().start();
    let client = server.client();
    let package = client.new_package("b").await;
    let old = fixture::content(5, 24 << 20);
    let object = client.put(package, "a", &old).await;
    let mut reader = client.request(Method::GET, &format!("{DOWNLOAD}?objectID={}", object.id)).send().await.unwrap();
    let mut read = reader.chunk().await.unwrap().unwrap().to_vec();
    client.put(package, "a", fixture::content(6, 24 << 20)).await;
    let whole = loop {
        match reader.chunk().await {
            Ok(Some(more)) => read.extend_from_slice(&more),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    assert!(old.starts_with(&read), "wrong bytes within {} read", read.len());
    assert!(!whole || read.len() == old.len(), "a short body that looks whole");
}
