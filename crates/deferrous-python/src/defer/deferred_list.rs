//! `DeferredList`: many Deferreds into one.

use std::iter;

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyAssertionError, PyTypeError},
    prelude::*,
    types::{PyBool, PyDict, PyList, PyTuple},
};

use super::{
    deferred::{Callback, Called, Deferred, Native, Object, Side},
    firing,
    kinds::{Kind, Method, as_deferred, classes, kind},
    making,
    parts::DeferredParts,
};
use crate::{
    failure,
    interp::{Field, Slot, deeper, fallible, name},
    replaced,
    twisted::objects,
};

/// A Deferred of the results of several.
///
///     >>> from twisted.internet.defer import DeferredList, fail, succeed
///     >>> both = [succeed("a"), fail(KeyError("b"))]
///     >>> for success, result in DeferredList(both, consumeErrors=True).result:
///     ...     print(success, result if success else result.value)
///     True a
///     False 'b'
///
/// Its result is a list of (success, result), one for each Deferred, when all have fired. The Deferreds
/// keep their own results, and go on with callbacks that are added to them later.
///
/// It belongs to the thread that runs the reactor, as every Deferred. Twisted has it by the same name.
///
/// Args:
///     deferredList: the Deferreds.
///     fireOnOneCallback: fire with (result, index) as soon as one of them has a result.
///     fireOnOneErrback: fail with FirstError as soon as one of them fails.
///     consumeErrors: leave the Deferreds that fail with None, so that nobody else has to handle that.
#[pyclass(frozen, subclass, extends = Deferred, module = "twisted.internet.defer")]
#[derive(Default)]
pub struct DeferredList {
    deferreds: Slot<Option<Object>>,
    results: Slot<Option<Object>>,
    fire_on_one_callback: Slot<Option<Object>>,
    fire_on_one_errback: Slot<Option<Object>>,
    consume_errors: Slot<Option<Object>>,
    finished: Field<isize>,
}

/// A member of a list as a callback of that member.
static MEMBER: Native = Native {
    call: |list, index, result, failed| {
        let list = list.cast::<DeferredList>().map_err(PyErr::from);
        let kept = list.and_then(|list| {
            deeper(list.py(), || {
                member_fired(list, result.clone(), index as isize, !failed)
            })
        });
        Called::returned(result.py(), kept)
    },
    show: |list, index| {
        let cb = list.getattr(name!(list.py(), "_cbDeferred")?)?;
        let [callback, errback] = arguments(list.py(), index as isize)?;
        Ok([(cb.clone(), callback), (cb, errback)])
    },
};

/// One of the parts that `__init__` sets.
fn required<'py>(py: Python<'py>, part: &Slot<Option<Object>>) -> PyResult<Bound<'py, PyAny>> {
    let message = "DeferredList.__init__() has not been called";
    part.clone_out(py)
        .ok_or_else(|| fallible::error::<PyTypeError>(py, message))
}

/// Whether a flag that `__init__` sets is on.
#[inline]
fn is_on(py: Python<'_>, part: &Slot<Option<Object>>) -> PyResult<bool> {
    let value = required(py, part)?;
    match value.cast_exact::<PyBool>() {
        Ok(flag) => Ok(flag.is_true()),
        Err(_) => value.is_truthy(),
    }
}

/// `len(parts)`
#[inline]
fn length(parts: &Bound<'_, PyAny>) -> PyResult<usize> {
    match parts.cast_exact::<PyList>() {
        Ok(parts) => Ok(parts.len()),
        Err(_) => parts.len(),
    }
}

