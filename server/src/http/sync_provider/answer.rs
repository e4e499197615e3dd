//! The envelope `{code, msg, data}`, and the one place where a domain error becomes an answer of this door.

use crate::{
    domain::Error,
    http::{audit::Outcome, v1},
};
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use coordinator_types::answer::Code;
use serde_json::{Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Milliseconds for which a client shows a message.
const CLOSE_TIMEOUT: u64 = 5000;

/// An answer with the status 200.
#[derive(Debug)]
pub(super) struct Answer {
    /// 0: it went well. Below: the client shows `msg` and goes no further. Above: it shows `msg` where the data would be.
    code: i64,
    msg: String,
    data: Value,
    /// For the audit log; `None`: it went well.
    outcome: Option<Code>,
}

/// What a handler answers.
pub(super) type Result<T = Answer> = std::result::Result<T, Answer>;

impl Answer {
    /// It went well.
    pub(super) fn with(data: Value) -> Self {
        Self { code: 0, msg: String::new(), data, outcome: None }
    }

    /// It went well, and there is nothing to say.
    pub(super) fn done() -> Self {
        Self::with(Value::Null)
    }

    /// A code that is the answer itself.
    pub(super) fn state(code: i64, msg: String) -> Self {
        let outcome = (code != 0).then_some(Code::OperationFailed);
        Self { code, msg: escaped(&msg), data: Value::Null, outcome }
    }

    /// The body, or a field of it, cannot be meant.
    pub(super) fn unreadable(msg: String) -> Self {
        Self { code: -1, msg: escaped(&msg), data: Value::Null, outcome: Some(Code::BadArgument) }
    }

    /// The call was understood, and failed.
    pub(super) fn failed(error: Error) -> Self {
        Self::failed_with(-1, error)
    }

    /// As [`failed`](Self::failed), with another code.
    pub(super) fn failed_with(code: i64, error: Error) -> Self {
        v1::log_cause(&error);
        let outcome = match error {
            Error::Invalid { .. } => Code::BadArgument,
            _ => Code::OperationFailed,
        };
        let data = json!({ "closeTimeout": CLOSE_TIMEOUT });
        Self { code, msg: escaped(&error.to_string()), data, outcome: Some(outcome) }
    }

    pub(super) fn response(self) -> Response {
        let Self { code, msg, data, outcome } = self;
        let mut response = json(StatusCode::OK, &json!({ "code": code, "msg": msg, "data": data }));
        if let Some(outcome) = outcome {
            response.extensions_mut().insert(Outcome(outcome));
        }
        response
    }
}

/// The refusal of a read-only server, with the keys of the contract's messages to all clients, which it is one of there.
pub(super) fn read_only() -> Response {
    let mut response = json(
        StatusCode::OK,
        &json!({
            "code": -1,
            "msg": "this server is read-only (`sync_provider.read_only`): nothing can be changed",
            "data": { "closeTimeout": CLOSE_TIMEOUT },
            "cmd": "", "reqId": 0, "app": "", "sid": "", "pushMode": 0, "callback": "",
        }),
    );
    response.extensions_mut().insert(Outcome(Code::Forbidden));
    response
}

/// What is refused before it is a call: without `data`.
pub(crate) fn refusal(status: StatusCode, msg: &str) -> Response {
    json(status, &json!({ "code": -1, "msg": escaped(msg) }))
}

fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// A client of the contract shows `msg` as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_shows_as_html_holds_none() {
        assert_eq!(escaped("name: must not hold `<` & more"), "name: must not hold `&lt;` &amp; more");
    }

    #[test]
    fn a_cause_is_not_told() {
        let answer = Answer::failed(Error::internal("the password is x"));
        assert!(!format!("{answer:?}").contains("password"), "{answer:?}");
        assert_eq!((answer.code, answer.data), (-1, json!({"closeTimeout": 5000})));
    }
}
