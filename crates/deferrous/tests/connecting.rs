//! Making connections: to whom, for how long, and what is said if it fails.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    error::Error,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::net::UnixListener,
    time::Instant,
};

use deferrous::{
    Abandoned, Cancelled, Deferred, Failure, Reactor, TimedOut, deny_unhandled,
    net::{Address, ConnectError, ConnectOptions, TcpTarget, Transport},
};
use net_support::{Happening, Probe, SocketPath, address, word};
use reactor_support::{OnDrop, ms, reactor, secs, within_a_minute};
use rustix::net::listen;

/// An address at which nobody listens.
fn closed_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn listening(reactor: &Reactor, probe: &Probe) -> SocketAddr {
    let probe = probe.clone();
    let port = reactor.listen_tcp("127.0.0.1:0", move |_| probe.clone());
    address(&port.unwrap())
}

/// A listener that never accepts, and whose queue is full: whoever connects to it waits.
fn full_listener() -> (TcpListener, Vec<std::net::TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, ms(100)) {
        waiting.push(stream);
    }
    (listener, waiting)
}

fn error(reactor: &Reactor, d: Deferred<Transport>) -> Failure {
    reactor.run_until(d).expect_err("nobody is there")
}

#[test]
fn the_deferred_fires_after_connection_made_with_the_same_transport() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::echo());
        let address = listening(&reactor, &server);
        let client = Probe::idle();
        let log = client.log.clone();
        let d = reactor.connect_tcp(address, client);
        let d = d.map(move |transport| (log.take(), transport));
        let (log, transport) = reactor.run_until(d).unwrap();
        assert_eq!(log, ["made"]);
        assert_eq!(transport.peer(), &Address::Tcp(address));
        assert_ne!(transport.host(), transport.peer());
    });
}

#[test]
fn both_ends_talk() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::echo());
        let client = Probe::new(|happening, transport| {
            match happening {
                Happening::Made => transport.write("hello"),
                Happening::Received(_) => transport.lose_connection(),
                _ => {}
            }
            Ok(())
        });
        let (lost, gone) = (client.lost(), server.lost());
        let connected = reactor.connect_tcp(listening(&reactor, &server), client.clone());
        let both = connected.add_callback(|_| lost).add_callback(|_| gone);
        assert_eq!(word(&reactor.run_until(both).unwrap()), "done");
        assert_eq!(client.text(), "hello");
        let log = ["made", "received", "read lost", "lost: done"];
        assert_eq!(server.log.take(), log);
    });
}

#[test]
fn a_refused_connection_says_who_and_why() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, address) = (reactor(), closed_address());
        let failure = error(&reactor, reactor.connect_tcp(address, Probe::idle()));
        let error = failure.downcast::<ConnectError>().unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let ConnectError::Failed { attempts, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(attempts[0].0, Address::Tcp(address));
        let text = format!("cannot connect to {address}: {address}: Connection refused");
        assert!(error.to_string().starts_with(&text), "{error}");
    });
}

#[test]
fn all_addresses_are_tried_until_one_answers() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::idle());
        let good = listening(&reactor, &server);
        let addresses = vec![closed_address(), closed_address(), good];
        let d = reactor.connect_tcp(addresses, Probe::idle());
        let transport = reactor.run_until(d).unwrap();
        assert_eq!(transport.peer(), &Address::Tcp(good));
        let bad = vec![closed_address(), closed_address()];
        let failure = error(&reactor, reactor.connect_tcp(bad.clone(), Probe::idle()));
        match failure.downcast::<ConnectError>() {
            Ok(ConnectError::Failed { attempts, .. }) => {
                let tried: Vec<_> = attempts
                    .iter()
                    .map(|(address, _)| address.clone())
                    .collect();
                assert_eq!(tried, bad.into_iter().map(Address::Tcp).collect::<Vec<_>>());
            }
            other => panic!("{other:?}"),
        }
        let none = error(&reactor, reactor.connect_tcp(vec![], Probe::idle()));
        let none = none.downcast::<ConnectError>().unwrap();
        assert_eq!(none.kind(), ErrorKind::NotFound);
    });
}

/// Whether a listener with a full queue lets nobody in, as it does on Linux.
const QUEUES_ARE_FULL: bool = cfg!(target_os = "linux");

#[test]
fn an_address_that_does_not_answer_does_not_hold_up_the_next() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::idle());
        let (full, _waiting) = full_listener();
        let silent = full.local_addr().unwrap();
        let good = listening(&reactor, &server);
        let d = reactor.connect_tcp(vec![silent, good], Probe::idle());
        let began = Instant::now();
        let transport = reactor.run_until(d).unwrap();
        if QUEUES_ARE_FULL {
            assert_eq!(transport.peer(), &Address::Tcp(good));
            assert!(began.elapsed() >= ms(250));
        }
    });
}

