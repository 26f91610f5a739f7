//! Who waits for whom, as a tree: the outermost first, like ones in one row.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use super::{
    model::{Item, Kind, Snapshot},
    text::{Row, key},
};

/// How deep the rows go. Nobody reads on.
const DEEPEST: usize = 40;

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tree = Tree {
            snapshot: self,
            timeouts: self
                .items
                .iter()
                .filter(|item| is_shown(item))
                .map(|item| item.limited_by)
                .collect(),
            shown: HashSet::new(),
            path: Vec::new(),
        };
        let roots = tree.roots();
        summary(f, self)?;
        tree.write(f, &roots)?;
        // In a circle nobody is the outermost.
        for item in &self.items {
            if tree.is_left(item) {
                tree.write(f, &[item])?;
            }
        }
        Ok(())
    }
}

/// How many of each kind there are.
fn summary(f: &mut fmt::Formatter<'_>, snapshot: &Snapshot) -> fmt::Result {
    let kinds = [
        (Kind::Coroutine, "coroutine"),
        (Kind::Deferred, "Deferred"),
        (Kind::DelayedCall, "delayed call"),
        (Kind::Job, "job"),
        (Kind::Watch, "watched descriptor"),
        (Kind::Port, "port"),
        (Kind::Connection, "connection"),
    ];
    let counted = kinds.map(|(kind, name)| {
        let items = snapshot.of_kind(kind);
        (items.filter(|item| is_shown(item)).count(), name)
    });
    let counted: Vec<_> = counted
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if counted.is_empty() {
        return f.write_str("Nothing is outstanding.");
    }
    write!(f, "Outstanding: {}", counted.join(", "))
}

struct Tree<'a> {
    snapshot: &'a Snapshot,
    /// The delayed calls that limit others, which say so themselves.
    timeouts: HashSet<u64>,
    /// The items that have been written.
    shown: HashSet<u64>,
    /// The rows above the one that is written, each with its items.
    path: Vec<HashSet<u64>>,
}

/// A row to be written, and how it begins.
struct Branch<'a> {
    items: Vec<&'a Item>,
    depth: usize,
    /// What the rows below begin with.
    indent: String,
    is_last: bool,
}

impl<'a> Tree<'a> {
    /// The items that nobody waits for.
    fn roots(&self) -> Vec<&'a Item> {
        let waiting = self.snapshot.items.iter().filter(|item| is_shown(item));
        let mut targets: HashSet<u64> = waiting.flat_map(|item| &item.waits_for).copied().collect();
        // A lock leads to its permits and these to who has them, if somebody waits for the lock.
        for kind in [Kind::Primitive, Kind::Permit] {
            for item in self.snapshot.of_kind(kind) {
                if targets.contains(&item.id) {
                    targets.extend(&item.waits_for);
                }
            }
        }
        let items = self.snapshot.items.iter();
        items
            .filter(|item| self.is_left(item) && !targets.contains(&item.id))
            .collect()
    }

    /// Whether it has to be written, and was not.
    fn is_left(&self, item: &Item) -> bool {
        let elsewhere = self.shown.contains(&item.id) || self.timeouts.contains(&item.id);
        is_shown(item) && !elsewhere
    }

    /// Writes rows, and below each what its items wait for.
    fn write(&mut self, f: &mut fmt::Formatter<'_>, roots: &[&'a Item]) -> fmt::Result {
        let mut ahead = branches(roots.to_vec(), 0, "");
        while let Some(branch) = ahead.pop() {
            self.path.truncate(branch.depth);
            self.write_branch(f, &branch)?;
            if let Some(below) = self.below(f, &branch)? {
                let indent = branch.below();
                ahead.extend(branches(below, branch.depth + 1, &indent));
            }
        }
        self.path.clear();
        Ok(())
    }

    fn write_branch(&self, f: &mut fmt::Formatter<'_>, branch: &Branch<'_>) -> fmt::Result {
        f.write_str("\n")?;
        if branch.depth > 0 {
            let corner = if branch.is_last { "└─ " } else { "├─ " };
            write!(f, "{}{corner}", branch.indent)?;
        }
        write!(f, "{}", Row(&branch.items))
    }

    /// Ends the row, and returns what its items wait for, unless that is to be read elsewhere.
    fn below(
        &mut self,
        f: &mut fmt::Formatter<'_>,
        branch: &Branch<'a>,
    ) -> Result<Option<Vec<&'a Item>>, fmt::Error> {
        let ids: HashSet<u64> = branch.items.iter().map(|item| item.id).collect();
        let is_above = |row: &HashSet<u64>| ids.is_subset(row);
        if self.path.iter().any(is_above) {
            f.write_str(" (a circle: see above)")?;
            return Ok(None);
        }
        let new: Vec<&Item> = branch
            .items
            .iter()
            .copied()
            .filter(|item| self.shown.insert(item.id))
            .collect();
        let mut targets = self.targets(&new);
        if new.is_empty() && !self.targets(&branch.items).is_empty() {
            f.write_str(" (see above)")?;
        }
        let mut row = ids;
        targets = self.skip_alike(f, &branch.items, targets, &mut row)?;
        self.path.push(row);
        if branch.depth == DEEPEST && !targets.is_empty() {
            f.write_str(" (and so on)")?;
            return Ok(None);
        }
        Ok(Some(targets))
    }

    /// What items wait for, each once.
    fn targets(&self, items: &[&Item]) -> Vec<&'a Item> {
        let mut seen = HashSet::new();
        let ids = items.iter().flat_map(|item| &item.waits_for);
        let new = ids.filter(|id| seen.insert(**id));
        new.filter_map(|id| self.snapshot.get(*id)).collect()
    }

    /// Goes on to the end of a chain whose members are all alike, and says how many they are.
    fn skip_alike(
        &mut self,
        f: &mut fmt::Formatter<'_>,
        items: &[&Item],
        mut targets: Vec<&'a Item>,
        row: &mut HashSet<u64>,
    ) -> Result<Vec<&'a Item>, fmt::Error> {
        let mut steps = 0;
        while let ([item], [next]) = (items, &*targets) {
            if key(item) != key(next) || !self.shown.insert(next.id) {
                break;
            }
            steps += 1;
            row.insert(next.id);
            targets = self.targets(&[next]);
        }
        if steps > 0 {
            write!(f, ", and {steps} more of these, each waiting for the next")?;
        }
        Ok(targets)
    }
}

/// Whether it is worth a row where nobody waits for it.
fn is_shown(item: &Item) -> bool {
    item.is_outstanding() && (item.wanted || item.kind == Kind::Coroutine)
}

impl Branch<'_> {
    fn below(&self) -> String {
        let bar = match (self.depth, self.is_last) {
            (0, _) => "",
            (_, true) => "   ",
            (_, false) => "│  ",
        };
        format!("{}{bar}", self.indent)
    }
}

/// Puts like items together, in the order of the oldest. The first is to be taken last.
fn branches<'a>(items: Vec<&'a Item>, depth: usize, indent: &str) -> Vec<Branch<'a>> {
    let mut groups: Vec<Vec<&Item>> = Vec::new();
    let mut places = HashMap::new();
    for item in items {
        let place = *places.entry(key(item)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    let last = groups.len().saturating_sub(1);
    let branch = |(at, items)| Branch {
        items,
        depth,
        indent: indent.to_owned(),
        is_last: at == last,
    };
    let mut branches: Vec<_> = groups.into_iter().enumerate().map(branch).collect();
    branches.reverse();
    branches
}
