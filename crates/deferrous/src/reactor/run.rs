//! The loop, from `run` to its end.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::{
    errors::ReactorError,
    keys::is_source,
    signal_handlers::STOPPING,
    state::{Message, Reactor, Shared, Stage},
    triggers::{Phase, SystemEvent},
};
use crate::{
    coroutine::{Drains, has_work, run_ready_if_outermost, run_ready_once, run_request},
    deferred::{Deferred, cell::Outcome, deferred, succeed},
    diagnostics,
    event_loop::{Events, Waiter},
    failure::Failure,
    unhandled::{Origin, drop_reporting, report},
};

/// How long a stopping reactor waits before it looks again whether threads that wait for it wait in
/// vain.
const RECHECK: Duration = Duration::from_millis(20);

/// What a turn of the loop uses again and again.
struct Turn {
    events: Events,
    messages: VecDeque<Message>,
    shared: Arc<Shared>,
    waiter: Arc<Waiter>,
}

impl Reactor {
    /// Runs until [`stop`](Self::stop) is called and the shutdown triggers are done; Twisted's
    /// `run`.
    ///
    /// SIGINT and SIGTERM stop it, unless the [builder](Self::builder) said otherwise. A second
    /// one, during the shutdown, does what it did before the reactor ran: it ends the process, or
    /// only calls the handler that the program has installed. At the end all that is
    /// pending is dropped: delayed calls, descriptors and signal handlers; Deferreds that wait for
    /// it fail with [`Abandoned`](crate::Abandoned).
    ///
    /// # Errors
    ///
    /// [`ReactorError::AlreadyRunning`] from inside a callback, [`ReactorError::NotRestartable`]
    /// after the end, and [`ReactorError::Io`] if the system refuses to poll.
    pub fn run(&self) -> Result<(), ReactorError> {
        self.check_startable()?;
        let (shared, waiter) = (self.shared(), self.0.waiter.open()?);
        shared.queue.set_waiter(waiter.clone());
        self.0.stage.set(Stage::Running);
        let _ended = Ended(self);
        // Each turn works the list of this thread's coroutines off.
        let _drains = Drains::begin();
        if self.0.handles_signals {
            self.stop_at_signals()?;
        }
        self.enter(|| {
            self.start_up();
            let mut turn = Turn {
                events: Events::new(),
                messages: VecDeque::new(),
                shared,
                waiter,
            };
            while self.0.stage.get() != Stage::Ended {
                self.turn(&mut turn)?;
            }
            Ok(())
        })
    }

    /// Lets SIGINT and SIGTERM stop the reactor.
    fn stop_at_signals(&self) -> io::Result<()> {
        self.0.signals.start_listening()?;
        for signal in STOPPING {
            let stop = self.downgrade();
            self.handle_signal(signal, None, move || {
                if let Some(reactor) = stop.upgrade() {
                    diagnostics::stopping_at(signal);
                    let _ = reactor.stop();
                }
            })?;
        }
        Ok(())
    }

    fn check_startable(&self) -> Result<(), ReactorError> {
        match self.0.stage.get() {
            Stage::New => Ok(self.0.waiter.check()?),
            Stage::Running | Stage::Stopping => Err(ReactorError::AlreadyRunning),
            Stage::Ended => Err(ReactorError::NotRestartable),
        }
    }

