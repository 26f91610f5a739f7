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

use std::{net::SocketAddr, time::Duration};

use clap::Parser;
use deferrous::{Failure, Phase, Reactor, SystemEvent};

use crate::room::Room;

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

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let reactor = Reactor::new()?;
    let room = Room::new(&reactor, Duration::from_secs(args.patience));
    let door = room.clone();
    let port = reactor.listen_tcp(args.address, move |_peer| door.enter())?;
    port.on_accept_error(|error| {
        eprintln!("chat: nobody is let in for a moment: {}", error.source);
    });
    println!("listening on {}", port.host());

    let clock = reactor.clone();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move || {
        // Clients that have not read everything by then are cut off.
        port.stop_listening()
            .add_callback(move |()| room.close())
            .add_timeout(FAREWELL, &clock)
            .add_errback(|_| ())
    });
    Ok(reactor.run()?)
}
