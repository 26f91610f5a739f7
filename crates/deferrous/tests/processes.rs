//! Child processes: their ends, their streams, and how they are ended.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    fs, io,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{self, Stdio},
    rc::Rc,
    time::Instant,
};

use deferrous::{
    Abandoned, Cancelled, Deferred, DeferredSemaphore, Failure, Panicked, Reactor, ReactorError,
    TimedOut, capture_unhandled, gather_results, process::Command,
};
use reactor_support::{HOUR, ms, reactor, secs, within_a_minute};
use signal_hook::consts::{SIGHUP, SIGKILL, SIGTERM, SIGUSR1};

fn shell(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

/// Says that it is ready, ignores SIGTERM, and goes on until it is killed.
fn stubborn() -> Command {
    shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")
}

fn is_alive(id: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{id}/stat")) else {
        return !cfg!(target_os = "linux") && test_kill(id);
    };
    // A zombie has ended, but nobody has waited for it.
    !status.contains(") Z ")
}

fn test_kill(id: u32) -> bool {
    let status = process::Command::new("kill")
        .args(["-0", &id.to_string()])
        .status();
    status.is_ok_and(|status| status.success())
}

/// Calls `f` with the first piece of output.
fn once(f: impl FnOnce() + 'static) -> impl FnMut(&[u8]) + 'static {
    let mut f = Some(f);
    move |_| {
        if let Some(f) = f.take() {
            f();
        }
    }
}

/// Runs until the Deferred has an outcome, without cancelling anything.
fn outcome<T: 'static>(reactor: &Reactor, d: Deferred<T>) -> Result<T, Failure> {
    reactor.run_until(d)
}

#[test]
fn the_status_says_how_it_has_ended() {
    within_a_minute(|| {
        let reactor = reactor();
        let statuses = gather_results([
            shell("exit 0").status(&reactor),
            shell("exit 7").status(&reactor),
            shell("kill -KILL $$").status(&reactor),
        ]);
        let statuses = outcome(&reactor, statuses).unwrap();
        assert!(statuses[0].success());
        assert_eq!(statuses[1].code(), Some(7));
        assert_eq!(statuses[2].signal(), Some(SIGKILL));
    });
}

#[test]
fn a_program_that_does_not_exist_is_a_failure() {
    let reactor = reactor();
    let d = Command::new("/no/such/program").output(&reactor);
    let error = d
        .into_result()
        .unwrap()
        .unwrap_err()
        .downcast::<io::Error>();
    assert_eq!(error.unwrap().kind(), io::ErrorKind::NotFound);
    let refused = Command::new("true").terminate_signal(0).spawn(&reactor);
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn arguments_environment_and_folder_are_handed_on() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = shell("pwd; echo $0 $1 $NEW $GONE $HOME")
            .args(["zero", "one"])
            .env("GONE", "gone")
            .env_clear()
            .env("NEW", "new")
            .env("GONE", "gone")
            .env_remove("GONE")
            .current_dir(Path::new("/"))
            .output(&reactor);
        let output = outcome(&reactor, d).unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "/\nzero one new\n"
        );
    });
}

#[test]
fn all_of_a_large_input_and_output_goes_through() {
    within_a_minute(|| {
        let reactor = reactor();
        let input: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let d = Command::new("cat").input(input.clone()).output(&reactor);
        let output = outcome(&reactor, d).unwrap();
        assert!(output.status.success());
        assert!(output.stdout == input);
        assert!(output.stderr.is_empty());
    });
}

#[test]
fn a_program_that_does_not_read_its_input_ends() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = Command::new("true")
            .input(vec![0; 1_000_000])
            .output(&reactor);
        assert!(outcome(&reactor, d).unwrap().status.success());
    });
}

#[test]
fn without_input_the_standard_input_is_empty() {
    within_a_minute(|| {
        let reactor = reactor();
        let d = Command::new("cat").stdout(Stdio::null()).status(&reactor);
        assert!(outcome(&reactor, d).unwrap().success());
    });
}

#[test]
fn output_is_streamed_while_it_runs() {
    within_a_minute(|| {
        let reactor = reactor();
        let process = Rc::new(RefCell::new(None));
        let (seen, running) = (Rc::new(Cell::new(0)), process.clone());
        let chunks = seen.clone();
        // It goes on only when it is told that its line has come.
        let (child, ended) = shell("trap 'exit 4' USR1; echo line; while :; do sleep 0.02; done")
            .on_stdout(move |chunk| {
                assert_eq!(chunk, b"line\n");
                chunks.set(chunks.get() + 1);
                let child: &deferrous::process::Process = &running.borrow_mut().take().unwrap();
                assert!(child.is_running());
                child.signal(SIGUSR1).unwrap();
            })
            .spawn(&reactor)
            .unwrap();
        process.replace(Some(child));
        assert_eq!(outcome(&reactor, ended).unwrap().code(), Some(4));
        assert_eq!(seen.get(), 1);
    });
}

