//! The methods of Twisted's classes for TLS, in the place of Twisted's functions.

use std::ffi::CStr;

use pyo3::{prelude::*, types::PyDict};

use super::{
    super::replacing::replace,
    receive::receive,
    send::write,
    small_writes,
    stock::{Stock, stock},
};
use crate::interp::{Arguments, FastMethod, as_called_by_pyo3, check_stack, fallible, unloaded};

/// Twisted's functions, which are there if one of these methods is.
fn known() -> &'static Stock {
    match stock() {
        Some(stock) => stock,
        None => unloaded(),
    }
}

/// Does what a method of Twisted does, by `fast` if that knows how, or else by Twisted's function.
///
/// # Errors
///
/// What either raises; a `RecursionError` if little of the stack is left, as transports may write to each other.
fn in_place_of<'py>(
    this: &Bound<'py, PyAny>,
    arguments: Arguments<'_, 'py>,
    original: &Py<PyAny>,
    fast: impl FnOnce() -> PyResult<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = this.py();
    check_stack(py)?;
    if !arguments.has_keywords() && as_called_by_pyo3(py, fast)? {
        return Ok(py.None().into_bound(py));
    }
    arguments.call_after(original.bind(py), this)
}

/// `TLSMemoryBIOProtocol.dataReceived(self, bytes)`.
struct DataReceived;

impl FastMethod for DataReceived {
    type Class = PyAny;
    const NAME: &'static CStr = c"dataReceived";
    const DOC: &'static CStr = c"dataReceived($self, bytes)
--

Decrypt what has come, and give it to the protocol.";

    fn call<'py>(
        this: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_place_of(
            this,
            arguments,
            &known().data_received,
            || match arguments.positional() {
                [data] => receive(this, data),
                _ => Ok(false),
            },
        )
    }
}

/// `TLSMemoryBIOProtocol.write(self, bytes)`.
struct Write;

impl FastMethod for Write {
    type Class = PyAny;
    const NAME: &'static CStr = c"write";
    const DOC: &'static CStr = c"write($self, bytes)
--

Encrypt bytes, and write them to the transport. What is written after loseConnection is dropped.";

    fn call<'py>(
        this: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        in_place_of(this, arguments, &known().write, || {
            match arguments.positional() {
                [data] => write(this, data),
                _ => Ok(false),
            }
        })
    }
}

/// `_AggregateSmallWrites.write(self, data)`.
struct WriteSmall;

impl FastMethod for WriteSmall {
    type Class = PyAny;
    const NAME: &'static CStr = c"write";
    const DOC: &'static CStr = c"write($self, data)
--

Keep bytes until the reactor's next turn, or write them with the ones that are kept if these are many.";

    fn call<'py>(
        this: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let stock = known();
        in_place_of(this, arguments, &stock.write_small, || {
            match arguments.positional() {
                [data] => small_writes::write(this, data, stock),
                _ => Ok(false),
            }
        })
    }
}

/// `_AggregateSmallWrites.flush(self)`.
struct Flush;

impl FastMethod for Flush {
    type Class = PyAny;
    const NAME: &'static CStr = c"flush";
    const DOC: &'static CStr = c"flush($self)
--

Write the bytes that are kept.";

    fn call<'py>(
        this: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let stock = known();
        in_place_of(this, arguments, &stock.flush, || {
            Ok(arguments.positional().is_empty() && small_writes::flush(this, stock)?)
        })
    }
}

/// `_AggregateSmallWrites._scheduledFlush(self)`.
struct ScheduledFlush;

impl FastMethod for ScheduledFlush {
    type Class = PyAny;
    const NAME: &'static CStr = c"_scheduledFlush";
    const DOC: &'static CStr = c"_scheduledFlush($self)
--

Write the bytes that are kept. The reactor calls this in its next turn.";

    fn call<'py>(
        this: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let stock = known();
        in_place_of(this, arguments, &stock.scheduled_flush, || {
            Ok(arguments.positional().is_empty() && small_writes::scheduled_flush(this, stock)?)
        })
    }
}

/// Puts these methods into Twisted's classes, if Twisted's TLS is as it is known here.
///
/// Args:
///     found: what `deferrous._tls.find` returns.
pub fn replace_all(found: &Bound<'_, PyDict>) -> PyResult<()> {
    if stock().is_none() {
        return Ok(());
    }
    let (py, module) = (found.py(), "twisted.protocols.tls");
    let protocol = fallible::import(py, module, "TLSMemoryBIOProtocol")?;
    replace::<DataReceived>(found, "TLSMemoryBIOProtocol.dataReceived", &protocol)?;
    replace::<Write>(found, "TLSMemoryBIOProtocol.write", &protocol)?;
    let small = fallible::import(py, module, "_AggregateSmallWrites")?;
    replace::<WriteSmall>(found, "_AggregateSmallWrites.write", &small)?;
    replace::<Flush>(found, "_AggregateSmallWrites.flush", &small)?;
    replace::<ScheduledFlush>(found, "_AggregateSmallWrites._scheduledFlush", &small)?;
    Ok(())
}
