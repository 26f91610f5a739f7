//! A team of workers: what `twisted._threads.pool` makes.

use std::{
    ptr,
    sync::Arc,
    thread::{self, ThreadId},
};

use deferrous::event_loop::{Next, Team};
use pyo3::ffi;

use super::{
    job::Job,
    starting::{Start, wait_for_others},
    support::support,
};
use crate::{
    interp::{
        Attached, CALL_WITH_KEYWORDS, Held, Holder, Maybe, NO_ARGUMENTS, ONE_ARGUMENT, Obj, Raised,
        Raw, Signature, detached, doc, enter, forks, give_way, is_free, is_time_to_give_way,
        method, write_unraisable,
    },
    twisted::none,
};

type Count = ffi::Py_ssize_t;

/// A job, and the number that it was queued as.
type Numbered = Attached<(u64, Job)>;

/// What a team holds.
pub struct PyTeam {
    /// The jobs and the workers. These wait without the interpreter, but only attached threads get at the jobs:
    /// nobody waits for their lock, the collector included.
    team: Arc<Team<Numbered>>,
    /// How many [forks] had led to the process whose threads the workers of `team` are.
    forks: usize,
    quitting: bool,
    /// The threads that are starting workers.
    pub starting: Vec<ThreadId>,
    /// The number of the job that was queued last.
    last: u64,
    /// Says how many workers there may be.
    current_limit: Obj,
    /// Makes a thread.
    thread_factory: Obj,
}

impl PyTeam {
    /// In a process that was forked off, takes a team without workers for the same jobs. The parent's workers
    /// are not there, and one of them may have locked the team for ever.
    #[cold]
    fn renew(&mut self, forks: usize) {
        let team = Team::new();
        for job in self.team.abandon() {
            // A new team takes all.
            let _ = team.push(job);
        }
        if self.quitting {
            team.quit();
        }
        self.team = Arc::new(team);
        self.forks = forks;
        let own = thread::current().id();
        self.starting.retain(|&thread| thread == own);
    }
}

/// Looks at what a team holds. `body` must run no Python code.
pub fn with_team<R>(team: &Obj, body: impl FnOnce(&mut PyTeam) -> R) -> Maybe<R> {
    TEAMS.with(team, |parts| {
        let forks = forks();
        if parts.forks != forks {
            parts.renew(forks);
        }
        body(parts)
    })
}

impl Held for PyTeam {
    fn holder() -> &'static Holder<Self> {
        &TEAMS
    }

    fn each(&self, see: &mut impl FnMut(&Obj)) {
        self.team
            .peek(|jobs| jobs.iter().for_each(|job| job.0.1.each(see)));
        see(&self.current_limit);
        see(&self.thread_factory);
    }
}

pub static TEAMS: Holder<PyTeam> = Holder::new();

/// Makes the class.
pub fn make_class() -> Maybe {
    let methods = vec![
        method(c"do", ONE_ARGUMENT(perform), c"do($self, task, /)\n--\n\nCall task in a worker."),
        method(c"grow", ONE_ARGUMENT(grow), c"grow($self, n, /)\n--\n\nStart up to n more workers."),
        method(c"shrink", CALL_WITH_KEYWORDS(shrink), c"shrink($self, n=None)\n--\n\nHave n workers end when they have nothing to do; all of them for None."),
        method(c"quit", NO_ARGUMENTS(quit), c"quit($self, /)\n--\n\nTake no more tasks, and end all workers when those that wait are done."),
        method(c"statistics", NO_ARGUMENTS(statistics), c"statistics($self, /)\n--\n\nHow many workers are idle and busy, and how many tasks wait for one."),
        method(c"_work", NO_ARGUMENTS(work), c"_work($self, /)\n--\n\nWhat the thread of a worker does."),
    ];
    let docstring = doc(c"Jobs, and the threads that take them.");
    TEAMS.define(c"deferrous._core.Team", methods, vec![docstring])
}

const NEW: Signature<2> = Signature {
    function: "team",
    names: ["currentLimit", "threadFactory"],
    required: 2,
};

