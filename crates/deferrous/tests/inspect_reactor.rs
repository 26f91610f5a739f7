//! What a reactor waits for, as a tree.

#![cfg(all(feature = "inspect", feature = "reactor"))]

mod inspect_support;

use std::{
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use deferrous::{
    Clock, Failure, LoopingCall, Reactor, ThreadPool, deferred,
    inspect::{Kind, State, snapshot},
    net::{Protocol, Transport},
    process::Command,
    spawn,
};

/// Jobs are those of the whole process, so one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tree() -> String {
    inspect_support::tree(include_str!("inspect_reactor.rs"))
}

#[test]
fn a_timer_far_away_says_when_it_is_due() {
    let _alone = alone();
    let clock = Clock::new();
    let _d = clock.sleep(Duration::from_secs(50)).map(|()| 1_u8); // [sleep]
    let _call = clock.call_later(Duration::from_secs(9), || {}); // [call]
    assert_eq!(
        tree(),
        "\
Outstanding: 1 Deferred, 2 delayed calls
Deferred<u8> of sleep, made at [sleep] T ago
└─ delayed call of sleep, set at [sleep] T ago, due in T
delayed call of call_later, set at [call] T ago, due in T"
    );
    let due = |name| {
        let made = snapshot();
        let call = made
            .of_kind(Kind::DelayedCall)
            .find(|call| call.name == name);
        call.map(|call| call.state.clone())
    };
    let after = Duration::from_secs(50);
    assert_eq!(due("sleep"), Some(State::Due { after }));
    clock.advance(Duration::from_secs(40));
    let after = Duration::from_secs(10);
    assert_eq!(due("sleep"), Some(State::Due { after }));
    assert_eq!(due("call_later"), None);
    clock.advance(Duration::from_secs(10));
    assert_eq!(tree(), "Nothing is outstanding.");
}

#[test]
fn a_timeout_is_said_in_the_row_that_it_ends() {
    let _alone = alone();
    let clock = Clock::new();
    let (_lost, d) = deferred::<u8>(); // [limited]
    let _d = d.add_timeout(Duration::from_secs(7), &clock);
    assert!(
        tree().ends_with("made there, has not fired, times out in T"),
        "{}",
        tree()
    );
    assert_eq!(snapshot().items[0].times_out, Some(Duration::from_secs(7)));
}

#[test]
fn a_call_that_a_blocked_reactor_has_missed_is_overdue() {
    let _alone = alone();
    let reactor = Reactor::new().unwrap();
    let _call = reactor.call_later(Duration::from_millis(1), || {}); // [missed]
    std::thread::sleep(Duration::from_millis(5));
    assert!(tree().ends_with("delayed call of call_later, set at [missed] T ago, overdue by T"));
}

#[test]
fn a_loop_waits_for_its_next_call_or_for_what_its_function_has_returned() {
    let _alone = alone();
    let clock = Clock::new();
    let (_lost, d) = deferred::<()>(); // [returned]
    let mut returned = Some(d);
    let tick = LoopingCall::new(&clock, move || returned.take().unwrap());
    let _ended = tick.start(Duration::from_secs(3), false).unwrap(); // [loop]
    assert_eq!(
        tree(),
        "\
Outstanding: 2 Deferreds, 1 delayed call
Deferred<()>, made at [returned] T ago, its Trigger, made there, has not fired
Deferred<()> of LoopingCall::start, made at [loop] T ago
└─ delayed call of LoopingCall, set at [loop] T ago, due in T"
    );
    clock.advance(Duration::from_secs(3));
    assert_eq!(
        tree(),
        "\
Outstanding: 2 Deferreds
Deferred<()> of LoopingCall::start, made at [loop] T ago
└─ Deferred<()>, made at [returned] T ago, its Trigger, made there, has not fired"
    );
}

#[test]
fn a_blocked_job_names_its_thread_and_a_full_pool_those_that_wait() {
    let _alone = alone();
    let reactor = Reactor::new().unwrap();
    reactor.suggest_thread_pool_size(1);
    let (release, blocked) = mpsc::channel::<()>();
    let (started, running) = mpsc::channel::<()>();
    let first = reactor.defer_to_thread(move || Ok((started.send(())?, blocked.recv()?))); // [first]
    let second = reactor.defer_to_thread(|| Ok(1_u8)); // [second]
    reactor.thread_pool().start();
    running.recv().unwrap();
    let text = tree();
    let name = "inspect_reactor::a_blocked_job_names_its_thread_and_a_full_pool_those_that_wait";
    assert_eq!(
        text,
        format!(
            "\
Outstanding: 2 Deferreds, 2 jobs
Deferred<((), ())> of defer_to_thread, made at [first] T ago
└─ job {name}, handed out at [first] T ago, runs for T in thread deferrous-0
Deferred<u8> of defer_to_thread, made at [second] T ago
└─ job {name}, handed out at [second] T ago, no thread has taken it"
        )
    );
    release.send(()).unwrap();
    reactor.run_until(first.add_callback(|_| second)).unwrap();
    assert_eq!(tree(), "Nothing is outstanding.");
}

