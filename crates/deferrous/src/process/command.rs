//! What is to be run, and how.

use std::{
    cell::RefCell,
    ffi::{OsStr, c_int},
    fmt, io,
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{self, ExitStatus, Output, Stdio},
    rc::{Rc, Weak},
    time::Duration,
};

use rustix::process::Signal;

use super::{
    running::{Ending, Running},
    streams::{self, OnChunk},
};
use crate::{
    deferred::{Deferred, fail},
    reactor::Reactor,
};

/// How long a child has to end after it was told to.
const GRACE: Duration = Duration::from_secs(5);

/// A program to run in a process of its own; the arguments of Twisted's `spawnProcess`.
///
/// It is made and used like [`std::process::Command`], and can be made [`From`] one. The methods that
/// start it belong to the reactor's thread, which goes on while the program runs.
///
/// Standard input is empty unless there is [`input`](Self::input). Standard output and error are those
/// of this process, unless a method of the command says otherwise.
///
/// ```
/// use deferrous::{Reactor, process::Command};
/// let reactor = Reactor::new()?;
/// let d = Command::new("sh").args(["-c", "exit 3"]).status(&reactor);
/// assert_eq!(reactor.run_until(d)?.code(), Some(3));
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[must_use = "a command does nothing until it is started"]
pub struct Command {
    command: process::Command,
    input: Option<Vec<u8>>,
    on_stdout: Option<OnChunk>,
    on_stderr: Option<OnChunk>,
    terminate: c_int,
    grace: Duration,
    group: bool,
}

impl From<process::Command> for Command {
    /// The command with its arguments, environment and streams as they are, standard input included.
    fn from(command: process::Command) -> Self {
        Command {
            command,
            input: None,
            on_stdout: None,
            on_stderr: None,
            terminate: Signal::TERM.as_raw(),
            grace: GRACE,
            group: false,
        }
    }
}

impl Command {
    /// Runs `program`, which is looked up in `PATH` if it is a mere name.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Command::from(process::Command::new(program)).stdin(Stdio::null())
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of its environment, which is that of this process otherwise.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes a variable from its environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Empties its environment, except for what is set from here on.
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Sets the directory that it runs in.
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets its standard input, instead of an empty one.
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// Sets its standard output, for [`status`](Self::status) and [`spawn`](Self::spawn).
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Sets its standard error, for [`status`](Self::status) and [`spawn`](Self::spawn).
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// Writes `input` to its standard input, as it takes it, and closes that; Twisted's
    /// `transport.write` and `closeStdin`. If the program closes it before, the rest is dropped.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Calls `on_chunk` with what it writes to its standard output, piece by piece, as it comes;
    /// Twisted's `outReceived`. A piece may end anywhere, also inside a line or a character.
    ///
    /// A function that panics is reported and not called again.
    ///
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use deferrous::{Reactor, process::Command};
    /// let (reactor, seen) = (Reactor::new()?, Rc::new(RefCell::new(Vec::new())));
    /// let log = seen.clone();
    /// let d = Command::new("echo")
    ///     .arg("hello")
    ///     .on_stdout(move |chunk| log.borrow_mut().extend_from_slice(chunk))
    ///     .status(&reactor);
    /// assert!(reactor.run_until(d)?.success());
    /// assert_eq!(seen.take(), b"hello\n");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn on_stdout(mut self, on_chunk: impl FnMut(&[u8]) + 'static) -> Self {
        self.on_stdout = Some(Box::new(on_chunk));
        self
    }

    /// As [`on_stdout`](Self::on_stdout), for its standard error; Twisted's `errReceived`.
    pub fn on_stderr(mut self, on_chunk: impl FnMut(&[u8]) + 'static) -> Self {
        self.on_stderr = Some(Box::new(on_chunk));
        self
    }

    /// The signal that tells it to end when its Deferred is cancelled, instead of SIGTERM. Realtime
    /// signals are refused when it is started.
    pub fn terminate_signal(mut self, signal: c_int) -> Self {
        self.terminate = signal;
        self
    }

    /// How long it has to end after that signal, 5 seconds by default. Then it is killed.
    pub fn grace_period(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Makes it the leader of a process group of its own, to which all signals go: what it has started
    /// itself ends with it.
    pub fn own_group(mut self) -> Self {
        self.command.process_group(0);
        self.group = true;
        self
    }

    /// Runs it, and fires with its exit status when it and the streams with functions have ended;
    /// Twisted's `getProcessValue`, and `processEnded` of its protocols.
    ///
    /// A status that is not 0 is a value, too. The Deferred fails with an [`io::Error`] if it cannot
    /// be started, and with [`Abandoned`](crate::Abandoned) if the reactor ends first.
    /// [Cancelling](super#cancelling) it ends the process.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn status(self, reactor: &Reactor) -> Deferred<ExitStatus> {
        match self.spawn(reactor) {
            Ok((_, ended)) => ended,
            Err(error) => fail(error),
        }
    }

    /// As [`status`](Self::status), and collects what it writes to standard output and error, except
    /// for a stream with a function; Twisted's `getProcessOutputAndValue`.
    ///
    /// ```
    /// use deferrous::{Reactor, process::Command};
    /// let reactor = Reactor::new()?;
    /// let d = Command::new("sh").args(["-c", "echo out; echo err >&2"]).output(&reactor);
    /// let output = reactor.run_until(d)?;
    /// assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn output(mut self, reactor: &Reactor) -> Deferred<Output> {
        let stdout = collect(&mut self.on_stdout);
        let stderr = collect(&mut self.on_stderr);
        self.status(reactor).map(move |status| Output {
            status,
            stdout: stdout.take(),
            stderr: stderr.take(),
        })
    }

    /// Starts it, for a program that signals it while it runs; the Deferred is that of
    /// [`status`](Self::status).
    ///
    /// # Errors
    ///
    /// If it cannot be started or watched, or the reactor has ended. A signal that has no name is
    /// [`InvalidInput`](io::ErrorKind::InvalidInput).
    ///
    /// ```
    /// use deferrous::{Reactor, process::Command};
    /// use signal_hook::consts::SIGUSR1;
    /// use std::os::unix::process::ExitStatusExt;
    /// let reactor = Reactor::new()?;
    /// let (process, ended) = Command::new("sleep").arg("60").spawn(&reactor)?;
    /// process.signal(SIGUSR1)?;
    /// assert_eq!(reactor.run_until(ended)?.signal(), Some(SIGUSR1));
    /// assert!(!process.is_running());
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn(mut self, reactor: &Reactor) -> io::Result<(Process, Deferred<ExitStatus>)> {
        let ending = Ending {
            signal: named(self.terminate)?,
            grace: self.grace,
            group: self.group,
        };
        reactor.check_watchable()?;
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        if self.on_stdout.is_some() {
            self.command.stdout(Stdio::piped());
        }
        if self.on_stderr.is_some() {
            self.command.stderr(Stdio::piped());
        }
        let mut child = self.command.spawn()?;
        let input = child.stdin.take_if(|_| self.input.is_some());
        let output = child.stdout.take_if(|_| self.on_stdout.is_some());
        let errors = child.stderr.take_if(|_| self.on_stderr.is_some());
        let (running, ended) = Running::new(reactor, child, ending);
        let process = Process {
            id: running.id(),
            running: Rc::downgrade(&running),
        };
        let started = write(reactor, &running, input.map(Into::into), self.input)
            .and_then(|()| read(reactor, &running, output.map(Into::into), self.on_stdout))
            .and_then(|()| read(reactor, &running, errors.map(Into::into), self.on_stderr))
            .and_then(|()| running.watch(reactor));
        if let Err(error) = started {
            running.give_up();
            drop(ended.map(drop).add_errback(|_| ()));
            return Err(error);
        }
        Ok((process, ended))
    }
}

