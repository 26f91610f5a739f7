//! A team of workers: what `twisted._threads.pool` makes.

use std::sync::Arc;

use deferrous::event_loop::{Next, Team};
use pyo3::{
    exceptions::{PyOverflowError, PyRuntimeError},
    gc::{PyTraverseError, PyVisit},
    prelude::*,
    types::{PyDict, PyList},
};

use super::{
    job::Job,
    running::{RunningJobs, Worker},
    starting::{Start, Starting, wait_for_others},
    support::support,
};
use crate::{
    interp::{Field, detached, fallible, forks, give_way, is_free, is_time_to_give_way, name},
    metrics::{JOBS, QUEUED, turns},
};

/// A job, the number that it was queued as, and when that was, in nanoseconds, if somebody counts such times.
type Numbered = (u64, Option<u64>, Job);

/// Jobs, and the threads that take them.
#[pyclass(frozen, name = "Team", module = "deferrous._core")]
pub struct PyTeam {
    /// The jobs and the workers. These wait without the interpreter, but only attached threads get at the jobs:
    /// nobody waits for their lock, the collector included.
    team: Field<Arc<Team<Numbered>>>,
    /// How many [forks] had led to the process whose threads the workers of `team` are.
    forks: Field<usize>,
    quitting: Field<bool>,
    starting: Starting,
    running: RunningJobs,
    /// The number of the job that was queued last.
    last: Field<u64>,
    /// Says how many workers there may be. Absent when the collector has ended the team.
    current_limit: Field<Option<Py<PyAny>>>,
    /// Makes a thread. Absent when the collector has ended the team.
    thread_factory: Field<Option<Py<PyAny>>>,
}

/// A team of workers, as `ThreadPool._pool` makes one.
///
/// Args:
///     currentLimit: a function that says how many workers there may be.
///     threadFactory: a function that is called with `target=...` and returns a thread.
#[pyfunction]
#[allow(non_snake_case)]
pub fn team(py: Python<'_>, currentLimit: Py<PyAny>, threadFactory: Py<PyAny>) -> PyResult<PyTeam> {
    support(py)?;
    Ok(PyTeam {
        team: Field::new(Arc::new(Team::new())),
        forks: Field::new(forks()),
        quitting: Field::new(false),
        starting: Starting::new(),
        running: RunningJobs::new(),
        last: Field::new(0),
        current_limit: Field::new(Some(currentLimit)),
        thread_factory: Field::new(Some(threadFactory)),
    })
}

impl PyTeam {
    /// The jobs and the workers.
    #[inline]
    fn team(&self, py: Python<'_>) -> Arc<Team<Numbered>> {
        if self.forks.get(py) != forks() {
            self.renew(py);
        }
        self.team.clone_out(py)
    }

    /// The threads that are starting workers.
    fn starting(&self, py: Python<'_>) -> &Starting {
        if self.forks.get(py) != forks() {
            self.renew(py);
        }
        &self.starting
    }

    /// In a process that was forked off, takes a team without workers for the same jobs. The parent's workers
    /// are not there, and one of them may have locked the team for ever.
    #[cold]
    fn renew(&self, py: Python<'_>) {
        let team = Team::new();
        for job in self.team.clone_out(py).abandon() {
            // A new team takes all.
            let _ = team.push(job);
        }
        if self.quitting.get(py) {
            team.quit();
        }
        self.team.set(py, Arc::new(team));
        self.forks.set(py, forks());
        self.starting.keep_this_thread(py);
        self.running.keep(py, Worker::current(py).ok());
    }

    /// Takes a job out that no worker has begun.
    #[cold]
    fn withdraw(&self, py: Python<'_>, number: u64) {
        drop(self.team(py).withdraw(|&(queued, ..)| queued == number));
    }

