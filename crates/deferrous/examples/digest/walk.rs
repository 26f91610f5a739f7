//! Finding the files, as lazily as sorting allows: one directory at a time is in memory for each
//! level.

use std::{
    fs, io,
    path::{Path, PathBuf},
    vec,
};

use deferrous::Failure;
use walkdir::WalkDir;

/// A file to hash, or what was found in its place.
pub struct Found {
    pub path: PathBuf,
    /// The file's size, or why it is not to be opened.
    pub size: Result<u64, Failure>,
}

impl Found {
    fn new(path: PathBuf, size: io::Result<u64>) -> Self {
        let size = size.map_err(Failure::from);
        Found { path, size }
    }
}

/// The files under some paths, in order.
pub struct Walk {
    paths: vec::IntoIter<PathBuf>,
    /// The directory that is being walked, and its path.
    tree: Option<(PathBuf, walkdir::IntoIter)>,
}

impl Walk {
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Walk {
            paths: paths.into_iter(),
            tree: None,
        }
    }

    /// Goes on in the directory that is being walked, to its end.
    fn next_in_tree(&mut self) -> Option<Found> {
        let (root, tree) = self.tree.as_mut()?;
        for entry in tree {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) => {
                    if let Some(size) = size_in_tree(entry.path()).transpose() {
                        return Some(Found::new(entry.into_path(), size));
                    }
                }
                Err(error) => {
                    let path = error.path().unwrap_or(root).to_owned();
                    return Some(Found::new(path, Err(error.into())));
                }
            }
        }
        self.tree = None;
        None
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            if let Some(found) = self.next_in_tree() {
                return Some(found);
            }
            let path = self.paths.next()?;
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {
                    let tree = WalkDir::new(&path).min_depth(1).sort_by_file_name();
                    self.tree = Some((path, tree.into_iter()));
                }
                metadata => return Some(Found::new(path, metadata.map(|file| file.len()))),
            }
        }
    }
}

/// The size of a file in a directory, and nothing for a link to another directory, whose files are
/// not ours.
///
/// Opening anything else may wait for ever, as a pipe does, or have effects, as a tape drive's
/// does.
fn size_in_tree(path: &Path) -> io::Result<Option<u64>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_file() {
        Ok(Some(metadata.len()))
    } else if metadata.is_dir() {
        Ok(None)
    } else {
        Err(io::Error::other("skipped, as it is not a regular file"))
    }
}
