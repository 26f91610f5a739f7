//! Messages in a stream: lines, and pieces with their length before them.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    cell::RefCell,
    io::{Read, Write},
    net::TcpStream,
    rc::Rc,
};

use deferrous::{
    Failure, Reactor, Trigger, deferred, deny_unhandled,
    net::{FrameProtocol, LengthPrefix, Lines, Protocol, TooLong, Transport},
};
use net_support::{address, connect_to, send_all, word};
use proptest::prelude::*;
use reactor_support::{Log, ms, reactor, within_a_minute};

type OnFrame = Box<dyn FnMut(&Transport, &[u8]) -> Result<(), Failure>>;

/// Notes what it gets, and asks a closure what to do about it.
struct Noting {
    log: Log<String>,
    raw: Rc<RefCell<usize>>,
    on_frame: OnFrame,
    lost: Option<Trigger<()>>,
}

impl Noting {
    fn new(
        log: &Log<String>,
        on_frame: impl FnMut(&Transport, &[u8]) -> Result<(), Failure> + 'static,
    ) -> Self {
        Noting {
            log: log.clone(),
            raw: Rc::default(),
            on_frame: Box::new(on_frame),
            lost: None,
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl FrameProtocol for Noting {
    fn frame_received(&mut self, transport: &Transport, frame: &[u8]) -> Result<(), Failure> {
        self.log.add(text(frame));
        (self.on_frame)(transport, frame)
    }

    fn raw_bytes_wanted(&self) -> usize {
        *self.raw.borrow()
    }

    fn raw_data_received(&mut self, _: &Transport, data: &[u8]) -> Result<(), Failure> {
        *self.raw.borrow_mut() -= data.len();
        self.log.add(format!("raw {}", text(data)));
        Ok(())
    }

    fn read_connection_lost(&mut self, transport: &Transport) -> Result<(), Failure> {
        self.log.add("read lost".to_owned());
        transport.lose_connection();
        Ok(())
    }

    fn connection_lost(&mut self, _: &Transport, reason: Failure) -> Result<(), Failure> {
        self.log.add(format!("lost: {}", word(&reason)));
        if let Some(lost) = self.lost.take() {
            lost.callback(())?;
        }
        Ok(())
    }
}

/// Runs one connection to its end. What the peer does is done in a thread.
fn run(
    protocol: impl Protocol,
    lost: deferrous::Deferred<()>,
    reactor: &Reactor,
    peer: impl FnOnce(TcpStream) + Send + 'static,
) {
    let mut protocol = Some(Box::new(protocol) as Box<dyn Protocol>);
    let port = reactor.listen_tcp("127.0.0.1:0", move |_| protocol.take().unwrap());
    let stream = connect_to(address(&port.unwrap()));
    let thread = reactor.defer_to_thread(move || {
        peer(stream);
        Ok(())
    });
    reactor
        .run_until(lost.add_callback(move |()| thread))
        .unwrap();
}

fn noted(
    format: impl FnOnce(Noting) -> Box<dyn Protocol>,
    on_frame: impl FnMut(&Transport, &[u8]) -> Result<(), Failure> + 'static,
    peer: impl FnOnce(TcpStream) + Send + 'static,
) -> Vec<String> {
    let (reactor, log) = (reactor(), Log::new());
    let (trigger, lost) = deferred();
    let mut noting = Noting::new(&log, on_frame);
    noting.lost = Some(trigger);
    run(format(noting), lost, &reactor, peer);
    log.take()
}

fn nothing(_: &Transport, _: &[u8]) -> Result<(), Failure> {
    Ok(())
}

#[test]
fn lines_are_found_wherever_they_are_cut() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        for cut in 0..15 {
            let told = noted(
                |noting| Box::new(Lines::new().protocol(noting)),
                nothing,
                move |mut stream| {
                    let bytes = b"one\r\n\r\n\rtwo\n\r\nrest";
                    stream.write_all(&bytes[..cut]).unwrap();
                    std::thread::sleep(ms(5));
                    send_all(&stream, &bytes[cut..]);
                },
            );
            assert_eq!(told, ["one", "", "\rtwo\n", "read lost", "lost: done"]);
        }
    });
}

#[test]
fn a_line_may_be_as_long_as_is_allowed_and_no_longer() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let lines = Lines::new().delimiter(b"\n").max_length(10);
        for (bytes, told) in [
            (
                &b"0123456789\n"[..],
                vec!["0123456789", "read lost", "lost: done"],
            ),
            // With its end and without.
            (b"a\n0123456789x\nb\n", vec!["a", "lost: done"]),
            (b"a\n0123456789x", vec!["a", "lost: done"]),
        ] {
            let got = noted(
                |noting| Box::new(lines.protocol(noting)),
                nothing,
                move |mut stream| {
                    stream.write_all(bytes).unwrap();
                    if bytes.len() == 11 {
                        stream.shutdown(std::net::Shutdown::Write).unwrap();
                    }
                    let _ = stream.read(&mut [0]);
                },
            );
            assert_eq!(got, told, "{}", text(bytes));
        }
    });
}

#[test]
fn a_pause_holds_back_the_lines_that_have_arrived_and_the_end() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, log) = (reactor(), Log::new());
        let (trigger, lost) = deferred();
        let (clock, own) = (reactor.clone(), log.clone());
        let mut noting = Noting::new(&log, move |transport, _| {
            transport.pause_producing();
            let (transport, own) = (transport.clone(), own.clone());
            clock.call_later(ms(10), move || {
                own.add("resume".to_owned());
                transport.resume_producing();
            });
            Ok(())
        });
        noting.lost = Some(trigger);
        let protocol = Lines::new().delimiter(b"\n").protocol(noting);
        run(protocol, lost, &reactor, |stream| {
            send_all(&stream, b"a\nb\nc\n")
        });
        let expected = [
            "a",
            "resume",
            "b",
            "resume",
            "c",
            "resume",
            "read lost",
            "lost: done",
        ];
        assert_eq!(log.take(), expected);
    });
}

