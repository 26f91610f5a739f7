//! A coalescing, cached fetcher: who asks while something is being fetched shares that fetch.
//!
//! ```text
//! cargo run --release -q --example fetcher -- PATH...
//! ```
//!
//! Counts the lines of files. All paths are asked for at once, and then all again: a file that is named
//! several times is read once, and one that cannot be read once in each round. The tests of
//! `fetcher.rs` run on a `MemoryReactor`: they decide when a job runs and how much time passes.

mod fetcher;

use std::{env, fs, time::Duration};

use deferrous::{Deferred, Failure, Reactor, gather_results};

use crate::fetcher::Fetcher;

/// Counts the lines of a file in a thread, as reading blocks.
fn count_lines(reactor: &Reactor, path: String) -> Deferred<usize> {
    reactor.defer_to_thread(move || Ok(fs::read_to_string(path)?.lines().count()))
}

fn main() -> Result<(), Failure> {
    let paths: Vec<_> = env::args().skip(1).collect();
    let reactor = Reactor::new()?;
    let own = reactor.clone();
    let fresh = Duration::from_secs(60);
    let fetcher = Fetcher::new(&reactor, fresh, move |path| count_lines(&own, path));

    let run = reactor.clone().spawn(async move {
        for round in ["first", "second"] {
            println!("{round} round");
            let counts = paths.iter().map(|path| {
                let (of_count, of_failure) = (path.clone(), path.clone());
                fetcher.get(path.clone()).add_callbacks(
                    move |count| println!("  {of_count}: {count} lines"),
                    move |failure| println!("  {of_failure}: {failure}"),
                )
            });
            gather_results(counts).await?;
        }
        println!("{} asked, {} read", 2 * paths.len(), fetcher.fetches());
        Ok(())
    });
    reactor.run_until(run)
}
