//! Delayed calls: their methods, and what programs do with a call before it is made.

use deferrous::event_loop::Key;
use pyo3::{
    exceptions::{PyAttributeError, PyTypeError},
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    pyclass::CompareOp,
    types::{PyBool, PyDict, PyList, PyTuple},
};

use super::{
    clock,
    names::names,
    state::{DelayedCall, EventLoop, Timed, collected},
    support::support,
};
use crate::interp::{
    Field, Life, Memory, Record, Slot, Task, attributes, class_attributes, fallible, item, make,
};
use crate::waiting::deadline;

impl DelayedCall {
    /// A call that is due at `time`.
    #[inline]
    pub fn new<'py>(
        py: Python<'py>,
        time: f64,
        task: Task,
        event_loop: &Bound<'py, EventLoop>,
        seconds: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, Self>> {
        make(py, || DelayedCall {
            time: Field::new(time),
            delayed_time: Field::new(0.0),
            key: Field::new(Key::NOWHERE),
            called: Field::new(false),
            cancelled: Field::new(false),
            function: Slot::new(Some(task.function.into_bound(py))),
            arguments: Slot::new(Some(task.arguments.into_bound(py).into_any())),
            keywords: Slot::new(task.keywords.map(|it| it.into_bound(py).into_any())),
            event_loop: Slot::new(Some(event_loop.clone())),
            seconds: Slot::new(Some(seconds)),
            record: Record::empty(),
        })
    }

    /// Whether this call was set on `event_loop`.
    pub fn is_of(&self, event_loop: &Bound<'_, EventLoop>) -> bool {
        self.event_loop.has(event_loop)
    }

    /// Whether it was cancelled, or a program has set the attribute.
    pub fn is_cancelled(&self, py: Python<'_>) -> bool {
        self.cancelled.get(py)
    }

    /// Whether it was delayed since it got its place.
    pub fn was_delayed(&self, py: Python<'_>) -> bool {
        self.delayed_time.get(py) > 0.0
    }

    /// When it is due, as `waiting::deadline` has it.
    pub fn deadline(&self, py: Python<'_>) -> u64 {
        deadline(self.time.get(py))
    }

    /// Puts a call among those that wait, after adding what it was delayed by to its time.
    pub fn insert(call: Py<Self>, py: Python<'_>, timed: &mut Timed) {
        call.get().activate(py);
        Self::insert_as_is(call, py, timed);
    }

    /// Puts a call among those that wait.
    pub fn insert_as_is(call: Py<Self>, py: Python<'_>, timed: &mut Timed) {
        let own = call.bind(py).clone();
        let key = timed.insert(own.get().deadline(py), call);
        own.get().key.set(py, key);
    }

    /// Takes a call out of those that wait.
    pub fn remove(&self, py: Python<'_>, timed: &mut Timed) -> Option<Py<Self>> {
        timed.remove(self.key.get(py))
    }

    /// Makes the call, unless a program has set `cancelled` instead of calling `cancel`.
    #[inline]
    pub fn run(&self, py: Python<'_>) -> PyResult<()> {
        if self.cancelled.get(py) {
            return Ok(());
        }
        self.called.set(py, true);
        let (Some(function), Some(arguments)) =
            (self.function.clone_out(py), self.arguments.clone_out(py))
        else {
            return Ok(());
        };
        let keywords = self.keywords.clone_out(py);
        let dict = keywords.as_ref().map(|keywords| keywords.cast::<PyDict>());
        match (arguments.cast::<PyTuple>(), dict.transpose()) {
            (Ok(tuple), Ok(dict)) => function.call(tuple, dict)?,
            _ => {
                // A program has set something else, which Python accepts or refuses.
                let keywords = keywords.map_or_else(|| fallible::dict(py).map(Bound::into_any), Ok);
                let make_call = support().make_call.bind(py);
                make_call.call1((function, arguments, keywords?))?
            }
        };
        Ok(())
    }

    /// Adds what it was delayed by to its time.
    fn activate(&self, py: Python<'_>) {
        self.time
            .set(py, self.time.get(py) + self.delayed_time.get(py));
        self.delayed_time.set(py, 0.0);
    }

    /// Refuses if it was made or cancelled.
    fn check_pending(&self, py: Python<'_>) -> PyResult<()> {
        let class = if self.cancelled.get(py) {
            &support().already_cancelled
        } else if self.called.get(py) {
            &support().already_called
        } else {
            return Ok(());
        };
        Err(PyErr::from_value(class.bind(py).call0()?))
    }

    fn with_timed<R>(&self, py: Python<'_>, change: impl FnOnce(&mut Timed) -> R) -> PyResult<R> {
        let event_loop = self.event_loop.clone_out(py).ok_or_else(|| collected(py))?;
        event_loop.get().with(py, |parts| change(&mut parts.timed))
    }

    /// Moves it to where its time says, if it waits. One that is new is put in its place later.
    fn moved(&self, py: Python<'_>) -> PyResult<()> {
        let (key, deadline) = (self.key.get(py), self.deadline(py));
        self.with_timed(py, |timed| timed.move_to(key, deadline))?;
        Ok(())
    }
}

