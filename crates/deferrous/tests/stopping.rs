//! Whatever the reactor calls may stop it.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::thread;

use deferrous::{LoopingCall, Reactor};
use reactor_support::{ms, reactor, within_a_minute};

/// Runs a reactor that is stopped in some way.
fn assert_stops(way: impl FnOnce(&Reactor) + Send + 'static) {
    within_a_minute(move || {
        let reactor = reactor();
        way(&reactor);
        reactor.run().unwrap();
    });
}

#[test]
fn a_timer_may_stop_it() {
    assert_stops(|reactor| {
        let stop = reactor.clone();
        reactor.call_later(ms(1), move || stop.stop().unwrap());
    });
}

#[test]
fn a_call_from_a_thread_may_stop_it() {
    assert_stops(|reactor| {
        let remote = reactor.remote();
        thread::spawn(move || remote.call_from_thread(|reactor| reactor.stop().unwrap()));
    });
}

#[test]
fn a_job_result_may_stop_it() {
    assert_stops(|reactor| {
        let stop = reactor.clone();
        reactor
            .defer_to_thread(|| Ok(()))
            .map(move |()| stop.stop().unwrap());
    });
}

#[test]
fn a_reader_may_stop_it() {
    assert_stops(|reactor| {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        let stop = reactor.clone();
        drop(near);
        let _ = reactor.add_reader(far, move |_| drop(stop.stop())).unwrap();
    });
}

#[test]
fn a_coroutine_may_stop_it() {
    assert_stops(|reactor| {
        let (stop, d) = (reactor.clone(), reactor.defer_to_thread(|| Ok(())));
        drop(reactor.spawn(async move {
            d.await?;
            Ok(stop.stop()?)
        }));
    });
}

#[test]
fn a_looping_call_may_stop_it() {
    assert_stops(|reactor| {
        let stop = reactor.clone();
        let tick = LoopingCall::new(reactor, move || drop(stop.stop()));
        drop(tick.start(ms(1), false).unwrap());
    });
}