    /// Runs until `deferred` fires, stops, and returns its outcome; Twisted's `task.react`.
    ///
    /// If the reactor is stopped first, by a signal for example, the Deferred is cancelled, and
    /// what it makes of that is its outcome.
    ///
    /// The end is that of [`run`](Self::run): what is pending is dropped, and whoever holds a
    /// [`Remote`](crate::Remote) or [`RemoteTrigger`](crate::RemoteTrigger) is told that the reactor is
    /// gone. But then it is as new, and can run again. What has a clone of the reactor can go on to use
    /// it: calls that are set from now on wait for the next run, with a thread pool of its own.
    ///
    /// A job of [`defer_to_thread`](Self::defer_to_thread) that still runs, because it was given up by
    /// a timeout for example, delays the return until it ends, or for as long as
    /// [`wait_for_jobs`](crate::ReactorBuilder::wait_for_jobs) says.
    ///
    /// # Errors
    ///
    /// What the Deferred fails with; [`ReactorError::StoppedEarly`] if it has no outcome when the
    /// reactor ends; and what [`run`](Self::run) fails with.
    ///
    /// ```
    /// use std::time::Duration;
    /// let reactor = deferrous::Reactor::new()?;
    /// let (trigger, d) = deferrous::deferred();
    /// reactor.call_later(Duration::from_millis(1), move || trigger.callback("done").unwrap());
    /// assert_eq!(reactor.run_until(d)?, "done");
    /// reactor.run_until(reactor.sleep(Duration::from_millis(1)))?;
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn run_until<T: 'static>(&self, deferred: Deferred<T>) -> Result<T, Failure> {
        // A run that goes on already must not end when this Deferred fires, nor one that comes after
        // this has failed.
        self.check_startable()?;
        self.0.waiter.open().map_err(ReactorError::from)?;
        let result = Rc::new(RefCell::new(None));
        let (store, reactor) = (Rc::downgrade(&result), self.downgrade());
        let handle = deferred.cancel_handle();
        self.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
            handle.cancel();
        });
        self.call_when_running(move || {
            deferred.add_both(move |outcome| {
                let Some(store) = store.upgrade() else {
                    // The run that waited for it has ended, and another one may have begun.
                    if let Err(failure) = outcome {
                        report(Origin::Deferred, failure);
                    }
                    return;
                };
                *store.borrow_mut() = Some(outcome);
                if let Some(reactor) = reactor.upgrade() {
                    // It may be stopping already.
                    let _ = reactor.stop();
                }
            });
        });
        let ran = self.run();
        if self.has_ended() {
            self.renew();
        }
        ran?;
        result
            .take()
            .unwrap_or_else(|| Err(ReactorError::StoppedEarly.into()))
    }

    /// Stops the reactor: fires the shutdown triggers, lets the thread pool finish what is queued,
    /// and ends [`run`](Self::run); Twisted's `stop`.
    ///
    /// A job that does not end keeps the reactor from ending, unless
    /// [`wait_for_jobs`](crate::ReactorBuilder::wait_for_jobs) says how long it has.
    ///
    /// # Errors
    ///
    /// [`ReactorError::NotRunning`] if it does not run, or is stopping already.
    pub fn stop(&self) -> Result<(), ReactorError> {
        if self.0.stage.get() != Stage::Running {
            return Err(ReactorError::NotRunning);
        }
        self.0.stage.set(Stage::Stopping);
        self.0.signals.stop_listening();
        // The shutdown begins in a turn of its own, after what is going on now.
        let reactor = self.clone();
        self.call_later(Duration::ZERO, move || reactor.shut_down());
        Ok(())
    }

    /// Calls `call` when the reactor has started, or now if it runs; Twisted's `callWhenRunning`.
    /// If it has ended, the call is dropped.
    pub fn call_when_running(&self, call: impl FnOnce() + 'static) {
        let call = move || {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
                report(Origin::ReactorCall, Failure::from_panic(panic));
            }
        };
        if self.is_running() {
            call();
        } else if self.has_ended() {
            drop_reporting(Origin::ReactorCall, call);
        } else {
            self.add_system_event_trigger(Phase::After, SystemEvent::Startup, call);
        }
    }

    pub(super) fn start_up(&self) {
        let reactor = self.clone();
        self.fire_event(SystemEvent::Startup, move || {
            reactor.thread_pool().start();
            succeed(())
        });
    }

    fn shut_down(&self) {
        let (reactor, end, run) = (self.clone(), self.clone(), self.0.runs.get());
        let own = move || {
            reactor.0.sources.disconnect_all();
            reactor.stop_pool()
        };
        self.fire_event(SystemEvent::Shutdown, own)
            .add_both(move |_| {
                if end.0.runs.get() == run {
                    end.0.stage.set(Stage::Ended);
                }
            });
    }

    /// Fires the triggers of an event, phase by phase. What the reactor itself has to do is part of
    /// the middle one.
    fn fire_event(
        &self,
        event: SystemEvent,
        own: impl FnOnce() -> Deferred<()> + 'static,
    ) -> Deferred<()> {
        let (during, after, run) = (self.clone(), self.clone(), self.0.runs.get());
        self.0
            .triggers
            .fire((event, Phase::Before))
            .add_callback(move |()| {
                if during.0.runs.get() != run {
                    return succeed(());
                }
                let triggers = during.0.triggers.fire((event, Phase::During));
                let own = own();
                triggers.add_callback(|()| own)
            })
            .add_callback(move |()| {
                if after.0.runs.get() != run {
                    return succeed(());
                }
                after.0.triggers.fire((event, Phase::After))
            })
    }

    /// Lets the pool finish, in the time that it has. The loop goes on meanwhile, so that jobs may still
    /// use it.
    fn stop_pool(&self) -> Deferred<()> {
        let (trigger, d) = deferred();
        *self.0.pool_stopped.borrow_mut() = Some(trigger);
        let shared = self.shared();
        self.thread_pool().stop_then(move || {
            let _ = shared.send(Message::PoolStopped);
        });
        if let Some(limit) = self.0.job_limit {
            let (reactor, background) = (self.clone(), self.0.timers.background_call());
            self.call_later(limit, move || {
                drop(background);
                // Its threads end with their jobs, and nobody waits for that.
                let trigger = reactor.0.pool_stopped.take();
                trigger.map(|trigger| trigger.callback(()));
            });
        }
        d
    }

    /// Handles the messages, makes the calls that are due, and resumes the coroutines that others have
    /// woken. Returns whether more of these are ready.
    pub(super) fn handle_pending(&self, shared: &Shared, messages: &mut VecDeque<Message>) -> bool {
        shared.queue.receive(messages);
        for message in messages.drain(..) {
            self.handle(message);
        }
        self.0.timers.run_due();
        has_work() && run_ready_once()
    }

    fn turn(&self, turn: &mut Turn) -> Result<(), ReactorError> {
        let more_ready = self.handle_pending(&turn.shared, &mut turn.messages);
        let flushed = self.flush(&turn.waiter);
        if self.0.stage.get() == Stage::Ended {
            return Ok(());
        }
        let mut timeout = self.0.timers.next_delay();
        if self.0.stage.get() == Stage::Stopping && !self.0.blocked.borrow().is_empty() {
            self.release_blocked();
            // A job may end without telling the reactor, and then it looks different.
            timeout = Some(timeout.unwrap_or(RECHECK).min(RECHECK));
        }
        if more_ready || !flushed {
            timeout = Some(Duration::ZERO);
        }
        // Spin only for a job submitted in this turn. Longer jobs would waste the spin.
        if self.0.handed_out.take() == 1 && self.0.replies.borrow().len() == 1 {
            timeout = turn.waiter.spin(timeout);
        }
        turn.waiter.wait(&mut turn.events, timeout)?;
        for event in turn.events.iter() {
            if is_source(event.key) {
                self.0.sources.on_event(event);
            } else {
                self.0.descriptors.on_event(event);
            }
        }
        Ok(())
    }

    /// Sends what was written in this turn. Returns whether nothing is left to be done before the reactor
    /// waits: what the flush has called may have written more, or woken coroutines.
    fn flush(&self, waiter: &Waiter) -> bool {
        let sources = &self.0.sources;
        if sources.is_flushed() || self.0.stage.get() == Stage::Ended {
            return true;
        }
        sources.flush(waiter.poller());
        sources.is_flushed() && !has_work()
    }

    fn handle(&self, message: Message) {
        let done = catch_unwind(AssertUnwindSafe(|| match message {
            Message::Call(call) => call(self),
            Message::Fire(key, outcome) => self.fire_reply(key, outcome()),
            Message::Wake(request) => {
                run_request(request);
            }
            Message::PoolStopped => {
                self.thread_pool().join();
                let trigger = self.0.pool_stopped.take();
                trigger.map(|trigger| trigger.callback(()));
            }
        }));
        if let Err(panic) = done {
            report(Origin::ReactorCall, Failure::from_panic(panic));
        }
    }

    fn fire_reply(&self, key: usize, outcome: Outcome) {
        let firing = self.0.replies.borrow_mut().try_remove(key);
        if let Some(firing) = firing {
            // Somebody may have cancelled it, and wants no result any more.
            let _ = firing.fire(outcome);
        }
    }

    /// While the reactor stops, jobs may wait for Deferreds that it would fire. If they all do, and
    /// nothing is left that could, they would wait for each other for ever. Watched descriptors and
    /// looping calls do not count, because most programs have some all the time.
    fn release_blocked(&self) {
        let blocked: Vec<_> = {
            let blocked = self.0.blocked.borrow();
            blocked
                .iter()
                .map(|(_, call)| call.handle.clone())
                .collect()
        };
        let busy = self.thread_pool().busy();
        let nothing_else = self.0.timers.len_in_foreground() == 0
            && self.shared().queue.is_empty()
            && self.0.replies.borrow().len() <= busy;
        if blocked.is_empty() || blocked.len() < busy || !nothing_else {
            return;
        }
        for handle in blocked {
            handle.cancel();
        }
    }
}

/// The end of a run, however it comes.
pub(super) struct Ended<'a>(pub(super) &'a Reactor);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let inner = &self.0.0;
        inner.stage.set(Stage::Ended);
        self.0.thread_pool().stop_then(|| {});
        self.0.shared().close();
        // Who waits for a reply hears now that none comes, and may still set timers and more, which
        // go next.
        drop(inner.replies.take());
        let blocked = mem::take(&mut *inner.blocked.borrow_mut());
        for (_, call) in blocked {
            (call.gone)();
        }
        // It is there if the reactor ends while it waits for its pool, and leads back to the reactor.
        let pool_stopped = inner.pool_stopped.take();
        drop(pool_stopped);
        inner.sources.disconnect_all();
        // From here on nothing new is taken, so that what is dropped cannot leave more behind.
        inner.timers.close();
        inner.signals.clear();
        inner.descriptors.clear();
        inner.triggers.clear();
        inner.waiter.close();
        // What all this has woken goes on without the reactor.
        run_ready_if_outermost();
    }
}
