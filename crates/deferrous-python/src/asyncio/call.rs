//! Calls that are made later, in a context: what both classes of handles do.

use pyo3::{
    exceptions::{PyBaseException, PyKeyboardInterrupt, PySystemExit},
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyTuple,
};

use super::{
    names::names,
    state::{Call, CallArguments, LoopCore},
    support::support,
};
use crate::interp::{
    Field, Outcome, Slot, call, call_with_tuple, copy_context, fallible, handling, is_exactly,
    outcome, run_in_context,
};

impl<'py> CallArguments<'py> {
    /// The arguments of a slice.
    #[inline(always)]
    pub fn of(py: Python<'py>, arguments: &[Bound<'py, PyAny>]) -> PyResult<Self> {
        Ok(match arguments {
            [] => CallArguments::None,
            [argument] => CallArguments::One(argument.clone()),
            several => CallArguments::Several(fallible::tuple_of(py, several)?),
        })
    }

    /// As a tuple.
    fn to_tuple(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match self {
            CallArguments::None => fallible::tuple(py, []),
            CallArguments::One(argument) => fallible::tuple(py, [argument.clone()]),
            CallArguments::Several(arguments) => Ok(arguments.clone()),
        }
    }

    #[inline(always)]
    fn call(&self, callback: &Bound<'py, PyAny>) -> Outcome<'py> {
        match self {
            CallArguments::None => call(callback, [None]),
            CallArguments::One(argument) => call(callback, [None, Some(argument)]),
            CallArguments::Several(arguments) => self.call_several(callback, arguments),
        }
    }

    #[inline(never)]
    fn call_several(
        &self,
        callback: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
    ) -> Outcome<'py> {
        match arguments.as_slice() {
            [first, second] => call(callback, [None, Some(first), Some(second)]),
            [first, second, third] => {
                call(callback, [None, Some(first), Some(second), Some(third)])
            }
            [first, rest @ ..] => match fallible::tuple_of(callback.py(), rest) {
                Ok(rest) => call_with_tuple(callback, first, &rest),
                Err(error) => outcome(callback.py(), Err(error)),
            },
            [] => call(callback, [None]),
        }
    }
}

impl Call {
    /// A call of `callback`.
    #[inline(always)]
    pub fn new<'py>(
        callback: Bound<'py, PyAny>,
        arguments: CallArguments<'py>,
        context: Bound<'py, PyAny>,
        event_loop: &Bound<'py, LoopCore>,
    ) -> Self {
        Call {
            callback: Slot::new(Some(callback)),
            arguments: Slot::new(Some(arguments)),
            context: Slot::new(Some(context)),
            event_loop: Slot::new(Some(event_loop.clone())),
            cancelled: Field::new(false),
            source_traceback: Slot::new(None),
            last_repr: Slot::new(None),
        }
    }

    /// The context that was given, or a copy of the current one.
    #[inline(always)]
    pub fn context_or_copy<'py>(
        py: Python<'py>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match context {
            Some(context) if !context.is_none() => Ok(context.clone()),
            _ => copy_context(py),
        }
    }

    /// Whether it was cancelled.
    #[inline(always)]
    pub fn is_cancelled(&self, py: Python<'_>) -> bool {
        self.cancelled.get(py)
    }

    /// Whether the loop is in debug mode. A handle that the collector has ended has no loop.
    pub fn debugging(&self, py: Python<'_>) -> bool {
        let event_loop = self.event_loop.clone_out(py);
        event_loop.is_some_and(|event_loop| event_loop.get().debug.get(py))
    }

    /// Cancels it. `handle` is the object that it belongs to.
    pub fn cancel(&self, handle: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = handle.py();
        if self.cancelled.get(py) {
            return Ok(());
        }
        self.cancelled.set(py, true);
        if self.debugging(py) {
            let shown = handle.repr()?.into_any();
            self.last_repr.set(py, Some(shown));
        }
        drop((self.callback.take(py), self.arguments.take(py)));
        Ok(())
    }

    /// Makes the call, unless it was cancelled. `handle` is the object that it belongs to.
    ///
    /// # Errors
    ///
    /// `SystemExit` and `KeyboardInterrupt`. Others go to the exception handler of the loop.
    #[inline]
    pub fn run(&self, handle: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = handle.py();
        let (Some(callback), Some(arguments), Some(context)) = (
            self.callback.clone_out(py),
            self.arguments.clone_out(py),
            self.context.clone_out(py),
        ) else {
            return Ok(());
        };
        let result = if is_exactly(&context, &support(py)?.context_class) {
            run_in_context(&context, || Ok(arguments.call(&callback)))
        } else {
            Ok(run_by_name(&context, &callback, &arguments))
        };
        match outcome(py, result).and_then(|result| result) {
            Ok(_) => Ok(()),
            Err(exception) => failed(handle, &exception),
        }
    }

    /// The attributes that programs read.
    pub fn callback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.callback.clone_out(py)
    }

    /// The arguments, a tuple.
    pub fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let arguments = self.arguments.clone_out(py);
        arguments
            .map(|arguments| arguments.to_tuple(py))
            .transpose()
    }

    pub fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.context.clone_out(py)
    }

    pub fn event_loop<'py>(&self, py: Python<'py>) -> Option<Bound<'py, LoopCore>> {
        self.event_loop.clone_out(py)
    }

    pub fn source_traceback<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.source_traceback.clone_out(py)
    }

    pub fn set_source_traceback<'py>(&self, py: Python<'py>, stack: Option<Bound<'py, PyAny>>) {
        self.source_traceback.set(py, stack);
    }

    pub fn last_repr<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.last_repr.clone_out(py)
    }

    /// Shows the collector what it holds.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.callback.traverse(visit)?;
        self.arguments.traverse(visit)?;
        self.context.traverse(visit)?;
        self.event_loop.traverse(visit)?;
        self.source_traceback.traverse(visit)?;
        self.last_repr.traverse(visit)
    }

    /// Ends it, for the collector.
    pub fn clear(&self, py: Python<'_>) {
        let call = (self.callback.take(py), self.arguments.take(py));
        let rest = (self.context.take(py), self.event_loop.take(py));
        let debug = (self.source_traceback.take(py), self.last_repr.take(py));
        drop((call, rest, debug));
    }
}

/// `context.run(callback, *arguments)`, for what is no `contextvars.Context`.
#[cold]
fn run_by_name<'py>(
    context: &Bound<'py, PyAny>,
    callback: &Bound<'py, PyAny>,
    arguments: &CallArguments<'py>,
) -> Outcome<'py> {
    let py = callback.py();
    let run = || {
        let all = fallible::tuple_after(callback, arguments.to_tuple(py)?.as_slice())?;
        context.getattr(names(py).run.bind(py))?.call1(all)
    };
    outcome(py, run())
}

/// Hands what a callback has raised to the loop's exception handler.
#[cold]
fn failed(handle: &Bound<'_, PyAny>, exception: &Bound<'_, PyBaseException>) -> PyResult<()> {
    let py = handle.py();
    if exception.is_instance_of::<PySystemExit>()
        || exception.is_instance_of::<PyKeyboardInterrupt>()
    {
        return Err(PyErr::from_value(exception.clone().into_any()));
    }
    let callback_failed = support(py)?.callback_failed.bind(py);
    handling(exception, || callback_failed.call1((handle, exception)))?;
    Ok(())
}
