//! Delayed calls: the class, and what programs do with a call before it is made.

use std::{
    cell::{Cell, UnsafeCell},
    ffi::{c_int, c_void},
    mem::{ManuallyDrop, offset_of},
    ptr,
};

use deferrous::event_loop::Key;
use pyo3::ffi;

use super::{delayed_attributes, docs, event_loop::Loop, support::support, time};
use crate::interp::{
    CALL_WITH_KEYWORDS, Maybe, NO_ARGUMENTS, Obj, OldLife, OwnClass, Raised, Raw, Signature, Task,
    Visitor, collected, doc, end, enter, members, method, sealed, slot,
};

type Count = ffi::Py_ssize_t;

/// What a delayed call is in memory.
#[repr(C)]
pub struct Layout {
    base: ffi::PyObject,
    attributes: Cell<Raw>,
    weak_references: Cell<Raw>,
    /// When it is due, in seconds, unless it was put off since.
    pub time: Cell<f64>,
    /// By how much it was put off, in seconds: that is looked at when it would be due.
    pub put_off: Cell<f64>,
    /// Its place among the calls that wait.
    pub key: Cell<Key>,
    pub called: Cell<bool>,
    pub cancelled: Cell<bool>,
    pub parts: UnsafeCell<Option<Parts>>,
}

/// The objects that a delayed call refers to.
pub struct Parts {
    /// Gone when it was cancelled.
    pub task: Option<Task>,
    pub event_loop: Loop,
    /// What tells the time, in seconds.
    pub seconds: Obj,
    pub notes: Option<Box<Notes>>,
}

/// What is noted in debug mode.
#[derive(Default)]
pub struct Notes {
    /// The stack of whoever set the call.
    pub creator: Option<Obj>,
    /// What it looked like when it was cancelled.
    pub last_repr: Option<Obj>,
}

static CLASS: OwnClass = OwnClass::new();

/// Makes the class.
pub fn make_class() -> Maybe {
    let methods = vec![
        method(
            c"getTime",
            NO_ARGUMENTS(get_time),
            c"getTime($self, /)\n--\n\nWhen the call is to be made, in seconds since the epoch.",
        ),
        method(c"cancel", NO_ARGUMENTS(cancel), docs::CANCEL),
        method(c"reset", CALL_WITH_KEYWORDS(reset), docs::RESET),
        method(c"delay", CALL_WITH_KEYWORDS(delay), docs::DELAY),
        method(
            c"activate_delay",
            NO_ARGUMENTS(activate),
            c"activate_delay($self, /)\n--\n\nAdd what the call was put off by to its time.",
        ),
        method(
            c"active",
            NO_ARGUMENTS(active),
            c"active($self, /)\n--\n\nWhether the call is still to be made.",
        ),
        method(
            c"__dir__",
            NO_ARGUMENTS(dir),
            c"__dir__($self, /)\n--\n\nThe names of the attributes.",
        ),
    ];
    let members = members(
        offset_of!(Layout, attributes),
        offset_of!(Layout, weak_references),
    );
    let slots = vec![
        doc(docs::DELAYED_CALL),
        slot(ffi::Py_tp_repr, repr as *mut c_void),
        slot(ffi::Py_tp_hash, hash as *mut c_void),
        slot(ffi::Py_tp_richcompare, compare as *mut c_void),
        slot(ffi::Py_tp_methods, sealed(methods).cast()),
        slot(ffi::Py_tp_getset, sealed(delayed_attributes::all()).cast()),
        slot(ffi::Py_tp_members, sealed(members).cast()),
    ];
    let life = OldLife {
        dealloc,
        traverse,
        clear,
    };
    CLASS.define(
        c"twisted.internet.base.DelayedCall",
        size_of::<Layout>(),
        life,
        slots,
    )
}

/// A reference to a delayed call.
#[derive(Clone)]
#[repr(transparent)]
pub struct DelayedCall(Obj);

impl DelayedCall {
    /// A call that is due at `time`.
    #[inline]
    pub fn new(time: f64, task: Task, event_loop: Loop, seconds: Obj) -> Maybe<Self> {
        let parts = Parts {
            task: Some(task),
            event_loop,
            seconds,
            notes: None,
        };
        // SAFETY: all that follows the header is written, and `dealloc` gives the object back.
        let object = unsafe {
            CLASS.make(|raw| {
                let layout = raw.cast::<Layout>();
                (&raw mut (*layout).attributes).write(Cell::new(ptr::null_mut()));
                (&raw mut (*layout).weak_references).write(Cell::new(ptr::null_mut()));
                (&raw mut (*layout).time).write(Cell::new(time));
                (&raw mut (*layout).put_off).write(Cell::new(0.0));
                (&raw mut (*layout).key).write(Cell::new(Key::NOWHERE));
                (&raw mut (*layout).called).write(Cell::new(false));
                (&raw mut (*layout).cancelled).write(Cell::new(false));
                (&raw mut (*layout).parts).write(UnsafeCell::new(Some(parts)));
            })
        };
        object.map(DelayedCall)
    }

