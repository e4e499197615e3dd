//! Whatever a client sends, it gets an answer that the contract knows, and a refusal changes nothing.

use holdall_tests::{Answer, Client, Form, Server, fixture, form};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::future::Future;

/// Runs `check` on many values of `strategy`; a failing one is made smaller and printed.
fn for_all<S, F>(cases: u32, strategy: S, check: impl Fn(S::Value) -> F)
where
    S: Strategy,
    F: Future<Output = Result<(), TestCaseError>>,
{
    let config = Config { cases, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    tokio::task::block_in_place(|| {
        let run = |value| tokio::runtime::Handle::current().block_on(check(value));
        if let Err(failure) = TestRunner::new(config).run(&strategy, run) {
            panic!("{failure}");
        }
    });
}

/// A change of a body: cut it, bend a byte, take some out, put some in, repeat some.
#[derive(Debug, Clone)]
enum Edit {
    Cut(prop::sample::Index),
    Bend(prop::sample::Index, u8),
    Remove(prop::sample::Index, usize),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, usize),
}

impl Edit {
    fn apply(&self, body: &mut Vec<u8>) {
        if body.is_empty() {
            return;
        }
        match self {
            Self::Cut(at) => body.truncate(at.index(body.len())),
            Self::Bend(at, with) => {
                let at = at.index(body.len());
                body[at] ^= with;
            }
            Self::Remove(at, count) => {
                let at = at.index(body.len());
                body.drain(at..body.len().min(at + count));
            }
            Self::Insert(at, bytes) => {
                let at = at.index(body.len());
                body.splice(at..at, bytes.iter().copied());
            }
            Self::Repeat(at, count) => {
                let at = at.index(body.len());
                let piece = body[at..body.len().min(at + count)].to_vec();
                body.splice(at..at, piece);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || any::<prop::sample::Index>();
    let inserted = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..8),
        prop::sample::select(vec![
            &b"\r\n"[..],
            b"\r\n\r\n",
            b"--",
            b"\"",
            b";",
            b"\0",
            b"%2F",
            b"name=\"files\"",
            b"{}"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop_oneof![
        at().prop_map(Edit::Cut),
        (at(), 1..=255_u8).prop_map(|(at, with)| Edit::Bend(at, with)),
        (at(), 1..200_usize).prop_map(|(at, count)| Edit::Remove(at, count)),
        (at(), inserted).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at(), 1..400_usize).prop_map(|(at, count)| Edit::Repeat(at, count)),
    ]
}

async fn hashes(client: &Client, package: i64) -> Vec<(String, String)> {
    client.package_objects(package).await.into_iter().map(|object| (object.path, object.hash)).collect()
}

/// The form parser meets bent bodies: it answers success or refusal, and what it stored is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bent_form_is_understood_or_refused_and_never_half_stored() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    for_all(200, (prop::collection::vec(edit(), 1..4), any::<u64>()), async |(edits, seed)| {
        let form =
            Form::new().file("a/b", fixture::content(seed, 300)).info(json!({"packageID": package, "userID": 1}));
        let mut body = form.file("c", fixture::content(seed ^ 1, 2000)).finish();
        edits.iter().for_each(|edit| edit.apply(&mut body));
        let before = hashes(&client, package).await;
        let answer = client.post_raw("/v1/object/upload", &Form::content_type(), body).await;
        let (code, message, _) = answer.envelope();
        let after = hashes(&client, package).await;
        if answer.status == 200 {
            prop_assert_eq!(code, "OK");
            for object in answer.uploaded() {
                let read = client.read(object.id).await;
                prop_assert_eq!(fixture::full_hash(&read), object.hash.clone());
                prop_assert!(after.contains(&(object.path, object.hash)));
            }
        } else {
            prop_assert!((400..500).contains(&answer.status), "{:?}", answer);
            prop_assert!(code != "OK" && !message.is_empty());
            prop_assert_eq!(before, after, "a refusal changed something");
        }
        Ok(())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_name_is_kept_as_given_or_refused_by_its_field() {
    let server = Server::start();
    let client = server.client();
    for_all(100, prop_oneof![".{0,40}", "[a-z/\\x00-\\x20\\x7f-\\x9f]{0,6}", "\\PC{60,130}"], async |name: String| {
        let answer = client.post("/v1/bucket/create", json!({"name": name})).await;
        let valid = (1..=255).contains(&name.len()) && !name.chars().any(|c| c == '/' || c.is_control());
        if !valid {
            let message = answer.refused(400, "BadArgument");
            prop_assert!(message.contains("name"), "{}", message);
            return Ok(());
        }
        if answer.status == 409 {
            answer.refused(409, "DataExists");
        } else {
            let created = answer.ok();
            prop_assert_eq!(created["bucket"]["name"].as_str(), Some(name.as_str()));
        }
        let found = client.get("/v1/bucket/getByName", json!({"name": name})).await.ok();
        prop_assert_eq!(found["bucket"]["name"].as_str(), Some(name.as_str()));
        Ok(())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_query_of_a_listing_is_answered_or_refused() {
    let server = Server::start();
    let client = server.client();
    let package = client.new_package("b").await;
    client.put_all(package, ["a", "a/b", "b/c", "é"].map(|path| (path, "x"))).await;
    let word = || {
        prop_oneof![
            ".{0,12}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            "[A-Za-z0-9_-]{0,60}".prop_map(Value::from),
        ]
    };
    let fields =
        prop::sample::subsequence(vec!["path", "isPrefix", "noRecursive", "maxKeys", "continuationToken"], 0..=5);
    let query = (fields, prop::collection::vec(word(), 5));
    for_all(300, query, async |(fields, words)| {
        let mut query = json!({"packageID": package});
        for (field, word) in fields.iter().zip(words) {
            query[*field] = word;
        }
        let answer = client.get("/v1/object/listByPath", query.clone()).await;
        let (code, message, _) = answer.envelope();
        if answer.status == 200 {
            prop_assert!(answer.page().objects.len() <= 4);
        } else {
            prop_assert_eq!((answer.status, code.as_str()), (400, "BadArgument"), "{}: {}", query, message);
            prop_assert!(fields.iter().any(|field| message.contains(field)), "{}: {}", query, message);
        }
        Ok(())
    });
}

/// Bytes of any kind as the query and as a JSON body, at every call.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_bytes_make_a_call_fail_on_our_side() {
    const CALLS: [(&str, &str); 12] = [
        ("POST", "/v1/bucket/create"),
        ("POST", "/v1/bucket/delete"),
        ("POST", "/v1/package/create"),
        ("POST", "/v1/object/move"),
        ("POST", "/v1/object/clone"),
        ("POST", "/v1/object/delete"),
        ("POST", "/v1/object/newMultipartUpload"),
        ("POST", "/v1/object/completeMultipartUpload"),
        ("GET", "/v1/bucket/getByName"),
        ("GET", "/v1/object/download"),
        ("GET", "/v1/object/downloadByPath"),
        ("GET", "/v1/object/listByPath"),
    ];
    let server = Server::start();
    let client = server.client();
    client.new_package("b").await;
    let value = prop_oneof![
        "\\PC{0,20}".prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!([{}])),
        Just(json!([1, "x"]))
    ];
    let names =
        ["name", "bucketID", "packageID", "movings", "clonings", "objectIDs", "objectID", "indexes", "path", "offset"];
    let object = prop::collection::btree_map(prop::sample::select(names.to_vec()), value, 0..4);
    let body = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        object.prop_map(|fields| serde_json::to_vec(&fields).unwrap()),
    ];
    for_all(300, (prop::sample::select(CALLS.to_vec()), body), async |((method, path), body)| {
        let answer = if method == "POST" {
            client.post_raw(path, "application/json", body).await
        } else {
            let query = form::percent_encode(&String::from_utf8_lossy(&body)).replace("%3D", "=").replace("%26", "&");
            Answer::of(path, client.request(Method::GET, &format!("{path}?{query}"))).await
        };
        prop_assert!(answer.status < 500, "{:?}", answer);
        if answer.header("content-type") != "application/octet-stream" {
            answer.envelope();
        }
        Ok(())
    });
}
