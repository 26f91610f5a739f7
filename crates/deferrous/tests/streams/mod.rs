//! Streams to watch, and a reactor that watches them for a while.
#![allow(dead_code)]

use std::{cell::RefCell, io::Read, os::unix::net::UnixStream, rc::Rc, time::Duration};

use deferrous::{Reactor, capture_unhandled};

pub type Slot<T> = Rc<RefCell<Option<T>>>;

pub fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    (near, far)
}

pub fn read_one(mut from: impl Read) -> u8 {
    let mut byte = [0];
    from.read_exact(&mut byte).unwrap();
    byte[0]
}

/// Runs for some turns, enough for what is ready to be called many times.
pub fn run_some_turns(reactor: &Reactor) {
    fn turn(reactor: &Reactor, left: u32) {
        let again = reactor.clone();
        if left == 0 {
            return reactor.stop().unwrap();
        }
        reactor.call_later(Duration::ZERO, move || turn(&again, left - 1));
    }
    let first = reactor.clone();
    reactor.call_when_running(move || turn(&first, 20));
    let captured = capture_unhandled();
    reactor.run().unwrap();
    assert!(captured.take().is_empty());
}
