//! The frames of Twisted's own functions, which tracebacks start with.
//!
//! Where they are is found once, by `deferrous._frames`. A frame that never ran can be in any number
//! of tracebacks.

use pyo3::{
    exceptions::PyBaseException,
    prelude::*,
    sync::PyOnceLock,
    types::{PyCode, PyDict, PyFrame, PyTraceback, PyTuple},
};

use crate::interp::{fallible, frame, name, new_object, set_traceback, traceback};

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

/// For each place the names that `deferrous._frames` has for its frames, the innermost first.
const FRAMES_OF_PLACES: [&[&str]; 12] = [
    &["_runCallbacks"],
    &["maybeDeferred"],
    &["execute"],
    &["send"],
    &["throwExceptionIntoGenerator", "throw"],
    &["raiseException", "__iter__"],
    &["wait"],
    &["callback"],
    &["errback"],
    &["_startRunCallbacks"],
    &["cancel"],
    &["DeferredList.cancel"],
];

/// One entry of a traceback, without those after it.
struct Entry {
    code: Py<PyCode>,
    globals: Py<PyDict>,
    frame: Py<PyFrame>,
    instruction: Py<PyAny>,
    line: Py<PyAny>,
}

struct Frames {
    /// By place, the innermost first.
    places: Vec<Vec<Entry>>,
    execute_of_run: Py<PyAny>,
    code_with_dict: Py<PyAny>,
}

static FRAMES: PyOnceLock<Frames> = PyOnceLock::new();

/// Finds the frames, with the functions of `deferrous._frames`.
pub fn load(helpers: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = helpers.py();
    let found = helpers.call_method0(name!(py, "find")?)?;
    let entry = |name: &&str| Entry::new(&found.get_item(fallible::text(py, name)?)?);
    let entries = |names: &&[&str]| names.iter().map(entry).collect::<PyResult<_>>();
    let frames = Frames {
        places: FRAMES_OF_PLACES
            .iter()
            .map(entries)
            .collect::<PyResult<_>>()?,
        execute_of_run: helpers.call_method0(name!(py, "execute_of_run")?)?.unbind(),
        code_with_dict: helpers.getattr(name!(py, "code_with_dict")?)?.unbind(),
    };
    let _ = FRAMES.set(py, frames);
    Ok(())
}

impl Entry {
    /// The entry of a place as `deferrous._frames` describes it.
    fn new(place: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (code, globals, instruction, line): (
            Bound<'_, PyCode>,
            Bound<'_, PyDict>,
            Py<PyAny>,
            Py<PyAny>,
        ) = place.extract()?;
        Ok(Entry {
            frame: frame(&code, &globals, None)?.unbind(),
            code: code.unbind(),
            globals: globals.unbind(),
            instruction,
            line,
        })
    }

    /// Puts the entry in front of the traceback of `exception`.
    fn prepend(
        &self,
        exception: &Bound<'_, PyBaseException>,
        frame: &Bound<'_, PyFrame>,
    ) -> PyResult<()> {
        let py = exception.py();
        let next = traceback(exception).map(Bound::into_any);
        let arguments = [
            next.unwrap_or_else(|| py.None().into_bound(py)),
            frame.as_any().clone(),
            self.instruction.bind(py).clone(),
            self.line.bind(py).clone(),
        ];
        let class = py.get_type::<PyTraceback>();
        let entry = new_object(&class, &fallible::tuple(py, arguments)?)?;
        set_traceback(exception, &entry)
    }

    /// A frame of the entry's function whose variable `self` is `owner`.
    fn frame_with<'py>(&self, owner: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyFrame>> {
        let py = owner.py();
        let Some(frames) = FRAMES.get(py) else {
            return Ok(self.frame.bind(py).clone());
        };
        let code = frames.code_with_dict.bind(py).call1((&self.code,))?;
        let variables = fallible::dict(py)?;
        variables.set_item(name!(py, "self")?, owner)?;
        frame(code.cast()?, self.globals.bind(py), Some(&variables))
    }
}

/// What warnings need of the function inside `run` of Twisted's locks.
pub fn execute_of_run(py: Python<'_>) -> Py<PyAny> {
    FRAMES
        .get(py)
        .map_or_else(|| py.None(), |frames| frames.execute_of_run.clone_ref(py))
}

/// The entries of a place, the innermost first.
fn entries(py: Python<'_>, place: Place) -> &'static [Entry] {
    FRAMES
        .get(py)
        .map_or(&[], |frames| &frames.places[place as usize])
}

/// Notes in the traceback of `exception` that it has passed through `place`.
pub fn add_frames(exception: &Bound<'_, PyBaseException>, place: Place) {
    add_entries(exception, entries(exception.py(), place));
}

/// The same for a failure that captures the variables of frames: `owner` is the function's `self`.
#[cold]
pub fn add_frames_with(
    exception: &Bound<'_, PyBaseException>,
    place: Place,
    owner: &Bound<'_, PyAny>,
) {
    for entry in entries(exception.py(), place) {
        // As in `add_entries`.
        let _ = entry
            .frame_with(owner)
            .and_then(|frame| entry.prepend(exception, &frame));
    }
}

/// Adds entries in front of a traceback, the innermost first.
fn add_entries(exception: &Bound<'_, PyBaseException>, entries: &[Entry]) {
    for entry in entries {
        // A traceback that lacks an entry is better than another exception.
        let _ = entry.prepend(exception, entry.frame.bind(exception.py()));
    }
}

/// The frames of Twisted's functions between its loop and what it calls, the innermost first.
pub struct Trail(Vec<Entry>);

impl Trail {
    /// The trail that `found` has by this name: places, the outermost first. Where Twisted is not as
    /// expected there is none, and tracebacks lack its entries.
    pub fn new(found: &Bound<'_, PyDict>, name: &str) -> PyResult<Self> {
        let Some(places) = found.get_item(fallible::text(found.py(), name)?)? else {
            return Ok(Trail(Vec::new()));
        };
        let places: Vec<Bound<'_, PyTuple>> = places.extract()?;
        let entries = places.iter().rev().map(|place| Entry::new(place));
        Ok(Trail(entries.collect::<PyResult<_>>()?))
    }

    /// Notes in the traceback of `exception` that it has come this way.
    #[cold]
    pub fn add_to(&self, exception: &Bound<'_, PyBaseException>) {
        add_entries(exception, &self.0);
    }

    /// The exception that was raised, which has come this way.
    #[cold]
    pub fn exception<'py>(&self, py: Python<'py>, error: PyErr) -> Bound<'py, PyBaseException> {
        let exception = error.into_value(py).into_bound(py);
        self.add_to(&exception);
        exception
    }

    /// The same, still raised.
    #[cold]
    pub fn through(&self, py: Python<'_>, error: PyErr) -> PyErr {
        PyErr::from_value(self.exception(py, error).into_any())
    }
}
