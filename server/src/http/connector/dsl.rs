//! Reads a body in Elasticsearch's query language, as much of it as makes sense here. What is not understood is refused
//! by name: to answer another question than the one that was asked would be worse.
//!
//! One text of the whole question can count for the score: the first that everything found must hold. Others only
//! narrow. `match` finds whole words, as it does there, unless it has a `fuzziness`.

use super::{query_string::Asked, shown::Shown};
use search::{Aggregation, Error, Filter, Operator, Result, Scalar, Sort, Text, filter::Bound};
use serde_json::{Map, Value};

/// How many buckets an aggregation shows when it does not say.
pub(super) const DEFAULT_BUCKETS: usize = 10;

/// Questions that are nested deeper are refused.
const DEEPEST: usize = 32;

/// Joins a body to what the query string asked.
pub(super) fn join(body: &[u8], asked: &mut Asked) -> Result<()> {
    let value: Value =
        serde_json::from_slice(body).map_err(|error| Error::question("body", format!("is no JSON: {error}")))?;
    let Value::Object(fields) = &value else { return Err(Error::question("body", "must be a JSON object")) };
    let question = &mut asked.question;
    for (name, value) in fields {
        match (name.as_str(), value) {
            (_, Value::Null) => (),
            ("query", value) => {
                let filter = Reader { text: &mut question.text, depth: 0 }.clause("query", value, true)?;
                question.filters.push(filter);
            }
            ("post_filter", value) => {
                let filter = Reader { text: &mut None, depth: DEEPEST / 2 }.clause("post_filter", value, false)?;
                question.filters.push(filter);
            }
            ("from", value) => question.from = number("from", value)?,
            ("size", value) => question.size = number("size", value)?,
            ("sort", value) => question.sort = sorts(value)?,
            ("aggs" | "aggregations", value) => question.aggregations.extend(aggregations(name, value)?),
            ("_source", value) => asked.shown = shown(value)?,
            _ => (),
        }
    }
    question.filters.retain(|filter| *filter != Filter::All(Vec::new()));
    Ok(())
}

