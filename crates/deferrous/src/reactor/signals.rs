//! Signals as callbacks.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::c_int,
    fmt, io,
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::{backend::SignalDelivery, exfiltrator::SignalOnly},
};

use super::{Reactor, readiness::Watch};
use crate::{
    failure::Failure,
    unhandled::{Origin, drop_reporting, report},
};

/// The signals that stop a reactor.
const STOPPING: [c_int; 2] = [SIGINT, SIGTERM];

type Delivery = SignalDelivery<UnixStream, SignalOnly>;

/// The signal handlers of one reactor.
pub(super) struct Signals(RefCell<Handlers>);

struct Handlers {
    delivery: Option<(Rc<RefCell<Delivery>>, Watch)>,
    callbacks: HashMap<c_int, Vec<Handler>>,
    next_id: u64,
    /// Held while SIGINT and SIGTERM stop this reactor instead of ending the process.
    stopping: Option<[Listening; 2]>,
}

struct Handler {
    id: u64,
    /// Held while this handler takes the place of ending the process.
    _listening: Option<Listening>,
    /// Absent while it is being called.
    callback: Option<Box<dyn FnMut()>>,
}

/// One of those who listen to SIGINT or SIGTERM, by its place in [`STOPPING`]. With none, the
/// signal does what it does by default: a handler that was installed once stays installed, and
/// without this a process whose reactor has ended would ignore it.
struct Listening(usize);

struct Listeners {
    count: usize,
    /// Whether there are none, for the handler that then does what the signal does by default.
    none: Option<Arc<AtomicBool>>,
}

static LISTENERS: Mutex<[Listeners; 2]> = Mutex::new([Listeners::new(), Listeners::new()]);

impl Listeners {
    const fn new() -> Self {
        Listeners {
            count: 0,
            none: None,
        }
    }

    fn change(&mut self, count: usize) {
        self.count = count;
        if let Some(none) = &self.none {
            none.store(count == 0, Ordering::SeqCst);
        }
    }
}

impl Listening {
    fn new(place: usize) -> io::Result<Self> {
        let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = &mut listeners[place];
        if listeners.none.is_none() {
            let none = Arc::new(AtomicBool::new(false));
            flag::register_conditional_default(STOPPING[place], none.clone())?;
            listeners.none = Some(none);
        }
        listeners.change(listeners.count + 1);
        Ok(Listening(place))
    }

    /// For a signal that may not concern all this.
    fn to(signal: c_int) -> io::Result<Option<Self>> {
        let place = STOPPING.iter().position(|&stopping| stopping == signal);
        place.map(Listening::new).transpose()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = &mut listeners[self.0];
        listeners.change(listeners.count - 1);
    }
}

impl Signals {
    pub(super) fn new() -> Self {
        Signals(RefCell::new(Handlers {
            delivery: None,
            callbacks: HashMap::new(),
            next_id: 0,
            stopping: None,
        }))
    }

    /// Lets SIGINT and SIGTERM stop the reactor.
    pub(super) fn stop_reactor(&self, reactor: &Reactor) -> io::Result<()> {
        self.0.borrow_mut().stopping = Some([Listening::new(0)?, Listening::new(1)?]);
        for signal in STOPPING {
            let reactor = reactor.downgrade();
            let stop = reactor.clone();
            self.add(reactor, signal, None, move || {
                if let Some(reactor) = stop.upgrade() {
                    tracing::info!(signal, "stopping at a signal");
                    let _ = reactor.stop();
                }
            })?;
        }
        Ok(())
    }

    /// From here on SIGINT and SIGTERM end the process, for one who does not want to wait for the
    /// shutdown.
    pub(super) fn stop_listening(&self) {
        self.0.borrow_mut().stopping = None;
    }

    fn add(
        &self,
        reactor: super::WeakReactor,
        signal: c_int,
        listening: Option<Listening>,
        callback: impl FnMut() + 'static,
    ) -> io::Result<u64> {
        let strong = reactor.upgrade().ok_or(io::ErrorKind::NotConnected)?;
        let delivery = self.delivery(&strong, reactor)?;
        delivery.borrow().handle().add_signal(signal)?;
        let mut handlers = self.0.borrow_mut();
        let id = handlers.next_id;
        handlers.next_id += 1;
        handlers.callbacks.entry(signal).or_default().push(Handler {
            id,
            _listening: listening,
            callback: Some(Box::new(callback)),
        });
        Ok(id)
    }

