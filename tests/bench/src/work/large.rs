//! One object of 1 GiB up and down, one stream at a time.
//!
//! Holdall takes it as one form. The peers get it both ways S3 knows, as one PUT and in parts of 16 MiB, four at once;
//! the comparison takes the better one.

use std::fmt::Write;
use std::time::{Duration, Instant};

use futures::future::try_join_all;

use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::content::{Content, PIECE};
use crate::load::{Limit, closed_loop};
use crate::server::{Kind, Server, cpu_of};
use crate::target::{Stored, Target};
use crate::{Outcome, fail};

const PART: u64 = 16 << 20;
const PARALLEL: usize = 4;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let size: u64 = if bench.settings.quick { 256 << 20 } else { 1 << 30 };
    let kinds = bench.settings.kinds();
    let rounds = bench.settings.rounds().min(3);
    bench.demand_room((kinds.len() * rounds) as u64 * 2 * size + 5_000_000_000)?;
    let fleet = bench.fleet("large", &kinds).await?;
    for round in 0..rounds {
        for server in fleet.in_round(round) {
            one_round(bench, server, round, size).await?;
        }
    }
    fleet.stop().await
}

async fn one_round(bench: &mut Bench, server: &Server, round: usize, size: u64) -> Outcome<()> {
    let target = server.target.renewed();
    let mut connection = Connection::open(target.address).await?;
    let mut content = Content::new();
    let megabytes = size as f64 / 1e6;
    let once = Limit { time: Duration::MAX, operations: 1 };

    settle().await;
    let number = bench.fresh_contents(1);
    let mut lanes = [(connection, content, None)];
    let measured = closed_loop(&mut lanes, server.pid, once, async |(connection, content, stored), _| {
        *stored = Some(target.put(connection, content, format!("single-{round}"), number, size).await?);
        Ok(())
    })
    .await?;
    bench.record("put-large", server.kind, &measured, megabytes);
    let [(again, maker, stored)] = lanes;
    (connection, content) = (again, maker);
    let Some(stored) = stored else { return fail("nothing was stored") };
    // Not timed: comparing costs the client more than receiving.
    if round == 0 {
        target.verify(&mut connection, &mut content, &stored, size).await?;
    }

    settle().await;
    let mut lanes = [connection];
    let measured = closed_loop(&mut lanes, server.pid, once, async |connection, _| {
        let mut request = Vec::new();
        target.get(&mut request, &stored);
        let answer = connection.call(&request, |_| ()).await?;
        if answer.length == size { Ok(()) } else { fail(format!("{} bytes came back", answer.length)) }
    })
    .await?;
    bench.record("get-large", server.kind, &measured, megabytes);

    if server.kind != Kind::Holdall {
        settle().await;
        let number = bench.fresh_contents(1);
        let before = server.pid.map(cpu_of).transpose()?;
        let begin = Instant::now();
        let stored = put_in_parts(&target, &format!("parts-{round}"), number, size).await?;
        let elapsed = begin.elapsed();
        bench.record_value("put-large-parts", server.kind, megabytes / elapsed.as_secs_f64());
        if let (Some(pid), Some(before)) = (server.pid, before) {
            let spent = cpu_of(pid)?.saturating_sub(before);
            eprintln!("    {:.2} s of processor time", spent.as_secs_f64());
        }
        if round == 0 {
            let [connection] = &mut lanes;
            target.verify(connection, &mut content, &stored, size).await?;
        }
    }
    Ok(())
}

async fn put_in_parts(target: &Target, path: &str, number: u64, size: u64) -> Outcome<Stored> {
    let mut connection = Connection::open(target.address).await?;
    let mut request = Vec::new();
    target.s3_head(&mut request, "POST", path, "uploads=", 0);
    let answer = String::from_utf8(connection.fetch(&request).await?)?;
    let upload = answer.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>"));
    let Some((upload, _)) = upload else { return fail(format!("no upload id in {answer}")) };

    let parts = size.div_ceil(PART);
    let next = std::cell::Cell::new(0);
    let lanes = (0..PARALLEL).map(|_| async {
        let (mut connection, mut content) = (Connection::open(target.address).await?, Content::new());
        let (mut request, mut done) = (Vec::new(), Vec::new());
        while next.get() < parts {
            let part: u64 = next.get();
            next.set(part + 1);
            let length = PART.min(size - part * PART);
            request.clear();
            let query = format!("partNumber={}&uploadId={upload}", part + 1);
            target.s3_head(&mut request, "PUT", path, &query, length);
            connection.send(&request).await?;
            for index in 0..length / PIECE as u64 {
                connection.send(content.piece(number, part * (PART / PIECE as u64) + index)).await?;
            }
            connection.demand(|_| ()).await?;
            let Some(tag) = connection.header("etag") else { return fail("a part without an ETag") };
            done.push((part + 1, tag.to_owned()));
        }
        Ok(done)
    });
    let mut done = try_join_all(lanes).await?.concat();
    done.sort_unstable();

    let mut body = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (part, tag) in done {
        write!(body, "<Part><PartNumber>{part}</PartNumber><ETag>{tag}</ETag></Part>")?;
    }
    body.push_str("</CompleteMultipartUpload>");
    request.clear();
    target.s3_head(&mut request, "POST", path, &format!("uploadId={upload}"), body.len() as u64);
    request.extend_from_slice(body.as_bytes());
    let answer = String::from_utf8(connection.fetch(&request).await?)?;
    if answer.contains("<Error>") {
        return fail(answer);
    }
    Ok(Stored { path: path.to_owned(), id: 0, content: number })
}