    /// Whether this call was set on `event_loop`.
    pub fn is_of(&self, event_loop: &Loop) -> Maybe<bool> {
        self.with(|parts| parts.event_loop.0.is(event_loop.0.as_ptr()))
    }

    /// The delayed call that an object is, if it is one.
    pub fn try_from_object(object: Obj) -> Option<Self> {
        CLASS.is_one(&object).then_some(DelayedCall(object))
    }

    /// One that was put among those that wait.
    ///
    /// # Safety
    ///
    /// It is a delayed call.
    pub const unsafe fn from_object(object: Obj) -> Self {
        DelayedCall(object)
    }

    /// The `self` of a method, for the time of the call.
    ///
    /// # Safety
    ///
    /// `raw` is a delayed call that stays alive for as long as the result is used.
    pub unsafe fn from_self(raw: &Raw) -> &Self {
        // SAFETY: a `DelayedCall` is one pointer to an object, as `Raw` is.
        unsafe { &*ptr::from_ref(raw).cast::<DelayedCall>() }
    }

    pub const fn object(&self) -> &Obj {
        &self.0
    }

    pub fn into_object(self) -> Obj {
        self.0
    }

    pub const fn layout(&self) -> &Layout {
        // SAFETY: it is a delayed call, which starts with this.
        unsafe { &*self.0.as_ptr().cast::<Layout>() }
    }

    /// Looks at the parts. `body` must run no Python code.
    pub fn with<R>(&self, body: impl FnOnce(&mut Parts) -> R) -> Maybe<R> {
        // SAFETY: `body` does not get here again, and only attached threads do.
        match unsafe { &mut *self.layout().parts.get() } {
            Some(parts) => Ok(body(parts)),
            None => Err(collected()),
        }
    }

    /// What it calls, unless it was cancelled.
    pub fn task(&self) -> Maybe<Option<Task>> {
        self.with(|parts| parts.task.clone())
    }

    /// The time now, as this call sees it.
    fn now(&self) -> Maybe<f64> {
        time::read(&self.with(|parts| parts.seconds.clone())?)
    }

    /// Adds what it was put off by to its time.
    pub fn activate(&self) {
        let layout = self.layout();
        layout.time.set(layout.time.get() + layout.put_off.get());
        layout.put_off.set(0.0);
    }

    /// Refuses if it was made or cancelled.
    fn check_pending(&self) -> Maybe<()> {
        let layout = self.layout();
        let class = if layout.cancelled.get() {
            &support().already_cancelled
        } else if layout.called.get() {
            &support().already_called
        } else {
            return Ok(());
        };
        // SAFETY: the class is alive.
        unsafe { ffi::PyErr_SetNone(class.as_ptr()) };
        Err(Raised)
    }

    /// Moves it to where its time says, if it waits. One that is new is put in its place later.
    pub fn moved(&self) -> Maybe<()> {
        let (key, time) = (self.layout().key.get(), self.layout().time.get());
        let event_loop = self.with(|parts| parts.event_loop.clone())?;
        event_loop.with(|parts| parts.timed.move_to(key, time::key(time)))?;
        Ok(())
    }

    fn cancel(&self) -> Maybe<()> {
        self.check_pending()?;
        let layout = self.layout();
        let event_loop = self.with(|parts| parts.event_loop.clone())?;
        let waiting = event_loop.with(|parts| parts.timed.remove(layout.key.get()))?;
        layout.cancelled.set(true);
        if time::debugging()? {
            // SAFETY: the object is alive.
            let shown = unsafe { Obj::owned(ffi::PyObject_Repr(self.0.as_ptr())) }?;
            self.with(|parts| parts.notes.get_or_insert_default().last_repr = Some(shown))?;
        }
        let task = self.with(|parts| parts.task.take())?;
        drop((waiting, task));
        Ok(())
    }

    fn reset(&self, from_now: f64) -> Maybe<()> {
        self.check_pending()?;
        let (layout, time) = (self.layout(), self.now()? + from_now);
        if time < layout.time.get() {
            layout.put_off.set(0.0);
            layout.time.set(time);
            return self.moved();
        }
        layout.put_off.set(time - layout.time.get());
        Ok(())
    }

    fn delay(&self, by: f64) -> Maybe<()> {
        self.check_pending()?;
        let layout = self.layout();
        layout.put_off.set(layout.put_off.get() + by);
        if layout.put_off.get() < 0.0 {
            self.activate();
            return self.moved();
        }
        Ok(())
    }
}

/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn get_time(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe {
        let layout = DelayedCall::from_self(&raw).layout();
        time::float(layout.time.get() + layout.put_off.get())
    })
}

/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn cancel(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe { DelayedCall::from_self(&raw).cancel().map(|()| Obj::none()) })
}

const RESET: Signature<1> = Signature {
    function: "DelayedCall.reset",
    names: ["secondsFromNow"],
    required: 1,
};

