//! Operations on one Deferred. Each says what came of it, if its name does not say enough.

use std::{cell::RefCell, rc::Rc, time::Duration};

use deferrous::{
    AlreadyCalled, Failure, Trigger, deferred, deferred_with_canceller, maybe_deferred, succeed,
};
use serde_json::Value as Json;

use crate::{
    Mistake,
    describe::{self, Value},
    world::{
        ATTACHED, Callable, Entry, Handle, Later, NOTHING, World, number, returns_deferred, text,
    },
};

pub type Said = Option<String>;

pub fn nothing() -> Said {
    Some(NOTHING.to_owned())
}

/// Adds a link of either kind with a method that takes any.
macro_rules! add_with {
    ($world:expr, $handle:expr, $method:ident, $callable:expr, $input:ident => $given:expr) => {{
        let (world, callable) = ($world.clone(), $callable);
        if returns_deferred(&callable.spec) {
            $handle.$method(move |$input| world.call_for_deferred(callable, Some($given)))
        } else {
            $handle.$method(move |$input| world.call(callable, Some($given)))
        }
    }};
}

impl World {
    pub fn step(self: &Rc<Self>, op: &Json) -> Said {
        let slot = || number(&op[1]);
        match text(&op[0]) {
            "new" => self.new_deferred(slot(), &op[3]),
            "succeed" => {
                let value = self.value(&op[2]);
                self.put(slot(), succeed(value), None);
                None
            }
            "fail" => {
                let failure = self.failure(text(&op[2][1]));
                self.put(slot(), deferrous::fail(failure), None);
                None
            }
            "maybe" => {
                let callable = Callable::new(self, None, &op[2]);
                self.put(slot(), self.maybe(callable), None);
                None
            }
            "drop" => {
                if slot() != ATTACHED {
                    self.drop_slot(slot());
                }
                None
            }
            "forget" => {
                self.forget(slot());
                None
            }
            "add" => {
                let callable = Callable::new(self, self.slot(slot()), &op[3]);
                let method = text(&op[2]);
                self.adding(slot(), |handle| self.add(handle, method, callable))
            }
            "pair" => self.add_pair(slot(), &op[2]),
            "chain" => self.chain(slot(), number(&op[2])),
            "timeout" => self.timeout(slot(), number(&op[2]), &op[3]),
            "advance" => {
                self.clock.advance(seconds(slot()));
                None
            }
            "fire" => {
                let value = self.value(&op[2]);
                self.fire(slot(), |trigger| trigger.callback(value))
            }
            "errback" => {
                let failure = self.failure(text(&op[2][1]));
                self.fire(slot(), |trigger| trigger.errback(failure))
            }
            "call" => Some(match self.slot(slot()) {
                None => format!("{} {NOTHING}", text(&op[2])),
                Some(entry) => self.call_method(&entry, text(&op[2])),
            }),
            "take" => self.take_result(slot()),
            "look" => self.look(slot()),
            _ => self.combined(op),
        }
    }

    fn new_deferred(self: &Rc<Self>, slot: i64, canceller: &Json) -> Said {
        if canceller.is_null() {
            let (trigger, handle) = deferred();
            self.put(slot, handle, Some(trigger));
            return None;
        }
        let mut callable = Callable::new(self, None, canceller);
        let (world, later) = (self.clone(), Later::default());
        let entry = later.clone();
        let (trigger, handle) = deferred_with_canceller(move |_: &Trigger<Value>| {
            callable.attached = RefCell::borrow(&entry).upgrade();
            world.call_canceller(callable);
        });
        let entry = Entry::new(handle, Some(trigger));
        later.replace(Rc::downgrade(&entry));
        self.put_entry(slot, entry);
        None
    }

    pub fn maybe(self: &Rc<Self>, callable: Callable) -> Handle {
        if returns_deferred(&callable.spec) {
            maybe_deferred(|| self.call_for_deferred(callable, None))
        } else {
            maybe_deferred(|| self.call(callable, None))
        }
    }

    /// Does something that consumes a handle and gives it back.
    fn adding(&self, slot: i64, add: impl FnOnce(Handle) -> Handle) -> Said {
        let Some(entry) = self.slot(slot) else {
            return nothing();
        };
        let Some(handle) = entry.take() else {
            return nothing();
        };
        let handle = add(handle);
        entry.handle.replace(Some(handle));
        None
    }

    fn add(self: &Rc<Self>, handle: Handle, method: &str, callable: Callable) -> Handle {
        let swapped = self.mistake == Mistake::Sides;
        match method {
            "addBoth" => add_with!(self, handle, add_both, callable, given => given),
            "addCallback" if !swapped => {
                add_with!(self, handle, add_callback, callable, value => Ok(value))
            }
            "addErrback" if swapped => {
                add_with!(self, handle, add_callback, callable, value => Ok(value))
            }
            _ => add_with!(self, handle, add_errback, callable, failure => Err(failure)),
        }
    }

