//! The functions of `twisted.internet.defer` that make Deferreds.

use std::ffi::CStr;

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyCFunction, PyDict},
};

use super::{
    deferred::Deferred,
    firing, inline_callbacks,
    kinds::{Kind, as_deferred, debug, kind},
    making,
};
use crate::{
    failure::{self, Place},
    interp::{
        Arguments, FastFunction, check_stack, fallible, fast_function, is_native_coroutine, name,
    },
    replaced,
    twisted::objects,
};

/// Calls the function of Twisted that one of these stands for.
#[cold]
pub fn call_stock<'py, const N: usize>(
    py: Python<'py>,
    name: &str,
    arguments: [Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyAny>> {
    let name = fallible::text(py, name)?;
    replaced::call_stock(&name, None, &fallible::tuple(py, arguments)?, None)
}

/// Make a Deferred that has failed.
///
/// Args:
///     result: a Failure, or an exception; None for the exception that is being handled.
///
/// Returns:
///     the Deferred, for the thread that runs the reactor.
///
/// Raises:
///     NoCurrentExceptionError: there is no argument, and no exception is being handled.
#[pyfunction]
#[pyo3(signature = (result=None))]
pub fn fail<'py>(
    py: Python<'py>,
    result: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    if replaced::any(py) {
        return match result {
            Some(result) => call_stock(py, "fail", [result]),
            None => call_stock(py, "fail", []),
        };
    }
    firing::fail(py, result.as_ref()).map(Bound::into_any)
}

/// Run a coroutine that awaits Deferreds, until it first waits.
///
///     >>> from twisted.internet.defer import Deferred, ensureDeferred
///     >>> async def increment(d):
///     ...     return await d + 1
///     >>> d = Deferred()
///     >>> done = ensureDeferred(increment(d)).addCallback(print)
///     >>> d.callback(41)
///     42
///
/// Args:
///     coro: the coroutine, or a generator that yields Deferreds. A Deferred is returned as it is.
///
/// Returns:
///     a Deferred of what the coroutine returns or raises. Cancelling it cancels what the coroutine waits
///     for. The coroutine goes on in the thread that fires that: the one that runs the reactor.
///
/// Raises:
///     NotACoroutineError: it is something else.
#[pyfunction(name = "ensureDeferred")]
pub fn ensure_deferred<'py>(
    py: Python<'py>,
    coro: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if replaced::any(py) {
        return call_stock(py, "ensureDeferred", [coro]);
    }
    if as_deferred(&coro).is_some() {
        return Ok(coro);
    }
    inline_callbacks::from_coroutine(coro.clone())
        .map(Bound::into_any)
        .map_err(|error| not_even_a_deferred(&coro, error))
}

/// Says that the object is no Deferred either, if what was raised is that it is no coroutine.
#[cold]
fn not_even_a_deferred(coro: &Bound<'_, PyAny>, first: PyErr) -> PyErr {
    let py = coro.py();
    let class = objects(py).not_a_coroutine.bind(py);
    if !first.is_instance(py, class) {
        return first;
    }
    let made = coro.repr().and_then(|shown| {
        let text = fallible::text_around("", &shown, " is not a coroutine or a Deferred")?;
        class.call1((text,))
    });
    let second = made.map_or_else(|error| error, PyErr::from_value);
    second.set_context(py, Some(first));
    second
}

/// Run a generator over Deferreds; returns a Deferred of its result.
#[pyfunction(name = "_cancellableInlineCallbacks")]
pub fn start<'py>(py: Python<'py>, r#gen: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if replaced::any(py) {
        return call_stock(py, "_cancellableInlineCallbacks", [r#gen]);
    }
    inline_callbacks::start(r#gen).map(Bound::into_any)
}

/// What `inlineCallbacks` calls: `_cancellableInlineCallbacks`, or what a program has put in its place.
#[pyfunction(name = "_start")]
pub fn start_by_name<'py>(
    py: Python<'py>,
    r#gen: Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if replaced::any(py) {
        let start = replaced::look_up(py, name!(py, "_cancellableInlineCallbacks")?)?;
        return start.call1((r#gen,));
    }
    inline_callbacks::start(r#gen).map(Bound::into_any)
}

/// Calls what the first argument is, or what the keyword of this name is, with the others.
#[inline(always)]
fn call_first<'py>(
    py: Python<'py>,
    parameter: &str,
    function: &str,
    arguments: Arguments<'_, 'py>,
) -> PyResult<PyResult<Bound<'py, PyAny>>> {
    if arguments.has_keyword(parameter) {
        let (callable, keywords) = named(py, parameter, function, arguments)?;
        return Ok(check_stack(py).and_then(|()| callable.call((), Some(&keywords))));
    }
    match arguments.positional() {
        [] => {
            let message =
                format!("{function}() missing 1 required positional argument: '{parameter}'");
            Err(fallible::error::<PyTypeError>(py, &message))
        }
        [callable, ..] => Ok(check_stack(py).and_then(|()| arguments.call_rest(callable, 1))),
    }
}

