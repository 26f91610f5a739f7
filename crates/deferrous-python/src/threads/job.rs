//! What workers do, and who is told of the result.

use std::sync::Arc;

use deferrous::event_loop::WakeOnDrop;
use pyo3::{
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::PyBool,
};

use super::{
    running::{RunningJobs, Worker},
    support::{Support, support},
};
use crate::{
    defer::Deferred,
    interp::{Task, name, without_panic},
    reactor::{Message, Messages, Reactor, send},
};

/// Something for a worker to do.
pub enum Job {
    /// A call without arguments, which logs its errors.
    Call(Py<PyAny>),
    /// A call in the context of whoever asked for it.
    InContext {
        context: Py<PyAny>,
        task: Task,
        result: Recipient,
    },
}

/// Who is told of the result of a job.
pub enum Recipient {
    /// Nobody: errors are logged.
    Nobody,
    /// A function that is called with whether it succeeded, and the result or the failure.
    Function(Py<PyAny>),
    /// A Deferred of the thread that runs this reactor of ours.
    Deferred(DeferredOfReactor),
}

/// What a result of `deferToThreadPool` goes to.
pub struct DeferredOfReactor {
    pub deferred: Py<Deferred>,
    pub reactor: Py<PyAny>,
    pub queue: Arc<Messages>,
}

impl Job {
    /// Shows the collector every object that it refers to.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Job::Call(function) => visit.call(function),
            Job::InContext {
                context,
                task,
                result,
            } => {
                visit.call(context)?;
                task.traverse(visit)?;
                match result {
                    Recipient::Nobody => Ok(()),
                    Recipient::Function(function) => visit.call(function),
                    Recipient::Deferred(to) => {
                        visit.call(&to.deferred)?;
                        visit.call(&to.reactor)
                    }
                }
            }
        }
    }

    /// What it calls, and the address of who is told of the result, or 0.
    pub fn call<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, usize) {
        match self {
            Job::Call(function) => (function.bind(py).clone(), 0),
            Job::InContext { task, result, .. } => {
                (task.function.bind(py).clone(), result.address())
            }
        }
    }

    /// Does it, on this thread, which `running` notes if it is there.
    ///
    /// Returns what wakes the reactor, if that is to hear of the result.
    pub fn run(
        self,
        py: Python<'_>,
        running: Option<(&RunningJobs, Worker)>,
    ) -> Option<WakeOnDrop> {
        let begun = running.map(|(jobs, worker)| {
            let (function, tells) = self.call(py);
            jobs.begin(worker, &function, tells)
        });
        let done = without_panic(py, || {
            let support = support(py)?;
            match self {
                Job::Call(function) => {
                    let done = function.into_bound(py).call0();
                    drop(begun);
                    done.map(|_| None)
                }
                Job::InContext {
                    context,
                    task,
                    result,
                } => {
                    let context = context.into_bound(py);
                    let outcome = without_panic(py, || support.in_context(&context, task));
                    // Before the result is told: nothing is left here then that could end too late.
                    drop((begun, context));
                    result.tell(outcome, support, py)
                }
            }
        });
        done.unwrap_or_else(|error| {
            if let Ok(support) = support(py) {
                support.log_error(py, error, &support.frames.work);
            }
            None
        })
    }
}

impl Recipient {
    /// The address of the object that is told, or 0.
    fn address(&self) -> usize {
        match self {
            Recipient::Nobody => 0,
            Recipient::Function(function) => function.as_ptr().addr(),
            Recipient::Deferred(to) => to.deferred.as_ptr().addr(),
        }
    }

    fn tell<'py>(
        self,
        outcome: PyResult<Bound<'py, PyAny>>,
        support: &Support,
        py: Python<'py>,
    ) -> PyResult<Option<WakeOnDrop>> {
        let (success, result) = match outcome {
            Ok(result) => (true, result),
            Err(error) => {
                let failure = support.modules.failure(py, error, &support.frames.job)?;
                (false, failure)
            }
        };
        match self {
            Recipient::Nobody if success => Ok(None),
            Recipient::Nobody => support.log_failure(&result).map(|()| None),
            Recipient::Function(function) => {
                let success = PyBool::new(py, success);
                let function = function.into_bound(py);
                let told = function.call1((success, result));
                told.map_err(|error| support.frames.on_result.through(py, error))?;
                Ok(None)
            }
            Recipient::Deferred(to) => to.tell(success, result),
        }
    }
}

impl DeferredOfReactor {
    fn tell(self, success: bool, result: Bound<'_, PyAny>) -> PyResult<Option<WakeOnDrop>> {
        let py = result.py();
        let DeferredOfReactor {
            deferred,
            reactor,
            queue,
        } = self;
        let object = reactor.into_bound(py);
        let reactor = Reactor::of(&object)?;
        if reactor.takes_results() {
            let message = match success {
                true => Message::Callback(deferred, result.unbind()),
                false => Message::Errback(deferred, result.unbind()),
            };
            return send(&reactor, &queue, message, reactor.has_own_waker());
        }
        let name = match success {
            true => name!(py, "callback")?,
            false => name!(py, "errback")?,
        };
        let method = deferred.into_bound(py).getattr(name)?;
        object.call_method1(name!(py, "callFromThread")?, (method, result))?;
        Ok(None)
    }
}
