//! One connection: what happens to it, in which order, and how it ends.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    rc::Rc,
};

use deferrous::{
    Origin, Panicked, Phase, Reactor, SystemEvent, capture_unhandled, deny_unhandled,
    net::{Address, Protocol, Transport},
};
use net_support::{
    Happening, Probe, SocketPath, address, connect_to, pattern, read_all, send_all, served, word,
};
use reactor_support::{Log, OnDrop, ms, reactor, within_a_minute};
use rustix::net::sockopt::set_socket_linger;

#[test]
fn what_was_written_is_sent_before_the_connection_closes() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let probe = Probe::new(|happening, transport| {
            if happening == Happening::Made {
                transport.write("hello ");
                transport.write_vec(b"there ".to_vec());
                transport.write_sequence([&b"my "[..], b"", b"friend"]);
                transport.lose_connection();
                transport.write(", bye");
            }
            Ok(())
        });
        let peer = served(&reactor, &probe);
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(word(&reason), "done");
        assert_eq!(read_all(peer).0, b"hello there my friend, bye");
        assert_eq!(probe.log.take(), ["made", "lost: done"]);
    });
}

#[test]
fn nothing_is_received_after_the_program_has_closed() {
    within_a_minute(|| {
        let reactor = reactor();
        let probe = Probe::new(|happening, transport| {
            if happening == Happening::Made {
                transport.lose_connection();
            }
            Ok(())
        });
        let mut peer = served(&reactor, &probe);
        peer.write_all(b"too late").unwrap();
        reactor.run_until(probe.lost()).unwrap();
        assert_eq!(probe.log.take(), ["made", "lost: done"]);
    });
}

#[test]
fn megabytes_go_there_and_back_unchanged() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, probe, sent) = (reactor(), Probe::echo(), pattern(5_000_000));
        let peer = served(&reactor, &probe);
        let expected = sent.clone();
        let exchange = reactor.defer_to_thread(move || {
            let writer = peer.try_clone()?;
            let thread = std::thread::spawn(move || send_all(&writer, &sent));
            let (got, error) = read_all(&peer);
            thread.join().unwrap();
            Ok((got, error))
        });
        let lost = probe.lost();
        let (got, error) = reactor.run_until(exchange).unwrap();
        assert!(got == expected, "{} bytes came back", got.len());
        assert_eq!(error, None);
        assert_eq!(word(&lost.into_result().unwrap().unwrap()), "done");
    });
}

#[test]
fn what_is_queued_is_sent_when_the_peer_sends_no_more() {
    within_a_minute(|| {
        let (reactor, answer) = (reactor(), pattern(3_000_000));
        let expected = answer.clone();
        let probe = Probe::new(move |happening, transport| {
            if let Happening::Received(_) = happening {
                transport.write(&answer);
            }
            Ok(())
        });
        let peer = served(&reactor, &probe);
        send_all(&peer, b"?");
        let read = reactor.defer_to_thread(move || Ok(read_all(&peer)));
        let (got, error) = reactor.run_until(read).unwrap();
        assert!(got == expected && error.is_none(), "{error:?}");
        assert_eq!(
            probe.log.take(),
            ["made", "received", "read lost", "lost: done"]
        );
    });
}

#[test]
fn an_abort_drops_what_is_queued_and_resets() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let own = log.clone();
        let probe = Probe::new(move |happening, transport| {
            if let Happening::Received(_) = happening {
                transport.write("dropped");
                transport.abort_connection();
                transport.abort_connection();
                transport.lose_connection();
                own.add(transport.is_connected());
            }
            Ok(())
        });
        let mut peer = served(&reactor, &probe);
        peer.write_all(b"?").unwrap();
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(word(&reason), "aborted");
        assert_eq!(read_all(peer), (vec![], Some(ErrorKind::ConnectionReset)));
        assert_eq!(probe.log.take(), ["made", "received", "lost: aborted"]);
        // `connection_lost` is not called inside the call that aborts.
        assert_eq!(log.take(), [true]);
    });
}

#[test]
fn a_reset_by_the_peer_is_a_lost_connection() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, probe) = (reactor(), Probe::idle());
        let peer = served(&reactor, &probe);
        set_socket_linger(&peer, Some(ms(0))).unwrap();
        reactor.call_later(ms(20), move || drop(peer));
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(word(&reason), "ConnectionReset");
        assert_eq!(probe.log.take(), ["made", "lost: ConnectionReset"]);
    });
}

