//! The loop as programs see it: the attributes of the standard library's loops, and the methods that are called most.

use deferrous::event_loop::Interest;
use pyo3::{
    exceptions::PyKeyError,
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use super::{
    clock,
    descriptors::{Direction, Watched},
    hooks,
    ready::ReadyQueue,
    scheduling,
    state::{LoopCore, TimerHandle},
    support::support,
    turn, watching,
};
use crate::interp::{fallible, fallible::io_error};

/// The numbers of `selectors`.
const EVENT_READ: u32 = 1;
const EVENT_WRITE: u32 = 2;

/// The events to wait for, from a number of `selectors`.
const fn interest(events: u32) -> Interest {
    Interest {
        readable: events & EVENT_READ != 0,
        writable: events & EVENT_WRITE != 0,
        urgent: false,
    }
}

/// The number of `selectors`.
const fn number(interest: Interest) -> u32 {
    (if interest.readable { EVENT_READ } else { 0 })
        | (if interest.writable { EVENT_WRITE } else { 0 })
}

/// The `SelectorKey` of a descriptor: its file, number, events, and a pair of handles.
fn key<'py>(py: Python<'py>, fd: i32, watched: Watched) -> PyResult<Bound<'py, PyTuple>> {
    let handle = |handle: Option<Py<PyAny>>| handle.unwrap_or_else(|| py.None()).into_bound(py);
    let pair = fallible::tuple(py, [handle(watched.reader), handle(watched.writer)])?;
    let fd = fallible::int(py, fd as isize)?;
    let events = fallible::int(py, number(watched.interest) as isize)?;
    fallible::tuple(
        py,
        [watched.file.into_bound(py), fd, events, pair.into_any()],
    )
}

/// A watched descriptor, from the arguments of `selector.register`.
fn watched<'py>(
    file: &Bound<'py, PyAny>,
    events: u32,
    data: (Option<Py<PyAny>>, Option<Py<PyAny>>),
) -> Watched {
    Watched {
        file: file.clone().unbind(),
        reader: data.0,
        writer: data.1,
        interest: interest(events),
    }
}

