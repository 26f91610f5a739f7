//! Runs shell commands, some of them at once and each for a limited time, and reports how they ended.
//!
//! ```text
//! seq 100 | sed 's/.*/sleep 0.0&/' | cargo run --release -q --example jobs -- --at-once 20 --timeout 5
//! ```
//!
//! Each line of standard input is a command. A command that takes too long gets SIGTERM, with all that
//! it has started, and SIGKILL if it has not ended after the grace period. Its place is free when it is
//! dead, and not before, so there are never more than `--at-once`. Ctrl-C and SIGTERM end the running
//! commands in the same way, and start no others.
//!
//! The exit status is 0 if all commands succeeded, and 1 otherwise.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    error::Error,
    io,
    num::NonZeroUsize,
    process::{ExitCode, ExitStatus},
    rc::Rc,
    time::Duration,
};

use clap::Parser;
use deferrous::{
    Cancelled, Deferred, DeferredSemaphore, Failure, Reactor, gather_results, process::Command,
};

/// Run the commands of standard input, some of them at once, and report how they ended.
#[derive(Parser)]
struct Args {
    /// How many commands run at once
    #[arg(long, value_name = "N", default_value = "20")]
    at_once: NonZeroUsize,

    /// End a command that takes longer than this
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,

    /// How long a command has to end after SIGTERM
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    grace: Duration,
}

fn seconds(text: &str) -> Result<Duration, Box<dyn Error + Send + Sync>> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

/// Starts commands. Clones share the places.
#[derive(Clone)]
struct Runner {
    reactor: Reactor,
    places: DeferredSemaphore,
    timeout: Duration,
    grace: Duration,
    report: Rc<Report>,
}

impl Runner {
    /// Runs a command when there is a place for it. How it has ended is in the report.
    fn run(&self, command: String) -> Deferred<()> {
        let (runner, report) = (self.clone(), self.report.clone());
        let shell_command = command.clone();
        self.places
            .run(move || runner.start(&shell_command))
            .add_both(move |end| report.add(command, end))
    }

    /// Starts a command. The Deferred fires when it is dead, also if that is because of the timeout or
    /// because the program ends. The time that it has waited for its place does not count.
    fn start(&self, command: &str) -> Deferred<ExitStatus> {
        let running = Running::begin(&self.report);
        Command::new("sh")
            .args(["-c", command])
            .own_group()
            .grace_period(self.grace)
            .status(&self.reactor)
            .add_timeout(self.timeout, &self.reactor)
            .add_both(move |end| {
                drop(running);
                end
            })
    }
}

/// How the commands have ended.
#[derive(Default)]
struct Report {
    /// The commands by their ends.
    ends: RefCell<BTreeMap<String, Vec<String>>>,
    /// One has not succeeded.
    some_failed: Cell<bool>,
    running: Cell<usize>,
    /// How many have run at once at most.
    most: Cell<usize>,
}

impl Report {
    fn add(&self, command: String, end: Result<ExitStatus, Failure>) {
        if !matches!(&end, Ok(status) if status.success()) {
            self.some_failed.set(true);
        }
        let end = match end {
            Ok(status) => status.to_string(),
            Err(failure) if failure.check::<Cancelled>() => "cancelled".to_owned(),
            Err(failure) => failure.to_string(),
        };
        self.ends.borrow_mut().entry(end).or_default().push(command);
    }

    /// Writes how many commands have ended in each way, and which, unless they succeeded.
    fn print(&self) {
        let ends = self.ends.borrow();
        for (end, commands) in &*ends {
            println!("{:5}  {end}", commands.len());
            if end != "exit status: 0" {
                for command in commands {
                    println!("         {command}");
                }
            }
        }
        let all: usize = ends.values().map(Vec::len).sum();
        println!("{all:5}  in all, at most {} at once", self.most.get());
    }
}

/// A command that runs.
struct Running(Rc<Report>);

impl Running {
    fn begin(report: &Rc<Report>) -> Self {
        let running = report.running.get() + 1;
        report.running.set(running);
        report.most.set(report.most.get().max(running));
        Running(report.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
    }
}

fn main() -> Result<ExitCode, Failure> {
    let args = Args::parse();
    let commands: Vec<_> = io::stdin().lines().collect::<Result<_, _>>()?;
    let reactor = Reactor::new()?;
    let runner = Runner {
        reactor: reactor.clone(),
        places: DeferredSemaphore::new(args.at_once.get()),
        timeout: args.timeout,
        grace: args.grace,
        report: Rc::new(Report::default()),
    };
    let all = gather_results(commands.into_iter().map(|command| runner.run(command)));
    // A signal stops the reactor, which cancels what it runs until, and ends when all processes that
    // were cancelled are dead.
    let ended = reactor.run_until(all);
    runner.report.print();
    match ended {
        Err(failure) if !failure.check::<Cancelled>() => Err(failure),
        _ if runner.report.some_failed.get() => Ok(ExitCode::FAILURE),
        _ => Ok(ExitCode::SUCCESS),
    }
}
