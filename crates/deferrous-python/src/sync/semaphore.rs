//! `DeferredSemaphore`.

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyTuple},
};

use super::{Primitive, by_name, called, fire, require};
use crate::replaced;

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
#[pyclass(extends = Primitive, subclass, module = "twisted.internet.defer")]
pub struct DeferredSemaphore {
    /// How many may have a token.
    #[pyo3(get, set)]
    limit: isize,
    /// How many tokens are left.
    #[pyo3(get, set)]
    tokens: isize,
}

#[pymethods]
impl DeferredSemaphore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(tokens)")]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        let nothing = DeferredSemaphore {
            limit: 0,
            tokens: 0,
        };
        PyClassInitializer::from(Primitive::new(py)).add_subclass(nothing)
    }

    /// All tokens are there.
    fn __init__(&mut self, tokens: isize) -> PyResult<()> {
        if tokens < 1 {
            return Err(PyValueError::new_err(
                "DeferredSemaphore requires tokens >= 1",
            ));
        }
        (self.tokens, self.limit) = (tokens, tokens);
        Ok(())
    }

    /// Wait for a token: a Deferred that fires with the semaphore. Cancelling that gives the place up.
    fn acquire<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if replaced::any() {
            let none = PyTuple::empty(slf.py());
            return by_name(slf, "DeferredSemaphore.acquire", &none, None);
        }
        let tokens = slf.borrow().tokens;
        require(
            tokens >= 0,
            "Internal inconsistency??  tokens should never be negative",
        )?;
        if tokens == 0 {
            return Primitive::wait(slf.as_super());
        }
        slf.borrow_mut().tokens = tokens - 1;
        called(slf)
    }

    /// Give a token to the one that has waited longest, or back.
    ///
    /// Raises:
    ///     AssertionError: all tokens are back.
    fn release(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (tokens, limit) = (slf.borrow().tokens, slf.borrow().limit);
        require(
            tokens < limit,
            "Someone released me too many times: too many tokens!",
        )?;
        slf.borrow_mut().tokens = tokens + 1;
        if let Some(next) = Primitive::next(slf.as_super())? {
            slf.borrow_mut().tokens -= 1;
            fire(&next, slf)?;
        }
        Ok(())
    }

    /// One that waits was cancelled.
    #[pyo3(name = "_cancelAcquire")]
    fn cancel_acquire(slf: &Bound<'_, Self>, d: &Bound<'_, PyAny>) -> PyResult<()> {
        Primitive::give_up(slf.as_super(), d)
    }
}
