//! What is pending, as lists that programs look into and change: `threadCallQueue` and the delayed calls.
//!
//! These are private attributes of Twisted's reactors, which programs that watch a reactor read all the same.

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use super::{
    messages::Message,
    state::{DelayedCall, EventLoop, Timed},
};
use crate::{
    defer::Deferred,
    interp::{Task, fallible},
};

/// Which list it is.
#[derive(Clone, Copy)]
enum Queue {
    ThreadCalls,
    NewTimed,
    Timed,
}

impl Queue {
    fn named(py: Python<'_>, name: &str) -> PyResult<Self> {
        match name {
            "threadCallQueue" => Ok(Queue::ThreadCalls),
            "_newTimedCalls" => Ok(Queue::NewTimed),
            "_pendingTimedCalls" => Ok(Queue::Timed),
            name => {
                let text = format!("a reactor has no queue {name}");
                Err(fallible::error::<PyTypeError>(py, &text))
            }
        }
    }
}

/// What is shown of a message.
enum Shown {
    Call(Task),
    Fire(Py<Deferred>, &'static str, Py<PyAny>),
}

impl Shown {
    fn of(py: Python<'_>, message: &Message) -> Self {
        let fire = |deferred: &Py<Deferred>, method, result: &Py<PyAny>| {
            Shown::Fire(deferred.clone_ref(py), method, result.clone_ref(py))
        };
        match message {
            Message::Call(task) => Shown::Call(task.clone_ref(py)),
            Message::Callback(deferred, result) => fire(deferred, "callback", result),
            Message::Errback(deferred, failure) => fire(deferred, "errback", failure),
        }
    }

    /// (f, args, kw), as Twisted has it.
    fn entry(self, py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
        let (function, arguments, keywords) = match self {
            Shown::Call(task) => (
                task.function.into_bound(py),
                task.arguments.into_bound(py),
                task.keywords,
            ),
            Shown::Fire(deferred, method, result) => {
                let method = deferred.bind(py).getattr(fallible::text(py, method)?)?;
                (method, fallible::tuple(py, [result.into_bound(py)])?, None)
            }
        };
        let keywords = match keywords {
            Some(keywords) => keywords.into_bound(py),
            None => fallible::dict(py)?,
        };
        fallible::tuple(py, [function, arguments.into_any(), keywords.into_any()])
    }
}

/// The message of an entry (f, args, kw).
fn message(entry: &Bound<'_, PyAny>) -> PyResult<Message> {
    let message = "an entry of threadCallQueue is a function, a tuple and a dict";
    let refused = || fallible::error::<PyTypeError>(entry.py(), message);
    let parts = entry.cast::<PyTuple>().map_err(|_| refused())?;
    if parts.len() != 3 {
        return Err(refused());
    }
    let (function, arguments) = (parts.get_item(0)?, parts.get_item(1)?);
    let keywords = parts.get_item(2)?;
    let keywords = keywords.cast_into::<PyDict>().map_err(|_| refused())?;
    let arguments = arguments.try_iter()?.collect::<PyResult<Vec<_>>>()?;
    let arguments = fallible::tuple_of(entry.py(), &arguments)?;
    let keywords = (!keywords.is_empty()).then_some(keywords);
    Ok(Message::Call(Task::new(function, (arguments, keywords))))
}

/// The delayed calls that wait for their time, the first one first.
fn in_order<'py>(py: Python<'py>, timed: &Timed) -> Vec<Bound<'py, DelayedCall>> {
    let mut calls: Vec<_> = timed.iter().map(|call| call.bind(py).clone()).collect();
    calls.sort_by_key(|call| call.get().deadline(py));
    calls
}

fn entries(py: Python<'_>, shown: Vec<Shown>) -> PyResult<Bound<'_, PyList>> {
    let entries = shown.into_iter().map(|shown| shown.entry(py));
    fallible::list_of(py, entries.collect::<PyResult<Vec<_>>>()?)
}

/// What waits in one of the queues.
pub fn pending<'py>(
    event_loop: &Bound<'py, EventLoop>,
    queue: &str,
) -> PyResult<Bound<'py, PyList>> {
    let (py, parts) = (event_loop.py(), event_loop.get());
    match Queue::named(py, queue)? {
        Queue::ThreadCalls => {
            let shown = parts
                .queue
                .peek(|messages| messages.iter().map(|m| Shown::of(py, m)).collect());
            entries(py, shown)
        }
        Queue::NewTimed => {
            let new = parts.with(py, |parts| {
                let new = parts.new_timed.iter();
                new.map(|call| call.bind(py).clone()).collect::<Vec<_>>()
            })?;
            fallible::list_of(py, new)
        }
        Queue::Timed => fallible::list_of(py, parts.with(py, |parts| in_order(py, &parts.timed))?),
    }
}

/// Puts entries in the place of those of a queue from start to stop, and returns these.
pub fn splice<'py>(
    event_loop: &Bound<'py, EventLoop>,
    queue: &str,
    (start, stop): (usize, usize),
    given: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyList>> {
    let (py, parts) = (event_loop.py(), event_loop.get());
    let queue = Queue::named(py, queue)?;
    let given = given.try_iter()?;
    if let Queue::ThreadCalls = queue {
        let messages = given.map(|entry| message(&entry?));
        let messages = messages.collect::<PyResult<Vec<_>>>()?;
        let replaced = parts.queue.splice(start, stop, messages);
        let shown = replaced.iter().map(|message| Shown::of(py, message));
        return entries(py, shown.collect());
    }
    let given = given.map(|object| delayed_call(&object?, event_loop));
    let given = given.collect::<PyResult<Vec<_>>>()?;
    let replaced: Vec<_> = parts.with(py, |parts| match queue {
        Queue::Timed => splice_timed(py, &mut parts.timed, (start, stop), given),
        _ => {
            let stop = stop.min(parts.new_timed.len());
            let replaced = parts.new_timed.splice(start.min(stop)..stop, given);
            replaced.collect()
        }
    })?;
    fallible::list_of(py, replaced.into_iter().map(|call| call.into_bound(py)))
}

/// The delayed call that an object is. One of another reactor has its place among that reactor's calls.
fn delayed_call(
    object: &Bound<'_, PyAny>,
    event_loop: &Bound<'_, EventLoop>,
) -> PyResult<Py<DelayedCall>> {
    match object.cast::<DelayedCall>() {
        Ok(call) if call.get().is_of(event_loop) => Ok(call.clone().unbind()),
        _ => Err(fallible::error::<PyTypeError>(
            object.py(),
            "what waits in a reactor was returned by its callLater",
        )),
    }
}

/// Puts delayed calls in the place of some of those that wait. The others keep their places.
fn splice_timed(
    py: Python<'_>,
    timed: &mut Timed,
    (start, stop): (usize, usize),
    given: Vec<Py<DelayedCall>>,
) -> Vec<Py<DelayedCall>> {
    let calls = in_order(py, timed);
    let stop = stop.min(calls.len());
    let mut replaced = Vec::new();
    for call in &calls[start.min(stop)..stop] {
        replaced.extend(call.get().remove(py, timed));
    }
    for call in given {
        // One that is there already moves.
        replaced.extend(call.get().remove(py, timed));
        DelayedCall::insert_as_is(call, py, timed);
    }
    replaced
}
