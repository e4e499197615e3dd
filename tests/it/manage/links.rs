//! Presigned URLs of S3: they work, for what they say, until they end or are taken back.

use super::{Manager, all_pages, answered, refused, text};
use holdall_tests::{Server, Setup};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

crate::on_both![
    links_do_what_they_say_until_they_are_taken_back,
    a_form_puts_an_object,
    links_are_listed_without_what_lets_in
];

struct World {
    server: Server,
    manager: Manager,
    owner: i64,
    access_key: String,
    http: reqwest::Client,
}

async fn world(setup: Setup) -> World {
    let server = setup.start();
    let manager = Manager::of(&server);
    let (owner, _) = manager.owner(&server, "anna", "annas").await;
    let access_key = text(&manager.get(&format!("/credentials/{owner}")).await, "access_key");
    World { server, manager, owner, access_key, http: reqwest::Client::builder().no_proxy().build().unwrap() }
}

impl World {
    async fn link(&self, method: &str, key: &str) -> Value {
        let wanted =
            json!({"bucket_name": "annas", "object_key": key, "method": method, "access_key": self.access_key});
        self.manager.post("/presigned-urls", wanted).await
    }

    async fn ask(&self, method: &str, url: &str, body: &'static str) -> (StatusCode, String) {
        let response = self.http.request(method.parse().unwrap(), url).body(body).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}

async fn links_do_what_they_say_until_they_are_taken_back(setup: Setup) {
    let world = world(setup).await;
    let key = "dir/a b+ü.txt";
    let put = world.link("PUT", key).await;
    assert_eq!(world.ask("PUT", &text(&put, "url"), "content").await.0, 200);
    let get = world.link("GET", key).await;
    let url = text(&get, "url");
    assert_eq!(world.ask("GET", &url, "").await, (StatusCode::OK, "content".to_owned()));
    // For this method and this key only, and not without its mark.
    assert_eq!(world.ask("DELETE", &url, "").await.0, 403);
    assert_eq!(world.ask("GET", &url.replace("txt", "tx"), "").await.0, 403);
    let mark = url.split('&').find(|pair| pair.starts_with("X-Holdall-Link=")).unwrap();
    assert_eq!(world.ask("GET", &url.replace(&format!("&{mark}"), ""), "").await.0, 403);

    // Taken back at once, even though it was in use a moment ago; the others go on.
    let other = text(&world.link("GET", key).await, "url");
    world.manager.delete(&format!("/presigned-urls/{}", get["id"])).await;
    let (status, body) = world.ask("GET", &url, "").await;
    assert!(status == 403 && body.contains("AccessDenied") && body.contains("revoked"), "{status} {body}");
    assert_eq!(world.ask("GET", &other, "").await.0, 200);
    world.manager.delete(&format!("/presigned-urls/{}", get["id"])).await;
    refused(&world.manager.send(Method::DELETE, "/presigned-urls/999", None).await, 404, "NoSuchEntity");

    let delete = text(&world.link("DELETE", key).await, "url");
    assert_eq!(world.ask("DELETE", &delete, "").await.0, 204);
    assert_eq!(world.ask("GET", &other, "").await.0, 404);
}

async fn a_form_puts_an_object(setup: Setup) {
    let world = world(setup).await;
    let made = world.link("POST", "from/a form.txt").await;
    let url = text(&made, "url");
    let send = async |key: Option<&str>| {
        let mut form = reqwest::multipart::Form::new();
        for (name, value) in made["fields"].as_object().unwrap() {
            let value = if name == "key" { key.unwrap_or(value.as_str().unwrap()) } else { value.as_str().unwrap() };
            form = form.text(name.clone(), value.to_owned());
        }
        let part = reqwest::multipart::Part::bytes(b"by a form".to_vec()).file_name("x.txt");
        world.http.post(&url).multipart(form.part("file", part)).send().await.unwrap().status()
    };
    assert_eq!(send(Some("elsewhere")).await, 403);
    assert_eq!(send(None).await, 204);
    let get = text(&world.link("GET", "from/a form.txt").await, "url");
    assert_eq!(world.ask("GET", &get, "").await.1, "by a form");
    world.manager.delete(&format!("/presigned-urls/{}", made["id"])).await;
    assert_eq!(send(None).await, 403);
}

async fn links_are_listed_without_what_lets_in(setup: Setup) {
    let world = world(setup).await;
    let made: Vec<Value> = futures::future::join_all((0..5).map(|number| {
        let key = format!("k{number}");
        let world = &world;
        async move { world.link("GET", &key).await }
    }))
    .await;
    let mut ids: Vec<i64> = made.iter().map(|link| link["id"].as_i64().unwrap()).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    let listed = all_pages(&world.manager, "/presigned-urls", "urls", 2).await;
    assert_eq!(listed.iter().map(|link| link["id"].as_i64().unwrap()).collect::<Vec<_>>(), ids);
    let signature = |link: &Value| text(link, "url").rsplit('=').next().unwrap().to_owned();
    let all = format!("{listed:?}{}", world.server.log());
    assert!(made.iter().all(|link| !all.contains(&signature(link))), "{all}");
    let first = &listed[0];
    assert_eq!((text(first, "bucket_name").as_str(), text(first, "method").as_str()), ("annas", "GET"));
    assert_eq!((text(first, "access_key"), first["revoked"].as_bool()), (world.access_key.clone(), Some(false)));

    assert_eq!(world.manager.get("/stats").await["active_presigned_urls"], 5);
    world.manager.delete(&format!("/presigned-urls/{}", ids[0])).await;
    let active = all_pages(&world.manager, "/presigned-urls?active=true", "urls", 2).await;
    assert_eq!(active.iter().map(|link| link["id"].as_i64().unwrap()).collect::<Vec<_>>(), ids[1..]);
    assert_eq!(world.manager.get("/stats").await["active_presigned_urls"], 4);
    assert_eq!(all_pages(&world.manager, "/presigned-urls", "urls", 9).await[0]["revoked"], true);

    // Links go with the credential that signed them.
    world.manager.delete("/buckets/annas").await;
    world.manager.delete(&format!("/credentials/{}", world.owner)).await;
    assert!(all_pages(&world.manager, "/presigned-urls", "urls", 9).await.is_empty());
}

#[tokio::test]
async fn a_link_is_signed_by_an_active_owner_only() {
    let world = world(Setup::default()).await;
    let (stranger, _) = world.manager.owner(&world.server, "ben", "bens").await;
    let stranger = text(&world.manager.get(&format!("/credentials/{stranger}")).await, "access_key");
    let wanted = |bucket: &str, key: &str| json!({"bucket_name": bucket, "object_key": "k", "access_key": key});
    let send = async |body: Value| world.manager.send(Method::POST, "/presigned-urls", Some(body)).await;
    refused(&send(wanted("annas", &stranger)).await, 403, "AccessDenied");
    refused(&send(wanted("annas", "UNKNOWN")).await, 404, "NoSuchEntity");
    refused(&send(wanted("none", &stranger)).await, 404, "NoSuchBucket");
    let path = format!("/credentials/{}", world.owner);
    let link = text(&world.link("GET", "k").await, "url");
    answered(&world.manager.send(Method::PUT, &path, Some(json!({"is_active": false}))).await, 200);
    refused(&send(wanted("annas", &world.access_key)).await, 409, "InvalidState");
    assert_eq!(world.ask("GET", &link, "").await.0, 403);
    assert_eq!(
        world.manager.get("/presigned-urls").await["urls"].as_array().unwrap().len(),
        1,
        "refused ones are not kept"
    );
}
