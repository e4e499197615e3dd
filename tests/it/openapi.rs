//! The OpenAPI document: checked in, up to date, served, and complete.

use holdall_tests::{
    Answer, Server,
    server::{holdall, workspace},
};
use reqwest::Method;
use serde_json::Value;

/// Every call of the contract, and those of ours.
const CALLS: [(&str, &str); 42] = [
    ("post", "/v1/bucket/create"),
    ("get", "/v1/bucket/getByName"),
    ("get", "/v1/bucket/listAll"),
    ("post", "/v1/bucket/delete"),
    ("post", "/v1/package/create"),
    ("get", "/v1/package/getByFullName"),
    ("get", "/v1/package/listBucketPackages"),
    ("post", "/v1/package/delete"),
    ("post", "/v1/object/upload"),
    ("get", "/v1/object/download"),
    ("get", "/v1/object/downloadByPath"),
    ("get", "/v1/object/listByPath"),
    ("get", "/v1/object/getPackageObjects"),
    ("post", "/v1/object/move"),
    ("post", "/v1/object/delete"),
    ("post", "/v1/object/clone"),
    ("post", "/v1/object/newMultipartUpload"),
    ("post", "/v1/object/uploadPart"),
    ("post", "/v1/object/completeMultipartUpload"),
    ("post", "/v1/object/abortMultipartUpload"),
    ("get", "/v1/presigned/object/listByPath"),
    ("get", "/v1/presigned/object/download"),
    ("get", "/v1/presigned/object/downloadByPath"),
    ("post", "/v1/presigned/object/upload"),
    ("post", "/v1/presigned/object/newMultipartUpload"),
    ("post", "/v1/presigned/object/uploadPart"),
    ("post", "/v1/presigned/object/completeMultipartUpload"),
    ("post", "/v1/presigned/create"),
    ("get", "/v1/presigned/list"),
    ("post", "/v1/presigned/revoke"),
    ("get", "/v1/audit/list"),
    ("post", "/v1/spaceSyncer/createTask"),
    ("get", "/v1/spaceSyncer/getTask"),
    ("get", "/v1/spaceSyncer/listTasks"),
    ("post", "/v1/spaceSyncer/updateTask"),
    ("post", "/v1/spaceSyncer/cancelTask"),
    ("post", "/v1/spaceSyncer/runNow"),
    ("get", "/v1/spaceSyncer/listRuns"),
    ("get", "/v1/spaceSyncer/getRun"),
    ("get", "/v1/spaceSyncer/listFailures"),
    ("get", "/v1/spaceSyncer/listPlan"),
    ("get", "/v1/spaceSyncer/events"),
];

fn printed() -> String {
    let output = holdall(&["openapi"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_document_in_the_repository_is_what_the_server_says() {
    let file = workspace().join("openapi/v1.json");
    let checked_in = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        checked_in.trim_end() == printed().trim_end(),
        "openapi/v1.json is stale; refresh it with: cargo run -p holdall -- openapi --out openapi/v1.json"
    );
}

#[tokio::test]
async fn the_server_serves_its_document_and_a_page_to_read_it() {
    let server = Server::start();
    let client = server.client();
    let answer = Answer::of("/openapi.json", client.request(Method::GET, "/openapi.json")).await;
    assert_eq!(answer.status, 200);
    let served: Value = serde_json::from_slice(&answer.body).unwrap();
    let document: Value = serde_json::from_str(&printed()).unwrap();
    assert_eq!(served, document);

    let page = Answer::of("/docs", client.request(Method::GET, "/docs")).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    // Everything the page needs comes from this server.
    let html = String::from_utf8_lossy(&page.body).into_owned();
    for link in html.split(['"', '\'']).filter(|text| text.ends_with(".js") || text.ends_with(".css")) {
        assert!(!link.contains("//"), "{link} comes from elsewhere");
        let target =
            if link.starts_with('/') { link.to_owned() } else { format!("/docs/{}", link.trim_start_matches("./")) };
        let part = Answer::of(&target, client.request(Method::GET, &target)).await;
        assert_eq!(part.status, 200, "{target}");
    }
}

#[test]
fn every_call_is_described_with_examples_and_answers() {
    let document: Value = serde_json::from_str(&printed()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for (method, path) in CALLS {
        let operation = &paths.get(path).unwrap_or_else(|| panic!("{path} is not described"))[method];
        let what = format!("{method} {path}");
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{what}: no words");
        assert!(operation["operationId"].is_string(), "{what}: no operationId");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("200"), "{what}: no success");
        assert!(responses.keys().any(|status| status.starts_with('4')), "{what}: no refusal");
        // The links to start and to complete an upload say everything in their query.
        if method == "post" && !(path.contains("/presigned/object/") && path.ends_with("MultipartUpload")) {
            let body = &operation["requestBody"]["content"];
            assert!(body.is_object(), "{what}: no body");
        }
        let text = operation.to_string();
        let schemas = text.contains("example") || refers_to_an_example(&document, operation);
        assert!(schemas, "{what}: no example");
    }
    let ids: Vec<&Value> = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| &operation["operationId"])
        .collect();
    let distinct: std::collections::HashSet<_> = ids.iter().map(|id| id.to_string()).collect();
    assert_eq!(distinct.len(), ids.len(), "operationIds are names of functions in generated clients");
}

/// Whether a schema that an operation uses carries an example.
fn refers_to_an_example(document: &Value, operation: &Value) -> bool {
    let text = operation.to_string();
    text.split("#/components/schemas/").skip(1).any(|rest| {
        let name = rest.split('"').next().unwrap();
        document["components"]["schemas"][name].to_string().contains("example")
    })
}
