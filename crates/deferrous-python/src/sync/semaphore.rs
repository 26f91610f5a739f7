//! `DeferredSemaphore`.

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{
    primitive::Primitive,
    support::{call_stock, called, fire, require},
};
use crate::{
    interp::{Field, fallible, name},
    replaced,
};

/// A number of tokens for programs that wait by Deferreds.
///
/// It is used as a DeferredLock is, and belongs to the thread that runs the reactor. Twisted has it by the
/// same name.
///
/// Args:
///     tokens: how many may have one at a time.
///
/// Raises:
///     ValueError: that is less than one.
#[pyclass(frozen, extends = Primitive, subclass, module = "twisted.internet.defer")]
pub struct DeferredSemaphore {
    limit: Field<isize>,
    tokens: Field<isize>,
}

#[pymethods]
impl DeferredSemaphore {
    #[new]
    #[pyo3(signature = (*_args, tokens=None, **_kwargs), text_signature = "(tokens)")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        tokens: Option<&Bound<'_, PyAny>>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyClassInitializer<Self>> {
        // What it is called with is for `__init__`. A keyword of its own needs no dict.
        let _ = tokens;
        let nothing = DeferredSemaphore {
            limit: Field::new(0),
            tokens: Field::new(0),
        };
        Ok(PyClassInitializer::from(Primitive::new(py)?).add_subclass(nothing))
    }

    /// All tokens are there, and nobody waits for one.
    fn __init__(slf: &Bound<'_, Self>, tokens: isize) -> PyResult<()> {
        let (py, semaphore) = (slf.py(), slf.get());
        Primitive::initialise(slf.as_super())?;
        if tokens < 1 {
            return Err(fallible::error::<PyValueError>(
                py,
                "DeferredSemaphore requires tokens >= 1",
            ));
        }
        semaphore.tokens.set(py, tokens);
        semaphore.limit.set(py, tokens);
        Ok(())
    }

    /// How many may have a token.
    #[getter]
    fn limit<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::int(py, self.limit.get(py))
    }

    #[setter]
    fn set_limit(&self, py: Python<'_>, limit: isize) {
        self.limit.set(py, limit);
    }

    /// How many tokens are left.
    #[getter]
    fn tokens<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::int(py, self.tokens.get(py))
    }

    #[setter]
    fn set_tokens(&self, py: Python<'_>, tokens: isize) {
        self.tokens.set(py, tokens);
    }

    /// Wait for a token: a Deferred that fires with the semaphore. Cancelling that gives the place up.
    fn acquire<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let (py, semaphore) = (slf.py(), slf.get());
        if replaced::any(py) {
            return call_stock(slf, name!(py, "DeferredSemaphore.acquire")?);
        }
        let text = "Internal inconsistency??  tokens should never be negative";
        require(py, semaphore.tokens.get(py) >= 0, text)?;
        if semaphore.tokens.get(py) == 0 {
            return Primitive::wait(slf.as_super());
        }
        called(slf, || semaphore.add_tokens(py, -1))
    }

    /// Give a token to the one that has waited longest, or back.
    ///
    /// Raises:
    ///     AssertionError: all tokens are back.
    fn release(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, semaphore) = (slf.py(), slf.get());
        let text = "Someone released me too many times: too many tokens!";
        require(py, semaphore.tokens.get(py) < semaphore.limit.get(py), text)?;
        semaphore.add_tokens(py, 1);
        if Primitive::has_waiting(slf.as_super())? {
            semaphore.add_tokens(py, -1);
            fire(&Primitive::next(slf.as_super())?, slf)?;
        }
        Ok(())
    }

    /// One that waits was cancelled.
    #[pyo3(name = "_cancelAcquire")]
    fn cancel_acquire(slf: &Bound<'_, Self>, d: &Bound<'_, PyAny>) -> PyResult<()> {
        Primitive::give_up(slf.as_super(), d)
    }
}

impl DeferredSemaphore {
    fn add_tokens(&self, py: Python<'_>, more: isize) {
        self.tokens.set(py, self.tokens.get(py).wrapping_add(more));
    }
}
