//! The object that holds what a reactor's loop is made of.

use std::{io, ptr, sync::Arc};

use deferrous::event_loop::{Deadlines, Events, Inbox};
use pyo3::ffi;

use super::{
    class::Attributes,
    descriptors::Descriptors,
    messages::{Mailbox, abandon_inherited},
    pending, polling,
    readiness::Ready,
    support,
};
use crate::{
    interp::{
        Held, Holder, Maybe, NO_ARGUMENTS, Obj, Raw, count_fork, doc, enter, method, raise, sealed,
        slot,
    },
    twisted::names,
};

/// What a reactor's loop is made of.
pub struct EventLoop {
    /// Shared with threads whose jobs end in calls here.
    pub mailbox: Arc<Mailbox>,
    /// The delayed calls, by the time of each, as `time::key` has it.
    pub timed: Deadlines<Obj>,
    /// Delayed calls that were set since the last look at the time: one that is due at once waits for the
    /// next turn.
    pub new_timed: Vec<Obj>,
    pub descriptors: Descriptors,
    /// Events of descriptors that are still to be handled.
    pub ready: Ready,
    /// The room for what a wait tells. Absent during a wait.
    pub events: Option<Events>,
    /// The replacement, if a program has replaced `reactor._poller`, which is this object.
    pub poller: Option<Obj>,
}

impl EventLoop {
    /// Whether nothing is left of an earlier wait, and nothing is always ready.
    pub fn has_no_events(&self) -> bool {
        self.ready.is_empty() && !self.descriptors.some_always_ready()
    }

    /// What the reactor waits with. A process that was forked off gets its own here, which waits for the
    /// descriptors that the parent's reactor had at the fork, and for what was added since.
    ///
    /// # Errors
    ///
    /// If the system has no descriptor left for the poller.
    #[inline]
    pub fn inbox(&mut self) -> io::Result<Arc<Inbox<()>>> {
        match self.mailbox.inbox() {
            Some(inbox) => Ok(inbox),
            None => self.new_inbox(),
        }
    }

    #[cold]
    fn new_inbox(&mut self) -> io::Result<Arc<Inbox<()>>> {
        let inbox = Arc::new(Inbox::new()?);
        self.descriptors.add_all(inbox.poller())?;
        self.mailbox.set_inbox(inbox.clone());
        Ok(inbox)
    }
}

impl Held for EventLoop {
    fn holder() -> &'static Holder<Self> {
        &HOLDER
    }

    fn each(&self, see: &mut impl FnMut(&Obj)) {
        self.mailbox.each(see);
        self.timed.iter().for_each(&mut *see);
        self.new_timed.iter().for_each(&mut *see);
        self.descriptors.each(see);
        self.ready.each(see);
        self.poller.iter().for_each(see);
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        // Jobs may still have the mailbox, but nobody looks into it any more.
        drop(self.mailbox.clear());
    }
}

static HOLDER: Holder<EventLoop> = Holder::new();

/// Makes the class.
pub fn make_class() -> Maybe {
    let mut methods = vec![method(
        c"wake",
        NO_ARGUMENTS(wake),
        c"wake($self, /)\n--\n\nHave the reactor return from its wait. Any thread may call it.",
    )];
    methods.extend(polling::methods());
    methods.extend(pending::methods());
    let slots = vec![
        doc(c"What the loop of a reactor is made of.\n\nIt has the methods of `select.epoll`, which `reactor._poller` has in Twisted."),
        slot(ffi::Py_tp_getset, sealed(polling::attributes()).cast()),
    ];
    HOLDER.define(c"deferrous._core.EventLoop", methods, slots)
}

/// The function that makes event loops.
pub fn constructor() -> Maybe {
    function(method(
        c"new_event_loop",
        NO_ARGUMENTS(new),
        c"new_event_loop()\n--\n\nWhat the loop of a reactor is made of. It is the attribute _loop of the reactor.",
    ))
}

/// The function that each forked child calls first.
pub fn after_fork() -> Maybe {
    function(method(
        c"after_fork",
        NO_ARGUMENTS(forked),
        c"after_fork()\n--\n\nGive up what this process shares with the one that it was forked off from.",
    ))
}

fn function(definition: ffi::PyMethodDef) -> Maybe {
    let definition = Box::leak(Box::new(definition));
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

fn new_mailbox() -> Maybe<Arc<Mailbox>> {
    Mailbox::new().map_err(|error| super::descriptors::raise_io(&error))
}

/// # Safety
/// The thread is attached.
unsafe extern "C" fn new(_: Raw, _: Raw) -> Raw {
    enter(|| {
        support::load()?;
        HOLDER.make(EventLoop {
            mailbox: new_mailbox()?,
            timed: Deadlines::new(),
            new_timed: Vec::new(),
            descriptors: Descriptors::default(),
            ready: Ready::default(),
            events: Some(Events::new()),
            poller: None,
        })
    })
}

/// # Safety
/// `raw` is an event loop.
unsafe extern "C" fn wake(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter.
    enter(|| unsafe {
        Loop(Obj::borrowed(raw)).with(|parts| parts.mailbox.wake())?;
        Ok(Obj::none())
    })
}

/// # Safety
/// The thread is attached.
unsafe extern "C" fn forked(_: Raw, _: Raw) -> Raw {
    enter(|| {
        count_fork();
        abandon_inherited();
        Ok(Obj::none())
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
