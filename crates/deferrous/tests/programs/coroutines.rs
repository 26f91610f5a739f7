//! Coroutines that do what a program says.

use std::{panic::resume_unwind, pin::Pin, rc::Rc};

use deferrous::spawn;
use serde_json::Value as Json;

use crate::{
    describe,
    world::{Handle, NOTHING, Outcome, World, items, number, text},
};

/// What a coroutine is in Twisted.
#[derive(Clone, Copy)]
pub enum Kind {
    /// A generator of `inlineCallbacks`. A coroutine that it waits for gets a Deferred of its own.
    Generator,
    /// A coroutine. One that it waits for runs as a part of it.
    Coroutine,
}

pub fn start(world: &Rc<World>, label: String, kind: Kind, spec: &Json) -> Handle {
    spawn(run(world.clone(), label, kind, spec.clone()))
}

/// Starts one that waits for a lock or semaphore, and holds it to its end.
pub fn start_holding(world: &Rc<World>, label: String, spec: &Json, name: &str) -> Handle {
    let (world, spec) = (world.clone(), spec.clone());
    if name == "lock" {
        return spawn(async move {
            let _permit = world.lock.acquire().await?;
            hold(world, label, spec).await
        });
    }
    let semaphore = world.semaphore.borrow().clone();
    spawn(async move {
        let _permit = semaphore.acquire().await?;
        hold(world, label, spec).await
    })
}

async fn hold(world: Rc<World>, label: String, spec: Json) -> Outcome {
    world.note(&format!("{label} holds it"));
    run(world, label, Kind::Coroutine, spec).await
}

async fn run(world: Rc<World>, label: String, kind: Kind, spec: Json) -> Outcome {
    world.note(&format!("{label} begins"));
    for step in items(&spec[0]) {
        world.run(items(&step[0]));
        let Some(awaited) = awaited(&world, kind, &step[1]) else {
            world.note(&format!("{label} {NOTHING} to wait for"));
            continue;
        };
        let got = awaited.await;
        if world.has_ended() {
            return got;
        }
        match got {
            Ok(value) => world.note(&format!("{label} got {}", describe::value(&value))),
            Err(failure) => {
                world.note(&format!("{label} caught {}", describe::failure(&failure)));
                match text(&step[2]) {
                    "replace" => return Err(world.failure("boom")),
                    "raise" => return Err(failure),
                    _ => {}
                }
            }
        }
    }
    let ended = world.finish(&spec[1], Ok(describe::Value::None));
    ended.unwrap_or_else(|panic| resume_unwind(Box::new(panic)))
}

type Awaited = Pin<Box<dyn Future<Output = Outcome>>>;

/// What a step waits for: a Deferred, or another coroutine.
fn awaited(world: &Rc<World>, kind: Kind, what: &Json) -> Option<Awaited> {
    let handle = match text(&what[0]) {
        "new" => world.make(text(&what[1]), number(&what[2])).take(),
        "generator" => Some(start(world, world.number("g"), Kind::Generator, &what[1])),
        "coroutine" => {
            let (label, inner) = (world.number("g"), Kind::Coroutine);
            match kind {
                Kind::Generator => Some(start(world, label, inner, &what[1])),
                Kind::Coroutine => {
                    return Some(Box::pin(run(world.clone(), label, inner, what[1].clone())));
                }
            }
        }
        _ => world.take(number(&what[1])),
    };
    handle.map(|handle| Box::pin(handle.into_future()) as Awaited)
}
