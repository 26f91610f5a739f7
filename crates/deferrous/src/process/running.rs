//! A child that runs: how it is ended, and when its Deferreds fire.

use std::{
    cell::{Cell, RefCell},
    io,
    process::{Child, ExitStatus},
    rc::{Rc, Weak},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{exit::ExitWatch, streams::Stream};
use crate::{
    control_flow::Cancelled,
    deferred::{Deferred, Trigger, deferred_with_canceller, fail, succeed},
    reactor::{DelayedCall, Phase, Reactor, SystemEvent, TriggerId, WeakReactor},
};

/// How a child is ended when its Deferred is cancelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) signal: Signal,
    pub(super) grace: Duration,
    /// Whether signals go to the child's process group.
    pub(super) group: bool,
}

/// A child, and what waits for it. It is kept by the callbacks that the reactor has for it, and by
/// nothing that it keeps itself: if the reactor ends, what waits for the child is told.
pub(super) struct Running {
    child: RefCell<Child>,
    reactor: WeakReactor,
    ending: Ending,
    /// The child has been waited for, so its number may be that of another process.
    exited: Cell<bool>,
    /// Its Deferred was cancelled.
    cancelled: Cell<bool>,
    /// What it has ended with, until the Deferred is fired.
    result: Cell<Option<io::Result<ExitStatus>>>,
    trigger: Cell<Option<Trigger<ExitStatus>>>,
    /// Fired when it is dead.
    waiting: RefCell<Vec<Trigger<()>>>,
    exit_watch: Cell<Option<ExitWatch>>,
    /// The reactor has them, and they have this.
    streams: RefCell<Vec<Weak<Stream>>>,
    /// How many of the streams are read that have not come to their end.
    reading: Cell<usize>,
    kill: Cell<Option<DelayedCall>>,
    shutdown: Cell<Option<TriggerId>>,
}

