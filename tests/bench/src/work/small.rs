//! Files of 4 KiB: a thousand in one request, one each at 32 parallel, and back.

use crate::Outcome;
use crate::bench::{Bench, settle};
use crate::client::Connection;
use crate::content::{Content, mix};
use crate::load::{Limit, closed_loop};
use crate::server::{Kind, Server};
use crate::target::{Stored, Target, integer_at};

const SIZE: usize = 4096;
const LANES: usize = 32;
const FILES: u64 = 1000;
const FORMS: u64 = 16;
const PRELOADED: u64 = 2000;

/// A connection with its buffers.
struct Lane {
    connection: Connection,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// Path and content of what the last answer acknowledged.
    last: Option<(String, u64)>,
}

pub(crate) async fn run(bench: &mut Bench) -> Outcome<()> {
    let [many, put, get] = ["upload-many", "put-small", "get-small"].map(|name| bench.settings.wants(name));
    let content = Content::new();
    let kinds = if put || get { bench.settings.kinds() } else { bench.wanted(&[Kind::Holdall]) };
    let fleet = bench.fleet("small", &kinds).await?;
    let mut preloaded = Vec::new();
    for server in &fleet.servers {
        let count = if get { PRELOADED } else { LANES as u64 };
        preloaded.push((server.kind, preload(bench, &server.target, &content, count).await?));
    }
    for round in 0..bench.settings.rounds() {
        for server in fleet.in_round(round) {
            if many && server.kind == Kind::Holdall {
                upload_many(bench, server, &content).await?;
            }
            if put {
                put_each(bench, server, &content).await?;
            }
            let objects = preloaded.iter().find(|(kind, _)| *kind == server.kind);
            if let (true, Some((_, objects))) = (get, objects) {
                get_each(bench, server, objects).await?;
            }
        }
    }
    fleet.stop().await
}

async fn upload_many(bench: &mut Bench, server: &Server, content: &Content) -> Outcome<()> {
    let first = bench.fresh_contents(FORMS * FILES);
    let target = &server.target;
    let forms: Vec<Vec<u8>> = (first..)
        .step_by(FILES as usize)
        .take(FORMS as usize)
        .map(|first| target.form(content, first, FILES, SIZE, |n| format!("many/{first}/{n:04}")))
        .collect();
    settle().await;
    let mut lanes = [(Connection::open(target.address).await?, Vec::new())];
    let measured = closed_loop(&mut lanes, server.pid, bench.limit(FORMS), async |(connection, answer), n| {
        answer.clear();
        connection.call(&forms[n as usize], |bytes| answer.extend_from_slice(bytes)).await?;
        Ok(())
    })
    .await?;
    bench.record("upload-many", server.kind, &measured, FILES as f64);

    let [(connection, answer)] = &mut lanes;
    let answer = serde_json::from_slice(answer)?;
    let (mut content, last) = (content.clone(), first + (measured.operations - 1) * FILES);
    for n in [0, 1, FILES / 2, FILES - 1] {
        let id = integer_at(&answer, &format!("/data/uploadeds/{n}/objectID"))?;
        let stored = Stored { path: format!("many/{last}/{n:04}"), id, content: last + n };
        target.verify(connection, &mut content, &stored, SIZE as u64).await?;
    }
    Ok(())
}

async fn put_each(bench: &mut Bench, server: &Server, content: &Content) -> Outcome<()> {
    settle().await;
    let first = bench.fresh_contents(1 << 24);
    let mut lanes = lanes(&server.target).await?;
    let limit = bench.limit(100_000);
    let measured = put_loop(server, content, first, limit, &mut lanes).await?;
    bench.record("put-small", server.kind, &measured, 1.0);

    let mut content = content.clone();
    for lane in &mut lanes {
        if let Some(stored) = lane.stored(&server.target)? {
            server.target.verify(&mut lane.connection, &mut content, &stored, SIZE as u64).await?;
        }
    }
    Ok(())
}