/// Whether a field of a query means the title; documents have titles, the others names.
pub(super) fn is_title(field: &str) -> bool {
    let field = field.split('^').next().unwrap_or_default();
    ["title", "name"]
        .iter()
        .any(|title| field.strip_prefix(title).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// Whether a field holds text that is searched rather than a value that is compared.
fn is_text(field: &str) -> bool {
    const TEXTS: [&str; 8] =
        ["*", "_all", "combined_fulltext", "content", "description", "document_chunk", "summary", "tags"];
    let field = field.split('^').next().unwrap_or_default();
    is_title(field) || TEXTS.iter().any(|text| field == *text || field.starts_with(&format!("{text}.")))
}

pub(super) fn operator(name: &str, text: &str) -> Result<Operator> {
    match text {
        "" => Ok(Operator::Or),
        text if text.eq_ignore_ascii_case("or") => Ok(Operator::Or),
        text if text.eq_ignore_ascii_case("and") => Ok(Operator::And),
        _ => Err(Error::question(name, "must be `or` or `and`")),
    }
}

/// Reads clauses; the first text that counts for the score is put aside.
struct Reader<'a> {
    text: &'a mut Option<Text>,
    depth: usize,
}

impl Reader<'_> {
    /// `required`: everything found holds this clause, so a text in it may count for the score.
    fn clause(&mut self, place: &str, value: &Value, required: bool) -> Result<Filter> {
        let (kind, inner) = single(place, value)?;
        let place = format!("{place}.{kind}");
        match kind {
            "match_all" => Ok(Filter::All(Vec::new())),
            "match_none" => Ok(Filter::Any(Vec::new())),
            "match" | "match_phrase" | "match_phrase_prefix" | "match_bool_prefix" => {
                self.matching(&place, kind, inner, required)
            }
            "multi_match" | "query_string" | "simple_query_string" => self.several_fields(&place, inner, required),
            "term" => {
                let (field, value) = single(&place, inner)?;
                let value = value.get("value").unwrap_or(value);
                Ok(Filter::is(plain(field), scalar(&place, value)?))
            }
            "terms" => {
                let (field, values) = single(&place, inner)?;
                Ok(Filter::Is { field: plain(field), values: scalars(&place, values)? })
            }
            "ids" => Ok(Filter::Is { field: "id".into(), values: scalars(&place, &inner["values"])? }),
            "exists" => Ok(Filter::Exists(plain(text_of(&format!("{place}.field"), &inner["field"])?))),
            "prefix" | "wildcard" => beginning(&place, kind, inner),
            "range" => range(&place, inner),
            "bool" => self.boolean(&place, inner, required),
            "constant_score" => self.nested(&place, &inner["filter"], false),
            _ => Err(Error::question(place, "is not a kind of query that is known here")),
        }
    }

    fn nested(&mut self, place: &str, value: &Value, required: bool) -> Result<Filter> {
        if self.depth >= DEEPEST {
            return Err(Error::question("query", format!("is nested more than {DEEPEST} deep")));
        }
        self.depth += 1;
        let filter = self.clause(place, value, required);
        self.depth -= 1;
        filter
    }

    fn boolean(&mut self, place: &str, value: &Value, required: bool) -> Result<Filter> {
        let Value::Object(parts) = value else { return Err(Error::question(place, "must be an object")) };
        let mut all = Vec::new();
        let mut any = Vec::new();
        for (name, value) in parts {
            let place = format!("{place}.{name}");
            let clauses = match value {
                Value::Array(clauses) => clauses.as_slice(),
                one => std::slice::from_ref(one),
            };
            for clause in clauses {
                match name.as_str() {
                    "must" => all.push(self.nested(&place, clause, required)?),
                    "filter" => all.push(self.nested(&place, clause, false)?),
                    "must_not" => all.push(self.nested(&place, clause, false)?.negated()),
                    "should" => any.push(self.nested(&place, clause, false)?),
                    _ => (),
                }
            }
        }
        // As there: beside what must be, what should be is a wish that narrows nothing, unless a minimum is asked for.
        let minimum = match parts.get("minimum_should_match") {
            None => usize::from(all.is_empty()),
            Some(value) => number(&format!("{place}.minimum_should_match"), value)?,
        };
        match minimum {
            0 => (),
            _ if any.is_empty() => (),
            1 => all.extend(self.one_text(any, required)),
            more if more >= any.len() => all.append(&mut any),
            _ => return Err(Error::question(format!("{place}.minimum_should_match"), "must be 0, 1 or all of them")),
        }
        Ok(Filter::All(all))
    }

    /// The same words looked for in several fields are one text that counts for the score.
    fn one_text(&mut self, any: Vec<Filter>, required: bool) -> Option<Filter> {
        let Some((Filter::Text(first), others)) = any.split_first() else { return Some(Filter::Any(any)) };
        let same = |other: &Filter| matches!(other, Filter::Text(text) if text.words == first.words && !text.phrase);
        if !required || self.text.is_some() || first.phrase || !others.iter().all(same) {
            return Some(Filter::Any(any));
        }
        let texts = any.iter().filter_map(|filter| match filter {
            Filter::Text(text) => Some(text),
            _ => None,
        });
        let loosest = texts.clone().max_by_key(|text| (!text.title_only, text.fuzziness))?;
        let title_only = texts.clone().all(|text| text.title_only);
        *self.text = Some(Text { title_only, ..loosest.clone() });
        None
    }

    fn matching(&mut self, place: &str, kind: &str, value: &Value, required: bool) -> Result<Filter> {
        let (field, inner) = single(place, value)?;
        let place = format!("{place}.{field}");
        let query = inner.get("query").unwrap_or(inner);
        let words = match scalar(&place, query)? {
            Scalar::Text(words) => words,
            other if !is_text(field) => return Ok(Filter::is(plain(field), other)),
            Scalar::Bool(flag) => flag.to_string(),
            Scalar::Integer(integer) => integer.to_string(),
            Scalar::Float(float) => float.to_string(),
        };
        if !is_text(field) {
            return Ok(Filter::is(plain(field), Scalar::Text(words)));
        }
        let beginnings = kind.ends_with("prefix");
        let mut text = options(&place, inner, words)?;
        text.title_only = is_title(field);
        text.phrase = kind == "match_phrase";
        if beginnings {
            text.fuzziness = Text::DEFAULT_FUZZINESS;
            // A phrase whose last word may go on: all words, the beginnings of them suffice.
            text.operator = if kind == "match_phrase_prefix" { Operator::And } else { text.operator };
        }
        Ok(self.put(text, required))
    }

    fn several_fields(&mut self, place: &str, value: &Value, required: bool) -> Result<Filter> {
        let words = text_of(&format!("{place}.query"), &value["query"])?.to_owned();
        if matches!(words.trim(), "" | "*") {
            return Ok(Filter::All(Vec::new()));
        }
        let mut text = options(place, value, words)?;
        if let Some(Value::Array(fields)) = value.get("fields") {
            text.title_only = !fields.is_empty() && fields.iter().all(|field| field.as_str().is_some_and(is_title));
        }
        match value["type"].as_str() {
            Some("phrase") => text.phrase = true,
            Some("phrase_prefix" | "bool_prefix") => text.fuzziness = Text::DEFAULT_FUZZINESS,
            _ => (),
        }
        Ok(self.put(text, required))
    }

    /// The first text that everything found must hold counts for the score; any other narrows.
    fn put(&mut self, text: Text, required: bool) -> Filter {
        if required && self.text.is_none() {
            *self.text = Some(text);
            return Filter::All(Vec::new());
        }
        Filter::Text(text)
    }
}

