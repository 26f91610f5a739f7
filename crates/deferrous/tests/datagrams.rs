//! Datagrams: what is received and sent, and what errors do.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
};

use deferrous::{
    Failure, Origin, Phase, SystemEvent, Trigger, deferred, deny_unhandled,
    net::{DatagramProtocol, DatagramTransport},
};
use reactor_support::{Log, ms, reactor, within_a_minute};

type OnDatagram = Box<dyn FnMut(&DatagramTransport, &[u8], SocketAddr) -> Result<(), Failure>>;

/// Notes what happens.
struct Noting {
    log: Log<String>,
    on_datagram: OnDatagram,
    stopped: Option<Trigger<()>>,
}

impl Noting {
    fn new(
        log: &Log<String>,
        on_datagram: impl FnMut(&DatagramTransport, &[u8], SocketAddr) -> Result<(), Failure> + 'static,
    ) -> Self {
        Noting {
            log: log.clone(),
            on_datagram: Box::new(on_datagram),
            stopped: None,
        }
    }
}

impl DatagramProtocol for Noting {
    fn start_protocol(&mut self, transport: &DatagramTransport) -> Result<(), Failure> {
        assert_ne!(transport.host().port(), 0);
        self.log.add("start".to_owned());
        Ok(())
    }

    fn datagram_received(
        &mut self,
        transport: &DatagramTransport,
        datagram: &[u8],
        from: SocketAddr,
    ) -> Result<(), Failure> {
        self.log.add(String::from_utf8(datagram.to_vec())?);
        (self.on_datagram)(transport, datagram, from)
    }

    fn connection_refused(&mut self, transport: &DatagramTransport) -> Result<(), Failure> {
        self.log.add("refused".to_owned());
        drop(transport.stop_listening());
        Ok(())
    }

    fn stop_protocol(&mut self) -> Result<(), Failure> {
        self.log.add("stop".to_owned());
        if let Some(stopped) = self.stopped.take() {
            stopped.callback(())?;
        }
        Ok(())
    }
}

fn client() -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(ms(30_000))).unwrap();
    client
}

#[test]
fn each_datagram_is_answered_to_whom_it_came_from() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let echo = Noting::new(&log, |transport, datagram, from| {
            Ok(transport.write_to(datagram, from)?)
        });
        let port = reactor.bind_udp("127.0.0.1:0", echo).unwrap();
        let address = port.host();
        let exchange = reactor.defer_to_thread(move || {
            let (client, mut buffer) = (client(), [0; 65536]);
            for text in ["one", "", "three"] {
                client.send_to(text.as_bytes(), address)?;
                let (len, from) = client.recv_from(&mut buffer)?;
                assert_eq!((&buffer[..len], from), (text.as_bytes(), address));
            }
            let long = vec![b'x'; 60_000];
            client.send_to(&long, address)?;
            assert_eq!(client.recv_from(&mut buffer)?.0, 60_000);
            Ok(())
        });
        reactor.run_until(exchange).unwrap();
        let log = log.take();
        assert_eq!(log[..4], ["start", "one", "", "three"]);
        assert_eq!((log.len(), log[5].as_str()), (6, "stop"));
        assert!(!port.is_listening());
    });
}

#[test]
fn an_error_or_panic_is_reported_and_the_socket_goes_on() {
    within_a_minute(|| {
        let unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let stop = reactor.clone();
        let failing = Noting::new(&log, move |_, datagram, _| match datagram {
            b"panic" => panic!("oops"),
            b"error" => Err("no".into()),
            _ => Ok(stop.stop()?),
        });
        let port = reactor.bind_udp("127.0.0.1:0", failing).unwrap();
        let client = client();
        for text in ["panic", "error", "\u{e4}", "end"] {
            client.send_to(text.as_bytes(), port.host()).unwrap();
        }
        client.send_to(b"\xff", port.host()).unwrap();
        reactor.run().unwrap();
        let origins: Vec<_> = unhandled.take().iter().map(|each| each.origin).collect();
        // The third one has stopped the reactor, and what came after it was still received.
        assert_eq!(origins[..2], [Origin::Protocol; 2]);
        assert_eq!(log.take()[..4], ["start", "panic", "error", "\u{e4}"]);
    });
}

#[test]
fn a_connected_socket_is_told_that_nobody_is_there() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let mut protocol = Noting::new(&log, |_, _, _| Ok(()));
        let (stopped, d) = deferred();
        protocol.stopped = Some(stopped);
        let port = reactor.bind_udp("127.0.0.1:0", protocol).unwrap();
        let nobody = client().local_addr().unwrap();
        port.connect(nobody).unwrap();
        port.write(b"hello?").unwrap();
        reactor.run_until(d).unwrap();
        assert_eq!(log.take(), ["start", "refused", "stop"]);
        let gone = port.write(b"hello?").unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn what_cannot_be_sent_is_an_error_of_the_call() {
    let (reactor, log) = (reactor(), Log::new());
    let protocol = Noting::new(&log, |_, _, _| Ok(()));
    let port = reactor.bind_udp("127.0.0.1:0", protocol).unwrap();
    let too_long = port.write_to(vec![0; 70_000], port.host()).unwrap_err();
    assert!(too_long.raw_os_error().is_some(), "{too_long}");
    let refused = port.write_to("x", "255.255.255.255:9".parse().unwrap());
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
    port.set_broadcast_allowed(true).unwrap();
    let other = Noting::new(&log, |_, _, _| Ok(()));
    let in_use = reactor.bind_udp(port.host(), other).unwrap_err();
    assert_eq!(in_use.source.kind(), ErrorKind::AddrInUse);
    assert_eq!(
        in_use.to_string(),
        format!("cannot listen at {}", port.host())
    );
}

#[test]
fn a_protocol_that_lets_the_reactor_stop_still_hears_of_the_end() {
    within_a_minute(|| {
        let (reactor, log) = (reactor(), Log::new());
        let (trigger, stopping) = deferred::<()>();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || stopping);
        let mut trigger = Some(trigger);
        let protocol = Noting::new(&log, move |_, _, _| {
            // The shutdown goes on inside this call.
            Ok(trigger.take().unwrap().callback(())?)
        });
        let port = reactor.bind_udp("127.0.0.1:0", protocol).unwrap();
        let (stop, client) = (reactor.clone(), client());
        let address = port.host();
        reactor.call_when_running(move || {
            stop.stop().unwrap();
            stop.call_later(ms(20), move || drop(client.send_to(b"go", address)));
        });
        reactor.run().unwrap();
        assert_eq!(log.take(), ["start", "go", "stop"]);
    });
}
