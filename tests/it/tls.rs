//! TLS of the server's own.

use holdall_tests::{Server, Setup, eventually};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, Stream,
    pki_types::{CertificateDer, ServerName},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// A certificate of `localhost` in a directory of its own, and how to make another one in its place.
struct Certificate {
    directory: tempfile::TempDir,
    der: CertificateDer<'static>,
}

impl Certificate {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let der = Self::write(directory.path());
        Self { directory, der }
    }

    fn write(directory: &Path) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        fs::write(directory.join("cert.pem"), made.cert.pem()).unwrap();
        let key = directory.join("key.pem");
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        made.cert.der().clone()
    }

    fn renew(&mut self) {
        self.der = Self::write(self.directory.path());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn setup(&self) -> Setup {
        let text = |name| Value::from(self.path(name).to_str().unwrap());
        Server::with().set("tls.certificate", text("cert.pem")).set("tls.key", text("key.pem"))
    }
}

/// Asks over TLS, trusting nothing but `trusted`; `None` when the server showed another certificate.
fn ask(address: SocketAddr, trusted: &CertificateDer<'static>, head: &str, body: &str) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut socket = TcpStream::connect(("127.0.0.1", address.port())).unwrap();
    let mut stream = Stream::new(&mut connection, &mut socket);
    let length = body.len();
    let request = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    Some(answer)
}

fn list(address: SocketAddr, trusted: &CertificateDer<'static>) -> Option<String> {
    ask(address, trusted, "GET /v1/bucket/listAll HTTP/1.1\r\nHost: localhost", "")
}

#[tokio::test]
async fn the_doors_speak_tls_and_nothing_else() {
    let certificate = Certificate::new();
    let server = certificate.setup().start();
    assert!(server.output().contains("listening on https://"), "{}", server.output());
    let answer = list(server.address(), &certificate.der).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-request-id"), "{answer}");
    assert!(list(server.address(), &Certificate::new().der).is_none());
    let plain = holdall_tests::raw::head("GET", "/healthz", &[]);
    assert!(holdall_tests::raw::exchange(server.address(), &plain).await.is_none());

    // A link that is made here leads here.
    let host = format!("localhost:{}", server.address().port());
    let body = json!({"operation": "download", "objectID": 1}).to_string();
    let answer = ask(
        server.address(),
        &certificate.der,
        &format!("POST /v1/presigned/create HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: http"),
        &body,
    )
    .unwrap();
    assert!(answer.contains(&format!("\"url\":\"https://{host}/v1/presigned/object/download?")), "{answer}");
}

#[tokio::test]
async fn with_tls_a_public_address_needs_no_proxy_but_a_proof() {
    let certificate = Certificate::new();
    let server = certificate.setup().argument("--listen").argument("0.0.0.0:0").start();
    let answer = list(server.address(), &certificate.der).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let head =
        format!("GET /v1/bucket/listAll HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}", server.admin_token());
    assert!(ask(server.address(), &certificate.der, &head, "").unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_holds_up_nobody() {
    let certificate = Certificate::new();
    let server = certificate.setup().set("limits.header_timeout", "1s").start();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    let started = Instant::now();
    assert!(list(server.address(), &certificate.der).unwrap().starts_with("HTTP/1.1 200"));
    assert!(started.elapsed() < Duration::from_millis(900), "it waited for the others");
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap_or(0), 0, "a silent connection is closed");
    }
}

#[tokio::test]
async fn sighup_brings_the_new_certificate_and_a_bad_one_changes_nothing() {
    let mut certificate = Certificate::new();
    let old = certificate.der.clone();
    let server = certificate.setup().start();
    let hangup = || {
        let pid = rustix::process::Pid::from_raw(i32::try_from(server.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    };
    certificate.renew();
    assert!(list(server.address(), &old).is_some(), "files alone change nothing");
    hangup();
    eventually("the new certificate is shown", || async { list(server.address(), &certificate.der).map(|_| ()) }).await;
    assert!(list(server.address(), &old).is_none());

    // A key that does not fit, one that others may read, and none.
    let key = certificate.path("key.pem");
    let good = fs::read_to_string(&key).unwrap();
    let other = Certificate::new();
    fs::write(&key, fs::read_to_string(other.path("key.pem")).unwrap()).unwrap();
    hangup();
    eventually("the bad pair is logged", || async { server.log().contains("cannot be used together").then_some(()) })
        .await;
    fs::write(&key, &good).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    hangup();
    eventually("the open key is logged", || async { server.log().contains("chmod 600").then_some(()) }).await;
    assert!(list(server.address(), &certificate.der).unwrap().starts_with("HTTP/1.1 200"));
    let line = good.lines().nth(1).unwrap();
    assert!(!server.log().contains(line), "promise 8");
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let certificate = Certificate::new();
    let refused = |setup: Setup, words: &[&str]| {
        let output = setup.refuse();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success());
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    };
    let path = certificate.path("cert.pem").to_str().unwrap().to_owned();
    refused(Server::with().set("tls.certificate", path.as_str()), &["tls.key"]);
    refused(Server::with().set("tls.key", path.as_str()), &["tls.certificate"]);
    refused(certificate.setup().set("tls.certificate", "/no/such.pem"), &["/no/such.pem"]);
    fs::set_permissions(certificate.path("key.pem"), fs::Permissions::from_mode(0o640)).unwrap();
    refused(certificate.setup(), &["key.pem", "chmod 600"]);
}