#[pymethods]
impl LoopCore {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        py: Python<'_>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        support(py)?;
        LoopCore::empty(py)
    }

    /// The time, in seconds by the clock of `time.monotonic()`.
    fn time(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        fallible::float(py, clock::monotonic()).map(Bound::unbind)
    }

    /// Whether the loop is in debug mode.
    fn get_debug(&self, py: Python<'_>) -> bool {
        self.debug.get(py)
    }

    /// Whether the loop was closed.
    fn is_closed(&self, py: Python<'_>) -> bool {
        self.closed.get(py)
    }

    /// Whether a thread runs the loop.
    fn is_running(&self, py: Python<'_>) -> bool {
        self.thread.get(py) != 0
    }

    /// Have `run_forever` return at the end of this turn, or of the next one if none is going on.
    fn stop(&self, py: Python<'_>) {
        self.stopping.set(py, true);
    }

    fn _check_closed(&self, py: Python<'_>) -> PyResult<()> {
        self.check_closed(py)
    }

    fn _run_once(slf: &Bound<'_, Self>) -> PyResult<()> {
        turn::run_once(slf)
    }

    fn _turn_until_stopped(slf: &Bound<'_, Self>) -> PyResult<()> {
        turn::until_stopped(slf)
    }

    fn _write_to_self(slf: &Bound<'_, Self>) -> PyResult<()> {
        scheduling::wake(slf)
    }

    fn _remove_reader(slf: &Bound<'_, Self>, fd: &Bound<'_, PyAny>) -> PyResult<bool> {
        watching::remove(slf, fd, Direction::Read)
    }

    fn _remove_writer(slf: &Bound<'_, Self>, fd: &Bound<'_, PyAny>) -> PyResult<bool> {
        watching::remove(slf, fd, Direction::Write)
    }

    /// Look again at which methods a program has replaced on this loop.
    fn _notice_replaced(slf: &Bound<'_, Self>) -> PyResult<()> {
        hooks::look_at_loop(slf)
    }

    /// The number of the descriptor of a file object, also of one that was closed while it is watched.
    fn _descriptor(slf: &Bound<'_, Self>, file: &Bound<'_, PyAny>) -> PyResult<i32> {
        watching::descriptor(slf, file)
    }

    fn _register(
        slf: &Bound<'_, Self>,
        file: &Bound<'_, PyAny>,
        events: u32,
        data: (Option<Py<PyAny>>, Option<Py<PyAny>>),
    ) -> PyResult<()> {
        let (py, core) = (slf.py(), slf.get());
        let fd = watching::descriptor(slf, file)?;
        if core.with(py, |parts| parts.descriptors.get(fd).is_some())? {
            let message = format!("{fd} (FD {fd}) is already registered");
            return Err(fallible::error::<PyKeyError>(py, &message));
        }
        let added = watched(file, events, data);
        let added = core.with(py, |parts| {
            let waiter = core.waiter(parts)?;
            parts.descriptors.register(waiter.poller(), fd, added)
        })?;
        added.map_err(|error| io_error(py, &error))
    }

    /// Returns what was there, or None.
    fn _modify<'py>(
        slf: &Bound<'py, Self>,
        file: &Bound<'py, PyAny>,
        events: u32,
        data: (Option<Py<PyAny>>, Option<Py<PyAny>>),
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let (py, core) = (slf.py(), slf.get());
        let fd = watching::descriptor(slf, file)?;
        let now = watched(file, events, data);
        let before = core.with(py, |parts| {
            let waiter = core.waiter(parts)?;
            parts.descriptors.modify(waiter.poller(), fd, now)
        })?;
        let before = before.map_err(|error| io_error(py, &error))?;
        before.map(|before| key(py, fd, before)).transpose()
    }

    /// Returns what was there, or None.
    fn _unregister<'py>(
        slf: &Bound<'py, Self>,
        file: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let (py, core) = (slf.py(), slf.get());
        let fd = watching::descriptor(slf, file)?;
        let before = core.with(py, |parts| {
            let waiter = core.waiter(parts)?;
            Ok(parts.descriptors.unregister(waiter.poller(), fd))
        })?;
        let before = before.map_err(|error: std::io::Error| io_error(py, &error))?;
        before.map(|before| key(py, fd, before)).transpose()
    }

    /// Watch nothing any more.
    fn _close_selector(&self, py: Python<'_>) -> PyResult<()> {
        self.close_selector(py)
    }

    /// The watched descriptors: a list with the `SelectorKey` of each.
    fn _watched<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let (py, core) = (slf.py(), slf.get());
        let all: Vec<_> = core.with(py, |parts| {
            let all = parts.descriptors.iter();
            all.map(|(fd, watched)| (fd, watched.copy(py))).collect()
        })?;
        let list = fallible::list(py)?;
        for (fd, watched) in all {
            list.append(key(py, fd, watched)?)?;
        }
        Ok(list)
    }

    /// Wait for up to timeout seconds, and return a list of (fd, events) of what has happened.
    fn _poll<'py>(slf: &Bound<'py, Self>, timeout: Option<f64>) -> PyResult<Bound<'py, PyList>> {
        let (py, core) = (slf.py(), slf.get());
        let events = turn::poll(slf, timeout)?;
        let told = events.get().iter().map(|event| {
            let happened = Interest {
                readable: event.readable || event.failed,
                writable: event.writable || event.failed,
                urgent: false,
            };
            (event.key, number(happened))
        });
        let told: Vec<_> = told.collect();
        core.with(py, |parts| parts.events = Some(events))?;
        let list = fallible::list(py)?;
        for (fd, events) in told {
            let pair = [fallible::int(py, fd)?, fallible::int(py, events as isize)?];
            list.append(fallible::tuple(py, pair)?)?;
        }
        Ok(list)
    }

    #[getter]
    fn _ready(&self, py: Python<'_>) -> Py<ReadyQueue> {
        self.ready.clone_ref(py)
    }

    #[setter(_ready)]
    fn set_ready(&self, handles: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = handles.py();
        let handles = fallible::to_list(handles)?;
        self.ready.get().clear(py);
        handles
            .iter()
            .for_each(|handle| self.ready.get().push(py, handle));
        Ok(())
    }

    /// The timers, by their times.
    #[getter]
    fn _scheduled<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let mut timers: Vec<_> = self.with(py, |parts| {
            let timers = parts.timers.iter();
            timers.map(|timer| timer.bind(py).clone()).collect()
        })?;
        timers.sort_by(|a, b| a.get().when().total_cmp(&b.get().when()));
        fallible::list_of(py, timers)
    }

    #[setter(_scheduled)]
    fn set_scheduled(&self, timers: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = timers.py();
        let timers: Vec<Bound<'_, TimerHandle>> = timers.extract()?;
        let before = self.with(py, |parts| {
            let before = parts.timers.clear();
            for timer in &before {
                timer.get().end_wait(py);
            }
            for timer in &timers {
                TimerHandle::insert(timer, &mut parts.timers);
            }
            before
        })?;
        drop(before);
        Ok(())
    }

    #[getter]
    fn _closed(&self, py: Python<'_>) -> bool {
        self.closed.get(py)
    }

    #[setter(_closed)]
    fn set_closed(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, closed) = (value.py(), value.is_truthy()?);
        self.closed.set(py, closed);
        if closed {
            // The standard library clears what `_scheduled` gives.
            let timers = self.with(py, |parts| parts.timers.clear())?;
            timers.iter().for_each(|timer| timer.get().end_wait(py));
            drop(timers);
        }
        Ok(())
    }

    #[getter]
    fn _stopping(&self, py: Python<'_>) -> bool {
        self.stopping.get(py)
    }

    #[setter(_stopping)]
    fn set_stopping(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.stopping.set(value.py(), value.is_truthy()?);
        Ok(())
    }

    #[getter]
    fn _debug(&self, py: Python<'_>) -> bool {
        self.debug.get(py)
    }

    #[setter(_debug)]
    fn set_debug(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.debug.set(value.py(), value.is_truthy()?);
        Ok(())
    }

    #[getter]
    fn _thread_id(&self, py: Python<'_>) -> Option<u64> {
        Some(self.thread.get(py)).filter(|&thread| thread != 0)
    }

    #[setter(_thread_id)]
    fn set_thread_id(&self, py: Python<'_>, thread: Option<u64>) {
        self.thread.set(py, thread.unwrap_or(0));
    }

    #[getter]
    fn _clock_resolution(&self, py: Python<'_>) -> f64 {
        self.resolution.get(py)
    }

    #[setter(_clock_resolution)]
    fn set_clock_resolution(&self, py: Python<'_>, resolution: f64) {
        self.resolution.set(py, resolution);
    }

    #[getter]
    fn _current_handle(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.current_handle.clone_out(py)
    }

    #[setter(_current_handle)]
    fn set_current_handle(&self, py: Python<'_>, handle: Option<Py<PyAny>>) {
        self.current_handle.set(py, handle);
    }

    #[getter]
    fn _selector<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.selector(py)
    }

    #[setter(_selector)]
    fn change_selector(&self, py: Python<'_>, selector: Option<Py<PyAny>>) {
        self.set_selector(py, selector);
    }

    /// The selector that stands for the descriptors of this loop.
    #[getter]
    fn _own_selector<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.own_selector(py)
    }

    #[setter(_own_selector)]
    fn change_own_selector(&self, py: Python<'_>, selector: Option<Py<PyAny>>) {
        self.set_own_selector(py, selector);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        self.clear(py);
    }
}
