//! Listening ports: whom they accept, what they refuse, and how they stop.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    error::Error,
    io::{ErrorKind, Write},
    net::TcpStream,
    os::unix::net::UnixListener,
    rc::Rc,
};

use deferrous::{
    MemoryReactor, Origin, deny_unhandled, gather_results,
    net::{ListeningPort, Transport},
};
use net_support::{Happening, Probe, SocketPath, address, connect_to, read_all, served};
use reactor_support::{ms, reactor, within_a_minute};

#[test]
fn each_connection_has_a_protocol_that_is_made_for_its_peer() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let peers = Rc::new(RefCell::new(Vec::new()));
        let (own, echo) = (peers.clone(), Probe::echo());
        let port = reactor.listen_tcp("127.0.0.1:0", move |peer| {
            own.borrow_mut().push(peer.socket_addr().unwrap());
            echo.clone()
        });
        let port = port.unwrap();
        let clients: Vec<_> = (0..100).map(|_| connect_to(address(&port))).collect();
        let addresses: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
        let exchanges = clients.into_iter().enumerate().map(|(n, mut client)| {
            reactor.defer_to_thread(move || {
                client.write_all(n.to_string().as_bytes())?;
                client.shutdown(std::net::Shutdown::Write)?;
                Ok(String::from_utf8(read_all(client).0)?)
            })
        });
        let answers = reactor.run_until(gather_results(exchanges)).unwrap();
        let expected: Vec<_> = (0..100).map(|n: usize| n.to_string()).collect();
        assert_eq!(answers, expected);
        assert_eq!(*peers.borrow(), addresses);
    });
}

#[test]
fn ipv6_is_listened_at_as_ipv4_is() {
    within_a_minute(|| {
        let (reactor, echo) = (reactor(), Probe::echo());
        let own = echo.clone();
        let Ok(port) = reactor.listen_tcp("[::1]:0", move |_| own.clone()) else {
            return; // a machine without IPv6
        };
        let mut client = connect_to(address(&port));
        client.write_all(b"six").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        reactor.run_until(echo.lost()).unwrap();
        assert_eq!(read_all(client).0, b"six");
    });
}

#[test]
fn a_port_that_has_stopped_refuses_and_its_connections_go_on() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let own_port = Rc::new(RefCell::new(None::<ListeningPort>));
        let stopping = own_port.clone();
        let probe = Probe::new(move |happening, transport| {
            match happening {
                Happening::Made => {
                    let port = stopping.take().unwrap();
                    assert!(port.stop_listening().is_called());
                    assert!(!port.is_listening() && port.stop_listening().is_called());
                }
                Happening::Received(bytes) => transport.write(bytes),
                _ => {}
            }
            Ok(())
        });
        let own = probe.clone();
        let port = reactor
            .listen_tcp("127.0.0.1:0", move |_| own.clone())
            .unwrap();
        let address = address(&port);
        own_port.replace(Some(port));
        let mut client = connect_to(address);
        let exchange = reactor.defer_to_thread(move || {
            client.write_all(b"go on")?;
            client.shutdown(std::net::Shutdown::Write)?;
            let answer = read_all(client).0;
            Ok((
                answer,
                TcpStream::connect(address).map_err(|e| e.kind()).err(),
            ))
        });
        let (answer, refused) = reactor.run_until(exchange).unwrap();
        assert_eq!(answer, b"go on");
        assert_eq!(refused, Some(ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_port_may_be_stopped_by_its_factory() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, made) = (reactor(), Rc::new(Cell::new(0)));
        let own_port = Rc::new(RefCell::new(None::<ListeningPort>));
        let (stopping, count, probe) = (own_port.clone(), made.clone(), Probe::idle());
        let own = probe.clone();
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
            count.set(count.get() + 1);
            drop(stopping.borrow().as_ref().unwrap().stop_listening());
            own.clone()
        });
        let port = port.unwrap();
        let _clients: Vec<_> = (0..3).map(|_| connect_to(address(&port))).collect();
        own_port.replace(Some(port));
        reactor.run_until(reactor.sleep(ms(50))).unwrap();
        assert_eq!(made.get(), 1);
        assert_eq!(probe.log.take(), ["made", "lost: stopped"]);
    });
}