async fn put_loop(
    server: &Server,
    content: &Content,
    first: u64,
    limit: Limit,
    lanes: &mut [Lane],
) -> Outcome<crate::load::Measured> {
    let target = server.target.renewed();
    closed_loop(lanes, server.pid, limit, async |lane, n| {
        let path = format!("put/{first}/{n:06}");
        lane.put(&target, content, path, first + n).await
    })
    .await
}

async fn get_each(bench: &mut Bench, server: &Server, objects: &[Stored]) -> Outcome<()> {
    settle().await;
    let target = server.target.renewed();
    let mut lanes = lanes(&target).await?;
    let measured = closed_loop(&mut lanes, server.pid, bench.limit(400_000), async |lane, n| {
        let object = &objects[(mix(n) % objects.len() as u64) as usize];
        lane.request.clear();
        target.get(&mut lane.request, object);
        let answer = lane.connection.call(&lane.request, |_| ()).await?;
        if answer.length == SIZE as u64 { Ok(()) } else { crate::fail(format!("{} bytes came back", answer.length)) }
    })
    .await?;
    bench.record("get-small", server.kind, &measured, 1.0);
    Ok(())
}

/// Stores objects to be read, and reads some of them back.
async fn preload(bench: &Bench, target: &Target, content: &Content, count: u64) -> Outcome<Vec<Stored>> {
    let first = bench.fresh_contents(count);
    let mut stored = Vec::new();
    if target.is_v1() {
        let mut connection = Connection::open(target.address).await?;
        let path = |n| format!("get/{first}/{n:06}");
        for from in (0..count).step_by(FILES as usize) {
            let files = FILES.min(count - from);
            let form = target.form(content, first + from, files, SIZE, |n| path(from + n));
            let answer = serde_json::from_slice(&connection.fetch(&form).await?)?;
            for n in 0..files {
                let id = integer_at(&answer, &format!("/data/uploadeds/{n}/objectID"))?;
                stored.push(Stored { path: path(from + n), id, content: first + from + n });
            }
        }
    } else {
        let mut lanes = lanes(target).await?;
        let limit = Limit { time: std::time::Duration::from_secs(60), operations: count };
        let path = |n| format!("get/{first}/{n:06}");
        closed_loop(&mut lanes, None, limit, async |lane, n| lane.put(target, content, path(n), first + n).await)
            .await?;
        stored.extend((0..count).map(|n| Stored { path: path(n), id: 0, content: first + n }));
    }
    let (mut connection, mut content) = (Connection::open(target.address).await?, content.clone());
    for object in stored.iter().step_by(101) {
        target.verify(&mut connection, &mut content, object, SIZE as u64).await?;
    }
    Ok(stored)
}

async fn lanes(target: &Target) -> Outcome<Vec<Lane>> {
    let mut lanes = Vec::new();
    for _ in 0..LANES {
        let connection = Connection::open(target.address).await?;
        lanes.push(Lane { connection, request: Vec::new(), answer: Vec::new(), last: None });
    }
    Ok(lanes)
}

impl Lane {
    async fn put(&mut self, target: &Target, content: &Content, path: String, number: u64) -> Outcome<()> {
        self.request.clear();
        target.begin_put(&mut self.request, &path, SIZE as u64);
        content.append(number, SIZE, &mut self.request);
        self.request.extend_from_slice(target.end_put());
        self.answer.clear();
        let answer = &mut self.answer;
        self.connection.call(&self.request, |bytes| answer.extend_from_slice(bytes)).await?;
        self.last = Some((path, number));
        Ok(())
    }

    fn stored(&mut self, target: &Target) -> Outcome<Option<Stored>> {
        let Some((path, content)) = self.last.take() else { return Ok(None) };
        let id = if target.is_v1() {
            integer_at(&serde_json::from_slice(&self.answer)?, "/data/uploadeds/0/objectID")?
        } else {
            0
        };
        Ok(Some(Stored { path, id, content }))
    }
}
