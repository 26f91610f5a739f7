//! Types that programs use can get more variants and fields without breaking the programs.
//!
//! That all of them implement `Debug` is a lint of the crate, `missing_debug_implementations`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Types whose variants and fields are all that there will be, so that programs may list them.
const COMPLETE: [&str; 6] = [
    // Twisted's three phases, in whose order the reactor fires triggers.
    "Phase",
    // The `size` and `backlog` of Twisted's queue, which a program writes as a literal.
    "QueueLimits",
    // The item that was refused, as in `std::sync::mpsc::SendError`.
    "QueueOverflow",
    // What the system can be asked of a descriptor, which a reactor writes as a literal.
    "Interest",
    // A worker that did not know one of its steps could not go on.
    "Next",
    // The three numbers of Twisted's `Statistics`.
    "Statistics",
];

/// A type with public parts.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    name: String,
    is_non_exhaustive: bool,
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The name of the type that a line declares.
fn declared(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("pub enum ")
        .or_else(|| line.strip_prefix("pub struct "))?;
    rest.split(|c: char| !c.is_alphanumeric()).next()
}

/// The public enums of a file, and its public structs with public fields.
fn open_types(source: &str) -> Vec<Open> {
    let lines: Vec<_> = source.lines().collect();
    let is_attribute = |line: &&&str| line.starts_with("#[") || line.starts_with("///");
    let open = |(at, line): (usize, &&str)| {
        let name = declared(line)?;
        let body = lines[at + 1..]
            .iter()
            .take_while(|line| line.starts_with(' '));
        let is_open = line.starts_with("pub enum")
            || line.contains("(pub ") && !line.contains("(pub(")
            || line.ends_with('{') && body.clone().any(|line| line.starts_with("    pub "));
        is_open.then(|| Open {
            name: name.to_owned(),
            is_non_exhaustive: lines[..at]
                .iter()
                .rev()
                .take_while(is_attribute)
                .any(|line| *line == "#[non_exhaustive]"),
        })
    };
    lines.iter().enumerate().filter_map(open).collect()
}

#[test]
fn types_that_may_grow_are_non_exhaustive() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    for path in sources(&folder) {
        found.extend(open_types(&fs::read_to_string(path).unwrap()));
    }
    assert!(found.len() > 15, "{found:?}");
    let exhaustive = found.iter().filter(|open| !open.is_non_exhaustive);
    let exhaustive: BTreeSet<_> = exhaustive.map(|open| open.name.as_str()).collect();
    assert_eq!(exhaustive, BTreeSet::from(COMPLETE));
}

#[test]
fn the_search_finds_types_with_public_parts() {
    let source = "
        pub enum Inside { A }\n#[derive(Debug)]\n#[non_exhaustive]\npub enum Grows {\n    A,\n}\n
/// Text.\npub struct Fields<T> {\n    own: u8,\n    pub all: T,\n}\n
pub struct Closed {\n    own: u8,\n}\npub struct Unit;\npub struct Tuple<T>(pub T);
pub struct Inner(pub(super) u8);\n";
    let found = open_types(source).into_iter();
    let found: Vec<_> = found
        .map(|open| (open.name, open.is_non_exhaustive))
        .collect();
    let expected = [("Grows", true), ("Fields", false), ("Tuple", false)];
    assert_eq!(
        found,
        expected.map(|(name, grows)| (name.to_owned(), grows))
    );
}