/// What a text may say of itself.
fn options(place: &str, value: &Value, words: String) -> Result<Text> {
    let mut text = Text { fuzziness: 0, ..Text::new(words) };
    for name in ["operator", "default_operator"] {
        if let Some(word) = value.get(name) {
            let place = format!("{place}.{name}");
            text.operator = operator(&place, text_of(&place, word)?)?;
        }
    }
    text.fuzziness = match value.get("fuzziness") {
        None | Some(Value::Null) => 0,
        Some(Value::String(auto)) if auto.to_ascii_uppercase().starts_with("AUTO") => 2,
        Some(Value::String(text)) => text.parse().map_err(|_| wrong_fuzziness(place))?,
        Some(value) => value.as_u64().and_then(|level| level.try_into().ok()).ok_or_else(|| wrong_fuzziness(place))?,
    };
    if text.fuzziness > Text::MOST_FUZZINESS { Err(wrong_fuzziness(place)) } else { Ok(text) }
}

fn wrong_fuzziness(place: &str) -> Error {
    Error::question(
        format!("{place}.fuzziness"),
        format!("must be `AUTO` or a number from 0 to {}", Text::MOST_FUZZINESS),
    )
}

fn beginning(place: &str, kind: &str, value: &Value) -> Result<Filter> {
    let (field, inner) = single(place, value)?;
    let place = format!("{place}.{field}");
    let text = inner.get("value").or_else(|| inner.get("wildcard")).unwrap_or(inner);
    let text = text_of(&place, text)?;
    if kind == "prefix" {
        return Ok(Filter::Begins { field: plain(field), with: text.to_owned() });
    }
    match text.strip_suffix('*') {
        Some(start) if !start.contains(['*', '?']) => {
            Ok(Filter::Begins { field: plain(field), with: start.to_owned() })
        }
        None if !text.contains(['*', '?']) => Ok(Filter::is(plain(field), Scalar::Text(text.to_owned()))),
        _ => Err(Error::question(place, "may have one `*`, at its end")),
    }
}

fn range(place: &str, value: &Value) -> Result<Filter> {
    let (field, bounds) = single(place, value)?;
    let bound = |name: &str, included: bool| -> Result<Option<Bound>> {
        let value = bounds.get(name).filter(|value| !value.is_null());
        let scalar = value.map(|value| scalar(&format!("{place}.{field}.{name}"), value)).transpose()?;
        Ok(scalar.map(|value| Bound { value, included }))
    };
    let low = bound("gte", true)?.or(bound("gt", false)?);
    let high = bound("lte", true)?.or(bound("lt", false)?);
    if low.is_none() && high.is_none() {
        return Err(Error::question(format!("{place}.{field}"), "needs one of `gte`, `gt`, `lte`, `lt`"));
    }
    Ok(Filter::Range { field: plain(field), low, high })
}