/// A `bool`.
pub(super) fn flag(py: Python<'_>, on: bool) -> Bound<'_, PyAny> {
    on.into_pyobject(py)
        .map_or_else(|never| match never {}, |flag| flag.to_owned().into_any())
}

impl DeferredList {
    /// Sets what there is before `__init__` sets anything.
    fn set_nothing(&self, py: Python<'_>) -> PyResult<()> {
        self.deferreds.set(py, Some(fallible::list(py)?.into_any()));
        self.results.set(py, Some(fallible::list(py)?.into_any()));
        self.set_flags(py, [false, false, false].map(|on| flag(py, on)));
        Ok(())
    }

    /// Sets `fireOnOneCallback`, `fireOnOneErrback` and `consumeErrors`: nothing has fired yet.
    fn set_flags<'py>(&self, py: Python<'py>, flags: [Bound<'py, PyAny>; 3]) {
        let [on_callback, on_errback, consume] = flags;
        self.finished.set(py, 0);
        let before = (
            self.fire_on_one_callback.replace(py, Some(on_callback)),
            self.fire_on_one_errback.replace(py, Some(on_errback)),
            self.consume_errors.replace(py, Some(consume)),
        );
        drop(before);
    }

    /// Sets an attribute that `__init__` has set before.
    fn set_part<'py>(part: &Slot<Option<Object>>, value: Bound<'py, PyAny>) -> PyResult<()> {
        let py = value.py();
        required(py, part)?;
        part.set(py, Some(value));
        Ok(())
    }
}

/// What `__init__` does.
pub(super) fn initialise<'py>(
    list: &Bound<'py, DeferredList>,
    deferreds: &Bound<'py, PyAny>,
    flags: [Bound<'py, PyAny>; 3],
) -> PyResult<()> {
    // The order of Twisted's `__init__`: dropping the old parts may run user code, which may replace the new ones.
    let (py, parts) = (list.py(), list.get());
    let deferreds = fallible::to_list(deferreds)?;
    parts.deferreds.set(py, Some(deferreds.into_any()));
    let nothing = iter::repeat_n(
        py.None().into_bound(py),
        length(&required(py, &parts.deferreds)?)?,
    );
    let results = fallible::list_filled(py, nothing.len(), nothing)?;
    parts.results.set(py, results.map(Bound::into_any));
    if making::is_original(py) {
        making::initialise(list.as_super(), None)?;
    } else {
        let deferred = classes(py).deferred.bind(py);
        deferred.call_method1(name!(py, "__init__")?, (list,))?;
    }
    if length(&required(py, &parts.deferreds)?)? == 0 && !flags[0].is_truthy()? {
        firing::call_callback(list.as_super(), fallible::list(py)?.into_any())?;
    }
    parts.set_flags(py, flags);
    let by_method = list.as_super().overrides(Method::CbDeferred);
    add_members(list, by_method)
}

fn add_members(list: &Bound<'_, DeferredList>, by_method: bool) -> PyResult<()> {
    let deferreds = required(list.py(), &list.get().deferreds)?;
    let Ok(members) = deferreds.cast_exact::<PyList>() else {
        // Programs may have put anything in its place.
        for (at, member) in (0..).zip(deferreds.try_iter()?) {
            add_member(list, &member?, at, by_method)?;
        }
        return Ok(());
    };
    let mut at = 0;
    // The list may grow meanwhile: as in a loop of Python, the new members come at the end.
    while at < members.len() {
        for member in members.iter().skip(at) {
            add_member(list, &member, at.cast_signed(), by_method)?;
            at += 1;
        }
    }
    Ok(())
}

fn add_member<'py>(
    list: &Bound<'py, DeferredList>,
    member: &Bound<'py, PyAny>,
    at: isize,
    by_method: bool,
) -> PyResult<()> {
    let py = list.py();
    if !by_method
        && let Ok(index) = u32::try_from(at)
        && let Some(deferred) = as_deferred(member)
        && !deferred.overrides(Method::AddCallbacks)
    {
        let callback = Callback::Native {
            side: Side::Both,
            index,
            native: &MEMBER,
            target: list.as_any().clone(),
        };
        return firing::add(deferred, callback);
    }
    let [callback, errback] = arguments(py, at)?;
    let add = member.getattr(name!(py, "addCallbacks")?)?;
    let cb = list.getattr(name!(py, "_cbDeferred")?)?;
    let keywords = fallible::dict(py)?;
    keywords.set_item(name!(py, "callbackArgs")?, callback)?;
    keywords.set_item(name!(py, "errbackArgs")?, errback)?;
    add.call((&cb, &cb), Some(&keywords))?;
    Ok(())
}

