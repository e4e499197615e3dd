//! A model of a package (path → content) beside the server, under random changes and random listings.

use holdall_tests::{Client, Setup};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

crate::on_both! {
    listings_agree_with_a_model_under_random_changes,
    paging_neither_repeats_nor_skips_what_stays_while_others_come_and_go,
}

/// How many packages live through a random history.
const HISTORIES: u32 = 12;

#[derive(Debug, Clone)]
enum Step {
    /// Files of one upload request.
    Put(Vec<(String, String)>),
    /// The object at this place in the order of paths, modulo their number.
    Delete(usize),
    Move(usize, String),
    List(Listing),
}

#[derive(Debug, Clone)]
struct Listing {
    prefix: String,
    directories: bool,
    max_keys: usize,
}

/// Few segments, so that paths share prefixes, with neighbours of `/` and characters of every length.
fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => prop::sample::select(vec!["a", "b", "ab", "a.", "a0", "a-", "", "é", "🦀", "\u{ffff}", "\u{10ffff}", "~", "%", "_"]),
        1 => prop::sample::select(vec!["\u{1}", "A", "..", " ", "'", "\\", "\u{d7ff}", "\u{e000}"]),
    ];
    prop::collection::vec(segment, 1..5)
        .prop_map(|segments| segments.join("/"))
        .prop_filter("a path is not empty", |path| !path.is_empty())
}