impl Running {
    /// A child that has just been started, and the Deferred that fires when it and its streams have
    /// ended.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(super) fn new(
        reactor: &Reactor,
        child: Child,
        ending: Ending,
    ) -> (Rc<Self>, Deferred<ExitStatus>) {
        let running = Rc::new(Running {
            child: RefCell::new(child),
            reactor: reactor.downgrade(),
            ending,
            exited: Cell::new(false),
            cancelled: Cell::new(false),
            result: Cell::new(None),
            trigger: Cell::new(None),
            waiting: RefCell::new(Vec::new()),
            exit_watch: Cell::new(None),
            streams: RefCell::new(Vec::new()),
            reading: Cell::new(0),
            kill: Cell::new(None),
            shutdown: Cell::new(None),
        });
        let to_cancel = Rc::downgrade(&running);
        let (trigger, d) = deferred_with_canceller(move |_| {
            if let Some(running) = to_cancel.upgrade() {
                running.terminate();
            }
        });
        d.inspected().named("Command");
        d.inspected()
            .detail(|| format!("for process {}", running.id()));
        running.trigger.set(Some(trigger));
        let dying = Rc::downgrade(&running);
        let d = d.add_errback(move |failure| match dying.upgrade() {
            Some(running) if failure.check::<Cancelled>() => {
                running.until_dead().add_callback(|()| Err(failure))
            }
            _ => fail(failure),
        });
        (running, d)
    }

    /// Begins to watch for the end.
    pub(super) fn watch(self: &Rc<Self>, reactor: &Reactor) -> io::Result<()> {
        let own = self.clone();
        let watch = ExitWatch::new(reactor, &self.child.borrow(), move || own.check_exit())?;
        self.exit_watch.set(Some(watch));
        let own = Rc::downgrade(self);
        let id = reactor.add_system_event_trigger(
            Phase::During,
            SystemEvent::Shutdown,
            move || match own.upgrade() {
                Some(running) if running.cancelled.get() => running.until_dead(),
                _ => succeed(()),
            },
        );
        self.shutdown.set(Some(id));
        // SIGCHLD may have come before anybody listened.
        self.check_exit();
        Ok(())
    }

    /// Takes a stream that is to be closed with the child.
    pub(super) fn add_stream(&self, stream: &Rc<Stream>) {
        self.streams.borrow_mut().push(Rc::downgrade(stream));
    }

    /// Counts a stream that is about to be read.
    pub(super) fn begin_reading(&self) {
        self.reading.set(self.reading.get() + 1);
    }

    /// A stream that was read has ended.
    pub(super) fn end_reading(&self) {
        self.reading.set(self.reading.get() - 1);
        self.finish();
    }

    /// Ends a child that cannot be watched, and waits for that.
    pub(super) fn give_up(&self) {
        self.release();
        let mut child = self.child.borrow_mut();
        let _ = child.kill();
        let _ = child.wait();
        self.exited.set(true);
    }

    pub(super) fn id(&self) -> u32 {
        self.child.borrow().id()
    }

    pub(super) fn has_exited(&self) -> bool {
        self.exited.get()
    }

    /// Sends the child, or its group, a signal.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.exited.get() {
            let text = "the process has ended";
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
        let pid = Pid::from_child(&self.child.borrow());
        let sent = if self.ending.group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
        Ok(sent?)
    }

    /// Has the child end, in the grace period.
    fn terminate(self: &Rc<Self>) {
        self.cancelled.set(true);
        if self.exited.get() {
            return self.release();
        }
        // It may have ended and not been waited for yet, and needs no signal then.
        let _ = self.signal(self.ending.signal);
        if let Some(reactor) = self.reactor.upgrade() {
            let own = Rc::downgrade(self);
            let kill = reactor.call_later(self.ending.grace, move || {
                if let Some(running) = own.upgrade() {
                    let _ = running.signal(Signal::KILL);
                }
            });
            self.kill.set(Some(kill));
        }
    }

    /// A Deferred that fires when the child is dead, and not before. Cancelling it kills the child.
    fn until_dead(self: &Rc<Self>) -> Deferred<()> {
        if self.exited.get() {
            return succeed(());
        }
        let to_kill = Rc::downgrade(self);
        let (trigger, d) = deferred_with_canceller(move |_| {
            if let Some(running) = to_kill.upgrade() {
                let _ = running.signal(Signal::KILL);
            }
        });
        self.waiting.borrow_mut().push(trigger);
        let own = Rc::downgrade(self);
        d.add_errback(move |failure| match own.upgrade() {
            Some(running) if failure.check::<Cancelled>() => running.until_dead(),
            _ => fail(failure),
        })
    }

    /// Looks whether the child has ended.
    fn check_exit(&self) {
        if self.exited.get() {
            return;
        }
        let waited = self.child.borrow_mut().try_wait();
        match waited {
            Ok(None) => {}
            Ok(Some(status)) => self.on_exit(Ok(status)),
            Err(error) => self.on_exit(Err(error)),
        }
    }

    fn on_exit(&self, result: io::Result<ExitStatus>) {
        self.exited.set(true);
        if let Some(watch) = self.exit_watch.take() {
            watch.remove();
        }
        if let Some(kill) = self.kill.take() {
            let _ = kill.cancel();
        }
        if let (Some(id), Some(reactor)) = (self.shutdown.take(), self.reactor.upgrade()) {
            let _ = reactor.remove_system_event_trigger(id);
        }
        self.result.set(Some(result));
        if self.cancelled.get() {
            // Processes that the child has started may keep its pipes open.
            self.release();
        }
        for trigger in self.waiting.take() {
            let _ = trigger.callback(());
        }
        self.finish();
    }

    /// Closes the streams.
    fn release(&self) {
        for stream in self.streams.take() {
            if let Some(stream) = stream.upgrade() {
                stream.close();
            }
        }
    }

    /// Fires the Deferred if the child has ended and its output was read.
    fn finish(&self) {
        if self.reading.get() > 0 {
            return;
        }
        if let Some(result) = self.result.take()
            && let Some(trigger) = self.trigger.take()
        {
            // It may have been cancelled.
            let _ = trigger.fire_with(result.map_err(Into::into));
        }
    }
}