#[test]
fn no_line_is_received_after_the_connection_was_closed_by_one() {
    within_a_minute(|| {
        let told = noted(
            |noting| Box::new(Lines::new().delimiter(b"\n").protocol(noting)),
            |transport, line| {
                if line == b"quit" {
                    transport.lose_connection();
                }
                Ok(())
            },
            |mut stream| {
                stream.write_all(b"a\nquit\nb\n").unwrap();
                let _ = stream.read(&mut [0]);
            },
        );
        assert_eq!(told, ["a", "quit", "lost: done"]);
    });
}

#[test]
fn raw_bytes_come_between_lines() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let raw = Rc::new(RefCell::new(0));
        let own = raw.clone();
        let told = noted(
            |mut noting| {
                noting.raw = raw;
                Box::new(Lines::new().protocol(noting))
            },
            move |_, line| {
                *own.borrow_mut() = std::str::from_utf8(line)?.parse()?;
                Ok(())
            },
            |mut stream| {
                stream.write_all(b"3\r\nabc0\r\n5\r\nde").unwrap();
                std::thread::sleep(ms(30));
                send_all(&stream, b"\r\nf2\r\ngh0\r\n");
            },
        );
        let joined = told.join(", ").replace(", raw \r\nf", "\r\nf");
        let expected = "3, raw abc, 0, 5, raw de\r\nf, 2, raw gh, 0, read lost, lost: done";
        assert_eq!(joined, expected);
    });
}

#[test]
fn messages_have_their_length_before_them_in_each_size() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        for (format, prefix) in [
            (LengthPrefix::int8(), &[3][..]),
            (LengthPrefix::int16(), &[0, 3]),
            (LengthPrefix::int32(), &[0, 0, 0, 3]),
        ] {
            let told = noted(
                |noting| Box::new(format.protocol(noting)),
                move |transport, message| {
                    format.send(transport, message)?;
                    Ok(())
                },
                move |mut stream| {
                    let empty = vec![0; prefix.len()];
                    let sent = [prefix, b"abc", &empty, prefix, b"d\0"].concat();
                    send_all(&stream, &sent);
                    let mut got = Vec::new();
                    stream.read_to_end(&mut got).unwrap();
                    assert_eq!(got, [prefix, b"abc", &empty].concat());
                },
            );
            assert_eq!(told, ["abc", "", "read lost", "lost: done"]);
        }
    });
}

#[test]
fn a_message_that_is_too_long_is_neither_received_nor_sent() {
    within_a_minute(|| {
        let format = LengthPrefix::int32().max_length(1000);
        let told = noted(
            |noting| Box::new(format.protocol(noting)),
            move |transport, _| {
                let refused = format.send(transport, vec![0; 1001]).unwrap_err();
                assert_eq!((refused.len, refused.max), (1001, 1000));
                let byte = LengthPrefix::int8().send(transport, vec![0; 256]);
                assert_eq!(byte.unwrap_err().max, 255);
                assert_eq!(transport.queued(), 0);
                let failure = Failure::new(refused);
                assert!(failure.check::<TooLong>() && failure.to_string().contains("1001"));
                Ok(())
            },
            |mut stream| {
                stream.write_all(b"\0\0\0\x01x\xff\xff\xff\xff").unwrap();
                let _ = stream.read(&mut [0]);
            },
        );
        assert_eq!(told, ["x", "lost: done"]);
    });
}

#[test]
fn an_error_of_a_frame_ends_the_connection() {
    within_a_minute(|| {
        let unhandled = deny_unhandled();
        let told = noted(
            |noting| Box::new(Lines::default().protocol(noting)),
            |_, _| Err("no".into()),
            |mut stream| {
                stream.write_all(b"a\r\nb\r\n").unwrap();
                let _ = stream.read(&mut [0]);
            },
        );
        assert_eq!(told, ["a", "lost: no"]);
        assert_eq!(unhandled.take().len(), 1);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any messages, in any pieces, in both formats.
    #[test]
    fn frames_are_the_same_however_the_stream_is_cut(
        messages in prop::collection::vec("[a-z\r]{0,40}", 0..30),
        cuts in prop::collection::vec(1_usize..60, 1..10),
        prefixed in any::<bool>(),
    ) {
        let mut bytes = Vec::new();
        for message in &messages {
            if prefixed {
                bytes.extend((message.len() as u16).to_be_bytes());
            }
            bytes.extend(message.as_bytes());
            if !prefixed {
                bytes.extend(b"\n");
            }
        }
        let mut told = noted(
            move |noting| match prefixed {
                true => Box::new(LengthPrefix::int16().protocol(noting)),
                false => Box::new(Lines::new().delimiter(b"\n").protocol(noting)),
            },
            nothing,
            move |mut stream| {
                stream.set_nodelay(true).unwrap();
                let (mut rest, mut cuts) = (&bytes[..], cuts.into_iter().cycle());
                while !rest.is_empty() {
                    let (piece, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                    stream.write_all(piece).unwrap();
                    rest = later;
                }
                stream.shutdown(std::net::Shutdown::Write).unwrap();
            },
        );
        told.truncate(told.len() - 2);
        prop_assert_eq!(told, messages);
    }
}
