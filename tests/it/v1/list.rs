//! `/v1/object/listByPath` and `getPackageObjects`.

use holdall_tests::{Client, Setup};
use serde_json::{Value, json};

crate::on_both! {
    a_listing_has_the_form_of_the_contract,
    exact_prefix_and_directory_views,
    order_is_that_of_the_bytes_and_no_character_is_special,
    a_page_counts_objects_and_prefixes_together,
    a_page_holds_at_most_a_thousand,
    a_token_survives_the_removal_of_what_it_points_to,
    what_cannot_be_meant_is_refused_by_its_field,
    packages_do_not_leak_into_each_other,
}

const LIST: &str = "/v1/object/listByPath";

async fn filled(client: &Client, paths: &[&str]) -> i64 {
    let package = client.new_package("b").await;
    client.put_all(package, paths.iter().map(|path| (path, path))).await;
    package
}

/// All pages of a listing: the paths and the prefixes of each.
async fn pages(client: &Client, package: i64, mut query: Value) -> Vec<(Vec<String>, Vec<String>)> {
    let mut pages = Vec::new();
    loop {
        let page = client.list(package, query.clone()).await;
        let paths = page.objects.into_iter().map(|object| object.path).collect();
        pages.push((paths, page.common_prefixes));
        if !page.is_truncated {
            return pages;
        }
        assert_ne!(page.next_continuation_token, "");
        query["continuationToken"] = page.next_continuation_token.into();
        assert!(pages.len() < 1000, "the listing does not end");
    }
}

async fn a_listing_has_the_form_of_the_contract(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = filled(&client, &["a/1.txt", "a/b/x"]).await;
    let query = json!({"packageID": package, "path": "a/", "isPrefix": true, "noRecursive": true});
    let data = client.get(LIST, query).await.ok();
    let object = client.find(package, "a/1.txt").await.unwrap();
    assert_eq!(data["isTruncated"], false);
    assert!(data["nextContinuationToken"].is_string());
    assert_eq!(data["commonPrefixes"], json!(["a/b/"]));
    assert_eq!(data["objects"].as_array().unwrap().len(), 1);
    assert_eq!(data["objects"][0]["objectID"], object.id);
    assert_eq!(data["objects"][0]["size"], "7");
    assert_eq!(data["objects"][0]["redundancy"], json!({"type": "none"}));

    let data = client.get(LIST, json!({"packageID": package, "path": "none", "isPrefix": true})).await.ok();
    assert_eq!((&data["objects"], &data["commonPrefixes"]), (&json!([]), &json!([])));
    let data = client.get("/v1/object/getPackageObjects", json!({"packageID": package})).await.ok();
    assert_eq!(data.as_object().unwrap().keys().collect::<Vec<_>>(), ["objects"]);
}

async fn exact_prefix_and_directory_views(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = filled(&client, &["a", "a/1", "a/2", "a/b/1", "a/b/2", "a/bc", "ab", "b/x/y", "z"]).await;
    let list = |query: Value| client.list(package, query);

    assert_eq!(list(json!({"path": "a/b"})).await.paths(), [""; 0], "exact");
    assert_eq!(list(json!({"path": "a/1", "isPrefix": false})).await.paths(), ["a/1"]);
    assert_eq!(list(json!({"path": "a/", "isPrefix": true})).await.paths(), ["a/1", "a/2", "a/b/1", "a/b/2", "a/bc"]);
    assert_eq!(list(json!({"path": "a/b", "isPrefix": true})).await.paths(), ["a/b/1", "a/b/2", "a/bc"], "raw prefix");
    assert_eq!(list(json!({"path": "", "isPrefix": true})).await.paths().len(), 9);

    let page = list(json!({"path": "", "isPrefix": true, "noRecursive": true})).await;
    assert_eq!(page.view(), (vec!["a", "ab", "z"], vec!["a/", "b/"]));
    let page = list(json!({"path": "a/", "isPrefix": true, "noRecursive": true})).await;
    assert_eq!(page.view(), (vec!["a/1", "a/2", "a/bc"], vec!["a/b/"]));
    let page = list(json!({"path": "a/b", "isPrefix": true, "noRecursive": true})).await;
    assert_eq!(page.view(), (vec!["a/bc"], vec!["a/b/"]));
    let page = list(json!({"path": "a", "isPrefix": true, "noRecursive": true})).await;
    assert_eq!(page.view(), (vec!["a", "ab"], vec!["a/"]));
}

async fn order_is_that_of_the_bytes_and_no_character_is_special(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let mut paths = vec![
        "%", "_", "a%b", "a_b", "axb", "A", "B", "Z", "a", "é", "e\u{301}", "🦀", "\u{ffee}", "\u{1}", "~", "a\\b",
        "[a]*?", "'",
    ];
    let package = filled(&client, &paths).await;
    paths.sort_unstable();
    assert_eq!(client.list(package, json!({"path": "", "isPrefix": true})).await.paths(), paths);
    let listed = client.package_objects(package).await;
    assert_eq!(listed.iter().map(|object| object.path.as_str()).collect::<Vec<_>>(), paths);
    for (prefix, found) in [
        ("%", vec!["%"]),
        ("_", vec!["_"]),
        ("a%", vec!["a%b"]),
        ("a_", vec!["a_b"]),
        ("[", vec!["[a]*?"]),
        ("'", vec!["'"]),
    ] {
        assert_eq!(client.list(package, json!({"path": prefix, "isPrefix": true})).await.paths(), found, "{prefix}");
    }
    assert_eq!(client.list(package, json!({"path": "b", "isPrefix": true})).await.paths(), [""; 0], "case matters");
}

