//! Runs the programs of `tests/differential` on the crate.
//!
//! Reads a program a line, as JSON, and writes a line with what it did: the lines of each operation,
//! and the failures that nobody handled. `tests/differential/owned.py` does the same on an API of
//! Python and says what a program is. The argument names a planted mistake, see [`Mistake`].

mod combined;
mod coroutines;
mod describe;
mod operations;
mod world;

use std::{
    env,
    io::{self, BufRead, Write},
    rc::Rc,
};

use serde_json::{Value as Json, json};

use world::World;

/// Two rules that change places, so that a test can see the difference found.
#[derive(Clone, Copy, PartialEq)]
pub enum Mistake {
    /// None of them.
    None,
    /// `add_callback` and `add_errback`.
    Sides,
    /// `pause` and `unpause`.
    Pauses,
    /// `fire_on_one_callback` and `fire_on_one_errback`.
    Flags,
    /// The first and the last of the Deferreds that are combined.
    Order,
}

fn mistake(name: Option<String>) -> Mistake {
    match name.as_deref() {
        None => Mistake::None,
        Some("sides") => Mistake::Sides,
        Some("pauses") => Mistake::Pauses,
        Some("flags") => Mistake::Flags,
        Some("order") => Mistake::Order,
        Some(other) => panic!("there is no mistake {other}"),
    }
}

/// Runs a program from the first operation to the end of its last object.
fn run(program: &Json, mistake: Mistake) -> Json {
    let captured = deferrous::capture_unhandled();
    let world = Rc::new(World::new(mistake));
    let steps: Vec<Vec<String>> = world::items(&program["ops"])
        .iter()
        .map(|op| {
            world.run(std::slice::from_ref(op));
            world.take_lines()
        })
        .collect();
    world.drop_handles();
    let mut reports: Vec<String> = captured
        .take()
        .iter()
        .map(|unhandled| describe::failure(&unhandled.failure))
        .collect();
    reports.sort();
    // What this leads to, Twisted has not: there nothing is abandoned.
    world.drop_all();
    drop(world);
    drop(captured.take());
    json!({"steps": steps, "reports": reports})
}

fn main() -> io::Result<()> {
    let mistake = mistake(env::args().nth(1));
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let program = serde_json::from_str(&line?)?;
        writeln!(output, "{}", run(&program, mistake))?;
        output.flush()?;
    }
    Ok(())
}
