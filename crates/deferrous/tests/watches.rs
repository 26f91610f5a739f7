//! Taking readers and writers away, also from inside their callbacks.

#![cfg(feature = "reactor")]

mod reactor_support;
mod streams;

use std::{
    cell::RefCell,
    io::Write,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::net::UnixStream,
    },
    rc::Rc,
};

use deferrous::{Origin, Panicked, Reactor, Watch, capture_unhandled};
use reactor_support::{Log, ms, reactor, within_a_minute};
use streams::{Slot, pair, read_one, run_some_turns};

#[test]
fn a_callback_may_remove_itself() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"abc").unwrap();
        let (seen, watch) = (log.clone(), Slot::<Watch>::default());
        let own = watch.clone();
        let owned = Rc::new(());
        let kept = owned.clone();
        let added = reactor.add_reader(far, move |stream| {
            own.take().unwrap().remove();
            seen.add(read_one(stream));
            assert_eq!(Rc::strong_count(&kept), 2);
        });
        *watch.borrow_mut() = Some(added.unwrap());
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"a");
        assert_eq!(Rc::strong_count(&owned), 1);
    });
}

#[test]
fn what_is_removed_is_not_called_even_if_its_event_was_seen() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let all = Rc::new(RefCell::new(Vec::<Watch>::new()));
        let mut others = Vec::new();
        for n in 0..10 {
            let (mut near, far) = pair();
            near.write_all(b"a").unwrap();
            others.push(near);
            let (seen, all_again) = (log.clone(), all.clone());
            let watch = reactor.add_reader(far, move |_| {
                seen.add(n);
                all_again.take().iter().for_each(Watch::remove);
            });
            all.borrow_mut().push(watch.unwrap());
        }
        run_some_turns(&reactor);
        assert_eq!(log.len(), 1);
    });
}

#[test]
fn an_event_is_not_for_what_was_added_after_it_was_seen() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let watches = Rc::new(RefCell::new(Vec::<Watch>::new()));
        let (mut written, silent) = (Vec::new(), pair());
        let silent = [Rc::new(silent.0), Rc::new(silent.1)];
        for _ in 0..2 {
            let (mut near, far) = pair();
            near.write_all(b"a").unwrap();
            written.push(near);
            let (all, again, seen) = (watches.clone(), reactor.clone(), log.clone());
            let silent = silent.clone();
            let watch = reactor.add_reader(far, move |_| {
                seen.add(());
                let removed = all.take();
                removed.iter().for_each(Watch::remove);
                for silent in silent.clone() {
                    let called = |_: &_| panic!("nothing was written");
                    again.add_reader(silent, called).unwrap();
                }
            });
            watches.borrow_mut().push(watch.unwrap());
        }
        run_some_turns(&reactor);
        assert_eq!(log.len(), 1);
    });
}

#[test]
fn a_reader_may_remove_the_writer_of_the_same_event() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let (far, writer) = (Rc::new(far), Slot::<Watch>::default());
        let (seen, other) = (log.clone(), writer.clone());
        reactor
            .add_reader(far.clone(), move |s| {
                seen.add(read_one(&**s));
                other.take().unwrap().remove();
            })
            .unwrap();
        let added = reactor
            .add_writer(far, |_| panic!("it was removed"))
            .unwrap();
        *writer.borrow_mut() = Some(added);
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"a");
    });
}

#[test]
fn a_descriptor_that_is_removed_and_added_again_does_not_hear_of_the_old_event() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let far = Rc::new(far);
        let watches = Rc::new(RefCell::new(Vec::<Watch>::new()));
        let (all, again, seen) = (watches.clone(), reactor.clone(), log.clone());
        let source = far.clone();
        let reader = reactor.add_reader(far.clone(), move |s| {
            all.take().iter().for_each(Watch::remove);
            assert_eq!(read_one(&**s), b'a');
            let seen = seen.clone();
            again
                .add_reader(source.clone(), move |s| seen.add(read_one(&**s)))
                .unwrap();
        });
        let writer = reactor.add_writer(far, |_| panic!("it was removed"));
        *watches.borrow_mut() = vec![reader.unwrap(), writer.unwrap()];
        reactor.call_later(ms(2), move || {
            near.write_all(b"b").unwrap();
            std::mem::forget(near);
        });
        reactor.call_later(ms(10), || Reactor::current().unwrap().stop().unwrap());
        let captured = capture_unhandled();
        reactor.run().unwrap();
        assert!(captured.take().is_empty());
        assert_eq!(log.take(), b"b");
    });
}

