//! The sockets of `event_loop`, by themselves: what they send and when, and what they tell the poller.

#![cfg(feature = "reactor")]

use std::{
    cell::{Cell, RefCell},
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream, UdpSocket},
    os::{fd::AsFd, unix::net::UnixStream},
    time::Duration,
};

use deferrous::event_loop::{
    DatagramHandler, DatagramSocket, Event, Events, FlushList, Listener, ListenerHandler, Poller,
    SEND_LIMIT, SendQueue, Sent, Stream, StreamHandler, Watched,
};
use proptest::prelude::*;

type OnReceived<'a> = Box<dyn Fn(&[u8]) + 'a>;

/// What happens to a stream, in words, and what is done when bytes come.
struct Handler<'a> {
    told: RefCell<Vec<String>>,
    on_received: OnReceived<'a>,
}

impl<'a> Handler<'a> {
    fn new(on_received: impl Fn(&[u8]) + 'a) -> Self {
        Handler {
            told: RefCell::default(),
            on_received: Box::new(on_received),
        }
    }

    fn idle() -> Self {
        Handler::new(|_| {})
    }

    fn tell(&self, what: impl Into<String>) {
        self.told.borrow_mut().push(what.into());
    }
}

impl StreamHandler for Handler<'_> {
    fn received(&self, bytes: &[u8]) {
        self.tell(format!("received {}", bytes.len()));
        (self.on_received)(bytes);
    }

    fn read_ended(&self) {
        self.tell("read ended");
    }

    fn drained(&self) {
        self.tell("drained");
    }

    fn failed(&self, error: std::io::Error) {
        self.tell(format!("{:?}", error.kind()));
    }
}

const KEY: usize = 7;

fn pair() -> (Stream<UnixStream>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    far.set_nonblocking(true).unwrap();
    (Stream::new(near, KEY), far)
}

/// What the poller tells now.
fn events(poller: &Poller) -> Vec<Event> {
    let mut events = Events::new();
    poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
    events.iter().collect()
}

fn read_now(mut from: &UnixStream) -> usize {
    let mut got = Vec::new();
    let error = from.read_to_end(&mut got).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    got.len()
}

#[test]
fn what_is_written_is_sent_in_the_flush_in_one_piece() {
    let (poller, (stream, far), handler) = (Poller::new().unwrap(), pair(), Handler::idle());
    stream.write(b"one ".to_vec());
    stream.write_slice(b"two ");
    stream.write(b"three".to_vec());
    assert_eq!((read_now(&far), stream.queued()), (0, 13));
    assert!(!stream.flush(&poller, &handler));
    assert_eq!((read_now(&far), stream.queued()), (13, 0));
    assert_eq!(*handler.told.borrow(), ["drained"]);
}

#[test]
fn one_flush_sends_no_more_than_the_limit() {
    let (poller, (stream, far), handler) = (Poller::new().unwrap(), pair(), Handler::idle());
    // Both are just above what is sent at once, so that the system has room for the rest.
    stream.write(vec![1; SEND_LIMIT - 10]);
    stream.write(vec![2; 20]);
    assert!(stream.flush(&poller, &handler), "it wants another flush");
    assert_eq!((read_now(&far), stream.queued()), (SEND_LIMIT, 10));
    assert!(handler.told.borrow().is_empty());
    assert!(!stream.flush(&poller, &handler));
    assert_eq!(stream.queued(), 0);
}

#[test]
fn the_poller_is_asked_for_room_only_after_the_socket_had_none() {
    let (poller, (stream, far), handler) = (Poller::new().unwrap(), pair(), Handler::idle());
    stream.write(vec![0; 10]);
    assert!(!stream.flush(&poller, &handler));
    assert_eq!(events(&poller), [], "there is room, and nobody has asked");
    stream.write(vec![0; 10_000_000]);
    while stream.flush(&poller, &handler) {}
    let left = stream.queued();
    assert!(left > 0);
    // It sends no more until there is room.
    read_now(&far);
    assert!(!stream.flush(&poller, &handler));
    assert_eq!(stream.queued(), left);
    let [event] = events(&poller)[..] else {
        panic!("there is room");
    };
    assert!(event.key == KEY && event.writable && !event.readable && !event.failed);
    assert!(
        stream.on_event(event, &mut [0; 8], &handler),
        "it wants a flush"
    );
    while stream.queued() > 0 {
        while stream.flush(&poller, &handler) {}
        read_now(&far);
        if let [event] = events(&poller)[..] {
            let _ = stream.on_event(event, &mut [0; 8], &handler);
        }
    }
    let _ = stream.flush(&poller, &handler);
    read_now(&far);
    assert_eq!(events(&poller), [], "nobody asks any more");
}