async fn a_page_counts_objects_and_prefixes_together(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = filled(&client, &["a/1", "a/2", "b", "c/1", "c/2", "d", "e/1"]).await;
    let query = json!({"path": "", "isPrefix": true, "noRecursive": true, "maxKeys": 2});
    let found = pages(&client, package, query).await;
    assert!(found.iter().all(|(objects, prefixes)| objects.len() + prefixes.len() <= 2), "{found:?}");
    let objects: Vec<_> = found.iter().flat_map(|(objects, _)| objects.clone()).collect();
    let prefixes: Vec<_> = found.iter().flat_map(|(_, prefixes)| prefixes.clone()).collect();
    assert_eq!(objects, ["b", "d"]);
    assert_eq!(prefixes, ["a/", "c/", "e/"], "no prefix twice, none forgotten");
    assert_eq!(found[0], (vec!["b".to_owned()], vec!["a/".to_owned()]), "a page is a stretch of the whole order");

    let flat = pages(&client, package, json!({"path": "", "isPrefix": true, "maxKeys": 3})).await;
    let paths: Vec<_> = flat.iter().flat_map(|(objects, _)| objects.clone()).collect();
    assert_eq!(paths, ["a/1", "a/2", "b", "c/1", "c/2", "d", "e/1"]);
    assert_eq!(flat.len(), 3);
    let exactly = client.list(package, json!({"path": "", "isPrefix": true, "maxKeys": 7})).await;
    assert!(!exactly.is_truncated, "nothing is left behind the last one");
}

async fn a_page_holds_at_most_a_thousand(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    client.put_all(package, (0..1005).map(|i| (format!("{i:05}"), ""))).await;
    for max_keys in [json!(null), json!(0), json!(1000), json!(1001), json!(1_000_000)] {
        let mut query = json!({"path": "", "isPrefix": true});
        if !max_keys.is_null() {
            query["maxKeys"] = max_keys.clone();
        }
        let page = client.list(package, query).await;
        assert_eq!((page.objects.len(), page.is_truncated), (1000, true), "maxKeys={max_keys}");
    }
    assert_eq!(client.package_objects(package).await.len(), 1005, "this one has no pages");
}

async fn a_token_survives_the_removal_of_what_it_points_to(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = filled(&client, &["a", "b", "c/1", "d"]).await;
    let query = json!({"path": "", "isPrefix": true, "maxKeys": 2});
    let first = client.list(package, query.clone()).await;
    assert_eq!(first.paths(), ["a", "b"]);
    client.delete(&[first.objects[1].id, first.objects[0].id]).await;
    client.put_all(package, [("aa", ""), ("bb", "")]).await;
    let mut next = query;
    next["continuationToken"] = first.next_continuation_token.into();
    next["maxKeys"] = 10.into();
    assert_eq!(client.list(package, next).await.paths(), ["bb", "c/1", "d"]);
}

async fn what_cannot_be_meant_is_refused_by_its_field(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = filled(&client, &["a"]).await;
    for (field, value) in [
        ("maxKeys", json!(-1)),
        ("maxKeys", json!("many")),
        ("maxKeys", json!("99999999999999999999")),
        ("continuationToken", json!("123456")),
        ("continuationToken", json!("%%%")),
        ("isPrefix", json!("banana")),
        ("noRecursive", json!("2")),
        ("packageID", json!("one")),
        ("packageID", json!("99999999999999999999")),
    ] {
        let mut query = json!({"packageID": package, "path": "", "isPrefix": true});
        query[field] = value.clone();
        let message = client.get(LIST, query).await.refused(400, "BadArgument");
        assert!(message.contains(field), "{field}={value}: {message}");
    }
    let message = client.get(LIST, json!({"path": "a"})).await.refused(400, "BadArgument");
    assert!(message.contains("packageID"), "{message}");
    client.get(LIST, json!({"packageID": 999, "path": "", "isPrefix": true})).await.refused(404, "DataNotFound");
    client.get("/v1/object/getPackageObjects", json!({"packageID": 999})).await.refused(404, "DataNotFound");
}

async fn packages_do_not_leak_into_each_other(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    // Neighbours in the order of keys.
    let mut packages = Vec::new();
    for name in ["p", "p.", "p0", "p/".trim_end_matches('/').repeat(2).as_str()] {
        let package = client.package(bucket, name).await;
        client.put_all(package, [("0", name), ("~", name), ("a/b", name)]).await;
        packages.push(package);
    }
    for package in packages {
        for query in [json!({"path": "", "isPrefix": true}), json!({"path": "", "isPrefix": true, "maxKeys": 1})] {
            let found: Vec<_> = pages(&client, package, query).await.into_iter().flat_map(|(paths, _)| paths).collect();
            assert_eq!(found, ["0", "a/b", "~"]);
        }
        assert!(client.package_objects(package).await.iter().all(|object| object.package == package));
    }
}
