//! `call_soon`, `call_soon_threadsafe`, `call_later` and `call_at`.

use std::ffi::CStr;

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyFloat, PyInt},
};

use super::{
    clock, debugging,
    hooks::{self, CALL_AT, WRITE_TO_SELF},
    names::names,
    state::{CallArguments, Handle, LoopCore, TimerHandle},
    support::support,
};
use crate::interp::{Arguments, FastMethod, bind_leading, fallible, forget};

/// The arguments of a method: its leading parameters, the arguments of the callback, and the context.
type Asked<'a, 'py, const N: usize> = (
    [Bound<'py, PyAny>; N],
    CallArguments<'py>,
    Option<Bound<'py, PyAny>>,
);

/// Finds the `N` leading parameters, the arguments of the callback, and `context`.
#[inline(always)]
fn read<'a, 'py, const N: usize>(
    py: Python<'py>,
    function: &str,
    parameters: [&str; N],
    arguments: Arguments<'a, 'py>,
) -> PyResult<Asked<'a, 'py, N>> {
    if let Some((leading, rest)) = arguments.positional().split_first_chunk::<N>() {
        let context = arguments.only_keyword(names(py).context.bind(py));
        if context.is_some() || !arguments.has_keywords() {
            let leading = leading.each_ref().map(Bound::clone);
            return Ok((leading, CallArguments::of(py, rest)?, context.cloned()));
        }
    }
    read_by_name(py, function, parameters, arguments)
}

#[cold]
fn read_by_name<'a, 'py, const N: usize>(
    py: Python<'py>,
    function: &str,
    parameters: [&str; N],
    arguments: Arguments<'a, 'py>,
) -> PyResult<Asked<'a, 'py, N>> {
    let (leading, (rest, keywords)) = bind_leading(py, function, parameters, arguments)?;
    let mut context = None;
    if let Some(keywords) = keywords {
        let name = names(py).context.bind(py);
        context = keywords.get_item(name)?;
        for other in keywords.keys() {
            if !other.eq(name)? {
                let before = format!("{function}() got an unexpected keyword argument '");
                return Err(fallible::error_around::<PyTypeError>(
                    &before,
                    other.cast()?,
                    "'",
                ));
            }
        }
    }
    Ok((leading, CallArguments::of(py, rest.as_slice())?, context))
}

/// `call_soon(callback, *args, context=None)`.
pub struct CallSoon;

impl FastMethod for CallSoon {
    type Class = LoopCore;
    const NAME: &'static CStr = c"call_soon";
    const DOC: &'static CStr = c"call_soon($self, callback, /, *args, context=None)
--

Have a callback called in the next turn of the loop.

Callbacks are called in the order in which they were asked for.

Args:
    callback, args: what is called.
    context: the contextvars.Context that it is called in; a copy of the current one if it is None.

Returns:
    the handle, by which the call can be cancelled.

Raises:
    RuntimeError: the loop is closed.

Only the thread that runs the loop may call it; others use `call_soon_threadsafe`.";

    #[inline]
    fn call<'py>(
        this: &Bound<'py, LoopCore>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, core) = (this.py(), this.get());
        let function = "BaseEventLoop.call_soon";
        let ([callback], rest, context) = read(py, function, ["callback"], arguments)?;
        core.check_closed(py)?;
        if core.debug.get(py) {
            debugging::check(this, &callback, "call_soon", true)?;
        }
        let handle = Handle::new(this, callback, rest, context.as_ref())?.into_any();
        core.ready.get().push(py, handle.clone());
        Ok(handle)
    }
}

/// `call_soon_threadsafe(callback, *args, context=None)`.
pub struct CallSoonThreadsafe;

impl FastMethod for CallSoonThreadsafe {
    type Class = LoopCore;
    const NAME: &'static CStr = c"call_soon_threadsafe";
    const DOC: &'static CStr = c"call_soon_threadsafe($self, callback, /, *args, context=None)
--

Have a callback called in the next turn of the loop, which is woken.

Any thread may call it. A burst of calls wakes the loop once.

Args:
    callback, args: what is called.
    context: the contextvars.Context that it is called in; a copy of the current one if it is None.

Returns:
    the handle, by which the call can be cancelled.

Raises:
    RuntimeError: the loop is closed.";

