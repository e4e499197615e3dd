//! One object of 1 GiB up and down, one stream at a time.
//!
//! Every server gets it as one request and in parts of 16 MiB, four at once. Holdall is held to its one request, the
//! peers to the better of their two ways.

use std::cell::Cell;
use std::fmt::Write;
use std::time::{Duration, Instant};

use futures::future::try_join_all;

use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::content::{Content, PIECE};
use crate::load::{Limit, closed_loop};
use crate::server::Server;
use crate::target::{Stored, Target, integer_at};
use crate::{Outcome, fail};

const PART: u64 = 16 << 20;
const PARALLEL: usize = 4;

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let size: u64 = if bench.settings.quick { 256 << 20 } else { 1 << 30 };
    let kinds = bench.settings.kinds();
    let rounds = bench.settings.rounds().min(3);
    bench.demand_room((kinds.len() * rounds) as u64 * 2 * size + 5_000_000_000)?;
    let _filled = bench.fill_memory()?;
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

    settle().await;
    let number = bench.fresh_contents(1);
    let begin = Instant::now();
    let (stored, _) = put_in_parts(&target, format!("parts-{round}"), number, size).await?;
    bench.record_value("put-large-parts", server.kind, megabytes / begin.elapsed().as_secs_f64());
    if round == 0 {
        let [connection] = &mut lanes;
        target.verify(connection, &mut content, &stored, size).await?;
    }
    Ok(())
}

/// The upload in parts, four at once, each on its own connection; also tells how long its completion took.
pub(super) async fn put_in_parts(target: &Target, path: String, number: u64, size: u64) -> Outcome<(Stored, Duration)> {
    let mut connection = Connection::open(target.address).await?;
    let upload = Upload::begin(target, &mut connection, &path).await?;
    let parts = size.div_ceil(PART);
    let next = Cell::new(0);
    let lanes = (0..PARALLEL).map(|_| async {
        let (mut connection, mut content) = (Connection::open(target.address).await?, Content::new());
        let (mut request, mut done) = (Vec::new(), Vec::new());
        while next.get() < parts {
            let part: u64 = next.get();
            next.set(part + 1);
            let length = PART.min(size - part * PART);
            request.clear();
            upload.begin_part(target, &mut request, &path, part + 1, length);
            connection.send(&request).await?;
            for index in 0..length / PIECE as u64 {
                connection.send(content.piece(number, part * (PART / PIECE as u64) + index)).await?;
            }
            connection.send(target.end_put()).await?;
            connection.demand(|_| ()).await?;
            done.push((part + 1, connection.header("etag").unwrap_or_default().to_owned()));
        }
        Ok::<_, Box<dyn std::error::Error>>(done)
    });
    let mut done = try_join_all(lanes).await?.concat();
    done.sort_unstable();
    // The first connection has been silent for so long that the server may have closed it.
    let mut connection = Connection::open(target.address).await?;
    let begin = Instant::now();
    let id = upload.complete(target, &mut connection, &path, &done).await?;
    Ok((Stored { path, id, content: number }, begin.elapsed()))
}

/// An upload in parts that has begun: by the id of its object or by S3's upload id.
enum Upload {
    V1 { object: i64 },
    S3 { upload: String },
}

impl Upload {
    async fn begin(target: &Target, connection: &mut Connection, path: &str) -> Outcome<Self> {
        if target.is_v1() {
            let body = format!(r#"{{"packageID":{},"path":"{path}"}}"#, target.package());
            let answer = target.json(connection, "/v1/object/newMultipartUpload", &body).await?;
            return Ok(Self::V1 { object: integer_at(&answer, "/data/object/objectID")? });
        }
        let mut request = Vec::new();
        target.s3_head(&mut request, "POST", path, "uploads=", 0);
        let answer = String::from_utf8(connection.fetch(&request).await?)?;
        match answer.split_once("<UploadId>").and_then(|(_, rest)| rest.split_once("</UploadId>")) {
            Some((upload, _)) => Ok(Self::S3 { upload: upload.to_owned() }),
            None => fail(format!("no upload id in {answer}")),
        }
    }

    fn begin_part(&self, target: &Target, request: &mut Vec<u8>, path: &str, part: u64, length: u64) {
        match self {
            Self::V1 { object } => target.begin_part(request, *object, part, length),
            Self::S3 { upload } => {
                target.s3_head(request, "PUT", path, &format!("partNumber={part}&uploadId={upload}"), length);
            }
        }
    }

    /// The id of the finished object, 0 on S3. `parts` are numbers with their entity tags.
    async fn complete(
        &self,
        target: &Target,
        connection: &mut Connection,
        path: &str,
        parts: &[(u64, String)],
    ) -> Outcome<i64> {
        let upload = match self {
            Self::V1 { object } => {
                let indexes = parts.iter().map(|(part, _)| part.to_string()).collect::<Vec<_>>().join(",");
                let body = format!(r#"{{"objectID":{object},"indexes":[{indexes}]}}"#);
                let answer = target.json(connection, "/v1/object/completeMultipartUpload", &body).await?;
                return integer_at(&answer, "/data/object/objectID");
            }
            Self::S3 { upload } => upload,
        };
        let mut body = String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for (part, tag) in parts {
            write!(body, "<Part><PartNumber>{part}</PartNumber><ETag>{tag}</ETag></Part>")?;
        }
        body.push_str("</CompleteMultipartUpload>");
        let mut request = Vec::new();
        target.s3_head(&mut request, "POST", path, &format!("uploadId={upload}"), body.len() as u64);
        request.extend_from_slice(body.as_bytes());
        let answer = String::from_utf8(connection.fetch(&request).await?)?;
        // S3 may answer 200 and tell the failure in the body.
        if answer.contains("<Error>") { fail(answer) } else { Ok(0) }
    }
}
