//! How a pool is asked for a job: `callInThread` and `callInThreadWithCallback`.

use std::ffi::CStr;

use pyo3::prelude::*;

use super::{
    call, docs,
    job::{Job, Recipient},
    support::support,
    team::{PyTeam, queue},
};
use crate::interp::{Arguments, FastMethod, Task, bind_leading, name};

/// Asks a pool for a job. A pool that was stopped drops it, as Twisted's does.
pub fn submit(pool: &Bound<'_, PyAny>, task: Task, result: Recipient) -> PyResult<()> {
    let py = pool.py();
    if pool.getattr(name!(py, "joined")?)?.is_truthy()? {
        return Ok(());
    }
    let context = support(py)?.context(py)?.unbind();
    let job = Job::InContext {
        context,
        task,
        result,
    };
    let team = pool.getattr(name!(py, "_team")?)?;
    match team.cast_exact::<PyTeam>() {
        Ok(team) => queue(team, job),
        Err(_) => do_elsewhere(&team, job),
    }
}

/// Hands a job to a team of another kind, which takes calls without arguments.
#[cold]
fn do_elsewhere(team: &Bound<'_, PyAny>, job: Job) -> PyResult<()> {
    let call = call::of(team.py(), job)?;
    team.call_method1(name!(team.py(), "do")?, (call,))?;
    Ok(())
}

/// Whether the pool's `callInThreadWithCallback` is the one here: a subclass may replace it, and so may
/// whoever has the pool.
pub fn takes_jobs(pool: &Bound<'_, PyAny>) -> PyResult<bool> {
    let support = support(pool.py())?;
    Ok(support.call_in_thread_with_callback.belongs_to(pool))
}

/// `callInThread(func, *args, **kw)`.
pub struct CallInThread;

impl FastMethod for CallInThread {
    type Class = PyAny;
    const NAME: &'static CStr = c"callInThread";
    const DOC: &'static CStr = docs::CALL_IN_THREAD;

    fn call<'py>(
        pool: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = pool.py();
        let ([func], rest) = bind_leading(py, "callInThread", ["func"], arguments)?;
        let (task, none) = (Task::new(func, rest), py.None().into_bound(py));
        if !takes_jobs(pool)? {
            let method = pool.getattr(name!(py, "callInThreadWithCallback")?)?;
            return task.hand_over(&method, &[none]);
        }
        submit(pool, task, Recipient::Nobody)?;
        Ok(none)
    }
}

/// `callInThreadWithCallback(onResult, func, *args, **kw)`.
pub struct CallInThreadWithCallback;

impl FastMethod for CallInThreadWithCallback {
    type Class = PyAny;
    const NAME: &'static CStr = c"callInThreadWithCallback";
    const DOC: &'static CStr = docs::CALL_IN_THREAD_WITH_CALLBACK;

    fn call<'py>(
        pool: &Bound<'py, PyAny>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = pool.py();
        let parameters = ["onResult", "func"];
        let ([on_result, func], rest) =
            bind_leading(py, "callInThreadWithCallback", parameters, arguments)?;
        let result = if on_result.is_none() {
            Recipient::Nobody
        } else {
            Recipient::Function(on_result.unbind())
        };
        submit(pool, Task::new(func, rest), result)?;
        Ok(py.None().into_bound(py))
    }
}
