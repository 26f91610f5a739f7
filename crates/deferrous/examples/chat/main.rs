//! A chat server: what one client writes, all others get.
//!
//! ```text
//! cargo run --release -q --example chat -- 127.0.0.1:7000
//! nc 127.0.0.1 7000
//! ```
//!
//! The first line of a client is its name. A client that reads too slowly holds up all others: nobody
//! is read from until it catches up, so that no queue grows. If that takes too long, it is
//! disconnected. While there are no descriptors left, new clients wait. SIGTERM and Ctrl-C end the
//! server as soon as all that was said has been sent.

mod room;

use std::{
    cell::OnceCell,
    io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    time::Duration,
};

use clap::Parser;
use deferrous::{Failure, Phase, Reactor, SystemEvent, Watch};

use crate::room::Room;

/// How long nobody is let in after the system has refused.
const PAUSE: Duration = Duration::from_millis(500);

/// How long the end waits for clients that do not read.
const FAREWELL: Duration = Duration::from_secs(2);

/// Pass lines of text on between all clients.
#[derive(Parser)]
struct Args {
    /// Where to listen
    #[arg(default_value = "127.0.0.1:7000")]
    address: SocketAddr,

    /// For how many seconds a client that does not read may hold up the others
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    patience: u64,
}

/// Lets clients in, one in each turn, so that those inside have their turns too.
fn open(reactor: &Reactor, room: &Room, listener: TcpListener) -> io::Result<Watch> {
    let door = Rc::new(OnceCell::<Watch>::new());
    let (own_door, clock, room) = (door.clone(), reactor.clone(), room.clone());
    let watch = reactor.add_reader(listener, move |listener| {
        let entered = listener.accept().and_then(|(stream, _)| room.enter(stream));
        match (entered, own_door.get()) {
            (Err(error), Some(door)) if error.kind() != io::ErrorKind::WouldBlock => {
                // Without a pause we would be told again and again of the client that waits.
                eprintln!("chat: nobody is let in for a moment: {error}");
                pause(door.clone(), &clock);
            }
            _ => {}
        }
    })?;
    Ok(door.get_or_init(|| watch).clone())
}

fn pause(door: Watch, clock: &Reactor) {
    door.pause();
    let own_clock = clock.clone();
    clock.call_later(PAUSE, move || {
        if door.resume().is_err() {
            pause(door, &own_clock);
        }
    });
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let reactor = Reactor::new()?;
    let room = Room::new(&reactor, Duration::from_secs(args.patience));
    let listener = TcpListener::bind(args.address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let door = open(&reactor, &room, listener)?;

    let clock = reactor.clone();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
        door.remove();
        // Clients that have not read everything by then are cut off.
        room.close()
            .add_timeout(FAREWELL, &clock)
            .add_errback(|_| ())
    });
    Ok(reactor.run()?)
}
