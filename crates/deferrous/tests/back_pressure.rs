//! Writing no faster than is read, and reading no faster than one can.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    cell::{Cell, RefCell},
    io::{Read, Write},
    rc::Rc,
    time::Duration,
};

use deferrous::{
    Deferred, Failure, Reactor, deny_unhandled, gather_results,
    net::{HasProducer, Producer, Transport},
};
use net_support::{Happening, Probe, address, connect_to, pattern, read_all, served, word};
use reactor_support::{Log, ms, reactor, within_a_minute};

/// Calls closures, and notes what it was told.
struct Told<F> {
    log: Log<&'static str>,
    on_resume: F,
}

impl<F: FnMut(&Transport) -> Result<(), Failure> + 'static> Producer for Told<F> {
    fn resume_producing(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.log.add("resume");
        (self.on_resume)(transport)
    }

    fn pause_producing(&mut self, _: &Transport) -> Result<(), Failure> {
        self.log.add("pause");
        Ok(())
    }

    fn stop_producing(&mut self, transport: &Transport) -> Result<(), Failure> {
        assert!(!transport.is_connected());
        self.log.add("stop");
        Ok(())
    }
}

/// A probe that gives its transport away when it is connected.
fn giving(to: impl FnOnce(&Transport) + 'static) -> Probe {
    let mut to = Some(to);
    Probe::new(move |happening, transport| {
        if let (Happening::Made, Some(to)) = (happening, to.take()) {
            to(transport);
        }
        Ok(())
    })
}

/// Reads everything in a thread, slowly at first.
fn read_slowly(reactor: &Reactor, mut peer: std::net::TcpStream) -> Deferred<Vec<u8>> {
    reactor.defer_to_thread(move || {
        let mut start = vec![0; 1000];
        peer.read_exact(&mut start)?;
        std::thread::sleep(ms(50));
        start.extend(read_all(peer).0);
        Ok(start)
    })
}

#[test]
fn a_push_producer_is_paused_when_it_is_too_fast_and_resumed_when_all_was_sent() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log, most) = (reactor(), Log::new(), Rc::new(Cell::new(0)));
        let (own, own_most) = (log.clone(), most.clone());
        let probe = giving(move |transport| {
            let (sent, told) = (Rc::new(Cell::new(0)), own.clone());
            let on_resume = move |transport: &Transport| {
                // Goes on until it is paused, or all was written.
                while transport.queued() <= 64 * 1024 {
                    if sent.get() == 500 {
                        transport.unregister_producer();
                        return Ok(());
                    }
                    sent.set(sent.get() + 1);
                    transport.write(pattern(10_000));
                    own_most.set(own_most.get().max(transport.queued()));
                }
                Ok(())
            };
            let producer = Told {
                log: own,
                on_resume,
            };
            (producer.on_resume)(transport).unwrap();
            transport.register_producer(producer).unwrap();
            transport.lose_connection();
            assert_eq!(told.take(), ["pause"]);
        });
        let peer = served(&reactor, &probe);
        let got = reactor.run_until(read_slowly(&reactor, peer)).unwrap();
        let expected: Vec<u8> = (0..500).flat_map(|_| pattern(10_000)).collect();
        assert!(got == expected, "{}", got.len());
        let told = log.take();
        assert!(told.len() > 10, "{told:?}");
        assert!(told.chunks(2).all(|pair| pair[0] == "resume"), "{told:?}");
        assert!(most.get() <= 64 * 1024 + 10_000, "{}", most.get());
        assert_eq!(probe.log.take(), ["made", "lost: done"]);
    });
}

