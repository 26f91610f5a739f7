//! A reactor in a process that may open no more files. Alone here, because the limit is the process's.

#![cfg(feature = "reactor")]

mod reactor_support;

use std::{io::ErrorKind, os::unix::net::UnixStream};

use deferrous::{ReactorError, deferred};
use reactor_support::{Log, ms, reactor, within_a_minute};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

#[test]
fn a_run_that_cannot_begin_is_an_error_and_leaves_nothing_behind() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (near, _far) = UnixStream::pair().unwrap();
        let usual = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            ..usual
        };
        setrlimit(Resource::Nofile, none).unwrap();
        let (trigger, d) = deferred();
        let failure = reactor.run_until(d).unwrap_err();
        let refused = reactor.add_reader(near, |_| ());
        setrlimit(Resource::Nofile, usual).unwrap();
        assert!(matches!(failure.downcast(), Ok(ReactorError::Io(_))));
        assert_ne!(refused.unwrap_err().kind(), ErrorKind::NotConnected);
        // The Deferred of the first run would end the second one, if anything of it were left.
        reactor.call_later(ms(1), move || {
            let _ = trigger.callback(());
        });
        reactor.call_later(ms(5), log.adds("still running"));
        reactor.run_until(reactor.sleep(ms(10))).unwrap();
        assert_eq!(log.take(), ["still running"]);
    });
}
