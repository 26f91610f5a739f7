//! The signal handlers of a reactor, and who listens to SIGINT and SIGTERM.

use std::{
    cell::RefCell,
    collections::HashMap,
    ffi::c_int,
    fmt, fs, io,
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

use super::descriptors::Watch;
use crate::{
    failure::Failure,
    unhandled::{Origin, drop_reporting, report},
};

/// The signals that stop a reactor.
pub(super) const STOPPING: [c_int; 2] = [SIGINT, SIGTERM];

/// A pipe that the system puts signals into.
pub(super) type Delivery = SignalDelivery<UnixStream, SignalOnly>;

/// The signal handlers of one reactor.
pub(super) struct SignalHandlers(RefCell<Handlers>);

struct Handlers {
    /// What signals come in by, opened when it is first needed.
    pipe: Option<(Delivery, Watch)>,
    callbacks: HashMap<c_int, Vec<Handler>>,
    next_id: u64,
    /// Held while SIGINT and SIGTERM stop this reactor instead of ending the process.
    stopping: Option<[Listening; 2]>,
}

struct Handler {
    id: u64,
    /// Held while this handler takes the place of what the signal did before.
    _listening: Option<Listening>,
    /// Absent while it is being called.
    callback: Option<Box<dyn FnMut()>>,
}

/// One of those who listen to SIGINT or SIGTERM, by its place in [`STOPPING`]. With none, the
/// signal does what it did before the first: a handler that was installed once stays installed, and
/// without this a process whose reactor has ended would ignore it.
pub(super) struct Listening(usize);

struct Listeners {
    count: usize,
    /// What the signal does without listeners. Absent before the first.
    otherwise: Option<Otherwise>,
}

/// What a signal did before anybody listened to it.
enum Otherwise {
    /// What it does by default, if there are no listeners: the flag is for the handler that does it.
    Default(Arc<AtomicBool>),
    /// It was ignored, or called a handler of the program, which it goes on to call.
    Untouched,
}

static LISTENERS: Mutex<[Listeners; 2]> = Mutex::new([Listeners::new(), Listeners::new()]);

impl Listeners {
    const fn new() -> Self {
        Listeners {
            count: 0,
            otherwise: None,
        }
    }

    fn change(&mut self, count: usize) {
        self.count = count;
        if let Some(Otherwise::Default(no_listeners)) = &self.otherwise {
            no_listeners.store(count == 0, Ordering::SeqCst);
        }
    }
}

impl Listening {
    fn new(place: usize) -> io::Result<Self> {
        let mut listeners = LISTENERS.lock().unwrap_or_else(PoisonError::into_inner);
        let listeners = &mut listeners[place];
        if listeners.otherwise.is_none() {
            listeners.otherwise = Some(if has_default_action(STOPPING[place]) {
                let no_listeners = Arc::new(AtomicBool::new(false));
                flag::register_conditional_default(STOPPING[place], no_listeners.clone())?;
                Otherwise::Default(no_listeners)
            } else {
                Otherwise::Untouched
            });
        }
        listeners.change(listeners.count + 1);
        Ok(Listening(place))
    }

    /// For a signal that may not concern all this.
    pub(super) fn to(signal: c_int) -> io::Result<Option<Self>> {
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

/// Whether a signal does what it does by default, and is neither ignored nor handled.
///
/// Linux says so in a file. Elsewhere only `sigaction` would, which is not a safe function, and it is
/// taken to be so.
fn has_default_action(signal: c_int) -> bool {
    let Ok(status) = fs::read_to_string("/proc/thread-self/status") else {
        return true;
    };
    // Each is a set of signals as a hexadecimal number, whose lowest bit is for signal 1.
    ["SigIgn:", "SigCgt:"].iter().all(|name| {
        let mut sets = status.lines().filter_map(|line| line.strip_prefix(name));
        let set = sets.next().map(|set| u64::from_str_radix(set.trim(), 16));
        !matches!(set, Some(Ok(set)) if set >> (signal - 1) & 1 == 1)
    })
}

/// Opens a pipe for signals, which has an end to watch.
pub(super) fn open_pipe() -> io::Result<(Delivery, UnixStream)> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    let ready = read.try_clone()?;
    let none: [c_int; 0] = [];
    Ok((
        SignalDelivery::with_pipe(read, write, SignalOnly, none)?,
        ready,
    ))
}

impl SignalHandlers {
    pub(super) fn new() -> Self {
        SignalHandlers(RefCell::new(Handlers {
            pipe: None,
            callbacks: HashMap::new(),
            next_id: 0,
            stopping: None,
        }))
    }

    /// Keeps SIGINT and SIGTERM from ending the process.
    pub(super) fn start_listening(&self) -> io::Result<()> {
        let listening = [Listening::new(0)?, Listening::new(1)?];
        self.0.borrow_mut().stopping = Some(listening);
        Ok(())
    }

    /// From here on SIGINT and SIGTERM do what they did before, which is to end the process, for one
    /// who does not want to wait for the shutdown, unless the program has a handler of its own.
    pub(super) fn stop_listening(&self) {
        self.0.borrow_mut().stopping = None;
    }

    /// Whether one of the descriptors that the reactor watches is the pipe of the signals.
    pub(super) fn has_pipe(&self) -> bool {
        self.0.borrow().pipe.is_some()
    }

    /// Keeps the pipe, and the watch of the end that [`open_pipe`] returned with it.
    pub(super) fn set_pipe(&self, delivery: Delivery, watch: Watch) {
        self.0.borrow_mut().pipe = Some((delivery, watch));
    }

    /// Adds a handler. The pipe has to be open.
    pub(super) fn add(
        self: &Rc<Self>,
        signal: c_int,
        listening: Option<Listening>,
        callback: impl FnMut() + 'static,
    ) -> io::Result<SignalWatch> {
        let mut handlers = self.0.borrow_mut();
        let (delivery, _) = handlers.pipe.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        delivery.handle().add_signal(signal)?;
        let id = handlers.next_id;
        handlers.next_id += 1;
        handlers.callbacks.entry(signal).or_default().push(Handler {
            id,
            _listening: listening,
            callback: Some(Box::new(callback)),
        });
        Ok(SignalWatch {
            signals: Rc::downgrade(self),
            signal,
            id,
        })
    }

    /// Calls the handlers of the signals that have come in by the pipe.
    pub(super) fn call_pending(&self) {
        let signals: Vec<_> = match &mut self.0.borrow_mut().pipe {
            Some((delivery, _)) => delivery.pending().collect(),
            None => return,
        };
        for signal in signals {
            self.call(signal);
        }
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

    /// Forgets all handlers.
    pub(super) fn clear(&self) {
        let (callbacks, pipe) = {
            let mut handlers = self.0.borrow_mut();
            handlers.stopping = None;
            (
                std::mem::take(&mut handlers.callbacks),
                handlers.pipe.take(),
            )
        };
        if let Some((_, watch)) = &pipe {
            watch.remove();
        }
        for handler in callbacks.into_values().flatten() {
            drop_reporting(Origin::Source, handler);
        }
    }
}

/// A signal handler of a reactor, by which it is removed. Clones are the same handler. Dropping it removes
/// nothing.
#[derive(Clone)]
pub struct SignalWatch {
    signals: Weak<SignalHandlers>,
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
