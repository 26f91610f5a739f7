//! Coroutines that read and write connections.

#![cfg(feature = "reactor")]

mod net_support;
mod reactor_support;

use std::{
    cell::Cell,
    io::{Read, Write},
    net::TcpStream,
    rc::Rc,
};

use deferrous::{
    Deferred, Failure, Reactor, deferred, deny_unhandled,
    net::{ByteStream, ConnectionBusy, TooLong, UnexpectedEnd, coroutine},
};
use net_support::{address, connect_to, pattern, read_all, send_all, word};
use reactor_support::{ms, reactor, within_a_minute};
use rustix::net::sockopt::set_socket_linger;

/// A connection whose coroutine fires the Deferred with what it returns.
fn served<T, C>(
    reactor: &Reactor,
    start: impl FnOnce(ByteStream) -> C + 'static,
) -> (TcpStream, Deferred<T>)
where
    T: 'static,
    C: Future<Output = Result<T, Failure>> + 'static,
{
    let (trigger, d) = deferred();
    let mut start = Some(start);
    let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
        let (start, trigger) = (start.take().unwrap(), trigger.clone());
        coroutine(|stream| async move {
            let result = start(stream).await;
            Ok(trigger.fire_with(result)?)
        })
    });
    (connect_to(address(&port.unwrap())), d)
}

#[test]
fn bytes_are_read_in_each_of_the_ways() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let (peer, d) = served(&reactor, |stream| async move {
            let head = stream.read_until(b"\r\n", 100).await?.unwrap();
            let body = stream.read_exact(300_000).await?;
            let mut rest = Vec::new();
            while let Some(bytes) = stream.read().await? {
                assert!(!bytes.is_empty());
                rest.extend(bytes);
            }
            assert_eq!(stream.read().await?, None);
            assert_eq!(stream.read_until(b"\n", 9).await?, None);
            stream.write("bye").await?;
            Ok((head, body, rest))
        });
        let sent = [b"head\r\n", &pattern(300_000)[..], b"rest"].concat();
        let answer = reactor.defer_to_thread(move || {
            send_all(&peer, &sent);
            Ok(read_all(peer).0)
        });
        let both = d.add_callback(move |got| answer.map(move |answer| (got, answer)));
        let ((head, body, rest), answer) = reactor.run_until(both).unwrap();
        assert_eq!((&head[..], &rest[..]), (&b"head\r\n"[..], &b"rest"[..]));
        assert!(body == pattern(300_000));
        assert_eq!(answer, b"bye");
    });
}

#[test]
fn a_peer_that_ends_too_early_is_an_error_and_so_is_a_line_that_has_no_end() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let (peer, d) = served(&reactor, |stream| async move {
            let too_long = stream.read_until(b"\n", 4).await.unwrap_err();
            assert!(too_long.check::<TooLong>());
            let early = stream.read_exact(100).await.unwrap_err();
            assert!(early.check::<UnexpectedEnd>());
            let early = stream.read_until(b"\n", 100).await.unwrap_err();
            assert!(early.check::<UnexpectedEnd>());
            // Nothing of it is lost.
            stream.read().await
        });
        send_all(&peer, b"short");
        assert_eq!(reactor.run_until(d).unwrap().unwrap(), b"short");
    });
}

#[test]
fn a_lost_connection_is_told_after_what_came_before_it() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let (mut peer, d) = served(&reactor, |stream| async move {
            let first = stream.read_exact(5).await?;
            stream.write("?").await?;
            let lost = stream.read().await.unwrap_err();
            let unsent = stream.write("x").await.unwrap_err();
            Ok((first, word(&lost), word(&unsent)))
        });
        let reset = reactor.defer_to_thread(move || {
            peer.write_all(b"first")?;
            peer.read_exact(&mut [0])?;
            set_socket_linger(&peer, Some(ms(0)))?;
            Ok(())
        });
        let d = reset.add_callback(move |()| d);
        let (first, lost, unsent) = reactor.run_until(d).unwrap();
        assert_eq!(first, b"first");
        assert_eq!((&*lost, &*unsent), ("ConnectionReset", "ConnectionReset"));
    });
}

