//! The frames of Twisted's own functions, which tracebacks start with.
//!
//! Where they are is found once, by `deferrous._frames`. A frame that never ran can be in any number
//! of tracebacks.

use std::{ffi::CString, ptr, sync::OnceLock};

use pyo3::ffi;

use crate::{
    interp::{Attached, Maybe, Obj, Raised, reraise, set_aside, take_raised},
    twisted::import,
};

/// Where an exception has passed through Twisted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The loop that runs callbacks.
    RunCallbacks,
    /// `maybeDeferred`.
    MaybeDeferred,
    /// `execute`.
    Execute,
    /// What sends a result into a generator.
    Send,
    /// What throws a failure into a generator.
    Throw,
    /// Awaiting a Deferred that has failed.
    Await,
    /// Awaiting a Deferred that has not fired.
    Wait,
    /// `callback`.
    Callback,
    /// `errback`.
    Errback,
    /// `_startRunCallbacks`, called by `callback` and `errback`, where it raises `AlreadyCalledError`.
    StartRunCallbacks,
    /// `cancel`, where it calls the canceller.
    Cancel,
    /// `DeferredList.cancel`, where it cancels a Deferred.
    CancelList,
}

/// One entry of a traceback, without those after it.
struct Entry {
    code: Obj,
    globals: Obj,
    frame: Obj,
    instruction: Obj,
    line: Obj,
}

struct Frames {
    run_callbacks: Vec<Entry>,
    maybe_deferred: Vec<Entry>,
    execute: Vec<Entry>,
    send: Vec<Entry>,
    throw: Vec<Entry>,
    await_: Vec<Entry>,
    wait: Vec<Entry>,
    callback: Vec<Entry>,
    errback: Vec<Entry>,
    start_run_callbacks: Vec<Entry>,
    cancel: Vec<Entry>,
    cancel_list: Vec<Entry>,
    execute_of_run: Obj,
}

static FRAMES: OnceLock<Attached<Frames>> = OnceLock::new();

/// Finds the frames.
pub fn load() -> Maybe<()> {
    let module = import("deferrous._frames")?;
    let found = module.get("find")?.call(&[])?;
    let entries = |names: &[&str]| -> Maybe<Vec<Entry>> {
        names.iter().map(|name| entry(&found, name)).collect()
    };
    let frames = Frames {
        run_callbacks: entries(&["_runCallbacks"])?,
        maybe_deferred: entries(&["maybeDeferred"])?,
        execute: entries(&["execute"])?,
        send: entries(&["send"])?,
        throw: entries(&["throwExceptionIntoGenerator", "throw"])?,
        await_: entries(&["raiseException", "__iter__"])?,
        wait: entries(&["wait"])?,
        callback: entries(&["callback"])?,
        errback: entries(&["errback"])?,
        start_run_callbacks: entries(&["_startRunCallbacks"])?,
        cancel: entries(&["cancel"])?,
        cancel_list: entries(&["DeferredList.cancel"])?,
        execute_of_run: module.get("execute_of_run")?.call(&[])?,
    };
    let _ = FRAMES.set(Attached(frames));
    Ok(())
}

fn entry(found: &Obj, name: &str) -> Maybe<Entry> {
    let name = Obj::name(name)?;
    // SAFETY: the dict and the key are alive.
    let place = unsafe { Obj::owned(ffi::PyObject_GetItem(found.as_ptr(), name.as_ptr())) }?;
    entry_at(&place)
}

/// The entry of a place, a tuple as `deferrous._frames` makes it.
fn entry_at(place: &Obj) -> Maybe<Entry> {
    // SAFETY: the tuple is alive.
    let item = |at| unsafe { Obj::owned(ffi::PySequence_GetItem(place.as_ptr(), at)) };
    let (code, globals) = (item(0)?, item(1)?);
    Ok(Entry {
        frame: frame(&code, &globals, None)?,
        code,
        globals,
        instruction: item(2)?,
        line: item(3)?,
    })
}

/// A frame that never runs, with variables if its code lets it have those that it is given.
fn frame(code: &Obj, globals: &Obj, variables: Option<&Obj>) -> Maybe {
    let variables = variables.map_or(ptr::null_mut(), Obj::as_ptr);
    // SAFETY: the code and the globals are those of a function, and this thread is attached.
    unsafe {
        let thread = ffi::PyThreadState_Get();
        let code = code.as_ptr().cast();
        let frame = Obj::owned(ffi::PyFrame_New(thread, code, globals.as_ptr(), variables).cast())?;
        #[cfg(not(Py_3_11))]
        forget_caller(&frame);
        Ok(frame)
    }
}

/// Lets go of the frame that made this one. It would otherwise be kept, with its variables, as long as this one is.
/// CPython 3.11 and later do not note it for a frame that does not run.
#[cfg(not(Py_3_11))]
fn forget_caller(frame: &Obj) {
    // SAFETY: in CPython 3.10, `f_back` is the first field of a frame after the head that all objects of variable
    // size have. It may be null, and is null before what was there is let go of.
    unsafe {
        let back = frame.as_ptr().cast::<ffi::PyVarObject>().add(1);
        let back = back.cast::<*mut ffi::PyObject>();
        let caller = std::mem::replace(&mut *back, ptr::null_mut());
        ffi::Py_XDECREF(caller);
    }
}

