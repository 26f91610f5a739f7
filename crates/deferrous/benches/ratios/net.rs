//! Connections: 32 of them, each of which echoes pieces of 1 KiB.
//!
//! The load comes from a thread of its own, and what counts is the processor time of the thread that serves.

use std::{
    cell::Cell,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::mpsc::{Sender, channel},
    thread,
};

use deferrous::{
    Failure, Reactor, Trigger, deferred,
    net::{Protocol, Transport},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::Builder,
};

use crate::harness::{Case, Pair};

pub const CASES: &[Case] = &[
    #[cfg(target_os = "linux")]
    Case::new("net: TCP echo", "epoll by hand", over_epoll)
        // No more than 1.15 times as long as no library at all.
        .at_least(1.0 / 1.15)
        .served(),
    Case::new("net: TCP echo", "tokio: one thread", over_tokio)
        .at_least(1.0)
        .served(),
];

const CONNECTIONS: usize = 32;
const SIZE: usize = 1024;
const ROUNDS: usize = 128;
const OPS: u32 = (CONNECTIONS * ROUNDS) as u32;

/// A thread that loads whatever listens at the addresses that it is sent, until each connection has echoed `ROUNDS` times.
fn load() -> Sender<SocketAddr> {
    let (sender, addresses) = channel();
    thread::spawn(move || {
        for address in addresses {
            let mut streams: Vec<_> = (0..CONNECTIONS)
                .map(|_| TcpStream::connect(address).unwrap())
                .collect();
            let mut piece = [7; SIZE];
            for _ in 0..ROUNDS {
                for stream in &mut streams {
                    stream.write_all(&piece).unwrap();
                }
                for stream in &mut streams {
                    stream.read_exact(&mut piece).unwrap();
                }
            }
        }
    });
    sender
}

/// Echoes, and fires when the last connection has ended.
struct Echo {
    left: Rc<Cell<usize>>,
    ended: Trigger<()>,
}

impl Protocol for Echo {
    fn data_received(&mut self, transport: &Transport, data: &[u8]) -> Result<(), Failure> {
        transport.write(data);
        Ok(())
    }

    fn connection_lost(&mut self, _: &Transport, _: Failure) -> Result<(), Failure> {
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            self.ended.callback(())?;
        }
        Ok(())
    }
}

fn ours() -> Box<dyn FnMut()> {
    let load = load();
    let builder = Reactor::builder().signal_handlers(false);
    let reactor = builder.build().unwrap();
    Box::new(move || {
        let (ended, d) = deferred();
        let left = Rc::new(Cell::new(CONNECTIONS));
        let port = reactor.listen_tcp("127.0.0.1:0", move |_| Echo {
            left: left.clone(),
            ended: ended.clone(),
        });
        load.send(port.unwrap().host().socket_addr().unwrap())
            .unwrap();
        reactor.run_until(d).unwrap();
    })
}

fn over_tokio() -> Pair {
    let (load, runtime) = (load(), Builder::new_current_thread().enable_all().build());
    let runtime = runtime.unwrap();
    let peer = move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            load.send(listener.local_addr().unwrap()).unwrap();
            let mut tasks = Vec::new();
            for _ in 0..CONNECTIONS {
                let (mut stream, _) = listener.accept().await.unwrap();
                tasks.push(tokio::spawn(async move {
                    let mut buffer = vec![0; 64 * 1024];
                    loop {
                        let len = stream.read(&mut buffer).await.unwrap();
                        if len == 0 {
                            break;
                        }
                        stream.write_all(&buffer[..len]).await.unwrap();
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        });
    };
    Pair {
        ops: OPS,
        ours: ours(),
        peer: Box::new(peer),
    }
}

/// The least that a server of one thread does: it waits, receives and sends.
#[cfg(target_os = "linux")]
fn over_epoll() -> Pair {
    use rustix::event::epoll;
    let load = load();
    let peer = move || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        load.send(listener.local_addr().unwrap()).unwrap();
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let mut streams: Vec<_> = (0..CONNECTIONS)
            .map(|key| {
                let (stream, _) = listener.accept().unwrap();
                stream.set_nonblocking(true).unwrap();
                let data = epoll::EventData::new_u64(key as u64);
                epoll::add(&poller, &stream, data, epoll::EventFlags::IN).unwrap();
                Some(stream)
            })
            .collect();
        let (mut left, mut buffer) = (CONNECTIONS, vec![0; 64 * 1024]);
        let mut events = Vec::with_capacity(256);
        while left > 0 {
            events.clear();
            epoll::wait(&poller, rustix::buffer::spare_capacity(&mut events), None).unwrap();
            for event in &events {
                let place = &mut streams[event.data.u64() as usize];
                let Some(stream) = place else { continue };
                let len = stream.read(&mut buffer).unwrap();
                if len == 0 {
                    (*place, left) = (None, left - 1);
                } else {
                    stream.write_all(&buffer[..len]).unwrap();
                }
            }
        }
    };
    Pair {
        ops: OPS,
        ours: ours(),
        peer: Box::new(peer),
    }
}
