//! What workers do, and how it is asked for: `callInThread` and `callInThreadWithCallback`.

use std::{ptr, sync::Arc};

use deferrous::event_loop::WakeOnDrop;
use pyo3::ffi;

use super::{
    support::{Support, support},
    team::queue,
};
use crate::{
    defer::RawDeferred as Deferred,
    interp::{Maybe, Obj, Raw, Task, bind_leading, enter, guarded},
    reactor::{Message, Messages, send_result, takes_results},
    twisted::{names, none},
};

/// Something for a worker to do.
pub enum Job {
    /// A call without arguments, which logs its errors.
    Call(Obj),
    /// A call in the context of whoever asked for it.
    InContext {
        context: Obj,
        task: Task,
        result: Recipient,
    },
}

/// Who is told of the result of a job.
pub enum Recipient {
    /// Nobody: errors are logged.
    Nobody,
    /// A function that is called with whether it succeeded, and the result or the failure.
    Function(Obj),
    /// A Deferred of the thread that runs this reactor of ours.
    Deferred(DeferredOfReactor),
}

/// What a result of `deferToThreadPool` goes to.
pub struct DeferredOfReactor {
    pub deferred: Deferred,
    pub reactor: Obj,
    pub queue: Arc<Messages>,
}

impl Job {
    /// Shows every object that it refers to.
    pub fn each(&self, see: &mut impl FnMut(&Obj)) {
        match self {
            Job::Call(function) => see(function),
            Job::InContext {
                context,
                task,
                result,
            } => {
                see(context);
                task.each(see);
                match result {
                    Recipient::Nobody => {}
                    Recipient::Function(function) => see(function),
                    Recipient::Deferred(to) => {
                        see(to.deferred.object());
                        see(&to.reactor);
                    }
                }
            }
        }
    }

    /// Does it, on this thread.
    ///
    /// Returns what is left to do, if a reactor is to hear of the result.
    pub fn run(self) -> Option<WakeOnDrop> {
        let done = guarded(|| {
            let support = support()?;
            match self {
                Job::Call(function) => function.call(&[]).map(|_| None),
                Job::InContext {
                    context,
                    task,
                    result,
                } => {
                    let outcome = guarded(|| support.in_context(&context, &task));
                    drop((context, task));
                    result.tell(outcome, support)
                }
            }
        });
        done.unwrap_or_else(|raised| {
            if let Ok(support) = support() {
                support.log_raised(support.frames.work.through(raised));
            }
            None
        })
    }
}

impl Recipient {
    fn tell(self, outcome: Maybe, support: &Support) -> Maybe<Option<WakeOnDrop>> {
        let (success, result) = match outcome {
            Ok(result) => (true, result),
            Err(raised) => {
                let failure = support.modules.failure(raised, &support.frames.job)?;
                (false, failure)
            }
        };
        match self {
            Recipient::Nobody if success => Ok(None),
            Recipient::Nobody => support.log_failure(&result).map(|()| None),
            Recipient::Function(function) => {
                function
                    .call(&[Obj::bool(success).as_ptr(), result.as_ptr()])
                    .map_err(|raised| support.frames.on_result.through(raised))?;
                Ok(None)
            }
            Recipient::Deferred(to) => to.tell(success, result),
        }
    }
}

impl DeferredOfReactor {
    fn tell(self, success: bool, result: Obj) -> Maybe<Option<WakeOnDrop>> {
        let DeferredOfReactor {
            deferred,
            reactor,
            queue,
        } = self;
        if takes_results(&reactor)? {
            let message = match success {
                true => Message::Callback(deferred, result),
                false => Message::Errback(deferred, result),
            };
            return send_result(&reactor, &queue, message);
        }
        let name = match success {
            true => &names().callback,
            false => &names().errback,
        };
        let method = deferred.object().getattr(name)?;
        let arguments = [ptr::null_mut(), method.as_ptr(), result.as_ptr()];
        reactor.call_method(&names().call_from_thread, arguments)?;
        Ok(None)
    }
}

/// Asks a pool for a job. A pool that was stopped drops it, as Twisted's does.
pub fn submit(pool: &Obj, task: Task, result: Recipient) -> Maybe<()> {
    if pool.getattr(&names().joined)?.is_true()? {
        return Ok(());
    }
    let context = support()?.context()?;
    let job = Job::InContext {
        context,
        task,
        result,
    };
    let team = pool.getattr(&names().team)?;
    if super::team::TEAMS.is_one(&team) {
        return queue(&team, job);
    }
    do_elsewhere(&team, job)
}

/// Hands a job to a team of another kind, which takes calls without arguments.
#[cold]
fn do_elsewhere(team: &Obj, job: Job) -> Maybe<()> {
    let call = super::call::of(job)?;
    team.get("do")?.call(&[call.as_ptr()])?;
    Ok(())
}

/// `callInThread(func, *args, **kw)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn call_in_thread(
    raw: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let pool = Obj::borrowed(raw);
        let ([_], task) = bind_leading("callInThread", ["func"], arguments, count, names)?;
        if !takes_jobs(&pool)? {
            let method = pool.getattr(&crate::twisted::names().call_in_thread_with_callback)?;
            return task.hand_over(&method, [Obj::none()]);
        }
        submit(&pool, task, Recipient::Nobody)?;
        Ok(Obj::none())
    })
}

/// Whether the pool's `callInThreadWithCallback` is the one here: a subclass may replace it, and so may
/// whoever has the pool.
pub fn takes_jobs(pool: &Obj) -> Maybe<bool> {
    Ok(support()?.call_in_thread_with_callback.belongs_to(pool))
}

/// `callInThreadWithCallback(onResult, func, *args, **kw)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn call_in_thread_with_callback(
    raw: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let pool = Obj::borrowed(raw);
        let ([on_result, _], task) = bind_leading(
            "callInThreadWithCallback",
            ["onResult", "func"],
            arguments,
            count,
            names,
        )?;
        let result = if on_result.is(none()) {
            Recipient::Nobody
        } else {
            Recipient::Function(on_result)
        };
        submit(&pool, task, result)?;
        Ok(Obj::none())
    })
}