/// # Safety
/// `raw` is a delayed call. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn reset(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe {
        let [seconds] = RESET.bind(arguments, count, names)?;
        let call = DelayedCall::from_self(&raw);
        call.check_pending()?;
        call.reset(time::number(&Obj::borrowed(seconds))?)
            .map(|()| Obj::none())
    })
}

const DELAY: Signature<1> = Signature {
    function: "DelayedCall.delay",
    names: ["secondsLater"],
    required: 1,
};

/// # Safety
/// `raw` is a delayed call. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn delay(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe {
        let [seconds] = DELAY.bind(arguments, count, names)?;
        let call = DelayedCall::from_self(&raw);
        call.check_pending()?;
        call.delay(time::number(&Obj::borrowed(seconds))?)
            .map(|()| Obj::none())
    })
}

/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn activate(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe {
        let call = DelayedCall::from_self(&raw);
        call.activate();
        call.moved().map(|()| Obj::none())
    })
}

/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn active(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe {
        let layout = DelayedCall::from_self(&raw).layout();
        Ok(Obj::bool(!(layout.called.get() || layout.cancelled.get())))
    })
}

/// Those of the class and those that the program has set: by itself, `dir` would look into the class that
/// `__class__` names.
///
/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn dir(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| unsafe {
        let all = Obj::owned(ffi::PyObject_Dir((*raw).ob_type.cast()))?;
        let set = Obj::owned(ffi::PyObject_GenericGetDict(raw, ptr::null_mut()))?;
        let set = Obj::owned(ffi::PyDict_Keys(set.as_ptr()))?;
        Obj::owned(ffi::PySequence_InPlaceConcat(all.as_ptr(), set.as_ptr()))
    })
}

/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn repr(raw: Raw) -> Raw {
    // SAFETY: called by the interpreter with a delayed call.
    enter(|| support().describe.call(&[raw]))
}

/// # Safety
/// `raw` is a delayed call.
unsafe extern "C" fn hash(raw: Raw) -> ffi::Py_hash_t {
    // Objects are aligned, so the lowest bits say nothing.
    raw.addr().rotate_right(4).cast_signed()
}

/// By the time of each, without what it was put off by.
///
/// # Safety
/// `raw` is a delayed call, and `other` is alive.
unsafe extern "C" fn compare(raw: Raw, other: Raw, operation: c_int) -> Raw {
    // SAFETY: called by the interpreter with a delayed call and an object.
    enter(|| unsafe {
        if operation != ffi::Py_LT && operation != ffi::Py_LE {
            return Ok(Obj::borrowed(ffi::Py_NotImplemented()));
        }
        let own = time::float(DelayedCall::from_self(&raw).layout().time.get())?;
        let other = Obj::borrowed(other).get("time")?;
        Obj::owned(ffi::PyObject_RichCompare(
            own.as_ptr(),
            other.as_ptr(),
            operation,
        ))
    })
}

/// # Safety
/// Called by the collector: `raw` is a delayed call.
unsafe extern "C" fn traverse(raw: Raw, visit: ffi::visitproc, argument: *mut c_void) -> c_int {
    // SAFETY: called by the collector; nothing is changed and nothing else runs.
    unsafe {
        let layout = &*raw.cast::<Layout>();
        let mut visitor = Visitor::of(raw, visit, argument);
        visitor.see_raw(layout.attributes.get());
        let mut see = |object: &Obj| visitor.see(object);
        if let Some(parts) = &*layout.parts.get() {
            if let Some(task) = &parts.task {
                task.each(&mut see);
            }
            see(&parts.event_loop.0);
            see(&parts.seconds);
            if let Some(notes) = &parts.notes {
                notes.creator.iter().for_each(&mut see);
                notes.last_repr.iter().for_each(&mut see);
            }
        }
        visitor.status()
    }
}

/// # Safety
/// Called by the collector: `raw` is a delayed call.
unsafe extern "C" fn clear(raw: Raw) -> c_int {
    // SAFETY: called by the collector; what is taken is dropped after.
    unsafe {
        let layout = &*raw.cast::<Layout>();
        let parts = (*layout.parts.get()).take();
        let attributes = layout.attributes.replace(ptr::null_mut());
        drop(parts);
        ffi::Py_XDECREF(attributes);
    }
    0
}

/// # Safety
/// `raw` is a delayed call that nothing refers to any more.
unsafe extern "C" fn dealloc(raw: Raw) {
    // SAFETY: called by the interpreter when nothing refers to the object any more.
    unsafe {
        ffi::PyObject_GC_UnTrack(raw.cast());
        if !(*raw.cast::<Layout>()).weak_references.get().is_null() {
            ffi::PyObject_ClearWeakRefs(raw);
        }
        let layout = &*raw.cast::<Layout>();
        ffi::Py_XDECREF(layout.attributes.get());
        // What it calls may be, or hold, the next of a long row.
        end(&mut ManuallyDrop::new((*layout.parts.get()).take()));
        CLASS.give_back(raw);
    }
}
