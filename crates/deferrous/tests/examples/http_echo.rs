//! The program `http_echo`: requests of all kinds, several on a connection, and those it refuses.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    process::Child,
    time::Duration,
};

use crate::support::{end, example, send_signal, start, text};

struct Server {
    /// Absent once it was told to end.
    child: Option<Child>,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut child = start(example("http_echo").arg("127.0.0.1:0"));
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it is text");
        let address = line.trim_end().strip_prefix("listening on ");
        Server {
            address: address
                .expect("it listens")
                .parse()
                .expect("it is an address"),
            child: Some(child),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).expect("it is no zero");
        stream
    }

    /// All that is answered to these bytes, until the server closes.
    fn ask(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).expect("it is open");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it is not reset");
        text(&answer)
    }

    /// Has it end, and sees to it that it has complained about nothing.
    fn terminate(mut self) {
        let child = self.child.take().expect("it runs");
        send_signal(child.id(), "TERM");
        let output = end(child);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(text(&output.stderr), "");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The test has failed.
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").expect("it has a head").1
}

#[test]
fn bodies_and_heads_come_back() {
    let server = Server::start();
    let post = "POST / HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    let answer = server.ask(post.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"));
    assert_eq!(body(&answer), "hello");
    let get = "GET /path?q HTTP/1.0\r\nHost: here\r\n\r\n";
    assert_eq!(body(&server.ask(get.as_bytes())), get);
    let head = server.ask(b"HEAD / HTTP/1.0\r\n\r\n");
    assert!(head.contains("Content-Length: 19\r\n") && body(&head).is_empty());
    server.terminate();
}

#[test]
fn requests_that_are_sent_together_are_answered_in_order() {
    let server = Server::start();
    let requests: String = (0..100)
        .map(|n: usize| {
            let (body, close) = (format!("request {n}"), ["", "Connection: close\r\n"]);
            let (length, close) = (body.len(), close[usize::from(n == 99)]);
            format!("PUT / HTTP/1.1\r\n{close}Content-Length: {length}\r\n\r\n{body}")
        })
        .collect();
    let answers = server.ask(requests.as_bytes());
    let got: Vec<_> = answers.split("HTTP/1.1 200 OK").skip(1).map(body).collect();
    let expected: Vec<_> = (0..100).map(|n| format!("request {n}")).collect();
    assert_eq!(got, expected);
    server.terminate();
}

#[test]
fn a_client_that_waits_for_a_word_gets_it() {
    let server = Server::start();
    let mut stream = server.connect();
    let head = "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it is open");
    let mut word = [0; 25];
    stream.read_exact(&mut word).expect("it is open");
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it is text");
    assert_eq!(body(&answer), "ok");
    server.terminate();
}

#[test]
fn what_is_no_request_is_refused_and_the_answer_arrives() {
    let server = Server::start();
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    for (request, status) in [
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/2\r\n\r\n", "505 HTTP Version Not Supported"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400 Bad Request"),
        (
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "400 Bad Request",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\nx",
            "413 Content Too Large",
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "501 Not Implemented",
        ),
        (&long, "431 Request Header Fields Too Large"),
    ] {
        let mut stream = server.connect();
        stream.write_all(request.as_bytes()).expect("it is open");
        stream.shutdown(Shutdown::Write).expect("it is open");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it is not reset");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
    }
    // Clients that give up are no news.
    for part in [
        "",
        "GET / HT",
        "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
    ] {
        server
            .connect()
            .write_all(part.as_bytes())
            .expect("it is open");
    }
    assert!(server.ask(b"GET / HTTP/1.0\r\n\r\n").contains("200 OK"));
    server.terminate();
}
