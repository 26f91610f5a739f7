//! A memory reactor does everything that a reactor does, when the test says so and on its thread.

#![cfg(feature = "reactor")]

#[path = "reactor_support/mod.rs"]
mod reactor_support;

use std::{io, os::unix::net::UnixStream, thread};

use deferrous::{
    Abandoned, Deferred, LoopingCall, MemoryReactor, Origin, Phase, Reactor, ReactorError,
    SystemEvent, TimedOut, WouldDeadlock, capture_unhandled, deny_unhandled, process::Command,
    succeed,
};
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, StreamExt};
use reactor_support::{Log, ms, secs, within_a_minute};

fn value<T: 'static>(d: Deferred<T>) -> T {
    d.into_result().expect("it has fired").unwrap()
}

fn failure<T: 'static>(d: Deferred<T>) -> deferrous::Failure {
    let result = d.into_result().expect("it has fired");
    result.err().expect("it has failed")
}

/// Jobs that note their names, by each of the ways to queue one.
fn queue_jobs(reactor: &Reactor, log: &Log<&'static str>) -> [Deferred<()>; 2] {
    let (sender, receiver) = std::sync::mpsc::channel();
    let note = move |name| {
        let sender = sender.clone();
        move || sender.send((name, thread::current().id())).unwrap()
    };
    let jobs = ["a", "b"].map(|name| {
        let job = note(name);
        reactor.defer_to_thread(move || {
            job();
            Ok(())
        })
    });
    reactor.call_in_thread(note("c")).unwrap();
    reactor.thread_pool().call_in_thread(note("d")).unwrap();
    let (log, here) = (log.clone(), thread::current().id());
    let jobs = jobs.map(|d| {
        let log = log.clone();
        d.map(move |()| log.add("fired"))
    });
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
        for (name, thread) in receiver.try_iter() {
            assert_eq!(thread, here);
            log.add(name);
        }
    });
    jobs
}

#[test]
fn jobs_run_one_at_a_time_in_order_on_the_thread_of_the_test() {
    let (memory, log) = (MemoryReactor::new(), Log::new());
    let jobs = queue_jobs(memory.reactor(), &log);
    memory.turn();
    assert_eq!(memory.reactor().thread_pool().queued(), 4);
    assert!(memory.run_job());
    assert!(!jobs[0].is_called());
    memory.turn();
    assert!(jobs[0].is_called() && !jobs[1].is_called());
    while memory.run_job() {}
    memory.turn();
    assert_eq!(log.take(), ["fired", "fired"]);
    memory.reactor().stop().unwrap();
    memory.turn();
    assert_eq!(log.take(), ["a", "b", "c", "d"]);
    assert!(!memory.run_job());
}

#[test]
fn no_size_of_the_pool_starts_a_thread() {
    let memory = MemoryReactor::new();
    memory.reactor().suggest_thread_pool_size(3);
    let d = memory.reactor().defer_to_thread(|| Ok(1));
    memory.reactor().thread_pool().adjust_size(2, 5);
    memory.turn();
    let pool = memory.reactor().thread_pool();
    assert_eq!((pool.queued(), pool.threads(), pool.idle()), (1, 0, 0));
    memory.settle();
    assert_eq!(value(d), 1);
}

#[test]
fn a_job_that_panics_fails_its_deferred_or_is_reported() {
    let (captured, memory) = (capture_unhandled(), MemoryReactor::new());
    let job = || -> Result<(), _> { panic!("deferred") };
    let d = memory.reactor().defer_to_thread(job);
    let job = || panic!("called");
    memory.reactor().call_in_thread(job).unwrap();
    memory.settle();
    assert_eq!(failure(d).to_string(), "panicked: deferred");
    let reported = captured.take();
    assert_eq!(reported.len(), 1);
    assert_eq!(reported[0].origin, Origin::Thread);
    assert_eq!(reported[0].failure.to_string(), "panicked: called");
}

