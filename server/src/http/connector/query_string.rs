//! Reads the questions of every `_search`: the query string of the contract, and a body in Elasticsearch's language that
//! is joined to it.
//!
//! Unknown parameters are ignored. `+` stays what it is: the original does not decode it either.

use super::{dsl, shown::Shown};
use crate::http::v1::percent_decode;
use search::{Aggregation, Error, Filter, Operator, Question, Result, Scalar, Sort, Text};
use std::{borrow::Cow, collections::BTreeSet};

/// How many hits there are when the size is 0 or not given.
const DEFAULT_SIZE: usize = 10;

/// What a route takes for what is not given.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Defaults {
    /// Without a text and without an order. Empty: by score.
    pub(in crate::http) sort: Vec<Sort>,
}

/// What was asked, understood.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::http) struct Asked {
    pub(in crate::http) question: Question,
    /// Which fields of `_source` are shown.
    pub(in crate::http) shown: Shown,
    /// The `datasource` parameter; absent for all that are allowed.
    pub(in crate::http) datasources: Option<BTreeSet<String>>,
    /// `view=list`.
    pub(in crate::http) as_list: bool,
    /// The names of the folders of the `path` parameter.
    pub(in crate::http) path: Option<Vec<String>>,
}

impl Asked {
    /// Reads a raw query string and a body; a body of white space is none.
    ///
    /// # Errors
    /// [`Error::Question`] with the name of the parameter or of the place in the body.
    pub(in crate::http) fn read(query: &str, body: &[u8], defaults: &Defaults) -> Result<Self> {
        let params = Params(query);
        let text = text(&params)?;
        let mut asked = Self {
            question: Question {
                text,
                filters: filters(&params)?,
                sort: params.last("sort")?.map_or(Ok(Vec::new()), |sort| Sort::parse(&sort))?,
                from: params.number("from")?.unwrap_or(0),
                size: params.number("size")?.filter(|size| *size > 0).unwrap_or(DEFAULT_SIZE),
                aggregations: aggregations(&params)?,
            },
            shown: Shown::new(
                params.list(&["_source_includes", "source_fields"])?,
                params.list(&["_source_excludes"])?,
            ),
            datasources: datasources(&params)?,
            as_list: params.last("view")?.is_some_and(|view| view == "list"),
            path: params.last("path")?.filter(|path| !path.is_empty()).map(|path| folders(&path)).transpose()?,
        };
        if !body.iter().all(u8::is_ascii_whitespace) {
            dsl::join(body, &mut asked)?;
        }
        if asked.question.sort.is_empty() && asked.question.text.is_none() {
            asked.question.sort.clone_from(&defaults.sort);
        }
        asked.question.check()?;
        Ok(asked)
    }

    /// Whether nothing narrows the question: neither a text nor a filter.
    pub(in crate::http) fn asks_for_all(&self) -> bool {
        self.question.text.is_none() && self.question.filters.is_empty()
    }
}

fn text(params: &Params<'_>) -> Result<Option<Text>> {
    match params.last("search_type")?.as_deref() {
        // There are no embeddings: what is asked for by meaning is answered by words.
        None | Some("" | "keyword" | "semantic" | "hybrid") => (),
        Some(_) => return Err(Error::question("search_type", "must be `keyword`, `semantic` or `hybrid`")),
    }
    let fuzziness = match params.last("fuzziness")?.filter(|text| !text.is_empty()) {
        None => Text::DEFAULT_FUZZINESS,
        Some(text) => text.parse().ok().filter(|level| *level <= Text::MOST_FUZZINESS).ok_or_else(|| {
            Error::question("fuzziness", format!("must be a number from 0 to {}", Text::MOST_FUZZINESS))
        })?,
    };
    let operator = params.operator("default_operator")?;
    let fields = params.list(&["default_query_fields", "default_fields", "search_field"])?;
    let title_only = !fields.is_empty() && fields.iter().all(|field| dsl::is_title(field));
    let words = params.last("query")?.filter(|words| !matches!(words.trim(), "" | "*"));
    Ok(words.map(|words| Text { fuzziness, operator, title_only, ..Text::new(words) }))
}

