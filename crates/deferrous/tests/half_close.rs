//! Connections of which one direction ends before the other.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::io::{ErrorKind, Read, Write};

use deferrous::deny_unhandled;
use net_support::{Happening, Probe, pattern, read_all, send_all, served, word};
use reactor_support::{ms, reactor, within_a_minute};

#[test]
fn this_direction_ends_after_all_was_sent_and_the_other_goes_on() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, data) = (reactor(), pattern(1_000_000));
        let expected = data.clone();
        let probe = Probe::new(move |happening, transport| {
            if happening == Happening::Made {
                transport.write(&data);
                transport.lose_write_connection();
            }
            Ok(())
        });
        let mut peer = served(&reactor, &probe);
        let lost = probe.lost();
        let exchange = reactor.defer_to_thread(move || {
            let (got, error) = read_all(&peer);
            peer.write_all(b"thanks")?;
            Ok((got, error))
        });
        let both = exchange.add_callback(move |got| lost.map(|reason| (got, word(&reason))));
        let ((got, error), reason) = reactor.run_until(both).unwrap();
        assert!(got == expected && error.is_none());
        assert_eq!((reason.as_str(), probe.text().as_str()), ("done", "thanks"));
        assert_eq!(
            probe.log.take(),
            ["made", "write lost", "received", "read lost", "lost: done"]
        );
    });
}

#[test]
fn a_protocol_that_says_so_writes_on_when_the_peer_sends_no_more() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let clock = reactor.clone();
        let probe = Probe::new(move |happening, transport| {
            if happening == Happening::ReadLost {
                let transport = transport.clone();
                clock.call_later(ms(50), move || {
                    transport.write("an answer that took its time");
                    transport.lose_write_connection();
                });
            }
            Ok(())
        })
        .half_open();
        let peer = served(&reactor, &probe);
        send_all(&peer, b"?");
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(word(&reason), "done");
        assert_eq!(read_all(peer).0, b"an answer that took its time");
        let log = ["made", "received", "read lost", "write lost", "lost: done"];
        assert_eq!(probe.log.take(), log);
    });
}

#[test]
fn a_protocol_that_says_nothing_is_closed_when_the_peer_sends_no_more() {
    within_a_minute(|| {
        let (reactor, probe) = (reactor(), Probe::echo());
        let peer = served(&reactor, &probe);
        send_all(&peer, b"echo");
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(word(&reason), "done");
        assert_eq!(read_all(peer).0, b"echo");
    });
}

#[test]
fn what_is_written_after_the_end_of_this_direction_is_dropped() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let probe = Probe::new(|happening, transport| {
            match happening {
                Happening::Made => {
                    transport.lose_write_connection();
                    transport.write("in time, ");
                    transport.lose_write_connection();
                }
                Happening::WriteLost => {
                    transport.write("too late");
                    assert_eq!(transport.queued(), 0);
                }
                _ => {}
            }
            Ok(())
        });
        let peer = served(&reactor, &probe);
        let own = peer.try_clone().unwrap();
        let read = reactor.defer_to_thread(move || Ok(read_all(own)));
        let (got, error) = reactor.run_until(read).unwrap();
        assert_eq!((got.as_slice(), error), (&b"in time, "[..], None));
        drop(peer);
    });
}

#[test]
fn a_connection_without_its_write_direction_can_be_closed_and_aborted() {
    within_a_minute(|| {
        for aborts in [false, true] {
            let reactor = reactor();
            let probe = Probe::new(move |happening, transport| {
                match happening {
                    Happening::Made => transport.lose_write_connection(),
                    Happening::WriteLost if aborts => transport.abort_connection(),
                    Happening::WriteLost => transport.lose_connection(),
                    _ => {}
                }
                Ok(())
            });
            let mut peer = served(&reactor, &probe);
            let reason = reactor.run_until(probe.lost()).unwrap();
            assert_eq!(word(&reason), if aborts { "aborted" } else { "done" });
            let ended = peer.read(&mut [0]).map_err(|error| error.kind());
            assert!(matches!(ended, Ok(0) | Err(ErrorKind::ConnectionReset)));
        }
    });
}
