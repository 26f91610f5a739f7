//! `_AggregateSmallWrites`: small writes are put together, and written in the reactor's next turn.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyInt, PyList, PySlice},
};

use super::{names::names, own::Own, stock::Stock};
use crate::interp::{ClassFacts, KnownClasses, call, class_attribute, fallible, is_descriptor};

static CLASSES: KnownClasses = KnownClasses::new();

static BUFFER: Own = Own::new(|names| &names.buffer);
static BUFFER_LEFT: Own = Own::new(|names| &names.buffer_left);
static CLOCK: Own = Own::new(|names| &names.clock);
static MOST: Own = Own::new(|names| &names.most);
static SCHEDULED: Own = Own::new(|names| &names.scheduled);
static WRITE: Own = Own::new(|names| &names.write_encrypted);

/// Whether the class finds and sets all of that as most classes do.
#[inline]
fn is_plain(small: &Bound<'_, PyAny>) -> bool {
    let flags = CLASSES.flags(
        small,
        || u16::from(is_plain_class(small)),
        || Ok(Vec::new()),
    );
    flags.flags != 0
}

#[cold]
fn is_plain_class(small: &Bound<'_, PyAny>) -> bool {
    let (py, names, class) = (small.py(), names(small.py()), small.get_type());
    let facts = ClassFacts::of(small);
    let attributes = [
        &names.buffer,
        &names.buffer_left,
        &names.clock,
        &names.most,
        &names.scheduled,
        &names.write_encrypted,
    ];
    facts.has_plain_attributes
        && facts.sets_plain_attributes
        && attributes.iter().all(|name| {
            class_attribute(&class, name.bind(py)).is_none_or(|found| !is_descriptor(&found))
        })
}

/// `small.write(data)`. Returns whether that was done. If not, Twisted's method is to do it: nothing has been done.
///
/// # Errors
///
/// What `flush` raises, with the frame of Twisted's function, and what `callLater` raises.
pub fn write(small: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>, stock: &Stock) -> PyResult<bool> {
    let (py, names) = (small.py(), names(small.py()));
    let Ok(bytes) = data.cast_exact::<PyBytes>() else {
        return Ok(false);
    };
    let Some(buffer) = buffer(small).filter(|_| is_plain(small)) else {
        return Ok(false);
    };
    let scheduled = SCHEDULED.get(small);
    let (Some(left), Some(scheduled)) = (number(BUFFER_LEFT.get(small)), scheduled) else {
        return Ok(false);
    };
    let Some(left) = left.checked_sub_unsigned(bytes.as_bytes().len()) else {
        return Ok(false);
    };
    buffer.append(data)?;
    BUFFER_LEFT.set(small, &fallible::int(py, left)?)?;
    if left < 0 {
        let flushed = small.call_method0(names.flush.bind(py));
        flushed.map_err(|error| stock.frames.write_small.through(py, error))?;
    } else if !scheduled.is_truthy()? {
        schedule(small)?;
    }
    Ok(true)
}

/// `self._scheduled = self._clock.callLater(0, self._scheduledFlush)`.
fn schedule(small: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, names) = (small.py(), names(small.py()));
    let clock = match CLOCK.get(small) {
        Some(clock) => clock,
        None => small.getattr(names.clock.bind(py))?,
    };
    let flush = small.getattr(names.scheduled_flush.bind(py))?;
    let arguments = (fallible::int(py, 0)?, flush);
    let scheduled = clock.call_method1(names.call_later.bind(py), arguments)?;
    SCHEDULED.set(small, &scheduled)
}

/// `small._scheduledFlush()`. Returns whether that was done. If not, Twisted's method is to do it: nothing has been done.
///
/// # Errors
///
/// What `flush` raises, with the frame of Twisted's function.
pub fn scheduled_flush(small: &Bound<'_, PyAny>, stock: &Stock) -> PyResult<bool> {
    let (py, names) = (small.py(), names(small.py()));
    if !is_plain(small) {
        return Ok(false);
    }
    SCHEDULED.set(small, py.None().bind(py))?;
    let flushed = small.call_method0(names.flush.bind(py));
    flushed.map_err(|error| stock.frames.scheduled_flush.through(py, error))?;
    Ok(true)
}

/// `small.flush()`. Returns whether that was done. If not, Twisted's method is to do it: nothing has been done.
///
/// # Errors
///
/// What is raised by what the writes are put together for, with the frame of Twisted's function.
pub fn flush(small: &Bound<'_, PyAny>, stock: &Stock) -> PyResult<bool> {
    let (py, names) = (small.py(), names(small.py()));
    let Some(chunks) = buffer(small).filter(|_| is_plain(small)) else {
        return Ok(false);
    };
    if chunks.is_empty() {
        return Ok(true);
    }
    let in_class = || class_attribute(&small.get_type(), names.most.bind(py));
    let most = MOST.get(small).or_else(in_class);
    let (Some(most), Some(write)) = (most, WRITE.get(small)) else {
        return Ok(false);
    };
    let Some(all) = join(&chunks)? else {
        return Ok(false);
    };
    BUFFER_LEFT.set(small, &most)?;
    if let Err(exception) = call(&write, [None, Some(all.as_any())]) {
        let error = PyErr::from_value(exception.into_any());
        return Err(stock.frames.flush.through(py, error));
    }
    // What has been written meanwhile goes as well, and it may be in another list by now.
    let buffer = small.getattr(names.buffer.bind(py))?;
    match buffer.cast_exact::<PyList>() {
        // A slice takes seven times as long.
        Ok(buffer) if buffer.len() == 1 => buffer.del_item(0)?,
        Ok(buffer) => buffer.del_slice(0, buffer.len())?,
        Err(_) => buffer.del_item(PySlice::full(py))?,
    }
    Ok(true)
}

/// The list of chunks, if it is a `list`.
#[inline]
fn buffer<'py>(small: &Bound<'py, PyAny>) -> Option<Bound<'py, PyList>> {
    BUFFER.get(small)?.cast_into_exact().ok()
}

/// All chunks in one, if they are `bytes`.
fn join<'py>(chunks: &Bound<'py, PyList>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    if chunks.len() == 1 {
        return Ok(chunks.get_item(0)?.cast_into_exact().ok());
    }
    if !chunks
        .iter()
        .all(|chunk| chunk.is_exact_instance_of::<PyBytes>())
    {
        return Ok(None);
    }
    fallible::joined(chunks).map(Some)
}

/// An `int`.
fn number(value: Option<Bound<'_, PyAny>>) -> Option<isize> {
    value?.cast_exact::<PyInt>().ok()?.extract().ok()
}