#[test]
fn a_blocking_call_in_a_job_is_refused() {
    let memory = MemoryReactor::new();
    let remote = memory.reactor().remote();
    let job = move || remote.blocking_call_from_thread(|_| succeed(1));
    let d = memory.reactor().defer_to_thread(job);
    memory.settle();
    assert!(failure(d).check::<WouldDeadlock>());
}

#[test]
fn time_passes_only_when_the_test_says_so() {
    let (memory, log) = (MemoryReactor::new(), Log::new());
    let reactor = memory.reactor();
    assert_eq!(reactor.now(), secs(0));
    reactor.call_later(secs(3600), log.adds("later"));
    let ticks = log.clone();
    let tick = LoopingCall::new(reactor, move || ticks.add("tick"));
    let _ended = tick.start(secs(1800), false).unwrap();
    memory.settle();
    assert_eq!(log.take(), [""; 0]);
    memory.advance(secs(1800));
    assert_eq!(log.take(), ["tick"]);
    memory.clock().advance(secs(1800));
    assert_eq!(log.take(), ["later", "tick"]);
    assert_eq!(reactor.now(), secs(3600));
}

#[test]
fn a_timeout_and_a_job_may_come_in_either_order() {
    let memory = MemoryReactor::new();
    let reactor = memory.reactor();
    let start = || {
        reactor
            .defer_to_thread(|| Ok("done"))
            .add_timeout(secs(1), reactor)
    };
    let d = start();
    memory.run_job();
    memory.advance(secs(1));
    assert_eq!(value(d), "done");
    let d = start();
    memory.advance(secs(1));
    assert!(failure(d).check::<TimedOut>());
    // Nobody waits for it any more.
    assert!(memory.run_job());
    memory.turn();
}

#[test]
fn messages_of_other_threads_wait_for_a_turn_and_keep_their_order() {
    within_a_minute(|| {
        let (memory, log) = (MemoryReactor::new(), Log::new());
        let (remote, (trigger, d)) = (memory.reactor().remote(), memory.reactor().remote_trigger());
        let (noted, notes) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let (first, last) = (noted.clone(), noted);
            remote
                .call_from_thread(move |_| first.send("first").unwrap())
                .unwrap();
            trigger.callback("second").unwrap();
            remote
                .call_from_thread(move |_| last.send("last").unwrap())
                .unwrap();
        });
        thread.join().unwrap();
        assert!(notes.try_recv().is_err());
        let seen = log.clone();
        let d = d.map(move |name| {
            seen.add(notes.try_recv().unwrap());
            seen.add(name);
            notes
        });
        memory.turn();
        log.add(value(d).try_recv().unwrap());
        assert_eq!(log.take(), ["first", "second", "last"]);
    });
}

#[test]
fn a_thread_may_block_on_a_memory_reactor() {
    within_a_minute(|| {
        let memory = MemoryReactor::new();
        let remote = memory.reactor().remote();
        let call = move || remote.blocking_call_from_thread(|reactor| Ok(reactor.now()));
        let thread = thread::spawn(call);
        memory.advance(secs(7));
        while !thread.is_finished() {
            memory.turn();
            thread::yield_now();
        }
        assert_eq!(thread.join().unwrap().unwrap(), secs(7));
    });
}

#[test]
fn a_coroutine_that_another_future_wakes_goes_on_in_a_turn() {
    let memory = MemoryReactor::new();
    let (sender, receiver) = oneshot::channel();
    let d = memory.reactor().spawn(async { Ok(receiver.await?) });
    sender.send(5).unwrap();
    assert!(!d.is_called());
    memory.turn();
    assert_eq!(value(d), 5);
}

#[test]
fn settling_goes_on_until_jobs_messages_and_coroutines_have_nothing_left() {
    let memory = MemoryReactor::new();
    let reactor = memory.reactor().clone();
    let (mut sender, mut receiver) = mpsc::channel::<u64>(0);
    let sending = memory.reactor().spawn(async move {
        for n in 0..10 {
            let n = reactor.defer_to_thread(move || Ok(n)).await?;
            sender.send(n).await?;
        }
        Ok(())
    });
    let sum = memory.reactor().spawn(async move {
        let mut sum = 0;
        while let Some(n) = receiver.next().await {
            sum += n;
        }
        Ok(sum)
    });
    memory.settle();
    value(sending);
    assert_eq!(value(sum), 45);
}

