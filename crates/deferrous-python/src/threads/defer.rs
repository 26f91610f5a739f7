//! `deferToThread` and `deferToThreadPool`.

use std::ffi::CStr;

use pyo3::prelude::*;

use super::{
    docs,
    job::{DeferredOfReactor, Recipient},
    pool::{submit, takes_jobs},
    support::support,
};
use crate::{
    defer::unfired,
    interp::{Arguments, FastFunction, Task, bind_leading, name},
    reactor::Reactor,
};

/// `deferToThreadPool(reactor, threadpool, f, *args, **kwargs)`.
pub struct DeferToThreadPool;

impl FastFunction for DeferToThreadPool {
    const NAME: &'static CStr = c"deferToThreadPool";
    const DOC: &'static CStr = docs::DEFER_TO_THREAD_POOL;

    fn call<'py>(py: Python<'py>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let parameters = ["reactor", "threadpool", "f"];
        let ([reactor, pool, f], rest) =
            bind_leading(py, "deferToThreadPool", parameters, arguments)?;
        defer(&reactor, &pool, Task::new(f, rest))
    }
}

/// `deferToThread(f, *args, **kwargs)`.
pub struct DeferToThread;

impl FastFunction for DeferToThread {
    const NAME: &'static CStr = c"deferToThread";
    const DOC: &'static CStr = docs::DEFER_TO_THREAD;

    fn call<'py>(py: Python<'py>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let ([f], rest) = bind_leading(py, "deferToThread", ["f"], arguments)?;
        let task = Task::new(f, rest);
        let reactor = current_reactor(py)?;
        let other = support(py)?.modules.other_defer_to_thread_pool(py)?;
        let pool = reactor.call_method0(name!(py, "getThreadPool")?)?;
        match other {
            None => defer(&reactor, &pool, task),
            Some(defer_to_thread_pool) => task.hand_over(&defer_to_thread_pool, &[reactor, pool]),
        }
    }
}

/// `from twisted.internet import reactor`.
fn current_reactor(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let internet = support(py)?.internet.bind(py);
    match internet.getattr(name!(py, "reactor")?) {
        Ok(reactor) => Ok(reactor),
        Err(_) => py
            .import(name!(py, "twisted.internet.reactor")?)
            .map(Bound::into_any),
    }
}

/// Where the reactor, the pool and the class of Deferreds are ours, the result goes from the worker to the
/// Deferred with nothing of Python in between. Otherwise by the names that Twisted's function looks up.
fn defer<'py>(
    reactor: &Bound<'py, PyAny>,
    pool: &Bound<'py, PyAny>,
    task: Task,
) -> PyResult<Bound<'py, PyAny>> {
    let py = reactor.py();
    let support = support(py)?;
    // Whether the reactor itself has another method is asked when there is a result for it.
    let is_our_reactor = support.call_from_thread.is_in_class_of(reactor);
    if !is_our_reactor || !takes_jobs(pool)? || !support.modules.has_own_deferred(py)? {
        let otherwise = support.defer_otherwise.bind(py);
        return task.hand_over(otherwise, &[reactor.clone(), pool.clone()]);
    }
    let event_loop = Reactor::of(reactor)?.event_loop()?;
    let deferred = unfired(py, None)?;
    event_loop.get().hand_out(py);
    let recipient = DeferredOfReactor {
        deferred: deferred.clone().unbind(),
        reactor: reactor.clone().unbind(),
        queue: event_loop.get().queue.clone(),
    };
    submit(pool, task, Recipient::Deferred(recipient))?;
    Ok(deferred.into_any())
}