fn filters(params: &Params<'_>) -> Result<Vec<Filter>> {
    let every = params.operator("default_filter_operator")? == Operator::And;
    let given = params.all("filter")?;
    let mut filters = Filter::parse_all(given.iter().map(AsRef::as_ref), every)?;
    // Each a parameter of its own, from one generation of the contract or another.
    const NAMED: [(&str, &str); 6] = [
        ("category", "category"),
        ("subcategory", "subcategory"),
        ("rich_category", "rich_categories.key"),
        ("tags", "tags"),
        ("username", "owner.username"),
        ("userid", "owner.userid"),
    ];
    for (name, field) in NAMED {
        let values = params.list(&[name])?;
        if !values.is_empty() {
            let values = values.into_iter().map(Scalar::Text).collect();
            filters.push(Filter::Is { field: field.to_owned(), values });
        }
    }
    Ok(filters)
}

fn datasources(params: &Params<'_>) -> Result<Option<BTreeSet<String>>> {
    let ids: BTreeSet<_> = params.list(&["datasource"])?.into_iter().collect();
    Ok(if ids.is_empty() || ids.contains("*") { None } else { Some(ids) })
}

fn folders(path: &str) -> Result<Vec<String>> {
    serde_json::from_str(path)
        .map_err(|_| Error::question("path", "must be a JSON array of folder names, like [\"a\",\"b\"]"))
}

/// `aggs={"name":{"terms":{"field":"type"}}}` as in a body, and `agg[name][terms][field]=type`.
fn aggregations(params: &Params<'_>) -> Result<Vec<Aggregation>> {
    let mut found = Vec::new();
    for name in ["aggs", "aggregations"] {
        if let Some(text) = params.last(name)?.filter(|text| !text.is_empty()) {
            let value = serde_json::from_str(&text).map_err(|_| Error::question(name, "must be a JSON object"))?;
            found.extend(dsl::aggregations(name, &value)?);
        }
    }
    for (key, value) in params.pairs() {
        let Ok(key) = percent_decode(key.as_bytes()) else { continue };
        let Some(inner) = ["aggs[", "agg["].into_iter().find_map(|start| key.strip_prefix(start)) else { continue };
        let value = percent_decode(value.as_bytes()).map_err(|reason| Error::question(key.as_ref(), reason))?;
        let names: Vec<_> = inner.trim_end_matches(']').split("][").collect();
        let [name, "terms", option] = names[..] else {
            return Err(Error::question(key.as_ref(), "must be `agg[name][terms][field]` or `agg[name][terms][size]`"));
        };
        let known = found.iter().position(|aggregation: &Aggregation| aggregation.name == name);
        let at = known.unwrap_or_else(|| {
            found.push(Aggregation { name: name.to_owned(), field: String::new(), size: dsl::DEFAULT_BUCKETS });
            found.len() - 1
        });
        match option {
            "field" => found[at].field = value.into_owned(),
            "size" => {
                let size = value.parse().map_err(|_| Error::question(key.as_ref(), "must be a number"))?;
                found[at].size = size;
            }
            _ => (),
        }
    }
    match found.iter().find(|aggregation| aggregation.field.is_empty()) {
        Some(empty) => Err(Error::question(format!("agg[{}]", empty.name), "needs `[terms][field]`")),
        None => Ok(found),
    }
}

