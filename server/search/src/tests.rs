//! The index as a whole: what is put in is found, in the right order, by whom it may be found.

use crate::{
    Aggregation, Allowed, Answer, Bucket, Change, Entry, Error, Filter, Index, Kind, Operator, Question, Scalar, Sort,
    Sources, Text, question::MOST_RESULTS,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs, path::Path};
use tempfile::TempDir;

fn document(id: &str, source: Value) -> Change {
    let Value::Object(source) = source else { panic!("a source is an object") };
    let datasource_id = source.get("source").and_then(|source| source["id"].as_str()).map(str::to_owned);
    let time = source.get("day").and_then(Value::as_i64).unwrap_or(0) * 86_400_000;
    Change::Put(Entry { kind: Kind::Document, id: id.to_owned(), datasource_id, created: time, updated: time, source })
}

fn titled(id: &str, title: &str) -> Change {
    document(id, json!({"title": title}))
}

struct Fixture {
    index: Index,
    folder: TempDir,
}

impl Fixture {
    fn new(changes: Vec<Change>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let opened = Index::open(folder.path()).unwrap();
        assert!(opened.needs_rebuild);
        opened.index.apply(changes, 1).unwrap();
        Self { index: opened.index, folder }
    }

    fn titles(titles: &[&str]) -> Self {
        Self::new(titles.iter().map(|title| titled(title, title)).collect())
    }

    fn ask(&self, question: &Question) -> Answer {
        self.index.search(question, &Allowed::all(Kind::Document)).unwrap()
    }

    /// The ids of what a text finds, the best first.
    fn find(&self, text: Text) -> Vec<String> {
        ids(&self.ask(&Question { text: Some(text), ..Question::default() }))
    }

    fn find_words(&self, words: &str) -> Vec<String> {
        self.find(Text::new(words))
    }

    /// The sorted ids of what filters let through.
    fn filter(&self, filters: &[&str]) -> Vec<String> {
        let filters = Filter::parse_all(filters.iter().copied(), false).unwrap();
        let mut found = ids(&self.ask(&Question { filters, size: 100, ..Question::default() }));
        found.sort();
        found
    }

    fn sorted(&self, sort: &str) -> Vec<String> {
        ids(&self.ask(&Question { sort: Sort::parse(sort).unwrap(), size: 100, ..Question::default() }))
    }
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.hits.iter().map(|hit| hit.id.clone()).collect()
}

fn level(words: &str, fuzziness: u8) -> Text {
    Text { fuzziness, ..Text::new(words) }
}

#[test]
fn chinese_and_latin_words_are_found() {
    let fixture =
        Fixture::titles(&["2024年度财务报告.pdf", "Annual_Report-2024.docx", "会议记录 meeting.txt", "Résumé.pdf"]);
    assert_eq!(fixture.find_words("报告"), ["2024年度财务报告.pdf"]);
    assert_eq!(fixture.find_words("年度"), ["2024年度财务报告.pdf"]);
    assert_eq!(fixture.find_words("报"), ["2024年度财务报告.pdf"]);
    assert_eq!(fixture.find_words("annual"), ["Annual_Report-2024.docx"]);
    assert_eq!(fixture.find_words("REPORT"), ["Annual_Report-2024.docx"]);
    assert_eq!(fixture.find_words("会议 annual").len(), 2);
    assert_eq!(fixture.find_words("resume"), ["Résumé.pdf"]);
    assert_eq!(fixture.find_words("RÉSUMÉ"), ["Résumé.pdf"]);
    assert_eq!(fixture.find_words("2024").len(), 2);
    assert!(fixture.find_words("zebra").is_empty() && fixture.find_words("会告").is_empty());
}

#[test]
fn words_with_borders_are_found_by_their_parts_and_as_a_whole() {
    let fixture = Fixture::titles(&["AnnualReport2024.pdf", "annual report 2024", "QuarterlyReport"]);
    assert_eq!(fixture.find_words("annualreport2024").first().unwrap(), "AnnualReport2024.pdf");
    assert_eq!(fixture.find(level("report", 0)).len(), 3);
    let mut both = fixture.find(level("AnnualReport2024", 0));
    both.sort();
    assert_eq!(both, ["AnnualReport2024.pdf", "annual report 2024"]);
}

