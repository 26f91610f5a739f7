//! What the system tells of the threads of this process, in `/proc`: read without the interpreter.

use std::{fs, fs::File, os::unix::fs::FileExt};

/// How many other threads are looked at.
const MOST_THREADS: usize = 256;

/// What a thread has used, in nanoseconds since it began.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// How long it has had a processor.
    pub processor: u64,
    /// How long it could have run, and had none.
    pub starved: u64,
}

/// What a thread does at a moment.
#[derive(Clone, Copy, Default)]
pub struct Moment {
    /// The number of the system call that it sleeps in; `None` if it runs, or the system does not tell.
    pub system_call: Option<u64>,
    /// Whether it sleeps in a futex, and for a limited time: so does whoever waits for the interpreter.
    pub timed_futex: bool,
    /// Whether it runs, or could if it had a processor.
    pub runs: bool,
    /// Whether not even a signal wakes it: it waits for a disk, mostly.
    pub uninterruptible: bool,
    /// How often it has gone to sleep.
    pub sleeps: u64,
}

/// A thread of this process. What cannot be read is absent, as on systems other than Linux.
pub struct Thread {
    pub tid: u32,
    schedstat: Option<File>,
    status: Option<File>,
    syscall: Option<File>,
}

impl Thread {
    /// The thread with this number, as the system has it.
    pub fn new(tid: u32) -> Self {
        let open = |name| File::open(format!("/proc/self/task/{tid}/{name}")).ok();
        Thread {
            tid,
            schedstat: open("schedstat"),
            status: open("status"),
            syscall: open("syscall"),
        }
    }

    /// What it has used.
    pub fn usage(&self) -> Option<Usage> {
        parse_usage(&read(self.schedstat.as_ref()?)?)
    }

    /// What it does now.
    pub fn moment(&self) -> Moment {
        let status = self.status.as_ref().and_then(read).unwrap_or_default();
        let call = self.syscall.as_ref().and_then(read).unwrap_or_default();
        let mut words = call.split_ascii_whitespace();
        let system_call = words.next().and_then(|number| number.parse().ok());
        // The address, the operation, the value, and where the time is that limits the wait.
        let limit = words.nth(3);
        let state = field(&status, "State:").unwrap_or_default();
        Moment {
            system_call,
            timed_futex: system_call == Some(FUTEX) && limit.is_some_and(|at| at != "0x0"),
            runs: state.starts_with('R'),
            uninterruptible: state.starts_with('D'),
            sleeps: field(&status, "voluntary_ctxt_switches:")
                .and_then(|count| count.parse().ok())
                .unwrap_or_default(),
        }
    }
}

/// The number of the system call `futex`.
const FUTEX: u64 = if cfg!(target_arch = "x86_64") {
    202
} else {
    98
};

fn read(file: &File) -> Option<String> {
    let mut room = [0; 4096];
    let length = file.read_at(&mut room, 0).ok()?;
    Some(String::from_utf8_lossy(room.get(..length)?).into_owned())
}

fn parse_usage(text: &str) -> Option<Usage> {
    let mut words = text.split_ascii_whitespace();
    Some(Usage {
        processor: words.next()?.parse().ok()?,
        starved: words.next()?.parse().ok()?,
    })
}

/// The value of a line that begins with `name`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map(str::trim)
}

/// How long each thread of this process has had a processor, in nanoseconds, by its number.
pub fn all_processor_times() -> Vec<(u32, u64)> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let numbers = threads.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let used = numbers.take(MOST_THREADS).filter_map(|tid: u32| {
        let text = fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).ok()?;
        Some((tid, parse_usage(&text)?.processor))
    });
    used.collect()
}