    /// What the workers do until there is nothing left for them.
    fn work(slf: &Bound<'_, Self>) {
        let (py, this) = (slf.py(), slf.get());
        let (mut team, mut since) = (this.team(py), forks());
        let mut next = team.first();
        let mut wake = None;
        let worker = Worker::current(py).ok();
        loop {
            next = match next {
                Next::Job((_, queued, job)) => {
                    // What one job leaves to do is done before the next.
                    drop(wake.take());
                    let running = worker.map(|worker| (&this.running, worker));
                    wake = counted(queued, || job.run(py, running));
                    if is_time_to_give_way() {
                        drop(wake.take());
                        // What another thread has this one raise is no job's, and does not end the worker.
                        if let Err(error) = give_way(py) {
                            error.write_unraisable(py, Some(slf));
                        }
                    }
                    if since == forks() {
                        team.next()
                    } else {
                        // The job has forked, and this is the child: its only thread goes on as a worker.
                        (team, since) = (this.team(py), forks());
                        join(&team)
                    }
                }
                Next::Wait => {
                    detached(slf.py(), || {
                        drop(wake.take());
                        team.spin(is_free);
                        team.wait();
                    });
                    team.first()
                }
                Next::Leave => return,
            };
        }
    }
}

#[pymethods]
impl PyTeam {
    /// Call task in a worker.
    #[pyo3(name = "do", signature = (task, /))]
    fn perform(slf: &Bound<'_, Self>, task: Py<PyAny>) -> PyResult<()> {
        queue(slf, Job::Call(task))
    }

    /// Start up to n more workers.
    #[pyo3(signature = (n, /))]
    fn grow(slf: &Bound<'_, Self>, n: isize) -> PyResult<()> {
        let py = slf.py();
        if slf.get().team(py).is_quitting() {
            return Err(already_quit(py));
        }
        start_workers(slf, usize::try_from(n).unwrap_or(0))
    }

    /// Have n workers end when they have nothing to do; all of them for None.
    #[pyo3(signature = (n=None))]
    fn shrink(&self, py: Python<'_>, n: Option<isize>) -> PyResult<()> {
        let team = self.team(py);
        if team.is_quitting() {
            return Err(already_quit(py));
        }
        let statistics = team.statistics();
        team.shrink(match n {
            Some(count) => usize::try_from(count).unwrap_or(0),
            None => statistics.idle + statistics.busy,
        });
        Ok(())
    }

    /// Take no more tasks, and end all workers when those that wait are done.
    fn quit(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let team = this.team(py);
        this.quitting.set(py, true);
        if !team.quit() {
            return Err(already_quit(py));
        }
        wait_for_others(py, || this.starting(py))
    }

    /// How many workers are idle and busy, and how many tasks wait for one.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let found = self.team(py).statistics();
        let idle = fallible::int(py, found.idle)?;
        let busy = fallible::int(py, found.busy)?;
        let backlog = fallible::int(py, found.backlog)?;
        support(py)?
            .statistics
            .bind(py)
            .call1((idle, busy, backlog))
    }

    /// The jobs that have not been done, as a list of tuples: the function; the address of the Deferred or
    /// the function that is told of the result, or 0; the ident of the thread that has begun it, or None;
    /// and for how many seconds that has been so, or None if neither records nor times were kept then.
    fn jobs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        // In a copy of the process, which is not to do the jobs, they stay as they are.
        let team = self.team.clone_out(py);
        let jobs = fallible::list_of(py, self.running.list(py)?)?;
        let queued: Vec<_> = team.peek(|jobs| jobs.iter().map(|(.., job)| job.call(py)).collect());
        for (function, tells) in queued {
            let none = || py.None().into_bound(py);
            let tells = fallible::int(py, tells)?;
            jobs.append(fallible::tuple(py, [function, tells, none(), none()])?)?;
        }
        Ok(jobs)
    }

    /// What the thread of a worker does.
    #[pyo3(name = "_work")]
    fn work_in_thread(slf: &Bound<'_, Self>) {
        Self::work(slf);
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.team.traverse_with(&visit, |team, visit| {
            team.peek(|jobs| jobs.iter().try_for_each(|(.., job)| job.traverse(visit)))
        })?;
        self.running.traverse(&visit)?;
        self.current_limit.traverse(&visit)?;
        self.thread_factory.traverse(&visit)
    }

    fn __clear__(&self, py: Python<'_>) {
        let jobs = self.team.clone_out(py).abandon();
        let limit = self.current_limit.take(py);
        drop((jobs, limit, self.thread_factory.take(py)));
    }
}

