//! From paths to lines: one coroutine walks and starts, another waits for the results in order and
//! writes them.

use std::{
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deferrous::{
    Deferred, DeferredQueue, DeferredSemaphore, Failure, FirstError, Reactor, SemaphorePermit,
    ThreadPool, deferred_with_canceller, fail, gather_results_or_cancel,
};

use crate::{
    report::{Finished, Report},
    sha256::{Digest, sha256},
    walk::{Found, Walk},
};

/// How many files are looked for in one job.
const BATCH: usize = 64;

/// How many files may be started or done while a slow one before them holds up their lines. It
/// bounds the memory that the program needs for a tree of any size.
const AHEAD: usize = 1024;

#[derive(Clone)]
pub struct Pipeline {
    reactor: Reactor,
    /// Not the reactor's own pool: a reactor that stops waits for that one, and a read may be stuck
    /// in a pipe without a writer. It has no limit, so that files do not queue behind stuck
    /// threads; `jobs` is the limit.
    pool: ThreadPool,
    jobs: DeferredSemaphore,
    places: DeferredSemaphore,
    queue: DeferredQueue<Option<Queued>>,
    timeout: Option<Duration>,
    report: Rc<Report>,
}

/// A file in the order of its line, from when it is found until that is written.
struct Queued {
    finished: Deferred<Finished>,
    place: SemaphorePermit,
}

impl Pipeline {
    pub fn new(
        reactor: &Reactor,
        jobs: usize,
        timeout: Option<Duration>,
        report: Rc<Report>,
    ) -> Self {
        let pool = ThreadPool::new(0, usize::MAX);
        pool.start();
        Pipeline {
            reactor: reactor.clone(),
            pool,
            jobs: DeferredSemaphore::new(jobs),
            places: DeferredSemaphore::new(AHEAD),
            queue: DeferredQueue::new(),
            timeout,
            report,
        }
    }

    /// Hashes all files under the paths. A failure means that the program cannot go on, as where no
    /// line can be written; files that cannot be read are in the report.
    pub fn run(self, paths: Vec<PathBuf>) -> Deferred<()> {
        let writing = self.reactor.spawn(self.clone().write());
        let walking = self.reactor.clone().spawn(self.walk(Walk::new(paths)));
        gather_results_or_cancel([writing, walking])
            .map(|_| ())
            .add_errback(|failure| Err(failure.downcast::<FirstError>()?.failure))
    }

    async fn walk(self, mut walk: Walk) -> Result<(), Failure> {
        loop {
            // Directories may be slow to read too. The walk goes into the thread and comes back
            // with what it found.
            let job = move || Ok((walk.by_ref().take(BATCH).collect::<Vec<_>>(), walk));
            let (batch, rest) = self.reactor.defer_to(&self.pool, job).await?;
            walk = rest;
            if batch.is_empty() {
                self.line_up(None);
                return Ok(());
            }
            for found in batch {
                let place = self.places.acquire().await?;
                let finished = self.finish(found);
                self.line_up(Some(Queued { finished, place }));
            }
        }
    }

    /// Puts a file in the queue, or the end of them all.
    fn line_up(&self, next: Option<Queued>) {
        // The queue has no limit of its own, and refuses nothing.
        let _ = self.queue.put(next);
    }

    async fn write(self) -> Result<(), Failure> {
        while let Some(Queued { finished, place }) = self.queue.get()?.await? {
            self.report.write(&finished.await?)?;
            place.release();
        }
        Ok(())
    }

    /// What becomes of a file. That it could not be hashed is one of the answers, and no failure of
    /// the Deferred.
    fn finish(&self, found: Found) -> Deferred<Finished> {
        let Found { path, size } = found;
        let digest = match size {
            Ok(size) => {
                self.report.bar().inc_length(size);
                let (pipeline, path) = (self.clone(), path.clone());
                self.jobs.run(move || pipeline.hash(path))
            }
            Err(failure) => fail(failure),
        };
        digest.add_both(move |digest| Ok(Finished { path, digest }))
    }

    /// Hashes a file in a thread, for no longer than the timeout.
    ///
    /// When the Deferred is cancelled, by the timeout or at the program's end, it fails at once,
    /// but no thread can be stopped from outside: this one goes on until it comes to look at the
    /// flag, which it does between two reads. If a read or the opening itself is stuck, it stays so
    /// until the process ends, and its result is ignored.
    fn hash(&self, path: PathBuf) -> Deferred<Digest> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = cancelled.clone();
        let (trigger, digest) =
            deferred_with_canceller(move |_| flag.store(true, Ordering::Relaxed));
        let bar = self.report.bar().clone();
        let job = move || sha256(&path, &cancelled, |bytes| bar.inc(bytes));
        self.reactor
            .defer_to(&self.pool, job)
            .add_both(move |result| {
                // It has been fired already if it was cancelled.
                let _ = trigger.fire_with(result);
            });
        match self.timeout {
            Some(timeout) => digest.add_timeout(timeout, &self.reactor),
            None => digest,
        }
    }
}
