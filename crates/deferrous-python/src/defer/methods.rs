//! The class `Deferred` as programs see it: its methods and attributes, those with an underscore included, since other
//! code reads and sets them.

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::PyTypeError,
    prelude::*,
    types::{PyAny, PyDict, PyGenericAlias, PyList, PyMapping, PyString, PyTuple, PyType},
};

use super::{
    attributes, awaiting, callback_queue, cancel, debug_info,
    deferred::{Canceller, Deferred},
    firing, inline_callbacks,
    kinds::{as_deferred, classes},
    making,
    parts::DeferredParts,
    run_callbacks,
};
use crate::{
    interp::{Awaitable, fallible, name},
    replaced,
};

/// Calls the function of Twisted that a method stands for.
#[cold]
fn call_stock<'py, const N: usize>(
    name: &str,
    deferred: &Bound<'py, Deferred>,
    arguments: [Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyAny>> {
    let py = deferred.py();
    let arguments = fallible::tuple(py, arguments)?;
    replaced::call_stock(&fallible::text(py, name)?, Some(deferred), &arguments, None)
}

/// What is not `None`.
fn given<'py>(value: Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    (!value.is_none()).then_some(value)
}

impl Awaitable for Deferred {
    #[inline(always)]
    fn iterate<'py>(this: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if replaced::any(this.py()) {
            return call_stock("Deferred.__iter__", this, []);
        }
        awaiting::iterate(this)
    }
}

#[pymethods]
impl Deferred {
    /// Leaves the arguments to `__init__`, which a subclass may have another of.
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(canceller=None)")]
    fn new(
        class: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        making::new(class)
    }