#[test]
fn jobs_that_nobody_waits_for_are_there_too() {
    let _alone = alone();
    let pool = ThreadPool::new(0, 1);
    pool.call_in_thread(|| {}).unwrap(); // [job]
    assert!(tree().ends_with("handed out at [job] T ago, no thread has taken it"));
    drop(pool);
    assert_eq!(tree(), "Nothing is outstanding.");
}

#[test]
fn a_remote_trigger_that_is_held_is_named() {
    let _alone = alone();
    let reactor = Reactor::new().unwrap();
    let (_trigger, _d) = reactor.remote_trigger::<u8>(); // [remote]
    let expected = "Deferred<u8> of remote_trigger, made at [remote] T ago, its RemoteTrigger, \
                    made there, has not fired";
    assert!(tree().ends_with(expected), "{}", tree());
}

#[test]
fn descriptors_say_who_waits_for_them_and_whether_they_are_paused() {
    let _alone = alone();
    let reactor = Reactor::new().unwrap();
    let (near, far) = UnixStream::pair().unwrap();
    let d = reactor.readable(near); // [readable]
    let watch = reactor.add_reader(far, |_| {}).unwrap(); // [reader]
    watch.pause();
    let text = tree();
    let rows: Vec<_> = text.lines().collect();
    assert_eq!(rows[0], "Outstanding: 1 Deferred, 2 watched descriptors");
    assert_eq!(
        rows[1],
        "Deferred<UnixStream> of readable, made at [readable] T ago"
    );
    assert!(rows[2].starts_with("└─ reader of descriptor "), "{text}");
    assert!(rows[2].ends_with(", added at [readable] T ago"), "{text}");
    assert!(
        rows[3].ends_with(", added at [reader] T ago, paused"),
        "{text}"
    );
    watch.remove();
    d.cancel();
    drop(
        d.add_errback(|_| Err(std::io::Error::other("expected").into()))
            .add_errback(|_: Failure| Ok(UnixStream::pair()?.0)),
    );
    assert_eq!(tree(), "Nothing is outstanding.");
}

struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &Transport, _: &[u8]) -> Result<(), Failure> {
        Ok(())
    }
}

#[test]
fn ports_and_connections_have_their_addresses() {
    let _alone = alone();
    let reactor = Reactor::new().unwrap();
    let port = reactor.listen_tcp("127.0.0.1:0", |_| Silent).unwrap(); // [port]
    let address = port.host().socket_addr().unwrap();
    let peer = TcpStream::connect(address).unwrap();
    let from = peer.local_addr().unwrap();
    let connecting = reactor.connect_tcp(address, Silent); // [connect]
    let text = tree();
    assert!(
        text.contains(&format!(
            "Deferred<Transport> of connect to {address}, made at [connect] T ago"
        )),
        "{text}"
    );
    let transport = reactor.run_until(connecting);
    // The run has ended, and with it the port and its connections.
    assert!(transport.is_ok());
    assert_eq!(tree(), "Nothing is outstanding.");

    let port = reactor.listen_tcp("127.0.0.1:0", |_| Silent).unwrap(); // [port]
    let address = port.host().socket_addr().unwrap();
    let peer = TcpStream::connect(address).unwrap();
    let from_now = peer.local_addr().unwrap();
    assert_ne!(from, from_now);
    let waiting = reactor.sleep(Duration::from_millis(50)).map(|()| tree());
    let text = reactor.run_until(waiting).unwrap();
    assert!(
        text.contains(&format!("port at {address}, opened at [port] T ago")),
        "{text}"
    );
    let connection = format!("connection of {address} with {from_now}, opened at [port] T ago");
    assert!(text.contains(&connection), "{text}");
}

#[test]
fn a_coroutine_of_a_reactor_is_shown_as_one_of_the_thread() {
    let _alone = alone();
    let reactor = Reactor::new().unwrap();
    let sleep = reactor.sleep(Duration::from_secs(9)); // [nap]
    let _d = reactor.spawn(async move { sleep.await }); // [coroutine]
    let text = tree();
    assert!(
        text.contains("spawned at [coroutine] T ago, waits at [coroutine]"),
        "{text}"
    );
    assert!(
        text.ends_with("   └─ delayed call of sleep, set at [nap] T ago, due in T"),
        "{text}"
    );
    drop(spawn(async { Ok(()) }));
}

#[test]
fn a_child_process_has_its_number() {
    let _alone = alone();
    let reactor = Reactor::new().unwrap();
    let sleep = Command::new("sleep").args(["9"]);
    let (process, d) = sleep.spawn(&reactor).unwrap(); // [child]
    let text = tree();
    let expected = format!(
        "Deferred<ExitStatus> of Command for process {}, made at [child] T ago, has not fired",
        process.id()
    );
    assert!(text.contains(&expected), "{text}");
    d.cancel();
    assert!(reactor.run_until(d).is_err());
}