/// The arguments of the two sides.
fn arguments(py: Python<'_>, at: isize) -> PyResult<[Bound<'_, PyTuple>; 2]> {
    let index = fallible::int(py, at)?;
    let side = |on| fallible::tuple(py, [index.clone(), flag(py, on)]);
    Ok([side(true)?, side(false)?])
}

/// One of the Deferreds has fired: returns what it is left with.
fn member_fired<'py>(
    list: &Bound<'py, DeferredList>,
    result: Bound<'py, PyAny>,
    at: isize,
    succeeded: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, parts) = (list.py(), list.get());
    let pair = fallible::tuple(py, [flag(py, succeeded), result.clone()])?;
    let results = required(py, &parts.results)?;
    match (results.cast_exact::<PyList>(), usize::try_from(at)) {
        (Ok(results), Ok(at)) => results.set_item(at, &pair)?,
        _ => results.set_item(fallible::int(py, at)?, &pair)?,
    }
    // Each of the parts is read when it counts, as what runs before that may change it.
    parts.finished.set(py, parts.finished.get(py) + 1);
    if !list.as_super().get().called.get(py) {
        if succeeded && is_on(py, &parts.fire_on_one_callback)? {
            let first = fallible::tuple(py, [result.clone(), fallible::int(py, at)?])?;
            firing::call_callback(list.as_super(), first.into_any())?;
        } else if !succeeded && is_on(py, &parts.fire_on_one_errback)? {
            fail_first(list, &result, at)?;
        } else {
            let finished = parts.finished.get(py);
            let count = length(&required(py, &parts.results)?)?;
            if finished == count.cast_signed() {
                firing::call_callback(list.as_super(), required(py, &parts.results)?)?;
            }
        }
    }
    if !succeeded && is_on(py, &parts.consume_errors)? {
        return Ok(py.None().into_bound(py));
    }
    Ok(result)
}

fn fail_first<'py>(
    list: &Bound<'py, DeferredList>,
    result: &Bound<'py, PyAny>,
    at: isize,
) -> PyResult<()> {
    let py = list.py();
    if kind(result) != Kind::Failure {
        return Err(PyAssertionError::new_err(()));
    }
    let class = replaced::current(py, name!(py, "FirstError")?, &objects(py).first_error)?;
    let error = class.call1((result, fallible::int(py, at)?))?;
    let failure = failure::failure_of(&error)?;
    firing::call_errback(list.as_super(), Some(&failure))
}

/// Logs what a canceller has raised.
#[cold]
fn report_canceller(py: Python<'_>, error: PyErr) -> PyResult<()> {
    let exception = failure::exception_of(py, error);
    failure::add_frames(&exception, failure::Place::CancelList);
    failure::while_handling(&exception, || {
        let log = replaced::current(py, name!(py, "log")?, &objects(py).log)?;
        let text = name!(py, "Exception raised from user supplied canceller")?;
        log.call_method1(name!(py, "failure")?, (text,))
    })?;
    Ok(())
}