#[test]
fn the_level_says_how_near_a_word_must_be() {
    let fixture = Fixture::titles(&["budget", "budgets", "bugdet", "badgets", "pudget", "gadget"]);
    let sorted = |level_of: u8| {
        let mut found = fixture.find(level("budget", level_of));
        found.sort();
        found
    };
    assert_eq!(sorted(0), ["budget"]);
    assert_eq!(sorted(1), ["budget", "budgets", "bugdet", "pudget"]);
    let two = sorted(2);
    assert_eq!(two, ["badgets", "budget", "budgets", "bugdet", "pudget"], "two may differ, one of them the first: not");
    assert_eq!(sorted(3), ["budget", "budgets"], "the default of the contract: no misspelt words");
    assert_eq!(sorted(4), sorted(1));
    assert_eq!(sorted(5), sorted(2));
    assert_eq!(fixture.find_words("budg"), ["budget", "budgets"], "beginnings of words, by default");
    assert!(fixture.find(level("budg", 0)).is_empty());
    assert_eq!(fixture.find(level("budget", 5))[0], "budget", "the word itself first");
    for words in ["ba", "gad"] {
        assert!(fixture.find(level(words, 2)).iter().all(|found| found.starts_with(words)), "short words are no typos");
    }
}

#[test]
fn titles_count_more_than_texts_and_exact_ones_most() {
    let mut changes: Vec<_> = (0..400).map(|n| titled(&format!("filler{n}"), "filler sales")).collect();
    changes.extend([
        document("text", json!({"title": "other", "summary": "sales sales sales report"})),
        document("title", json!({"title": "the sales of the year"})),
        document("exact", json!({"title": "Sales Report"})),
        document("swapped", json!({"title": "report sales"})),
        document("begins", json!({"title": "reporting"})),
    ]);
    let fixture = Fixture::new(changes);
    let found = fixture.find_words("sales report");
    assert_eq!(found[..4], ["exact", "swapped", "text", "begins"], "what nearly all have says little");
    assert_eq!(fixture.ask(&Question { text: Some(Text::new("sales report")), ..Question::default() }).total, 405);
    assert_eq!(fixture.find_words("report")[2..], ["begins", "text"]);
    let both = Text { operator: Operator::And, ..Text::new("sales report") };
    assert_eq!(fixture.find(both.clone()), ["exact", "swapped", "text"]);
    assert_eq!(fixture.find(Text { title_only: true, ..both.clone() }), ["exact", "swapped"]);
    assert_eq!(fixture.find(Text { phrase: true, ..both }), ["exact", "text"]);
}

#[test]
fn every_page_is_a_piece_of_one_order() {
    // Several segments, many equals, and words that begin so.
    let fixture = Fixture::new(Vec::new());
    for batch in 0..5_u64 {
        let one = |n: u64| {
            let words = ["alpha", "alpha beta", "beta", "alphabet", "gamma alpha"][(n % 5) as usize];
            titled(&format!("{batch}-{n}"), &format!("{words} {}", "x ".repeat((n % 7) as usize)))
        };
        fixture.index.apply((0..300).map(one).collect(), batch + 2).unwrap();
    }
    for words in ["alpha beta", "alp"] {
        let page = |from: usize, size: usize| {
            fixture.ask(&Question { text: Some(Text::new(words)), from, size, ..Question::default() })
        };
        let whole = page(0, 1_500);
        assert_eq!(whole.total as usize, whole.hits.len());
        let scores: Vec<_> = whole.hits.iter().map(|hit| hit.score.unwrap()).collect();
        assert!(scores.is_sorted_by(|one, two| one >= two), "{words}");
        assert_eq!(whole.max_score, Some(scores[0]));
        assert_eq!(ids(&whole).into_iter().collect::<BTreeSet<_>>().len(), whole.hits.len(), "each once");
        let mut pieces = Vec::new();
        for from in (0..1_500).step_by(130) {
            pieces.extend(page(from, 130).hits);
        }
        assert_eq!(pieces, whole.hits, "{words}");
    }
}