#[test]
fn a_reset_ends_a_connection_that_is_paused_too() {
    within_a_minute(|| {
        let reactor = reactor();
        let probe = Probe::new(|happening, transport| {
            if happening == Happening::Made {
                transport.pause_producing();
            }
            Ok(())
        });
        let peer = served(&reactor, &probe);
        set_socket_linger(&peer, Some(ms(0))).unwrap();
        reactor.call_later(ms(20), move || drop(peer));
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(word(&reason), "ConnectionReset");
    });
}

#[test]
fn writing_to_a_peer_that_has_gone_is_a_lost_connection() {
    within_a_minute(|| {
        let reactor = reactor();
        let held = Rc::new(RefCell::new(None::<Transport>));
        let made = held.clone();
        let probe = Probe::new(move |happening, transport| {
            if happening == Happening::Made {
                made.replace(Some(transport.clone()));
            }
            Ok(())
        })
        .half_open();
        let peer = served(&reactor, &probe);
        drop(peer);
        let clock = reactor.clone();
        let later = reactor.call_later(ms(50), move || {
            for _ in 0..2 {
                held.borrow().as_ref().unwrap().write("?");
            }
            let second = held.clone();
            clock.call_later(ms(50), move || second.borrow().as_ref().unwrap().write("!"));
        });
        let reason = reactor.run_until(probe.lost()).unwrap();
        let word = word(&reason);
        assert!(
            ["BrokenPipe", "ConnectionReset"].contains(&&*word),
            "{word}"
        );
        assert!(later.cancel().is_err());
    });
}

#[test]
fn an_error_of_a_callback_ends_its_connection_and_no_other() {
    within_a_minute(|| {
        let unhandled = deny_unhandled();
        let reactor = reactor();
        let bad = Probe::new(|happening, _| match happening {
            Happening::Received(_) => Err("no such command".into()),
            _ => Ok(()),
        });
        let good = Probe::echo();
        let (mut bad_peer, mut good_peer) = (served(&reactor, &bad), served(&reactor, &good));
        bad_peer.write_all(b"x").unwrap();
        let reason = bad.lost();
        let answer = reason.add_callback(move |reason| {
            assert_eq!(reason.to_string(), "no such command");
            good_peer.write_all(b"still there")?;
            good_peer.shutdown(Shutdown::Write)?;
            Ok(good_peer)
        });
        let clock = reactor.clone();
        let read =
            answer.add_callback(move |peer| clock.defer_to_thread(move || Ok(read_all(peer))));
        assert_eq!(reactor.run_until(read).unwrap().0, b"still there");
        assert_eq!(
            bad.log.take(),
            ["made", "received", "lost: no such command"]
        );
        let reported = unhandled.take();
        assert_eq!(reported.len(), 1);
        assert_eq!(reported[0].origin, Origin::Protocol);
        assert_eq!(reported[0].failure.to_string(), "no such command");
    });
}

/// Which callback fails, and what is told until then.
const FAILURES: [(Happening<'static>, &[&str]); 3] = [
    (Happening::Made, &["made", "lost: panicked: oops"]),
    (
        Happening::ReadLost,
        &["made", "received", "read lost", "lost: panicked: oops"],
    ),
    (
        Happening::WriteLost,
        &[
            "made",
            "received",
            "read lost",
            "write lost",
            "lost: panicked: oops",
        ],
    ),
];

#[test]
fn a_panic_in_any_callback_ends_its_connection_and_is_reported() {
    within_a_minute(|| {
        for (failing, told) in FAILURES {
            let unhandled = deny_unhandled();
            let reactor = reactor();
            let probe = Probe::new(move |happening, transport| {
                assert!(happening != failing, "oops");
                if happening == Happening::ReadLost {
                    transport.lose_write_connection();
                }
                Ok(())
            })
            .half_open();
            let peer = served(&reactor, &probe);
            send_all(&peer, b"x");
            let reason = reactor.run_until(probe.lost()).unwrap();
            let told_reason = "panicked: oops";
            assert!(reason.check::<Panicked>());
            assert_eq!(probe.log.take(), told, "{told_reason}");
            assert_eq!(unhandled.take().len(), 1);
        }
    });
}

#[test]
fn a_panic_in_connection_lost_is_reported_and_nothing_else_is_called() {
    within_a_minute(|| {
        let unhandled = deny_unhandled();
        let reactor = reactor();
        let probe = Probe::new(|happening, _| {
            assert!(happening != Happening::Lost, "oops");
            Ok(())
        });
        let lost = probe.clone();
        drop(served(&reactor, &probe));
        reactor
            .run_until(reactor.sleep(ms(50)))
            .expect("the reactor goes on");
        assert_eq!(lost.log.take(), ["made", "read lost", "lost: done"]);
        assert_eq!(unhandled.take().len(), 1);
    });
}

#[test]
fn a_protocol_is_dropped_when_its_connection_has_ended() {
    within_a_minute(|| {
        struct Held(
            #[allow(dead_code)] OnDrop<Box<dyn FnMut()>>,
            Option<Transport>,
        );
        impl Protocol for Held {
            fn connection_made(&mut self, transport: &Transport) -> Result<(), deferrous::Failure> {
                // A circle, which the end breaks.
                self.1 = Some(transport.clone());
                transport.lose_connection();
                Ok(())
            }
            fn data_received(&mut self, _: &Transport, _: &[u8]) -> Result<(), deferrous::Failure> {
                Ok(())
            }
        }
        let (reactor, dropped) = (reactor(), Rc::new(Cell::new(false)));
        let (stop, own) = (reactor.clone(), dropped.clone());
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
            let (stop, own) = (stop.clone(), own.clone());
            let on_drop = move || {
                own.set(true);
                stop.stop().unwrap();
            };
            Held(OnDrop(Box::new(on_drop)), None)
        });
        let _peer = connect_to(address(&port.unwrap()));
        reactor.run().unwrap();
        assert!(dropped.get());
    });
}

