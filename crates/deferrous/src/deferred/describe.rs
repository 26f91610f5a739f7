//! What a Deferred looks like at one moment.

use std::{
    any::type_name,
    fmt,
    rc::{Rc, Weak},
};

use super::cell::{CellData, DeferredCell, Outcome};
use crate::failure::Failure;
#[cfg(feature = "inspect")]
use crate::inspect::{Entry, Look as Inspected, State as Progress, Subject};

/// Read before it is written, because errors and writers may run any code, which may use the
/// Deferred.
struct Look {
    called: bool,
    paused: u32,
    links: usize,
    waiting_on: Option<*const CellData>,
    result: Option<LookedAt>,
}

enum LookedAt {
    /// A value of this type.
    Value(&'static str),
    Failure(Failure),
    /// A link has it.
    Running,
}

fn look(cell: &DeferredCell) -> Look {
    cell.read(|state| Look {
        called: state.is_called(),
        paused: state.pauses(),
        links: state.pending(),
        waiting_on: state.waiting_on().map(Weak::as_ptr),
        result: match state.outcome() {
            Some(Outcome::Value(value)) => Some(LookedAt::Value(value.type_name())),
            Some(Outcome::Failure(failure)) => Some(LookedAt::Failure(failure.clone())),
            None => state.is_running().then_some(LookedAt::Running),
        },
    })
}

/// Writes what `Debug` shows of a Deferred or its trigger.
pub(super) fn describe<T>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    cell: &DeferredCell,
) -> fmt::Result {
    let look = look(cell);
    let mut out = f.debug_struct(name);
    out.field("type", &format_args!("{}", type_name::<T>()))
        .field("at", &format_args!("{:p}", Rc::as_ptr(cell)))
        .field("called", &look.called)
        .field("paused", &look.paused)
        .field("links", &look.links);
    if let Some(upstream) = look.waiting_on {
        out.field("waiting_on", &format_args!("{upstream:p}"));
    }
    match look.result {
        Some(LookedAt::Value(name)) => out.field("result", &format_args!("value of {name}")),
        Some(LookedAt::Failure(failure)) => {
            out.field("result", &format_args!("failure: {failure:#}"))
        }
        Some(LookedAt::Running) => out.field("result", &format_args!("with a running callback")),
        None => &mut out,
    };
    out.finish()
}

#[cfg(feature = "inspect")]
impl Subject for CellData {
    fn entry(&self) -> &Entry {
        CellData::entry(self)
    }

    fn look(&self) -> Inspected {
        let upstream = self.read(|state| state.waiting_on().and_then(Weak::upgrade));
        let state = self.read(|state| match state.outcome() {
            _ if state.is_running() => Progress::Running,
            _ if !state.is_called() => Progress::Unfired {
                triggers: self.triggers(),
            },
            _ if state.is_waiting() => Progress::Chained,
            _ if state.pauses() > 0 => Progress::Paused {
                pauses: state.pauses(),
            },
            outcome => Progress::Fired {
                failed: matches!(outcome, Some(Outcome::Failure(_))),
            },
        });
        Inspected {
            state,
            chained_to: upstream.map_or(0, |upstream| upstream.inspected().number()),
            wanted: !self.is_unwanted(),
        }
    }
}
