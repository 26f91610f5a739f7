//! The loop: one turn after the other, from the start of the reactor to its end.

use std::{io, ptr, sync::Arc, time::Duration};

use deferrous::event_loop::{Events, Inbox};
use pyo3::ffi;

use super::{
    class::Attributes,
    descriptors,
    event_loop::{EventLoop, Loop},
    messages, polling, readiness,
    support::{Occasion, report, support},
    time,
};
use crate::{
    interp::{Maybe, Obj, Raised, Raw, Signature, detached, enter, is_alone},
    twisted::{names, none},
};

/// `runUntilCurrent()`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn run_until_current(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let reactor = Obj::borrowed(raw);
        let attributes = Attributes::of(&reactor)?;
        let event_loop = Loop::among(&attributes, &reactor)?;
        make_calls(&reactor, &attributes, &event_loop)?;
        Ok(Obj::none())
    })
}

/// Makes the calls that other threads have asked for, and those that are due.
fn make_calls(reactor: &Obj, attributes: &Attributes, event_loop: &Loop) -> Maybe<()> {
    messages::handle_all(event_loop)?;
    if event_loop.with(|parts| parts.mailbox.has_messages())?
        && !attributes.wakes_by_itself(reactor)
    {
        // The next turn is to come soon, which is not known to whatever is in our waker's place.
        reactor.call_method(&names().wake_up, [ptr::null_mut()])?;
    }
    time::run_due(reactor, attributes, event_loop)?;
    let names = names();
    if attributes.get(reactor, &names.just_stopped)?.is_true()? {
        reactor.setattr(&names.just_stopped, &Obj::bool(false))?;
        let shutdown = Obj::name("shutdown")?;
        reactor.call_method(
            &names.fire_system_event,
            [ptr::null_mut(), shutdown.as_ptr()],
        )?;
    }
    Ok(())
}

const DO_ITERATION: Signature<1> = Signature {
    function: "doIteration",
    names: ["delay"],
    required: 1,
};

/// `doIteration(delay)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn do_iteration(
    raw: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let [delay] = DO_ITERATION.bind(arguments, count, names)?;
        let reactor = Obj::borrowed(raw);
        let event_loop = Loop::of(&reactor)?;
        let delay = if ptr::eq(delay, none()) {
            None
        } else {
            // A negative time is for ever, as for the system.
            Duration::try_from_secs_f64(time::number(&Obj::borrowed(delay))?).ok()
        };
        iterate(&reactor, &event_loop, delay)?;
        Ok(Obj::none())
    })
}

/// Waits for events for up to `delay`, and handles them.
fn iterate(reactor: &Obj, event_loop: &Loop, delay: Option<Duration>) -> Maybe<()> {
    let (wait, registrations) = event_loop.with(|parts| {
        let registrations = parts.descriptors.registrations();
        match &parts.poller {
            None => (Ok(Wait::prepare(parts)), registrations),
            Some(poller) => (Err(poller.clone()), registrations),
        }
    })?;
    let earlier = match wait {
        Ok(prepared) => {
            let mut wait = prepared.map_err(|error| descriptors::raise_io(&error))?;
            wait.wait(delay)?;
            event_loop.with(|parts| {
                let mut told = polling::told(&wait.events).peekable();
                let idle = told.peek().is_none() && parts.has_no_events();
                let earlier =
                    (!idle).then(|| parts.ready.refill(told, &parts.descriptors, registrations));
                parts.events = Some(wait.events);
                earlier
            })?
        }
        Err(poller) => {
            let told = polling::poll_by_name(event_loop, &poller, delay)?.into_iter();
            Some(event_loop.with(|parts| {
                let ready = &mut parts.ready;
                ready.refill(told, &parts.descriptors, registrations)
            })?)
        }
    };
    if earlier.is_some() {
        drop(earlier);
        readiness::dispatch(reactor, event_loop)?;
    }
    Ok(())
}

