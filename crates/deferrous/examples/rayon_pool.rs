//! Jobs in a pool that the program has already, here one of rayon.
//!
//! `Executor` has one method, which is all that `defer_to` needs to run a job elsewhere and to fire
//! the Deferred back on the reactor's thread.
//!
//! ```text
//! cargo run --release -q --example rayon_pool
//! ```

use deferrous::{Executor, Failure, Job, Reactor, gather_results};
use rayon::prelude::*;

/// Neither the trait nor rayon's pool belongs to this program, so that a type of its own brings
/// them together.
struct RayonPool(rayon::ThreadPool);

impl Executor for RayonPool {
    fn execute(&self, job: Job) {
        self.0.spawn(job);
    }
}

/// How many primes there are below `limit`, counted on all threads of the pool that it is called
/// in.
fn count_primes(limit: u32) -> usize {
    let is_prime = |n: &u32| {
        (2..)
            .take_while(|d| d * d <= *n)
            .all(|d| !n.is_multiple_of(d))
    };
    (2..limit).into_par_iter().filter(is_prime).count()
}

fn main() -> Result<(), Failure> {
    let pool = RayonPool(rayon::ThreadPoolBuilder::new().build()?);
    let reactor = Reactor::new()?;
    let limits = [100, 10_000, 1_000_000];
    let counts = limits.map(|limit| reactor.defer_to(&pool, move || Ok(count_primes(limit))));
    let counts = reactor.run_until(gather_results(counts))?;
    for (limit, count) in limits.into_iter().zip(counts) {
        println!("{count} primes below {limit}");
    }
    Ok(())
}
