//! The clients, and what is on its way to them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    io::{self, Read, Write},
    net::TcpStream,
    rc::Rc,
    time::Duration,
};

use deferrous::{Deferred, DelayedCall, Reactor, Trigger, Watch, deferred};

/// A client with more output than this holds up the others, until it has less than half.
const BEHIND: usize = 64 * 1024;

/// A longer piece without an end of line is passed on as a line.
const LONGEST_LINE: usize = 1024;

/// A room of clients. Clones are the same room.
#[derive(Clone)]
pub struct Room {
    reactor: Reactor,
    patience: Duration,
    state: Rc<RefCell<State>>,
}

#[derive(Default)]
struct State {
    clients: BTreeMap<u64, Client>,
    entered: u64,
    /// Somebody is behind, and nobody is read from.
    held_up: bool,
    /// Fires when all have left, once the room is being closed.
    closing: Option<Trigger<()>>,
}

struct Client {
    name: Option<String>,
    /// The part of a line that the client has sent so far.
    input: Vec<u8>,
    output: VecDeque<u8>,
    reader: Watch,
    /// Paused while there is no output.
    writer: Watch,
    /// Disconnects it, unless it catches up before.
    behind: Option<DelayedCall>,
}

impl Room {
    pub fn new(reactor: &Reactor, patience: Duration) -> Self {
        Room {
            reactor: reactor.clone(),
            patience,
            state: Rc::default(),
        }
    }

    /// Takes a client in. It hears nothing before it has said its name.
    pub fn enter(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        let mut state = self.state.borrow_mut();
        state.entered += 1;
        let (number, stream) = (state.entered, Rc::new(stream));
        let room = self.clone();
        let read = move |stream: &Rc<_>| room.read(number, stream);
        let reader = self.reactor.add_reader(stream.clone(), read)?;
        let room = self.clone();
        let write = move |stream: &Rc<_>| room.write(number, stream);
        let writer = self.reactor.add_writer(stream, write);
        let writer = writer.inspect_err(|_| reader.remove())?;
        writer.pause();
        if state.held_up {
            reader.pause();
        }
        let client = Client {
            name: None,
            input: Vec::new(),
            output: VecDeque::new(),
            reader,
            writer,
            behind: None,
        };
        state.clients.insert(number, client);
        Ok(())
    }

    /// Says goodbye. The Deferred fires when everything was sent, and all clients were disconnected.
    pub fn close(&self) -> Deferred<()> {
        let (trigger, closed) = deferred();
        {
            let mut state = self.state.borrow_mut();
            state.closing = Some(trigger);
            for client in state.clients.values_mut() {
                client.reader.remove();
                // Clients without a name hear of the end, too.
                client.name.get_or_insert_default();
            }
        }
        self.tell(|_| true, "* the server ends");
        self.fire_if_closed();
        closed
    }

    fn fire_if_closed(&self) {
        let trigger = {
            let mut state = self.state.borrow_mut();
            let is_empty = state.clients.is_empty();
            state.closing.take_if(|_| is_empty)
        };
        // After the timeout nobody waits for it any more.
        trigger.map(|trigger| trigger.callback(()));
    }

    /// Disconnects a client.
    fn leave(&self, number: u64) {
        let Some(client) = self.state.borrow_mut().clients.remove(&number) else {
            return;
        };
        // They have the stream, which is closed with them.
        client.reader.remove();
        client.writer.remove();
        client.behind.map(|call| call.cancel());
        self.hold_up_if_behind();
        let is_closing = self.state.borrow().closing.is_some();
        match client.name {
            Some(name) if !is_closing => self.tell(|_| true, &format!("* {name} has left")),
            _ => self.fire_if_closed(),
        }
    }

    fn leave_after(&self, delay: Duration, number: u64) -> Option<DelayedCall> {
        let room = self.clone();
        Some(self.reactor.call_later(delay, move || room.leave(number)))
    }

    /// Reads what a client says.
    fn read(&self, number: u64, mut stream: &TcpStream) {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk) {
            Ok(0) => self.leave(number),
            Ok(length) => chunk[..length]
                .split_inclusive(|byte| *byte == b'\n')
                .for_each(|part| self.take(number, part)),
            Err(error) if is_temporary(&error) => {}
            Err(_) => self.leave(number),
        }
    }

    /// Takes a part of a line, and passes the line on if it is complete.
    fn take(&self, number: u64, part: &[u8]) {
        let text = {
            let mut state = self.state.borrow_mut();
            let Some(client) = state.clients.get_mut(&number) else {
                return;
            };
            client.input.extend(part);
            if !part.ends_with(b"\n") && client.input.len() < LONGEST_LINE {
                return;
            }
            let line = String::from_utf8_lossy(&client.input).trim_end().to_owned();
            client.input.clear();
            match &client.name {
                Some(name) => format!("{name}: {line}"),
                None => format!("* {} is here", client.name.insert(line)),
            }
        };
        self.tell(|to| to != number, &text);
    }

    /// Has a line written to clients.
    fn tell(&self, whom: impl Fn(u64) -> bool, line: &str) {
        let mut state = self.state.borrow_mut();
        for (&number, client) in &mut state.clients {
            if client.name.is_none() || !whom(number) {
                continue;
            }
            if client.output.is_empty() && client.writer.resume().is_err() {
                client.behind = self.leave_after(Duration::ZERO, number);
            }
            client.output.extend(line.as_bytes());
            client.output.push_back(b'\n');
            if client.output.len() > BEHIND && client.behind.is_none() {
                client.behind = self.leave_after(self.patience, number);
            }
        }
        drop(state);
        self.hold_up_if_behind();
    }

    /// Writes as much as a client takes.
    fn write(&self, number: u64, mut stream: &TcpStream) {
        let mut state = self.state.borrow_mut();
        let Some(client) = state.clients.get_mut(&number) else {
            return;
        };
        let is_dead = match stream.write(client.output.as_slices().0) {
            Ok(length) => {
                client.output.drain(..length);
                false
            }
            Err(error) => !is_temporary(&error),
        };
        let caught_up = client.behind.take_if(|_| client.output.len() < BEHIND / 2);
        let has_caught_up = caught_up.map(|call| call.cancel()).is_some();
        let is_empty = client.output.is_empty();
        if is_empty {
            client.writer.pause();
        }
        let is_done = is_empty && state.closing.is_some();
        drop(state);
        if has_caught_up {
            self.hold_up_if_behind();
        }
        if is_dead || is_done {
            self.leave(number);
        }
    }

    /// Reads from nobody while somebody is behind: whoever speaks has to wait, and no output grows.
    fn hold_up_if_behind(&self) {
        let mut state = self.state.borrow_mut();
        let held_up = state.clients.values().any(|client| client.behind.is_some());
        if held_up == state.held_up {
            return;
        }
        state.held_up = held_up;
        for (number, client) in &mut state.clients {
            if held_up {
                client.reader.pause();
            } else if client.reader.resume().is_err() {
                client.behind = self.leave_after(Duration::ZERO, *number);
            }
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, WouldBlock};
    matches!(error.kind(), Interrupted | WouldBlock)
}