#[cold]
fn no_attribute(py: Python<'_>, name: &str) -> PyErr {
    let message = format!("'DelayedCall' object has no attribute '{name}'");
    fallible::error::<PyAttributeError>(py, &message)
}

/// Refuses more than one argument, with the text that Python has for methods.
fn takes_one(method: &str, more: &Bound<'_, PyTuple>) -> PyResult<()> {
    if more.is_empty() {
        return Ok(());
    }
    let message = format!(
        "DelayedCall.{method}() takes 2 positional arguments but {} were given",
        more.len() + 2
    );
    Err(fallible::error::<PyTypeError>(more.py(), &message))
}

#[pymethods]
impl DelayedCall {
    /// When the call is to be made, in seconds since the epoch.
    #[pyo3(name = "getTime")]
    fn get_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::float(py, self.time.get(py) + self.delayed_time.get(py))
    }

    /// Keep the call from being made.
    ///
    /// Raises:
    ///     AlreadyCalled: it has been made.
    ///     AlreadyCancelled: it was cancelled before.
    fn cancel(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        this.check_pending(py)?;
        let waiting = this.with_timed(py, |timed| this.remove(py, timed))?;
        this.cancelled.set(py, true);
        if debugging(py)? {
            slf.setattr(names(py).last_repr.bind(py), slf.repr()?)?;
        }
        let task = (
            this.function.take(py),
            this.arguments.take(py),
            this.keywords.take(py),
        );
        drop(waiting.map(|it| it.into_bound(py)));
        drop(task);
        Ok(())
    }

    /// Have the call made after as many seconds from now, instead of when it would have been.
    ///
    /// Raises:
    ///     AlreadyCalled: it has been made.
    ///     AlreadyCancelled: it was cancelled.
    #[pyo3(signature = (secondsFromNow, *more), text_signature = "($self, secondsFromNow)")]
    #[allow(non_snake_case)]
    fn reset(&self, secondsFromNow: &Bound<'_, PyAny>, more: &Bound<'_, PyTuple>) -> PyResult<()> {
        let py = secondsFromNow.py();
        takes_one("reset", more)?;
        self.check_pending(py)?;
        let from_now: f64 = secondsFromNow.extract()?;
        self.check_pending(py)?;
        let now = clock::read(&self.seconds(py)?)?;
        let (time, due) = (now + from_now, self.time.get(py));
        if time < due {
            self.delayed_time.set(py, 0.0);
            self.time.set(py, time);
            return self.moved(py);
        }
        self.delayed_time.set(py, time - due);
        Ok(())
    }

    /// Have the call made as many seconds later than it would have been; earlier, if they are negative.
    ///
    /// Raises:
    ///     AlreadyCalled: it has been made.
    ///     AlreadyCancelled: it was cancelled.
    #[pyo3(signature = (secondsLater, *more), text_signature = "($self, secondsLater)")]
    #[allow(non_snake_case)]
    fn delay(&self, secondsLater: &Bound<'_, PyAny>, more: &Bound<'_, PyTuple>) -> PyResult<()> {
        let py = secondsLater.py();
        takes_one("delay", more)?;
        self.check_pending(py)?;
        let by: f64 = secondsLater.extract()?;
        self.check_pending(py)?;
        let delayed_time = self.delayed_time.get(py) + by;
        self.delayed_time.set(py, delayed_time);
        if delayed_time < 0.0 {
            self.activate(py);
            return self.moved(py);
        }
        Ok(())
    }

    /// Add what the call was put off by to its time.
    fn activate_delay(&self, py: Python<'_>) -> PyResult<()> {
        self.activate(py);
        self.moved(py)
    }

    /// Whether the call is still to be made.
    fn active(&self, py: Python<'_>) -> bool {
        !(self.called.get(py) || self.cancelled.get(py))
    }

    /// The names of the attributes.
    fn __dir__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        // By itself, `dir` would look into the class that `__class__` names.
        let all = slf.get_type().dir()?;
        all.call_method1(names(slf.py()).extend.bind(slf.py()), (attributes(slf)?,))?;
        Ok(all)
    }

    fn __repr__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        support().describe.bind(slf.py()).call1((slf,))
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        // Objects are aligned, so the lowest bits say nothing.
        slf.as_ptr().addr().rotate_right(4).cast_signed()
    }

    /// By the time of each, without what it was delayed by.
    fn __richcmp__<'py>(
        &self,
        other: &Bound<'py, PyAny>,
        operation: CompareOp,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = other.py();
        if !matches!(operation, CompareOp::Lt | CompareOp::Le) {
            return Ok(py.NotImplemented().into_bound(py));
        }
        let own = fallible::float(py, self.time.get(py))?;
        own.rich_compare(other.getattr(names(py).time.bind(py))?, operation)
    }

    /// When it is due, in seconds since the epoch, unless it was put off.
    #[getter]
    fn time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::float(py, self.time.get(py))
    }

    #[setter]
    fn set_time(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.time.set(value.py(), value.extract()?);
        self.moved(value.py())
    }

    /// By how many seconds it was put off.
    #[getter]
    fn delayed_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        fallible::float(py, self.delayed_time.get(py))
    }

    #[setter]
    fn set_delayed_time(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.delayed_time.set(value.py(), value.extract()?);
        Ok(())
    }

    /// 1 if it was made, otherwise 0.
    #[getter]
    fn called(&self, py: Python<'_>) -> u8 {
        u8::from(self.called.get(py))
    }

    #[setter]
    fn set_called(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.called.set(value.py(), value.is_truthy()?);
        Ok(())
    }

    /// 1 if it was cancelled, otherwise 0.
    #[getter]
    fn cancelled(&self, py: Python<'_>) -> u8 {
        u8::from(self.cancelled.get(py))
    }

    #[setter]
    fn set_cancelled(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.cancelled.set(value.py(), value.is_truthy()?);
        Ok(())
    }

    /// What it calls; gone when it was cancelled.
    #[getter]
    fn func<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.function
            .clone_out(py)
            .ok_or_else(|| no_attribute(py, "func"))
    }

    #[setter]
    fn set_func(&self, value: &Bound<'_, PyAny>) {
        self.function.set(value.py(), Some(value.clone()));
    }

    /// The arguments, a tuple; gone when it was cancelled.
    #[getter]
    fn args<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.arguments
            .clone_out(py)
            .ok_or_else(|| no_attribute(py, "args"))
    }

    #[setter]
    fn set_args(&self, value: &Bound<'_, PyAny>) {
        self.arguments.set(value.py(), Some(value.clone()));
    }

    /// The keyword arguments, a dict; gone when it was cancelled.
    #[getter]
    fn kw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.keywords.clone_out(py) {
            Some(keywords) => Ok(keywords),
            None if self.function.is_some(py) => fallible::dict(py).map(Bound::into_any),
            None => Err(no_attribute(py, "kw")),
        }
    }

    #[setter]
    fn set_kw(&self, value: &Bound<'_, PyAny>) {
        self.keywords.set(value.py(), Some(value.clone()));
    }

    /// What tells it the time.
    #[getter]
    fn seconds<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.seconds.clone_out(py).ok_or_else(|| collected(py))
    }

    #[setter]
    fn set_seconds(&self, value: &Bound<'_, PyAny>) {
        self.seconds.set(value.py(), Some(value.clone()));
    }

    /// The stack of whoever set it, in debug mode.
    #[classattr]
    const fn creator() -> Option<Py<PyAny>> {
        None
    }

    /// What it looked like when it was cancelled, in debug mode.
    #[classattr]
    #[pyo3(name = "_repr")]
    const fn last_repr() -> Option<Py<PyAny>> {
        None
    }

    /// Whether calls note who sets them: that of Twisted's class, where it is set.
    #[getter]
    fn debug(&self, py: Python<'_>) -> PyResult<bool> {
        debugging(py)
    }

    /// Twisted's class, which isinstance asks for.
    #[getter(__class__)]
    fn class<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let stock = stock_class(slf.py())?;
        Ok(stock.unwrap_or_else(|| slf.get_type().into_any()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.function.traverse(&visit)?;
        self.arguments.traverse(&visit)?;
        self.keywords.traverse(&visit)?;
        self.event_loop.traverse(&visit)?;
        self.record.traverse(&visit)?;
        self.seconds.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        let task = (
            self.function.take(py),
            self.arguments.take(py),
            self.keywords.take(py),
        );
        let rest = (self.event_loop.take(py), self.seconds.take(py));
        drop((task, rest));
    }
}