#[test]
fn changes_that_take_each_other_back_make_no_call_of_the_system() {
    let (poller, other) = (Poller::new().unwrap(), Poller::new().unwrap());
    let ((near, _far), watched) = (UnixStream::pair().unwrap(), Watched::new(KEY));
    watched.set_readable(true);
    watched.tell(&poller, near.as_fd()).unwrap();
    watched.set_readable(false);
    watched.set_writable(true);
    watched.set_writable(false);
    watched.set_readable(true);
    // The other poller does not know the descriptor, and would refuse any call.
    watched.tell(&other, near.as_fd()).unwrap();
    watched.set_writable(true);
    assert!(watched.tell(&other, near.as_fd()).is_err());
    watched.tell(&poller, near.as_fd()).unwrap();
    assert_eq!(events(&poller).len(), 1);
}

#[test]
fn each_event_receives_once() {
    let (poller, (stream, mut far), handler) = (Poller::new().unwrap(), pair(), Handler::idle());
    stream.set_reading(true);
    let _ = stream.flush(&poller, &handler);
    far.write_all(&[0; 20]).unwrap();
    for _ in 0..3 {
        for event in events(&poller) {
            let _ = stream.on_event(event, &mut [0; 8], &handler);
        }
    }
    let told = ["drained", "received 8", "received 8", "received 4"];
    assert_eq!(*handler.told.borrow(), told);
}

#[test]
fn nothing_is_received_after_a_stop_even_if_the_event_was_seen() {
    let (poller, (stream, mut far), handler) = (Poller::new().unwrap(), pair(), Handler::idle());
    stream.set_reading(true);
    let _ = stream.flush(&poller, &handler);
    far.write_all(b"x").unwrap();
    let [event] = events(&poller)[..] else {
        panic!("there is something");
    };
    stream.set_reading(false);
    assert!(!stream.on_event(event, &mut [0; 8], &handler));
    assert_eq!(*handler.told.borrow(), ["drained"]);
}

#[test]
fn long_answers_leave_at_once_and_short_ones_in_the_flush() {
    for (len, early) in [(16 * 1024, true), (16 * 1024 - 1, false)] {
        let (poller, (stream, mut far)) = (Poller::new().unwrap(), pair());
        let handler = Handler::new(|_| stream.write(vec![0; len]));
        stream.set_reading(true);
        let _ = stream.flush(&poller, &handler);
        far.write_all(b"?").unwrap();
        for event in events(&poller) {
            let _ = stream.on_event(event, &mut [0; 8], &handler);
        }
        assert_eq!(read_now(&far), if early { len } else { 0 });
        // What comes of it is told in the flush in any case.
        assert_eq!(handler.told.borrow().last().unwrap(), "received 1");
        let _ = stream.flush(&poller, &handler);
        assert_eq!(handler.told.borrow().last().unwrap(), "drained");
    }
}

#[test]
fn a_hang_up_while_nobody_reads_is_told_once_and_what_is_left_is_kept() {
    let (poller, (stream, mut far), handler) = (Poller::new().unwrap(), pair(), Handler::idle());
    let _ = stream.flush(&poller, &handler);
    far.write_all(b"last").unwrap();
    drop(far);
    let [event] = events(&poller)[..] else {
        panic!("it was hung up");
    };
    assert!(event.failed);
    assert!(
        stream.on_event(event, &mut [0; 8], &handler),
        "it wants a flush"
    );
    let _ = stream.flush(&poller, &handler);
    assert_eq!(events(&poller), [], "it would be told for ever");
    stream.set_reading(true);
    let _ = stream.flush(&poller, &handler);
    for _ in 0..2 {
        for event in events(&poller) {
            let _ = stream.on_event(event, &mut [0; 8], &handler);
        }
    }
    let told = handler.told.take();
    assert_eq!(told[told.len() - 2..], ["received 4", "read ended"]);
    assert!(
        !told.iter().any(|word| word.contains("Connection")),
        "{told:?}"
    );
}

#[test]
fn a_closed_stream_does_nothing() {
    let (poller, (stream, far), handler) = (Poller::new().unwrap(), pair(), Handler::idle());
    stream.set_reading(true);
    stream.write(vec![0; 10]);
    let _ = stream.flush(&poller, &Handler::idle());
    stream.write(vec![0; 10]);
    drop(stream.close(Some(&poller)).unwrap());
    assert!(stream.close(Some(&poller)).is_none());
    stream.write(vec![0; 10]);
    stream.write_slice(&[0; 10]);
    assert!(!stream.flush(&poller, &handler) && !stream.is_open());
    assert_eq!((stream.queued(), handler.told.borrow().len()), (0, 0));
    stream.shut_down_write().unwrap();
    let mut got = Vec::new();
    (&far).read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), 10);
}

