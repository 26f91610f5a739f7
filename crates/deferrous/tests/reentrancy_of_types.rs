//! Types of the program may use the Deferred, queue or reactor whose method runs their code: when
//! they are shown, written to, converted, asked for their descriptor, woken or dropped.

#![cfg(feature = "reactor")]

mod support;

use std::{
    cell::{Cell, RefCell},
    error::Error,
    fmt::{self, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use deferrous::{
    Clock, Deferred, DeferredLock, DeferredQueue, DeferredSemaphore, Failure, LoopingCall, Phase,
    Reactor, SystemEvent, capture_unhandled, deferred, deferred_with_canceller,
    event_loop::{MessageQueue, Team, Waiter},
    fail, gather_results, race, succeed,
};
use support::{failure_of, value_of};

/// Does something when it is dropped.
struct OnDrop(Option<Box<dyn FnOnce()>>);

impl OnDrop {
    fn new(f: impl FnOnce() + 'static) -> Self {
        OnDrop(Some(Box::new(f)))
    }
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

thread_local! {
    /// What `Shown` does, since an error has to be `Send`.
    static ON_DISPLAY: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// An error that runs `ON_DISPLAY` when it is shown.
#[derive(Debug)]
struct Shown;

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(act) = ON_DISPLAY.take() {
            act();
        }
        f.write_str("shown")
    }
}

impl Error for Shown {}

/// A writer that does something at each piece.
struct Writer<F>(F);

impl<F: FnMut()> Write for Writer<F> {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        self.0();
        Ok(())
    }
}

/// Shows `what` to a writer that calls `f`, and says how often.
fn written(what: &impl fmt::Debug, f: impl Fn()) -> usize {
    let count = Cell::new(0);
    let mut writer = Writer(|| {
        count.set(count.get() + 1);
        f();
    });
    write!(writer, "{what:?}").unwrap();
    count.get()
}

#[test]
fn an_error_may_fire_and_extend_the_deferred_that_shows_it() {
    let (trigger, d) = deferred::<u8>();
    trigger.errback(Shown).unwrap();
    let own = Rc::new(Cell::new(Some(d)));
    let acting = own.clone();
    ON_DISPLAY.set(Some(Box::new(move || {
        let d = acting.take().unwrap();
        d.pause();
        d.cancel();
        d.unpause().unwrap();
        acting.set(Some(d.add_errback(|_| Ok(7))));
    })));
    assert!(format!("{trigger:?}").contains("failure: shown"));
    assert_eq!(value_of(own.take().unwrap()), 7);
}

#[test]
fn an_error_that_is_reported_may_fail_others() {
    let captured = capture_unhandled();
    ON_DISPLAY.set(Some(Box::new(|| drop(fail::<u8>("another")))));
    drop(fail::<u8>(Shown));
    let texts: Vec<_> = captured.take().iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["Unhandled error in Deferred: shown"]);
    assert_eq!(captured.take().len(), 1);
}

#[test]
fn writers_may_use_what_they_are_shown() {
    let (trigger, d) = deferred::<u8>();
    let handle = d.cancel_handle();
    assert!(written(&d, || handle.cancel()) > 0);
    assert!(written(&trigger, || trigger.callback(1).unwrap_or(())) > 0);
    assert!(written(&d.pause_guard(), || d.pause_guard().unpause()) > 0);
    drop(d.add_errback(|_| Ok(0)));

    let queue = DeferredQueue::new();
    assert!(written(&queue, || queue.put(1).unwrap()) > 0);
    let lock = DeferredLock::new();
    assert!(written(&lock, || drop(lock.acquire())) > 0);
    let semaphore = DeferredSemaphore::new(1);
    assert!(written(&semaphore, || drop(semaphore.acquire())) > 0);

    let clock = Clock::new();
    let again = clock.clone();
    let ticks = LoopingCall::new(&clock, || ());
    drop(ticks.start(Duration::from_secs(1), false).unwrap());
    assert!(written(&clock, || again.advance(Duration::from_secs(1))) > 0);
    assert!(written(&ticks, || ticks.reset().unwrap()) > 0);
    let call = clock.call_later(Duration::from_secs(9), || ());
    assert!(written(&call, || call.cancel().unwrap_or(())) > 0);

    let reactor = Reactor::new().unwrap();
    assert!(written(&reactor, || drop(reactor.call_later(Duration::ZERO, || ()))) > 0);
    let pool = reactor.thread_pool();
    assert!(written(&pool, || pool.adjust_size(0, 3)) > 0);
    let remote = reactor.remote();
    assert!(written(&remote, || remote.call_from_thread(|_| ()).unwrap()) > 0);

    let messages = MessageQueue::new(Arc::new(Waiter::new().unwrap()));
    assert!(written(&messages, || messages.send(1).unwrap()) > 0);
    let team = Team::new();
    assert!(written(&team, || assert!(team.push(1).is_ok())) > 0);
}

