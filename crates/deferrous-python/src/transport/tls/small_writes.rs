//! `_AggregateSmallWrites`: small writes are put together, and written in the reactor's next turn.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyInt, PyList, PySlice},
};

use super::{names::names, stock::Stock};
use crate::interp::{call, fallible};

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
    let buffer = small.getattr(names.buffer.bind(py))?;
    let Ok(buffer) = buffer.cast_exact::<PyList>() else {
        return Ok(false);
    };
    let Some(left) = number(&small.getattr(names.buffer_left.bind(py))?) else {
        return Ok(false);
    };
    let Some(left) = left.checked_sub_unsigned(bytes.as_bytes().len()) else {
        return Ok(false);
    };
    buffer.append(data)?;
    small.setattr(names.buffer_left.bind(py), fallible::int(py, left)?)?;
    if left < 0 {
        let flushed = small.call_method0(names.flush.bind(py));
        flushed.map_err(|error| stock.frames.write_small.through(py, error))?;
    } else if !small.getattr(names.scheduled.bind(py))?.is_truthy()? {
        schedule(small)?;
    }
    Ok(true)
}

/// `self._scheduled = self._clock.callLater(0, self._scheduledFlush)`.
fn schedule(small: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, names) = (small.py(), names(small.py()));
    let call_later = small
        .getattr(names.clock.bind(py))?
        .getattr(names.call_later.bind(py))?;
    let flush = small.getattr(names.scheduled_flush.bind(py))?;
    let arguments = [None, Some(&fallible::int(py, 0)?), Some(&flush)];
    match call(&call_later, arguments) {
        Ok(scheduled) => small.setattr(names.scheduled.bind(py), scheduled),
        Err(exception) => Err(PyErr::from_value(exception.into_any())),
    }
}

/// `small._scheduledFlush()`. Returns whether that was done.
///
/// # Errors
///
/// What `flush` raises, with the frame of Twisted's function.
pub fn scheduled_flush(small: &Bound<'_, PyAny>, stock: &Stock) -> PyResult<bool> {
    let (py, names) = (small.py(), names(small.py()));
    small.setattr(names.scheduled.bind(py), py.None())?;
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
    let buffer = small.getattr(names.buffer.bind(py))?;
    let Ok(buffer) = buffer.cast_exact::<PyList>() else {
        return Ok(false);
    };
    if buffer.is_empty() {
        return Ok(true);
    }
    let Some(all) = join(buffer)? else {
        return Ok(false);
    };
    let most = small.getattr(names.most.bind(py))?;
    small.setattr(names.buffer_left.bind(py), most)?;
    let write = small.getattr(names.write_encrypted.bind(py))?;
    if let Err(exception) = call(&write, [None, Some(all.as_any())]) {
        let error = PyErr::from_value(exception.into_any());
        return Err(stock.frames.flush.through(py, error));
    }
    // What has been written meanwhile goes as well, and it may be in another list by now.
    let buffer = small.getattr(names.buffer.bind(py))?;
    match buffer.cast_exact::<PyList>() {
        Ok(buffer) => buffer.del_slice(0, buffer.len())?,
        Err(_) => buffer.del_item(PySlice::full(py))?,
    }
    Ok(true)
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
fn number(value: &Bound<'_, PyAny>) -> Option<isize> {
    value.cast_exact::<PyInt>().ok()?.extract().ok()
}
