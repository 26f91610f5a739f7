//! What is pending, as lists that programs look into and change: `threadCallQueue` and the delayed calls.
//!
//! These are private attributes of Twisted's reactors, which programs that watch a reactor read all the same.

use std::ptr;

use pyo3::ffi;

use super::{
    delayed::DelayedCall,
    event_loop::{Loop, Parts},
    messages::Message,
    time::{key, list},
};
use crate::{
    defer::RawDeferred as Deferred,
    interp::{Attached, Maybe, Obj, Raised, Task, type_error},
    twisted::names,
};

/// Which list it is.
#[derive(Clone, Copy)]
enum Queue {
    ThreadCalls,
    NewTimed,
    Timed,
}

impl Queue {
    fn named(name: &Obj) -> Maybe<Self> {
        match name.to_text()?.as_str() {
            "threadCallQueue" => Ok(Queue::ThreadCalls),
            "_newTimedCalls" => Ok(Queue::NewTimed),
            "_pendingTimedCalls" => Ok(Queue::Timed),
            name => Err(type_error(&format!("a reactor has no queue {name}"))),
        }
    }
}

/// What is shown of a message.
enum Shown {
    Call(Task),
    Fire(Deferred, &'static Obj, Obj),
}

impl Shown {
    fn of(message: &Message) -> Self {
        match message {
            Message::Call(task) => Shown::Call(task.clone()),
            Message::Callback(d, result) => {
                Shown::Fire(d.clone(), &names().callback, result.clone())
            }
            Message::Errback(d, failure) => {
                Shown::Fire(d.clone(), &names().errback, failure.clone())
            }
        }
    }

