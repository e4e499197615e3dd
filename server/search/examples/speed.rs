//! How fast the index is: builds one of a million documents, then asks it questions of every kind.
//!
//! `cargo run --release -p search --example speed [-- documents [folder [questions]]]`; an index that lies in the folder already
//! is asked without being built again; of the questions only those are asked whose names contain the last word. Documents and questions are made up, the same in every run: titles of Latin and Chinese
//! words, in folders, where few words are frequent and most are rare; questions take their words as the titles do.

#![expect(clippy::print_stdout, reason = "a command-line tool that prints a table")]

use search::{Aggregation, Allowed, Change, Entry, Filter, Index, Kind, Operator, Question, Sort, Text};
use serde_json::{Value, json};
use std::{
    error::Error,
    path::PathBuf,
    time::{Duration, Instant},
};

/// Documents in one commit, as the indexer of a large bucket sends them.
const BATCH: u64 = 10_000;
/// Questions of each kind, and how often each is asked after it was asked once to warm up.
const QUESTIONS: u64 = 200;
const ROUNDS: usize = 5;

const LATIN_WORDS: u64 = 30_000;
const CHINESE_WORDS: u64 = 8_000;
const TYPES: [&str; 12] = ["pdf", "docx", "xlsx", "jpg", "png", "txt", "md", "csv", "pptx", "mp4", "zip", "json"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let documents: u64 = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let own = tempfile::tempdir()?;
    let folder = arguments.next().map_or_else(|| own.path().to_owned(), PathBuf::from);
    let opened = Index::open(&folder)?;
    if opened.needs_rebuild {
        build(&opened.index, documents)?;
    }
    println!("{:<44} {:>9} {:>9} {:>9} {:>10}", "question", "p50 ms", "p99 ms", "max ms", "matches");
    let wanted = arguments.next().unwrap_or_default();
    let mut all = Vec::new();
    for (name, questions) in kinds().into_iter().filter(|(name, _)| name.contains(&wanted)) {
        let (times, matches) = ask(&opened.index, &questions)?;
        row(name, &times, matches);
        all.extend(times);
    }
    all.sort_unstable();
    row("all", &all, 0);
    Ok(())
}

fn build(index: &Index, documents: u64) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut making = Duration::ZERO;
    for batch in 0..documents.div_ceil(BATCH) {
        let made = Instant::now();
        let numbers = batch * BATCH..documents.min((batch + 1) * BATCH);
        let changes = numbers.map(|number| Change::Put(document(number))).collect();
        making += made.elapsed();
        index.apply(changes, batch + 1)?;
    }
    let time = start.elapsed() - making;
    let rate = documents as f64 / time.as_secs_f64();
    println!("{documents} documents in {:.1} s: {rate:.0} a second, in commits of {BATCH}\n", time.as_secs_f64());
    Ok(())
}

