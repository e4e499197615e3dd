//! Programs that people use against S3, with their default settings, against the door of a running server.
//!
//! They need tools that `tests/run` provides; a bare `cargo test` shows them as ignored.

use holdall_tests::{Server, server::workspace};
use serde_json::Value;
use std::{env, process::Command};

/// Runs a scenario of `tests/clients/s3` against a server of its own, and fails with what it printed when it fails.
fn run(scenario: &str, needs: &[&str]) {
    let script = workspace().join("tests/clients/s3").join(scenario);
    let server = Server::start();
    let door = server.s3();
    let mut command = if scenario.ends_with(".py") {
        let mut command = Command::new(provided("HOLDALL_TEST_PYTHON"));
        command.arg(script);
        command
    } else {
        Command::new(script)
    };
    for variable in needs {
        command.env(variable, provided(variable));
    }
    command.args([door.endpoint(), door.signer.access_key.clone(), door.signer.secret.clone()]);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap();
    assert!(
        output.status.success(),
        "tests/clients/s3/{scenario}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Amazon's SDK for Rust, driven by the suite of s3s for S3 servers. The only case that may fail asks for a temporary
/// credential, which is a call of another service and no part of S3.
#[test]
#[ignore = "needs HOLDALL_TEST_E2E; tests/run provides it"]
fn s3s_e2e() {
    let server = Server::start();
    let door = server.s3();
    let report = server.data().join("e2e.json");
    let mut command = Command::new(provided("HOLDALL_TEST_E2E"));
    command.arg("--json").arg(&report);
    command.env("AWS_ENDPOINT_URL", door.endpoint()).env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", &door.signer.access_key).env("AWS_SECRET_ACCESS_KEY", &door.signer.secret);
    let output = command.output().unwrap();
    let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let list = |value: &Value, name: &str| value[name].as_array().unwrap().clone();
    let fixtures = list(&report, "suites").into_iter().flat_map(|suite| list(&suite, "fixtures"));
    let cases: Vec<Value> = fixtures.flat_map(|fixture| list(&fixture, "cases")).collect();
    let failed: Vec<&str> =
        cases.iter().filter(|case| case["passed"] != true).map(|case| case["name"].as_str().unwrap()).collect();
    let said = format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((cases.len(), failed.as_slice()), (18, &["test_assume_role"][..]), "{said}");
}

fn provided(variable: &str) -> std::ffi::OsString {
    env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set: run tests/run"))
}

#[test]
#[ignore = "needs HOLDALL_TEST_PYTHON; tests/run provides it"]
fn python_boto3_objects() {
    run("boto_objects.py", &[]);
}

#[test]
#[ignore = "needs HOLDALL_TEST_PYTHON; tests/run provides it"]
fn python_boto3_multipart() {
    run("boto_multipart.py", &[]);
}

#[test]
#[ignore = "needs HOLDALL_TEST_PYTHON; tests/run provides it"]
fn python_boto3_versions() {
    run("boto_versions.py", &[]);
}

#[test]
#[ignore = "needs HOLDALL_TEST_PYTHON; tests/run provides it"]
fn python_boto3_buckets() {
    run("boto_buckets.py", &[]);
}

#[test]
#[ignore = "needs HOLDALL_TEST_PYTHON; tests/run provides it"]
fn python_boto3_manners() {
    run("boto_manners.py", &[]);
}

#[test]
#[ignore = "needs HOLDALL_TEST_PYTHON; tests/run provides it"]
fn python_awscli() {
    run("awscli.sh", &["HOLDALL_TEST_PYTHON"]);
}

#[test]
#[ignore = "needs HOLDALL_TEST_PYTHON and HOLDALL_TEST_CHROMIUM; tests/run provides them"]
fn python_browser() {
    run("browser.py", &["HOLDALL_TEST_CHROMIUM"]);
}

#[test]
#[ignore = "needs s3cmd; tests/run provides it"]
fn s3cmd() {
    run("s3cmd.sh", &[]);
}

#[test]
#[ignore = "needs rclone; tests/run provides it"]
fn rclone() {
    run("rclone.sh", &[]);
}

#[test]
#[ignore = "needs restic; tests/run provides it"]
fn restic() {
    run("restic.sh", &[]);
}
