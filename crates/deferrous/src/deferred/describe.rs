//! What a Deferred looks like at one moment.

use std::{any::type_name, fmt, rc::Rc};

use super::cell::{DeferredCell, Outcome};

/// Read before it is written, because the writer may run any code while the state would be borrowed.
struct Look {
    called: bool,
    paused: u32,
    links: usize,
    waiting_on: Option<String>,
    result: Option<String>,
}

fn look(cell: &DeferredCell) -> Look {
    cell.read(|state| Look {
        called: state.is_called(),
        paused: state.pauses(),
        links: state.pending(),
        waiting_on: state.waiting_on().map(|up| format!("{:p}", up.as_ptr())),
        result: match state.outcome() {
            Some(Outcome::Value(value)) => Some(format!("value of {}", value.type_name())),
            Some(Outcome::Failure(failure)) => Some(format!("failure: {failure:#}")),
            None if state.is_running() => Some("with a running callback".to_owned()),
            None => None,
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
        out.field("waiting_on", &format_args!("{upstream}"));
    }
    if let Some(result) = look.result {
        out.field("result", &format_args!("{result}"));
    }
    out.finish()
}
