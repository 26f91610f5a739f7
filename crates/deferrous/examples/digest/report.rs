//! What the program writes: lines, complaints, the progress bar and the summary.

use std::{
    cell::Cell,
    io::{self, Write},
    path::{Path, PathBuf},
};

use deferrous::Failure;
use indicatif::{ProgressBar, ProgressStyle};

use crate::sha256::Digest;

/// A file that the program is done with.
pub struct Finished {
    pub path: PathBuf,
    pub digest: Result<Digest, Failure>,
}

/// Writes to standard output and standard error, and counts.
pub struct Report {
    /// On standard error, and hidden unless that is a terminal.
    bar: ProgressBar,
    hashed: Cell<u64>,
    failed: Cell<u64>,
}

impl Report {
    pub fn new() -> Self {
        let style = "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}";
        let style = ProgressStyle::with_template(style).expect("the template is a constant");
        Report {
            bar: ProgressBar::new(0).with_style(style),
            hashed: Cell::new(0),
            failed: Cell::new(0),
        }
    }

    /// The bar, whose length is the size of the files found so far. Threads move it.
    pub fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    pub fn has_failures(&self) -> bool {
        self.failed.get() > 0
    }

    /// Writes a file's line, or what was wrong with it.
    ///
    /// A slow reader of the lines makes this wait, and the whole program with it: there is no use
    /// in being ahead.
    pub fn write(&self, finished: &Finished) -> io::Result<()> {
        let path = &finished.path;
        match &finished.digest {
            Ok(digest) => {
                let line = checksum_line(digest, path);
                self.bar.suspend(|| io::stdout().write_all(&line))?;
                self.hashed.update(|count| count + 1);
            }
            Err(failure) => {
                self.failed.update(|count| count + 1);
                self.complain(format_args!("{}: {failure:#}", path.display()));
            }
        }
        Ok(())
    }

    /// Takes the bar away, and sums up what a caller could otherwise overlook: an end before all
    /// was done.
    pub fn finish(&self, interrupted: bool) {
        self.bar.finish_and_clear();
        if interrupted || self.has_failures() {
            let (hashed, failed) = (self.hashed.get(), self.failed.get());
            let end = if interrupted { "interrupted" } else { "done" };
            self.complain(format_args!("{end}: {hashed} hashed, {failed} failed"));
        }
    }

    fn complain(&self, what: std::fmt::Arguments<'_>) {
        // Where standard error is closed, nobody is left to be told.
        let _ = self
            .bar
            .suspend(|| writeln!(io::stderr(), "digest: {what}"));
    }
}

/// The line of `sha256sum` for a file. A name that would break the line, or look like an escaped
/// one, is escaped, which a backslash at the start of the line says.
fn checksum_line(digest: &Digest, path: &Path) -> Vec<u8> {
    let name = path.as_os_str().as_encoded_bytes();
    let mut line = Vec::new();
    if name.iter().any(|byte| escape(*byte).is_some()) {
        line.push(b'\\');
    }
    for byte in digest {
        line.extend(format!("{byte:02x}").bytes());
    }
    line.extend(b"  ");
    for byte in name {
        match escape(*byte) {
            Some(letter) => line.extend([b'\\', letter]),
            None => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}

/// What follows the backslash that stands for a byte in a name.
fn escape(byte: u8) -> Option<u8> {
    match byte {
        b'\\' => Some(b'\\'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        _ => None,
    }
}