#[test]
fn values_that_are_dropped_may_use_their_deferred() {
    let (trigger, d) = deferred::<OnDrop>();
    let handle = d.cancel_handle();
    drop(d.map(drop));
    let again = trigger.clone();
    trigger
        .callback(OnDrop::new(move || {
            handle.cancel();
            assert!(again.callback(OnDrop(None)).is_err());
        }))
        .unwrap();
}

#[test]
fn links_and_cancellers_that_are_dropped_may_use_their_deferred() {
    let own: Rc<Cell<Option<Deferred<u8>>>> = Rc::default();
    let (slot, dropped) = (own.clone(), Rc::new(Cell::new(false)));
    let seen = dropped.clone();
    let on_drop = OnDrop::new(move || {
        if let Some(d) = slot.take() {
            slot.set(Some(d.map(|n| n + 1)));
        }
        seen.set(true);
    });
    let (trigger, d) = deferred_with_canceller(move |_| drop(on_drop));
    own.set(Some(d));
    trigger.callback(1).unwrap();
    assert!(dropped.get());
    assert_eq!(value_of(own.take().unwrap()), 2);

    let (trigger, d) = deferred::<u8>();
    let handle = d.cancel_handle();
    let on_drop = OnDrop::new(move || handle.cancel());
    let d = d.map(move |n| (n, on_drop).0);
    d.pause();
    drop((trigger, d));
}

#[test]
fn values_of_combined_deferreds_may_use_them_when_dropped() {
    let captured = capture_unhandled();
    let (trigger, d) = deferred::<OnDrop>();
    let value = || {
        let trigger = trigger.clone();
        OnDrop::new(move || trigger.errback("late").unwrap_or(()))
    };
    let all = gather_results([succeed(value()), d, fail("no")]);
    drop(failure_of(all));
    drop(race([succeed(value()), succeed(value())]).into_result());
    assert!(!captured.take().is_empty());
}

#[test]
fn items_and_permits_may_use_their_queue_when_dropped() {
    let queue = DeferredQueue::<OnDrop>::new();
    let again = queue.clone();
    let item = OnDrop::new(move || again.put(OnDrop(None)).unwrap());
    queue.put(item).unwrap();
    drop(queue.get().unwrap());
    assert_eq!(queue.pending(), 1);
    let waiting = queue.get().unwrap();
    drop(waiting);
}

#[test]
fn calls_and_triggers_that_are_dropped_may_use_their_reactor() {
    let reactor = Reactor::new().unwrap();
    let use_it = || {
        let reactor = reactor.clone();
        OnDrop::new(move || {
            drop(reactor.call_later(Duration::ZERO, || ()));
            let id = reactor.add_system_event_trigger(Phase::After, SystemEvent::Startup, || ());
            let _ = reactor.remove_system_event_trigger(id);
            let _ = reactor.remote().call_from_thread(|_| ());
            drop(format!("{reactor:?}"));
        })
    };
    let owned = use_it();
    let call = reactor.call_later(Duration::ZERO, move || drop(owned));
    call.cancel().unwrap();
    let owned = use_it();
    let id = reactor.add_system_event_trigger(Phase::After, SystemEvent::Startup, move || {
        drop(owned);
    });
    reactor.remove_system_event_trigger(id).unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    let near = Rc::new(near);
    let owned = use_it();
    let watch = reactor
        .add_reader(near.clone(), move |_| assert!(owned.0.is_some()))
        .unwrap();
    let owned = use_it();
    assert!(
        reactor
            .add_reader(near, move |_| assert!(owned.0.is_some()))
            .is_err()
    );
    watch.remove();
    let owned = use_it();
    reactor.call_later(Duration::MAX, move || drop(owned));
    let stop = reactor.clone();
    reactor.call_when_running(move || stop.stop().unwrap());
    reactor.run().unwrap();
}

/// A source that uses its reactor whenever it is asked for its descriptor.
struct Source(UnixStream, Reactor);

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let (other, _far) = UnixStream::pair().unwrap();
        self.1.add_reader(other, |_| ()).unwrap().remove();
        self.0.as_fd()
    }
}

#[test]
fn a_source_may_use_its_reactor_when_asked_for_its_descriptor() {
    let reactor = Reactor::new().unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    let source = Source(near, reactor.clone());
    reactor.add_reader(source, |_| ()).unwrap().remove();
}

#[test]
fn what_becomes_a_failure_may_use_the_trigger_that_is_fired_with_it() {
    struct Fires(Cell<Option<Box<dyn FnOnce()>>>);
    impl From<Fires> for Failure {
        fn from(fires: Fires) -> Self {
            fires.0.take().unwrap()();
            Failure::new("converted")
        }
    }
    let (trigger, d) = deferred::<u8>();
    let again = trigger.clone();
    let act = move || again.callback(5).unwrap();
    let fires = Fires(Cell::new(Some(Box::new(act))));
    assert!(trigger.errback(fires).is_err());
    assert_eq!(value_of(d), 5);
}