    #[pyo3(signature = (canceller=None))]
    fn __init__<'py>(slf: &Bound<'py, Self>, canceller: Option<Bound<'py, PyAny>>) -> PyResult<()> {
        making::init(slf, canceller)
    }

    /// Add a callback and an errback, one of which is called.
    ///
    /// Unlike with `addCallback` followed by `addErrback`, the errback does not see what the callback
    /// raises.
    ///
    ///     >>> from twisted.internet.defer import fail
    ///     >>> d = fail(KeyError("name"))
    ///     >>> d.addCallbacks(print, lambda failure, text: print(text, failure.value), errbackArgs=["no"])
    ///     no 'name'
    ///     <Deferred at 0x... current result: None>
    ///
    /// Args:
    ///     callback: called with a result that is no failure.
    ///     errback: called with a Failure; None to let it pass by.
    ///     callbackArgs: further positional arguments for the callback.
    ///     callbackKeywords: keyword arguments for the callback.
    ///     errbackArgs: further positional arguments for the errback.
    ///     errbackKeywords: keyword arguments for the errback.
    ///
    /// Returns:
    ///     the Deferred itself.
    #[pyo3(
        name = "addCallbacks",
        signature = (
            callback, errback=None, callbackArgs=None, callbackKeywords=None, errbackArgs=None, errbackKeywords=None
        ),
        text_signature = "($self, callback, errback=None, callbackArgs=(), callbackKeywords={}, errbackArgs=(), errbackKeywords={})"
    )]
    #[allow(non_snake_case, reason = "the names of keyword arguments")]
    #[allow(clippy::too_many_arguments, reason = "Twisted has as many")]
    fn add_callbacks<'py>(
        slf: Bound<'py, Self>,
        callback: Bound<'py, PyAny>,
        errback: Option<Bound<'py, PyAny>>,
        callbackArgs: Option<Bound<'py, PyAny>>,
        callbackKeywords: Option<Bound<'py, PyAny>>,
        errbackArgs: Option<Bound<'py, PyAny>>,
        errbackKeywords: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let callback_rest = (callbackArgs, callbackKeywords);
        let errback_rest = (errbackArgs, errbackKeywords);
        super::adding::add_callbacks(slf, callback, callback_rest, errback, errback_rest)
    }

    /// Give up what the Deferred stands for. The function of Python by this name calls it, which has a frame then.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        if replaced::any(slf.py()) {
            return call_stock("Deferred.cancel", slf, []).map(drop);
        }
        cancel::cancel(slf, true)
    }

    /// Run a coroutine that awaits Deferreds, until it first waits.
    ///
    /// Args:
    ///     coro: the coroutine, or a generator that yields Deferreds.
    ///
    /// Returns:
    ///     a Deferred of what the coroutine returns or raises. Cancelling it cancels what the coroutine
    ///     waits for.
    ///
    /// Raises:
    ///     NotACoroutineError: it is something else.
    #[classmethod]
    #[pyo3(name = "fromCoroutine")]
    fn from_coroutine<'py>(
        cls: &Bound<'py, PyType>,
        coro: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = cls.py();
        if replaced::any(py) {
            let name = name!(py, "Deferred.fromCoroutine")?;
            let arguments = fallible::tuple(py, [coro])?;
            return replaced::call_stock(name, Some(cls), &arguments, None);
        }
        inline_callbacks::from_coroutine(coro).map(Bound::into_any)
    }

    /// Note a new class of Deferreds. Keywords are ignored.
    #[classmethod]
    #[pyo3(signature = (**_kwargs), text_signature = "($type, **kwargs)")]
    fn __init_subclass__<'py>(
        cls: &Bound<'py, PyType>,
        _kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = cls.py();
        let name = name!(py, "_DEFERRED_SUBCLASSES")?;
        let subclasses = replaced::current(py, name, &classes(py).subclasses)?;
        subclasses.call_method1(name!(py, "append")?, (cls,))
    }

    /// The class with the type of its result, for annotations.
    #[classmethod]
    #[pyo3(signature = (item, /))]
    fn __class_getitem__<'py>(
        cls: &Bound<'py, PyType>,
        item: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyGenericAlias>> {
        PyGenericAlias::new(cls.py(), cls, item)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::iterate(slf)
    }

    fn __await__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::iterate(slf)
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        attributes::show(slf)
    }

    fn __str__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        attributes::show(slf)
    }

    /// For pickle. Its older protocols know nothing of `__getstate__` of classes that are not made in Python.
    fn __reduce_ex__<'py>(
        slf: &Bound<'py, Self>,
        _protocol: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let object = slf.py().get_type::<PyAny>();
        object.call_method1(name!(slf.py(), "__reduce_ex__")?, (slf, 2))
    }

    /// The attributes, as a dict.
    fn __getstate__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        attributes::as_dict(slf)
    }

    /// Set attributes from a dict.
    fn __setstate__<'py>(slf: &Bound<'py, Self>, state: &Bound<'py, PyMapping>) -> PyResult<()> {
        // A tuple, since a program could find a list by the collector, and change it while attributes are set.
        let items = fallible::to_tuple(state.items()?.as_any())?;
        for pair in items.as_slice() {
            let name = pair.get_item(0)?;
            let Ok(name) = name.cast::<PyString>() else {
                let message = "the name of an attribute is a str";
                return Err(fallible::error::<PyTypeError>(slf.py(), message));
            };
            slf.setattr(name, pair.get_item(1)?)?;
        }
        Ok(())
    }

    /// What callback and errback end in.
    #[pyo3(name = "_startRunCallbacks")]
    fn start_run_callbacks<'py>(slf: &Bound<'py, Self>, result: Bound<'py, PyAny>) -> PyResult<()> {
        if replaced::any(slf.py()) {
            return call_stock("Deferred._startRunCallbacks", slf, [result]).map(drop);
        }
        firing::start(slf, result, 1)
    }

    /// Run the callbacks that may run.
    #[pyo3(name = "_runCallbacks")]
    fn run_callbacks(slf: &Bound<'_, Self>) -> PyResult<()> {
        if replaced::any(slf.py()) {
            return call_stock("Deferred._runCallbacks", slf, []).map(drop);
        }
        run_callbacks::run_callbacks(slf)
    }

    /// The entry that a Deferred which is waited for keeps.
    #[pyo3(name = "_continuation")]
    fn continuation<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if replaced::any(slf.py()) {
            return call_stock("Deferred._continuation", slf, []);
        }
        callback_queue::continuation(slf)
    }

    /// Whether the Deferred was fired or cancelled.
    #[getter]
    fn get_called(&self, py: Python<'_>) -> bool {
        self.called.get(py)
    }

    #[setter]
    fn set_called(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.called.set(value.py(), value.is_truthy()?);
        Ok(())
    }

    #[deleter]
    fn delete_called(&self, py: Python<'_>) {
        self.called.set(py, false);
    }

    /// How often the Deferred was paused and not unpaused; waiting counts as once.
    #[getter]
    fn get_paused<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::int(py, self.paused.get(py) as isize)
    }

    #[setter]
    fn set_paused(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.paused.set(value.py(), value.extract()?);
        Ok(())
    }

    #[deleter]
    fn delete_paused(&self, py: Python<'_>) {
        self.paused.set(py, 0);
    }

    /// The result as it stands; absent until the Deferred is fired.
    #[getter]
    fn get_result<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.required_result()
    }

    #[setter]
    fn set_result<'py>(slf: &Bound<'py, Self>, value: Bound<'py, PyAny>) {
        DeferredParts::set_result(slf, value);
    }

    #[deleter]
    fn delete_result(slf: &Bound<'_, Self>) -> PyResult<()> {
        match slf.get().result.take(slf.py()) {
            Some(_) => Ok(()),
            None => Err(attributes::nothing_to_delete(slf, "result")),
        }
    }

    /// The callbacks that have not run yet, as pairs of (callable, args, kwargs).
    #[getter(_callbacks)]
    fn get_callbacks<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        callback_queue::as_list(slf)
    }

    #[setter(_callbacks)]
    fn set_callbacks<'py>(slf: &Bound<'py, Self>, value: Bound<'py, PyAny>) -> PyResult<()> {
        let list = value.cast_into::<PyList>();
        let list = list.map_err(|_| {
            fallible::error::<PyTypeError>(slf.py(), "Deferred._callbacks must be a list")
        })?;
        callback_queue::set_list(slf, list);
        Ok(())
    }

    #[deleter(_callbacks)]
    fn delete_callbacks(&self, py: Python<'_>) -> PyResult<()> {
        Err(fallible::error::<PyTypeError>(
            py,
            "Deferred._callbacks cannot be deleted",
        ))
    }

    /// What cancel() calls.
    #[getter(_canceller)]
    fn get_canceller<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.canceller
            .clone_out(py)
            .map(Canceller::show)
            .transpose()
    }

    #[setter(_canceller)]
    fn set_canceller<'py>(&self, py: Python<'py>, value: Bound<'py, PyAny>) {
        self.canceller
            .set(py, given(value).map(Canceller::callable));
    }

    #[deleter(_canceller)]
    fn delete_canceller(&self, py: Python<'_>) {
        self.canceller.set(py, None);
    }

    /// The Deferred that this one waits for.
    #[getter(_chainedTo)]
    fn get_chained_to<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Self>> {
        self.chained_to.clone_out(py)
    }

    #[setter(_chainedTo)]
    fn set_chained_to<'py>(&self, py: Python<'py>, value: Bound<'py, PyAny>) -> PyResult<()> {
        let upstream = match as_deferred(&value) {
            Some(deferred) => Some(deferred.clone()),
            None if value.is_none() => None,
            None => {
                let text = "Deferred._chainedTo must be a Deferred or None";
                return Err(fallible::error::<PyTypeError>(py, text));
            }
        };
        self.chained_to.set(py, upstream);
        Ok(())
    }

    #[deleter(_chainedTo)]
    fn delete_chained_to(&self, py: Python<'_>) {
        self.chained_to.set(py, None);
    }

    /// Who made and fired the Deferred, and a failure that nobody has handled.
    #[getter(_debugInfo)]
    fn get_debug_info<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        debug_info::show(slf)
    }

    #[setter(_debugInfo)]
    fn set_debug_info<'py>(slf: &Bound<'py, Self>, value: Bound<'py, PyAny>) -> PyResult<()> {
        debug_info::replace(slf, given(value))
    }

    #[deleter(_debugInfo)]
    fn delete_debug_info(slf: &Bound<'_, Self>) -> PyResult<()> {
        debug_info::replace(slf, None)
    }

    /// Whether a callback is running.
    #[getter(_runningCallbacks)]
    fn get_running(&self, py: Python<'_>) -> bool {
        self.running_callbacks.get(py)
    }

    #[setter(_runningCallbacks)]
    fn set_running(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.running_callbacks.set(value.py(), value.is_truthy()?);
        Ok(())
    }

    #[deleter(_runningCallbacks)]
    fn delete_running(&self, py: Python<'_>) {
        self.running_callbacks.set(py, false);
    }

    /// Whether the next firing is ignored, since the Deferred was cancelled.
    #[getter(_suppressAlreadyCalled)]
    fn get_suppress(&self, py: Python<'_>) -> bool {
        self.suppress_already_called.get(py)
    }

    #[setter(_suppressAlreadyCalled)]
    fn set_suppress(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.suppress_already_called
            .set(value.py(), value.is_truthy()?);
        Ok(())
    }

    #[deleter(_suppressAlreadyCalled)]
    fn delete_suppress(&self, py: Python<'_>) {
        self.suppress_already_called.set(py, false);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for part in [&self.debug_info, &self.unhandled, &self.result] {
            part.traverse(&visit)?;
        }
        self.listed.traverse(&visit)?;
        self.chained_to.traverse(&visit)?;
        self.canceller.traverse(&visit)?;
        self.record.traverse(&visit)?;
        self.callbacks.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        let information = (self.debug_info.take(py), self.unhandled.take(py));
        let rest = (
            self.result.take(py),
            self.canceller.take(py),
            self.chained_to.take(py),
            self.listed.take(py),
            self.callbacks.take(py),
        );
        drop((information, rest));
    }
}
