//! Signals as callbacks: `add_signal_handler`.

use std::{ffi::c_int, io, rc::Rc};

use super::{
    signal_handlers::{Listening, SignalWatch, open_pipe},
    state::Reactor,
};

impl Reactor {
    /// Calls `callback` on this thread, in a turn of the loop, when the process gets `signal`, such
    /// as `signal_hook::consts::SIGHUP`.
    ///
    /// Several callbacks for one signal are called in the order in which they were added. While
    /// there is one, the signal does not do what it does by default, nor after that, except for
    /// SIGINT and SIGTERM, which then end the process again if they did so before. A handler that
    /// the program has installed before, by other means than this, is called as well, before the
    /// callbacks and after the end of the reactor. One that panics is reported and stays.
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
        self.check_watchable()?;
        let listening = Listening::to(signal)?;
        self.handle_signal(signal, listening, callback)
    }

    pub(super) fn handle_signal(
        &self,
        signal: c_int,
        listening: Option<Listening>,
        callback: impl FnMut() + 'static,
    ) -> io::Result<SignalWatch> {
        if !self.0.signals.has_pipe() {
            self.watch_signal_pipe()?;
        }
        self.0.signals.add(signal, listening, callback)
    }

    fn watch_signal_pipe(&self) -> io::Result<()> {
        let (delivery, ready) = open_pipe()?;
        let signals = Rc::downgrade(&self.0.signals);
        let watch = self.add_reader(ready, move |_| {
            if let Some(signals) = signals.upgrade() {
                signals.call_pending();
            }
        })?;
        self.0.signals.set_pipe(delivery, watch);
        Ok(())
    }
}
