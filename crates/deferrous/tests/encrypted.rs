//! Encrypted connections: between two of ours, with rustls by hand, and with openssl.

#![cfg(feature = "tls")]

mod net_support;
mod reactor_support;

use std::{
    cell::Cell,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    rc::Rc,
    sync::Arc,
};

use deferrous::{
    Failure, Reactor, deferred, deny_unhandled,
    net::{
        ByteStream, FrameProtocol, Lines, Producer, Protocol, Transport, coroutine,
        tls::{self, rustls},
    },
};
use net_support::{Happening, Probe, address, connect_to, pattern, read_all, word};
use reactor_support::{Log, ms, reactor, within_a_minute};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

const CERTIFICATE: &[u8] = include_bytes!("tls/cert.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");
const AUTHORITY: &[u8] = include_bytes!("tls/ca.pem");

fn server_config() -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}

fn client_config() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(AUTHORITY).unwrap();
    roots.add(authority).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    Arc::new(config.with_no_client_auth())
}

fn name(text: &'static str) -> ServerName<'static> {
    ServerName::try_from(text).unwrap()
}

/// Listens with TLS for one protocol.
fn listening(reactor: &Reactor, protocol: impl Protocol + Clone) -> SocketAddr {
    let config = server_config();
    let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
        tls::server(config.clone(), protocol.clone())
    });
    address(&port.unwrap())
}

/// A client of the standard library and rustls, which blocks.
fn blocking_client<S: Read + Write>(stream: S) -> StreamOwned<ClientConnection, S> {
    let client = ClientConnection::new(client_config(), name("localhost")).unwrap();
    StreamOwned::new(client, stream)
}

#[test]
fn megabytes_go_there_and_back_encrypted() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::echo());
        let address = listening(&reactor, server.clone());
        let got = Rc::new(Cell::new(0));
        let own = got.clone();
        let client = Probe::new(move |happening, transport| {
            match happening {
                // Before the handshake, so it waits for that.
                Happening::Made => transport.write_vec(pattern(3_000_000)),
                Happening::Received(bytes) => {
                    own.set(own.get() + bytes.len());
                    if own.get() == 3_000_000 {
                        transport.lose_connection();
                    }
                }
                _ => {}
            }
            Ok(())
        });
        let (lost, gone) = (client.lost(), server.lost());
        let encrypted = tls::client(client_config(), name("localhost"), client.clone());
        let connected = reactor.connect_tcp(address, encrypted);
        let both = connected.add_callback(|_| lost).add_callback(|_| gone);
        assert_eq!(word(&reactor.run_until(both).unwrap()), "done");
        assert!(*client.received.borrow() == pattern(3_000_000));
        assert_eq!(client.log.take().last().unwrap(), "lost: done");
    });
}

#[test]
fn the_handshake_is_told_of_and_a_server_that_is_not_trusted_is_not_talked_to() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        for (as_name, told) in [("localhost", "handshake"), ("example.org", "")] {
            let reactor = reactor();
            let server = Probe::new(|happening, transport| {
                if let Happening::Received(_) = happening {
                    transport.lose_connection();
                }
                Ok(())
            });
            let address = listening(&reactor, server.clone());
            let client = Probe::new(|happening, transport| {
                match happening {
                    Happening::Made => transport.write("secret"),
                    Happening::Handshake => {
                        let version = tls::session(transport, |session| session.protocol_version());
                        assert_eq!(version.flatten(), Some(rustls::ProtocolVersion::TLSv1_3));
                    }
                    _ => {}
                }
                Ok(())
            });
            let (lost, gone) = (client.lost(), server.lost());
            let encrypted = tls::client(client_config(), name(as_name), client.clone());
            let connected = reactor.connect_tcp(address, encrypted);
            let both = connected.add_callback(|_| lost);
            let both = both.add_callback(|ours| gone.map(move |theirs| (ours, theirs)));
            let (ours, theirs) = reactor.run_until(both).unwrap();
            let log = client.log.take();
            assert_eq!(log.contains(&"handshake".to_owned()), !told.is_empty());
            if told.is_empty() {
                assert!(ours.check::<rustls::Error>(), "{ours}");
                // The alert has arrived.
                let alert = theirs.downcast_ref::<rustls::Error>();
                assert!(
                    matches!(alert, Some(rustls::Error::AlertReceived(_))),
                    "{theirs}"
                );
                assert_eq!(server.text(), "");
            } else {
                assert_eq!((word(&ours), word(&theirs)), ("done".into(), "done".into()));
                assert_eq!(server.text(), "secret");
            }
        }
    });
}