#[test]
fn a_coroutine_that_ends_with_the_connection_is_no_unhandled_error_and_any_other_is() {
    within_a_minute(|| {
        for (error, count) in [(None, 0), (Some("no such page"), 1)] {
            let unhandled = deny_unhandled();
            let reactor = reactor();
            let (trigger, ended) = deferred();
            let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
                let trigger = trigger.clone();
                coroutine(move |stream| async move {
                    let _ = trigger.callback(());
                    if let Some(error) = error {
                        return Err(error.into());
                    }
                    stream.transport().abort_connection();
                    stream.read().await.map(drop)
                })
            });
            let peer = connect_to(address(&port.unwrap()));
            let clock = reactor.clone();
            let d = ended.add_callback(move |()| clock.sleep(ms(20)));
            reactor.run_until(d).unwrap();
            let _ = read_all(peer);
            assert_eq!(unhandled.take().len(), count);
        }
    });
}

#[test]
fn two_cannot_read_at_once() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let clock = reactor.clone();
        let (mut peer, d) = served(&reactor, move |stream| async move {
            let stream = Rc::new(stream);
            let other = stream.clone();
            let first = clock.spawn(async move { other.read().await });
            let refused = stream.read().await.unwrap_err();
            assert!(refused.check::<ConnectionBusy>());
            stream.write("go on").await?;
            first.await
        });
        let exchange = reactor.defer_to_thread(move || {
            peer.read_exact(&mut [0; 5])?;
            peer.write_all(b"for the first")?;
            Ok(peer)
        });
        let both = d.add_callback(move |got| exchange.map(move |_| got));
        assert_eq!(reactor.run_until(both).unwrap().unwrap(), b"for the first");
    });
}

/// How many bytes have arrived that were not read.
fn unread(stream: &ByteStream) -> usize {
    let text = format!("{stream:?}");
    let number = text.split("unread: Some(").nth(1).unwrap();
    number.split(')').next().unwrap().parse().unwrap()
}

#[test]
fn a_stream_that_nobody_reads_holds_its_peer_up() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let clock = reactor.clone();
        let (peer, d) = served(&reactor, move |stream| async move {
            while unread(&stream) < 64 * 1024 {
                clock.sleep(ms(1)).await?;
            }
            // Time enough for more to come, if it could.
            clock.sleep(ms(50)).await?;
            let most = unread(&stream);
            let mut all = Vec::new();
            while let Some(bytes) = stream.read().await? {
                all.extend(bytes);
            }
            Ok((most, all))
        });
        let sending = reactor.defer_to_thread(move || {
            send_all(&peer, &pattern(20_000_000));
            Ok(peer)
        });
        let both = d.add_callback(move |got| sending.map(move |_| got));
        let (most, all) = reactor.run_until(both).unwrap();
        assert!(all == pattern(20_000_000));
        assert!(most < 128 * 1024, "{most}");
    });
}

#[test]
fn a_stream_that_is_dropped_closes_its_connection_after_all_was_sent() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let reactor = reactor();
        let (peer, d) = served(&reactor, |stream| async move {
            // Nobody waits for room.
            stream.transport().write(pattern(2_000_000));
            Ok(())
        });
        let read = reactor.defer_to_thread(move || Ok(read_all(peer)));
        let both = d.add_callback(move |()| read);
        let (got, error) = reactor.run_until(both).unwrap();
        assert!(got == pattern(2_000_000) && error.is_none());
    });
}

#[test]
fn a_client_is_a_coroutine_too() {
    within_a_minute(|| {
        let _unhandled = deny_unhandled();
        let (reactor, served) = (reactor(), Rc::new(Cell::new(0)));
        let own = served.clone();
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| {
            own.set(own.get() + 1);
            coroutine(|stream| async move {
                while let Some(line) = stream.read_until(b"\n", 1000).await? {
                    stream.write(line).await?;
                }
                Ok(())
            })
        });
        let address = address(&port.unwrap());
        let clients = (0..50).map(|n: u32| {
            let (trigger, d) = deferred();
            let client = coroutine(move |stream| async move {
                for round in 0..20 {
                    let line = format!("{n} {round}\n");
                    stream.write(&line).await?;
                    let answer = stream.read_until(b"\n", 1000).await?;
                    assert_eq!(answer.as_deref(), Some(line.as_bytes()));
                }
                Ok(trigger.callback(n)?)
            });
            reactor.connect_tcp(address, client).add_callback(|_| d)
        });
        let all = deferrous::gather_results(clients.collect::<Vec<_>>());
        assert_eq!(reactor.run_until(all).unwrap(), (0..50).collect::<Vec<_>>());
        assert_eq!(served.get(), 50);
    });
}
