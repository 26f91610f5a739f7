//! Which of the methods that a turn calls a program has replaced, in a subclass, in the class or on the loop itself.

use pyo3::prelude::*;

use super::{state::LoopCore, support::support};
use crate::interp::{KnownClasses, attributes, finds, item};

/// The methods, in the order of `Support::called`.
pub const RUN_ONCE: u16 = 1;
pub const TIME: u16 = 1 << 1;
pub const CALL_AT: u16 = 1 << 2;
pub const WRITE_TO_SELF: u16 = 1 << 3;
const PROCESS_EVENTS: u16 = 1 << 4;
const ADD_CALLBACK: u16 = 1 << 5;
/// The methods that handle events.
pub const EVENTS: u16 = PROCESS_EVENTS | ADD_CALLBACK;
const ALL: u16 = RUN_ONCE | TIME | CALL_AT | WRITE_TO_SELF | EVENTS;

/// The methods of these classes that are as they were, as a set of the constants above.
static CLASSES: KnownClasses = KnownClasses::new();

/// The methods that have been replaced, as a set of the constants above.
#[inline(always)]
pub fn replaced(event_loop: &Bound<'_, LoopCore>) -> u16 {
    let class = CLASSES.flags(event_loop, || own_methods(event_loop), || Ok(Vec::new()));
    event_loop.get().replaced_on_loop.get(event_loop.py()) | (ALL & !class.flags)
}

/// Which methods the class has from this module and the standard library.
#[cold]
fn own_methods(event_loop: &Bound<'_, LoopCore>) -> u16 {
    let Ok(support) = support(event_loop.py()) else {
        return 0;
    };
    let methods = support.called.iter().enumerate();
    methods
        .filter(|(_, (name, method))| finds(event_loop, name, method))
        .fold(0, |found, (at, _)| found | 1 << at)
}

/// Looks at the attributes of the loop itself. Its `__setattr__` and `__delattr__` call this.
#[cold]
pub fn look_at_loop(event_loop: &Bound<'_, LoopCore>) -> PyResult<()> {
    let py = event_loop.py();
    let mut replaced = 0;
    if let Ok(own) = attributes(event_loop) {
        for (at, (name, _)) in support(py)?.called.iter().enumerate() {
            if item(&own, name.bind(py)).is_some() {
                replaced |= 1 << at;
            }
        }
    }
    event_loop.get().replaced_on_loop.set(py, replaced);
    Ok(())
}
