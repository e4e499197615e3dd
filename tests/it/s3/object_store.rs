//! The `object_store` crate's own suite for stores, run on our door: its client shares nothing with ours.

use holdall_tests::Server;
use object_store::{
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut, S3CopyIfNotExists},
    integration,
};

fn store(server: &Server) -> AmazonS3 {
    let door = server.s3();
    holdall_tests::client::provide_crypto();
    AmazonS3Builder::new()
        .with_endpoint(door.endpoint())
        .with_allow_http(true)
        .with_bucket_name("object-store")
        .with_region("us-east-1")
        .with_access_key_id(&door.signer.access_key)
        .with_secret_access_key(&door.signer.secret)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .build()
        .unwrap()
}

async fn prepared() -> (Server, AmazonS3) {
    let server = Server::start();
    server.s3().create_bucket("object-store").await;
    let store = store(&server);
    (server, store)
}

#[tokio::test]
async fn objects_and_listings() {
    let (_server, store) = prepared().await;
    integration::put_get_delete_list(&store).await;
    integration::get_opts(&store).await;
    integration::list_uses_directories_correctly(&store).await;
    integration::list_with_delimiter(&store).await;
    integration::list_with_offset_exclusivity(&store).await;
    integration::list_paginated(&store, &store).await;
}

#[tokio::test]
async fn names_copies_and_attributes() {
    let (_server, store) = prepared().await;
    integration::rename_and_copy(&store).await;
    integration::copy_if_not_exists(&store).await;
    integration::copy_rename_nonexistent_object(&store).await;
    integration::get_nonexistent_object(&store, None).await.unwrap_err();
    integration::put_get_attributes(&store).await;
}

#[tokio::test]
async fn conditional_writes() {
    let (_server, store) = prepared().await;
    integration::put_opts(&store, true).await;
}

#[tokio::test]
async fn uploads_in_parts() {
    let (_server, store) = prepared().await;
    integration::stream_get(&store).await;
    integration::multipart(&store, &store).await;
    integration::multipart_out_of_order(&store).await;
    integration::multipart_with_opts(&store, &store).await;
    integration::multipart_put_part_out_of_order(&store, &store).await;
    integration::multipart_race_condition(&store, true).await;
}
