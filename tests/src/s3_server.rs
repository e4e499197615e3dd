//! An S3 server that we did not write, inside of the test: its buckets are folders that the test can look into.

use crate::{S3Client, background::Listener, inspect};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::{
    ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use s3s::{
    Body, HttpError,
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
        let tls = acceptor.is_some();
        let door = Door { service, root: root.path().to_owned(), read_only: Arc::clone(&read_only) };
        let listener = Listener::open(move |stream| {
            let (door, acceptor) = (door.clone(), acceptor.clone());
            async move {
                match acceptor {
                    None => serve(stream, door).await,
                    // A client that does not trust the certificate goes away here.
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream, door).await;
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

/// Every request passes here before the server sees it.
#[derive(Clone)]
struct Door {
    service: S3Service,
    root: PathBuf,
    read_only: Arc<AtomicBool>,
}

impl Door {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, HttpError> {
        if self.read_only.load(Ordering::SeqCst) && changes_something(request.method()) {
            return Ok(refusal(StatusCode::FORBIDDEN, "AccessDenied", "This account may only read."));
        }
        if [Method::HEAD, Method::GET].contains(request.method()) && self.is_folder(request.uri().path()) {
            return Ok(refusal(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."));
        }
        self.service.call(request.map(Body::from)).await
    }

    /// Whether a key names a folder: the server would take it for an object and fail to read it, while to S3 there is
    /// nothing of that name.
    fn is_folder(&self, path: &str) -> bool {
        let place = percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
        place.contains('/') && !place.ends_with('/') && self.root.join(&*place).is_dir()
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, door: Door) {
    let answer = service_fn(move |request| door.clone().answer(request));
    // A connection that is cut is the business of whoever cut it.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
}

fn changes_something(method: &Method) -> bool {
    [Method::PUT, Method::POST, Method::DELETE].contains(method)
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
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
