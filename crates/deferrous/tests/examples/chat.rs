//! The program `chat`: many clients, slow ones, too many, and the end.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStderr, Command},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::support::{end, example, send_signal, start, text};

/// A server on a port of its own.
struct Server {
    /// Absent once it was told to end.
    child: Option<Child>,
    address: SocketAddr,
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

impl Server {
    fn start(mut command: Command) -> Self {
        let mut child = start(&mut command);
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it is text");
        let address = line.trim_end().strip_prefix("listening on ");
        let address = address.unwrap_or_else(|| panic!("it said {line:?}"));
        Server {
            address: address.parse().expect("it is an address"),
            child: Some(child),
        }
    }

    fn with(args: &[&str]) -> Self {
        let mut command = example("chat");
        command.arg("127.0.0.1:0").args(args);
        Server::start(command)
    }

    fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// The most memory that it has had so far, in KiB.
    #[cfg(target_os = "linux")]
    fn most_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let number = line.expect("Linux counts it").split_whitespace().nth(1);
        number.and_then(|n| n.parse().ok()).expect("it is a number")
    }

    fn take_stderr(&mut self) -> ChildStderr {
        let stderr = self.child.as_mut().and_then(|child| child.stderr.take());
        stderr.expect("it is piped")
    }

    /// Has it end, and returns what it has complained about.
    fn terminate(mut self) -> String {
        send_signal(self.id(), "TERM");
        let output = end(self.child.take().expect("it runs"));
        assert!(output.status.success(), "{output:?}");
        text(&output.stderr)
    }
}

/// A client, which waits for what it expects, but not for ever.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address).expect("it listens");
        let patience = Some(Duration::from_secs(60));
        stream.set_read_timeout(patience).expect("it is no zero");
        stream.set_write_timeout(patience).expect("it is no zero");
        Client(BufReader::new(stream))
    }

    /// A client with a name, which all others are told of.
    fn named(server: &Server, name: &str) -> Self {
        let mut client = Client::connect(server);
        client.say(name);
        client
    }

    fn say(&mut self, line: &str) {
        let line = format!("{line}\n");
        let stream = self.0.get_mut();
        stream.write_all(line.as_bytes()).expect("it is open");
    }

    /// The next line, or nothing at the end.
    fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).expect("it is open") {
            0 => None,
            _ => Some(line.trim_end().to_owned()),
        }
    }

    fn expect(&mut self, line: &str) {
        assert_eq!(self.hear().as_deref(), Some(line));
    }
}

/// As many descriptors as the system allows, for both sides of hundreds of connections.
fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum.map(|maximum| maximum.min(4096));
    setrlimit(Resource::Nofile, limit).expect("it is within the maximum");
}

#[test]
fn five_hundred_clients_hear_everything_and_the_end() {
    const CLIENTS: usize = 500;
    raise_limit();
    let server = Server::with(&[]);
    let mut clients = Vec::new();
    for n in 0..CLIENTS {
        let client = Client::named(&server, &format!("client {n}"));
        // It is in when it hears itself mentioned by the one that came before.
        if let Some(before) = clients.last_mut() {
            Client::expect(before, &format!("* client {n} is here"));
        }
        clients.push(client);
    }
    for (n, client) in clients.iter_mut().enumerate() {
        client.say(&format!("hello from {n}"));
    }
    for (own, client) in clients.iter_mut().enumerate() {
        for later in own + 2..CLIENTS {
            client.expect(&format!("* client {later} is here"));
        }
        let heard: BTreeSet<_> = (1..CLIENTS).map(|_| client.hear()).collect();
        let others = (0..CLIENTS).filter(|n| *n != own);
        let expected = others.map(|n| Some(format!("client {n}: hello from {n}")));
        assert_eq!(heard, expected.collect());
    }
    assert_eq!(server.terminate(), "");
    for client in &mut clients {
        client.expect("* the server ends");
        assert_eq!(client.hear(), None);
    }
}

#[test]
fn a_client_without_a_name_hears_only_the_end() {
    let server = Server::with(&[]);
    let mut first = Client::named(&server, "first");
    let mut nameless = Client::connect(&server);
    let mut last = Client::named(&server, "last");
    // Clients are let in one after the other.
    first.expect("* last is here");
    assert_eq!(server.terminate(), "");
    for client in [&mut first, &mut nameless, &mut last] {
        client.expect("* the server ends");
        assert_eq!(client.hear(), None);
    }
}

#[test]
fn lines_of_any_kind_are_passed_on() {
    let server = Server::with(&[]);
    let mut listener = Client::named(&server, "listener");
    let mut speaker = Client::named(&server, "speaker\r");
    listener.expect("* speaker is here");
    let mut write = |bytes: &[u8]| speaker.0.get_mut().write_all(bytes).expect("it is open");
    write(b"in ");
    write(b"parts\ntwo\n\r\nnot \xff text\n");
    let expected = [
        "speaker: in parts",
        "speaker: two",
        "speaker:",
        "speaker: not \u{fffd} text",
    ];
    for line in expected {
        listener.expect(line);
    }
    // Without an end in sight it is passed on in pieces.
    write(&[b'x'; 5000]);
    let mut heard = 0;
    while heard < 4000 {
        let piece = listener.hear().expect("it is open");
        heard += piece
            .strip_prefix("speaker: ")
            .expect("it has said it")
            .len();
    }
    drop(speaker);
    listener.expect("* speaker has left");
    assert_eq!(server.terminate(), "");
}