/// Does a job, and counts how long it was queued and how long it took, if somebody wants to know.
#[inline]
fn counted<R>(queued: Option<u64>, work: impl FnOnce() -> R) -> R {
    if !turns::are_timed() {
        return work();
    }
    let began = turns::now();
    if let Some(queued) = queued {
        QUEUED.count(began.saturating_sub(queued));
    }
    let result = work();
    JOBS.count(turns::now().saturating_sub(began));
    result
}

#[cold]
fn already_quit(py: Python<'_>) -> PyErr {
    let made = support(py).and_then(|support| support.already_quit.bind(py).call0());
    made.map_or_else(|error| error, PyErr::from_value)
}

/// Queues a job, and starts a worker for it if none is free and there may be one more. If that fails, the job
/// is not done, unless another worker has begun it meanwhile.
pub fn queue(team: &Bound<'_, PyTeam>, job: Job) -> PyResult<()> {
    let (py, this) = (team.py(), team.get());
    let number = this.last.get(py) + 1;
    this.last.set(py, number);
    let queued = turns::are_timed().then(turns::now);
    match this.team(py).push((number, queued, job)) {
        Ok(false) => Ok(()),
        Ok(true) => start_workers(team, 1).inspect_err(|_| this.withdraw(py, number)),
        Err(refused) => {
            drop(refused);
            Err(already_quit(py))
        }
    }
}

/// Starts up to `count` workers.
fn start_workers(object: &Bound<'_, PyTeam>, count: usize) -> PyResult<()> {
    let (py, this) = (object.py(), object.get());
    let collected =
        || fallible::error::<PyRuntimeError>(py, "this object was collected as garbage");
    let limit = this.current_limit.clone_out(py).ok_or_else(collected)?;
    let factory = this.thread_factory.clone_out(py).ok_or_else(collected)?;
    let (limit, factory) = (limit.into_bound(py), factory.into_bound(py));
    let team = this.team(py);
    let _start = Start::begin(this.starting(py), py);
    for _ in 0..count {
        if !team.reserve(count_of(&limit.call0()?)?) {
            break;
        }
        start_worker(object, &team, &factory)?;
    }
    Ok(())
}

/// The value of a limit. One that is too large or too small is clipped.
fn count_of(limit: &Bound<'_, PyAny>) -> PyResult<usize> {
    match limit.extract::<isize>() {
        Ok(limit) => Ok(usize::try_from(limit).unwrap_or(0)),
        Err(error) if error.is_instance_of::<PyOverflowError>(limit.py()) => {
            Ok(if limit.gt(0)? { usize::MAX } else { 0 })
        }
        Err(error) => Err(error),
    }
}

/// `threadFactory(target=team._work).start()`, for a worker that has a reserved place.
fn start_worker(
    object: &Bound<'_, PyTeam>,
    team: &Team<Numbered>,
    factory: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let thread = make_thread(object, factory).inspect_err(|_| team.cancel_reservation())?;
    team.activate();
    thread
        .call_method0(name!(object.py(), "start")?)
        .inspect_err(|_| team.start_failed())?;
    Ok(())
}

/// `threadFactory(target=team._work)`.
fn make_thread<'py>(
    object: &Bound<'py, PyTeam>,
    factory: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    let keywords: Bound<'_, PyDict> = fallible::dict(py)?;
    let target = object.getattr(name!(py, "_work")?)?;
    keywords.set_item(name!(py, "target")?, target)?;
    factory.call((), Some(&keywords))
}

/// Makes this thread a worker of the team, if that wants one.
fn join(team: &Team<Numbered>) -> Next<Numbered> {
    if !team.reserve(usize::MAX) {
        return Next::Leave;
    }
    team.activate();
    team.first()
}