#[test]
fn a_pull_producer_is_resumed_at_registration_and_when_all_was_sent() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let own = log.clone();
        let probe = giving(move |transport| {
            let mut left = 50;
            let on_resume = move |transport: &Transport| {
                assert_eq!(transport.queued(), 0);
                match left {
                    0 => transport.unregister_producer(),
                    _ => transport.write(pattern(100_000)),
                }
                left -= 1;
                Ok(())
            };
            let producer = Told {
                log: own,
                on_resume,
            };
            transport.register_pull_producer(producer).unwrap();
            transport.lose_connection();
        });
        let peer = served(&reactor, &probe);
        let got = reactor.run_until(read_slowly(&reactor, peer)).unwrap();
        let expected: Vec<u8> = (0..50).flat_map(|_| pattern(100_000)).collect();
        assert!(got == expected, "{}", got.len());
        assert_eq!(log.take(), ["resume"; 51]);
    });
}

#[test]
fn a_pull_producer_that_has_nothing_yet_is_not_asked_again_and_again() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (own, clock) = (log.clone(), reactor.clone());
        let probe = giving(move |transport| {
            let producer = Told {
                log: own,
                on_resume: |_: &Transport| Ok(()),
            };
            transport.register_pull_producer(producer).unwrap();
            let transport = transport.clone();
            clock.call_later(ms(50), move || transport.write("at last"));
        });
        let mut peer = served(&reactor, &probe);
        let read = reactor.defer_to_thread(move || Ok(peer.read_exact(&mut [0; 7])?));
        let clock = reactor.clone();
        reactor
            .run_until(read.add_callback(move |()| clock.sleep(ms(20))))
            .unwrap();
        assert_eq!(log.take(), ["resume", "resume", "stop"]);
    });
}

#[test]
fn a_producer_is_stopped_when_the_connection_ends_and_a_second_one_is_refused() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let own = log.clone();
        let kept = Rc::new(RefCell::new(None));
        let giving_up = kept.clone();
        let probe = giving(move |transport| {
            let producer = || Told {
                log: own.clone(),
                on_resume: |_: &Transport| Ok(()),
            };
            transport.register_producer(producer()).unwrap();
            assert_eq!(transport.register_producer(producer()), Err(HasProducer));
            assert_eq!(
                transport.register_pull_producer(producer()),
                Err(HasProducer)
            );
            transport.abort_connection();
            kept.replace(Some((transport.clone(), producer())));
        });
        let _peer = served(&reactor, &probe);
        reactor.run_until(probe.lost()).unwrap();
        assert_eq!(log.take(), ["stop"]);
        // One that comes too late is stopped where it is registered.
        let (transport, late) = giving_up.take().unwrap();
        transport.register_producer(late).unwrap();
        assert_eq!(log.take(), ["stop"]);
    });
}

#[test]
fn an_error_of_a_producer_ends_the_connection() {
    within_a_minute(|| {
        let unhandled = deny_unhandled();
        let reactor = reactor();
        let probe = giving(move |transport| {
            let producer = Told {
                log: Log::new(),
                on_resume: |_: &Transport| panic!("nothing there"),
            };
            transport.register_pull_producer(producer).unwrap();
        });
        let _peer = served(&reactor, &probe);
        let reason = reactor.run_until(probe.lost()).unwrap();
        assert_eq!(word(&reason), "panicked: nothing there");
        assert_eq!(unhandled.take().len(), 1);
    });
}

#[test]
fn writable_holds_a_coroutine_up_while_the_peer_does_not_read() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, most) = (reactor(), Rc::new(Cell::new(0)));
        let (clock, own) = (reactor.clone(), most.clone());
        let probe = giving(move |transport| {
            let transport = transport.clone();
            clock.spawn(async move {
                for _ in 0..1000 {
                    transport.write(pattern(5000));
                    own.set(own.get().max(transport.queued()));
                    transport.writable().await?;
                }
                transport.lose_connection();
                Ok(())
            });
        });
        let peer = served(&reactor, &probe);
        let got = reactor.run_until(read_slowly(&reactor, peer)).unwrap();
        let expected: Vec<u8> = (0..1000).flat_map(|_| pattern(5000)).collect();
        assert!(got == expected, "{}", got.len());
        assert!(most.get() < 64 * 1024 + 5000, "{}", most.get());
    });
}