/// `team(currentLimit, threadFactory)`.
///
/// # Safety
///
/// Called by the interpreter.
pub unsafe extern "C" fn new(_: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        let [current_limit, thread_factory] = NEW.bind(arguments, count, names)?;
        support()?;
        TEAMS.make(PyTeam {
            team: Arc::new(Team::new()),
            forks: forks(),
            quitting: false,
            starting: Vec::new(),
            last: 0,
            current_limit: Obj::borrowed(current_limit),
            thread_factory: Obj::borrowed(thread_factory),
        })
    })
}

fn team_of(team: &Obj) -> Maybe<Arc<Team<Numbered>>> {
    with_team(team, |parts| parts.team.clone())
}

#[cold]
fn already_quit() -> Raised {
    if let Ok(support) = support() {
        // SAFETY: the class is alive.
        unsafe { ffi::PyErr_SetNone(support.already_quit.as_ptr()) };
    }
    Raised
}

/// Queues a job, and starts a worker for it if none is free and there may be one more. If that fails, the job
/// is not done, unless another worker has begun it meanwhile.
pub fn queue(team: &Obj, job: Job) -> Maybe<()> {
    let (number, pushed) = with_team(team, |parts| {
        parts.last += 1;
        let number = parts.last;
        (number, parts.team.push(Attached((number, job))))
    })?;
    match pushed {
        Ok(false) => Ok(()),
        Ok(true) => start_workers(team, 1).inspect_err(|_| withdraw(team, number)),
        Err(refused) => {
            drop(refused);
            Err(already_quit())
        }
    }
}

/// Takes a job out that no worker has begun.
fn withdraw(team: &Obj, number: u64) {
    let job = team_of(team).map(|team| team.withdraw(|job| job.0.0 == number));
    drop(job);
}

/// Starts up to `count` workers.
fn start_workers(object: &Obj, count: usize) -> Maybe<()> {
    let (team, limit, factory) = with_team(object, |parts| {
        (
            parts.team.clone(),
            parts.current_limit.clone(),
            parts.thread_factory.clone(),
        )
    })?;
    let _start = Start::begin(object)?;
    for _ in 0..count {
        let limit = limit.call(&[])?;
        // SAFETY: the object is alive.
        let limit = unsafe { ffi::PyNumber_AsSsize_t(limit.as_ptr(), ptr::null_mut()) };
        // SAFETY: the thread is attached.
        if limit == -1 && unsafe { !ffi::PyErr_Occurred().is_null() } {
            return Err(Raised);
        }
        if !team.reserve(usize::try_from(limit).unwrap_or(0)) {
            break;
        }
        start_worker(object, &team, &factory)?;
    }
    Ok(())
}

/// `threadFactory(target=team._work).start()`, for a worker that has a reserved place.
fn start_worker(object: &Obj, team: &Team<Numbered>, factory: &Obj) -> Maybe<()> {
    let thread = match make_thread(object, factory) {
        Ok(thread) => thread,
        Err(raised) => {
            team.cancel_reservation();
            return Err(raised);
        }
    };
    team.activate();
    match thread.get("start").and_then(|start| start.call(&[])) {
        Ok(_) => Ok(()),
        Err(raised) => {
            team.start_failed();
            Err(raised)
        }
    }
}

/// `threadFactory(target=team._work)`.
fn make_thread(team: &Obj, factory: &Obj) -> Maybe {
    let target = team.get("_work")?;
    let keywords = Obj::tuple([Obj::name("target")?])?;
    let arguments = [target.as_ptr()];
    // SAFETY: the callable, the value and the name are alive during the call.
    unsafe {
        Obj::owned(ffi::PyObject_Vectorcall(
            factory.as_ptr(),
            arguments.as_ptr(),
            0,
            keywords.as_ptr(),
        ))
    }
}

/// # Safety
/// `raw` is a team, and `task` is alive.
unsafe extern "C" fn perform(raw: Raw, task: Raw) -> Raw {
    // SAFETY: called by the interpreter with a team and an object.
    enter(|| unsafe {
        queue(&Obj::borrowed(raw), Job::Call(Obj::borrowed(task)))?;
        Ok(Obj::none())
    })
}

