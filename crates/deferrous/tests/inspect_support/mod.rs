//! Trees that are the same in each run.

use deferrous::inspect::{Snapshot, snapshot};

/// The tree of this thread, in which a place in the tests is the mark at the end of its line, as in `// [lock]`, and a time is
/// `T`.
pub fn tree(source: &str) -> String {
    normal(&snapshot(), source)
}

pub fn normal(snapshot: &Snapshot, source: &str) -> String {
    let text = snapshot.to_string();
    let rows: Vec<_> = text.lines().map(|row| marked(row, source)).collect();
    rows.join("\n")
}

fn marked(row: &str, source: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in row.split(' ') {
        let bare = word.trim_end_matches(',');
        let comma = &word[bare.len()..];
        match (bare, words.last_mut()) {
            ("ms" | "s" | "min", Some(number)) if number.parse::<u64>().is_ok() => {
                *number = format!("T{comma}");
            }
            _ => words.push(format!("{}{comma}", mark(bare, source))),
        }
    }
    words.join(" ").replace("T to T", "T")
}

/// The mark of the line, if the word is a place.
fn mark(word: &str, source: &str) -> String {
    let mut parts = word.split(':');
    let (Some(file), Some(Ok(line))) = (parts.next(), parts.next().map(str::parse::<usize>)) else {
        return word.to_owned();
    };
    if !file.contains("tests/") {
        return word.to_owned();
    }
    let line = source.lines().nth(line - 1).unwrap_or_default();
    match line.rsplit_once("// [") {
        Some((_, mark)) => format!("[{mark}"),
        None => format!("no mark in: {}", line.trim()),
    }
}