/// The walk that passes over much finds what looking at everything finds.
#[test]
fn what_is_passed_over_is_not_missed() {
    let words = ["red", "green", "blue", "redder", "greens", "x", "y"];
    let title =
        |n: usize| (0..4).map(|at| words[(n * (7 * at + 3) + n / 11 + at) % words.len()]).collect::<Vec<_>>().join(" ");
    let fixture = Fixture::new((0..20_000).map(|n| titled(&n.to_string(), &title(n))).collect());
    for text in [Text::new("red green"), level("red blue", 0), level("greens", 5), Text::new("gre")] {
        // Fewer matches than are walked through are scored one by one: ask for them in slices by id.
        let mut slices = Vec::new();
        for start in 0..10 {
            let filters = vec![Filter::Begins { field: "id".into(), with: start.to_string() }];
            let slice = Question { text: Some(text.clone()), filters, size: 100, ..Question::default() };
            slices.extend(fixture.ask(&slice).hits);
        }
        slices.sort_by(|one, two| two.score.unwrap().total_cmp(&one.score.unwrap()));
        let best = fixture.ask(&Question { text: Some(text.clone()), size: 100, ..Question::default() }).hits;
        for (found, expected) in best.iter().zip(&slices) {
            let (found, expected) = (found.score.unwrap(), expected.score.unwrap());
            assert!((found - expected).abs() < 0.01, "{found} {expected} {text:?}");
        }
        assert_eq!(best.len(), 100);
    }
}

#[test]
fn filters_let_through_what_they_say() {
    let fixture = Fixture::new(vec![
        document(
            "a",
            json!({"type": "pdf", "size": 10, "tags": ["x", "y"], "source": {"id": "s1"}, "metadata": {"key": "a/1", "year": "2024"}, "day": 1}),
        ),
        document(
            "b",
            json!({"type": "docx", "size": 200, "tags": ["y"], "source": {"id": "s2"}, "disabled": true, "day": 2}),
        ),
        document(
            "c",
            json!({"type": "pdf", "size": 3.5, "empty": [], "nothing": null, "metadata": {"key": "a/2", "deep": {"er": 1}}, "day": 3}),
        ),
    ]);
    for (filters, expected) in [
        (&["type:pdf"][..], &["a", "c"][..]),
        (&["type=docx"], &["b"]),
        (&["type:PDF"], &[]),
        (&["type:any(pdf,docx)"], &["a", "b", "c"]),
        (&["id:any(a, c)"], &["a", "c"]),
        (&["_id:b"], &["b"]),
        (&["id:any()"], &[]),
        (&["-type:pdf"], &["b"]),
        (&["!type:pdf"], &["b"]),
        (&["type:pdf", "type:docx"], &["a", "b", "c"]),
        (&["type:pdf", "tags:y"], &["a"]),
        (&["type:pdf", "-tags:y"], &["c"]),
        (&["tags:x"], &["a"]),
        (&["source.id:s2"], &["b"]),
        (&["source.id:any(s1,s2)"], &["a", "b"]),
        (&["disabled:true"], &["b"]),
        (&["-disabled:true"], &["a", "c"]),
        (&["metadata.key:a/1"], &["a"]),
        (&["metadata.year:2024"], &["a"]),
        (&["metadata.deep.er:1"], &["c"]),
        (&["exists(tags)"], &["a", "b"]),
        (&["exists(metadata)"], &["a", "c"]),
        (&["-exists(metadata.deep)"], &["a", "b"]),
        (&["exists(empty)"], &[]),
        (&["exists(nothing)"], &[]),
        (&["size:10"], &["a"]),
        (&["size:3.5"], &["c"]),
        (&["size>=10"], &["a", "b"]),
        (&["size>10"], &["b"]),
        (&["size<10"], &["c"]),
        (&["size<=10"], &["a", "c"]),
        (&["size>3", "size<11"], &["a", "c"]),
        (&["-size>=10"], &["c"]),
        (&["metadata.key>a/1"], &["c"]),
        (&["metadata.key>=a/1"], &["a", "c"]),
        (&["metadata.key<a/2"], &["a"]),
        (&["metadata.key<=a/2"], &["a", "c"]),
        (&["created>=1970-01-03"], &["b", "c"]),
        (&["created>1970-01-03"], &["c"]),
        (&["created<=1970-01-03"], &["a", "b"]),
        (&["created<1970-01-03"], &["a"]),
        (&["updated>=172800000", "updated<259200000"], &["b"]),
        (&["created>=1970-01-03T00:00:00+00:00"], &["b", "c"]),
        (&["docx"], &["b"]),
        (&["nofield:1"], &[]),
    ] {
        assert_eq!(fixture.filter(filters), expected, "{filters:?}");
    }
    let begins = Filter::Begins { field: "metadata.key".into(), with: "a/".into() };
    let either = Filter::Any(vec![begins, Filter::is("type", Scalar::Text("docx".into())).negated()]);
    let mut found = ids(&fixture.ask(&Question { filters: vec![either], ..Question::default() }));
    found.sort();
    assert_eq!(found, ["a", "c"]);
}