    fn add_pair(self: &Rc<Self>, slot: i64, specs: &Json) -> Said {
        let good = Callable::new(self, self.slot(slot), &specs[0]);
        if specs[1].is_null() {
            return self.adding(
                slot,
                |handle| add_with!(self, handle, add_callback, good, value => Ok(value)),
            );
        }
        let bad = Callable::new(self, self.slot(slot), &specs[1]);
        self.adding(slot, |handle| {
            let kinds = (returns_deferred(&good.spec), returns_deferred(&bad.spec));
            let (left, right) = (self.clone(), self.clone());
            match kinds {
                (false, false) => handle.add_callbacks(
                    move |value| left.call(good, Some(Ok(value))),
                    move |failure| right.call(bad, Some(Err(failure))),
                ),
                (true, false) => handle.add_callbacks(
                    move |value| left.call_for_deferred(good, Some(Ok(value))),
                    move |failure| right.call(bad, Some(Err(failure))),
                ),
                (false, true) => handle.add_callbacks(
                    move |value| left.call(good, Some(Ok(value))),
                    move |failure| right.call_for_deferred(bad, Some(Err(failure))),
                ),
                (true, true) => handle.add_callbacks(
                    move |value| left.call_for_deferred(good, Some(Ok(value))),
                    move |failure| right.call_for_deferred(bad, Some(Err(failure))),
                ),
            }
        })
    }

    fn trigger(&self, slot: i64) -> Option<Trigger<Value>> {
        self.slot(slot)?.trigger.borrow().clone()
    }

    fn chain(&self, slot: i64, other: i64) -> Said {
        let Some(trigger) = self.trigger(other) else {
            return nothing();
        };
        self.adding(slot, |handle| {
            handle.chain_deferred(trigger).map(|()| Value::None)
        })
    }

    fn timeout(self: &Rc<Self>, slot: i64, after: i64, spec: &Json) -> Said {
        let after = seconds(after);
        if spec.is_null() {
            return self.adding(slot, |handle| handle.add_timeout(after, &self.clock));
        }
        let (callable, world) = (Callable::new(self, self.slot(slot), spec), self.clone());
        self.adding(slot, |handle| {
            if returns_deferred(&callable.spec) {
                handle.add_timeout_with(after, &self.clock, move |given| {
                    world.call_for_deferred(callable, Some(given))
                })
            } else {
                handle.add_timeout_with(after, &self.clock, move |given| {
                    world.call(callable, Some(given))
                })
            }
        })
    }

    fn fire(
        &self,
        slot: i64,
        fire: impl FnOnce(&Trigger<Value>) -> Result<(), AlreadyCalled>,
    ) -> Said {
        let Some(trigger) = self.trigger(slot) else {
            return nothing();
        };
        fire(&trigger).err().map(raised)
    }

    fn call_method(&self, entry: &Entry, method: &str) -> String {
        let pauses = match (method, self.mistake) {
            ("cancel", _) => {
                entry.cancel.cancel();
                return method.to_owned();
            }
            ("pause", Mistake::Pauses) => false,
            (_, Mistake::Pauses) => true,
            (method, _) => method == "pause",
        };
        if !pauses && let Some(guard) = { entry.guards.borrow_mut().pop() } {
            guard.unpause();
            return method.to_owned();
        }
        let Some(handle) = entry.take() else {
            return format!("{method} {NOTHING}");
        };
        let has_trigger = entry.trigger.borrow().is_some();
        let ended = match (pauses, has_trigger) {
            // A guard keeps a Deferred that has no trigger.
            (true, false) => {
                entry.guards.borrow_mut().push(handle.pause_guard());
                Ok(())
            }
            (true, true) => {
                handle.pause();
                Ok(())
            }
            (false, _) => handle.unpause(),
        };
        entry.handle.replace(Some(handle));
        match ended {
            Ok(()) => method.to_owned(),
            Err(error) => format!("{method} {}", raised(error)),
        }
    }

    fn take_result(&self, slot: i64) -> Said {
        let Some(entry) = self.slot(slot) else {
            return nothing();
        };
        let Some(handle) = entry.take() else {
            return nothing();
        };
        match handle.into_result() {
            Ok(result) => Some(format!("got {}", describe::result(&result))),
            Err(handle) => {
                entry.handle.replace(Some(handle));
                Some("has to wait".to_owned())
            }
        }
    }

    /// What is seen of a Deferred in its `Debug` output.
    fn look(&self, slot: i64) -> Said {
        let Some(entry) = self.slot(slot) else {
            return nothing();
        };
        let handle = entry.handle.borrow();
        let trigger = entry.trigger.borrow();
        let shown = match (&*handle, &*trigger) {
            (Some(handle), _) => format!("{handle:?}"),
            (None, Some(trigger)) => format!("{trigger:?}"),
            (None, None) => return nothing(),
        };
        let after = |name: &str| shown.split(name).nth(1);
        let called = after("called: true").is_some();
        let paused = after("paused: ").and_then(|rest| rest.split(',').next());
        let waiting = after("waiting_on: ").is_some();
        Some(format!(
            "at called={} paused={} waiting={}",
            python(called),
            paused.unwrap_or("?"),
            python(waiting)
        ))
    }
}

/// A truth value as Python writes it.
pub fn python(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

pub fn raised(error: impl Into<Failure>) -> String {
    format!("raised {}", describe::failure(&error.into()))
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(number.unsigned_abs())
}