#[test]
fn a_transport_does_nothing_after_the_end() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, kept) = (reactor(), Rc::new(RefCell::new(None)));
        let own = kept.clone();
        let probe = Probe::new(move |happening, transport| {
            if happening == Happening::Made {
                own.replace(Some(transport.clone()));
                transport.lose_connection();
            }
            Ok(())
        });
        let peer = served(&reactor, &probe);
        reactor.run_until(probe.lost()).unwrap();
        let transport = kept.take().unwrap();
        for use_it in [
            Transport::lose_connection,
            Transport::abort_connection,
            Transport::lose_write_connection,
            Transport::pause_producing,
            Transport::resume_producing,
            Transport::unregister_producer,
        ] {
            use_it(&transport);
        }
        transport.write("nobody gets it");
        assert!(!transport.is_connected());
        assert_eq!(transport.queued(), 0);
        let refused = transport.set_tcp_no_delay(true).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotConnected);
        let reason = transport.writable().into_result().unwrap().unwrap_err();
        assert_eq!(word(&reason), "done");
        assert_eq!(read_all(peer).0, b"");
        assert!(format!("{transport:?}").contains("is_connected: false"));
    });
}

#[test]
fn both_ends_know_their_addresses_and_options() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let own = log.clone();
        let probe = Probe::new(move |happening, transport| {
            if happening == Happening::Made {
                for on in [true, false] {
                    transport.set_tcp_no_delay(on)?;
                    assert_eq!(transport.tcp_no_delay()?, on);
                    transport.set_tcp_keep_alive(on)?;
                    assert_eq!(transport.tcp_keep_alive()?, on);
                }
                own.add((transport.host().clone(), transport.peer().clone()));
                transport.lose_connection();
            }
            Ok(())
        });
        let peer = served(&reactor, &probe);
        reactor.run_until(probe.lost()).unwrap();
        let addresses = (peer.peer_addr().unwrap(), peer.local_addr().unwrap());
        let expected = (Address::Tcp(addresses.0), Address::Tcp(addresses.1));
        assert_eq!(log.take(), [expected]);
    });
}

#[test]
fn unix_sockets_are_connections_without_options() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, path) = (reactor(), SocketPath::new("echo"));
        let (server, own_path) = (Probe::echo(), path.0.clone());
        let own = server.clone();
        let port = reactor.listen_unix(&path.0, move |peer| {
            assert_eq!(peer.to_string(), "a UNIX socket without a path");
            own.clone()
        });
        let client = Probe::new(move |happening, transport| {
            match happening {
                Happening::Made => {
                    assert_eq!(transport.peer().path(), Some(own_path.as_path()));
                    let refused = transport.set_tcp_no_delay(true).unwrap_err();
                    assert_eq!(refused.kind(), ErrorKind::Unsupported);
                    transport.write("by a path");
                    transport.lose_write_connection();
                }
                Happening::ReadLost => transport.lose_connection(),
                _ => {}
            }
            Ok(())
        });
        let lost = client.lost();
        let connected = reactor.connect_unix(&path.0, client.clone());
        let both = connected.add_callback(move |_| lost);
        let reason = reactor.run_until(both).unwrap();
        assert_eq!(word(&reason), "done");
        assert_eq!(client.text(), "by a path");
        assert!(!port.unwrap().is_listening() && !path.0.exists());
    });
}

