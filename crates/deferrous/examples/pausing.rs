//! A paused Deferred collects callbacks and runs none, even if it has fired.
//!
//! Without a pause, a callback that is added to a fired Deferred runs before the adding call
//! returns. Who pauses must unpause, and a guard cannot forget it.
//!
//! ```text
//! cargo run --release -q --example pausing
//! ```

use deferrous::{Failure, deferred, succeed};

fn without_pause() {
    println!("without a pause:");
    succeed(1)
        .map(|n| println!("  callback with {n}"))
        .map(|()| println!("  next callback"));
    println!("  all callbacks added");
}

fn paused_after_firing() -> Result<(), Failure> {
    println!("paused after firing:");
    let d = succeed(2);
    d.pause();
    let d = d
        .map(|n| println!("  callback with {n}"))
        .map(|()| println!("  next callback"));
    println!("  all callbacks added");
    d.unpause()?;
    Ok(())
}

fn fired_while_paused() -> Result<(), Failure> {
    println!("fired while paused:");
    let (trigger, d) = deferred();
    d.pause();
    let d = d.map(|n| println!("  callback with {n}"));
    trigger.callback(3)?;
    println!("  fired");
    d.unpause()?;
    Ok(())
}

fn with_a_guard() {
    println!("with a guard:");
    let d = succeed(4);
    let paused = d.pause_guard();
    // The Deferred may be moved, or lost through an early return: the guard finds it.
    d.map(|n| println!("  callback with {n}"));
    println!("  all callbacks added");
    drop(paused);
}

fn main() -> Result<(), Failure> {
    without_pause();
    paused_after_firing()?;
    fired_while_paused()?;
    with_a_guard();
    Ok(())
}