/// Splits keyword arguments into the one with this name and the others. The call has no positional arguments.
#[cold]
fn named<'py>(
    py: Python<'py>,
    parameter: &str,
    function: &str,
    arguments: Arguments<'_, 'py>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyDict>)> {
    if !arguments.positional().is_empty() {
        let message = format!("{function}() got multiple values for argument '{parameter}'");
        return Err(fallible::error::<PyTypeError>(py, &message));
    }
    let (keywords, key) = (arguments.keywords()?, fallible::text(py, parameter)?);
    let keywords = keywords.map_or_else(|| fallible::dict(py), Ok)?;
    let callable = keywords.as_any().get_item(&key)?;
    keywords.del_item(&key)?;
    Ok((callable, keywords))
}

struct Succeed;

impl FastFunction for Succeed {
    const NAME: &'static CStr = c"succeed";
    const DOC: &'static CStr = c"succeed(result)
--

Make a Deferred that has been fired.

Args:
    result: its result.

Returns:
    the Deferred, for the thread that runs the reactor.";

    #[inline(always)]
    fn call<'py>(py: Python<'py>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let result = arguments.only("succeed", "result")?;
        if replaced::any(py) {
            return call_stock(py, "succeed", [result]);
        }
        making::succeed(py, result).map(Bound::into_any)
    }
}

struct Execute;

impl FastFunction for Execute {
    const NAME: &'static CStr = c"execute";
    const DOC: &'static CStr = c"execute(callable, /, *args, **kwargs)
--

Call something in this thread, and make a Deferred of what comes of it.

Args:
    callable: called with the other arguments.

Returns:
    a Deferred that has been fired with what was returned, or has failed with what was raised.";

    fn call<'py>(py: Python<'py>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        if replaced::any(py) {
            return replaced::call_stock_with(py, "execute", arguments);
        }
        let deferred = match call_first(py, "callable", "execute", arguments)? {
            Ok(result) => making::succeed(py, result),
            Err(error) => failed(py, error, Place::Execute),
        };
        deferred.map(Bound::into_any)
    }
}

struct MaybeDeferred;

impl FastFunction for MaybeDeferred {
    const NAME: &'static CStr = c"maybeDeferred";
    const DOC: &'static CStr = c"maybeDeferred(f, /, *args, **kwargs)
--

Call something in this thread, and return a Deferred, whatever comes of it.

Args:
    f: called with the other arguments.

Returns:
    the Deferred that was returned; or a Deferred of the coroutine, the Failure or the value that
    was; or one that has failed with what was raised.";

    fn call<'py>(py: Python<'py>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        if replaced::any(py) {
            return replaced::call_stock_with(py, "maybeDeferred", arguments);
        }
        maybe(py, call_first(py, "f", "maybeDeferred", arguments)?)
    }
}

/// A Deferred that has failed with what a call has raised.
fn failed(py: Python<'_>, error: PyErr, place: Place) -> PyResult<Bound<'_, Deferred>> {
    let owner = debug(py).then(|| py.None().into_bound(py));
    let failure = failure::caught_error(py, error, owner.as_ref(), place);
    firing::fail(py, Some(&failure))
}

/// The Deferred of what a call came to; what `maybeDeferred` returns.
#[inline]
pub fn maybe<'py>(
    py: Python<'py>,
    result: PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let result = match result {
        Ok(result) => result,
        Err(error) => return failed(py, error, Place::MaybeDeferred).map(Bound::into_any),
    };
    let deferred = match kind(&result) {
        Kind::Deferred => return Ok(result),
        Kind::Failure => firing::fail(py, Some(&result)),
        Kind::Value if is_native_coroutine(&result) => inline_callbacks::start(result),
        Kind::Value => making::succeed(py, result),
    };
    deferred.map(Bound::into_any)
}

/// `succeed`, `maybeDeferred` and `execute`.
pub fn called_most(py: Python<'_>) -> PyResult<[Bound<'_, PyCFunction>; 3]> {
    let module = name!(py, "twisted.internet.defer")?;
    Ok([
        fast_function::<Succeed>(py, module)?,
        fast_function::<MaybeDeferred>(py, module)?,
        fast_function::<Execute>(py, module)?,
    ])
}