/// A function that keeps what it is called with, unless there is one already.
fn collect(on_chunk: &mut Option<OnChunk>) -> Rc<RefCell<Vec<u8>>> {
    let collected = Rc::new(RefCell::new(Vec::new()));
    let all = collected.clone();
    on_chunk
        .get_or_insert_with(|| Box::new(move |chunk| all.borrow_mut().extend_from_slice(chunk)));
    collected
}

fn read(
    reactor: &Reactor,
    running: &Rc<Running>,
    pipe: Option<OwnedFd>,
    on_chunk: Option<OnChunk>,
) -> io::Result<()> {
    let (Some(pipe), Some(on_chunk)) = (pipe, on_chunk) else {
        return Ok(());
    };
    let own = running.clone();
    let stream = streams::read(reactor, pipe, on_chunk, move || own.end_reading())?;
    running.begin_reading();
    running.add_stream(&stream);
    Ok(())
}

fn write(
    reactor: &Reactor,
    running: &Rc<Running>,
    pipe: Option<OwnedFd>,
    input: Option<Vec<u8>>,
) -> io::Result<()> {
    if let (Some(pipe), Some(input)) = (pipe, input) {
        running.add_stream(&streams::write(reactor, pipe, input)?);
    }
    Ok(())
}

fn named(signal: c_int) -> io::Result<Signal> {
    Signal::from_named_raw(signal).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{signal} is no signal that has a name"),
        )
    })
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("command", &self.command)
            .field("input", &self.input.as_ref().map(Vec::len))
            .field("grace_period", &self.grace)
            .field("own_group", &self.group)
            .finish_non_exhaustive()
    }
}

/// A process that was [spawned](Command::spawn), by which it gets signals; Twisted's
/// `IProcessTransport`.
///
/// Clones are the same process. It stays on the reactor's thread. Dropping it does nothing.
#[derive(Clone)]
pub struct Process {
    id: u32,
    running: Weak<Running>,
}

impl Process {
    /// Its number. Another process may have the same after this one has ended.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Sends it a signal, such as `signal_hook::consts::SIGHUP`; Twisted's `signalProcess`.
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) if it has ended,
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if the signal has no name, or what the system says.
    pub fn signal(&self, signal: c_int) -> io::Result<()> {
        let signal = named(signal)?;
        match self.running.upgrade() {
            Some(running) => running.signal(signal),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the process is no longer watched",
            )),
        }
    }

    /// Whether it has not ended yet, as far as the reactor knows.
    pub fn is_running(&self) -> bool {
        self.running
            .upgrade()
            .is_some_and(|running| !running.has_exited())
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("id", &self.id)
            .field("running", &self.is_running())
            .finish()
    }
}