/// `terms` aggregations.
pub(super) fn aggregations(place: &str, value: &Value) -> Result<Vec<Aggregation>> {
    let Value::Object(named) = value else { return Err(Error::question(place, "must be an object")) };
    let one = |(name, value): (&String, &Value)| {
        let place = format!("{place}.{name}");
        let (kind, inner) = single(&place, value)?;
        if kind != "terms" {
            return Err(Error::question(format!("{place}.{kind}"), "is not known here; `terms` is"));
        }
        let size = match inner.get("size") {
            None => DEFAULT_BUCKETS,
            Some(size) => number(&format!("{place}.terms.size"), size)?,
        };
        let field = plain(text_of(&format!("{place}.terms.field"), &inner["field"])?);
        Ok(Aggregation { name: name.clone(), field, size })
    };
    named.iter().map(one).collect()
}

fn sorts(value: &Value) -> Result<Vec<Sort>> {
    match value {
        Value::String(text) => Sort::parse(text),
        Value::Array(keys) => keys.iter().map(sorts).collect::<Result<Vec<_>>>().map(|keys| keys.concat()),
        Value::Object(keys) => keys.iter().map(|(field, order)| sort(field, order)).collect(),
        _ => Err(Error::question("sort", "must be a string, an object or a list of them")),
    }
}

fn sort(field: &str, order: &Value) -> Result<Sort> {
    let direction = match order.get("order").unwrap_or(order) {
        Value::String(direction) => direction.as_str(),
        Value::Object(_) if field == Sort::SCORE => "desc",
        Value::Object(_) => "asc",
        _ => return Err(Error::question(format!("sort.{field}"), "must be `asc` or `desc`")),
    };
    match direction.to_ascii_lowercase().as_str() {
        "asc" => Ok(Sort::new(plain(field), false)),
        "desc" => Ok(Sort::new(plain(field), true)),
        _ => Err(Error::question(format!("sort.{field}"), "must be `asc` or `desc`")),
    }
}

fn shown(value: &Value) -> Result<Shown> {
    let wrong =
        || Error::question("_source", "must be a boolean, a field, a list of fields, or `includes` and `excludes`");
    let list = |value: Option<&Value>| -> Result<Vec<String>> {
        match value {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(field)) => Ok(vec![field.clone()]),
            Some(Value::Array(fields)) => {
                fields.iter().map(|field| field.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    };
    match value {
        Value::Bool(true) => Ok(Shown::default()),
        Value::Bool(false) => Ok(Shown::nothing()),
        Value::Object(parts) => {
            let includes = parts.get("includes").or_else(|| parts.get("include"));
            let excludes = parts.get("excludes").or_else(|| parts.get("exclude"));
            Ok(Shown::new(list(includes)?, list(excludes)?))
        }
        fields => Ok(Shown::new(list(Some(fields))?, Vec::new())),
    }
}

/// The name and the value of an object of one field; options that some clients put beside it do not count.
fn single<'v>(place: &str, value: &'v Value) -> Result<(&'v str, &'v Value)> {
    let fields = value.as_object().ok_or_else(|| Error::question(place, "must be an object"))?;
    let mut named = fields.iter().filter(|(name, _)| !is_option(name, fields));
    match (named.next(), named.next()) {
        (Some((name, value)), None) => Ok((name, value)),
        _ => Err(Error::question(place, "must be an object of exactly one field")),
    }
}

fn is_option(name: &str, fields: &Map<String, Value>) -> bool {
    fields.len() > 1 && ["boost", "_name", "meta"].contains(&name)
}

/// A field without the suffix by which Elasticsearch names its whole value.
fn plain(field: &str) -> String {
    field.strip_suffix(".keyword").unwrap_or(field).to_owned()
}

fn text_of<'v>(place: &str, value: &'v Value) -> Result<&'v str> {
    value.as_str().ok_or_else(|| Error::question(place, "must be a string"))
}

fn number(place: &str, value: &Value) -> Result<usize> {
    let number = value.as_u64().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| Error::question(place, "must be a number of 0 or more"))
}

fn scalar(place: &str, value: &Value) -> Result<Scalar> {
    Scalar::of_json(value).ok_or_else(|| Error::question(place, "must be a string, a number or a boolean"))
}

