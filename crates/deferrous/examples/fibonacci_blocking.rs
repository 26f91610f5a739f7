//! A function that returns a Deferred can still block.
//!
//! The whole computation happens inside the function, before it returns, so the callback is added
//! to a Deferred that has fired already: the printed lines show the order. `fibonacci_thread` is
//! the remedy.
//!
//! ```text
//! cargo run --release -q --example fibonacci_blocking
//! ```

use std::time::Instant;

use deferrous::{Deferred, Failure, deferred};
use num_bigint::BigUint;

const TARGET: u32 = 10_000;

fn fibonacci() -> Result<Deferred<BigUint>, Failure> {
    let (trigger, d) = deferred();
    let (mut previous, mut current) = (BigUint::ZERO, BigUint::from(1u8));
    for step in 1..TARGET {
        if step % 100 == 0 {
            println!("Progress: {step} of {TARGET} numbers computed");
        }
        let next = previous + &current;
        (previous, current) = (current, next);
    }
    // Nobody can have added a callback yet: the caller has not got the Deferred.
    trigger.callback(current)?;
    Ok(d)
}

fn main() -> Result<(), Failure> {
    let started = Instant::now();
    let d = fibonacci()?;
    println!(
        "The call took {:.3} seconds",
        started.elapsed().as_secs_f64()
    );

    println!("Adding the callback now.");
    d.map(|number| println!("Fibonacci number {TARGET} is {number}"));
    Ok(())
}
