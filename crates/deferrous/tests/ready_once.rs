//! Deferreds that fire when a descriptor can be read from or written to.

#![cfg(feature = "reactor")]

mod reactor_support;
mod streams;

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    rc::Rc,
};

use deferrous::{Abandoned, Cancelled, Failure, Reactor, TimedOut};
use reactor_support::{HOUR, ms, reactor, run, within_a_minute};
use streams::{pair, read_one};

/// The kind of the error that a Deferred has failed with.
fn kind(failure: Failure) -> ErrorKind {
    failure.downcast_ref::<io::Error>().unwrap().kind()
}

#[test]
fn readable_fires_with_the_source_when_there_is_something_to_read() {
    within_a_minute(|| {
        let reactor = reactor();
        let (mut near, far) = pair();
        let d = reactor.readable(far);
        reactor.call_later(ms(2), move || near.write_all(b"a").unwrap());
        let far = reactor.run_until(d).unwrap();
        assert_eq!(read_one(far), b'a');
    });
}

#[test]
fn readable_fires_at_the_end_of_the_stream() {
    within_a_minute(|| {
        let (reactor, (near, far)) = (reactor(), pair());
        drop(near);
        reactor.run_until(reactor.readable(far)).unwrap();
    });
}

#[test]
fn writable_fires_when_there_is_room() {
    within_a_minute(|| {
        let reactor = reactor();
        let (near, far) = pair();
        let near = Rc::new(near);
        while (&*near).write(&[0; 1 << 16]).is_ok() {}
        let d = reactor.writable(near.clone());
        let full = d.into_result().unwrap_err();
        reactor.call_later(ms(2), move || drop(far));
        reactor.run_until(full).unwrap();
        assert_eq!(Rc::strong_count(&near), 1);
    });
}

#[test]
fn a_descriptor_is_not_watched_after_its_deferred_has_fired() {
    within_a_minute(|| {
        let reactor = reactor();
        let (mut near, far) = pair();
        near.write_all(b"ab").unwrap();
        let own = reactor.clone();
        let text = run(&reactor, async move {
            let far = Rc::new(own.readable(far).await?);
            assert_eq!(Rc::strong_count(&far), 1);
            let first = read_one(&*far);
            let again = own.readable(far.clone()).await?;
            Ok([first, read_one(&*again)])
        });
        assert_eq!(&text, b"ab");
    });
}

#[test]
fn a_descriptor_may_be_waited_for_in_both_directions_at_once() {
    within_a_minute(|| {
        let reactor = reactor();
        let (mut near, far) = pair();
        let far = Rc::new(far);
        let (own, reads) = (reactor.clone(), far.clone());
        run(&reactor, async move {
            let readable = own.readable(reads.clone());
            own.writable(reads).await?;
            assert!(!readable.is_called());
            near.write_all(b"a").unwrap();
            readable.await?;
            Ok(())
        });
        assert_eq!(Rc::strong_count(&far), 1);
    });
}

#[test]
fn cancelling_ends_the_watching_and_drops_the_source() {
    let (reactor, (_near, far)) = (reactor(), pair());
    let far = Rc::new(far);
    let d = reactor.readable(far.clone());
    d.cancel();
    assert_eq!(Rc::strong_count(&far), 1);
    assert!(d.into_result().unwrap().unwrap_err().check::<Cancelled>());
    // There is room for another one.
    reactor.add_reader(far, |_| ()).unwrap();
}

#[test]
fn a_timeout_ends_the_watching() {
    within_a_minute(|| {
        let (reactor, (_near, far)) = (reactor(), pair());
        let far = Rc::new(far);
        let d = reactor.readable(far.clone()).add_timeout(ms(2), &reactor);
        assert!(reactor.run_until(d).unwrap_err().check::<TimedOut>());
        assert_eq!(Rc::strong_count(&far), 1);
    });
}

#[test]
fn a_future_that_is_dropped_ends_the_watching() {
    let (reactor, (_near, far)) = (reactor(), pair());
    let far = Rc::new(far);
    drop(reactor.writable(far.clone()).into_future());
    assert_eq!(Rc::strong_count(&far), 1);
}

#[test]
fn what_cannot_be_watched_is_a_failure() {
    let (reactor, (_near, far)) = (reactor(), pair());
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let failure = reactor.readable(file).into_result().unwrap().unwrap_err();
    assert_eq!(kind(failure), ErrorKind::Unsupported);
    let far = Rc::new(far);
    reactor.add_reader(far.clone(), |_| ()).unwrap();
    let failure = reactor.readable(far).into_result().unwrap().unwrap_err();
    assert_eq!(kind(failure), ErrorKind::AlreadyExists);
}

#[test]
fn a_reactor_that_ends_abandons_what_is_watched() {
    within_a_minute(|| {
        let (reactor, (_near, far)) = (reactor(), pair());
        let far = Rc::new(far);
        let d = reactor.readable(far.clone());
        reactor.call_when_running(|| Reactor::current().unwrap().stop().unwrap());
        reactor.run().unwrap();
        assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
        let failure = reactor.readable(far).into_result().unwrap().unwrap_err();
        assert_eq!(kind(failure), ErrorKind::NotConnected);
    });
}

#[test]
fn a_callback_that_panics_is_the_failure_of_its_own_chain() {
    within_a_minute(|| {
        let (reactor, (mut near, far)) = (reactor(), pair());
        near.write_all(b"a").unwrap();
        let d = reactor.readable(far).map(|_| panic!("in a callback"));
        reactor.call_later(HOUR, || ());
        let failure = reactor.run_until::<()>(d).unwrap_err();
        assert_eq!(failure.to_string(), "panicked: in a callback");
    });
}
