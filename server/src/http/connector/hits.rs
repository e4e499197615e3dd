//! Answers of a search in the shape of Elasticsearch.

use super::shown::Shown;
use search::{Answer, Bucket, Hit, Kind, Scalar, Terms};
use serde_json::{Map, Value, json};

/// The answer to what was not asked: nothing found, all parts there.
pub(in crate::http) const COUNT_ONLY: &str = r#"{"took":0,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":0,"relation":"eq"},"max_score":null,"hits":[]}}"#;

/// The whole answer. `source` gives what the database has of a hit; what it no longer has is left out.
///
/// `hits.hits` is always there, also when nothing was found, and the total is exact.
pub(in crate::http) fn render(
    answer: &Answer,
    shown: &Shown,
    mut source: impl FnMut(&Hit) -> Option<Map<String, Value>>,
) -> Value {
    let hits = answer.hits.iter().filter_map(|hit| Some(one(hit, shown, source(hit)?))).collect::<Vec<_>>();
    let mut whole = json!({
        "took": u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        "timed_out": false,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": answer.total, "relation": "eq"},
            "max_score": answer.max_score,
            "hits": hits,
        },
    });
    if !answer.aggregations.is_empty() {
        let terms = answer.aggregations.iter().map(|terms| (terms.name.clone(), buckets(terms)));
        whole["aggregations"] = Value::Object(terms.collect());
    }
    whole
}

fn one(hit: &Hit, shown: &Shown, source: Map<String, Value>) -> Value {
    let mut rendered = json!({"_index": index(hit.kind), "_type": "_doc", "_id": hit.id, "_score": hit.score});
    if shown.any() {
        rendered["_source"] = Value::Object(shown.of(source));
    }
    rendered
}

/// The names that clients of the contract know.
fn index(kind: Kind) -> &'static str {
    match kind {
        Kind::Connector => "coco_connector",
        Kind::Datasource => "coco_datasource",
        Kind::Document => "coco_document-v2",
    }
}

fn buckets(terms: &Terms) -> Value {
    json!({
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": terms.others,
        "buckets": terms.buckets.iter().map(bucket).collect::<Vec<_>>(),
    })
}

fn bucket(bucket: &Bucket) -> Value {
    match &bucket.key {
        // As Elasticsearch shows booleans.
        Scalar::Bool(flag) => {
            json!({"key": u8::from(*flag), "key_as_string": flag.to_string(), "doc_count": bucket.count})
        }
        Scalar::Integer(integer) => json!({"key": integer, "doc_count": bucket.count}),
        Scalar::Float(float) => json!({"key": float, "doc_count": bucket.count}),
        Scalar::Text(text) => json!({"key": text, "doc_count": bucket.count}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn hit(id: &str, score: Option<f32>) -> Hit {
        Hit { kind: Kind::Document, id: id.into(), score }
    }

    #[test]
    fn an_answer_has_the_shape_of_elasticsearch() {
        let answer = Answer {
            total: 7,
            took: Duration::from_micros(3_900),
            max_score: Some(2.5),
            hits: vec![hit("a", Some(2.5)), hit("gone", Some(2.0)), hit("b", None)],
            aggregations: vec![Terms {
                name: "types".into(),
                buckets: vec![
                    Bucket { key: Scalar::Text("pdf".into()), count: 4 },
                    Bucket { key: Scalar::Bool(true), count: 2 },
                ],
                others: 1,
            }],
        };
        let source = |hit: &Hit| {
            let fields = json!({"title": hit.id, "payload": 1}).as_object().cloned();
            fields.filter(|_| hit.id != "gone")
        };
        let rendered = render(&answer, &Shown::new(vec![], vec!["payload".into()]), source);
        let expected = json!({
            "took": 3,
            "timed_out": false,
            "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {
                "total": {"value": 7, "relation": "eq"},
                "max_score": 2.5,
                "hits": [
                    {"_index": "coco_document-v2", "_type": "_doc", "_id": "a", "_score": 2.5, "_source": {"title": "a"}},
                    {"_index": "coco_document-v2", "_type": "_doc", "_id": "b", "_score": null, "_source": {"title": "b"}},
                ],
            },
            "aggregations": {"types": {
                "doc_count_error_upper_bound": 0,
                "sum_other_doc_count": 1,
                "buckets": [
                    {"key": "pdf", "doc_count": 4},
                    {"key": 1, "key_as_string": "true", "doc_count": 2},
                ],
            }},
        });
        assert_eq!(rendered, expected);
        assert!(render(&answer, &Shown::nothing(), source)["hits"]["hits"][0].get("_source").is_none());
    }

    #[test]
    fn nothing_found_has_a_list_too() {
        let nothing = Answer { total: 0, took: Duration::ZERO, max_score: None, hits: vec![], aggregations: vec![] };
        let rendered = render(&nothing, &Shown::default(), |_| None);
        assert_eq!(rendered, serde_json::from_str::<Value>(COUNT_ONLY).unwrap());
        assert_eq!(rendered["hits"]["hits"], json!([]));
    }
}