    /// (f, args, kw), as Twisted has it.
    fn entry(self) -> Maybe {
        let (function, arguments, keywords) = match self {
            Shown::Call(task) => (task.function, task.arguments, task.keywords),
            Shown::Fire(deferred, method, result) => {
                let method = deferred.object().getattr(method)?;
                (method, Obj::tuple([result])?, None)
            }
        };
        let keywords = match keywords {
            Some(keywords) => keywords,
            // SAFETY: the thread is attached.
            None => unsafe { Obj::owned(ffi::PyDict_New()) }?,
        };
        Obj::tuple([function, arguments, keywords])
    }
}

/// The message of an entry (f, args, kw).
fn message(entry: &Obj) -> Maybe<Message> {
    let refused = "an entry of threadCallQueue is a function, a tuple and a dict";
    // SAFETY: the objects are alive, and the tuple has three items when they are read.
    unsafe {
        if ffi::PyTuple_Check(entry.as_ptr()) == 0 || ffi::PyTuple_GET_SIZE(entry.as_ptr()) != 3 {
            return Err(type_error(refused));
        }
        let item = |at| Obj::borrowed(ffi::PyTuple_GET_ITEM(entry.as_ptr(), at));
        let (function, arguments, keywords) = (item(0), item(1), item(2));
        if ffi::PyDict_Check(keywords.as_ptr()) == 0 {
            return Err(type_error(refused));
        }
        let arguments = Obj::owned(ffi::PySequence_Tuple(arguments.as_ptr()))?;
        let keywords = (ffi::PyDict_Size(keywords.as_ptr()) > 0).then_some(keywords);
        Ok(Message::Call(Task {
            function,
            arguments,
            keywords,
        }))
    }
}

/// The delayed calls that wait for their time, the first one first.
fn in_order(parts: &Parts) -> Vec<DelayedCall> {
    let calls = parts.timed.iter().cloned();
    // SAFETY: only delayed calls are put there.
    let mut calls: Vec<_> = calls
        .map(|call| unsafe { DelayedCall::from_object(call) })
        .collect();
    calls.sort_by_key(|call| key(call.layout().time.get()));
    calls
}

/// `pending(queue)`.
pub fn pending(event_loop: &Loop, queue: &Obj) -> Maybe {
    match Queue::named(queue)? {
        Queue::ThreadCalls => {
            let queue = &event_loop.get()?.queue;
            entries(queue.peek(|messages| messages.iter().map(|m| Shown::of(&m.0)).collect()))
        }
        Queue::NewTimed => list(
            event_loop
                .with(|parts| parts.new_timed.clone())?
                .into_iter(),
        ),
        Queue::Timed => {
            let calls = event_loop.with(|parts| in_order(parts))?;
            list(calls.into_iter().map(DelayedCall::into_object))
        }
    }
}

fn entries(shown: Vec<Shown>) -> Maybe {
    let entries: Maybe<Vec<_>> = shown.into_iter().map(Shown::entry).collect();
    list(entries?.into_iter())
}

/// `splice(queue, start, stop, entries)`.
pub fn splice(event_loop: &Loop, [queue, start, stop, given]: &[Obj; 4]) -> Maybe {
    let queue = Queue::named(queue)?;
    let (start, stop) = (index(start)?, index(stop)?);
    // SAFETY: the object is alive, and each item is in the tuple.
    let given: Vec<_> = unsafe {
        let given = Obj::owned(ffi::PySequence_Tuple(given.as_ptr()))?;
        (0..ffi::PyTuple_GET_SIZE(given.as_ptr()))
            .map(|at| Obj::borrowed(ffi::PyTuple_GET_ITEM(given.as_ptr(), at)))
            .collect()
    };
    if let Queue::ThreadCalls = queue {
        let messages = given.iter().map(|entry| message(entry).map(Attached));
        let messages = messages.collect::<Maybe<Vec<_>>>()?;
        let replaced = event_loop.get()?.queue.splice(start, stop, messages);
        return entries(
            replaced
                .iter()
                .map(|message| Shown::of(&message.0))
                .collect(),
        );
    }
    let given = given
        .into_iter()
        .map(|object| delayed_call(object, event_loop));
    let given = given.collect::<Maybe<Vec<_>>>()?;
    let replaced = event_loop.with(|parts| match queue {
        Queue::Timed => splice_timed(parts, start, stop, given),
        _ => {
            let stop = stop.min(parts.new_timed.len());
            let given = given.into_iter().map(DelayedCall::into_object);
            let replaced = parts.new_timed.splice(start.min(stop)..stop, given);
            replaced.collect()
        }
    })?;
    list(replaced.into_iter())
}

/// The value of an index, which is at least 0.
fn index(object: &Obj) -> Maybe<usize> {
    // SAFETY: the object is alive. What is too large or small is clipped.
    let value = unsafe { ffi::PyNumber_AsSsize_t(object.as_ptr(), ptr::null_mut()) };
    // SAFETY: the thread is attached.
    if value == -1 && unsafe { !ffi::PyErr_Occurred().is_null() } {
        return Err(Raised);
    }
    Ok(usize::try_from(value).unwrap_or_default())
}

/// The delayed call that an object is. One of another reactor has its place among that reactor's calls.
fn delayed_call(object: Obj, event_loop: &Loop) -> Maybe<DelayedCall> {
    match DelayedCall::try_from_object(object) {
        Some(call) if call.is_of(event_loop)? => Ok(call),
        _ => Err(type_error(
            "what waits in a reactor was returned by its callLater",
        )),
    }
}

/// Puts delayed calls in the place of some of those that wait. The others keep their places.
fn splice_timed(parts: &mut Parts, start: usize, stop: usize, given: Vec<DelayedCall>) -> Vec<Obj> {
    let calls = in_order(parts);
    let stop = stop.min(calls.len());
    let mut replaced = Vec::new();
    for call in &calls[start.min(stop)..stop] {
        replaced.extend(parts.timed.remove(call.layout().key.get()));
    }
    for call in given {
        // One that is there already moves.
        replaced.extend(parts.timed.remove(call.layout().key.get()));
        let time = key(call.layout().time.get());
        let place = parts.timed.insert(time, call.object().clone());
        call.layout().key.set(place);
    }
    replaced
}