fn listing() -> impl Strategy<Value = Listing> {
    let prefix = prop_oneof![
        Just(String::new()),
        path(),
        path().prop_map(|path| format!("{path}/")),
        path().prop_map(|path| path.chars().take(1).collect()),
    ];
    (prefix, any::<bool>(), prop_oneof![1..4_usize, Just(1000)]).prop_map(|(prefix, directories, max_keys)| Listing {
        prefix,
        directories,
        max_keys,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::btree_map(path(), "[a-z]{0,8}", 1..8).prop_map(|files| Step::Put(files.into_iter().collect())),
        1 => any::<usize>().prop_map(Step::Delete),
        1 => (any::<usize>(), path()).prop_map(|(which, path)| Step::Move(which, path)),
        4 => listing().prop_map(Step::List),
    ]
}

/// What a listing of the model answers: objects and prefixes in one order.
fn expected(model: &BTreeMap<String, (i64, String)>, listing: &Listing) -> Vec<Entry> {
    let mut entries = BTreeSet::new();
    for path in model.keys().filter(|path| path.starts_with(&listing.prefix)) {
        let rest = &path[listing.prefix.len()..];
        match rest.find('/') {
            Some(at) if listing.directories => {
                entries.insert(Entry(path[..listing.prefix.len() + at + 1].to_owned(), true));
            }
            _ => {
                entries.insert(Entry(path.clone(), false));
            }
        }
    }
    entries.into_iter().collect()
}

/// A path or, when true, a common prefix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(String, bool);

/// All pages of a listing, each checked for its own promises.
async fn listed(client: &Client, package: i64, listing: &Listing) -> Vec<Entry> {
    let mut query = json!({
        "path": listing.prefix, "isPrefix": true, "noRecursive": listing.directories, "maxKeys": listing.max_keys,
    });
    let mut all = Vec::new();
    loop {
        let page = client.list(package, query.clone()).await;
        let mut entries: Vec<Entry> = page.objects.into_iter().map(|object| Entry(object.path, false)).collect();
        assert!(entries.is_sorted() && page.common_prefixes.is_sorted(), "{listing:?}: a page is in order");
        entries.extend(page.common_prefixes.into_iter().map(|prefix| Entry(prefix, true)));
        entries.sort();
        assert!(entries.len() <= listing.max_keys, "{listing:?}: a page is too long");
        assert!(!page.is_truncated || !entries.is_empty(), "{listing:?}: an empty page that is not the last");
        all.extend(entries);
        if !page.is_truncated {
            return all;
        }
        query["continuationToken"] = page.next_continuation_token.into();
    }
}

async fn run(client: &Client, package: i64, steps: &[Step]) {
    let mut model: BTreeMap<String, (i64, String)> = BTreeMap::new();
    for step in steps {
        match step {
            Step::Put(files) => {
                let objects = client.put_all(package, files.iter().map(|(path, content)| (path, content))).await;
                for (object, (path, content)) in objects.iter().zip(files) {
                    assert_eq!(&object.path, path);
                    if let Some((known, _)) = model.insert(path.clone(), (object.id, content.clone())) {
                        assert_eq!(object.id, known, "an overwrite keeps the id");
                    }
                }
            }
            Step::Delete(which) => {
                let Some(path) = nth(&model, *which) else { continue };
                let (id, _) = model.remove(&path).unwrap();
                client.delete(&[id]).await;
            }
            Step::Move(which, target) => {
                let Some(path) = nth(&model, *which) else { continue };
                let (id, content) = model[&path].clone();
                let body = json!({"movings": [{"objectID": id, "packageID": package, "path": target}]});
                let data = client.post("/v1/object/move", body).await.ok();
                if path == *target {
                    continue; // nothing to do: counted as done or not, nothing changes
                }
                let free = !model.contains_key(target);
                assert_eq!(data["successes"], if free { json!([id]) } else { json!([]) }, "{path:?} → {target:?}");
                if free {
                    model.remove(&path);
                    model.insert(target.clone(), (id, content));
                }
            }
            Step::List(listing) => {
                assert_eq!(listed(client, package, listing).await, expected(&model, listing), "{listing:?}");
            }
        }
    }
    let all = client.package_objects(package).await;
    let found: Vec<_> = all.iter().map(|object| (object.path.as_str(), object.id)).collect();
    let known: Vec<_> = model.iter().map(|(path, (id, _))| (path.as_str(), *id)).collect();
    assert_eq!(found, known);
    for (path, (_, content)) in &model {
        let query = json!({"packageID": package, "path": path});
        assert_eq!(client.get("/v1/object/downloadByPath", query).await.content(), content, "{path:?}");
    }
}

fn nth(model: &BTreeMap<String, (i64, String)>, which: usize) -> Option<String> {
    let at = which.checked_rem(model.len())?;
    model.keys().nth(at).cloned()
}

async fn listings_agree_with_a_model_under_random_changes(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let bucket = client.bucket("b").await;
    let packages = AtomicUsize::new(0);
    // A failing history is made shorter and printed; the seed differs from run to run.
    let config = Config { cases: HISTORIES, max_shrink_iters: 200, failure_persistence: None, ..Config::default() };
    tokio::task::block_in_place(|| {
        let history = prop::collection::vec(step(), 20..60);
        let result = TestRunner::new(config).run(&history, |steps| {
            let name = format!("history-{}", packages.fetch_add(1, Ordering::Relaxed));
            tokio::runtime::Handle::current().block_on(async {
                let package = client.package(bucket, &name).await;
                run(&client, package, &steps).await;
            });
            Ok(())
        });
        if let Err(failure) = result {
            panic!("{failure}");
        }
    });
}

/// A key that is there all the time appears exactly once, whatever comes and goes around it and however the pages
/// are cut.
async fn paging_neither_repeats_nor_skips_what_stays_while_others_come_and_go(setup: Setup) {
    let server = setup.start();
    let client = server.client();
    let package = client.new_package("b").await;
    let stable: Vec<String> = (0..120).map(|i| format!("{}/{:02}/stable", i % 4, i)).collect();
    client.put_all(package, stable.iter().map(|path| (path, "x"))).await;

    let stop = Arc::new(AtomicBool::new(false));
    let unrest: Vec<_> = (0..3)
        .map(|i| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut turns = 0;
                while !stop.load(Ordering::Relaxed) {
                    let number = (turns * 37 + i * 11) % 120;
                    let paths = ["a", "stable.", "~"].map(|end| format!("{}/{number:02}/{end}", number % 4));
                    let objects = client.put_all(package, paths.iter().map(|path| (path, "volatile"))).await;
                    let ids: Vec<i64> = objects.iter().map(|object| object.id).collect();
                    client.delete(&ids).await;
                    turns += 1;
                }
                turns
            })
        })
        .collect();

    for max_keys in [1, 2, 7, 50] {
        let flat = Listing { prefix: String::new(), directories: false, max_keys };
        let found: Vec<String> = listed(&client, package, &flat).await.into_iter().map(|entry| entry.0).collect();
        let mut kept: Vec<&String> = found.iter().filter(|path| path.ends_with("/stable")).collect();
        let mut expected: Vec<&String> = stable.iter().collect();
        expected.sort();
        assert!(kept.is_sorted(), "pages follow each other");
        kept.dedup();
        assert_eq!(kept, expected, "maxKeys={max_keys}");
        assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len(), "no path twice");

        let folders = Listing { prefix: String::new(), directories: true, max_keys };
        let folders = listed(&client, package, &folders).await;
        assert_eq!(folders, ["0/", "1/", "2/", "3/"].map(|prefix| Entry(prefix.to_owned(), true)));
    }
    stop.store(true, Ordering::Relaxed);
    for task in unrest {
        assert!(task.await.unwrap() > 0, "things came and went");
    }
    let left = client.package_objects(package).await;
    assert_eq!(left.len(), stable.len());
}
