//! A server that may open no more files. Alone here, because the limit is the process's.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{cell::RefCell, io::Write, rc::Rc};

use deferrous::{Origin, deny_unhandled, gather_results, net::CannotAccept};
use net_support::{Probe, address, connect_to, open_descriptors, read_all};
use reactor_support::{Log, ms, reactor, within_a_minute};
use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

fn limit_descriptors(current: Option<u64>) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

/// The processor time of this process so far, in milliseconds.
fn cpu_time() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[test]
fn clients_wait_without_spinning_while_there_are_no_descriptors_left() {
    within_a_minute(|| {
        let unhandled = deny_unhandled();
        let before = open_descriptors();
        let (reactor, log) = (reactor(), Log::new());
        for told_by_function in [true, false] {
            let echo = Probe::echo();
            let own = echo.clone();
            let port = reactor
                .listen_tcp("127.0.0.1:0", move |_| own.clone())
                .unwrap();
            if told_by_function {
                let own = log.clone();
                port.on_accept_error(move |error| own.add(error.to_string()));
            }
            let mut clients: Vec<_> = (0..20).map(|_| connect_to(address(&port))).collect();
            for client in &mut clients {
                client.write_all(b"let me in").unwrap();
                client.shutdown(std::net::Shutdown::Write).unwrap();
            }
            let usual = getrlimit(Resource::Nofile).current;
            let (clock, spent) = (reactor.clone(), Rc::new(RefCell::new(0)));
            let (own_clock, own_spent) = (reactor.clone(), spent.clone());
            reactor.call_when_running(move || {
                limit_descriptors(Some(3));
                let start = cpu_time();
                own_clock.call_later(ms(700), move || {
                    *own_spent.borrow_mut() = cpu_time() - start;
                    limit_descriptors(usual);
                });
            });
            let lost: Vec<_> = (0..20).map(|_| echo.lost()).collect();
            // The first to be lost fires all that wait for one.
            let first = gather_results(lost).map(drop);
            let all = first.add_callback(move |()| clock.sleep(ms(300)));
            reactor.run_until(all).unwrap();
            for client in clients {
                assert_eq!(read_all(client).0, b"let me in");
            }
            assert!(*spent.borrow() < 200, "{} ms", spent.borrow());
            let expected = format!("nobody is accepted at {} for now", port.host());
            if told_by_function {
                assert_eq!(log.take(), [expected]);
            } else {
                let reported = unhandled.take();
                assert_eq!(reported.len(), 1, "{reported:?}");
                assert_eq!(reported[0].origin, Origin::Accept);
                assert!(reported[0].failure.check::<CannotAccept>());
            }
        }
        drop(reactor);
        assert_eq!(open_descriptors(), before);
    });
}
