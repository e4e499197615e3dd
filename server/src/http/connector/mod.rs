//! The connector's door: Coco's contract. This file lists its parts; the routes join it.
#![expect(dead_code, unused_imports, reason = "the routes that ask these questions come with the services behind them")]

mod dsl;
mod hits;
mod query_string;
mod shown;

pub(in crate::http) use hits::{COUNT_ONLY, render};
pub(in crate::http) use query_string::{Asked, Defaults};
pub(in crate::http) use shown::Shown;