#[test]
fn it_is_the_current_reactor_in_its_turns() {
    let (memory, log) = (MemoryReactor::new(), Log::new());
    let seen = log.clone();
    memory.reactor().call_later(ms(0), move || {
        seen.add(Reactor::current().map(|current| current.now()));
    });
    memory.advance(secs(2));
    assert_eq!(log.take(), [Some(secs(2))]);
    assert!(Reactor::current().is_none());
}

#[test]
fn it_starts_with_the_first_turn() {
    let (memory, log) = (MemoryReactor::new(), Log::new());
    let reactor = memory.reactor();
    assert!(matches!(reactor.stop(), Err(ReactorError::NotRunning)));
    reactor.call_when_running(log.adds("running"));
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, log.adds("startup"));
    assert!(!reactor.is_running() && log.len() == 0);
    memory.turn();
    assert!(reactor.is_running());
    assert_eq!(log.take(), ["startup", "running"]);
}

#[test]
fn a_reactor_that_stops_waits_for_its_jobs_and_takes_no_new_ones() {
    let (memory, log) = (MemoryReactor::new(), Log::new());
    let reactor = memory.reactor();
    memory.turn();
    let job = reactor.defer_to_thread(|| Ok("done"));
    for (phase, name) in [(Phase::Before, "before"), (Phase::After, "after")] {
        reactor.add_system_event_trigger(phase, SystemEvent::Shutdown, log.adds(name));
    }
    reactor.stop().unwrap();
    memory.turn();
    memory.turn();
    assert_eq!(log.take(), ["before"]);
    let late = reactor.defer_to_thread(|| Ok("too late"));
    memory.settle();
    assert_eq!(value(job), "done");
    assert!(failure(late).check::<Abandoned>());
    assert_eq!(log.take(), ["after"]);
    assert!(!reactor.is_running());
    assert!(failure(reactor.defer_to_thread(|| Ok(()))).check::<Abandoned>());
}

#[test]
fn dropping_it_ends_the_reactor_and_drops_what_is_pending() {
    let (memory, log) = (MemoryReactor::new(), Log::new());
    let reactor = memory.reactor().clone();
    let dropped = reactor_support::OnDrop({
        let log = log.clone();
        move || log.add("dropped")
    });
    let own = reactor.clone();
    reactor.call_later(secs(1), move || drop((own, dropped)));
    let job = reactor.defer_to_thread(|| Ok(()));
    let (trigger, remote) = reactor.remote_trigger::<()>();
    drop(memory);
    assert_eq!(log.take(), ["dropped"]);
    assert!(failure(job).check::<Abandoned>());
    assert!(failure(remote).check::<Abandoned>());
    assert!(trigger.callback(()).is_err());
}

#[test]
fn what_needs_the_world_outside_is_refused() {
    let memory = MemoryReactor::new();
    let reactor = memory.reactor();
    let unsupported = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    let (near, far) = UnixStream::pair().unwrap();
    unsupported(reactor.add_reader(near, |_| {}).unwrap_err());
    let refused = failure(reactor.readable(far));
    unsupported(refused.downcast().unwrap());
    let signal = signal_hook::consts::SIGUSR2;
    unsupported(reactor.add_signal_handler(signal, || {}).unwrap_err());
    unsupported(Command::new("true").spawn(reactor).unwrap_err());
    match reactor.run() {
        Err(ReactorError::Io(error)) => unsupported(error),
        other => panic!("{other:?}"),
    }
    assert!(reactor.run_until(succeed(1)).is_err());
    // None of this has started it.
    assert!(!reactor.is_running());
}

#[test]
fn failures_of_jobs_that_nobody_handles_fail_the_test() {
    let unhandled = deny_unhandled();
    let memory = MemoryReactor::new();
    drop(memory.reactor().defer_to_thread(|| Ok("x".parse::<u8>()?)));
    assert!(unhandled.take().is_empty());
    memory.settle();
    assert_eq!(unhandled.take().len(), 1);
}