#[test]
fn a_factory_that_panics_is_reported_and_its_port_goes_on() {
    within_a_minute(|| {
        let unhandled = deny_unhandled();
        let (reactor, echo, mut calls) = (reactor(), Probe::echo(), 0);
        let own = echo.clone();
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
            calls += 1;
            assert!(calls > 1, "not the first");
            own.clone()
        });
        let address = address(&port.unwrap());
        let (first, mut second) = (connect_to(address), connect_to(address));
        second.write_all(b"second").unwrap();
        second.shutdown(std::net::Shutdown::Write).unwrap();
        reactor.run_until(echo.lost()).unwrap();
        assert_eq!(read_all(first).0, b"");
        assert_eq!(read_all(second).0, b"second");
        let reported = unhandled.take();
        assert_eq!((reported.len(), reported[0].origin), (1, Origin::Protocol));
    });
}

#[test]
fn an_address_in_use_is_an_error_that_says_which() {
    let (reactor, path) = (reactor(), SocketPath::new("in-use"));
    let port = reactor
        .listen_tcp("127.0.0.1:0", |_| Probe::idle())
        .unwrap();
    let refused = reactor.listen_tcp(address(&port), |_| Probe::idle());
    let error = refused.unwrap_err();
    assert_eq!(error.source.kind(), ErrorKind::AddrInUse);
    assert_eq!(
        error.to_string(),
        format!("cannot listen at {}", address(&port))
    );
    assert!(error.source().is_some());
    let _other = UnixListener::bind(&path.0).unwrap();
    let error = reactor.listen_unix(&path.0, |_| Probe::idle()).unwrap_err();
    assert_eq!(error.source.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("in-use"));
    assert!(path.0.exists(), "it is not ours");
    let error = reactor
        .listen_tcp("no address", |_| Probe::idle())
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot listen at no address");
}

#[test]
fn a_memory_reactor_and_one_that_has_ended_have_no_sockets() {
    within_a_minute(|| {
        let memory = MemoryReactor::new();
        let ended = reactor();
        let stop = ended.clone();
        ended.call_when_running(move || stop.stop().unwrap());
        ended.run().unwrap();
        for (reactor, kind) in [
            (memory.reactor(), ErrorKind::Unsupported),
            (&ended, ErrorKind::NotConnected),
        ] {
            let refused = reactor.listen_tcp("127.0.0.1:0", |_| Probe::idle());
            assert_eq!(refused.unwrap_err().source.kind(), kind);
            let refused = reactor.connect_tcp(("127.0.0.1", 1), Probe::idle());
            let failure = refused.into_result().unwrap().unwrap_err();
            assert_eq!(failure.downcast::<std::io::Error>().unwrap().kind(), kind);
        }
    });
}

#[test]
fn one_busy_connection_does_not_hold_up_the_others() {
    within_a_minute(|| {
        let (reactor, turns) = (reactor(), Rc::new(Cell::new(0)));
        let own = turns.clone();
        // It always has more to send, and its peer always reads.
        let busy = Probe::new(move |happening, transport| {
            if happening == Happening::Made {
                transport.register_pull_producer(Endless(own.clone()))?;
            }
            Ok(())
        });
        let busy_peer = served(&reactor, &busy);
        let reading = reactor.remote();
        let thread = std::thread::spawn(move || {
            let mut busy_peer = busy_peer;
            let _ = std::io::copy(&mut busy_peer, &mut std::io::sink());
            drop(reading);
        });
        let echo = Probe::echo();
        let mut client = served(&reactor, &echo);
        let exchange = reactor.defer_to_thread(move || {
            for _ in 0..100 {
                client.write_all(b"x")?;
                std::io::Read::read_exact(&mut client, &mut [0])?;
            }
            Ok(())
        });
        reactor.run_until(exchange).unwrap();
        assert!(turns.get() > 10, "{}", turns.get());
        thread.join().unwrap();
    });
}

struct Endless(Rc<Cell<usize>>);

impl deferrous::net::Producer for Endless {
    fn resume_producing(&mut self, transport: &Transport) -> Result<(), deferrous::Failure> {
        self.0.set(self.0.get() + 1);
        transport.write_vec(vec![0; 1_000_000]);
        Ok(())
    }
}