#[test]
fn bytes_of_a_unix_socket_that_was_closed_while_paused_are_received() {
    within_a_minute(|| {
        let (reactor, path) = (reactor(), SocketPath::new("paused"));
        let clock = reactor.clone();
        let probe = Probe::new(move |happening, transport| {
            if happening == Happening::Made {
                transport.pause_producing();
                let transport = transport.clone();
                clock.call_later(ms(50), move || transport.resume_producing());
            }
            Ok(())
        });
        let own = probe.clone();
        let port = reactor.listen_unix(&path.0, move |_| own.clone()).unwrap();
        let mut peer = std::os::unix::net::UnixStream::connect(&path.0).unwrap();
        peer.write_all(b"last words").unwrap();
        drop(peer);
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(
            (word(&reason), probe.text()),
            ("done".into(), "last words".into())
        );
        drop(port);
    });
}

#[test]
fn connections_end_when_the_reactor_stops() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, probe) = (reactor(), Probe::idle());
        let mut peers = [served(&reactor, &probe), served(&reactor, &probe)];
        reactor.run_until(reactor.sleep(ms(50))).unwrap();
        let mut log = probe.log.take();
        log.sort();
        assert_eq!(log, ["lost: stopped", "lost: stopped", "made", "made"]);
        for peer in &mut peers {
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        }
    });
}

#[test]
fn an_answer_is_sent_before_the_reactor_stops() {
    within_a_minute(|| {
        let reactor = reactor();
        let stop = reactor.clone();
        let probe = Probe::new(move |happening, transport| {
            if let Happening::Received(_) = happening {
                transport.write("the last answer");
                stop.stop()?;
            }
            Ok(())
        });
        let mut peer = served(&reactor, &probe);
        peer.write_all(b"?").unwrap();
        reactor.run().unwrap();
        assert_eq!(read_all(peer).0, b"the last answer");
    });
}

#[test]
fn a_trigger_before_shutdown_may_end_connections_in_order() {
    within_a_minute(|| {
        let reactor = reactor();
        let kept = Rc::new(RefCell::new(None::<Transport>));
        let own = kept.clone();
        let probe = Probe::new(move |happening, transport| {
            if happening == Happening::Made {
                own.replace(Some(transport.clone()));
            }
            Ok(())
        });
        let (peer, lost) = (served(&reactor, &probe), probe.lost());
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
            let transport = kept.take().unwrap();
            transport.write("goodbye");
            transport.lose_connection();
            lost.map(drop)
        });
        reactor.run_until(reactor.sleep(ms(50))).unwrap();
        assert_eq!(probe.log.take(), ["made", "lost: done"]);
        assert_eq!(read_all(peer).0, b"goodbye");
    });
}

#[test]
fn a_callback_that_lets_the_reactor_stop_still_hears_of_the_end() {
    within_a_minute(|| {
        let reactor = reactor();
        let (trigger, stopping) = deferrous::deferred::<()>();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || stopping);
        let stop = reactor.clone();
        let probe = Probe::new(move |happening, _| {
            match happening {
                Happening::Made => stop.stop()?,
                // What the shutdown waits for: it goes on inside this call.
                Happening::Received(_) => trigger.callback(())?,
                _ => {}
            }
            Ok(())
        });
        let mut peer = served(&reactor, &probe);
        let clock = reactor.clone();
        reactor.call_when_running(move || {
            clock.call_later(ms(50), move || peer.write_all(b"x").unwrap());
        });
        reactor.run().unwrap();
        assert_eq!(probe.log.take(), ["made", "received", "lost: stopped"]);
    });
}

#[test]
fn a_reactor_that_never_runs_closes_what_it_has() {
    let captured = capture_unhandled();
    let reactor = Reactor::new().unwrap();
    let probe = Probe::idle();
    let peer = served(&reactor, &probe);
    drop(reactor);
    assert_eq!(read_all(peer).1, Some(ErrorKind::ConnectionReset));
    assert_eq!(probe.log.take(), [""; 0]);
    assert!(captured.take().is_empty());
}
