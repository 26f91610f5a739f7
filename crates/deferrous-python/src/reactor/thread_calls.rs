//! `callFromThread` and `wakeUp`, and handling what other threads have sent.

use std::ffi::CStr;

use deferrous::event_loop::WakeOnDrop;
use pyo3::{exceptions::PyAssertionError, prelude::*};

use super::{
    class::Reactor,
    messages::{Message, Messages, wake},
    names::names,
    state::EventLoop,
    support::{Occasion, report_error},
};
use crate::{
    interp::{Arguments, FastMethod, Task, bind_leading, fallible},
    stalls,
};

/// `callFromThread(f, *args, **kw)`.
pub struct CallFromThread;

impl FastMethod for CallFromThread {
    type Class = PyAny;
    const NAME: &'static CStr = c"callFromThread";
    const DOC: &'static CStr = c"callFromThread($self, f, /, *args, **kwargs)
--

Have a function called on the reactor's thread, soon.

Any thread may call it, also one that Python did not start, and the reactor's own. The calls of one
thread are made in order. A burst of them wakes the reactor once.

Args:
    f: the function.
    args, kwargs: what it is called with. An error that it raises is logged, and the reactor goes on.

Raises:
    AssertionError: f is not callable.";

    fn call<'py>(
        owner: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let reactor = Reactor::of(owner)?;
        let event_loop = reactor.event_loop()?;
        let ([function], rest) = bind_leading(py, "ReactorBase.callFromThread", ["f"], arguments)?;
        if !function.is_callable() {
            let shown = function.str()?;
            let after = " is not callable";
            return Err(fallible::error_around::<PyAssertionError>(
                "", &shown, after,
            ));
        }
        let message = Message::Call(Task::new(function, rest));
        let event_loop = event_loop.get();
        let wakes_by_itself = reactor.wakes_by_itself(event_loop);
        drop(send(&reactor, &event_loop.queue, message, wakes_by_itself)?);
        Ok(py.None().into_bound(py))
    }
}

/// Sends a message. Calls `reactor.wakeUp` unless the loop wakes itself: a program has replaced that method, or the
/// waker. Otherwise the reactor is woken when the caller drops the result: after letting go of the interpreter, if
/// that is about to happen, since the reactor needs it first.
#[inline(always)]
pub fn send(
    reactor: &Reactor<'_, '_>,
    queue: &Messages,
    message: Message,
    wakes_by_itself: bool,
) -> PyResult<Option<WakeOnDrop>> {
    // The queue is closed when nothing runs the loop any more. The message is dropped then.
    let Ok(wake) = queue.push(message) else {
        return Ok(None);
    };
    if wakes_by_itself {
        return Ok(Some(wake));
    }
    wake.cancel();
    let wake_up = names(reactor.object.py()).wake_up.bind(reactor.object.py());
    reactor.object.call_method0(wake_up)?;
    Ok(None)
}

/// `wakeUp()`.
pub fn wake_up(reactor: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = reactor.py();
    let reactor = Reactor::of(reactor)?;
    let event_loop = reactor.event_loop()?;
    let waker = reactor.get(names(py).waker.bind(py))?;
    if reactor.is_own_waker(&waker) {
        wake(&event_loop.get().queue);
    } else if waker.is_truthy()? {
        waker.call_method0(names(py).wake_up.bind(py))?;
    }
    Ok(())
}

/// Handles the messages that are there now. Those that come meanwhile wait for the next turn, which may be a
/// turn that a message runs.
pub fn handle_all(py: Python<'_>, event_loop: &EventLoop) {
    let queue = &event_loop.queue;
    let end = queue.end();
    while let Some(message) = queue.pop_before(end) {
        if let Err(error) = message.handle(py) {
            report_error(py, error, Occasion::ThreadCall, None);
        }
        stalls::called_for_thread(py);
    }
}
