//! `deferToThread` and `deferToThreadPool`.

use pyo3::ffi;

use super::{
    job::{Recipient, has_own_method, submit},
    support::support,
};
use crate::{
    deferred::Deferred,
    python::{Maybe, Obj, Raised, Raw, Task, bind_leading, enter},
    reactor::Loop,
    twisted::names,
};

/// `deferToThreadPool(reactor, threadpool, f, *args, **kwargs)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn defer_to_thread_pool(
    _: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let ([reactor, pool, _], task) = bind_leading(
            "deferToThreadPool",
            ["reactor", "threadpool", "f"],
            arguments,
            count,
            names,
        )?;
        defer(&reactor, &pool, task)
    })
}

/// `deferToThread(f, *args, **kwargs)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn defer_to_thread(
    _: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let ([_], task) = bind_leading("deferToThread", ["f"], arguments, count, names)?;
        let reactor = current_reactor()?;
        let pool = reactor.call_method(
            &crate::twisted::names().get_thread_pool,
            [std::ptr::null_mut()],
        )?;
        defer(&reactor, &pool, task)
    })
}

/// `from twisted.internet import reactor`.
fn current_reactor() -> Maybe {
    let internet = &support()?.internet;
    match internet.getattr(&names().reactor) {
        Ok(reactor) => Ok(reactor),
        Err(Raised) => {
            // SAFETY: the thread is attached.
            unsafe { ffi::PyErr_Clear() };
            crate::twisted::import("twisted.internet.reactor")
        }
    }
}

/// Where the reactor and the pool are ours, the result goes from the worker to the Deferred with nothing
/// of Python in between. Otherwise by the methods that all reactors and pools have.
fn defer(reactor: &Obj, pool: &Obj, task: Task) -> Maybe {
    let support = support()?;
    let calls_directly = reactor.class_has(&names().call_from_thread, &support.call_from_thread);
    if !has_own_method(pool)? || !calls_directly {
        return task.hand_over(&support.defer_otherwise, [reactor.clone(), pool.clone()]);
    }
    let mailbox = Loop::of(reactor)?.with(|parts| parts.mailbox.clone())?;
    let deferred = Deferred::unfired(None)?;
    mailbox.expect();
    submit(
        pool,
        task,
        Recipient::Deferred(deferred.clone(), mailbox, reactor.clone()),
    )?;
    Ok(deferred.into_object())
}