#[test]
fn a_function_that_panics_is_reported_and_the_rest_is_read() {
    within_a_minute(|| {
        let captured = capture_unhandled();
        let reactor = reactor();
        let d = shell("head -c 1000000 /dev/zero; echo done >&2")
            .on_stdout(|_| panic!("too much"))
            .output(&reactor);
        let output = outcome(&reactor, d).unwrap();
        assert_eq!(output.stderr, b"done\n");
        let failures = captured.take();
        assert_eq!(failures.len(), 1);
        assert!(failures[0].failure.check::<Panicked>());
    });
}

#[test]
fn cancelling_ends_the_process_before_the_deferred_fails() {
    within_a_minute(|| {
        let reactor = reactor();
        let (process, ended) = Command::new("sleep").arg("3600").spawn(&reactor).unwrap();
        let handle = ended.cancel_handle();
        let (stop, cancelled) = (process.clone(), Rc::new(Cell::new(false)));
        let seen = cancelled.clone();
        reactor.call_later(ms(1), move || {
            handle.cancel();
            seen.set(stop.is_running());
        });
        let failure = outcome(&reactor, ended).unwrap_err();
        assert!(failure.check::<Cancelled>());
        assert!(cancelled.get(), "it cannot have ended in cancel() itself");
        assert!(!process.is_running());
        assert!(!is_alive(process.id()));
        let error = process.signal(SIGHUP).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn a_process_that_does_not_end_is_killed_after_the_grace_period() {
    within_a_minute(|| {
        let reactor = reactor();
        let (start, grace) = (Instant::now(), ms(200));
        let handle = Rc::new(RefCell::new(None::<deferrous::CancelHandle>));
        let cancel = handle.clone();
        let (process, ended) = stubborn()
            .grace_period(grace)
            .on_stdout(once(move || cancel.take().unwrap().cancel()))
            .spawn(&reactor)
            .unwrap();
        handle.replace(Some(ended.cancel_handle()));
        assert!(outcome(&reactor, ended).unwrap_err().check::<Cancelled>());
        assert!(start.elapsed() >= grace);
        assert!(!is_alive(process.id()));
    });
}

#[test]
fn cancelling_again_kills_at_once() {
    within_a_minute(|| {
        let reactor = reactor();
        let handle = Rc::new(RefCell::new(None::<deferrous::CancelHandle>));
        let (cancel, later) = (handle.clone(), reactor.clone());
        let (process, ended) = stubborn()
            .grace_period(HOUR)
            .on_stdout(once(move || {
                let handle = cancel.take().unwrap();
                handle.cancel();
                later.call_later(ms(1), move || {
                    handle.cancel();
                    handle.cancel();
                });
            }))
            .spawn(&reactor)
            .unwrap();
        handle.replace(Some(ended.cancel_handle()));
        assert!(outcome(&reactor, ended).unwrap_err().check::<Cancelled>());
        assert!(!is_alive(process.id()));
    });
}

#[test]
fn the_signal_that_ends_it_can_be_chosen() {
    within_a_minute(|| {
        let reactor = reactor();
        let handle = Rc::new(RefCell::new(None::<deferrous::CancelHandle>));
        let (cancel, errors) = (handle.clone(), Rc::new(RefCell::new(Vec::new())));
        let log = errors.clone();
        let d = shell(
            "trap 'echo hung up >&2; exit' HUP; trap '' TERM; echo; while :; do sleep 0.02; done",
        )
        .terminate_signal(SIGHUP)
        .grace_period(HOUR)
        .on_stdout(once(move || cancel.take().unwrap().cancel()))
        .on_stderr(move |chunk| log.borrow_mut().extend_from_slice(chunk))
        .status(&reactor);
        handle.replace(Some(d.cancel_handle()));
        assert!(outcome(&reactor, d).unwrap_err().check::<Cancelled>());
    });
}

#[test]
fn a_permit_is_held_until_the_process_is_dead() {
    within_a_minute(|| {
        let reactor = reactor();
        let semaphore = DeferredSemaphore::new(1);
        let handle = Rc::new(RefCell::new(None::<deferrous::CancelHandle>));
        let (cancel, id) = (handle.clone(), Rc::new(Cell::new(0)));
        let (own, number) = (reactor.clone(), id.clone());
        let first = semaphore.run(move || {
            let (process, ended) = stubborn()
                .grace_period(ms(100))
                .on_stdout(once(move || cancel.take().unwrap().cancel()))
                .spawn(&own)
                .unwrap();
            number.set(process.id());
            ended
        });
        handle.replace(Some(first.cancel_handle()));
        let number = id.clone();
        let second = semaphore.run(move || Ok(is_alive(number.get())));
        let first = first.add_both(|result| Ok(result.unwrap_err().check::<Cancelled>()));
        let both = gather_results([first, second]);
        assert_eq!(outcome(&reactor, both).unwrap(), [true, false]);
        assert_eq!(semaphore.tokens(), 1);
    });
}

#[test]
fn a_timeout_is_over_when_the_process_is() {
    within_a_minute(|| {
        let reactor = reactor();
        let (process, ended) = Command::new("sleep").arg("3600").spawn(&reactor).unwrap();
        let d = ended.add_timeout(ms(10), &reactor);
        assert!(outcome(&reactor, d).unwrap_err().check::<TimedOut>());
        assert!(!is_alive(process.id()));
    });
}

#[test]
fn the_end_of_the_streams_is_waited_for_but_not_after_cancelling() {
    within_a_minute(|| {
        let reactor = reactor();
        // What it has started keeps its pipe open.
        let d = shell("(sleep 0.1; echo late) & echo early").output(&reactor);
        assert_eq!(outcome(&reactor, d).unwrap().stdout, b"early\nlate\n");
    });
    within_a_minute(|| {
        let reactor = reactor();
        let d = shell("sleep 3600 & echo $!").own_group().output(&reactor);
        let handle = d.cancel_handle();
        reactor.call_later(ms(200), move || handle.cancel());
        assert!(outcome(&reactor, d).unwrap_err().check::<Cancelled>());
    });
}

#[test]
fn a_group_ends_as_one() {
    within_a_minute(|| {
        let reactor = reactor();
        let handle = Rc::new(RefCell::new(None::<deferrous::CancelHandle>));
        let (cancel, child) = (handle.clone(), Rc::new(Cell::new(0)));
        let number = child.clone();
        let d = shell("sleep 3600 & echo $!; wait")
            .own_group()
            .on_stdout(move |chunk| {
                let text = String::from_utf8_lossy(chunk);
                number.set(text.trim().parse().unwrap());
                if let Some(handle) = cancel.take() {
                    handle.cancel();
                }
            })
            .status(&reactor);
        handle.replace(Some(d.cancel_handle()));
        assert!(outcome(&reactor, d).unwrap_err().check::<Cancelled>());
        let patience = Instant::now();
        while is_alive(child.get()) {
            assert!(patience.elapsed() < secs(30), "the grandchild is alive");
        }
    });
}

#[test]
fn a_reactor_that_stops_waits_for_processes_that_are_being_ended() {
    within_a_minute(|| {
        let reactor = reactor();
        let (stop, d) = (reactor.clone(), stubborn().grace_period(ms(100)));
        let (process, ended) = d
            .on_stdout(once(move || stop.stop().unwrap()))
            .spawn(&reactor)
            .unwrap();
        let result = reactor.run_until(ended);
        assert!(result.unwrap_err().check::<Cancelled>());
        assert!(!is_alive(process.id()));
    });
}

#[test]
fn a_process_that_the_reactor_leaves_running_is_abandoned() {
    within_a_minute(|| {
        let reactor = reactor();
        let (process, ended) = Command::new("sleep").arg("3600").spawn(&reactor).unwrap();
        let stop = reactor.clone();
        reactor.call_when_running(move || stop.stop().unwrap());
        reactor.run().unwrap();
        let failure = ended.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
        assert!(!process.is_running() && is_alive(process.id()));
        assert!(process.signal(SIGTERM).is_err());
        process::Command::new("kill")
            .arg(process.id().to_string())
            .status()
            .unwrap();
        let refused = Command::new("true").spawn(&reactor).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotConnected);
        assert!(matches!(reactor.run(), Err(ReactorError::NotRestartable)));
    });
}

#[test]
fn many_at_once_each_have_their_own_end() {
    within_a_minute(|| {
        let reactor = reactor();
        let all = gather_results((0..40).map(|n| {
            let d = shell(&format!("cat; exit {n}"))
                .input(format!("{n}"))
                .output(&reactor);
            d.map(move |output| {
                assert_eq!(output.status.code(), Some(n));
                String::from_utf8(output.stdout)
                    .unwrap()
                    .parse::<i32>()
                    .unwrap()
            })
        }));
        let numbers: Vec<i32> = (0..40).collect();
        assert_eq!(outcome(&reactor, all).unwrap(), numbers);
        // Nothing of them is left in the reactor: it has no reason to go on.
        assert!(format!("{reactor:?}").contains("delayed_calls: 0"));
    });
}

#[test]
fn commands_of_the_standard_library_can_be_used() {
    within_a_minute(|| {
        let mut command = process::Command::new("cat");
        command.stdin(Stdio::null()).arg("-");
        let reactor = reactor();
        let command = Command::from(command);
        assert!(format!("{command:?}").contains("\"cat\" \"-\""));
        assert!(
            outcome(&reactor, command.status(&reactor))
                .unwrap()
                .success()
        );
    });
}
