//! Whose things are whose: each credential has its own buckets, and what belongs to another is refused whatever is asked.

use holdall_tests::{Ask, Door, Server, sign::Signer};
use reqwest::Method;
use serde_json::json;

/// A server with a bucket of the first credential that holds an object, and the door as a second credential sees it.
async fn prepared() -> (Server, Door, Door) {
    let server = Server::start();
    let mine = server.s3();
    let theirs = mine.as_seen_by(Signer::create(&server, "second"));
    mine.create_bucket("mine").await;
    mine.put("mine", "folder/kept", "content").await;
    (server, mine, theirs)
}

#[tokio::test]
async fn nobody_reaches_the_bucket_of_another() {
    let (_server, mine, theirs) = prepared().await;
    theirs.create_bucket("theirs").await;
    theirs.put("theirs", "own", "other").await;
    let list = "<Delete><Object><Key>folder/kept</Key></Object></Delete>";
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let asks = [
        Ask::get("mine", ""),
        Ask::get("mine", "").query("versions", ""),
        Ask::get("mine", "").query("uploads", ""),
        Ask::get("mine", "").query("location", ""),
        Ask::get("mine", "").query("acl", ""),
        Ask::get("mine", "").query("policy", ""),
        Ask::get("mine", "folder/kept"),
        Ask::get("mine", "folder/kept").query("tagging", ""),
        Ask::get("mine", "folder/kept").query("attributes", "").header("x-amz-object-attributes", "ETag"),
        Ask::get("mine", "not there"),
        Ask::put("mine", "folder/new").body("x"),
        Ask::put("mine", "folder/kept").body("x"),
        Ask::put("mine", "folder/kept").query("tagging", "").body(tags),
        Ask::put("mine", "").query("versioning", "").body(versions),
        Ask::put("mine", "copy").header("x-amz-copy-source", "/theirs/own"),
        Ask::put("theirs", "copy").header("x-amz-copy-source", "/mine/folder/kept"),
        Ask::post("mine", "").query("delete", "").body(list),
        Ask::post("mine", "folder/parts").query("uploads", ""),
        Ask::new("DELETE", "mine", "folder/kept"),
        Ask::new("DELETE", "mine", ""),
    ];
    for ask in asks {
        let said = theirs.ask(&ask).await;
        assert_eq!((said.status, said.code().as_str()), (403, "AccessDenied"), "{ask:?}: {}", said.text());
    }
    assert_eq!(theirs.ask(&Ask::new("HEAD", "mine", "")).await.status, 403);
    assert_eq!(theirs.ask(&Ask::new("HEAD", "mine", "folder/kept")).await.status, 403);
    assert_eq!(theirs.ask(&Ask::put("mine", "")).await.code(), "BucketAlreadyExists");
    assert_eq!(mine.list("mine").await, ["folder/kept"]);
    assert_eq!(mine.get("mine", "folder/kept").await.unwrap(), b"content");
    assert_eq!(theirs.ask(&Ask::raw("GET", "/")).await.expect(200).all("Name"), ["theirs"]);
    assert_eq!(mine.ask(&Ask::raw("GET", "/")).await.expect(200).all("Name"), ["mine"]);
}

/// Where keys lie is remembered; what is remembered of a bucket that has gone keeps nobody out of the next of that name.
#[tokio::test]
async fn a_name_that_was_given_up_is_free_for_another() {
    let (_server, mine, theirs) = prepared().await;
    mine.ask(&Ask::new("DELETE", "mine", "folder/kept")).await.expect(204);
    mine.ask(&Ask::new("DELETE", "mine", "")).await.expect(204);
    theirs.create_bucket("mine").await;
    theirs.put("mine", "folder/kept", "theirs now").await;
    assert_eq!(mine.ask(&Ask::put("mine", "folder/kept").body("x")).await.code(), "AccessDenied");
    assert_eq!(theirs.get("mine", "folder/kept").await.unwrap(), b"theirs now");

    // And back again, with a condition, which asks the bucket that there is now.
    theirs.ask(&Ask::new("DELETE", "mine", "folder/kept")).await.expect(204);
    theirs.ask(&Ask::new("DELETE", "mine", "")).await.expect(204);
    mine.create_bucket("mine").await;
    mine.ask(&Ask::put("mine", "folder/kept").header("if-none-match", "*").body("mine again")).await.expect(200);
    mine.ask(&Ask::put("mine", "folder/kept").header("if-none-match", "*").body("x")).await.expect(412);
    assert_eq!(mine.get("mine", "folder/kept").await.unwrap(), b"mine again");
}

#[tokio::test]
async fn a_credential_that_is_switched_off_is_refused_at_once() {
    let (server, _, theirs) = prepared().await;
    theirs.create_bucket("theirs").await;
    let switch = |is_active: bool| {
        let request = server.client().request(Method::PATCH, "/api/v1/credentials/2");
        async move { assert_eq!(request.json(&json!({ "is_active": is_active })).send().await.unwrap().status(), 200) }
    };
    switch(false).await;
    assert_eq!(theirs.ask(&Ask::get("theirs", "")).await.code(), "InvalidAccessKeyId");
    assert_eq!(theirs.ask(&Ask::put("theirs", "x").body("x")).await.code(), "InvalidAccessKeyId");
    switch(true).await;
    assert!(theirs.list("theirs").await.is_empty());
}
