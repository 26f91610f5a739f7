//! The clients, and what they say to each other.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use deferrous::{
    Deferred, DelayedCall, Failure, Reactor, Trigger, deferred,
    net::{Protocol, Transport},
};

/// A client to whom more than this is on its way holds up the others, until all of it was sent.
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
    transport: Transport,
    /// Disconnects it, unless it catches up before.
    behind: Option<DelayedCall>,
}

/// One client's connection.
pub struct Seat {
    room: Room,
    number: u64,
    /// The part of a line that the client has sent so far.
    input: Vec<u8>,
}

impl Protocol for Seat {
    fn connection_made(&mut self, transport: &Transport) -> Result<(), Failure> {
        let mut state = self.room.state.borrow_mut();
        state.entered += 1;
        self.number = state.entered;
        if state.held_up {
            transport.pause_producing();
        }
        let client = Client {
            name: None,
            transport: transport.clone(),
            behind: None,
        };
        state.clients.insert(self.number, client);
        Ok(())
    }

    fn data_received(&mut self, _transport: &Transport, data: &[u8]) -> Result<(), Failure> {
        for part in data.split_inclusive(|byte| *byte == b'\n') {
            self.input.extend(part);
            if part.ends_with(b"\n") || self.input.len() >= LONGEST_LINE {
                let line = String::from_utf8_lossy(&self.input).trim_end().to_owned();
                self.input.clear();
                self.room.hear(self.number, line);
            }
        }
        Ok(())
    }

    fn connection_lost(&mut self, _transport: &Transport, _reason: Failure) -> Result<(), Failure> {
        self.room.leave(self.number);
        Ok(())
    }
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
    pub fn enter(&self) -> Seat {
        Seat {
            room: self.clone(),
            number: 0,
            input: Vec::new(),
        }
    }

    /// Says goodbye. The Deferred fires when everything was sent, and all clients were disconnected.
    pub fn close(&self) -> Deferred<()> {
        let (trigger, closed) = deferred();
        self.state.borrow_mut().closing = Some(trigger);
        for client in self.state.borrow_mut().clients.values_mut() {
            // Clients without a name hear of the end, too.
            client.name.get_or_insert_default();
            client.transport.lose_connection();
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

    /// A client was disconnected.
    fn leave(&self, number: u64) {
        let Some(client) = self.state.borrow_mut().clients.remove(&number) else {
            return;
        };
        client.behind.map(|call| call.cancel());
        self.hold_up_if_behind();
        let is_closing = self.state.borrow().closing.is_some();
        match client.name {
            Some(name) if !is_closing => self.tell(|_| true, &format!("* {name} has left")),
            _ => self.fire_if_closed(),
        }
    }

    /// Passes a line on. The first one of a client is its name.
    fn hear(&self, number: u64, line: String) {
        let text = {
            let mut state = self.state.borrow_mut();
            let Some(client) = state.clients.get_mut(&number) else {
                return;
            };
            match &client.name {
                Some(name) => format!("{name}: {line}"),
                None => format!("* {} is here", client.name.insert(line)),
            }
        };
        self.tell(|to| to != number, &text);
    }

    /// Writes a line to clients.
    fn tell(&self, whom: impl Fn(u64) -> bool, line: &str) {
        let line = format!("{line}\n");
        let mut fell_behind = Vec::new();
        for (&number, client) in &mut self.state.borrow_mut().clients {
            if client.name.is_none() || !whom(number) {
                continue;
            }
            client.transport.write(&line);
            if client.transport.queued() >= BEHIND && client.behind.is_none() {
                let transport = client.transport.clone();
                let abort = move || transport.abort_connection();
                client.behind = Some(self.reactor.call_later(self.patience, abort));
                fell_behind.push((number, client.transport.writable()));
            }
        }
        for (number, caught_up) in fell_behind {
            let room = self.clone();
            // If the connection ends first, the client leaves.
            caught_up.add_both(move |_| room.catch_up(number));
        }
        self.hold_up_if_behind();
    }

    /// Everything was sent to a client that was behind.
    fn catch_up(&self, number: u64) {
        if let Some(client) = self.state.borrow_mut().clients.get_mut(&number) {
            client.behind.take().map(|call| call.cancel());
        }
        self.hold_up_if_behind();
    }

    /// Reads from nobody while somebody is behind: whoever speaks has to wait, and no output grows.
    fn hold_up_if_behind(&self) {
        let mut state = self.state.borrow_mut();
        let held_up = state.clients.values().any(|client| client.behind.is_some());
        if held_up == state.held_up {
            return;
        }
        state.held_up = held_up;
        for client in state.clients.values() {
            if held_up {
                client.transport.pause_producing();
            } else {
                client.transport.resume_producing();
            }
        }
    }
}
