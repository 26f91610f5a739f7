//! Records of what has made an object and when, kept while somebody wants to know.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyTuple,
};
use rustix::time::{ClockId, clock_gettime};

use super::{fallible, field::Field, frame::current_instruction, kept::Slot};

/// Whether objects that are made now get a record.
static KEPT: AtomicBool = AtomicBool::new(false);

/// How many bits of a number the instruction has. The others have the time.
const INSTRUCTION: u32 = 24;
/// The greatest number of an instruction. One beyond is kept as this.
const MOST: u64 = (1 << INSTRUCTION) - 1;
/// The bytes of an instruction.
const WIDTH: u64 = 2;

/// The clock that tells ages. They are shown in seconds: a clock that advances a few hundred times a second is read in a few
/// nanoseconds.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::MonotonicCoarse;
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// The code that made an object, and the time. Empty if records were not kept then.
pub struct Record {
    /// The code that has made it, or a pair of that and what was added.
    by: Slot<Option<Bound<'static, PyAny>>>,
    /// When, in milliseconds, and the number of the instruction.
    at: Field<u64>,
}

/// The contents of a [`Record`].
pub struct Recorded<'py> {
    /// The code that has made the object, or a pair of that and what was added.
    by: Bound<'py, PyAny>,
    /// Its instruction, as an index of bytes.
    instruction: u32,
    /// When, in seconds by the clock of `time.monotonic()`.
    at: f64,
}

impl<'py> Recorded<'py> {
    /// It as a tuple: the time, the code, the instruction, and what was added or `None`.
    pub fn show(self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let (code, added) = match self.by.cast_exact::<PyTuple>() {
            Ok(pair) => (pair.get_item(0)?, pair.get_item(1)?),
            Err(_) => (self.by, py.None().into_bound(py)),
        };
        let instruction = fallible::int(py, self.instruction as isize)?;
        let at = fallible::float(py, self.at)?;
        fallible::tuple(py, [at, code, instruction, added])
    }
}

impl Record {
    /// Whether objects that are made now get a record.
    #[inline(always)]
    pub fn are_kept() -> bool {
        KEPT.load(Relaxed)
    }

    /// Has objects that are made from now on get a record, or no longer.
    pub fn keep(on: bool) {
        KEPT.store(on, Relaxed);
    }

    /// An empty one.
    #[inline(always)]
    pub fn empty() -> Self {
        Record {
            by: Slot::new(None),
            at: Field::new(0),
        }
    }

    /// Notes the code that runs now as that which has made the object, if records are kept.
    #[inline(always)]
    pub fn note(&self, py: Python<'_>) {
        if Self::are_kept() {
            self.write(py);
        }
    }

    #[inline(never)]
    fn write(&self, py: Python<'_>) {
        if let Some((code, instruction)) = current_instruction(py) {
            let number = (u64::from(instruction) / WIDTH).min(MOST);
            self.at.set(py, now() << INSTRUCTION | number);
            self.by.set(py, Some(code.into_any()));
        }
    }

    /// Shows the collector what it holds.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.by.traverse(visit)
    }

    /// Notes a piece of code as that which has made the object.
    #[cold]
    pub fn note_code<'py>(&self, code: Bound<'py, PyAny>) {
        let py = code.py();
        self.at.set(py, now() << INSTRUCTION);
        self.by.set(py, Some(code));
    }

    /// Adds an object to a record that is not empty. It takes the place of what was added before.
    #[cold]
    pub fn add<'py>(&self, py: Python<'py>, more: Bound<'py, PyAny>) -> PyResult<()> {
        let Some(by) = self.by.clone_out(py) else {
            return Ok(());
        };
        let code = match by.cast_exact::<PyTuple>() {
            Ok(pair) => pair.get_item(0)?,
            Err(_) => by,
        };
        let pair = fallible::tuple(py, [code, more])?;
        self.by.set(py, Some(pair.into_any()));
        Ok(())
    }

    /// The contents, unless the record is empty.
    pub fn read<'py>(&self, py: Python<'py>) -> Option<Recorded<'py>> {
        let (by, at) = (self.by.clone_out(py)?, self.at.get(py));
        let milliseconds = at >> INSTRUCTION;
        Some(Recorded {
            by,
            instruction: u32::try_from((at & MOST) * WIDTH).unwrap_or(u32::MAX),
            at: milliseconds as f64 / 1e3,
        })
    }
}

/// The time in milliseconds.
fn now() -> u64 {
    let time = clock_gettime(CLOCK);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds * 1000 + nanos / 1_000_000
}