#[test]
fn what_is_not_tls_ends_its_connection_and_no_other() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::idle());
        let address = listening(&reactor, server.clone());
        let mut peer = connect_to(address);
        peer.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let reason = reactor.run_until(server.lost()).unwrap();
        assert!(reason.check::<rustls::Error>(), "{reason}");
        assert_eq!(server.text(), "");
    });
}

#[test]
fn a_peer_that_ends_without_the_end_of_tls_is_a_lost_connection() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        for notified in [false, true] {
            let (reactor, server) = (reactor(), Probe::idle());
            let address = listening(&reactor, server.clone());
            let talk = reactor.defer_to_thread(move || {
                let mut client = blocking_client(connect_to(address));
                client.write_all(b"part of it")?;
                if notified {
                    client.conn.send_close_notify();
                }
                client.flush()?;
                client.sock.shutdown(std::net::Shutdown::Write)?;
                // With something unread, closing it would be a reset.
                client.sock.read_to_end(&mut Vec::new())?;
                Ok(())
            });
            let lost = server.lost();
            let reason = reactor.run_until(talk.add_callback(|()| lost)).unwrap();
            let expected = if notified { "done" } else { "UnexpectedEof" };
            assert_eq!(
                (word(&reason).as_str(), server.text()),
                (expected, "part of it".into())
            );
        }
    });
}

/// Counts what is read from below.
struct Counting(TcpStream, usize);

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.0.read(buffer)?;
        self.1 += len;
        Ok(len)
    }
}

impl Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn small_pieces_share_a_record_and_closing_says_so() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let server = Probe::new(|happening, transport| {
            if let Happening::Received(_) = happening {
                for _ in 0..10_000 {
                    transport.write("x");
                }
                transport.lose_connection();
            }
            Ok(())
        });
        let address = listening(&reactor, server);
        let talk = reactor.defer_to_thread(move || {
            let mut client = blocking_client(Counting(connect_to(address), 0));
            client.write_all(b"?")?;
            let mut got = Vec::new();
            // It fails if the end of TLS is missing.
            client.read_to_end(&mut got)?;
            Ok((got, client.sock.1))
        });
        let (got, bytes) = reactor.run_until(talk).unwrap();
        assert_eq!(got, vec![b'x'; 10_000]);
        // The handshake takes some 2 KiB, and each record 22 bytes.
        assert!(bytes < 14_000, "{bytes}");
    });
}

struct Rows(u32, bool);

impl Producer for Rows {
    fn resume_producing(&mut self, transport: &Transport) -> Result<(), Failure> {
        assert!(transport.queued() < 64 * 1024);
        while self.0 > 0 && transport.queued() <= 64 * 1024 {
            self.0 -= 1;
            transport.write([7; 10_000]);
            if self.1 {
                return Ok(());
            }
        }
        if self.0 == 0 {
            transport.unregister_producer();
        }
        Ok(())
    }
}

#[test]
fn producers_follow_the_speed_of_an_encrypted_connection() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        for pull in [true, false] {
            let reactor = reactor();
            let server = Probe::new(move |happening, transport| {
                if let Happening::Received(_) = happening {
                    let mut rows = Rows(500, pull);
                    if pull {
                        transport.register_pull_producer(rows)?;
                    } else {
                        rows.resume_producing(transport)?;
                        transport.register_producer(rows)?;
                    }
                    transport.lose_connection();
                }
                Ok(())
            });
            let address = listening(&reactor, server);
            let talk = reactor.defer_to_thread(move || {
                let mut client = blocking_client(connect_to(address));
                client.write_all(b"?")?;
                std::thread::sleep(ms(50));
                let mut got = Vec::new();
                client.read_to_end(&mut got)?;
                Ok(got)
            });
            assert!(reactor.run_until(talk).unwrap() == vec![7; 5_000_000]);
        }
    });
}