#[test]
fn items_that_are_added_while_a_list_is_worked_off_wait_for_the_next_time() {
    let list = FlushList::new();
    list.add(1);
    list.add(2);
    let mut done = Vec::new();
    list.work_off(|n| {
        done.push(n);
        list.add(10 * n);
    });
    list.work_off(|n| done.push(n));
    assert_eq!(done, [1, 2, 10, 20]);
    assert!(list.is_empty());
}

struct Accepting<'a> {
    accepted: Cell<usize>,
    stop: Box<dyn Fn(usize) + 'a>,
}

impl ListenerHandler<TcpListener> for Accepting<'_> {
    fn accepted(&self, _stream: TcpStream, _peer: std::net::SocketAddr) {
        self.accepted.set(self.accepted.get() + 1);
        (self.stop)(self.accepted.get());
    }

    fn exhausted(&self, error: std::io::Error) {
        panic!("{error}");
    }
}

#[test]
fn a_bounded_number_is_accepted_for_each_event_and_none_after_a_stop() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let peers: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let (poller, listener) = (Poller::new().unwrap(), Listener::new(socket, KEY));
    let stop = |accepted| {
        if accepted == 90 {
            listener.set_accepting(false);
        }
    };
    let handler = Accepting {
        accepted: Cell::new(0),
        stop: Box::new(stop),
    };
    listener.set_accepting(true);
    listener.flush(&poller).unwrap();
    let mut before = 0;
    while listener.is_accepting() {
        let [event] = events(&poller)[..] else {
            panic!("somebody waits");
        };
        listener.on_event(event, &handler);
        let now = handler.accepted.get();
        assert!((1..=20).contains(&(now - before)), "{before} {now}");
        before = now;
    }
    assert_eq!(before, 90);
    listener.flush(&poller).unwrap();
    assert_eq!(events(&poller), []);
    drop((peers, listener.close(Some(&poller))));
}

struct Datagrams<'a> {
    lengths: RefCell<Vec<usize>>,
    on_received: Box<dyn Fn() + 'a>,
}

impl DatagramHandler<UdpSocket> for Datagrams<'_> {
    fn received(&self, datagram: &[u8], _from: std::net::SocketAddr) {
        self.lengths.borrow_mut().push(datagram.len());
        (self.on_received)();
    }

    fn failed(&self, error: std::io::Error) {
        panic!("{error}");
    }
}

#[test]
fn a_flood_of_datagrams_is_received_in_bounded_parts() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    let (poller, own) = (Poller::new().unwrap(), DatagramSocket::new(socket, KEY));
    // Each datagram that is received is sent again, so there is no end of them.
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let send = || assert_eq!(sender.send_to(&[0; 8192], address).unwrap(), 8192);
    send();
    let handler = Datagrams {
        lengths: RefCell::default(),
        on_received: Box::new(send),
    };
    own.set_reading(true);
    own.flush(&poller).unwrap();
    for turn in 1..=3 {
        let [event] = events(&poller)[..] else {
            panic!("there is one");
        };
        own.on_event(event, &mut [0; 65536], &handler);
        assert_eq!(handler.lengths.borrow().len(), turn * 256 / 8);
    }
    assert!(handler.lengths.borrow().iter().all(|len| *len == 8192));
}

proptest! {
    /// Chunks of all sizes, sent through sockets of all sizes.
    #[test]
    fn a_send_queue_sends_all_bytes_once_and_in_order(
        pieces in prop::collection::vec((0_usize..40_000, any::<bool>()), 1..40),
        room in 2_000_usize..300_000,
    ) {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        far.set_nonblocking(true).unwrap();
        rustix::net::sockopt::set_socket_send_buffer_size(&near, room).unwrap();
        let (mut queue, mut expected, mut got) = (SendQueue::new(), Vec::new(), Vec::new());
        for (n, (len, joined)) in pieces.into_iter().enumerate() {
            let piece: Vec<u8> = (0..len).map(|at| (at * 7 + n) as u8).collect();
            expected.extend(&piece);
            if joined {
                queue.extend_from_slice(&piece);
            } else {
                queue.push(piece);
            }
            if n % 5 == 4 {
                let _ = queue.send(&near).unwrap();
            }
        }
        loop {
            let before = queue.len();
            let sent = queue.send(&near).unwrap();
            prop_assert!(before - queue.len() <= SEND_LIMIT);
            prop_assert_eq!(sent == Sent::All, queue.is_empty());
            let _ = (&far).read_to_end(&mut got);
            if sent == Sent::All {
                break;
            }
        }
        near.shutdown(Shutdown::Write).unwrap();
        (&far).read_to_end(&mut got).unwrap();
        prop_assert!(got == expected);
    }
}
