//! `race`: the first result of several Deferreds.

use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyList, PyTuple},
};

use crate::{
    defer::{
        self, Callback, Called, Canceller, Deferred, DeferredParts, Method, Native,
        NativeCanceller, Side, as_deferred,
    },
    failure,
    interp::{Field, deeper, fallible, name},
    replaced,
    twisted::objects,
};

/// One race: the callbacks of its Deferreds, and the canceller of the Deferred that it fires.
#[pyclass(frozen, weakref, module = "twisted.internet.defer", name = "_Race")]
struct Race {
    result: Field<Option<Py<Deferred>>>,
    runners: Py<PyList>,
    has_winner: Field<bool>,
    /// Pairs of (index, failure).
    failures: Py<PyList>,
}

/// A race as the callback of one of its Deferreds.
static RUNNER: Native = Native {
    call: |race, index, result, failed| {
        let (py, index) = (race.py(), index as isize);
        let race = race.cast::<Race>().map_err(PyErr::from);
        let done = race.and_then(|race| {
            deeper(py, || match failed {
                true => race.get().failed(result, index),
                false => race.get().succeeded(result, index),
            })
        });
        Called::returned(py, done.map(|()| py.None().into_bound(py)))
    },
    show: |race, index| {
        let py = race.py();
        let place = fallible::tuple(py, [fallible::int(py, index)?])?;
        let succeeded = race.getattr(name!(py, "succeeded")?)?;
        let failed = race.getattr(name!(py, "failed")?)?;
        Ok([(succeeded, place.clone()), (failed, place)])
    },
};

/// A race as the canceller of the Deferred that it fires.
static CANCELLER: NativeCanceller = NativeCanceller {
    cancel: |race, deferred| race.cast::<Race>()?.get().cancel(deferred),
    show: |race| race.getattr(name!(race.py(), "cancel")?),
};

/// `runner.cancel()`.
fn cancel(runner: &Bound<'_, PyAny>) -> PyResult<()> {
    match as_deferred(runner) {
        Some(deferred) => deeper(runner.py(), || defer::call_cancel(deferred)),
        None => runner.call_method0(name!(runner.py(), "cancel")?).map(drop),
    }
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
            cancel(&runner)?;
        }
        let pair = fallible::tuple(py, [fallible::int(py, index)?, output.clone()])?;
        match self.result.clone_out(py) {
            Some(result) => defer::call_callback(result.bind(py), pair.into_any()),
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
            Some(result) => defer::call_errback(result.bind(py), Some(&group)),
            None => Ok(()),
        }
    }

    /// The race is called off.
    fn cancel(&self, result: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = result.py();
        for runner in self.runners.bind(py).iter() {
            cancel(&runner)?;
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
    let race = Race {
        result: Field::new(None),
        runners: fallible::to_list(ds)?.unbind(),
        has_winner: Field::new(false),
        failures: fallible::list(py)?.unbind(),
    };
    let race = Bound::new(py, race)?;
    let result = defer::unfired(py, None)?;
    let canceller = Canceller {
        target: race.as_any().clone(),
        native: Some(&CANCELLER),
    };
    result.get().canceller.set(py, Some(canceller));
    race.get().result.set(py, Some(result.clone().unbind()));
    // What can be iterated over once has nothing left here, as in Twisted.
    for (index, runner) in (0..).zip(ds.try_iter()?) {
        add_runner(&race, &runner?, index)?;
    }
    Ok(result.into_any())
}

fn add_runner<'py>(
    race: &Bound<'py, Race>,
    runner: &Bound<'py, PyAny>,
    index: u32,
) -> PyResult<()> {
    let py = race.py();
    if let Some(deferred) = as_deferred(runner)
        && !deferred.overrides(Method::AddCallbacks)
    {
        let callback = Callback::Native {
            side: Side::Both,
            index,
            native: &RUNNER,
            target: race.as_any().clone(),
        };
        return defer::add(deferred, callback);
    }
    let [(succeeded, place), (failed, _)] = (RUNNER.show)(race, index)?;
    let add = runner.getattr(name!(py, "addCallbacks")?)?;
    let keywords = fallible::dict(py)?;
    keywords.set_item(name!(py, "callbackArgs")?, &place)?;
    keywords.set_item(name!(py, "errbackArgs")?, place)?;
    add.call(fallible::tuple(py, [succeeded, failed])?, Some(&keywords))?;
    Ok(())
}
