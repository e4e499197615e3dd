//! Accepts connections and speaks HTTP/1.1 on them, over TLS or not, with every bound in sight.

use super::{
    auth::Peer,
    tls::{Secure, Tls},
};
use axum::Router;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

/// Connections at once; more of them wait in the backlog of the kernel.
const CONNECTIONS: usize = 8192;
/// The longest head of a request. The longest legitimate query is a path of 1024 bytes, three times as long encoded.
const HEAD: usize = 64 << 10;
/// The most headers of a request.
const HEADERS: usize = 100;
/// How long to wait when no connection can be accepted, for want of file descriptors as a rule.
const BREATH: Duration = Duration::from_millis(50);

/// Serves `router` on `listener` until `stop`, then finishes what is in progress for up to `grace`, and cuts the rest.
///
/// A client must send the head of a request within `header_timeout`, which is also how long an idle connection is
/// kept; a handshake gets as long.
pub(super) async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    header_timeout: Duration,
    stop: CancellationToken,
    grace: Duration,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_header_size(HEAD)
        .max_headers(HEADERS)
        // A client may close its side once it has sent its request, and still wants the answer.
        .half_close(true);
    let conversations = TaskTracker::new();
    let cut = CancellationToken::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (stream, peer, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(BREATH).await;
                continue;
            }
        };
        let line = Line {
            http: http.clone(),
            peer,
            is_secure: tls.is_some(),
            router: router.clone(),
            stop: stop.clone(),
            cut: cut.clone(),
        };
        let tls = tls.clone();
        // The handshake too happens on the connection's own task: one that does not come to its end holds up nobody.
        conversations.spawn(async move {
            match tls {
                None => line.converse(stream).await,
                Some(tls) => match timeout(header_timeout, tls.accept(stream)).await {
                    Ok(Ok(stream)) => line.converse(stream).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
                    Err(_) => tracing::debug!(%peer, "a handshake took too long"),
                },
            }
            drop(place);
        });
    }
    // From here on the kernel refuses new connections.
    drop(listener);
    conversations.close();
    if timeout(grace, conversations.wait()).await.is_err() {
        tracing::warn!(connections = conversations.len(), "requests were cut because they outlasted the grace period");
        cut.cancel();
        conversations.wait().await;
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // Otherwise the last piece of an answer waits up to 40 ms for a client that delays its acknowledgements.
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

/// What one connection needs.
struct Line {
    http: http1::Builder,
    peer: SocketAddr,
    is_secure: bool,
    router: Router,
    stop: CancellationToken,
    cut: CancellationToken,
}

impl Line {
    /// One connection, request after request. Nothing that happens on it touches another.
    async fn converse(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Self { http, peer, is_secure, router, stop, cut } = self;
        let answer = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            if is_secure {
                request.extensions_mut().insert(Secure);
            }
            router.clone().call(request)
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), answer));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                // Finishes the request in progress, if any, and closes.
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = cut.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            // A client that went away, sent no HTTP, or was cut on purpose because its answer could not be completed.
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinHandle,
        time::Instant,
    };

    async fn start(grace: Duration) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let slow = |millis: u64| async move {
            sleep(Duration::from_millis(millis)).await;
            "done"
        };
        let router = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/slow", get(move || slow(150)))
            .route("/endless", get(move || slow(60_000)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = serve(listener, None, router, Duration::from_millis(300), stop.clone(), grace);
        (address, stop, tokio::spawn(serving))
    }

    async fn send(address: SocketAddr, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    async fn receive(mut stream: TcpStream) -> String {
        let mut text = String::new();
        // A reset is an end like any other here: what counts is what arrived before.
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    const LAST: &str = "Host: x\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn rubbish_ends_its_own_connection_only() {
        let (address, ..) = start(Duration::from_secs(1)).await;
        let answer = receive(send(address, "\u{1}\u{2}rubbish\r\n\r\n").await).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(HEAD + 10));
        let answer = receive(send(address, &long).await).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        let answer = receive(send(address, &format!("GET / HTTP/1.1\r\n{LAST}")).await).await;
        assert!(answer.ends_with("hello"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_ends_the_connection() {
        let (address, ..) = start(Duration::from_secs(1)).await;
        let started = Instant::now();
        receive(send(address, "GET / HTTP/1.1\r\nHost:").await).await;
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_client_that_closed_its_side_is_answered() {
        let (address, ..) = start(Duration::from_secs(1)).await;
        let mut stream = send(address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
        stream.shutdown().await.unwrap();
        assert!(receive(stream).await.ends_with("done"));
    }

    #[tokio::test]
    async fn stopping_finishes_what_runs_and_cuts_what_never_ends() {
        let (address, stop, serving) = start(Duration::from_millis(600)).await;
        let slow = send(address, &format!("GET /slow HTTP/1.1\r\n{LAST}")).await;
        let endless = send(address, &format!("GET /endless HTTP/1.1\r\n{LAST}")).await;
        sleep(Duration::from_millis(50)).await;
        let started = Instant::now();
        stop.cancel();
        assert!(receive(slow).await.ends_with("done"));
        serving.await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(5));
        assert_eq!(receive(endless).await, "");
        assert!(TcpStream::connect(address).await.is_err());
    }
}