#[test]
fn clients_wait_while_there_are_no_descriptors_left() {
    let mut command = Command::new("sh");
    let script = r#"ulimit -n 16; exec "$0" 127.0.0.1:0"#;
    command
        .args(["-c", script])
        .arg(example("chat").get_program());
    let mut server = Server::start(command);
    let names: Vec<_> = (0..20).map(|n| format!("client {n}")).collect();
    let mut clients: Vec<_> = names
        .iter()
        .map(|name| Client::named(&server, name))
        .collect();
    let mut stderr = BufReader::new(server.take_stderr());
    let mut complaints = String::new();
    stderr.read_line(&mut complaints).expect("it is text");
    clients.drain(1..17);
    let [first, .., last] = &mut clients[..] else {
        panic!("four are left");
    };
    while first.hear().expect("it is in") != "* client 19 is here" {}
    last.say("at last");
    while first.hear().expect("it is in") != "client 19: at last" {}
    server.terminate();
    stderr.read_to_string(&mut complaints).expect("it is text");
    let expected = "chat: nobody is let in for a moment: Too many open files (os error 24)";
    assert!(
        complaints.lines().all(|line| line == expected),
        "{complaints}"
    );
    assert!(complaints.lines().count() < 100, "{complaints}");
}

/// So many lines, and so long, that the buffers of the system cannot take them all.
const MANY: usize = 40_000;

fn long_line(n: usize) -> String {
    format!("{n:01000}")
}

/// Has a client say many lines, in a thread, for as long as the server is there.
fn say_many(mut client: Client) -> (Arc<AtomicUsize>, thread::JoinHandle<Client>) {
    let said = Arc::new(AtomicUsize::new(0));
    let count = said.clone();
    let thread = thread::spawn(move || {
        for n in 0..MANY {
            let line = long_line(n) + "\n";
            if client.0.get_mut().write_all(line.as_bytes()).is_err() {
                break;
            }
            count.store(n + 1, Ordering::Relaxed);
        }
        // What is on its way would be lost if the client were gone.
        client
    });
    (said, thread)
}

/// Waits until nothing more is said, because somebody is held up.
fn wait_until_held_up(said: &AtomicUsize) {
    let (mut before, mut now) = (usize::MAX, 0);
    while now != before {
        thread::sleep(Duration::from_millis(300));
        (before, now) = (now, said.load(Ordering::Relaxed));
    }
    assert!(now < MANY, "nobody was held up");
}

#[test]
fn whoever_speaks_has_to_wait_for_a_client_that_does_not_read() {
    let server = Server::with(&["--patience", "60"]);
    let mut slow = Client::named(&server, "slow");
    let fast = Client::named(&server, "fast");
    slow.expect("* fast is here");
    let (said, speaking) = say_many(fast);
    wait_until_held_up(&said);
    for n in 0..MANY {
        slow.expect(&format!("fast: {}", long_line(n)));
    }
    #[cfg(target_os = "linux")]
    assert!(
        server.most_memory() < 16 * 1024,
        "{} KiB",
        server.most_memory()
    );
    drop(speaking.join().expect("all was said"));
    slow.expect("* fast has left");
    assert_eq!(server.terminate(), "");
}

#[test]
fn a_client_that_does_not_read_for_too_long_is_disconnected() {
    let server = Server::with(&["--patience", "2"]);
    let mut good = Client::named(&server, "good");
    let slow = Client::named(&server, "slow");
    good.expect("* slow is here");
    let fast = Client::named(&server, "fast");
    good.expect("* fast is here");
    let (_, speaking) = say_many(fast);
    let mut has_left = false;
    for n in 0..MANY {
        let mut line = good.hear().expect("it is open");
        if line == "* slow has left" {
            has_left = true;
            line = good.hear().expect("it is open");
        }
        assert_eq!(line, format!("fast: {}", long_line(n)));
    }
    assert!(has_left);
    drop((slow, speaking.join().expect("all was said")));
    good.expect("* fast has left");
    assert_eq!(server.terminate(), "");
}

#[test]
fn a_client_that_does_not_read_does_not_keep_the_server_from_ending() {
    let server = Server::with(&["--patience", "60"]);
    let mut slow = Client::named(&server, "slow");
    let fast = Client::named(&server, "fast");
    slow.expect("* fast is here");
    let (said, speaking) = say_many(fast);
    wait_until_held_up(&said);
    assert_eq!(server.terminate(), "");
    let speaker = speaking.join();
    drop(speaker.expect("it ends when the server is gone"));
}
