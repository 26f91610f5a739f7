//! Which of the methods that a turn calls a program has replaced, in a subclass, in the class or on the loop itself.

use pyo3::prelude::*;

use super::{state::LoopCore, support::support};
use crate::interp::{attributes, class_version, finds, item};

/// The methods, in the order of `Support::called`.
pub const RUN_ONCE: u16 = 1;
pub const TIME: u16 = 1 << 1;
pub const CALL_AT: u16 = 1 << 2;
pub const WRITE_TO_SELF: u16 = 1 << 3;
const PROCESS_EVENTS: u16 = 1 << 4;
const ADD_CALLBACK: u16 = 1 << 5;
/// What handles events.
pub const EVENTS: u16 = PROCESS_EVENTS | ADD_CALLBACK;

/// The methods that have been replaced, as a set of the constants above.
#[inline(always)]
pub fn replaced(event_loop: &Bound<'_, LoopCore>) -> PyResult<u16> {
    let (py, core) = (event_loop.py(), event_loop.get());
    match class_version(event_loop) {
        Some(version) if core.class_version.get(py) == version => Ok(core.replaced.get(py)),
        _ => look_up(event_loop),
    }
}

/// Looks at the class and at the loop. The former says when it changes; the latter has a `__setattr__`, which calls this.
#[cold]
pub fn look_up(event_loop: &Bound<'_, LoopCore>) -> PyResult<u16> {
    let (py, core) = (event_loop.py(), event_loop.get());
    let own = attributes(event_loop).ok();
    let mut found = 0;
    for (at, (name, method)) in support(py)?.called.iter().enumerate() {
        let on_itself = own.as_ref().and_then(|own| item(own, name.bind(py)));
        if on_itself.is_some() || !finds(event_loop, name, method) {
            found |= 1 << at;
        }
    }
    core.replaced.set(py, found);
    // The look-up has given the class a number, if it had none.
    core.class_version
        .set(py, class_version(event_loop).unwrap_or(0));
    Ok(found)
}
