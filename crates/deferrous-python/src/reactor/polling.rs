//! The event loop as `reactor._poller`: the methods of `select.epoll`, and what a program puts in their place.
//!
//! Programs that watch a reactor wrap the object that it waits with, to see when it waits and for how long.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, RawFd},
    ptr,
    time::Duration,
};

use deferrous::event_loop::{Events, Interest, Poller};
use pyo3::ffi;

use super::{
    descriptors::{descriptor, raise_io},
    event_loop::{EventLoop, Loop},
    readiness::flags,
    time::{float, list, number},
    turn::Wait,
};
use crate::{
    interp::{
        CALL_WITH_KEYWORDS, Maybe, NO_ARGUMENTS, Obj, Raised, Raw, Signature, enter, enter_status,
        getset, method, raise, reraise, take_raised,
    },
    twisted::{names, none},
};

type Count = ffi::Py_ssize_t;

/// The events of epoll that are told, as numbers.
const IN: isize = 0x1;
const PRI: isize = 0x2;
const OUT: isize = 0x4;

/// The methods.
pub fn methods() -> [ffi::PyMethodDef; 5] {
    [
        method(
            c"poll",
            CALL_WITH_KEYWORDS(poll),
            c"poll($self, timeout=None, maxevents=-1)\n--\n\nWait for events for up to timeout seconds, and return a list of (fd, event mask).\n\nIt returns earlier for a call from a thread. Only the reactor's thread may call it.",
        ),
        method(
            c"register",
            CALL_WITH_KEYWORDS(register),
            c"register($self, fd, eventmask=7)\n--\n\nWait for events of a descriptor.",
        ),
        method(
            c"modify",
            CALL_WITH_KEYWORDS(modify),
            c"modify($self, fd, eventmask)\n--\n\nWait for other events of a descriptor that is registered.",
        ),
        method(
            c"unregister",
            CALL_WITH_KEYWORDS(unregister),
            c"unregister($self, fd)\n--\n\nWait for no events of a descriptor any more.",
        ),
        method(
            c"fileno",
            NO_ARGUMENTS(fileno),
            c"fileno($self, /)\n--\n\nThe descriptor that the reactor waits with.",
        ),
    ]
}

/// The attributes.
pub fn attributes() -> Vec<ffi::PyGetSetDef> {
    vec![getset(
        c"poller",
        poller,
        Some(set_poller),
        c"What the reactor waits with: this object, or what a program has put in its place.",
    )]
}

/// What a wait has told: descriptors, with event masks.
pub fn told(events: &Events) -> impl Iterator<Item = (RawFd, isize)> {
    let told = events.iter();
    told.filter_map(|event| Some((RawFd::try_from(event.key).ok()?, flags(event))))
}

/// Waits with what a program has put in the place of this.
pub fn poll_by_name(
    event_loop: &Loop,
    poller: &Obj,
    delay: Option<Duration>,
) -> Maybe<Vec<(RawFd, isize)>> {
    let timeout = match delay {
        Some(delay) => float(delay.as_secs_f64())?,
        None => Obj::int(-1)?,
    };
    // The waker of Twisted's reactors is a selectable, too, so there is at least one.
    let most = event_loop.with(|parts| parts.descriptors.polled().count() + 1)?;
    let most = Obj::int(most.cast_signed())?;
    let arguments = [ptr::null_mut(), timeout.as_ptr(), most.as_ptr()];
    match poller.call_method(&names().poll, arguments) {
        Ok(told) => read_told(&told),
        Err(raised) => {
            let exception = take_raised(raised);
            if is_interrupt(&exception)? {
                return Ok(Vec::new());
            }
            Err(reraise(exception))
        }
    }
}

/// The value of a list of (fd, event mask).
fn read_told(told: &Obj) -> Maybe<Vec<(RawFd, isize)>> {
    // SAFETY: all objects are alive, and the sequences are lists or tuples of the interpreter.
    unsafe {
        let told = Obj::owned(ffi::PySequence_Tuple(told.as_ptr()))?;
        let mut read = Vec::new();
        for at in 0..ffi::PyTuple_GET_SIZE(told.as_ptr()) {
            let pair = ffi::PyTuple_GET_ITEM(told.as_ptr(), at);
            let fd = Obj::owned(ffi::PySequence_GetItem(pair, 0))?;
            let mask = Obj::owned(ffi::PySequence_GetItem(pair, 1))?;
            if let Ok(fd) = RawFd::try_from(integer(fd.as_ptr())?) {
                read.push((fd, integer(mask.as_ptr())?));
            }
        }
        Ok(read)
    }
}

/// Whether this is what the system says when a signal has come.
fn is_interrupt(exception: &Obj) -> Maybe<bool> {
    // SAFETY: reading a static of the interpreter; the class is alive for ever.
    let class = unsafe { Obj::borrowed(ffi::PyExc_OSError) };
    if !exception.is_instance(&class)? {
        return Ok(false);
    }
    let number = exception.get("errno")?;
    if number.is(none()) {
        return Ok(false);
    }
    let number = i32::try_from(integer(number.as_ptr())?).unwrap_or_default();
    Ok(io::Error::from_raw_os_error(number).kind() == io::ErrorKind::Interrupted)
}

/// The value of an `int`.
fn integer(object: Raw) -> Maybe<isize> {
    // SAFETY: callers give an object that is alive, and the thread is attached.
    let value = unsafe { ffi::PyLong_AsSsize_t(object) };
    // SAFETY: the thread is attached.
    if value == -1 && unsafe { !ffi::PyErr_Occurred().is_null() } {
        return Err(Raised);
    }
    Ok(value)
}

const POLL: Signature<2> = Signature {
    function: "poll",
    names: ["timeout", "maxevents"],
    required: 0,
};

