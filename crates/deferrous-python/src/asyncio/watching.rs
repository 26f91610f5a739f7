//! Readers and writers: `_add_reader`, `_add_writer` and their removal.

use std::{ffi::CStr, os::fd::RawFd};

use pyo3::{exceptions::PyValueError, prelude::*, types::PyInt};

use super::{
    descriptors::Direction,
    names::names,
    state::{CallArguments, Handle, LoopCore},
    support::{Support, support},
};
use crate::interp::{Arguments, FastMethod, bind_leading, fallible, fallible::io_error, forget};

/// `_add_reader(fd, callback, *args)`.
pub struct AddReader;

impl FastMethod for AddReader {
    type Class = LoopCore;
    const NAME: &'static CStr = c"_add_reader";
    const DOC: &'static CStr = c"_add_reader($self, fd, callback, /, *args)
--

Have a callback called whenever a descriptor can be read from.

Args:
    fd: the descriptor, or an object that has one.
    callback, args: what is called.

Returns:
    the handle of the callback.";

    fn call<'py>(
        this: &Bound<'py, LoopCore>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        add(this, arguments, Direction::Read)
    }
}

/// `_add_writer(fd, callback, *args)`.
pub struct AddWriter;

impl FastMethod for AddWriter {
    type Class = LoopCore;
    const NAME: &'static CStr = c"_add_writer";
    const DOC: &'static CStr = c"_add_writer($self, fd, callback, /, *args)
--

Have a callback called whenever a descriptor has room to be written to.

Args:
    fd: the descriptor, or an object that has one.
    callback, args: what is called.

Returns:
    the handle of the callback.";

    fn call<'py>(
        this: &Bound<'py, LoopCore>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        add(this, arguments, Direction::Write)
    }
}

fn add<'py>(
    event_loop: &Bound<'py, LoopCore>,
    arguments: Arguments<'_, 'py>,
    direction: Direction,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, core) = (event_loop.py(), event_loop.get());
    core.check_closed(py)?;
    if !core.has_own_selector(py) {
        let stock = by_direction(support(py)?, direction, true).bind(py);
        return arguments.call_after(stock, event_loop.as_any());
    }
    let name = match direction {
        Direction::Read => "BaseSelectorEventLoop._add_reader",
        Direction::Write => "BaseSelectorEventLoop._add_writer",
    };
    let ([file, callback], (rest, _)) = bind_leading(py, name, ["fd", "callback"], arguments)?;
    let rest = CallArguments::of(py, rest.as_slice())?;
    let handle = Handle::new(event_loop, callback, rest, None)?;
    let fd = descriptor(event_loop, &file)?;
    let added = handle.clone().into_any().unbind();
    let before = core.with(py, |parts| {
        let waiter = core.waiter(parts)?;
        parts
            .descriptors
            .set(waiter.poller(), (fd, &file), direction, added)
    })?;
    if let Some(before) = before.map_err(|error| io_error(py, &error))? {
        cancel(before.bind(py))?;
    }
    Ok(handle.into_any())
}

/// `_remove_reader(fd)` and `_remove_writer(fd)`. Returns whether there was one.
pub fn remove<'py>(
    event_loop: &Bound<'py, LoopCore>,
    file: &Bound<'py, PyAny>,
    direction: Direction,
) -> PyResult<bool> {
    let (py, core) = (event_loop.py(), event_loop.get());
    if core.closed.get(py) {
        return Ok(false);
    }
    if !core.has_own_selector(py) {
        let stock = by_direction(support(py)?, direction, false).bind(py);
        return stock.call1((event_loop, file))?.is_truthy();
    }
    let fd = descriptor(event_loop, file)?;
    let removed = core.with(py, |parts| {
        let waiter = core.waiter(parts)?;
        parts.descriptors.remove(waiter.poller(), fd, direction)
    })?;
    let (handle, rest) = removed.map_err(|error| io_error(py, &error))?;
    if let Some(handle) = &handle {
        cancel(handle.bind(py))?;
    }
    drop(rest);
    Ok(handle.is_some())
}

/// The standard library's method.
const fn by_direction(support: &Support, direction: Direction, adds: bool) -> &Py<PyAny> {
    match (direction, adds) {
        (Direction::Read, true) => &support.add_reader,
        (Direction::Read, false) => &support.remove_reader,
        (Direction::Write, true) => &support.add_writer,
        (Direction::Write, false) => &support.remove_writer,
    }
}

/// Cancels a handle of any kind.
fn cancel(handle: &Bound<'_, PyAny>) -> PyResult<()> {
    match handle.cast_exact::<Handle>() {
        Ok(own) => own.get().call.cancel(handle),
        Err(_) => handle
            .call_method0(names(handle.py()).cancel.bind(handle.py()))
            .map(drop),
    }
}

/// The number of a descriptor that is a number, or belongs to an object.
///
/// # Errors
///
/// A `ValueError` for what has none. An object that was closed has that which it is watched by.
pub fn descriptor(event_loop: &Bound<'_, LoopCore>, file: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    let py = file.py();
    if file.is_exact_instance_of::<PyInt>() {
        match file.extract::<RawFd>() {
            Ok(fd) if fd >= 0 => return Ok(fd),
            Ok(_) => {}
            Err(error) => forget(py, error),
        }
    }
    let found = support(py)?.descriptor.bind(py).call1((file,));
    match found.and_then(|found| found.extract::<RawFd>()) {
        Ok(fd) if fd >= 0 => Ok(fd),
        Ok(_) => Err(fallible::error::<PyValueError>(
            py,
            "Invalid file descriptor",
        )),
        Err(error) => {
            let known = event_loop
                .get()
                .with(py, |parts| parts.descriptors.find(file))?;
            known.ok_or(error)
        }
    }
}
