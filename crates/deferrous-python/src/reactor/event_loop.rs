//! The object that holds what a reactor's loop is made of.

use std::{ptr, sync::Arc};

use deferrous::event_loop::{Deadlines, Events, Inbox};
use pyo3::ffi;

use super::{class::Attributes, descriptors::Descriptors, messages::Message, support};
use crate::{
    deferred::{NO_ARGUMENTS, method, sealed},
    python::{Attached, Held, Holder, Maybe, Obj, Raw, enter, raise},
    twisted::names,
};

/// What a reactor's loop is made of.
pub struct EventLoop {
    /// Shared with threads whose jobs end in calls here.
    pub inbox: Arc<Inbox<Attached<Message>>>,
    /// The delayed calls, by the time of each, as `time::key` has it.
    pub timed: Deadlines<Obj>,
    /// Delayed calls that were set since the last look at the time: one that is due at once waits for the
    /// next turn.
    pub new_timed: Vec<Obj>,
    pub descriptors: Descriptors,
    /// Absent while they are handled.
    pub events: Option<Events>,
}

impl Held for EventLoop {
    fn each(&self, see: &mut dyn FnMut(&Obj)) {
        self.timed.iter().for_each(&mut *see);
        self.new_timed.iter().for_each(&mut *see);
        self.descriptors.each(see);
    }
}

static HOLDER: Holder<EventLoop> = Holder::new();

/// Makes the class.
pub fn make_class() -> Maybe {
    let methods = vec![method(
        c"renew",
        NO_ARGUMENTS(renew),
        c"renew($self, /)\n--\n\nWait for the same descriptors by new means, which a parent process does not share.",
    )];
    HOLDER.make_class(
        c"deferrous._core.EventLoop",
        c"What the loop of a reactor is made of.",
        sealed(methods),
    )
}

/// The function that makes event loops.
pub fn constructor() -> Maybe {
    let definition = Box::leak(Box::new(method(
        c"new_event_loop",
        NO_ARGUMENTS(new),
        c"new_event_loop()\n--\n\nWhat the loop of a reactor is made of. It is the attribute _loop of the reactor.",
    )));
    let module = Obj::name("deferrous._core")?;
    // SAFETY: the definition lives for ever.
    unsafe {
        Obj::owned(ffi::PyCFunction_NewEx(
            definition,
            ptr::null_mut(),
            module.as_ptr(),
        ))
    }
}

fn new_inbox() -> Maybe<Arc<Inbox<Attached<Message>>>> {
    match Inbox::new() {
        Ok(inbox) => Ok(Arc::new(inbox)),
        Err(error) => Err(super::descriptors::raise_io(&error)),
    }
}

/// # Safety
/// The thread is attached.
unsafe extern "C" fn new(_: Raw, _: Raw) -> Raw {
    enter(|| {
        support::load()?;
        HOLDER.make(EventLoop {
            inbox: new_inbox()?,
            timed: Deadlines::new(),
            new_timed: Vec::new(),
            descriptors: Descriptors::default(),
            events: Some(Events::new()),
        })
    })
}

/// # Safety
/// `raw` is an event loop.
unsafe extern "C" fn renew(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter.
    enter(|| unsafe {
        let event_loop = Loop(Obj::borrowed(raw));
        let inbox = new_inbox()?;
        let failed = event_loop.with(|parts| {
            let mut messages = Vec::new();
            parts.inbox.receive(&mut messages);
            for message in messages {
                // A new inbox takes all.
                let _ = inbox.send(message);
            }
            parts.inbox = inbox;
            parts.descriptors.add_all_again(parts.inbox.poller())
        })?;
        match failed {
            Ok(()) => Ok(Obj::none()),
            Err(error) => Err(super::descriptors::raise_io(&error)),
        }
    })
}

/// The event loop of a reactor.
#[derive(Clone)]
pub struct Loop(pub Obj);

impl Loop {
    /// That of `reactor`.
    #[inline]
    pub fn of(reactor: &Obj) -> Maybe<Self> {
        Self::among(&Attributes::of(reactor)?, reactor)
    }

    /// That of `reactor`, whose attributes are at hand.
    #[inline]
    pub fn among(attributes: &Attributes, reactor: &Obj) -> Maybe<Self> {
        let found = attributes.get(reactor, &names().event_loop)?;
        if HOLDER.is_one(&found) {
            return Ok(Loop(found));
        }
        // SAFETY: reading a static of the interpreter.
        let class = unsafe { ffi::PyExc_TypeError };
        Err(raise(
            class,
            "the attribute _loop of this reactor is not an event loop: only DeferrousReactor.__init__ may set it",
        ))
    }

    /// Looks at the parts. `body` must run no Python code.
    #[inline]
    pub fn with<R>(&self, body: impl FnOnce(&mut EventLoop) -> R) -> Maybe<R> {
        HOLDER.with(&self.0, body)
    }
}
