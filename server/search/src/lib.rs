//! The full-text index of the connector.
//!
//! It holds no truth: every entry is made of a row of the database, and the whole of it can be thrown away and built
//! anew. So it answers with ids only, and remembers with each commit up to which change of the database it is true.
//!
//! In reading order: what is put in ([`entry`]), what can be asked ([`question`], with the texts that people write in
//! [`filter`]), what is answered ([`answer`]), and the [`Index`] itself.
//!
//! Every call here waits for the disk: callers in async code run it on a thread that may block.

pub mod answer;
pub mod entry;
pub mod error;
pub mod filter;
pub mod question;

mod bits;
mod count;
mod find;
mod index;
mod order;
mod part;
mod rank;
mod schema;
mod search;
mod select;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod top;

pub use answer::{Answer, Bucket, Hit, Terms};
pub use entry::{Change, Entry, Kind};
pub use error::{Error, Result};
pub use filter::{Filter, Scalar};
pub use index::{Index, Opened};
pub use question::{Aggregation, Allowed, Operator, Question, Sort, Sources, Text};
