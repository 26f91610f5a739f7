//! The examples do what they say: each is run as a process, and its output and exit status are
//! looked at.
//!
//! `cargo test` builds the examples before. `cargo test --test examples` does not: run
//! `cargo build --examples` first.

#![cfg(feature = "reactor")]

mod chat;
mod digest;
mod fetcher;
mod founding;
mod http_echo;
mod jobs;
mod rayon_pool;
mod support;