#[test]
fn a_descriptor_number_may_be_used_again() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut old, mut reused) = (Vec::new(), 0);
        for n in 0..50 {
            let (mut near, far) = pair();
            let number = far.as_raw_fd();
            near.write_all(&[n]).unwrap();
            let watch = reactor
                .add_reader(far, |_| panic!("it was removed"))
                .unwrap();
            watch.remove();
            let (mut near, far) = pair();
            reused += u32::from([far.as_raw_fd(), near.as_raw_fd()].contains(&number));
            near.write_all(&[n]).unwrap();
            let seen = log.clone();
            reactor
                .add_reader(far, move |stream| seen.add(read_one(stream)))
                .unwrap();
            watch.remove();
            old.push((near, watch));
        }
        run_some_turns(&reactor);
        let mut seen = log.take();
        seen.sort_unstable();
        assert_eq!(seen, Vec::from_iter(0..50));
        assert!(reused > 0);
    });
}

#[test]
fn a_panicking_callback_is_reported_and_removed() {
    within_a_minute(|| {
        let (reactor, captured) = (reactor(), capture_unhandled());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let far = Rc::new(far);
        let (add, again) = (reactor.clone(), far.clone());
        let panics = move |_: &Rc<UnixStream>| {
            let (reactor, again) = (add.clone(), again.clone());
            // Late enough for it to be called once more if it were still there.
            add.call_later(ms(2), move || {
                let stop = reactor.clone();
                let reads = move |s: &Rc<UnixStream>| {
                    assert_eq!(read_one(&**s), b'a');
                    stop.stop().unwrap();
                };
                drop(reactor.add_reader(again, reads).unwrap());
            });
            panic!("in a reader")
        };
        reactor.add_reader(far.clone(), panics).unwrap();
        reactor.run().unwrap();
        let reported = captured.take();
        assert_eq!(reported.len(), 1);
        assert_eq!(reported[0].origin, Origin::Source);
        assert!(reported[0].failure.check::<Panicked>());
        assert_eq!(Rc::strong_count(&far), 1);
    });
}

#[test]
fn removing_drops_the_source_and_the_callback() {
    let reactor = reactor();
    let (_near, far) = pair();
    let far = Rc::new(far);
    let reader = reactor.add_reader(far.clone(), |_| ()).unwrap();
    let writer = reactor.add_writer(far.clone(), |_| ()).unwrap();
    reader.remove();
    writer.remove();
    writer.remove();
    assert_eq!(Rc::strong_count(&far), 1);
}

#[test]
fn dropping_a_watch_removes_nothing() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let seen = log.clone();
        drop(
            reactor
                .add_reader(far, move |s| seen.add(read_one(s)))
                .unwrap(),
        );
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"a");
    });
}

/// A source whose descriptor can be taken away from it.
struct Closable(RefCell<UnixStream>);

impl AsFd for Closable {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: nobody replaces the stream while a call of the reactor uses its descriptor.
        unsafe { BorrowedFd::borrow_raw(self.0.borrow().as_raw_fd()) }
    }
}

#[test]
fn a_descriptor_closed_behind_the_reactors_back_does_no_harm() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let (other_near, other_far) = pair();
        let source = Rc::new(Closable(RefCell::new(far)));
        let watch = reactor
            .add_reader(source.clone(), |_| panic!("it was closed"))
            .unwrap();
        drop(source.0.replace(other_far));
        watch.remove();
        drop(source);
        let (mut near, far) = pair();
        near.write_all(b"b").unwrap();
        let seen = log.clone();
        reactor
            .add_reader(far, move |s| seen.add(read_one(s)))
            .unwrap();
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"b");
        drop(other_near);
    });
}

#[test]
fn a_busy_descriptor_does_not_starve_timers_and_calls() {
    within_a_minute(|| {
        let reactor = reactor();
        let (mut near, far) = pair();
        near.write_all(b"never read").unwrap();
        reactor.add_reader(far, |_| ()).unwrap();
        let remote = reactor.remote();
        reactor.call_later(ms(2), move || remote.stop().unwrap());
        reactor.run().unwrap();
    });
}