/// A wait for events that is about to begin.
pub struct Wait {
    pub events: Events,
    inbox: Arc<Inbox<()>>,
    /// Something is to be done already.
    at_once: bool,
    expects_one: bool,
}

impl Wait {
    /// Takes what the wait needs out of the event loop, with the room for its events.
    ///
    /// # Errors
    ///
    /// In a process that was forked off, if the system has no descriptor left for its own poller.
    pub fn prepare(parts: &mut EventLoop) -> io::Result<Self> {
        let inbox = parts.inbox()?;
        Ok(Wait {
            events: parts.events.take().unwrap_or_default(),
            inbox,
            at_once: parts.descriptors.some_always_ready() || parts.mailbox.has_messages(),
            expects_one: parts.mailbox.expects_one(),
        })
    }

    /// Waits for events for up to `delay`, and lets the handlers of signals run that have come meanwhile.
    ///
    /// Other threads may run meanwhile, also where there is something to do. Without any the interpreter is kept.
    pub fn wait(&mut self, delay: Option<Duration>) -> Maybe<()> {
        let (inbox, events) = (&self.inbox, &mut self.events);
        let delay = if self.at_once {
            Some(Duration::ZERO)
        } else {
            delay
        };
        let waited = if delay == Some(Duration::ZERO) && is_alone() {
            inbox.wait(events, delay)
        } else {
            detached(|| {
                // Spin only for a job submitted since the last wait. Longer jobs would waste the spin.
                let delay = if self.expects_one {
                    inbox.linger(delay)
                } else {
                    delay
                };
                inbox.wait(events, delay)
            })
        };
        // SAFETY: the thread is attached.
        if unsafe { ffi::PyErr_CheckSignals() } < 0 {
            return Err(Raised);
        }
        waited.map_err(|error| descriptors::raise_io(&error))
    }
}

/// `_turnUntilStopped()`.
///
/// # Safety
///
/// Called by the interpreter, with a reactor.
pub unsafe extern "C" fn until_stopped(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let reactor = Obj::borrowed(raw);
        loop {
            let attributes = Attributes::of(&reactor)?;
            if !attributes.get(&reactor, &names().started)?.is_true()? {
                return Ok(Obj::none());
            }
            let turned = if attributes.turn_as_ours(&reactor) {
                turn(&reactor, &attributes)
            } else {
                turn_by_methods(&reactor)
            };
            if let Err(raised) = turned {
                report(raised, Occasion::MainLoop, None);
            }
        }
    })
}

/// One turn.
fn turn(reactor: &Obj, attributes: &Attributes) -> Maybe<()> {
    let event_loop = Loop::among(attributes, reactor)?;
    let frames = &support().frames;
    make_calls(reactor, attributes, &event_loop)
        .map_err(|raised| frames.run_until_current.through(raised))?;
    let next = time::next(reactor, attributes, &event_loop)
        .map_err(|raised| frames.timeout.through(raised))?;
    // A reactor that was stopped does not wait any more.
    let delay = if attributes.get(reactor, &names().running)?.is_true()? {
        // A clock that says nothing sensible keeps nobody waiting.
        next.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default())
    } else {
        Some(Duration::ZERO)
    };
    iterate(reactor, &event_loop, delay).map_err(|raised| frames.do_iteration.through(raised))
}

/// One turn, where a class or a program has replaced a part of it.
#[cold]
fn turn_by_methods(reactor: &Obj) -> Maybe<()> {
    let (names, frames) = (names(), &support().frames);
    reactor
        .call_method(&names.run_until_current, [ptr::null_mut()])
        .map_err(|raised| frames.run_until_current.through(raised))?;
    let timeout = reactor
        .call_method(&names.timeout, [ptr::null_mut()])
        .map_err(|raised| frames.timeout.through(raised))?;
    let running = reactor.getattr(&names.running)?;
    let delay = if running.is_true()? { timeout } else { running };
    reactor
        .call_method(&names.do_iteration, [ptr::null_mut(), delay.as_ptr()])
        .map_err(|raised| frames.do_iteration.through(raised))?;
    Ok(())
}
