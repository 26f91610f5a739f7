//! Signals. Each test runs in a process of its own, since a signal concerns a whole process.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    cell::RefCell,
    env, io,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitStatus, Stdio},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use deferrous::{
    Cancelled, Origin, Panicked, Phase, Reactor, SignalWatch, SystemEvent, capture_unhandled,
    deferred,
};
use reactor_support::{HOUR, Log, ms, reactor, scale, within_a_minute};
use signal_hook::{
    consts::{SIGINT, SIGKILL, SIGTERM, SIGUSR1, SIGUSR2},
    flag, low_level,
};

const CASE: &str = "DEFERROUS_SIGNAL_TEST";

/// Runs one test of this file in another process.
fn process(name: &str) -> ExitStatus {
    run(Command::new(env::current_exe().unwrap()), name)
}

/// Runs one test of this file by a command that starts it.
fn run(mut command: Command, name: &str) -> ExitStatus {
    command
        .args([name, "--exact", "--test-threads=1"])
        .env(CASE, name);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    within_a_minute(move || command.status().unwrap())
}

fn raise(signal: i32) {
    low_level::raise(signal).unwrap();
}

macro_rules! in_process {
    ($($name:ident $ends:expr; $body:expr)*) => {
        $(
            #[test]
            fn $name() {
                if env::var(CASE).is_ok() {
                    within_a_minute($body)
                } else {
                    let status = process(stringify!($name));
                    assert_eq!((status.code(), status.signal()), $ends);
                }
            }
        )*
    };
}

const WELL: (Option<i32>, Option<i32>) = (Some(0), None);

fn killed(by: i32) -> (Option<i32>, Option<i32>) {
    (None, Some(by))
}

fn stops_at(signal: i32) {
    let (reactor, log) = (Reactor::new().unwrap(), Log::new());
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, log.adds("shutdown"));
    reactor.call_when_running(move || raise(signal));
    reactor.run().unwrap();
    assert_eq!(log.take(), ["shutdown"]);
}

fn without_handlers(signal: i32) {
    let reactor = reactor();
    reactor.call_when_running(move || raise(signal));
    reactor.run().unwrap();
}

fn after_the_end(signal: i32) {
    stops_at(SIGTERM);
    raise(signal);
}

/// Stops a reactor whose shutdown never ends, and raises signals then.
fn hanging_shutdown(signal: i32) {
    let reactor = Reactor::new().unwrap();
    let (_never, d) = deferred::<()>();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
        raise(signal);
        d
    });
    reactor.call_later(ms(1), || raise(SIGINT));
    reactor.run().unwrap();
}

/// A handler of SIGINT that the program has installed by itself, before any reactor.
fn own_handler() -> Arc<AtomicUsize> {
    let called = Arc::new(AtomicUsize::new(0));
    flag::register_usize(SIGINT, called.clone(), 1).unwrap();
    called
}

fn stop_later(reactor: &Reactor) {
    let stop = reactor.clone();
    reactor.call_later(ms(20) * scale::patience(), move || stop.stop().unwrap());
}

