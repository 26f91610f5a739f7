//! SHA-256 of many files at once, as `sha256sum` prints it: a whole program on a reactor.
//!
//! ```text
//! cargo run --release -q --example digest -- [--jobs N] [--timeout SECONDS] PATH... > SUMS
//! sha256sum -c SUMS
//! ```
//!
//! A path that is a file is hashed, whatever it is: a link is followed, and a pipe is read. A
//! directory is walked. In it, links to files are followed and links to directories are not, and
//! what is no file, such as a pipe or a device, is reported and not opened.
//!
//! Lines come in the order of the paths, directories sorted by name, each as soon as it and those
//! before it are ready. Where standard error is a terminal it shows a progress bar. The exit status
//! is 0 if all files were hashed, 1 if some were not, 128 and the signal's number after Ctrl-C
//! (130) or SIGTERM (143), and 141 when the reader of the lines has gone.
//!
//! The parts: `walk` finds the files, `sha256` reads one, `pipeline` joins them with Deferreds, and
//! `report` writes what came of it.

mod pipeline;
mod report;
mod sha256;
mod walk;

use std::{
    cell::Cell, error::Error, io, num::NonZeroUsize, path::PathBuf, process::ExitCode, rc::Rc,
    thread::available_parallelism, time::Duration,
};

use clap::Parser;
use deferrous::{Failure, Reactor};
use signal_hook::consts::{SIGINT, SIGPIPE, SIGTERM};

use crate::{pipeline::Pipeline, report::Report};

/// Print the SHA-256 of files, and of all files in directories, as sha256sum does.
#[derive(Parser)]
struct Args {
    /// How many files to read at once [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Give up a file that takes longer than this
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,

    /// Files, and directories to walk
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    let duration = Duration::try_from_secs_f64(text.parse()?)?;
    if duration.is_zero() {
        return Err("no file can be read in no time".into());
    }
    Ok(duration)
}

fn main() -> ExitCode {
    digest(Args::parse()).unwrap_or_else(|failure| {
        eprintln!("digest: {failure:#}");
        ExitCode::FAILURE
    })
}

fn digest(args: Args) -> Result<ExitCode, Failure> {
    let jobs = match args.jobs {
        Some(jobs) => jobs,
        None => available_parallelism()?,
    };
    let reactor = Reactor::new()?;
    let signal = remember_signal(&reactor)?;
    let report = Rc::new(Report::new());
    let pipeline = Pipeline::new(&reactor, jobs.get(), args.timeout, report.clone());

    let ended = reactor.run_until(pipeline.run(args.paths));
    report.finish(signal.get().is_some());
    match (signal.get(), ended) {
        (Some(signal), _) => Ok(killed_by(signal)),
        (None, Err(failure)) if is_broken_pipe(&failure) => Ok(killed_by(SIGPIPE)),
        (None, Err(failure)) => Err(failure),
        (None, Ok(())) if report.has_failures() => Ok(ExitCode::FAILURE),
        (None, Ok(())) => Ok(ExitCode::SUCCESS),
    }
}

/// Notes which signal stops the reactor, for the exit status.
fn remember_signal(reactor: &Reactor) -> io::Result<Rc<Cell<Option<i32>>>> {
    let caught = Rc::new(Cell::new(None));
    for signal in [SIGINT, SIGTERM] {
        let caught = caught.clone();
        reactor.add_signal_handler(signal, move || caught.set(Some(signal)))?;
    }
    Ok(caught)
}

/// The status that a shell shows for a process that a signal has ended.
fn killed_by(signal: i32) -> ExitCode {
    ExitCode::from(128 + signal as u8)
}

fn is_broken_pipe(failure: &Failure) -> bool {
    failure
        .chain()
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