/// # Safety
/// `raw` is an event loop. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn poll(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with an event loop.
    enter(|| unsafe {
        let [timeout, most] = POLL.bind(arguments, count, names)?;
        let delay = if timeout.is_null() || ptr::eq(timeout, none()) {
            None
        } else {
            // A negative time is for ever, as for the system.
            Duration::try_from_secs_f64(number(&Obj::borrowed(timeout))?).ok()
        };
        let most = if most.is_null() { -1 } else { integer(most)? };
        if most == 0 || most < -1 {
            let text = format!("maxevents must be greater than 0, got {most}");
            return Err(raise(ffi::PyExc_ValueError, &text));
        }
        let event_loop = Loop(Obj::borrowed(raw));
        let mut wait = event_loop
            .with(Wait::prepare)?
            .map_err(|error| raise_io(&error))?;
        let told: Vec<_> = match usize::try_from(most) {
            Ok(most) if most < Events::USUAL => {
                let room = std::mem::replace(&mut wait.events, Events::with_capacity(most));
                event_loop.with(|parts| parts.events = Some(room))?;
                wait.wait(delay)?;
                self::told(&wait.events).collect()
            }
            _ => {
                wait.wait(delay)?;
                let told = self::told(&wait.events).collect();
                event_loop.with(|parts| parts.events = Some(wait.events))?;
                told
            }
        };
        let pairs = told.into_iter().map(|(fd, mask)| {
            let (fd, mask) = (Obj::int(fd as isize)?, Obj::int(mask)?);
            Obj::tuple([fd, mask])
        });
        list(pairs.collect::<Maybe<Vec<_>>>()?.into_iter())
    })
}

/// Tells the poller something of a descriptor, which is an `int` or has a `fileno`.
///
/// # Safety
///
/// `raw` and `fd` are alive.
unsafe fn tell(raw: Raw, fd: Raw, how: impl FnOnce(&Poller, RawFd) -> io::Result<()>) -> Maybe {
    // SAFETY: as the caller says.
    let (fd, event_loop) = unsafe {
        let fd = ffi::PyObject_AsFileDescriptor(fd);
        if fd < 0 {
            return Err(Raised);
        }
        (fd, Loop(Obj::borrowed(raw)))
    };
    let inbox = event_loop.with(EventLoop::inbox)?;
    match inbox.and_then(|inbox| how(inbox.poller(), fd)) {
        Ok(()) => Ok(Obj::none()),
        Err(error) => Err(raise_io(&error)),
    }
}

/// # Safety
/// `mask` is alive, or null.
unsafe fn interest(mask: Raw) -> Maybe<Interest> {
    let mask = if mask.is_null() {
        IN | PRI | OUT
    } else {
        integer(mask)?
    };
    Ok(Interest {
        readable: mask & IN != 0,
        writable: mask & OUT != 0,
        urgent: mask & PRI != 0,
    })
}

const REGISTER: Signature<2> = Signature {
    function: "register",
    names: ["fd", "eventmask"],
    required: 1,
};

/// # Safety
/// `raw` is an event loop. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn register(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with an event loop.
    enter(|| unsafe {
        let [fd, mask] = REGISTER.bind(arguments, count, names)?;
        let interest = interest(mask)?;
        tell(raw, fd, |poller, fd| {
            poller.add(descriptor(fd), fd.unsigned_abs() as usize, interest)
        })
    })
}

const MODIFY: Signature<2> = Signature {
    function: "modify",
    names: ["fd", "eventmask"],
    required: 2,
};

/// # Safety
/// `raw` is an event loop. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn modify(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with an event loop.
    enter(|| unsafe {
        let [fd, mask] = MODIFY.bind(arguments, count, names)?;
        let interest = interest(mask)?;
        tell(raw, fd, |poller, fd| {
            poller.modify(descriptor(fd), fd.unsigned_abs() as usize, interest)
        })
    })
}

const UNREGISTER: Signature<1> = Signature {
    function: "unregister",
    names: ["fd"],
    required: 1,
};

/// # Safety
/// `raw` is an event loop. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn unregister(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with an event loop.
    enter(|| unsafe {
        let [fd] = UNREGISTER.bind(arguments, count, names)?;
        tell(raw, fd, |poller, fd| poller.delete(descriptor(fd)))
    })
}

/// # Safety
/// `raw` is an event loop.
unsafe extern "C" fn fileno(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with an event loop.
    enter(|| unsafe {
        let inbox = Loop(Obj::borrowed(raw)).with(EventLoop::inbox)?;
        let inbox = inbox.map_err(|error| raise_io(&error))?;
        Obj::int(inbox.poller().as_fd().as_raw_fd() as isize)
    })
}

/// # Safety
/// `raw` is an event loop.
unsafe extern "C" fn poller(raw: Raw, _: *mut std::ffi::c_void) -> Raw {
    // SAFETY: called by the interpreter with an event loop.
    enter(|| unsafe {
        let event_loop = Obj::borrowed(raw);
        let replaced = Loop(event_loop.clone()).with(|parts| parts.poller.clone())?;
        Ok(replaced.unwrap_or(event_loop))
    })
}

/// # Safety
/// `raw` is an event loop; `value` is alive, or null to delete the attribute.
unsafe extern "C" fn set_poller(raw: Raw, value: Raw, _: *mut std::ffi::c_void) -> std::ffi::c_int {
    // SAFETY: called by the interpreter with an event loop, and a value or null.
    enter_status(|| unsafe {
        let own = value.is_null() || ptr::eq(value, raw);
        let replaced = (!own).then(|| Obj::borrowed(value));
        let event_loop = Loop(Obj::borrowed(raw));
        let before = event_loop.with(|parts| std::mem::replace(&mut parts.poller, replaced))?;
        drop(before);
        Ok(())
    })
}
