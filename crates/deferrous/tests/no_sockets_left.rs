//! Many connections that end in every way, and what is left of them: no descriptor and no memory.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    rc::Rc,
    sync::{Mutex, PoisonError},
};

use deferrous::{
    Abandoned, Deferred, Reactor, capture_unhandled, gather_results,
    net::{ConnectOptions, Transport},
};
use net_support::{Happening, Probe, address, connect_to, open_descriptors, pattern, read_all};
use reactor_support::{alloc, ms, reactor, within_a_minute};
use rustix::net::{listen, sockopt::set_socket_linger};

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;

/// The descriptors are those of the process, so one test at a time counts them.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs a test that leaves no descriptor.
fn leaving_nothing(test: impl FnOnce() + Send + 'static) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    within_a_minute(|| {
        // The first look-up and the first thread may open something for good.
        let _ = open_descriptors();
        let before = open_descriptors();
        test();
        assert_eq!(open_descriptors(), before);
    });
}

/// What a peer does with its connection, each kind in turn.
fn misbehave(n: usize, address: SocketAddr) {
    let mut peer = connect_to(address);
    match n % 7 {
        // Echoes, and waits for the end.
        0 => {
            peer.write_all(&pattern(1000 + n)).unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(peer).0, pattern(1000 + n));
        }
        // Goes at once.
        1 => {}
        // Resets, before and after having written.
        2 => set_socket_linger(&peer, Some(ms(0))).unwrap(),
        3 => {
            peer.write_all(&pattern(100_000)).unwrap();
            set_socket_linger(&peer, Some(ms(0))).unwrap();
        }
        // Goes in the middle of the answer.
        4 => {
            peer.write_all(&pattern(100_000)).unwrap();
            peer.read_exact(&mut [0; 10]).unwrap();
        }
        // Has the server close, abort, and panic.
        5 => {
            peer.write_all(b"close").unwrap();
            peer.read_to_end(&mut Vec::new()).unwrap();
        }
        _ => {
            let word = [&b"abort"[..], b"panic"][n / 7 % 2];
            peer.write_all(word).unwrap();
            let _ = peer.read_to_end(&mut Vec::new());
        }
    }
}

fn on_happening(happening: Happening<'_>, transport: &Transport) {
    match happening {
        Happening::Received(b"close") => transport.lose_connection(),
        Happening::Received(b"abort") => transport.abort_connection(),
        Happening::Received(b"panic") => panic!("as asked"),
        Happening::Received(bytes) => transport.write(bytes),
        _ => {}
    }
}

#[test]
fn connections_that_end_in_every_way_leave_no_descriptor() {
    leaving_nothing(|| {
        let captured = capture_unhandled();
        let reactor = reactor();
        let (made, lost) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (own_made, own_lost) = (made.clone(), lost.clone());
        let probe = Probe::new(move |happening, transport| {
            match happening {
                Happening::Made => own_made.set(own_made.get() + 1),
                Happening::Lost => own_lost.set(own_lost.get() + 1),
                other => on_happening(other, transport),
            }
            Ok(())
        });
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| probe.clone());
        let address = address(&port.unwrap());
        let peers = (0..700).map(|n| {
            reactor.defer_to_thread(move || {
                misbehave(n, address);
                Ok(())
            })
        });
        reactor.run_until(gather_results(peers)).unwrap();
        // Each that was made is lost exactly once, some of them when the reactor stops.
        assert_eq!(made.get(), lost.get());
        assert!(made.get() > 600, "{}", made.get());
        let panics = captured.take();
        assert_eq!(panics.len(), 50);
    });
}

#[test]
fn attempts_that_are_given_up_leave_no_descriptor() {
    leaving_nothing(|| {
        let unhandled = capture_unhandled();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listen(&listener, 0).unwrap();
        let full = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&full, ms(100)) {
            waiting.push(stream);
        }
        let reactor = reactor();
        let connect = |limit| {
            let options = ConnectOptions::new().timeout(ms(limit));
            reactor.connect_tcp_with(vec![full, full], options, Probe::idle())
        };
        let (timed_out, cancelled, abandoned) = (connect(10), connect(10_000), connect(10_000));
        cancelled.cancel();
        drop((timed_out, cancelled));
        reactor.run_until(reactor.sleep(ms(300))).unwrap();
        assert_eq!(unhandled.take().len(), 2);
        let failure = abandoned.into_result().unwrap().unwrap_err();
        assert!(failure.check::<Abandoned>());
    });
}

/// Lets `n` clients echo at once.
fn echo_all(reactor: &Reactor, address: SocketAddr, n: usize) -> Deferred<usize> {
    let clients = (0..n).map(|n| {
        let expected = pattern(100 + n);
        let probe = Probe::new(move |happening, transport| {
            match happening {
                Happening::Made => {
                    transport.write(pattern(100 + n));
                    transport.lose_write_connection();
                }
                Happening::ReadLost => transport.lose_connection(),
                _ => {}
            }
            Ok(())
        })
        .half_open();
        let lost = probe.lost();
        let connected = reactor.connect_tcp(address, probe.clone());
        connected.add_callback(move |_| {
            lost.map(move |_| usize::from(*probe.received.borrow() == expected))
        })
    });
    gather_results(clients).map(|echoed| echoed.iter().sum())
}

#[test]
fn hundreds_of_connections_at_once_echo_and_leave_no_descriptor() {
    leaving_nothing(|| {
        let reactor = reactor();
        let echo = Probe::echo();
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| echo.clone());
        let address = address(&port.unwrap());
        let (first, again) = (echo_all(&reactor, address, 200), reactor.clone());
        let both = first.add_callback(move |first| {
            echo_all(&again, address, 200).map(move |second| first + second)
        });
        assert_eq!(reactor.run_until(both).unwrap(), 400);
    });
}

#[test]
fn connections_that_come_and_go_leave_no_memory() {
    leaving_nothing(|| {
        let reactor = reactor();
        let port = reactor.listen_tcp("127.0.0.1:0", |_| Probe::echo());
        let address = address(&port.unwrap());
        let bytes = Rc::new(RefCell::new(Vec::new()));
        let (clock, own) = (reactor.clone(), bytes.clone());
        let rounds = deferrous::repeat(0, move |round| {
            own.borrow_mut().push(alloc::in_use());
            echo_all(&clock, address, 50).map(move |echoed| {
                assert_eq!(echoed, 50);
                match round {
                    20 => std::ops::ControlFlow::Break(()),
                    _ => std::ops::ControlFlow::Continue(round + 1),
                }
            })
        });
        reactor.run_until(rounds).unwrap();
        let bytes = bytes.borrow();
        let growth = bytes[20] - bytes[10];
        assert!(growth < 10_000, "{bytes:?}");
    });
}