#[pymethods]
impl DeferredList {
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(deferredList, fireOnOneCallback=False, fireOnOneErrback=False, consumeErrors=False)"
    )]
    fn new(
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Deferred::unfired(None)).add_subclass(Self::default())
    }

    #[pyo3(signature = (deferredList, fireOnOneCallback=None, fireOnOneErrback=None, consumeErrors=None))]
    #[allow(non_snake_case, reason = "the names of keyword arguments")]
    fn __init__<'py>(
        slf: &Bound<'py, Self>,
        deferredList: Bound<'py, PyAny>,
        fireOnOneCallback: Option<Bound<'py, PyAny>>,
        fireOnOneErrback: Option<Bound<'py, PyAny>>,
        consumeErrors: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        let py = slf.py();
        let flags = [fireOnOneCallback, fireOnOneErrback, consumeErrors]
            .map(|given| given.unwrap_or_else(|| flag(py, false)));
        if replaced::any(py) {
            // Twisted's function sets these one by one.
            slf.get().set_nothing(py)?;
            let [on_callback, on_errback, consume] = flags;
            let given = [deferredList, on_callback, on_errback, consume];
            let (name, given) = (
                name!(py, "DeferredList.__init__")?,
                fallible::tuple(py, given)?,
            );
            return replaced::call_stock(name, Some(slf), &given, None).map(drop);
        }
        initialise(slf, &deferredList, flags)
    }

    /// One of the Deferreds has fired.
    #[pyo3(name = "_cbDeferred")]
    fn cb_deferred<'py>(
        slf: &Bound<'py, Self>,
        result: Bound<'py, PyAny>,
        index: Bound<'py, PyAny>,
        succeeded: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if replaced::any(slf.py()) {
            let (py, given) = (slf.py(), [result, index, succeeded]);
            let (name, given) = (
                name!(py, "DeferredList._cbDeferred")?,
                fallible::tuple(py, given)?,
            );
            return replaced::call_stock(name, Some(slf), &given, None);
        }
        member_fired(slf, result, index.extract()?, succeeded.is_truthy()?)
    }

    /// Cancel every Deferred of the list, unless the list has fired.
    ///
    /// What a canceller raises is logged.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        if replaced::any(py) {
            let name = name!(py, "DeferredList.cancel")?;
            let none = fallible::tuple(py, [])?;
            return replaced::call_stock(name, Some(slf), &none, None).map(drop);
        }
        if slf.as_super().get().called.get(py) {
            return Ok(());
        }
        for member in required(py, &slf.get().deferreds)?.try_iter()? {
            let (member, name) = (member?, name!(py, "cancel")?);
            // A program may make a circle of lists and of Deferreds that wait for them.
            if let Err(error) = deeper(py, || member.call_method0(name)) {
                report_canceller(py, error)?;
            }
        }
        Ok(())
    }

    /// The Deferreds.
    #[getter(_deferredList)]
    fn get_deferreds<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        shown(py, &self.deferreds)
    }

    #[setter(_deferredList)]
    fn set_deferreds(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        Self::set_part(&self.deferreds, value)
    }

    /// The results so far: None, or (success, result).
    #[getter(resultList)]
    fn get_results<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        shown(py, &self.results)
    }

    #[setter(resultList)]
    fn set_results(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        Self::set_part(&self.results, value)
    }

    /// Whether the first result fires the list.
    #[getter(fireOnOneCallback)]
    fn get_fire_on_one_callback<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        shown(py, &self.fire_on_one_callback)
    }

    #[setter(fireOnOneCallback)]
    fn set_fire_on_one_callback(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        Self::set_part(&self.fire_on_one_callback, value)
    }

    /// Whether the first failure fires the list.
    #[getter(fireOnOneErrback)]
    fn get_fire_on_one_errback<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        shown(py, &self.fire_on_one_errback)
    }

    #[setter(fireOnOneErrback)]
    fn set_fire_on_one_errback(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        Self::set_part(&self.fire_on_one_errback, value)
    }

    /// Whether the Deferreds are left without their failures.
    #[getter(consumeErrors)]
    fn get_consume_errors<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        shown(py, &self.consume_errors)
    }

    #[setter(consumeErrors)]
    fn set_consume_errors(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        Self::set_part(&self.consume_errors, value)
    }

    /// How many Deferreds have fired.
    #[getter(finishedCount)]
    fn get_finished<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::int(py, self.finished.get(py))
    }

    #[setter(finishedCount)]
    fn set_finished(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.finished.set(value.py(), value.extract()?);
        Ok(())
    }

    #[deleter(finishedCount)]
    fn delete_finished(&self, py: Python<'_>) {
        self.finished.set(py, 0);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for part in self.parts() {
            part.traverse(&visit)?;
        }
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        drop(self.parts().map(|part| part.take(py)));
    }
}

impl DeferredList {
    const fn parts(&self) -> [&Slot<Option<Object>>; 5] {
        [
            &self.deferreds,
            &self.results,
            &self.fire_on_one_callback,
            &self.fire_on_one_errback,
            &self.consume_errors,
        ]
    }
}

/// A part as programs see it: before `__init__`, there is what Twisted's class has.
fn shown<'py>(py: Python<'py>, part: &Slot<Option<Object>>) -> Bound<'py, PyAny> {
    part.clone_out(py).unwrap_or_else(|| flag(py, false))
}
