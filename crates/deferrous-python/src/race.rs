//! `race`: the first result of several Deferreds.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{
    defer, failure,
    interp::{Field, fallible, name},
    replaced,
    twisted::objects,
};

/// One race: the callbacks of its Deferreds, and the canceller of the Deferred that it fires.
#[pyclass(frozen, weakref, module = "twisted.internet.defer", name = "_Race")]
struct Race {
    result: Field<Option<Py<PyAny>>>,
    runners: Py<PyList>,
    has_winner: Field<bool>,
    /// Pairs of (index, failure).
    failures: Py<PyList>,
}

#[pymethods]
impl Race {
    /// One has a result: the first ends the race, and the others are cancelled.
    fn succeeded(&self, output: &Bound<'_, PyAny>, index: isize) -> PyResult<()> {
        let py = output.py();
        if self.has_winner.replace(py, true) {
            return Ok(());
        }
        let runners = self.runners.bind(py);
        let winner = runners.get_item(index.unsigned_abs())?;
        for runner in runners.iter().filter(|runner| !runner.is(&winner)) {
            runner.call_method0(name!(py, "cancel")?)?;
        }
        let pair = fallible::tuple(py, [fallible::int(py, index)?, output.clone()])?;
        match self.result.clone_out(py) {
            Some(result) => result
                .call_method1(py, name!(py, "callback")?, (pair,))
                .map(drop),
            None => Ok(()),
        }
    }

    /// One has failed: if all have, so has the race.
    fn failed(&self, failure: &Bound<'_, PyAny>, index: isize) -> PyResult<()> {
        let py = failure.py();
        let failures = self.failures.bind(py);
        failures.append(fallible::tuple(
            py,
            [fallible::int(py, index)?, failure.clone()],
        )?)?;
        if failures.len() != self.runners.bind(py).len() {
            return Ok(());
        }
        let mut in_order: Vec<(isize, Bound<'_, PyAny>)> = failures.extract()?;
        in_order.sort_by_key(|(index, _)| *index);
        let ordered = fallible::list(py)?;
        for (_, failure) in in_order {
            ordered.append(failure)?;
        }
        let group = failure_group(&ordered)?;
        match self.result.clone_out(py) {
            Some(result) => result
                .call_method1(py, name!(py, "errback")?, (group,))
                .map(drop),
            None => Ok(()),
        }
    }

    /// The race is called off.
    fn cancel(&self, result: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = result.py();
        for runner in self.runners.bind(py).iter() {
            runner.call_method0(name!(py, "cancel")?)?;
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.result.traverse(&visit)?;
        visit.call(&self.runners)?;
        visit.call(&self.failures)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.result.set(py, None);
    }
}

/// The failure of a race that nobody has won.
fn failure_group<'py>(failures: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyAny>> {
    let py = failures.py();
    let class = replaced::current(py, name!(py, "FailureGroup")?, &objects(py).failure_group)?;
    failure::failure_of(&class.call1((failures,))?)
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
    if replaced::any(py) {
        let arguments: Bound<'_, PyTuple> = fallible::tuple(py, [ds.clone()])?;
        return replaced::call_stock(name!(py, "race")?, None, &arguments, None);
    }
    let runners = fallible::list(py)?;
    for runner in ds.try_iter()? {
        runners.append(runner?)?;
    }
    let race = Race {
        result: Field::new(None),
        runners: runners.unbind(),
        has_winner: Field::new(false),
        failures: fallible::list(py)?.unbind(),
    };
    let race = Bound::new(py, race)?;
    let canceller = race.getattr(name!(py, "cancel")?)?;
    let result = defer::unfired(py, Some(canceller))?.into_any();
    race.get().result.set(py, Some(result.clone().unbind()));
    let succeeded = race.getattr(name!(py, "succeeded")?)?;
    let failed = race.getattr(name!(py, "failed")?)?;
    // What can be iterated over once has nothing left here, as in Twisted.
    for (index, runner) in (0..).zip(ds.try_iter()?) {
        let runner = runner?;
        let place = fallible::tuple(py, [fallible::int(py, index)?])?;
        let none = py.None();
        runner.call_method1(
            name!(py, "addCallbacks")?,
            (&succeeded, &failed, &place, &none, &place, &none),
        )?;
    }
    Ok(result)
}
