//! The rules of a bucket for requests from pages of other origins.

use super::{door::Operations, error, error::said};
use axum::http::{HeaderMap, HeaderValue, header};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        CORSRule, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput, GetBucketCorsOutput,
        PutBucketCorsInput, PutBucketCorsOutput,
    },
};
use serde::{Deserialize, Serialize};

/// The most rules of a bucket.
const MOST: usize = 100;
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// One rule, as a row keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    origins: Vec<String>,
    methods: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    expose: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_age: Option<i32>,
}

impl Rule {
    fn of(rule: CORSRule) -> S3Result<Self> {
        let wrong = |sentence: String| Err(said(S3ErrorCode::InvalidRequest, sentence));
        if rule.allowed_origins.is_empty() || rule.allowed_methods.is_empty() {
            return Err(said(S3ErrorCode::MalformedXML, "A rule needs an AllowedOrigin and an AllowedMethod"));
        }
        if let Some(method) = rule.allowed_methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            return wrong(format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}"));
        }
        if let Some(origin) = rule.allowed_origins.iter().find(|origin| origin.matches('*').count() > 1) {
            return wrong(format!("AllowedOrigin \"{origin}\" can not have more than one wildcard."));
        }
        let headers = rule.allowed_headers.unwrap_or_default();
        if let Some(name) = headers.iter().find(|name| name.matches('*').count() > 1) {
            return wrong(format!("AllowedHeader \"{name}\" can not have more than one wildcard."));
        }
        let expose = rule.expose_headers.unwrap_or_default();
        if let Some(name) = expose.iter().find(|name| name.contains('*')) {
            return wrong(format!(
                "ExposeHeader \"{name}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            ));
        }
        Ok(Self {
            id: rule.id,
            origins: rule.allowed_origins,
            methods: rule.allowed_methods,
            headers,
            expose,
            max_age: rule.max_age_seconds,
        })
    }

    fn shown(self) -> CORSRule {
        CORSRule {
            id: self.id,
            allowed_origins: self.origins,
            allowed_methods: self.methods,
            allowed_headers: (!self.headers.is_empty()).then_some(self.headers),
            expose_headers: (!self.expose.is_empty()).then_some(self.expose),
            max_age_seconds: self.max_age,
        }
    }

    fn allows(&self, origin: &str, method: &str, headers: &[String]) -> bool {
        let origin_fits = self.origins.iter().any(|pattern| fits(pattern, origin));
        let method_fits = self.methods.iter().any(|allowed| allowed == method);
        let fits_any = |name: &String| self.headers.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), name));
        origin_fits && method_fits && headers.iter().all(fits_any)
    }

    /// The headers that tell a browser so.
    pub(super) fn answer(&self, origin: &str, requested: &[String], headers: &mut HeaderMap) {
        let any = self.origins.iter().any(|pattern| pattern == "*");
        let mut put = |name, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        put(header::ACCESS_CONTROL_ALLOW_ORIGIN, if any { "*" } else { origin });
        put(header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods.join(", "));
        if !requested.is_empty() {
            put(header::ACCESS_CONTROL_ALLOW_HEADERS, &requested.join(", "));
        }
        if !self.expose.is_empty() {
            put(header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose.join(", "));
        }
        if let Some(seconds) = self.max_age {
            put(header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        if !any {
            put(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        put(header::VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    }
}

/// Whether a text fits a pattern with at most one `*`.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, behind)) => {
            text.len() >= before.len() + behind.len() && text.starts_with(before) && text.ends_with(behind)
        }
    }
}

/// The first of a bucket's rules, as a row keeps them, that allows a request.
pub(super) fn matching(rules: &str, origin: &str, method: &str, headers: &[String]) -> Option<Rule> {
    let rules: Vec<Rule> = serde_json::from_str(rules).ok()?;
    rules.into_iter().find(|rule| rule.allows(origin, method, headers))
}

pub(super) async fn get_bucket_cors(
    door: &Operations,
    request: S3Request<GetBucketCorsInput>,
) -> S3Result<S3Response<GetBucketCorsOutput>> {
    let text = door.services.cors(door.caller()?, &request.input.bucket).await.map_err(error::of)?;
    let none = || said(S3ErrorCode::NoSuchCORSConfiguration, "The CORS configuration does not exist");
    let rules: Vec<Rule> = serde_json::from_str(&text.ok_or_else(none)?)
        .map_err(|cause| error::of(crate::domain::Error::internal(cause)))?;
    Ok(S3Response::new(GetBucketCorsOutput { cors_rules: Some(rules.into_iter().map(Rule::shown).collect()) }))
}

pub(super) async fn put_bucket_cors(
    door: &Operations,
    request: S3Request<PutBucketCorsInput>,
) -> S3Result<S3Response<PutBucketCorsOutput>> {
    let input = request.input;
    let rules = input.cors_configuration.cors_rules;
    if rules.is_empty() || rules.len() > MOST {
        return Err(said(S3ErrorCode::MalformedXML, format!("There must be 1 to {MOST} rules")));
    }
    let rules = rules.into_iter().map(Rule::of).collect::<S3Result<Vec<_>>>()?;
    let text = serde_json::to_string(&rules).map_err(|cause| error::of(crate::domain::Error::internal(cause)))?;
    door.services.set_cors(door.caller()?, &input.bucket, Some(text)).await.map_err(error::of)?;
    Ok(S3Response::new(PutBucketCorsOutput::default()))
}

pub(super) async fn delete_bucket_cors(
    door: &Operations,
    request: S3Request<DeleteBucketCorsInput>,
) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
    door.services.set_cors(door.caller()?, &request.input.bucket, None).await.map_err(error::of)?;
    Ok(S3Response::new(DeleteBucketCorsOutput::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_anything_in_its_place() {
        assert!(fits("*", "https://a") && fits("https://*.b", "https://a.b") && fits("x*", "x"));
        assert!(!fits("https://*.b", "https://b") && !fits("ab*ba", "aba") && !fits("https://a", "https://ab"));
    }

    #[test]
    fn the_first_rule_that_fits_answers() {
        let rules =
            r#"[{"origins":["https://a"],"methods":["PUT"],"headers":["X-*"]},{"origins":["*"],"methods":["GET"]}]"#;
        let of = |origin: &str, method: &str, headers: &[&str]| {
            let headers: Vec<String> = headers.iter().map(|name| (*name).to_owned()).collect();
            matching(rules, origin, method, &headers).map(|rule| rule.origins)
        };
        assert_eq!(of("https://a", "PUT", &["x-y"]), Some(vec!["https://a".to_owned()]));
        assert_eq!(of("https://a", "PUT", &["authorization"]), None);
        assert_eq!(of("https://b", "GET", &[]), Some(vec!["*".to_owned()]));
        assert_eq!(of("https://b", "PUT", &[]), None);
    }
}