static MEMORY: Memory = Memory::new();

impl Life for DelayedCall {
    type Last = Option<Bound<'static, PyAny>>;

    fn memory() -> &'static Memory {
        &MEMORY
    }
}

/// Twisted's class of delayed calls, by whatever is at its place in Twisted's module.
pub fn stock_class(py: Python<'_>) -> PyResult<Option<Bound<'_, PyAny>>> {
    let base = support().base.bind(py);
    base.get_item(names(py).delayed_call.bind(py))
}

/// Whether delayed calls note who sets them, and what they were when they are cancelled: `debug` of
/// Twisted's class, which programs set.
#[inline]
pub fn debugging(py: Python<'_>) -> PyResult<bool> {
    let off = support().debug_is_off.get(py, || debug_is_off(py));
    if off { Ok(false) } else { look_up_debug(py) }
}

/// Whether the class that was found first is at its place in Twisted's module, and has `debug = False` itself.
fn debug_is_off(py: Python<'_>) -> bool {
    let class = support().delayed_call.bind(py);
    let is_there = stock_class(py).is_ok_and(|found| found.is_some_and(|found| found.is(class)));
    let own = class_attributes(class).ok();
    let debug = own.and_then(|own| item(&own, names(py).debug.bind(py)));
    is_there && debug.is_some_and(|debug| debug.is(PyBool::new(py, false)))
}

#[cold]
fn look_up_debug(py: Python<'_>) -> PyResult<bool> {
    match stock_class(py)? {
        Some(class) => class.getattr(names(py).debug.bind(py))?.is_truthy(),
        None => Ok(false),
    }
}
