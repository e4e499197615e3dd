//! An S3 server that we did not write, inside of the test: its buckets are folders that the test can look into.

use crate::{S3Client, background::Listener, inspect};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use s3s::{
    Body,
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

pub const ACCESS_KEY: &str = "AKIDHOLDALLTEST";
pub const SECRET_KEY: &str = "s3-server-secret-that-nobody-may-see";

/// A running server with a directory of its own; dropping it ends it.
#[derive(Debug)]
pub struct S3Server {
    root: TempDir,
    listener: Listener,
    tls: bool,
    read_only: Arc<AtomicBool>,
}

impl S3Server {
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Speaks TLS, with a certificate for `localhost` and `127.0.0.1` that nobody vouches for.
    pub fn start_tls() -> Self {
        Self::start_with(Some(acceptor()))
    }

    fn start_with(acceptor: Option<TlsAcceptor>) -> Self {
        let root = TempDir::with_prefix("holdall-s3-").unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let read_only = Arc::new(AtomicBool::new(false));
        let (tls, flag) = (acceptor.is_some(), Arc::clone(&read_only));
        let listener = Listener::open(move |stream| {
            let (service, flag, acceptor) = (service.clone(), Arc::clone(&flag), acceptor.clone());
            async move {
                match acceptor {
                    None => serve(stream, service, flag).await,
                    // A client that does not trust the certificate goes away here.
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream, service, flag).await;
                        }
                    }
                }
            }
        });
        Self { root, listener, tls, read_only }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.address
    }

    pub fn endpoint(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.address())
    }

    /// Makes a bucket, and returns its folder.
    pub fn make_bucket(&self, name: &str) -> PathBuf {
        let folder = self.bucket(name);
        fs::create_dir(&folder).unwrap();
        folder
    }

    /// The folder of a bucket.
    pub fn bucket(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Puts an object where the server finds it, past its door.
    pub fn put_file(&self, bucket: &str, key: &str, content: impl AsRef<[u8]>) {
        let path = self.bucket(bucket).join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The content of an object, past the server's door.
    pub fn read_file(&self, bucket: &str, key: &str) -> Vec<u8> {
        fs::read(self.bucket(bucket).join(key)).unwrap()
    }

    /// The objects of a bucket with their sizes.
    pub fn files(&self, bucket: &str) -> BTreeMap<String, u64> {
        inspect::files(&self.bucket(bucket))
    }

    /// Whether every request that would change something is refused.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::SeqCst);
    }

    pub fn client(&self, bucket: &str) -> S3Client {
        S3Client::new(&self.endpoint(), bucket, ACCESS_KEY, SECRET_KEY)
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S3Service,
    read_only: Arc<AtomicBool>,
) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, read_only) = (service.clone(), Arc::clone(&read_only));
        async move {
            if read_only.load(Ordering::SeqCst) && changes_something(request.method()) {
                return Ok(access_denied());
            }
            service.call(request.map(Body::from)).await
        }
    });
    // A connection that is cut is the business of whoever cut it.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

fn changes_something(method: &Method) -> bool {
    [Method::PUT, Method::POST, Method::DELETE].contains(method)
}

fn access_denied() -> Response<Body> {
    let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
                <Error><Code>AccessDenied</Code><Message>This account may only read.</Message></Error>";
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert("content-type", "application/xml".parse().unwrap());
    response
}

fn acceptor() -> TlsAcceptor {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