#[test]
fn what_is_sorted_by_fields_comes_in_their_order() {
    let fixture = Fixture::new(vec![
        document("a", json!({"title": "Éclair", "type": "pdf", "size": 10, "day": 3})),
        document("b", json!({"title": "banana", "type": "docx", "size": 2.5, "day": 1})),
    ]);
    // Another segment, with other values and one that lacks some.
    let more = vec![
        document("c", json!({"title": "Apple", "type": "pdf", "size": 300, "day": 2})),
        document("d", json!({"title": "zebra", "day": 4})),
    ];
    fixture.index.apply(more, 2).unwrap();
    assert_eq!(fixture.sorted("created:desc"), ["d", "a", "c", "b"]);
    assert_eq!(fixture.sorted("updated"), ["b", "c", "a", "d"]);
    assert_eq!(fixture.sorted("title"), ["c", "b", "a", "d"]);
    assert_eq!(fixture.sorted("title:desc"), ["d", "a", "b", "c"]);
    assert_eq!(fixture.sorted("size"), ["b", "a", "c", "d"]);
    assert_eq!(fixture.sorted("size:desc"), ["c", "a", "b", "d"], "what lacks the field is last in either direction");
    assert_eq!(fixture.sorted("type,size:desc"), ["b", "c", "a", "d"]);
    assert_eq!(fixture.sorted("type:desc,title"), ["c", "a", "b", "d"]);
    assert_eq!(fixture.sorted("nofield,created"), ["b", "c", "a", "d"]);
    let page = Question { sort: Sort::parse("created").unwrap(), from: 1, size: 2, ..Question::default() };
    let answer = fixture.ask(&page);
    assert_eq!((ids(&answer), answer.total), (vec!["c".to_owned(), "a".to_owned()], 4));
    assert_eq!((answer.max_score, answer.hits[0].score), (None, None));
    let beyond = fixture.ask(&Question { from: 4, ..page });
    assert_eq!((beyond.hits.len(), beyond.total), (0, 4));
}

#[test]
fn many_are_sorted_as_few_are() {
    let change =
        |n: u64| document(&format!("{n:05}"), json!({"size": (n * 7_919) % 10_007, "type": format!("t{}", n % 3)}));
    let fixture = Fixture::new((0..5_000).map(change).collect());
    let mut expected: Vec<u64> = (0..5_000).collect();
    expected.sort_by_key(|n| (n % 3, std::cmp::Reverse((n * 7_919) % 10_007)));
    let sort = Sort::parse("type,size:desc").unwrap();
    let found = fixture.ask(&Question { sort, from: 1_000, size: 2_000, ..Question::default() });
    let expected: Vec<_> = expected[1_000..3_000].iter().map(|n| format!("{n:05}")).collect();
    assert_eq!(ids(&found), expected);
}

