//! What locks and semaphores have in common: running something while it is one's turn.

use std::ffi::CStr;

use pyo3::{
    exceptions::PyTypeError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyBool, PyDict, PyTuple},
};

use super::support::{add_both, add_callback, fired, has_some, pop_first, remove, wait};
use crate::{
    defer,
    interp::{Arguments, FastMethod, Field, fallible, name},
    replaced,
};

/// The base of locks and semaphores.
#[pyclass(
    frozen,
    subclass,
    dict,
    weakref,
    module = "twisted.internet.defer",
    name = "_Primitive"
)]
pub struct Primitive {
    waiting: Field<Py<PyAny>>,
}

impl Primitive {
    /// Nobody waits.
    pub fn new(py: Python<'_>) -> PyResult<Self> {
        let waiting = Field::new(fallible::list(py)?.into_any().unbind());
        Ok(Primitive { waiting })
    }

    /// Nobody waits any more.
    pub fn initialise(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, nobody) = (slf.py(), fallible::list(slf.py())?);
        slf.get().waiting.set(py, nobody.into_any().unbind());
        Ok(())
    }

    /// A Deferred at the end of the line. Cancelling it calls `_cancelAcquire`.
    pub fn wait<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        wait(slf, name!(slf.py(), "_cancelAcquire")?, &slf.get().waiting)
    }

    /// Whether anybody waits.
    pub fn has_waiting(slf: &Bound<'_, Self>) -> PyResult<bool> {
        has_some(slf.py(), &slf.get().waiting)
    }

    /// Takes the one out of the line that has waited longest.
    pub fn next<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        pop_first(slf.py(), &slf.get().waiting)
    }

    /// Takes one out of the line that does not wait any more.
    pub fn give_up(slf: &Bound<'_, Self>, deferred: &Bound<'_, PyAny>) -> PyResult<()> {
        remove(&slf.get().waiting, deferred)
    }
}

#[pymethods]
impl Primitive {
    /// The Deferreds of those who wait for their turn.
    #[getter]
    fn waiting(&self, py: Python<'_>) -> Py<PyAny> {
        self.waiting.clone_out(py)
    }

    #[setter]
    fn set_waiting(&self, py: Python<'_>, waiting: Py<PyAny>) {
        self.waiting.set(py, waiting);
    }

    /// Give the turn on, and return the argument.
    #[pyo3(name = "_releaseAndReturn")]
    fn release_and_return<'py>(
        slf: &Bound<'py, Self>,
        r: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method0(name!(slf.py(), "release")?)?;
        Ok(r)
    }

    /// Wait for the turn.
    fn __aenter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.call_method0(name!(slf.py(), "acquire")?)
    }

    /// Give the turn on. An exception is not held back.
    fn __aexit__<'py>(
        slf: &Bound<'py, Self>,
        _exc_type: &Bound<'py, PyAny>,
        _exc_value: &Bound<'py, PyAny>,
        _traceback: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        if replaced::any(py) {
            let method = name!(py, "_ConcurrencyPrimitive.__aexit__")?;
            let args = [_exc_type, _exc_value, _traceback].map(Clone::clone);
            let args = fallible::tuple(py, args)?;
            return replaced::call_stock(method, Some(slf), &args, None);
        }
        slf.call_method0(name!(py, "release")?)?;
        fired(PyBool::new(py, false).as_any())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.waiting.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.waiting.set(py, py.None());
    }
}

/// The method `run`. PyO3's own way to take any arguments would need memory, and panic where there is none.
pub struct Run;

impl FastMethod for Run {
    type Class = Primitive;
    const NAME: &'static CStr = c"run";
    const DOC: &'static CStr = c"run($self, f, /, *args, **kwargs)
--

Wait for the turn, call something, and give the turn on when the result is there.

Args:
    f: called with the other arguments. It may return a Deferred or a coroutine.

Returns:
    a Deferred of its result.";

    fn call<'py>(
        owner: &Bound<'py, Primitive>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let kwargs = arguments.keywords()?;
        let args = arguments.to_tuple()?;
        if replaced::any(py) {
            let method = name!(py, "_ConcurrencyPrimitive.run")?;
            return replaced::call_stock(method, Some(owner), &args, kwargs.as_ref());
        }
        let args = with_function(args, kwargs.as_ref())?;
        let acquired = owner.call_method0(name!(py, "acquire")?)?;
        let execute = Execute {
            primitive: owner.clone().unbind(),
            args: args.unbind(),
            kwargs: kwargs.map(Bound::unbind),
        };
        add_callback(&acquired, Bound::new(py, execute)?.as_any())
    }
}

/// The positional arguments of `run`, the first of which is the function. It may have been given by name.
fn with_function<'py>(
    args: Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let py = args.py();
    let name = name!(py, "f")?;
    let is_named = kwargs.map_or(Ok(false), |kwargs| kwargs.contains(name))?;
    match (args.is_empty(), kwargs) {
        (false, _) if !is_named => Ok(args),
        (true, Some(kwargs)) if is_named => {
            let f = kwargs.as_any().get_item(name)?;
            kwargs.del_item(name)?;
            fallible::tuple(py, [f])
        }
        (true, _) => Err(fallible::error::<PyTypeError>(
            py,
            "run() missing 1 required positional argument: 'f'",
        )),
        (false, _) => Err(fallible::error::<PyTypeError>(
            py,
            "run() got multiple values for argument 'f'",
        )),
    }
}

/// Called with the lock, it makes the call that has waited for it.
#[pyclass(frozen, module = "twisted.internet.defer", name = "execute")]
pub struct Execute {
    primitive: Py<Primitive>,
    /// The function, and its positional arguments.
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
}

#[pymethods]
impl Execute {
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        _acquired: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let args = self.args.bind(py);
        let kwargs = self.kwargs.as_ref().map(|kwargs| kwargs.bind(py));
        let deferred = if replaced::any(py) {
            replaced::look_up(py, name!(py, "maybeDeferred")?)?.call(args, kwargs)?
        } else {
            let rest = args.as_sequence().get_slice(1, args.len())?;
            let result = args.get_item(0)?.call(rest.cast_into::<PyTuple>()?, kwargs);
            defer::maybe(py, result)?
        };
        let release = self
            .primitive
            .bind(py)
            .getattr(name!(py, "_releaseAndReturn")?)?;
        add_both(&deferred, &release)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.primitive)?;
        visit.call(&self.args)?;
        visit.call(&self.kwargs)
    }
}