#[test]
fn a_connection_that_takes_too_long_fails() {
    within_a_minute(|| {
        if !QUEUES_ARE_FULL {
            return;
        }
        let _unhandled = deny_unhandled();
        let (full, _waiting) = full_listener();
        let silent = full.local_addr().unwrap();
        let reactor = reactor();
        let options = ConnectOptions::new().timeout(ms(50));
        let d = reactor.connect_tcp_with(silent, options, Probe::idle());
        let failure = error(&reactor, d);
        let timed_out = failure.downcast::<ConnectError>().unwrap();
        assert_eq!(timed_out.kind(), ErrorKind::TimedOut);
        let text = format!("cannot connect to {silent} within 50ms");
        assert_eq!(timed_out.to_string(), text);
        let d = reactor.connect_tcp(silent, Probe::idle());
        let failure = error(&reactor, d.add_timeout(ms(50), &reactor));
        assert!(failure.check::<TimedOut>());
    });
}

#[test]
fn cancelling_gives_up_and_drops_the_protocol() {
    within_a_minute(|| {
        if !QUEUES_ARE_FULL {
            return;
        }
        let _unhandled = deny_unhandled();
        let (full, _waiting) = full_listener();
        let reactor = reactor();
        let (dropped, told) = std::sync::mpsc::channel();
        let on_drop = OnDrop(move || dropped.send(()).unwrap());
        let probe = Probe::new(move |_, _| {
            let _ = &on_drop;
            panic!("it is not connected")
        });
        let d = reactor.connect_tcp(full.local_addr().unwrap(), probe);
        let cancel = d.cancel_handle();
        reactor.call_later(ms(20), move || cancel.cancel());
        assert!(error(&reactor, d).check::<Cancelled>());
        told.try_recv().expect("nobody needs it any more");
        assert!(reactor.run_until(reactor.sleep(ms(10))).is_ok());
    });
}

#[test]
fn a_reactor_that_ends_first_abandons_the_connection() {
    within_a_minute(|| {
        if !QUEUES_ARE_FULL {
            return;
        }
        let (full, _waiting) = full_listener();
        let reactor = reactor();
        let d = reactor.connect_tcp(full.local_addr().unwrap(), Probe::idle());
        reactor.run_until(reactor.sleep(ms(20))).unwrap();
        assert!(d.into_result().unwrap().unwrap_err().check::<Abandoned>());
    });
}

#[test]
fn hosts_are_looked_up_and_texts_that_name_none_are_refused() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::idle());
        let port = listening(&reactor, &server).port();
        let d = reactor.connect_tcp(("localhost", port), Probe::idle());
        reactor.run_until(d).unwrap();
        let missing = reactor.connect_tcp(("no-such-host.invalid", 80), Probe::idle());
        let failure = error(&reactor, missing.add_timeout(secs(50), &reactor));
        let missing = failure.downcast::<ConnectError>().unwrap();
        assert!(
            matches!(missing, ConnectError::Lookup { .. }),
            "{missing:?}"
        );
        assert!(missing.source().is_some());
        assert_eq!(
            missing.to_string(),
            "cannot connect to no-such-host.invalid:80: its address was not found"
        );
        let nonsense = error(&reactor, reactor.connect_tcp("nobody", Probe::idle()));
        assert_eq!(
            nonsense.to_string(),
            "cannot connect to \"nobody\": that is no host and port"
        );
    });
}

#[test]
fn targets_are_made_of_what_programs_have() {
    let address: SocketAddr = "127.0.0.1:80".parse().unwrap();
    for target in [
        TcpTarget::from(address),
        "127.0.0.1:80".into(),
        String::from("127.0.0.1:80").into(),
        ("127.0.0.1", 80).into(),
        ("127.0.0.1".to_owned(), 80).into(),
        (Ipv4Addr::LOCALHOST, 80).into(),
        (address.ip(), 80).into(),
        vec![address].into(),
    ] {
        assert_eq!(target.to_string(), "127.0.0.1:80");
    }
    assert_eq!(TcpTarget::from(("::1", 80)).to_string(), "[::1]:80");
}

#[test]
fn a_connection_is_made_from_the_address_that_is_asked_for() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::idle());
        let target = listening(&reactor, &server);
        // All of 127.0.0.0/8 is this machine, on Linux.
        let from: SocketAddr = match cfg!(target_os = "linux") {
            true => "127.0.0.9:0".parse().unwrap(),
            false => "127.0.0.1:0".parse().unwrap(),
        };
        let options = ConnectOptions::new().bind_address(from);
        let d = reactor.connect_tcp_with(target, options, Probe::idle());
        let transport = reactor.run_until(d).unwrap();
        assert_eq!(transport.host().socket_addr().unwrap().ip(), from.ip());
    });
}

#[test]
fn a_busy_unix_socket_is_waited_for() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, path) = (reactor(), SocketPath::new("busy"));
        let listener = UnixListener::bind(&path.0).unwrap();
        listen(&listener, 0).unwrap();
        let clients: Vec<_> = (0..5)
            .map(|_| reactor.connect_unix(&path.0, Probe::idle()))
            .collect();
        let accepting = reactor.defer_to_thread(move || {
            std::thread::sleep(ms(50));
            Ok((0..5)
                .map(|_| listener.accept().unwrap())
                .collect::<Vec<_>>())
        });
        let all = deferrous::gather_results(clients).add_callback(move |transports| {
            accepting.map(move |accepted| (transports.len(), accepted.len()))
        });
        assert_eq!(reactor.run_until(all).unwrap(), (5, 5));
        let missing = SocketPath::new("missing");
        let failure = error(&reactor, reactor.connect_unix(&missing.0, Probe::idle()));
        let missing = failure.downcast::<ConnectError>().unwrap();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    });
}