    #[inline]
    fn call<'py>(
        this: &Bound<'py, LoopCore>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, core) = (this.py(), this.get());
        let function = "BaseEventLoop.call_soon_threadsafe";
        let ([callback], rest, context) = read(py, function, ["callback"], arguments)?;
        core.check_closed(py)?;
        if core.debug.get(py) {
            debugging::check(this, &callback, "call_soon_threadsafe", false)?;
        }
        let handle = Handle::new(this, callback, rest, context.as_ref())?.into_any();
        core.ready.get().push(py, handle.clone());
        if hooks::replaced(this) & WRITE_TO_SELF == 0 {
            wake(this)?;
        } else {
            this.call_method0(names(py).write_to_self.bind(py))?;
        }
        Ok(handle)
    }
}

/// Has the loop return from its wait, if it waits.
#[inline]
pub fn wake(event_loop: &Bound<'_, LoopCore>) -> PyResult<()> {
    let (py, core) = (event_loop.py(), event_loop.get());
    if !core.has_own_selector(py) {
        support(py)?.write_to_self.bind(py).call1((event_loop,))?;
    } else if core.waits.get(py)
        && let Some(waiter) = core.waiter.get()
    {
        waiter.wake();
    }
    Ok(())
}

/// `call_later(delay, callback, *args, context=None)`.
pub struct CallLater;

impl FastMethod for CallLater {
    type Class = LoopCore;
    const NAME: &'static CStr = c"call_later";
    const DOC: &'static CStr = c"call_later($self, delay, callback, /, *args, context=None)
--

Have a callback called later.

Args:
    delay: after how many seconds.
    callback, args: what is called.
    context: the contextvars.Context that it is called in; a copy of the current one if it is None.

Returns:
    the handle, by which the call can be cancelled.

Raises:
    RuntimeError: the loop is closed.
    TypeError: the delay is no number.

Only the thread that runs the loop may call it.";

    #[inline]
    fn call<'py>(
        this: &Bound<'py, LoopCore>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, core) = (this.py(), this.get());
        let delay = arguments.positional().first().and_then(plain_number);
        let is_plain = !core.debug.get(py) && hooks::replaced(this) & CALL_AT == 0;
        let Some(delay) = delay.filter(|_| is_plain) else {
            return arguments.call_after(support(py)?.call_later.bind(py), this.as_any());
        };
        let (function, parameters) = ("BaseEventLoop.call_later", ["delay", "callback"]);
        let ([_, callback], rest, context) = read(py, function, parameters, arguments)?;
        let when = clock::now(this)? + delay;
        core.check_closed(py)?;
        add_timer(this, when, callback, rest, context.as_ref())
    }
}

/// The value of a `float`, or of an `int` that is small.
#[inline(always)]
fn plain_number(number: &Bound<'_, PyAny>) -> Option<f64> {
    if let Ok(number) = number.cast_exact::<PyFloat>() {
        return Some(number.value());
    }
    if !number.is_exact_instance_of::<PyInt>() {
        return None;
    }
    match number.extract::<i32>() {
        Ok(number) => Some(f64::from(number)),
        Err(error) => {
            forget(number.py(), error);
            None
        }
    }
}

#[inline]
fn add_timer<'py>(
    event_loop: &Bound<'py, LoopCore>,
    when: f64,
    callback: Bound<'py, PyAny>,
    arguments: CallArguments<'py>,
    context: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, core) = (event_loop.py(), event_loop.get());
    let timer = TimerHandle::new(event_loop, when, callback, arguments, context)?;
    core.with(py, |parts| TimerHandle::insert(&timer, &mut parts.timers))?;
    Ok(timer.into_any())
}

/// `call_at(when, callback, *args, context=None)`.
pub struct CallAt;

impl FastMethod for CallAt {
    type Class = LoopCore;
    const NAME: &'static CStr = c"call_at";
    const DOC: &'static CStr = c"call_at($self, when, callback, /, *args, context=None)
--

Have a callback called at a time.

Args:
    when: the time, in seconds by `loop.time()`.
    callback, args: what is called.
    context: the contextvars.Context that it is called in; a copy of the current one if it is None.

Returns:
    the handle, by which the call can be cancelled.

Raises:
    RuntimeError: the loop is closed.
    TypeError: the time is no number.

Only the thread that runs the loop may call it.";

    fn call<'py>(
        this: &Bound<'py, LoopCore>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, core) = (this.py(), this.get());
        let (function, parameters) = ("BaseEventLoop.call_at", ["when", "callback"]);
        let ([when, callback], rest, context) = read(py, function, parameters, arguments)?;
        if when.is_none() {
            return Err(fallible::error::<PyTypeError>(py, "when cannot be None"));
        }
        core.check_closed(py)?;
        if core.debug.get(py) {
            debugging::check(this, &callback, "call_at", true)?;
        }
        add_timer(this, when.extract()?, callback, rest, context.as_ref())
    }
}
