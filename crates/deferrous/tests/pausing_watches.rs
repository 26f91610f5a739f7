//! Readers and writers that are paused for a while.

#![cfg(feature = "reactor")]

mod reactor_support;
mod streams;

use std::{
    cell::Cell,
    io::{ErrorKind, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    time::Duration,
};

use deferrous::{Reactor, Watch};
use reactor_support::{Log, ms, reactor, within_a_minute};
use streams::{Slot, pair, read_one, run_some_turns};

#[test]
fn a_paused_reader_is_not_called_and_a_resumed_one_hears_of_what_waits() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"abc").unwrap();
        let seen = log.clone();
        let reads = move |stream: &_| seen.add(read_one(stream));
        let watch = reactor.add_reader(far, reads).unwrap();
        watch.pause();
        let (seen, stop) = (log.clone(), reactor.clone());
        reactor.call_later(ms(5), move || {
            seen.add(b'|');
            watch.resume().unwrap();
            stop.call_later(ms(5), || Reactor::current().unwrap().stop().unwrap());
        });
        reactor.run().unwrap();
        assert_eq!(log.take(), b"|abc");
    });
}

#[test]
fn a_callback_may_pause_itself_and_be_resumed_by_a_clone() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"abc").unwrap();
        let (seen, time, own) = (log.clone(), reactor.clone(), Slot::<Watch>::default());
        let watch = own.clone();
        let added = reactor.add_reader(far, move |stream| {
            seen.add(read_one(stream));
            let watch = watch.borrow().clone().unwrap();
            watch.pause();
            let (seen, stop) = (seen.clone(), time.clone());
            time.call_later(ms(2), move || {
                seen.add(b'|');
                watch.resume().unwrap();
                if seen.len() == 6 {
                    stop.stop().unwrap();
                }
            });
        });
        own.replace(Some(added.unwrap()));
        reactor.run().unwrap();
        assert_eq!(log.take(), b"a|b|c|");
    });
}

#[test]
fn what_is_paused_is_not_called_even_if_its_event_was_seen() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let all = Rc::new(std::cell::RefCell::new(Vec::<Watch>::new()));
        let mut others = Vec::new();
        for n in 0..10 {
            let (mut near, far) = pair();
            near.write_all(b"a").unwrap();
            others.push(near);
            let (seen, watches) = (log.clone(), all.clone());
            let watch = reactor.add_reader(far, move |_| {
                seen.add(n);
                watches.borrow().iter().for_each(Watch::pause);
            });
            all.borrow_mut().push(watch.unwrap());
        }
        run_some_turns(&reactor);
        assert_eq!(log.len(), 1);
    });
}

#[test]
fn pauses_do_not_count() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let seen = log.clone();
        let reads = move |stream: &_| seen.add(read_one(stream));
        let watch = reactor.add_reader(far, reads).unwrap();
        watch.resume().unwrap();
        watch.pause();
        watch.pause();
        watch.resume().unwrap();
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"a");
    });
}

#[test]
fn pausing_a_reader_leaves_the_writer_of_its_descriptor_alone() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let far = Rc::new(far);
        let not_called = |_: &_| panic!("it is paused");
        let reader = reactor.add_reader(far.clone(), not_called).unwrap();
        let (seen, own) = (log.clone(), Slot::<Watch>::default());
        let watch = own.clone();
        let writer = reactor.add_writer(far, move |_| {
            seen.add(b'w');
            watch.take().unwrap().pause();
        });
        own.replace(Some(writer.unwrap()));
        reader.pause();
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"w");
    });
}

#[test]
fn a_paused_descriptor_that_is_hung_up_does_not_keep_the_loop_busy() {
    within_a_minute(|| {
        let reactor = reactor();
        let (near, far) = pair();
        let not_called = |_: &_| panic!("it is paused");
        let watch = reactor.add_reader(far, not_called).unwrap();
        watch.pause();
        drop(near);
        let before = processor_time();
        reactor.call_later(ms(200), || Reactor::current().unwrap().stop().unwrap());
        reactor.run().unwrap();
        let spent = processor_time() - before;
        assert!(spent < ms(50), "{spent:?} of 200 ms");
    });
}

/// How long this thread has had a processor, as far as the system says so.
fn processor_time() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = times.split_whitespace().next().map(str::parse);
    Duration::from_nanos(nanos.and_then(Result::ok).unwrap_or(0))
}

#[test]
fn a_paused_reader_keeps_its_place_its_source_and_its_callback_until_it_is_removed() {
    let reactor = reactor();
    let (_near, far) = pair();
    let (far, owned) = (Rc::new(far), Rc::new(()));
    let kept = owned.clone();
    let reader = reactor.add_reader(far.clone(), move |_| drop(kept.clone()));
    let reader = reader.unwrap();
    reader.pause();
    let refused = reactor.add_reader(far.clone(), |_| ()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert_eq!((Rc::strong_count(&far), Rc::strong_count(&owned)), (2, 2));
    reader.remove();
    assert_eq!((Rc::strong_count(&far), Rc::strong_count(&owned)), (1, 1));
    reader.pause();
    reader.resume().unwrap();
}

#[test]
fn a_descriptor_that_was_paused_and_removed_can_be_watched_again() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let far = Rc::new(far);
        let first = reactor.add_reader(far.clone(), |_| panic!("it was removed"));
        let first = first.unwrap();
        first.pause();
        first.remove();
        let seen = log.clone();
        let reads = move |stream: &Rc<_>| seen.add(read_one(&**stream));
        reactor.add_reader(far, reads).unwrap();
        first.pause();
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"a");
    });
}

#[test]
fn a_source_that_was_replaced_by_a_file_stays_paused() {
    /// A source that has another descriptor from some time on.
    struct Changing {
        changed: Cell<bool>,
        first: OwnedFd,
        then: OwnedFd,
    }
    impl AsFd for Changing {
        fn as_fd(&self) -> BorrowedFd<'_> {
            let now = if self.changed.get() {
                &self.then
            } else {
                &self.first
            };
            now.as_fd()
        }
    }
    let reactor = reactor();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let source = Rc::new(Changing {
        changed: Cell::new(false),
        first: pair().0.into(),
        then: file.into(),
    });
    let watch = reactor.add_reader(source.clone(), |_| ()).unwrap();
    watch.pause();
    source.changed.set(true);
    assert!(watch.resume().is_err());
    source.changed.set(false);
    watch.resume().unwrap();
}
