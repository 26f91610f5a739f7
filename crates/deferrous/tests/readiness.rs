//! Descriptors that can be read from or written to.

mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    rc::Rc,
    sync::Arc,
};

use deferrous::{Origin, Panicked, Reactor, Watch, capture_unhandled};
use reactor_support::{Log, OnDrop, ms, reactor, within_a_minute};

type Slot<T> = Rc<RefCell<Option<T>>>;

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

fn read_one(mut from: impl Read) -> u8 {
    let mut byte = [0];
    from.read_exact(&mut byte).unwrap();
    byte[0]
}

/// Runs for some turns, enough for what is ready to be called many times.
fn run_some_turns(reactor: &Reactor) {
    fn turn(reactor: &Reactor, left: u32) {
        let again = reactor.clone();
        if left == 0 {
            return reactor.stop().unwrap();
        }
        reactor.call_later(ms(0), move || turn(&again, left - 1));
    }
    let first = reactor.clone();
    reactor.call_when_running(move || turn(&first, 20));
    let captured = capture_unhandled();
    reactor.run().unwrap();
    assert!(captured.take().is_empty());
}

#[test]
fn a_reader_is_called_again_until_all_is_read() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"abc").unwrap();
        let seen = log.clone();
        reactor
            .add_reader(far, move |stream| seen.add(read_one(stream)))
            .unwrap();
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"abc");
    });
}

#[test]
fn a_reader_with_nothing_to_read_is_not_called() {
    within_a_minute(|| {
        let reactor = reactor();
        let (_near, far) = pair();
        reactor
            .add_reader(far, |_| panic!("there is nothing"))
            .unwrap();
        run_some_turns(&reactor);
    });
}

#[test]
fn a_reader_hears_of_the_end() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (near, far) = pair();
        drop(near);
        let (seen, watch) = (log.clone(), Slot::<Watch>::default());
        let own = watch.clone();
        let added = reactor.add_reader(far, move |mut stream| {
            seen.add(stream.read(&mut [0; 8]).unwrap());
            own.take().unwrap().remove();
        });
        *watch.borrow_mut() = Some(added.unwrap());
        run_some_turns(&reactor);
        assert_eq!(log.take(), [0]);
    });
}

#[test]
fn a_writer_is_called_while_there_is_room() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (near, far) = pair();
        let seen = log.clone();
        reactor
            .add_writer(near, move |mut stream| {
                seen.add(stream.write(&[0; 1 << 20]).unwrap())
            })
            .unwrap();
        run_some_turns(&reactor);
        let written: usize = log.take().iter().sum();
        assert!(written > 0);
        drop(far);
    });
}

#[test]
fn a_writer_goes_on_when_there_is_room_again() {
    const ALL: usize = 4 << 20;
    within_a_minute(|| {
        let reactor = reactor();
        let (near, far) = pair();
        let sent = Rc::new(Cell::new(0));
        let (count, writer) = (sent.clone(), Slot::<Watch>::default());
        let own = writer.clone();
        let added = reactor.add_writer(near, move |mut stream| {
            let wanted = (ALL - count.get()).min(100_000);
            count.set(count.get() + stream.write(&vec![0; wanted]).unwrap());
            if count.get() == ALL {
                own.take().unwrap().remove();
            }
        });
        *writer.borrow_mut() = Some(added.unwrap());
        let (stop, mut received) = (reactor.clone(), 0);
        let reader = reactor.add_reader(far, move |mut stream| {
            received += stream.read(&mut [0; 10_000]).unwrap();
            if received == ALL {
                stop.stop().unwrap();
            }
        });
        reader.unwrap();
        reactor.run().unwrap();
        assert_eq!(sent.get(), ALL);
    });
}

#[test]
fn a_descriptor_may_have_a_reader_and_a_writer() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"x").unwrap();
        let far = Rc::new(far);
        let (reads, writes) = (log.clone(), log.clone());
        let reader = reactor
            .add_reader(far.clone(), move |s| reads.add(read_one(&**s)))
            .unwrap();
        let writes_own = Slot::<Watch>::default();
        let own = writes_own.clone();
        let writer = reactor.add_writer(far.clone(), move |_| {
            writes.add(b'w');
            own.take().unwrap().remove();
        });
        *writes_own.borrow_mut() = Some(writer.unwrap());
        run_some_turns(&reactor);
        let mut seen = log.take();
        seen.sort_unstable();
        assert_eq!(seen, b"wx");
        drop(reader);
    });
}