#[test]
fn values_are_counted() {
    let fixture = Fixture::new(vec![
        document("a", json!({"type": "pdf", "tags": ["x", "y"], "size": 1, "ok": true})),
        document("b", json!({"type": "docx", "tags": ["y"], "size": 1, "ok": false})),
    ]);
    fixture.index.apply(vec![document("c", json!({"type": "pdf", "size": 2, "ok": true}))], 2).unwrap();
    let count = |field: &str, size: usize, filter: &[&str]| {
        let aggregations = vec![Aggregation { name: "n".into(), field: field.into(), size }];
        let filters = Filter::parse_all(filter.iter().copied(), false).unwrap();
        let answer = fixture.ask(&Question { aggregations, filters, size: 0, ..Question::default() });
        assert!(answer.hits.is_empty());
        let [terms] = &answer.aggregations[..] else { panic!("one was asked for") };
        (terms.buckets.clone(), terms.others)
    };
    let text = |key: &str, count| Bucket { key: Scalar::Text(key.into()), count };
    let number = |key, count| Bucket { key: Scalar::Integer(key), count };
    let flag = |key, count| Bucket { key: Scalar::Bool(key), count };
    assert_eq!(count("type", 10, &[]), (vec![text("pdf", 2), text("docx", 1)], 0));
    assert_eq!(count("type", 1, &[]), (vec![text("pdf", 2)], 1));
    assert_eq!(count("tags", 10, &[]), (vec![text("y", 2), text("x", 1)], 0));
    assert_eq!(count("tags", 10, &["type:docx"]), (vec![text("y", 1)], 0));
    assert_eq!(count("size", 10, &[]), (vec![number(1, 2), number(2, 1)], 0));
    assert_eq!(count("ok", 10, &[]), (vec![flag(true, 2), flag(false, 1)], 0));
    assert_eq!(count("nofield", 10, &[]), (vec![], 0));
}

#[test]
fn nobody_finds_what_is_not_allowed() {
    let other = |kind, id: &str, name: &str| {
        let Value::Object(source) =
            json!({"name": name, "config": {"key": "sesame"}, "connector": {"config": {"secret": "sesame"}}})
        else {
            panic!("it is one")
        };
        Change::Put(Entry { kind, id: id.into(), datasource_id: None, created: 0, updated: 0, source })
    };
    let fixture = Fixture::new(vec![
        other(Kind::Connector, "same", "files here"),
        other(Kind::Datasource, "s1", "files there"),
        other(Kind::Datasource, "same", "files too"),
        document("same", json!({"title": "files one", "source": {"id": "s1"}})),
        document("d2", json!({"title": "files two", "source": {"id": "s2"}})),
        document("d3", json!({"title": "files alone"})),
    ]);
    let find = |kinds: &[Kind], sources: Sources| {
        let allowed = Allowed { kinds: kinds.iter().copied().collect(), sources };
        let question = Question { text: Some(Text::new("files")), ..Question::default() };
        let answer = fixture.index.search(&question, &allowed).unwrap();
        let mut found: Vec<_> = answer.hits.iter().map(|hit| format!("{:?} {}", hit.kind, hit.id)).collect();
        found.sort();
        assert_eq!(answer.total as usize, found.len());
        found
    };
    let set = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(find(&[Kind::Document], Sources::All), ["Document d2", "Document d3", "Document same"]);
    assert_eq!(find(&[Kind::Document], Sources::Only(set(&["s1"]))), ["Document same"]);
    assert_eq!(find(&[Kind::Document], Sources::Only(set(&[]))), [""; 0]);
    assert_eq!(find(&[Kind::Document], Sources::Except(set(&["s1"]))), ["Document d2", "Document d3"]);
    assert_eq!(find(&[Kind::Connector], Sources::Only(set(&[]))), ["Connector same"]);
    assert_eq!(find(&[Kind::Datasource], Sources::Except(set(&["s1"]))), ["Datasource same"]);
    assert_eq!(find(&Kind::ALL, Sources::All).len(), 6);
    assert!(find(&[], Sources::All).is_empty());
    for secret in ["config.key:sesame", "connector.config.secret:sesame", "exists(connector.config)", "sesame"] {
        let filters = Filter::parse_all([secret], false).unwrap();
        let all = Allowed { kinds: Kind::ALL.into(), sources: Sources::All };
        let answer = fixture.index.search(&Question { filters, ..Question::default() }, &all).unwrap();
        assert_eq!(answer.total, 0, "{secret}");
    }
}