in_process! {
    sigint_stops WELL; || stops_at(SIGINT)
    sigterm_stops WELL; || stops_at(SIGTERM)
    without_handlers_sigint_kills killed(SIGINT); || without_handlers(SIGINT)
    without_handlers_sigterm_kills killed(SIGTERM); || without_handlers(SIGTERM)
    after_the_end_sigint_kills killed(SIGINT); || after_the_end(SIGINT)
    after_the_end_sigterm_kills killed(SIGTERM); || after_the_end(SIGTERM)
    a_second_sigint_ends_a_shutdown_that_hangs killed(SIGINT); || hanging_shutdown(SIGINT)
    a_sigterm_ends_a_shutdown_that_hangs killed(SIGTERM); || hanging_shutdown(SIGTERM)

    before_the_run_sigint_kills killed(SIGINT); || {
        let _reactor = Reactor::new().unwrap();
        raise(SIGINT);
    }

    a_signal_wakes_a_sleeping_reactor WELL; || {
        let reactor = Reactor::new().unwrap();
        reactor.call_later(HOUR, || panic!("an hour has not passed"));
        let (begins, begun) = std::sync::mpsc::channel();
        reactor.call_when_running(move || begins.send(()).unwrap());
        thread::spawn(move || {
            begun.recv().unwrap();
            thread::sleep(ms(20));
            raise(SIGINT);
        });
        reactor.run().unwrap();
    }

    a_signal_cancels_what_run_until_waits_for WELL; || {
        let reactor = Reactor::new().unwrap();
        reactor.call_when_running(|| raise(SIGINT));
        let (_trigger, d) = deferred::<()>();
        assert!(reactor.run_until(d).unwrap_err().check::<Cancelled>());
    }

    one_signal_stops_all_reactors WELL; || {
        let (ready, both_ready) = std::sync::mpsc::channel();
        let run = || {
            let ready = ready.clone();
            thread::spawn(move || {
                let reactor = Reactor::new().unwrap();
                reactor.call_when_running(move || ready.send(()).unwrap());
                reactor.run().unwrap();
            })
        };
        let threads = [run(), run()];
        for _ in &threads {
            both_ready.recv().unwrap();
        }
        raise(SIGINT);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    a_signal_stops_the_reactor_that_still_runs WELL; || {
        stops_at(SIGINT);
        stops_at(SIGINT);
        stops_at(SIGTERM);
    }

    handlers_are_called_on_the_reactors_thread_in_order WELL; || {
        let (reactor, log) = (reactor(), Log::new());
        for n in 0..3 {
            let (seen, stop) = (log.clone(), reactor.clone());
            let home = thread::current().id();
            reactor.add_signal_handler(SIGUSR1, move || {
                assert_eq!(thread::current().id(), home);
                seen.add(n);
                if n == 2 { stop.stop().unwrap() }
            }).unwrap();
        }
        reactor.add_signal_handler(SIGUSR2, || panic!("another signal")).unwrap();
        reactor.call_when_running(|| drop(thread::spawn(|| raise(SIGUSR1))));
        reactor.run().unwrap();
        assert_eq!(log.take(), [0, 1, 2]);
    }

    a_handler_is_called_for_every_signal WELL; || {
        let (reactor, log) = (reactor(), Log::new());
        let (stop, seen) = (reactor.clone(), log.clone());
        reactor.add_signal_handler(SIGUSR1, move || {
            seen.add(());
            if seen.len() < 5 { raise(SIGUSR1) } else { stop.stop().unwrap() }
        }).unwrap();
        reactor.call_when_running(|| raise(SIGUSR1));
        reactor.run().unwrap();
        assert_eq!(log.len(), 5);
    }

    a_signal_before_the_run_is_handled_in_it WELL; || {
        let reactor = reactor();
        let stop = reactor.clone();
        reactor.add_signal_handler(SIGUSR1, move || stop.stop().unwrap()).unwrap();
        raise(SIGUSR1);
        reactor.run().unwrap();
    }

    a_removed_handler_is_not_called WELL; || {
        let (reactor, log) = (reactor(), Log::new());
        let seen = log.clone();
        let removed = reactor.add_signal_handler(SIGUSR1, || panic!("it was removed")).unwrap();
        let _kept = reactor.add_signal_handler(SIGUSR1, move || seen.add("kept")).unwrap();
        removed.clone().remove();
        removed.remove();
        reactor.call_when_running(|| raise(SIGUSR1));
        stop_later(&reactor);
        let captured = capture_unhandled();
        reactor.run().unwrap();
        assert_eq!(log.take(), ["kept"]);
        assert!(captured.take().is_empty());
    }

    handlers_may_remove_themselves_and_others WELL; || {
        let (reactor, log) = (reactor(), Log::new());
        let watches: Rc<RefCell<Vec<SignalWatch>>> = Rc::default();
        let (all, seen) = (watches.clone(), log.clone());
        let first = reactor.add_signal_handler(SIGUSR1, move || {
            seen.add("first");
            all.take().iter().for_each(SignalWatch::remove);
            raise(SIGUSR1);
        });
        let second = reactor.add_signal_handler(SIGUSR1, || panic!("it was removed"));
        *watches.borrow_mut() = vec![first.unwrap(), second.unwrap()];
        reactor.call_when_running(|| raise(SIGUSR1));
        stop_later(&reactor);
        let captured = capture_unhandled();
        reactor.run().unwrap();
        assert_eq!(log.take(), ["first"]);
        assert!(captured.take().is_empty());
    }

    a_panicking_handler_is_reported_and_stays WELL; || {
        let (reactor, log, captured) = (reactor(), Log::new(), capture_unhandled());
        let seen = log.clone();
        reactor.add_signal_handler(SIGUSR1, move || {
            seen.add("called");
            if seen.len() < 2 { raise(SIGUSR1) }
            panic!("in a handler");
        }).unwrap();
        let seen = log.clone();
        reactor.add_signal_handler(SIGUSR1, move || seen.add("the other")).unwrap();
        reactor.call_when_running(|| raise(SIGUSR1));
        stop_later(&reactor);
        reactor.run().unwrap();
        assert_eq!(log.take(), ["called", "the other", "called", "the other"]);
        let reported = captured.take();
        assert!(reported.iter().all(|u| u.origin == Origin::Source && u.failure.check::<Panicked>()));
        assert_eq!(reported.len(), 2);
    }

    a_handler_of_sigint_goes_beside_the_stop WELL; || {
        let (reactor, log) = (Reactor::new().unwrap(), Log::new());
        let seen = log.clone();
        reactor.add_signal_handler(SIGINT, move || seen.add("handled")).unwrap();
        reactor.call_when_running(|| raise(SIGINT));
        reactor.run().unwrap();
        assert_eq!(log.take(), ["handled"]);
    }

    a_handler_of_sigint_replaces_the_default WELL; || {
        let handles = || {
            let reactor = reactor();
            let stop = reactor.clone();
            reactor.add_signal_handler(SIGINT, move || stop.stop().unwrap()).unwrap();
            reactor.call_when_running(|| raise(SIGINT));
            reactor.run().unwrap();
        };
        handles();
        stops_at(SIGINT);
        handles();
    }

    a_handler_of_the_program_is_called_during_and_after_the_run WELL; || {
        let called = own_handler();
        stops_at(SIGINT);
        assert_eq!(called.swap(0, Ordering::SeqCst), 1);
        raise(SIGINT);
        assert_eq!(called.swap(0, Ordering::SeqCst), 1);
        stops_at(SIGINT);
        raise(SIGINT);
        assert_eq!(called.load(Ordering::SeqCst), 1);
    }

    a_handler_of_the_program_is_called_after_one_of_the_reactor WELL; || {
        let called = own_handler();
        let reactor = reactor();
        let stop = reactor.clone();
        reactor.add_signal_handler(SIGINT, move || stop.stop().unwrap()).unwrap();
        reactor.call_when_running(|| raise(SIGINT));
        reactor.run().unwrap();
        assert_eq!(called.swap(0, Ordering::SeqCst), 1);
        raise(SIGINT);
        assert_eq!(called.load(Ordering::SeqCst), 1);
    }

    a_handler_of_the_program_lets_a_shutdown_end WELL; || {
        let called = own_handler();
        let reactor = Reactor::new().unwrap();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, || raise(SIGINT));
        reactor.call_when_running(|| raise(SIGINT));
        reactor.run().unwrap();
        assert_eq!(called.load(Ordering::SeqCst), 1);
    }

    a_handler_of_sigint_of_the_program_leaves_sigterm_alone killed(SIGTERM); || {
        own_handler();
        stops_at(SIGINT);
        raise(SIGTERM);
    }

    a_handler_of_sigint_leaves_sigterm_alone killed(SIGTERM); || {
        stops_at(SIGTERM);
        let reactor = reactor();
        reactor.add_signal_handler(SIGINT, || ()).unwrap();
        reactor.call_when_running(|| raise(SIGTERM));
        stop_later(&reactor);
        reactor.run().unwrap();
    }

    two_reactors_may_handle_one_signal WELL; || {
        let (ready, both_ready) = std::sync::mpsc::channel();
        let run = || {
            let ready = ready.clone();
            thread::spawn(move || {
                let reactor = reactor();
                let stop = reactor.clone();
                reactor.add_signal_handler(SIGUSR1, move || stop.stop().unwrap()).unwrap();
                ready.send(()).unwrap();
                reactor.run().unwrap();
            })
        };
        let threads = [run(), run()];
        for _ in &threads {
            both_ready.recv().unwrap();
        }
        raise(SIGUSR1);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// A process whose parent has it ignore a signal, as `nohup` and a shell's background jobs do.
#[test]
fn a_signal_that_was_ignored_is_ignored_again_after_the_run() {
    const NAME: &str = "a_signal_that_was_ignored_is_ignored_again_after_the_run";
    if env::var(CASE).is_ok() {
        return within_a_minute(|| {
            raise(SIGINT);
            stops_at(SIGINT);
            raise(SIGINT);
        });
    }
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]);
    command.arg(env::current_exe().unwrap());
    let status = run(command, NAME);
    assert_eq!((status.code(), status.signal()), WELL);
}

#[test]
fn what_can_not_be_handled_is_an_error() {
    let reactor = reactor();
    for signal in [SIGKILL, 0, -1, 4000] {
        let error = reactor.add_signal_handler(signal, || ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
