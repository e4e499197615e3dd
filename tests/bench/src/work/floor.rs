//! What the disk and the client could do at best in this very run: the figures to hold the others against.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::Outcome;
use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::content::{Content, PIECE};
use crate::load::closed_loop;
use crate::server::Kind;

const THREADS: usize = 32;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let _filled = bench.fill_memory()?;
    let directory = bench.directory("floor")?;
    for _ in 0..bench.settings.rounds() {
        settle().await;
        let files = durable_files(&directory, bench.settings.duration() / 2)?;
        bench.record_value("floor-files", Kind::Holdall, files);
        settle().await;
        bench.record_value("floor-write", Kind::Holdall, durable_write(&directory)?);
        null_server(bench).await?;
    }
    fs::remove_dir_all(directory)?;
    Ok(())
}

/// Files of 4 KiB a second: written, synced, renamed, their folder synced, by 32 threads in 256 folders.
fn durable_files(directory: &Path, time: Duration) -> Outcome<f64> {
    for folder in 0..256 {
        fs::create_dir_all(directory.join(format!("{folder:02x}")))?;
    }
    let content = Content::new();
    let next = AtomicU64::new(0);
    let begin = Instant::now();
    let one = |number: u64| -> std::io::Result<()> {
        let mut bytes = Vec::new();
        content.append(number, 4096, &mut bytes);
        let folder = directory.join(format!("{:02x}", number % 256));
        let temporary = folder.join(format!("{number}.new"));
        let mut file = fs::File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, folder.join(number.to_string()))?;
        fs::File::open(&folder)?.sync_all()
    };
    let work = || -> std::io::Result<()> {
        while begin.elapsed() < time {
            one(next.fetch_add(1, Ordering::Relaxed))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(std::io::Error::other("panicked"))))
    })?;
    Ok(next.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
}

/// Megabytes a second of one file of 256 MiB, written and synced once.
fn durable_write(directory: &Path) -> Outcome<f64> {
    const PIECES: u64 = 256;
    let mut content = Content::new();
    let path = directory.join("large");
    let begin = Instant::now();
    let mut file = fs::File::create(&path)?;
    for index in 0..PIECES {
        file.write_all(content.piece(1 << 40, index))?;
    }
    file.sync_all()?;
    let elapsed = begin.elapsed();
    fs::remove_file(path)?;
    Ok((PIECES * PIECE as u64) as f64 / 1e6 / elapsed.as_secs_f64())
}

/// Requests a second of this client against a server that does nothing but answer 4 KiB.
async fn null_server(bench: &mut Bench) -> Outcome<()> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            tokio::select! {
                outcome = answer_all(listener) => outcome,
                _ = stopped => Ok(()),
            }
        })
    });
    let mut lanes = Vec::new();
    for _ in 0..32 {
        lanes.push(Connection::open(address).await?);
    }
    let measured = closed_loop(&mut lanes, None, bench.limit(400_000), async |connection, _| {
        connection.call(b"GET /v1/object/download?objectID=1 HTTP/1.1\r\nhost: localhost\r\n\r\n", |_| ()).await?;
        Ok(())
    })
    .await?;
    bench.record_value("floor-client", Kind::Holdall, measured.per_second());
    drop(stop);
    match thread.join() {
        Ok(outcome) => Ok(outcome?),
        Err(_) => crate::fail("the null server panicked"),
    }
}

async fn answer_all(listener: std::net::TcpListener) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n".to_vec();
            answer.resize(answer.len() + 4096, b'x');
            let mut buffer = [0; 4096];
            // Requests of this client arrive whole and one at a time.
            while matches!(stream.read(&mut buffer).await, Ok(1..)) && stream.write_all(&answer).await.is_ok() {}
        });
    }
}