    /// The pipe that signals come in by, made when it is first needed.
    fn delivery(
        &self,
        reactor: &Reactor,
        weak: super::WeakReactor,
    ) -> io::Result<Rc<RefCell<Delivery>>> {
        if let Some((delivery, _)) = &self.0.borrow().delivery {
            return Ok(delivery.clone());
        }
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let ready = read.try_clone()?;
        let none: [c_int; 0] = [];
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, none)?;
        let delivery = Rc::new(RefCell::new(delivery));
        let pending = delivery.clone();
        let watch = reactor.add_reader(ready, move |_| {
            let signals: Vec<_> = pending.borrow_mut().pending().collect();
            let Some(reactor) = weak.upgrade() else {
                return;
            };
            for signal in signals {
                reactor.signals().call(signal);
            }
        })?;
        self.0.borrow_mut().delivery = Some((delivery.clone(), watch));
        Ok(delivery)
    }

    fn call(&self, signal: c_int) {
        let ids: Vec<u64> = match self.0.borrow().callbacks.get(&signal) {
            Some(handlers) => handlers.iter().map(|handler| handler.id).collect(),
            None => return,
        };
        for id in ids {
            let Some(mut callback) = self.with_handler(signal, id, |h| h.callback.take()) else {
                continue;
            };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(&mut callback)) {
                report(Origin::Source, Failure::from_panic(panic));
            }
            let mut callback = Some(callback);
            self.with_handler(signal, id, |handler| {
                handler.callback = callback.take();
                Some(())
            });
            drop_reporting(Origin::Source, callback);
        }
    }

    fn with_handler<R>(
        &self,
        signal: c_int,
        id: u64,
        f: impl FnOnce(&mut Handler) -> Option<R>,
    ) -> Option<R> {
        let mut handlers = self.0.borrow_mut();
        let handlers = handlers.callbacks.get_mut(&signal)?;
        f(handlers.iter_mut().find(|handler| handler.id == id)?)
    }

    fn remove(&self, signal: c_int, id: u64) {
        let removed = {
            let mut handlers = self.0.borrow_mut();
            let handlers = handlers.callbacks.get_mut(&signal);
            handlers.and_then(|handlers| {
                let at = handlers.iter().position(|handler| handler.id == id)?;
                Some(handlers.remove(at))
            })
        };
        drop_reporting(Origin::Source, removed);
    }

    /// Whether one of the descriptors that the reactor watches is the pipe of the signals.
    pub(super) fn has_pipe(&self) -> bool {
        self.0.borrow().delivery.is_some()
    }

    /// Forgets all handlers.
    pub(super) fn clear(&self) {
        let (callbacks, delivery) = {
            let mut handlers = self.0.borrow_mut();
            handlers.stopping = None;
            (
                std::mem::take(&mut handlers.callbacks),
                handlers.delivery.take(),
            )
        };
        if let Some((_, watch)) = &delivery {
            watch.remove();
        }
        for handler in callbacks.into_values().flatten() {
            drop_reporting(Origin::Source, handler);
        }
    }
}

impl Reactor {
    /// Calls `callback` on this thread, in a turn of the loop, when the process gets `signal`, such
    /// as `signal_hook::consts::SIGHUP`.
    ///
    /// Several callbacks for one signal are called in the order in which they were added. While
    /// there is one, the signal does not do what it does by default, nor after that, except for
    /// SIGINT and SIGTERM, which then end the process again. One that panics is reported and stays.
    ///
    /// # Errors
    ///
    /// If the system refuses a handler. A signal that cannot be handled, such as `SIGKILL`, is an
    /// error too.
    ///
    /// ```
    /// use signal_hook::{consts::SIGUSR1, low_level::raise};
    /// let reactor = deferrous::Reactor::new()?;
    /// let stop = reactor.clone();
    /// let watch = reactor.add_signal_handler(SIGUSR1, move || stop.stop().unwrap())?;
    /// reactor.call_when_running(|| raise(SIGUSR1).unwrap());
    /// reactor.run()?;
    /// # watch.remove();
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn add_signal_handler(
        &self,
        signal: c_int,
        callback: impl FnMut() + 'static,
    ) -> io::Result<SignalWatch> {
        if signal_hook::consts::FORBIDDEN.contains(&signal) || !(1..=64).contains(&signal) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("signal {signal} cannot be handled"),
            ));
        }
        let listening = Listening::to(signal)?;
        let signals = self.signals();
        let id = signals.add(self.downgrade(), signal, listening, callback)?;
        Ok(SignalWatch {
            signals: Rc::downgrade(&self.signals_rc()),
            signal,
            id,
        })
    }
}

/// A signal handler of a reactor, by which it is removed. Dropping it removes nothing.
pub struct SignalWatch {
    signals: Weak<Signals>,
    signal: c_int,
    id: u64,
}

impl SignalWatch {
    /// Removes the handler. Nothing happens if it is gone already.
    pub fn remove(&self) {
        if let Some(signals) = self.signals.upgrade() {
            signals.remove(self.signal, self.id);
        }
    }
}

impl fmt::Debug for SignalWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalWatch")
            .field("signal", &self.signal)
            .finish_non_exhaustive()
    }
}