#[test]
fn writable_fails_with_the_reason_if_the_connection_ends() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, kept) = (reactor(), Rc::new(RefCell::new(None)));
        let (own, clock) = (kept.clone(), reactor.clone());
        let probe = giving(move |transport| {
            assert!(transport.writable().is_called());
            transport.write(pattern(10_000_000));
            own.replace(Some(transport.writable()));
            // Nobody hears of this one, so its failure is no news.
            drop(transport.writable());
            let transport = transport.clone();
            clock.call_later(ms(20), move || transport.abort_connection());
        });
        let _peer = served(&reactor, &probe);
        reactor.run_until(probe.lost()).unwrap();
        let waiting = kept.take().unwrap();
        assert_eq!(
            word(&waiting.into_result().unwrap().unwrap_err()),
            "aborted"
        );
    });
}

#[test]
fn nothing_is_received_between_pause_and_resume() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (clock, own) = (reactor.clone(), log.clone());
        let probe = Probe::new(move |happening, transport| {
            if let Happening::Received(bytes) = happening {
                own.add(bytes.len());
                transport.pause_producing();
                transport.pause_producing();
                let (transport, own) = (transport.clone(), own.clone());
                clock.call_later(ms(20), move || {
                    own.add(0);
                    transport.resume_producing();
                });
            }
            Ok(())
        });
        let mut peer = served(&reactor, &probe);
        peer.write_all(&pattern(300_000)).unwrap();
        drop(peer);
        reactor.run_until(probe.lost()).unwrap();
        let lengths = log.take();
        assert!(lengths.chunks(2).all(|pair| pair[0] > 0 && pair[1] == 0));
        assert_eq!(lengths.iter().sum::<usize>(), 300_000);
        assert!(lengths.iter().all(|len| *len <= 64 * 1024));
    });
}

/// Passes on what one side sends to the other, at the speed of the other.
fn proxy(reactor: &Reactor, target: std::net::SocketAddr, most: &Rc<Cell<usize>>) -> Probe {
    let (reactor, most) = (reactor.clone(), most.clone());
    Probe::new(move |happening, transport| {
        if happening == Happening::Made {
            let (near, most) = (transport.clone(), most.clone());
            near.pause_producing();
            let back = near.clone();
            let outward = Probe::new(move |happening, far| {
                match happening {
                    Happening::Made => {
                        far.register_producer(near.clone())?;
                        near.register_producer(far.clone())?;
                        near.resume_producing();
                    }
                    Happening::Received(bytes) => {
                        back.write(bytes);
                        most.set(most.get().max(back.queued()));
                    }
                    Happening::Lost => {
                        back.unregister_producer();
                        back.lose_connection();
                    }
                    _ => {}
                }
                Ok(())
            });
            reactor.connect_tcp(target, outward).map(drop);
        }
        Ok(())
    })
}

#[test]
fn transports_are_producers_for_each_other() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, most) = (reactor(), Rc::new(Cell::new(0)));
        let source = giving(|transport| {
            transport.write(pattern(20_000_000));
            transport.lose_connection();
        });
        let own = source.clone();
        let target = reactor.listen_tcp("127.0.0.1:0", move |_| own.clone());
        let proxy = proxy(&reactor, address(&target.unwrap()), &most);
        let own = proxy.clone();
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| own.clone());
        let peer = connect_to(address(&port.unwrap()));
        let (got, ended) = (read_slowly(&reactor, peer), proxy.lost());
        let both = gather_results([got.map(|got| (got, None)), ended.map(|e| (vec![], Some(e)))]);
        let both = both.add_timeout(Duration::from_secs(50), &reactor);
        let both = reactor.run_until(both).unwrap();
        assert!(both[0].0 == pattern(20_000_000), "{}", both[0].0.len());
        assert_eq!(word(both[1].1.as_ref().unwrap()), "done");
        assert!(most.get() <= 2 * 64 * 1024, "{}", most.get());
    });
}
