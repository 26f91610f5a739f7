//! `deferToThread` and `deferToThreadPool`.

use pyo3::ffi;

use super::{
    job::{DeferredOfReactor, Recipient, submit, takes_jobs},
    support::support,
};
use crate::{
    defer::RawDeferred as Deferred,
    interp::{Maybe, Obj, Raised, Raw, Task, bind_leading, enter},
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
        let other = support()?.modules.other_defer_to_thread_pool()?;
        let pool = reactor.call_method(
            &crate::twisted::names().get_thread_pool,
            [std::ptr::null_mut()],
        )?;
        match other {
            None => defer(&reactor, &pool, task),
            Some(defer_to_thread_pool) => task.hand_over(&defer_to_thread_pool, [reactor, pool]),
        }
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

/// Where the reactor, the pool and the class of Deferreds are ours, the result goes from the worker to the
/// Deferred with nothing of Python in between. Otherwise by the names that Twisted's function looks up.
fn defer(reactor: &Obj, pool: &Obj, task: Task) -> Maybe {
    let support = support()?;
    // Whether the reactor itself has another method is asked when there is a result for it.
    let is_our_reactor = support.call_from_thread.is_in_class_of(reactor);
    if !is_our_reactor || !takes_jobs(pool)? || !support.modules.has_own_deferred()? {
        return task.hand_over(&support.defer_otherwise, [reactor.clone(), pool.clone()]);
    }
    let deferred = Deferred::unfired()?;
    let event_loop = Loop::of(reactor)?;
    let event_loop = event_loop.get()?;
    event_loop.hand_out(reactor.py());
    let queue = event_loop.queue.clone();
    let recipient = DeferredOfReactor {
        deferred: deferred.clone(),
        reactor: reactor.clone(),
        queue,
    };
    submit(pool, task, Recipient::Deferred(recipient))?;
    Ok(deferred.into_object())
}