/// A raw query string.
struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    fn all(&self, name: &str) -> Result<Vec<Cow<'a, str>>> {
        let named = self.pairs().filter(|(key, _)| percent_decode(key.as_bytes()).is_ok_and(|key| key == name));
        named
            .map(|(_, value)| percent_decode(value.as_bytes()).map_err(|reason| Error::question(name, reason)))
            .collect()
    }

    fn last(&self, name: &str) -> Result<Option<Cow<'a, str>>> {
        Ok(self.all(name)?.pop())
    }

    /// A number of 0 or more.
    fn number(&self, name: &str) -> Result<Option<usize>> {
        let Some(text) = self.last(name)?.filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Error::question(name, "must be a number of 0 or more"))
    }

    fn operator(&self, name: &str) -> Result<Operator> {
        match self.last(name)? {
            None => Ok(Operator::Or),
            Some(text) => dsl::operator(name, &text),
        }
    }

    /// What stands between commas, under any of the names.
    fn list(&self, names: &[&str]) -> Result<Vec<String>> {
        let mut items = Vec::new();
        for name in names {
            for value in self.all(name)? {
                items.extend(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned));
            }
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use search::filter::Bound;

    fn read(query: &str) -> Asked {
        Asked::read(query, b"", &Defaults::default()).unwrap()
    }

    fn refused(query: &str, body: &str) -> String {
        Asked::read(query, body.as_bytes(), &Defaults::default()).unwrap_err().to_string()
    }

    #[test]
    fn a_query_string_is_a_question() {
        let asked = read(
            "query=%E6%8A%A5%E5%91%8A+x&from=20&size=5&sort=created:desc,title&filter=type:pdf&filter=type=docx&filter=-exists(a.b)&filter=size%3E%3D5\
             &fuzziness=1&default_operator=AND&datasource=a,b&category=reports&view=list&path=%5B%22x%22%5D&_source_includes=title,source.*",
        );
        let question = &asked.question;
        let text = Text { fuzziness: 1, operator: Operator::And, ..Text::new("报告+x") };
        assert_eq!(question.text, Some(text));
        assert_eq!((question.from, question.size), (20, 5));
        assert_eq!(question.sort, [Sort::new("created", true), Sort::new("title", false)]);
        let texts = |values: &[&str]| values.iter().map(|value| Scalar::Text((*value).to_owned())).collect();
        let low = Some(Bound { value: Scalar::Integer(5), included: true });
        let expected = [
            Filter::Is { field: "type".into(), values: texts(&["pdf", "docx"]) },
            Filter::Exists("a.b".into()).negated(),
            Filter::Range { field: "size".into(), low, high: None },
            Filter::Is { field: "category".into(), values: texts(&["reports"]) },
        ];
        assert_eq!(question.filters, expected);
        assert_eq!(asked.datasources, Some(BTreeSet::from(["a".into(), "b".into()])));
        assert!(asked.as_list && !asked.asks_for_all());
        assert_eq!(asked.path, Some(vec!["x".to_owned()]));
        assert_eq!(asked.shown, Shown::new(vec!["title".into(), "source.*".into()], vec![]));
    }

    #[test]
    fn what_is_not_given_is_taken_from_the_contract() {
        let defaults = Defaults { sort: vec![Sort::new("created", true)] };
        let asked = Asked::read("size=0&query=&datasource=*&unknown=%zz", b" \n", &defaults).unwrap();
        assert_eq!(asked.question, Question { sort: defaults.sort.clone(), ..Question::default() });
        assert!(asked.asks_for_all() && asked.datasources.is_none() && !asked.as_list);
        let with_text = Asked::read("query=x", b"", &defaults).unwrap();
        assert!(with_text.question.sort.is_empty(), "a text is answered by score");
        assert!(read("query=x&default_query_fields=title").question.text.unwrap().title_only);
        assert!(!read("query=x&default_query_fields=title,content").question.text.unwrap().title_only);
    }

    #[test]
    fn several_values_of_a_field_may_all_be_wanted() {
        let asked = read("filter=tags:a&filter=tags:b&default_filter_operator=and");
        let tag = |tag: &str| Filter::is("tags", Scalar::Text(tag.into()));
        assert_eq!(asked.question.filters, [tag("a"), tag("b")]);
    }

    #[test]
    fn aggregations_stand_in_a_query_string_too() {
        let wanted = Aggregation { name: "t".into(), field: "type".into(), size: 3 };
        let json = "aggs=%7B%22t%22:%7B%22terms%22:%7B%22field%22:%22type%22,%22size%22:3%7D%7D%7D";
        assert_eq!(read(json).question.aggregations, std::slice::from_ref(&wanted));
        assert_eq!(read("agg[t][terms][field]=type&agg%5Bt%5D[terms][size]=3").question.aggregations, [wanted]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, name) in [
            ("from=-1", "from"),
            ("size=x", "size"),
            ("from=9999&size=2", "from"),
            ("fuzziness=6", "fuzziness"),
            ("fuzziness=auto", "fuzziness"),
            ("sort=created:up", "sort"),
            ("sort=_score:asc", "sort"),
            ("filter=%3E5", "filter"),
            ("filter=exists(", "filter"),
            ("filter=size%3E", "filter"),
            ("query=%ff", "query"),
            ("default_operator=xor", "default_operator"),
            ("search_type=magic", "search_type"),
            ("path=a", "path"),
            ("aggs=1", "aggs"),
            ("agg[t][sum][field]=size", "agg[t][sum][field]"),
            ("agg[t][terms][size]=3", "agg[t]"),
        ] {
            let refusal = refused(query, "");
            assert!(refusal.starts_with(&format!("{name}: ")), "{query}: {refusal}");
        }
        assert!(refused(&format!("query={}", "x".repeat(2_000)), "").starts_with("query: "));
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_is_a_panic(query in "[a-z_]{0,8}(=|%|[&:<>()!,\"-]|\\PC){0,60}", body in "\\PC{0,60}") {
            let _ = Asked::read(&query, body.as_bytes(), &Defaults::default());
            for name in ["query", "filter", "sort", "aggs", "path", "from"] {
                let _ = Asked::read(&format!("{name}={query}"), b"", &Defaults::default());
            }
        }
    }
}
