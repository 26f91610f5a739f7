//! An HTTP/1.1 server that sends back what it gets: a coroutine for each connection.
//!
//! ```text
//! cargo run --release -q --example http_echo -- 127.0.0.1:8080
//! curl --data 'hello' http://127.0.0.1:8080/
//! ```
//!
//! A request without a body gets its own head. Connections are kept for further requests, which may
//! be sent before the answers to earlier ones have come. One that sends no request for half a minute
//! is ended.

use std::{fmt::Write, net::SocketAddr, time::Duration};

use clap::Parser;
use deferrous::{
    DelayedCall, Failure, Reactor,
    net::{ByteStream, TooLong, UnexpectedEnd, coroutine},
};

const LONGEST_HEAD: usize = 16 * 1024;
const LONGEST_BODY: usize = 1024 * 1024;
const IDLE: Duration = Duration::from_secs(30);

/// Send back what HTTP clients send.
#[derive(Parser)]
struct Args {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:8080")]
    address: SocketAddr,
}

/// What is said at the head of a request.
#[derive(Debug, Default)]
struct Head {
    is_head: bool,
    length: usize,
    keeps_open: bool,
    /// The client waits for a word before it sends the body.
    waits: bool,
}

impl Head {
    /// Understands a head, or says with which status it is refused.
    fn parse(head: &[u8]) -> Result<Head, &'static str> {
        let text = std::str::from_utf8(head).map_err(|_| "400 Bad Request")?;
        let mut lines = text.trim_end().split("\r\n");
        let request: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, _target, version] = request[..] else {
            return Err("400 Bad Request");
        };
        let keeps_open = match version {
            "HTTP/1.1" => true,
            "HTTP/1.0" => false,
            _ => return Err("505 HTTP Version Not Supported"),
        };
        let mut head = Head {
            is_head: method == "HEAD",
            keeps_open,
            ..Head::default()
        };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or("400 Bad Request")?;
            head.add(&name.to_ascii_lowercase(), value.trim())?;
        }
        Ok(head)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "content-length" => {
                self.length = value.parse().map_err(|_| "400 Bad Request")?;
                if self.length > LONGEST_BODY {
                    return Err("413 Content Too Large");
                }
            }
            "transfer-encoding" => return Err("501 Not Implemented"),
            "connection" if value.eq_ignore_ascii_case("close") => self.keeps_open = false,
            "connection" if value.eq_ignore_ascii_case("keep-alive") => self.keeps_open = true,
            "expect" if value.eq_ignore_ascii_case("100-continue") => self.waits = true,
            _ => {}
        }
        Ok(())
    }
}

fn head_of(status: &str, length: usize, keeps_open: bool) -> String {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
    if !keeps_open {
        head.push_str("Connection: close\r\n");
    }
    let _ = write!(head, "Content-Type: application/octet-stream\r\n\r\n");
    head
}

/// Refuses a request. What comes after it is not understood, so it is read and ignored: a connection that was
/// closed with bytes unread would be reset, and the client might never see the answer.
async fn refuse(stream: &ByteStream, status: &str) -> Result<(), Failure> {
    stream.write(head_of(status, 0, false)).await?;
    stream.transport().lose_write_connection();
    while stream.read().await?.is_some() {}
    Ok(())
}

/// Answers one request. Returns whether there may be another one.
async fn answer(stream: &ByteStream, idle: &DelayedCall) -> Result<bool, Failure> {
    let Some(text) = stream.read_until(b"\r\n\r\n", LONGEST_HEAD).await? else {
        return Ok(false);
    };
    idle.reset(IDLE)?;
    let head = match Head::parse(&text) {
        Ok(head) => head,
        Err(status) => {
            refuse(stream, status).await?;
            return Ok(false);
        }
    };
    if head.waits {
        stream.write("HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = match head.length {
        0 => text,
        length => stream.read_exact(length).await?,
    };
    let mut answer = head_of("200 OK", body.len(), head.keeps_open).into_bytes();
    if !head.is_head {
        answer.extend(body);
    }
    stream.write(answer).await?;
    Ok(head.keeps_open)
}

/// Answers all requests of a connection.
async fn serve(reactor: Reactor, stream: ByteStream) -> Result<(), Failure> {
    let transport = stream.transport().clone();
    let idle = reactor.call_later(IDLE, move || transport.abort_connection());
    let ended = loop {
        match answer(&stream, &idle).await {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(failure) if failure.check::<TooLong>() => {
                break refuse(&stream, "431 Request Header Fields Too Large").await;
            }
            // The client has given up in the middle of a request.
            Err(failure) if failure.check::<UnexpectedEnd>() => break Ok(()),
            Err(failure) => break Err(failure),
        }
    };
    let _ = idle.cancel();
    ended
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let reactor = Reactor::new()?;
    let own = reactor.clone();
    let port = reactor.listen_tcp(args.address, move |_peer| {
        let reactor = own.clone();
        coroutine(|stream| serve(reactor, stream))
    })?;
    println!("listening on {}", port.host());
    Ok(reactor.run()?)
}
