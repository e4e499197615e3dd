//! The counters of the doors.

use super::log::Record;
use metrics::{SharedString, counter, describe_counter, describe_histogram, histogram};
use std::time::Duration;

const REQUESTS: &str = "holdall_http_requests_total";
const SECONDS: &str = "holdall_http_request_seconds";
const RECEIVED: &str = "holdall_http_received_bytes_total";
const SENT: &str = "holdall_http_sent_bytes_total";

/// Says what the counters mean, once, at the start.
pub(crate) fn describe() {
    describe_counter!(REQUESTS, "Requests answered, by door, operation and status.");
    describe_histogram!(
        SECONDS,
        metrics::Unit::Seconds,
        "Time from the head of a request to the last byte of its answer."
    );
    describe_counter!(RECEIVED, metrics::Unit::Bytes, "Bytes of request bodies.");
    describe_counter!(SENT, metrics::Unit::Bytes, "Bytes of answer bodies.");
}

pub(super) fn count(record: &Record, received: u64, sent: u64, took: Duration) {
    let operation: SharedString = match (&record.operation, record.named) {
        (Some(path), _) => path.as_str().to_owned().into(),
        (None, Some(name)) => name.into(),
        (None, None) => "unmatched".into(),
    };
    let door = match record.named {
        Some(_) => "s3",
        None if operation.starts_with("/v1/") => "v1",
        None => "operations",
    };
    let status = record.status.to_string();
    counter!(REQUESTS, "door" => door, "operation" => operation.clone(), "status" => status).increment(1);
    histogram!(SECONDS, "door" => door, "operation" => operation.clone()).record(took);
    if received > 0 {
        counter!(RECEIVED, "door" => door, "operation" => operation.clone()).increment(received);
    }
    if sent > 0 {
        counter!(SENT, "door" => door, "operation" => operation).increment(sent);
    }
}