#[test]
fn a_reader_goes_on_after_the_writer_was_removed() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        let far = Rc::new(far);
        let seen = log.clone();
        reactor
            .add_reader(far.clone(), move |s| seen.add(read_one(&**s)))
            .unwrap();
        let writer = reactor
            .add_writer(far, |_| panic!("it was removed"))
            .unwrap();
        reactor.call_when_running(move || {
            writer.remove();
            near.write_all(b"a").unwrap();
            std::mem::forget(near);
        });
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"a");
    });
}

#[test]
fn pipes_and_tcp_streams_work_too() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (out, mut into) = io::pipe().unwrap();
        into.write_all(b"p").unwrap();
        let seen = log.clone();
        reactor
            .add_reader(out, move |pipe| seen.add(read_one(pipe)))
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(b"t").unwrap();
        let (again, seen) = (reactor.clone(), log.clone());
        reactor
            .add_reader(listener, move |listener| {
                let (stream, _) = listener.accept().unwrap();
                let (seen, stop) = (seen.clone(), again.clone());
                let read = move |stream: &TcpStream| {
                    seen.add(read_one(stream));
                    stop.stop().unwrap();
                };
                again.add_reader(stream, read).unwrap();
            })
            .unwrap();
        reactor.run().unwrap();
        assert_eq!(log.take(), b"pt");
        drop((client, into));
    });
}

#[test]
fn a_source_may_be_shared_or_owned() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"123").unwrap();
        let sources: [OwnedFd; 2] = [
            far.try_clone().unwrap().into(),
            far.try_clone().unwrap().into(),
        ];
        let [owned, in_arc] = sources;
        let (one, two, three) = (log.clone(), log.clone(), log.clone());
        reactor
            .add_reader(owned, move |fd| {
                one.add(read_one(File::from(fd.try_clone().unwrap())))
            })
            .unwrap();
        reactor
            .add_reader(Arc::new(in_arc), move |fd| {
                two.add(read_one(File::from(fd.try_clone().unwrap())));
            })
            .unwrap();
        reactor
            .add_reader(Rc::new(far), move |s| three.add(read_one(&**s)))
            .unwrap();
        let captured = capture_unhandled();
        reactor.call_later(ms(5), || Reactor::current().unwrap().stop().unwrap());
        reactor.run().unwrap();
        let mut seen = log.take();
        seen.sort_unstable();
        assert_eq!(seen, b"123");
        drop(captured.take());
    });
}

#[test]
fn a_second_reader_of_a_descriptor_is_an_error() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (mut near, far) = pair();
        near.write_all(b"a").unwrap();
        let far = Rc::new(far);
        let seen = log.clone();
        let first = reactor
            .add_reader(far.clone(), move |s| seen.add(read_one(&**s)))
            .unwrap();
        let error = reactor
            .add_reader(far.clone(), |_| panic!("refused"))
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        run_some_turns(&reactor);
        assert_eq!(log.take(), b"a");
        first.remove();
    });
}

#[test]
fn a_regular_file_is_a_clear_error_and_leaves_nothing() {
    let reactor = reactor();
    let file = Rc::new(File::open(std::env::current_exe().unwrap()).unwrap());
    for _ in 0..2 {
        let error = reactor.add_reader(file.clone(), |_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("cannot be polled"), "{error}");
        assert!(reactor.add_writer(file.clone(), |_| ()).is_err());
    }
    assert_eq!(Rc::strong_count(&file), 1);
}

#[test]
fn a_refused_callback_may_use_the_reactor_when_it_is_dropped() {
    let reactor = reactor();
    let (_near, far) = pair();
    let watch = reactor.add_reader(far, |_| ()).unwrap();
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let on_drop = Rc::new(OnDrop(move || watch.remove()));
    assert!(
        reactor
            .add_reader(file, move |_| drop(on_drop.clone()))
            .is_err()
    );
}

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
        reactor
            .add_reader(far.clone(), |_| panic!("in a reader"))
            .unwrap();
        let stop = reactor.clone();
        reactor.call_later(ms(5), move || stop.stop().unwrap());
        let again = far.clone();
        let add = reactor.clone();
        reactor.call_later(ms(2), move || {
            drop(
                add.add_reader(again, |s| assert_eq!(read_one(&**s), b'a'))
                    .unwrap(),
            )
        });
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
