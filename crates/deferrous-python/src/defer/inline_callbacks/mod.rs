//! What runs generators and coroutines over Deferreds: `inlineCallbacks`, `ensureDeferred` and
//! `Deferred.fromCoroutine`.
//!
//! A driver sends the result of each Deferred into the generator that waits for it. It is a callback of
//! the one that is waited for, and of nothing else: a generator ends with what it waits for.

mod status;

use pyo3::{
    PyTraverseError, PyVisit,
    exceptions::{PyBaseException, PyStopIteration},
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyString, PyTuple},
};

pub use self::status::Status;
use self::status::ended;
use super::{
    debug_info,
    deferred::{Callback, Called, Deferred, Native, Object, Side},
    firing,
    kinds::{Kind, Method, as_deferred, kind},
    making,
    parts::DeferredParts,
    run_callbacks::{is_fired_plainly, is_idle},
};
use crate::{
    failure::{self, Place},
    interp::{
        Field, Life, Memory, Record, Sent, Slot, check_stack, copy_context, deeper_as_python,
        fallible, forget, is_generator, is_native_coroutine, make, name, raised, run_in_context,
        send,
    },
    replaced, return_value,
    twisted::objects,
};

/// What drives a generator.
#[pyclass(frozen, name = "_Driver", module = "twisted.internet.defer")]
pub struct Driver {
    generator: Slot<Option<Object>>,
    context: Slot<Option<Object>>,
    /// What is needed to cancel it.
    status: Slot<Option<Bound<'static, Status>>>,
    /// A callback is being added: a result that comes before that has returned is put into `early`.
    is_adding: Field<bool>,
    early: Slot<Option<Object>>,
}

static MEMORY: Memory = Memory::new();

impl Life for Driver {
    type Last = Object;

    fn memory() -> &'static Memory {
        &MEMORY
    }
}

/// The driver as a callback of the Deferred that is waited for.
static RESUME: Native = Native {
    call: |driver, _, result, _| {
        let resumed = driver.cast().map_err(PyErr::from);
        match resumed.and_then(|driver| resume(driver, result)) {
            Ok(Some(end)) => end.fire_as_callback(),
            Ok(None) => {
                Called::returned(driver.py(), Ok(driver.py().None().into_bound(driver.py())))
            }
            Err(error) => Called::returned(driver.py(), Err(error)),
        }
    },
    show: |driver, _| {
        let resume = driver.getattr(name!(driver.py(), "resume")?)?;
        let both = (resume, PyTuple::empty(driver.py()));
        Ok([both.clone(), both])
    },
};

#[pymethods]
impl Driver {
    /// Go on with the result of what was waited for.
    #[pyo3(signature = (result, /))]
    fn resume<'py>(slf: &Bound<'py, Self>, result: &Bound<'py, PyAny>) -> PyResult<()> {
        match resume(slf, result)? {
            Some(end) => end.fire(),
            None => Ok(()),
        }
    }

    /// The generator or coroutine; gone when the collector has ended it.
    #[getter]
    fn generator<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.generator.clone_out(py)
    }

    /// What cancelling needs to know: which Deferred gets the result, and which one is waited for.
    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> Option<Bound<'py, Status>> {
        self.status.clone_out(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for part in [&self.generator, &self.context, &self.early] {
            part.traverse(&visit)?;
        }
        self.status.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        let parts = [&self.generator, &self.context, &self.early].map(|part| part.take(py));
        drop((parts, self.status.take(py)));
    }
}