#[test]
fn changes_take_the_place_of_what_was() {
    let fixture = Fixture::new(vec![
        document("a", json!({"title": "old", "source": {"id": "s1"}})),
        document("b", json!({"title": "old", "source": {"id": "s1"}})),
        document("c", json!({"title": "old", "source": {"id": "s2"}})),
    ]);
    fixture.index.apply(vec![titled("a", "new"), titled("a", "newest")], 2).unwrap();
    assert_eq!(
        (fixture.find_words("old"), fixture.find_words("newest")),
        (vec!["b".into(), "c".into()], vec!["a".into()])
    );
    assert!(fixture.find(level("new", 0)).is_empty());
    let gone = Change::Remove { kind: Kind::Document, id: "c".into() };
    let not_there = Change::Remove { kind: Kind::Datasource, id: "b".into() };
    fixture.index.apply(vec![gone, not_there], 3).unwrap();
    assert_eq!(fixture.find_words("old"), ["b"]);
    // What comes after the removal of a source stays.
    let of_source = |id: &str| document(id, json!({"title": "old", "source": {"id": "s1"}}));
    let remove = Change::RemoveSource { datasource_id: "s1".into() };
    fixture.index.apply(vec![of_source("d"), remove, of_source("e")], 4).unwrap();
    assert_eq!(fixture.find_words("old"), ["e"]);
}

fn reopened(folder: &Path) -> (bool, u64, u64) {
    let opened = Index::open(folder).unwrap();
    let all = opened.index.search(&Question::default(), &Allowed::all(Kind::Document)).unwrap();
    (opened.needs_rebuild, opened.change, all.total)
}

#[test]
fn what_was_applied_is_there_again_with_its_number() {
    let Fixture { index, folder } = Fixture::titles(&["a"]);
    index.apply(vec![titled("b", "b")], 42).unwrap();
    drop(index);
    assert_eq!(reopened(folder.path()), (false, 42, 2));
    assert_eq!(reopened(folder.path()), (false, 42, 2));
}

#[test]
fn what_was_never_finished_is_built_anew() {
    let folder = tempfile::tempdir().unwrap();
    // Made, and the process dies before the first batch.
    assert_eq!(reopened(folder.path()), (true, 0, 0));
    assert_eq!(reopened(folder.path()), (true, 0, 0));
}

#[test]
fn a_damaged_index_is_built_anew() {
    let damages: [fn(&Path); 4] = [
        |folder| fs::write(folder.join("meta.json"), "{").unwrap(),
        |folder| fs::remove_file(folder.join("meta.json")).unwrap(),
        |folder| fs::write(folder.join("holdall-search-index"), "0").unwrap(),
        |folder| {
            for file in fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
                if ["idx", "term", "fast", "store"]
                    .iter()
                    .any(|end| file.extension().is_some_and(|found| found == *end))
                {
                    fs::File::options().write(true).open(file).unwrap().set_len(10).unwrap();
                }
            }
        },
    ];
    for (at, damage) in damages.into_iter().enumerate() {
        let Fixture { index, folder } = Fixture::titles(&["a", "b"]);
        drop(index);
        damage(folder.path());
        assert_eq!(reopened(folder.path()), (true, 0, 0), "damage {at}");
        let opened = Index::open(folder.path()).unwrap();
        opened.index.apply(vec![titled("a", "a")], 7).unwrap();
        drop(opened);
        assert_eq!(reopened(folder.path()), (false, 7, 1), "damage {at}");
    }
}