/// The same code, but one whose frames keep their variables in a dict.
fn with_dict(code: &Obj) -> Maybe {
    let (file, name) = (
        code.get("co_filename")?.to_text()?,
        code.get("co_name")?.to_text()?,
    );
    let first = code.get("co_firstlineno")?;
    let text = |text: String| CString::new(text).unwrap_or_default();
    let (file, name) = (text(file), text(name));
    // SAFETY: the texts end with a zero.
    unsafe {
        let first = ffi::PyLong_AsLong(first.as_ptr());
        let first = std::ffi::c_int::try_from(first).unwrap_or_default();
        Obj::owned(ffi::PyCode_NewEmpty(file.as_ptr(), name.as_ptr(), first).cast())
    }
}

/// What warnings need of the function inside `run` of Twisted's locks.
pub fn execute_of_run() -> Obj {
    FRAMES
        .get()
        .map_or_else(Obj::none, |Attached(frames)| frames.execute_of_run.clone())
}

impl Place {
    /// The entries, the innermost first.
    fn entries(self) -> &'static [Entry] {
        let Some(Attached(frames)) = FRAMES.get() else {
            return &[];
        };
        match self {
            Place::RunCallbacks => &frames.run_callbacks,
            Place::MaybeDeferred => &frames.maybe_deferred,
            Place::Execute => &frames.execute,
            Place::Send => &frames.send,
            Place::Throw => &frames.throw,
            Place::Await => &frames.await_,
            Place::Wait => &frames.wait,
            Place::Callback => &frames.callback,
            Place::Errback => &frames.errback,
            Place::StartRunCallbacks => &frames.start_run_callbacks,
            Place::Cancel => &frames.cancel,
            Place::CancelList => &frames.cancel_list,
        }
    }
}

/// The frames of Twisted's functions between its loop and what it calls.
pub struct Trail(Vec<Entry>);

impl Trail {
    /// The trail that `found`, a dict, has by this name: places, the outermost first. Where Twisted is not as
    /// expected there is none, and tracebacks lack its entries.
    pub fn find(found: &Obj, name: &str) -> Maybe<Self> {
        let name = Obj::name(name)?;
        // SAFETY: the dict and the key are alive; what is found is kept.
        let places = unsafe {
            let places = ffi::PyDict_GetItemWithError(found.as_ptr(), name.as_ptr());
            if places.is_null() {
                return Ok(Trail(Vec::new()));
            }
            Obj::borrowed(places)
        };
        // SAFETY: the list is alive.
        let length = unsafe { ffi::PySequence_Size(places.as_ptr()) };
        // SAFETY: as above.
        let place = |at| unsafe { Obj::owned(ffi::PySequence_GetItem(places.as_ptr(), at)) };
        let entries = (0..length).rev().map(|at| entry_at(&place(at)?));
        Ok(Trail(entries.collect::<Maybe<_>>()?))
    }

    /// Notes in the traceback of `exception` that it has come this way.
    #[cold]
    pub fn lead_to(&self, exception: &Obj) {
        add_entries(exception, &self.0);
    }

    /// The same for an exception that is raised.
    #[cold]
    pub fn through(&self, raised: Raised) -> Raised {
        let exception = take_raised(raised);
        self.lead_to(&exception);
        reraise(exception)
    }
}

/// Notes in the traceback of the exception that is raised that it has passed through `place`.
#[cold]
pub fn pass_raised(raised: Raised, place: Place) -> Raised {
    let exception = take_raised(raised);
    pass(&exception, place);
    reraise(exception)
}

/// Notes in the traceback of `exception` that it has passed through `place`.
pub fn pass(exception: &Obj, place: Place) {
    add_entries(exception, place.entries());
}

/// Adds entries in front of a traceback, the innermost first.
fn add_entries(exception: &Obj, entries: &[Entry]) {
    for entry in entries {
        if prepend(exception, entry, &entry.frame).is_err() {
            // A traceback that lacks an entry is better than another exception.
            drop(set_aside());
        }
    }
}

/// The same for a failure that captures the variables of frames: `owner` is the function's `self`.
#[cold]
pub fn pass_with(exception: &Obj, place: Place, owner: &Obj) {
    for entry in place.entries() {
        let made = with_dict(&entry.code).and_then(|code| {
            // SAFETY: the thread is attached.
            let variables = unsafe { Obj::owned(ffi::PyDict_New()) }?;
            let name = Obj::name("self")?;
            // SAFETY: the dict, the name and the object are alive.
            unsafe { ffi::PyDict_SetItem(variables.as_ptr(), name.as_ptr(), owner.as_ptr()) };
            prepend(
                exception,
                entry,
                &frame(&code, &entry.globals, Some(&variables))?,
            )
        });
        if made.is_err() {
            drop(set_aside());
        }
    }
}

fn prepend(exception: &Obj, entry: &Entry, frame: &Obj) -> Maybe<()> {
    // SAFETY: the exception is alive; no traceback is null, without an exception being set.
    let rest = unsafe { Obj::owned(ffi::PyException_GetTraceback(exception.as_ptr())) }
        .unwrap_or_else(|Raised| Obj::none());
    // SAFETY: the class of tracebacks is alive for ever.
    let class = unsafe { Obj::borrowed((&raw mut ffi::PyTraceBack_Type).cast()) };
    let traceback = class.call_with_room([
        ptr::null_mut(),
        rest.as_ptr(),
        frame.as_ptr(),
        entry.instruction.as_ptr(),
        entry.line.as_ptr(),
    ])?;
    // SAFETY: both are alive.
    match unsafe { ffi::PyException_SetTraceback(exception.as_ptr(), traceback.as_ptr()) } {
        0 => Ok(()),
        _ => Err(Raised),
    }
}