/// # Safety
/// `raw` is a team, and `count` is alive.
unsafe extern "C" fn grow(raw: Raw, count: Raw) -> Raw {
    // SAFETY: called by the interpreter with a team and an object.
    enter(|| unsafe {
        let team = Obj::borrowed(raw);
        let count = ffi::PyNumber_AsSsize_t(count, ffi::PyExc_OverflowError);
        if count == -1 && !ffi::PyErr_Occurred().is_null() {
            return Err(Raised);
        }
        if team_of(&team)?.is_quitting() {
            return Err(already_quit());
        }
        start_workers(&team, usize::try_from(count).unwrap_or(0))?;
        Ok(Obj::none())
    })
}

const SHRINK: Signature<1> = Signature {
    function: "Team.shrink",
    names: ["n"],
    required: 0,
};

/// # Safety
/// `raw` is a team. There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn shrink(raw: Raw, arguments: *const Raw, count: Count, names: Raw) -> Raw {
    // SAFETY: called by the interpreter with a team.
    enter(|| unsafe {
        let [given] = SHRINK.bind(arguments, count, names)?;
        let team = team_of(&Obj::borrowed(raw))?;
        if team.is_quitting() {
            return Err(already_quit());
        }
        let count = if given.is_null() || ptr::eq(given, none()) {
            let statistics = team.statistics();
            statistics.idle + statistics.busy
        } else {
            let count = ffi::PyNumber_AsSsize_t(given, ffi::PyExc_OverflowError);
            if count == -1 && !ffi::PyErr_Occurred().is_null() {
                return Err(Raised);
            }
            usize::try_from(count).unwrap_or(0)
        };
        team.shrink(count);
        Ok(Obj::none())
    })
}

/// # Safety
/// `raw` is a team.
unsafe extern "C" fn quit(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a team.
    enter(|| unsafe {
        let team = Obj::borrowed(raw);
        let first = with_team(&team, |parts| {
            parts.quitting = true;
            parts.team.quit()
        })?;
        if !first {
            return Err(already_quit());
        }
        wait_for_others(&team)?;
        Ok(Obj::none())
    })
}

/// # Safety
/// `raw` is a team.
unsafe extern "C" fn statistics(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a team.
    enter(|| unsafe {
        let found = team_of(&Obj::borrowed(raw))?.statistics();
        let number = |count: usize| Obj::int(count.cast_signed());
        let (idle, busy) = (number(found.idle)?, number(found.busy)?);
        let backlog = number(found.backlog)?;
        support()?
            .statistics
            .call(&[idle.as_ptr(), busy.as_ptr(), backlog.as_ptr()])
    })
}

/// Makes this thread a worker of the team, if that wants one.
fn join(team: &Team<Numbered>) -> Next<Numbered> {
    if !team.reserve(usize::MAX) {
        return Next::Leave;
    }
    team.activate();
    team.first()
}

/// A worker's life. It waits without the interpreter, and looks for the next job with it: what one job
/// after the other needs is then handed over once.
///
/// # Safety
/// `raw` is a team.
unsafe extern "C" fn work(raw: Raw, _: Raw) -> Raw {
    // SAFETY: called by the interpreter with a team.
    enter(|| unsafe {
        let object = Obj::borrowed(raw);
        let (mut team, mut since) = (team_of(&object)?, forks());
        let mut next = team.first();
        let mut wake = None;
        loop {
            next = match next {
                Next::Job(Attached((_, job))) => {
                    // What one job leaves to do is done before the next.
                    drop(wake.take());
                    wake = job.run();
                    if is_time_to_give_way() {
                        drop(wake.take());
                        // What another thread has this one raise is no job's, and does not end the worker.
                        if let Err(raised) = give_way() {
                            write_unraisable(raised, raw);
                        }
                    }
                    if since == forks() {
                        team.next()
                    } else {
                        // The job has forked, and this is the child: its only thread goes on as a worker.
                        (team, since) = (team_of(&object)?, forks());
                        join(&team)
                    }
                }
                Next::Wait => {
                    detached(|| {
                        drop(wake.take());
                        team.spin(is_free);
                        team.wait();
                    });
                    team.first()
                }
                Next::Leave => return Ok(Obj::none()),
            };
        }
    })
}