/// Runs `generator` until it waits or ends; Twisted's `_cancellableInlineCallbacks`.
pub fn start(generator: Bound<'_, PyAny>) -> PyResult<Bound<'_, Deferred>> {
    let py = generator.py();
    let deferred = making::unfired(py, None)?;
    if Record::are_kept() && is_generator(&generator) {
        // What runs is the decorator, and not a function of the program.
        let code = generator.getattr(name!(py, "gi_code")?)?;
        deferred.get().record.note_code(code);
    }
    let status = Status::make(&deferred)?;
    let context = copy_context(py)?;
    let driver = make(py, || Driver {
        generator: Slot::new(Some(generator)),
        context: Slot::new(Some(context)),
        status: Slot::new(Some(status)),
        is_adding: Field::new(false),
        early: Slot::new(None),
    })?;
    if let Some(end) = drive(&driver, py.None().into_bound(py))? {
        end.fire()?;
    }
    Ok(deferred)
}

/// Twisted's `Deferred.fromCoroutine`.
pub fn from_coroutine(coro: Bound<'_, PyAny>) -> PyResult<Bound<'_, Deferred>> {
    if is_generator(&coro) || is_coroutine(&coro)? {
        return start(coro);
    }
    let class = objects(coro.py()).not_a_coroutine.bind(coro.py());
    let text = fallible::text_around("", &coro.repr()?, " is not a coroutine")?;
    Err(raised(class, &text))
}

#[inline]
fn is_coroutine(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if is_native_coroutine(object) {
        return Ok(true);
    }
    // asyncio need not be asked of what programs yield most.
    if object.is_none()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyBytes>()
        || object.is_exact_instance_of::<PyList>()
        || object.is_exact_instance_of::<PyTuple>()
        || object.is_exact_instance_of::<PyDict>()
    {
        return Ok(false);
    }
    let is_coroutine = objects(object.py()).is_coroutine.bind(object.py());
    is_coroutine.call1((object,))?.is_truthy()
}

fn throw<'py>(generator: &Bound<'py, PyAny>, failure: &Bound<'py, PyAny>) -> PyResult<Sent<'py>> {
    let py = generator.py();
    let name = name!(py, "throwExceptionIntoGenerator")?;
    let thrown = match failure::exception_in(failure, name) {
        Some(exception) => generator.call_method1(name!(py, "throw")?, (exception,)),
        None => failure.call_method1(name, (generator,)),
    };
    match thrown {
        Ok(yielded) => Ok(Sent::Yielded(yielded)),
        Err(error) if error.is_instance_of::<PyStopIteration>(py) => {
            let value = name!(py, "value").and_then(|name| error.value(py).getattr(name));
            forget(py, error);
            value.map(Sent::Returned)
        }
        Err(error) => Err(error),
    }
}

/// What a generator has come to.
pub struct End<'py> {
    /// The Deferred that is to be fired.
    deferred: Bound<'py, Deferred>,
    /// What it is to be fired with.
    outcome: Bound<'py, PyAny>,
    /// What ended the generator, if it was an exception: it is being handled meanwhile.
    exception: Option<Bound<'py, PyBaseException>>,
}

impl<'py> End<'py> {
    /// Fires the Deferred, where that is all that a callback does.
    ///
    /// While Twisted fires the Deferred of a generator that an exception has ended, that exception is being
    /// handled, and what is raised meanwhile says so. So it is here, as deep as Twisted's would come; a
    /// longer row of generators that fail needs no stack.
    fn fire_as_callback(self) -> Called<'py> {
        let py = self.deferred.py();
        let none = || py.None().into_bound(py);
        if !is_fired_plainly(&self.deferred) {
            return Called::returned(py, self.fire().map(|()| none()));
        }
        if self.exception.is_some()
            && let Some(fired) = deeper_as_python(|| self.fire())
        {
            return Called::returned(py, fired.map(|()| none()));
        }
        self.deferred.set_called_with(self.outcome);
        Called::Fired(self.deferred)
    }

    /// Fires the Deferred.
    fn fire(&self) -> PyResult<()> {
        match &self.exception {
            None => firing::call_callback(&self.deferred, self.outcome.clone()),
            Some(exception) => failure::while_handling(exception, || {
                firing::call_errback(&self.deferred, Some(&self.outcome))
            }),
        }
    }
}

/// Runs the generator on from `result`, until it waits or ends.
fn drive<'py>(
    driver: &Bound<'py, Driver>,
    mut result: Bound<'py, PyAny>,
) -> PyResult<Option<End<'py>>> {
    let (py, parts) = (driver.py(), driver.get());
    let generator = parts.generator.clone_out(py).ok_or_else(|| ended(py))?;
    let context = parts.context.clone_out(py).ok_or_else(|| ended(py))?;
    loop {
        if replaced::any(py) {
            go_on_by_name(driver, &generator, &context, &result)?;
            return Ok(None);
        }
        let failed = kind(&result) == Kind::Failure;
        let sent = check_stack(py).and_then(|()| {
            run_in_context(&context, || match failed {
                true => throw(&generator, &result),
                false => send(&generator, &result),
            })
        });
        let (outcome, exception) = match sent {
            Ok(Sent::Yielded(yielded)) => match wait_for(driver, yielded)? {
                Some(next) => {
                    result = next;
                    continue;
                }
                None => return Ok(None),
            },
            Ok(Sent::Returned(value)) => (value, None),
            Err(error) => {
                let place = if failed { Place::Throw } else { Place::Send };
                ended_by(driver, error, place)?
            }
        };
        let deferred = status_of(driver)?.get().deferred(py)?;
        return Ok(Some(End {
            deferred,
            outcome,
            exception,
        }));
    }
}