#[test]
fn a_folder_of_others_is_not_emptied() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    assert!(matches!(Index::open(folder.path()), Err(Error::NotOurs(_))));
    assert_eq!(fs::read_to_string(folder.path().join("letter.txt")).unwrap(), "dear");
}

#[test]
fn an_index_that_is_open_is_not_opened_twice() {
    let Fixture { index, folder } = Fixture::titles(&["a"]);
    assert!(matches!(Index::open(folder.path()), Err(Error::Broken(_))));
    index.apply(vec![titled("b", "b")], 2).unwrap();
    drop(index);
    assert_eq!(reopened(folder.path()), (false, 2, 2));
}

#[test]
fn questions_that_cost_too_much_are_refused_by_name() {
    let fixture = Fixture::titles(&["a"]);
    let with_text = |words: &str| Question { text: Some(Text::new(words)), ..Question::default() };
    let is = Filter::Is { field: "type".into(), values: vec![Scalar::Bool(true); 2_000] };
    let deep = (0..2_000).fold(Filter::Exists("x".into()), |inner, _| inner.negated());
    let aggregation = Aggregation { name: "big".into(), field: "type".into(), size: 1_000_000 };
    for (question, parameter) in [
        (with_text(&"x".repeat(2_000)), "query"),
        (with_text(&"x ".repeat(100)), "query"),
        (with_text(&"汉".repeat(200)), "query"),
        (Question { text: Some(level("x", 6)), ..Question::default() }, "fuzziness"),
        (Question { from: MOST_RESULTS, size: 1, ..Question::default() }, "from"),
        (Question { from: usize::MAX, size: usize::MAX, ..Question::default() }, "from"),
        (Question { filters: vec![is], ..Question::default() }, "filter"),
        (Question { filters: vec![deep], ..Question::default() }, "filter"),
        (Question { filters: vec![Filter::Text(level("x", 9))], ..Question::default() }, "fuzziness"),
        (Question { sort: vec![Sort::new("x", false); 20], ..Question::default() }, "sort"),
        (Question { aggregations: vec![aggregation], ..Question::default() }, "aggs.big"),
        (Question { filters: Filter::parse_all(["created>=noon"], false).unwrap(), ..Question::default() }, "filter"),
    ] {
        match fixture.index.search(&question, &Allowed::all(Kind::Document)) {
            Err(Error::Question { parameter: named, .. }) => assert_eq!(named, parameter),
            other => panic!("{parameter}: {other:?}"),
        }
    }
    assert_eq!(fixture.find(Text::new("  -- ")), [""; 0]);
}

#[test]
fn entries_that_are_strange_are_indexed_within_bounds() {
    let many: serde_json::Map<_, _> = (0..5_000).map(|n| (format!("key{n}"), json!(n))).collect();
    let deep = (0..100).fold(json!("bottom"), |inner, _| json!({"in": inner}));
    let fixture = Fixture::new(vec![
        document("many", json!({"title": "many", "metadata": many})),
        document("deep", json!({"title": "deep", "metadata": deep})),
        document(
            "long",
            json!({"title": "汉".repeat(100_000), "content": "word ".repeat(200_000), "x": "y".repeat(100_000)}),
        ),
        document("odd", json!({"title": 7, "type": [[1, "a"], {"b": null}], "\u{1}": 1, "": {"": ""}, "a.b": 1e300})),
    ]);
    assert_eq!(fixture.find_words("many"), ["many"]);
    assert_eq!(fixture.find_words("deep"), ["deep"]);
    assert_eq!(fixture.find_words("汉汉"), ["long"]);
    assert_eq!(fixture.filter(&["type:a"]), ["odd"]);
    assert_eq!(fixture.filter(&["a.b:>1"]), [""; 0]);
}
