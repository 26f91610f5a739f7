//! Descriptors that can be read from or written to.

#![cfg(feature = "reactor")]

mod reactor_support;
mod streams;

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    rc::Rc,
    sync::Arc,
};

use deferrous::{Reactor, Watch, capture_unhandled};
use reactor_support::{Log, OnDrop, ms, reactor, within_a_minute};
use streams::{Slot, pair, read_one, run_some_turns};

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