fn scalars(place: &str, value: &Value) -> Result<Vec<Scalar>> {
    let Value::Array(values) = value else { return Err(Error::question(place, "must be a list")) };
    values.iter().map(|value| scalar(place, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::connector::query_string::Defaults;
    use proptest::prelude::*;
    use search::Question;
    use serde_json::json;

    fn read(body: Value) -> Asked {
        Asked::read("", body.to_string().as_bytes(), &Defaults::default()).unwrap()
    }

    fn refused(body: Value) -> String {
        Asked::read("", body.to_string().as_bytes(), &Defaults::default()).unwrap_err().to_string()
    }

    fn filters(query: Value) -> Vec<Filter> {
        read(json!({"query": query})).question.filters
    }

    fn text(value: &str) -> Scalar {
        Scalar::Text(value.to_owned())
    }

    #[test]
    fn a_body_is_a_question() {
        let asked = read(json!({
            "query": {"bool": {
                "must": [{"match": {"title": {"query": "annual report", "operator": "and", "fuzziness": "AUTO"}}}],
                "filter": {"term": {"type.keyword": {"value": "pdf"}}},
                "must_not": [{"exists": {"field": "disabled"}}],
            }},
            "from": 5, "size": 0, "track_total_hits": true,
            "sort": [{"created": {"order": "desc"}}, "title:asc", {"size": "asc"}],
            "aggs": {"types": {"terms": {"field": "type.keyword", "size": 3}}},
            "_source": {"includes": "title", "excludes": ["payload"]},
        }));
        let question = Question {
            text: Some(Text { operator: Operator::And, fuzziness: 2, title_only: true, ..Text::new("annual report") }),
            filters: vec![Filter::All(vec![
                Filter::All(vec![]),
                Filter::is("type", text("pdf")),
                Filter::Exists("disabled".into()).negated(),
            ])],
            sort: vec![Sort::new("created", true), Sort::new("title", false), Sort::new("size", false)],
            from: 5,
            size: 0,
            aggregations: vec![Aggregation { name: "types".into(), field: "type".into(), size: 3 }],
        };
        // The order of the parts of an object is not the order in which they were sent.
        let Filter::All(parts) = &asked.question.filters[0] else { panic!("all of them") };
        assert_eq!(parts.len(), 3);
        let sorted = |filter: &Filter| format!("{filter:?}");
        let mut found: Vec<_> = parts.iter().map(sorted).collect();
        let Filter::All(expected) = &question.filters[0] else { panic!("all of them") };
        let mut expected: Vec<_> = expected.iter().map(sorted).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(Question { filters: vec![], ..asked.question }, Question { filters: vec![], ..question });
        assert_eq!(asked.shown, Shown::new(vec!["title".into()], vec!["payload".into()]));
    }

    #[test]
    fn clauses_are_conditions() {
        let bound = |value: i64, included: bool| Some(Bound { value: Scalar::Integer(value), included });
        let size = |low, high| Filter::Range { field: "size".into(), low, high };
        let begins = |with: &str| Filter::Begins { field: "metadata.key".into(), with: with.into() };
        for (query, expected) in [
            (json!({"match_all": {}}), vec![]),
            (json!({"match_none": {}}), vec![Filter::Any(vec![])]),
            (json!({"term": {"source.id": "a"}}), vec![Filter::is("source.id", text("a"))]),
            (
                json!({"terms": {"type": ["a", 1], "boost": 2}}),
                vec![Filter::Is { field: "type".into(), values: vec![text("a"), Scalar::Integer(1)] }],
            ),
            (json!({"ids": {"values": ["x"]}}), vec![Filter::is("id", text("x"))]),
            (json!({"match": {"type": "pdf"}}), vec![Filter::is("type", text("pdf"))]),
            (json!({"range": {"size": {"gte": 1, "lt": 9}}}), vec![size(bound(1, true), bound(9, false))]),
            (json!({"range": {"size": {"gt": 1, "lte": 9}}}), vec![size(bound(1, false), bound(9, true))]),
            (json!({"prefix": {"metadata.key": "a/"}}), vec![begins("a/")]),
            (json!({"wildcard": {"metadata.key": {"value": "a/*"}}}), vec![begins("a/")]),
            (json!({"constant_score": {"filter": {"term": {"a": true}}}}), vec![Filter::is("a", Scalar::Bool(true))]),
            (
                json!({"bool": {"should": [{"term": {"a": 1}}, {"term": {"b": 2}}]}}),
                vec![Filter::All(vec![Filter::Any(vec![
                    Filter::is("a", Scalar::Integer(1)),
                    Filter::is("b", Scalar::Integer(2)),
                ])])],
            ),
            (
                json!({"bool": {"filter": [{"term": {"a": 1}}], "should": [{"term": {"b": 2}}]}}),
                vec![Filter::All(vec![Filter::is("a", Scalar::Integer(1))])],
            ),
        ] {
            assert_eq!(filters(query.clone()), expected, "{query}");
        }
    }

    #[test]
    fn the_first_text_that_must_be_counts_for_the_score() {
        let asked = |query: Value| read(json!({"query": query})).question;
        let several =
            asked(json!({"multi_match": {"query": "x y", "fields": ["title^10", "content"], "type": "phrase"}}));
        assert_eq!(several.text, Some(Text { fuzziness: 0, phrase: true, ..Text::new("x y") }));
        let should =
            asked(json!({"bool": {"should": [{"match": {"title": "x"}}, {"match_bool_prefix": {"content": "x"}}]}}));
        assert_eq!(should.text, Some(Text::new("x")));
        assert!(should.filters.is_empty());
        let twice = asked(json!({"bool": {"must": [{"match": {"content": "x"}}, {"match": {"content": "y"}}]}}));
        assert_eq!(twice.text.unwrap().words, "x");
        assert!(
            matches!(&twice.filters[..], [Filter::All(all)] if matches!(&all[1], Filter::Text(text) if text.words == "y"))
        );
        let excluded = asked(json!({"bool": {"must_not": [{"match": {"content": "x"}}]}}));
        assert!(excluded.text.is_none(), "what must not be is not looked for");
        let joined =
            Asked::read("query=a&filter=b:1", br#"{"query":{"match":{"content":"x"}}}"#, &Defaults::default()).unwrap();
        assert_eq!(joined.question.text.unwrap().words, "a");
        assert_eq!(joined.question.filters.len(), 2, "the body narrows what the query string asks");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let deep = (0..40).fold(json!({"match_all": {}}), |inner, _| json!({"bool": {"must": [inner]}}));
        for (body, name) in [
            (json!([]), "body"),
            (json!({"query": {"geo_shape": {}}}), "query.geo_shape"),
            (json!({"query": {}}), "query"),
            (json!({"query": {"term": {"a": 1, "b": 2}}}), "query.term"),
            (json!({"query": {"term": {"a": [1]}}}), "query.term"),
            (json!({"query": {"match": {"title": {"query": "x", "fuzziness": 9}}}}), "query.match.title.fuzziness"),
            (json!({"query": {"match": {"title": {"query": "x", "operator": "xor"}}}}), "query.match.title.operator"),
            (json!({"query": {"range": {"size": {}}}}), "query.range.size"),
            (json!({"query": {"wildcard": {"a": "*x"}}}), "query.wildcard.a"),
            (
                json!({"query": {"bool": {"should": [{"term": {"a": 1}}, {"term": {"a": 2}}, {"term": {"a": 3}}], "minimum_should_match": 2}}}),
                "query.bool.minimum_should_match",
            ),
            (json!({"query": deep}), "query"),
            (json!({"size": -1}), "size"),
            (json!({"from": 10_000, "size": 1}), "from"),
            (json!({"sort": 1}), "sort"),
            (json!({"sort": {"created": "up"}}), "sort.created"),
            (json!({"aggs": {"a": {"date_histogram": {"field": "created"}}}}), "aggs.a.date_histogram"),
            (json!({"aggs": {"a": {"terms": {}}}}), "aggs.a.terms.field"),
            (json!({"_source": 7}), "_source"),
        ] {
            let refusal = refused(body.clone());
            assert!(refusal.starts_with(&format!("{name}: ")), "{body}: {refusal}");
        }
        assert!(Asked::read("", b"{", &Defaults::default()).unwrap_err().to_string().starts_with("body: is no JSON"));
    }

    fn value() -> impl Strategy<Value = Value> {
        const NAMES: &str = "(query|bool|must|should|filter|must_not|match|term|terms|range|gte|field|value|values|title|aggs|sort|size|_source|exists|prefix|ids|x)";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,10}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 60, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(NAMES, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_body_is_a_panic(body in value(), inner in value()) {
            let _ = Asked::read("", body.to_string().as_bytes(), &Defaults::default());
            let _ = Asked::read("", json!({"query": inner, "aggs": body}).to_string().as_bytes(), &Defaults::default());
        }
    }
}
