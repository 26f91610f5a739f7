//! The blocking part: one file, from its first byte to its last.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use deferrous::{Cancelled, Failure};
use sha2::Digest as _;

/// How much is read at once; `cancelled` is looked at in between.
const CHUNK: usize = 128 * 1024;

pub type Digest = [u8; 32];

/// Reads a file to its end, unless `cancelled` is set meanwhile, and says through `progress` how
/// many bytes each read brought.
pub fn sha256(
    path: &Path,
    cancelled: &AtomicBool,
    progress: impl Fn(u64),
) -> Result<Digest, Failure> {
    let mut file = File::open(path)?;
    let mut hasher = sha2::Sha256::new();
    let mut chunk = vec![0; CHUNK];
    while !cancelled.load(Ordering::Relaxed) {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(length) => {
                hasher.update(&chunk[..length]);
                progress(length as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Cancelled.into())
}