fn status_of<'py>(driver: &Bound<'py, Driver>) -> PyResult<Bound<'py, Status>> {
    let py = driver.py();
    driver.get().status.clone_out(py).ok_or_else(|| ended(py))
}

/// Leaves the generator to Twisted's function, which looks up what a program has replaced.
#[cold]
fn go_on_by_name<'py>(
    driver: &Bound<'py, Driver>,
    generator: &Bound<'py, PyAny>,
    context: &Bound<'py, PyAny>,
    result: &Bound<'py, PyAny>,
) -> PyResult<()> {
    let go_on = replaced::look_up(driver.py(), name!(driver.py(), "_inlineCallbacks")?)?;
    go_on.call1((result, generator, status_of(driver)?, context))?;
    Ok(())
}

/// The outcome of a generator that an exception has ended, and that exception.
#[cold]
fn ended_by<'py>(
    driver: &Bound<'py, Driver>,
    error: PyErr,
    place: Place,
) -> PyResult<(Bound<'py, PyAny>, Option<Bound<'py, PyBaseException>>)> {
    let py = driver.py();
    let has_returned = error.is_instance(py, objects(py).generator_return.bind(py));
    let exception = failure::exception_of(py, error);
    if has_returned {
        return Ok((return_value::value_of(&exception)?, None));
    }
    let deferred = status_of(driver)?.get().deferred(py)?;
    let owner = deferred.debug().then(|| deferred.into_any());
    let failure = failure::caught(&exception, owner.as_ref(), place);
    Ok((failure, Some(exception)))
}

/// The generator has yielded something: what it goes on with, unless it has to wait.
#[inline(always)]
fn wait_for<'py>(
    driver: &Bound<'py, Driver>,
    yielded: Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if let Some(deferred) = as_deferred(&yielded) {
        return wait_for_deferred(driver, deferred);
    }
    if is_coroutine(&yielded)? || is_generator(&yielded) {
        return wait_for_deferred(driver, &start(yielded)?);
    }
    Ok(Some(yielded))
}

#[inline(always)]
fn wait_for_deferred<'py>(
    driver: &Bound<'py, Driver>,
    deferred: &Bound<'py, Deferred>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = driver.py();
    if deferred.overrides(Method::AddBoth) || deferred.overrides(Method::RunCallbacks) {
        driver.get().is_adding.set(py, true);
        let resume = driver.getattr(name!(py, "resume")?)?;
        deferred.call_method1(name!(py, "addBoth")?, (resume,))?;
        return added(driver, deferred);
    }
    // The common case: it has a result already, and nothing left to do with it.
    if deferred.get().called.get(py)
        && is_idle(deferred)
        && let Some(result) = deferred.result()
    {
        deferred.set_result(py.None().into_bound(py));
        drop(deferred.get().chained_to.take(py));
        debug_info::note(deferred, false);
        return Ok(Some(result));
    }
    driver.get().is_adding.set(py, true);
    let callback = Callback::Native {
        side: Side::Both,
        index: 0,
        native: &RESUME,
        target: driver.as_any().clone(),
    };
    firing::add(deferred, callback)?;
    added(driver, deferred)
}

/// The callback has been added: either it has run already, or the generator waits.
#[inline(always)]
fn added<'py>(
    driver: &Bound<'py, Driver>,
    deferred: &Bound<'py, Deferred>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (py, parts) = (driver.py(), driver.get());
    parts.is_adding.set(py, false);
    let early = parts.early.take(py);
    if early.is_none() {
        status_of(driver)?.get().set_waiting_on(deferred.clone());
    }
    Ok(early)
}

/// Goes on with the result of the Deferred that the generator waited for.
#[inline(always)]
fn resume<'py>(
    driver: &Bound<'py, Driver>,
    result: &Bound<'py, PyAny>,
) -> PyResult<Option<End<'py>>> {
    let (py, parts) = (driver.py(), driver.get());
    if parts.is_adding.replace(py, false) {
        parts.early.set(py, Some(result.clone()));
        return Ok(None);
    }
    drive(driver, result.clone())
}
