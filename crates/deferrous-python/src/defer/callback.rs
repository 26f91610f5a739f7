//! How a callback/errback pair of a Deferred is called.

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyAttributeError, PyTypeError},
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{
    deferred::{Callback, Called, Canceller, Deferred, Side},
    kinds::{Method, classes},
};
use crate::{
    interp::{Outcome, Traverse, bound_method, call, call_with_tuple, fallible, limited, outcome},
    twisted::objects,
};

impl Traverse for Canceller<'_> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.target.traverse(visit)
    }
}

impl<'py> Canceller<'py> {
    /// A callable of Python.
    pub const fn callable(target: Bound<'py, PyAny>) -> Self {
        Canceller {
            target,
            native: None,
        }
    }

    /// The canceller as programs see it.
    pub fn show(self) -> PyResult<Bound<'py, PyAny>> {
        match self.native {
            Some(native) => (native.show)(&self.target),
            None => Ok(self.target),
        }
    }
}

impl<'py> Called<'py> {
    /// What a function has returned or raised.
    pub fn returned(py: Python<'py>, result: PyResult<Bound<'py, PyAny>>) -> Self {
        Called::Returned(outcome(py, result))
    }
}

impl<'py> Callback<'py> {
    /// Whether a result of this kind passes by without a call.
    #[inline(always)]
    pub const fn passes(&self, failed: bool) -> bool {
        match self {
            Callback::Plain { side, .. }
            | Callback::WithArgument { side, .. }
            | Callback::WithArguments { side, .. }
            | Callback::Native { side, .. } => match side {
                Side::Callback => failed,
                Side::Errback => !failed,
                Side::Both => false,
            },
            _ => false,
        }
    }

    /// The callable for this kind of result, for warnings.
    #[cold]
    #[inline(never)]
    pub fn callable(&self, py: Python<'py>, failed: bool) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            _ if self.passes(failed) => objects(py).passthru.bind(py).clone(),
            Callback::Plain { callable, .. }
            | Callback::WithArgument { callable, .. }
            | Callback::WithArguments { callable, .. } => callable.clone(),
            Callback::Pair { callback, .. } if !failed => callback.clone(),
            Callback::Pair { errback, .. } => errback.clone(),
            Callback::Entry { entry } => split(entry, failed)?.0,
            Callback::Continuation { waiting } => waiting.as_any().clone(),
            Callback::Native {
                native,
                target,
                index,
                ..
            } => {
                let [callback, errback] = (native.show)(target, *index)?;
                if failed { errback.0 } else { callback.0 }
            }
        })
    }

    /// The Deferred that calling it fires, if it does nothing else: a row of Deferreds that fire each other needs no
    /// stack then.
    #[inline(always)]
    pub fn fires(&self, failed: bool) -> Option<Bound<'py, Deferred>> {
        let callable = match self {
            Callback::Plain { callable, .. } => callable,
            Callback::Pair { callback, .. } if !failed => callback,
            Callback::Pair { errback, .. } => errback,
            _ => return None,
        };
        let (function, owner) = bound_method(callable)?;
        let is = |method| function == classes(callable.py()).method(method).as_ptr().addr();
        match is(Method::Callback) || (failed && is(Method::Errback)) {
            true => owner.cast().ok().map(|owner| owner.to_owned()),
            false => None,
        }
    }

    /// Calls the callable for this kind of result.
    #[inline(always)]
    pub fn call(&self, result: &Bound<'py, PyAny>, failed: bool) -> Called<'py> {
        let py = result.py();
        Called::Returned(match self {
            Callback::Plain { callable, .. } => call(callable, [None, Some(result)]),
            Callback::WithArgument {
                callable, argument, ..
            } => call(callable, [None, Some(result), Some(argument)]),
            Callback::Pair { callback, errback } => {
                let callable = if failed { errback } else { callback };
                call(callable, [None, Some(result)])
            }
            Callback::Native {
                native,
                target,
                index,
                ..
            } => return (native.call)(target, *index, result, failed),
            Callback::WithArguments { callable, rest, .. } => match &rest.keywords {
                None => call_with_tuple(callable, result, &rest.positional),
                Some(keywords) => limited(callable, || {
                    let arguments = rest.positional.clone();
                    outcome(py, call_with(callable, result, arguments, keywords))
                }),
            },
            Callback::Entry { entry } => {
                limited(entry, || outcome(py, call_entry(entry, result, failed)))
            }
            Callback::Continuation { .. } => not_called(py),
        })
    }

    /// Whether both are the same pair with the same objects.
    pub fn is_same(&self, other: &Self) -> bool {
        let words = |callback: &Self| {
            let mut words = Vec::new();
            callback.each(|object| words.push(object.as_ptr()));
            words
        };
        std::mem::discriminant(self) == std::mem::discriminant(other) && words(self) == words(other)
    }

    /// Every object that it refers to.
    fn each(&self, mut see: impl FnMut(&Bound<'py, PyAny>)) {
        match self {
            Callback::Plain { callable, .. } => see(callable),
            Callback::WithArgument {
                callable, argument, ..
            } => {
                see(callable);
                see(argument);
            }
            Callback::WithArguments { callable, rest, .. } => {
                see(callable);
                see(&rest.positional);
                if let Some(keywords) = &rest.keywords {
                    see(keywords);
                }
            }
            Callback::Pair { callback, errback } => {
                see(callback);
                see(errback);
            }
            Callback::Entry { entry } => see(entry),
            Callback::Continuation { waiting } => see(waiting),
            Callback::Native { target, .. } => see(target),
        }
    }
}

impl Traverse for Callback<'_> {
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut status = Ok(());
        self.each(|object| {
            if status.is_ok() {
                status = object.traverse(visit);
            }
        });
        status
    }
}

/// What calling a continuation comes to.
#[cold]
#[inline(never)]
fn not_called(py: Python<'_>) -> Outcome<'_> {
    let error = fallible::error::<PyTypeError>(py, "a continuation is not called");
    outcome(py, Err(error))
}

/// One side of an entry as Twisted has it.
pub fn split<'py>(
    entry: &Bound<'py, PyAny>,
    failed: bool,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let side = entry.get_item(usize::from(failed))?;
    let triple = fallible::to_tuple(&side)?;
    match triple.as_slice() {
        [callable, arguments, keywords] => {
            Ok((callable.clone(), arguments.clone(), keywords.clone()))
        }
        _ => Err(fallible::error::<PyTypeError>(
            entry.py(),
            "an entry of _callbacks needs (callable, args, kwargs) twice",
        )),
    }
}

#[inline(never)]
fn call_entry<'py>(
    entry: &Bound<'py, PyAny>,
    result: &Bound<'py, PyAny>,
    failed: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (callable, arguments, keywords) = split(entry, failed)?;
    let arguments = fallible::to_tuple(&arguments)?;
    if let Ok(keywords) = keywords.cast_exact::<PyDict>() {
        return call_with(&callable, result, arguments, keywords);
    }
    let keywords = fallible::to_dict(&keywords).map_err(|error| {
        match error.is_instance_of::<PyAttributeError>(entry.py()) {
            true => {
                fallible::error::<PyTypeError>(entry.py(), "argument after ** must be a mapping")
            }
            false => error,
        }
    })?;
    call_with(&callable, result, arguments, &keywords)
}

/// `callable(result, *arguments, **keywords)`.
fn call_with<'py>(
    callable: &Bound<'py, PyAny>,
    result: &Bound<'py, PyAny>,
    arguments: Bound<'py, PyTuple>,
    keywords: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    callable.call(
        fallible::tuple_after(result, arguments.as_slice())?,
        Some(keywords),
    )
}
