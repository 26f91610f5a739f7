//! `race`: the first result of several Deferreds.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{
    deferred::Deferred,
    failure,
    python::{Maybe, Obj, enter_py},
    replaced,
    twisted::twisted,
};

/// One race: the callbacks of its Deferreds, and the canceller of the Deferred that it fires.
#[pyclass(weakref, module = "twisted.internet.defer", name = "_Race")]
struct Race {
    result: Option<Py<PyAny>>,
    runners: Py<PyList>,
    winner: Option<usize>,
    failures: Vec<(usize, Py<PyAny>)>,
}

#[pymethods]
impl Race {
    /// One has a result: the first ends the race, and the others are cancelled.
    fn succeeded(slf: &Bound<'_, Self>, output: &Bound<'_, PyAny>, index: usize) -> PyResult<()> {
        let py = slf.py();
        if slf.borrow().winner.is_some() {
            return Ok(());
        }
        slf.borrow_mut().winner = Some(index);
        let runners = slf.borrow().runners.bind(py).clone();
        let winner = runners.get_item(index)?;
        for runner in runners.iter().filter(|runner| !runner.is(&winner)) {
            runner.call_method0("cancel")?;
        }
        let result = slf
            .borrow()
            .result
            .as_ref()
            .map(|result| result.clone_ref(py));
        match result {
            Some(result) => result
                .call_method1(py, "callback", ((index, output),))
                .map(drop),
            None => Ok(()),
        }
    }

    /// One has failed: if all have, so has the race.
    fn failed(slf: &Bound<'_, Self>, failure: Py<PyAny>, index: usize) -> PyResult<()> {
        let py = slf.py();
        let count = slf.borrow().runners.bind(py).len();
        slf.borrow_mut().failures.push((index, failure));
        if slf.borrow().failures.len() != count {
            return Ok(());
        }
        let mut failures = std::mem::take(&mut slf.borrow_mut().failures);
        failures.sort_by_key(|(index, _)| *index);
        let failures = PyList::new(py, failures.into_iter().map(|(_, failure)| failure))?;
        let group = enter_py(py, || failure_group(&failures))?;
        let result = slf
            .borrow()
            .result
            .as_ref()
            .map(|result| result.clone_ref(py));
        match result {
            Some(result) => result.call_method1(py, "errback", (group,)).map(drop),
            None => Ok(()),
        }
    }

    /// The race is called off.
    fn cancel(slf: &Bound<'_, Self>, _result: &Bound<'_, PyAny>) -> PyResult<()> {
        let runners = slf.borrow().runners.bind(slf.py()).clone();
        for runner in runners.iter() {
            runner.call_method0("cancel")?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.result)?;
        visit.call(&self.runners)?;
        self.failures
            .iter()
            .try_for_each(|(_, failure)| visit.call(failure))
    }

    fn __clear__(&mut self) {
        self.result = None;
        self.failures.clear();
    }
}

/// The failure of a race that nobody has won.
fn failure_group(failures: &Bound<'_, PyList>) -> Maybe {
    let class = replaced::named("FailureGroup", &twisted().failure_group)?;
    let group = class.call(&[failures.as_ptr()])?;
    failure::from_value(&group)
}

/// Make a Deferred of the first result of several; the others are cancelled.
///
/// Args:
///     ds: the Deferreds.
///
/// Returns:
///     a Deferred of (index, result), for the thread that runs the reactor. It fails with FailureGroup if
///     they all fail. Cancelling it cancels them all.
#[pyfunction]
#[pyo3(signature = (ds))]
pub fn race<'py>(py: Python<'py>, ds: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if replaced::any() {
        return enter_py(py, || {
            let (own, arguments) = (std::ptr::null_mut(), [ds.as_ptr()]);
            // SAFETY: there is one argument, which is alive.
            unsafe { replaced::call("race", own, arguments.as_ptr(), 1, std::ptr::null_mut()) }
        });
    }
    let runners: Vec<Bound<'py, PyAny>> = ds.try_iter()?.collect::<PyResult<_>>()?;
    let race = Race {
        result: None,
        runners: PyList::new(py, &runners)?.unbind(),
        winner: None,
        failures: Vec::new(),
    };
    let race = Bound::new(py, race)?;
    let canceller = race.getattr("cancel")?;
    let result = enter_py(py, || {
        // SAFETY: the canceller is alive.
        let canceller = unsafe { Obj::borrowed(canceller.as_ptr()) };
        Deferred::unfired(Some(canceller)).map(Deferred::into_object)
    })?;
    race.borrow_mut().result = Some(result.clone().unbind());
    let (succeeded, failed) = (race.getattr("succeeded")?, race.getattr("failed")?);
    // What can be iterated over once has nothing left here, as in Twisted.
    for (index, runner) in ds.try_iter()?.enumerate() {
        let runner = runner?;
        let place = PyTuple::new(py, [index])?;
        let none = py.None();
        runner.call_method1(
            "addCallbacks",
            (&succeeded, &failed, &place, &none, &place, &none),
        )?;
    }
    Ok(result)
}
