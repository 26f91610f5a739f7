//! A blocking function becomes a Deferred in a thread of the pool.
//!
//! The function knows nothing of Deferreds, and could come from another crate. The two lines after
//! the addition of the callback are printed first, because nothing waits for the number until the
//! reactor runs.
//!
//! ```text
//! cargo run --release -q --example fibonacci_thread
//! ```

use deferrous::{Failure, Reactor};
use num_bigint::BigUint;

const TARGET: u32 = 10_000;

fn fibonacci() -> BigUint {
    let (mut previous, mut current) = (BigUint::ZERO, BigUint::from(1u8));
    for _ in 1..TARGET {
        let next = previous + &current;
        (previous, current) = (current, next);
    }
    current
}

fn main() -> Result<(), Failure> {
    let reactor = Reactor::new()?;
    let stop = reactor.clone();
    reactor
        .defer_to_thread(|| Ok(fibonacci()))
        .map(|number| println!("Fibonacci number {TARGET} is {number}"))
        // Whether there is a number or a failure, a reactor that nobody stops would run for ever.
        .add_both(move |result| {
            stop.stop()?;
            result
        });
    println!("1st line after the addition of the callback");
    println!("2nd line after the addition of the callback");
    reactor.run()?;
    Ok(())
}