/// Every time that an answer took, sorted, and the median of the matches.
fn ask(index: &Index, questions: &[Question]) -> Result<(Vec<Duration>, u64), Box<dyn Error>> {
    let allowed = Allowed::all(Kind::Document);
    let mut times = Vec::new();
    let mut matches = Vec::new();
    for question in questions {
        matches.push(index.search(question, &allowed)?.total);
    }
    for _ in 0..ROUNDS {
        for question in questions {
            let start = Instant::now();
            index.search(question, &allowed)?;
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    matches.sort_unstable();
    Ok((times, matches[matches.len() / 2]))
}

fn row(name: &str, times: &[Duration], matches: u64) {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1000.0;
    println!("{name:<44} {:>9.2} {:>9.2} {:>9.2} {matches:>10}", at(0.5), at(0.99), at(1.0));
}

fn kinds() -> Vec<(&'static str, Vec<Question>)> {
    let many =
        |make: &dyn Fn(&mut Dice) -> Question| (0..QUESTIONS).map(|n| make(&mut Dice(n + 1))).collect::<Vec<_>>();
    let text = |text: Text| Question { text: Some(text), ..Question::default() };
    let by = |sort: &str| vec![Sort::new(sort, true)];
    let of_type = |dice: &mut Dice| vec![Filter::is("type", search::Scalar::Text(dice.kind().to_owned()))];
    vec![
        ("one word", many(&|dice| text(Text::new(dice.latin())))),
        ("two words, one suffices", many(&|dice| text(Text::new(format!("{} {}", dice.latin(), dice.latin()))))),
        (
            "two words, both",
            many(&|dice| {
                let words = format!("{} {}", dice.latin(), dice.latin());
                text(Text { operator: Operator::And, ..Text::new(words) })
            }),
        ),
        ("five words", many(&|dice| text(Text::new((0..5).map(|_| dice.latin() + " ").collect::<String>())))),
        ("beginning of a word, 2 letters", many(&|dice| text(Text::new(&dice.latin()[..2])))),
        ("beginning of a word, 3 letters", many(&|dice| text(Text::new(&dice.latin()[..3])))),
        ("misspelt word, fuzziness 5", many(&|dice| text(Text { fuzziness: 5, ..Text::new(dice.misspelt()) }))),
        (
            "two misspelt words, fuzziness 5",
            many(&|dice| text(Text { fuzziness: 5, ..Text::new(format!("{} {}", dice.misspelt(), dice.misspelt())) })),
        ),
        ("Chinese word", many(&|dice| text(Text::new(dice.chinese())))),
        ("two Chinese words, unspaced", many(&|dice| text(Text::new(dice.chinese() + &dice.chinese())))),
        ("Chinese and Latin word", many(&|dice| text(Text::new(format!("{} {}", dice.chinese(), dice.latin()))))),
        (
            "word, type, newest first",
            many(&|dice| Question { filters: of_type(dice), sort: by("created"), ..text(Text::new(dice.latin())) }),
        ),
        ("word and type, by score", many(&|dice| Question { filters: of_type(dice), ..text(Text::new(dice.latin())) })),
        ("no text: newest first", many(&|_| Question { sort: by("created"), ..Question::default() })),
        (
            "no text: one datasource, by title",
            many(&|dice| {
                let id = format!("source-{}", dice.below(20));
                let filters = vec![Filter::is("source.id", search::Scalar::Text(id))];
                Question { filters, sort: vec![Sort::new("title", false)], ..Question::default() }
            }),
        ),
        (
            "no text: size range, largest first",
            many(&|dice| {
                let filters =
                    vec![Filter::parse(&format!("size>={}", dice.below(1 << 20))).unwrap_or(Filter::Any(vec![]))];
                Question { filters, sort: by("size"), ..Question::default() }
            }),
        ),
        (
            "word, counts by type and tags, no hits",
            many(&|dice| {
                let terms = |field: &str| Aggregation { name: field.into(), field: field.into(), size: 10 };
                let aggregations = vec![terms("type"), terms("tags")];
                Question { aggregations, size: 0, ..text(Text::new(dice.latin())) }
            }),
        ),
        ("word, hits 990 to 1 000", many(&|dice| Question { from: 990, ..text(Text::new(dice.latin())) })),
    ]
}

fn document(number: u64) -> Entry {
    let mut dice = Dice(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    dice.next();
    let kind = dice.kind();
    let title = dice.title(number, kind);
    let folders: Vec<String> = (0..2 + dice.below(3)).map(|_| dice.folder()).collect();
    let category = format!("/{}/", folders.join("/"));
    let key = format!("{}{title}", &category[1..]);
    let bucket = format!("bucket-{}", dice.below(5));
    let tags: Vec<String> = (0..dice.below(4)).map(|_| format!("tag{}", dice.skewed(50))).collect();
    let time = 1_600_000_000_000 + (dice.below(150_000_000) * 1_000) as i64;
    let source_id = format!("source-{}", dice.below(20));
    let source = json!({
        "id": format!("{number:032x}"),
        "source": {"type": "connector", "name": format!("Source {source_id}"), "id": source_id},
        "type": "file",
        "title": title,
        "category": category,
        "categories": folders,
        "lang": if number.is_multiple_of(3) { "zh" } else { "en" },
        "owner": {"username": format!("user{}", dice.skewed(200)), "userid": format!("u{}", dice.below(200))},
        "tags": tags,
        "url": format!("https://s3.example.com/{bucket}/{key}"),
        "size": dice.below(1 << 30) >> dice.below(20),
        "metadata": {
            "bucket": bucket,
            "key": key,
            "etag": format!("{:016x}{:016x}", dice.next(), dice.next()),
            "extension": kind,
            "content_type": format!("application/{kind}"),
        },
    });
    let Value::Object(mut source) = source else { return document(number) };
    source.insert("type".into(), kind.into());
    let id = format!("{number:032x}");
    Entry { kind: Kind::Document, id, datasource_id: Some(source_id), created: time, updated: time, source }
}

/// Chance that is the same in every run (xorshift64*).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Small numbers far more often than large ones, as words are used.
    fn skewed(&mut self, end: u64) -> u64 {
        let part = self.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        (part.powi(3) * end as f64) as u64
    }

    fn kind(&mut self) -> &'static str {
        TYPES[self.skewed(TYPES.len() as u64) as usize]
    }

    fn title(&mut self, number: u64, kind: &str) -> String {
        let separator = ["_", "-", " "][self.below(3) as usize];
        let count = 2 + self.below(4);
        let words: Vec<String> = match self.below(10) {
            0..6 => (0..count).map(|_| self.latin()).collect(),
            6..9 => vec![(0..count).map(|_| self.chinese()).collect()],
            _ => vec![self.chinese(), self.latin()],
        };
        let year = if self.below(3) == 0 { format!("{separator}{}", 2010 + self.below(17)) } else { String::new() };
        let number = if self.below(2) == 0 { format!("{separator}{number:07}") } else { String::new() };
        format!("{}{year}{number}.{kind}", words.join(separator))
    }

    fn folder(&mut self) -> String {
        let number = self.skewed(600);
        if number.is_multiple_of(4) { chinese(number * 3) } else { latin(number * 7) }
    }

    fn latin(&mut self) -> String {
        latin(self.skewed(LATIN_WORDS))
    }

    fn chinese(&mut self) -> String {
        chinese(self.skewed(CHINESE_WORDS))
    }

    /// A word with one letter replaced.
    fn misspelt(&mut self) -> String {
        let word = self.latin();
        let at = 1 + self.below(word.len() as u64 - 1) as usize;
        format!("{}q{}", &word[..at], &word[at + 1..])
    }
}

/// A word that can be spoken, of 4 to 10 letters.
fn latin(number: u64) -> String {
    const STARTS: [&str; 20] =
        ["b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "pl"];
    const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ea"];
    let mut rest = number.wrapping_mul(2_654_435_761) % (1 << 32) + (number << 32);
    let mut word = String::new();
    for _ in 0..2 + number % 3 {
        word.push_str(STARTS[(rest % 20) as usize]);
        rest /= 20;
        word.push_str(VOWELS[(rest % 6) as usize]);
        rest /= 6;
    }
    word
}

/// A word of two or three characters of the thousand most used.
fn chinese(number: u64) -> String {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let character = |number: u64| char::from_u32(0x4E00 + ((number * number) % 1_000 * 7) as u32).unwrap_or('文');
    (0..2 + number % 5 / 4).map(|at| character((mixed >> (11 * at)) & 0x7FF)).collect()
}