#[test]
fn nothing_is_received_between_pause_and_resume() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let (clock, own) = (reactor.clone(), log.clone());
        let server = Probe::new(move |happening, transport| {
            if let Happening::Received(_) = happening {
                own.add("received");
                transport.pause_producing();
                let (transport, own) = (transport.clone(), own.clone());
                clock.call_later(ms(1), move || {
                    own.add("resumed");
                    transport.resume_producing();
                });
            }
            Ok(())
        });
        let address = listening(&reactor, server.clone());
        let talk = reactor.defer_to_thread(move || {
            let mut client = blocking_client(connect_to(address));
            client.write_all(&pattern(500_000))?;
            client.conn.send_close_notify();
            client.flush()?;
            Ok(read_all(client))
        });
        let lost = server.lost();
        reactor.run_until(talk.add_callback(|_| lost)).unwrap();
        assert!(*server.received.borrow() == pattern(500_000));
        let log = log.take();
        assert!(
            log.chunks(2).all(|pair| pair == ["received", "resumed"]),
            "{log:?}"
        );
    });
}

#[test]
fn one_direction_ends_before_the_other() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let server = Probe::new(|happening, transport| {
            if happening == Happening::Handshake {
                transport.write("all there is");
                transport.lose_write_connection();
            }
            Ok(())
        })
        .half_open();
        let address = listening(&reactor, server.clone());
        let talk = reactor.defer_to_thread(move || {
            let mut client = blocking_client(connect_to(address));
            let mut got = String::new();
            client.read_to_string(&mut got)?;
            client.write_all(b"thanks")?;
            client.conn.send_close_notify();
            client.flush()?;
            Ok(got)
        });
        let lost = server.lost();
        let both = talk.add_callback(|got| lost.map(move |reason| (got, word(&reason))));
        let (got, reason) = reactor.run_until(both).unwrap();
        assert_eq!((&*got, &*reason), ("all there is", "done"));
        assert_eq!(server.text(), "thanks");
    });
}

#[test]
fn lines_and_coroutines_are_encrypted_as_any_protocol() {
    within_a_minute(|| {
        struct Answers;
        impl FrameProtocol for Answers {
            fn frame_received(
                &mut self,
                transport: &Transport,
                line: &[u8],
            ) -> Result<(), Failure> {
                Lines::new().send(transport, [b"you said ", line].concat());
                Ok(())
            }
        }
        let _unhandled = deny_unhandled();
        let (reactor, config) = (reactor(), server_config());
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
            tls::server(config.clone(), Lines::new().protocol(Answers))
        });
        let (trigger, answers) = deferred();
        let talk = |stream: ByteStream| async move {
            let mut answers = Vec::new();
            for line in ["one\r\n", "two\r\n"] {
                stream.write(line).await?;
                answers.extend(stream.read_until(b"\r\n", 100).await?.unwrap());
            }
            Ok(trigger.callback(String::from_utf8(answers)?)?)
        };
        let client = tls::client(client_config(), name("localhost"), coroutine(talk));
        let connected = reactor.connect_tcp(address(&port.unwrap()), client);
        let answers = reactor.run_until(connected.add_callback(|_| answers));
        assert_eq!(answers.unwrap(), "you said one\r\nyou said two\r\n");
    });
}

#[test]
fn openssl_talks_to_a_server() {
    within_a_minute(|| {
        if Command::new("openssl").arg("version").output().is_err() {
            return; // there is none to talk to
        }
        let _unhandled = deny_unhandled();
        for version in ["-tls1_3", "-tls1_2"] {
            let (reactor, server) = (reactor(), Probe::echo());
            let target = listening(&reactor, server).to_string();
            let talk = reactor.defer_to_thread(move || {
                let mut child = Command::new("openssl")
                    .args(["s_client", "-quiet", "-verify_return_error", version])
                    .args([
                        "-CAfile",
                        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls/ca.pem"),
                    ])
                    .args(["-servername", "localhost", "-connect", &target])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()?;
                let mut stdin = child.stdin.take().unwrap();
                stdin.write_all(b"hello openssl\n")?;
                let mut got = [0; 14];
                child.stdout.as_mut().unwrap().read_exact(&mut got)?;
                drop(stdin);
                child.kill()?;
                child.wait()?;
                Ok(got)
            });
            let talk = reactor.run_until(talk).unwrap();
            assert_eq!(&talk, b"hello openssl\n", "{version}");
        }
    });
}

#[test]
fn a_connection_that_ends_before_the_handshake_is_told_of_as_any_other() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, server) = (reactor(), Probe::idle());
        let address = listening(&reactor, server.clone());
        drop(connect_to(address));
        let reason = reactor.run_until(server.lost()).unwrap();
        assert_eq!(word(&reason), "UnexpectedEof");
        assert_eq!(server.log.take(), ["made", "lost: UnexpectedEof"]);
    });
}
