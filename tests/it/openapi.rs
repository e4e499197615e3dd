//! The OpenAPI document: checked in, up to date, served, and complete.

use holdall_tests::{
    Answer, Server,
    server::{holdall, workspace},
};
use reqwest::Method;
use serde_json::Value;

/// The documents: which API `holdall openapi` is asked for, the file that is checked in, and where it is served.
const DOCUMENTS: [(&str, &str, &str); 4] = [
    ("v1", "openapi/v1.json", "/openapi.json"),
    ("management", "openapi/management.json", "/openapi-management.json"),
    ("sync-provider", "openapi/sync-provider.json", "/openapi-sync-provider.json"),
    ("connector", "openapi/connector.json", "/openapi-connector.json"),
];

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

/// Every call of the connector.
const CONNECTOR: [(&str, &str); 23] = [
    ("post", "/connector/"),
    ("get", "/connector/{id}"),
    ("put", "/connector/{id}"),
    ("delete", "/connector/{id}"),
    ("get", "/connector/_search"),
    ("post", "/connector/_search"),
    ("post", "/datasource/"),
    ("get", "/datasource/{id}"),
    ("put", "/datasource/{id}"),
    ("delete", "/datasource/{id}"),
    ("get", "/datasource/_search"),
    ("post", "/datasource/_search"),
    ("post", "/datasource/{id}/_doc"),
    ("post", "/datasource/{id}/_doc/{doc_id}"),
    ("post", "/document/"),
    ("delete", "/document/"),
    ("get", "/document/{id}"),
    ("put", "/document/{id}"),
    ("delete", "/document/{id}"),
    ("get", "/document/_search"),
    ("post", "/document/_search"),
    ("get", "/query/_search"),
    ("post", "/query/_search"),
];

/// Every call of the management API.
const MANAGEMENT: [(&str, &str); 22] = [
    ("get", "/api/v1/stats"),
    ("get", "/api/v1/credentials"),
    ("post", "/api/v1/credentials"),
    ("get", "/api/v1/credentials/{id}"),
    ("put", "/api/v1/credentials/{id}"),
    ("patch", "/api/v1/credentials/{id}"),
    ("delete", "/api/v1/credentials/{id}"),
    ("get", "/api/v1/tokens"),
    ("post", "/api/v1/tokens"),
    ("delete", "/api/v1/tokens/{id}"),
    ("get", "/api/v1/buckets"),
    ("post", "/api/v1/buckets"),
    ("get", "/api/v1/buckets/{bucket}"),
    ("delete", "/api/v1/buckets/{bucket}"),
    ("get", "/api/v1/buckets/{bucket}/multipart-uploads"),
    ("get", "/api/v1/buckets/{bucket}/objects"),
    ("post", "/api/v1/buckets/{bucket}/objects/bulk-delete"),
    ("get", "/api/v1/buckets/{bucket}/objects/{key}"),
    ("delete", "/api/v1/buckets/{bucket}/objects/{key}"),
    ("get", "/api/v1/presigned-urls"),
    ("post", "/api/v1/presigned-urls"),
    ("delete", "/api/v1/presigned-urls/{id}"),
];

/// Every one of SiYuan's sync calls.
const SYNC_PROVIDER: [(&str, &str); 17] = [
    ("post", "/api/sync/setSyncProvider"),
    ("post", "/api/sync/setSyncProviderS3"),
    ("post", "/api/sync/setSyncProviderWebDAV"),
    ("post", "/api/sync/setSyncProviderLocal"),
    ("post", "/api/sync/createCloudSyncDir"),
    ("post", "/api/sync/listCloudSyncDir"),
    ("post", "/api/sync/removeCloudSyncDir"),
    ("post", "/api/sync/setCloudSyncDir"),
    ("post", "/api/sync/setSyncEnable"),
    ("post", "/api/sync/setSyncMode"),
    ("post", "/api/sync/setSyncInterval"),
    ("post", "/api/sync/setSyncPerception"),
    ("post", "/api/sync/setSyncGenerateConflictDoc"),
    ("post", "/api/sync/performSync"),
    ("post", "/api/sync/getSyncInfo"),
    ("post", "/api/sync/performBootSync"),
    ("post", "/api/sync/getBootSync"),
];

fn printed(api: &str) -> String {
    let output = holdall(&["openapi", "--api", api]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_documents_in_the_repository_are_what_the_server_says() {
    for (api, file, _) in DOCUMENTS {
        let checked_in = std::fs::read_to_string(workspace().join(file)).unwrap_or_default();
        assert!(
            checked_in.trim_end() == printed(api).trim_end(),
            "{file} is stale; refresh it with: cargo run -p holdall -- openapi --api {api} --out {file}"
        );
    }
    assert_eq!(
        holdall(&["openapi"]).output().unwrap().stdout,
        printed("v1").into_bytes(),
        "v1 unless asked for another"
    );
}

#[tokio::test]
async fn the_server_serves_its_documents_and_a_page_to_read_them() {
    let server = Server::start();
    let client = server.client();
    let initializer = "/docs/swagger-initializer.js";
    let initializer = Answer::of(initializer, client.request(Method::GET, initializer)).await;
    let initializer = String::from_utf8_lossy(&initializer.body).into_owned();
    for (api, _, place) in DOCUMENTS {
        let answer = Answer::of(place, client.request(Method::GET, place)).await;
        assert_eq!(answer.status, 200);
        let served: Value = serde_json::from_slice(&answer.body).unwrap();
        let document: Value = serde_json::from_str(&printed(api)).unwrap();
        assert_eq!(served, document);
        assert!(initializer.contains(&format!("\"{place}\"")), "the page offers {place}: {initializer}");
    }

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
    described("v1", &CALLS);
    described("management", &MANAGEMENT);
    described("sync-provider", &SYNC_PROVIDER);
    described("connector", &CONNECTOR);
}

fn described(api: &str, calls: &[(&str, &str)]) {
    let document: Value = serde_json::from_str(&printed(api)).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for (method, path) in calls {
        let operation = &paths.get(*path).unwrap_or_else(|| panic!("{path} is not described"))[*method];
        let what = format!("{method} {path}");
        assert!(operation["summary"].is_string() || operation["description"].is_string(), "{what}: no words");
        assert!(operation["operationId"].is_string(), "{what}: no operationId");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{what}: no success");
        assert!(responses.keys().any(|status| status.starts_with('4')), "{what}: no refusal");
        // The links to start and to complete an upload say everything in their query.
        if *method == "post" && !(path.contains("/presigned/object/") && path.ends_with("MultipartUpload")) {
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
