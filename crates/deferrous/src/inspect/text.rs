//! One row of the tree: what some items have in common, and what one of them is.

use std::{fmt, time::Duration};

use super::{
    model::{Item, Kind, State},
    names::short,
};

/// What tells rows apart: like items are in one.
pub(super) fn key(item: &Item) -> impl Eq + std::hash::Hash + use<'_> {
    (
        (item.kind, &*item.name, item.type_name),
        (item.place, item.awaits_at),
        std::mem::discriminant(&item.state),
    )
}

/// A row without its ending.
pub(super) struct Row<'a>(pub(super) &'a [&'a Item]);

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, others @ ..] = self.0 else {
            return Ok(());
        };
        if !others.is_empty() {
            write!(f, "{} × ", self.0.len())?;
        }
        subject(f, first)?;
        if others.is_empty() && !first.detail.is_empty() {
            write!(f, " {}", first.detail)?;
        }
        let ages = Range::of(self.0.iter().map(|item| item.age));
        let verb = verb(first.kind);
        write!(f, ", {verb} at {} {ages} ago", first.place)?;
        if let Some(place) = first.awaits_at {
            write!(f, ", waits at {place}")?;
        }
        state(f, self.0)?;
        let limits = self.0.iter().filter_map(|item| item.times_out);
        if let Some(limits) = Range::find(limits) {
            write!(f, ", times out in {limits}")?;
        }
        Ok(())
    }
}

/// What it is.
fn subject(f: &mut fmt::Formatter<'_>, item: &Item) -> fmt::Result {
    match item.kind {
        Kind::Deferred => {
            write!(f, "Deferred<{}>", short(item.type_name))?;
            match &*item.name {
                "deferred" | "deferred_with_canceller" => Ok(()),
                made_by => write!(f, " of {made_by}"),
            }
        }
        Kind::Coroutine => write!(f, "coroutine {}", item.name),
        Kind::DelayedCall => write!(f, "delayed call of {}", item.name),
        Kind::Job => write!(f, "job {}", item.name),
        _ => f.write_str(&item.name),
    }
}

const fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Coroutine => "spawned",
        Kind::DelayedCall => "set",
        Kind::Job => "handed out",
        Kind::Watch => "added",
        Kind::Port | Kind::Connection => "opened",
        Kind::Permit => "asked for",
        _ => "made",
    }
}

/// How far they have come, who are alike.
fn state(f: &mut fmt::Formatter<'_>, items: &[&Item]) -> fmt::Result {
    let item = items[0];
    match &item.state {
        State::Unfired { triggers } => not_fired(f, item, *triggers),
        State::Chained | State::Open { paused: false } => Ok(()),
        State::Paused { pauses: 1 } => f.write_str(", paused"),
        State::Paused { pauses } => write!(f, ", paused {pauses} times"),
        State::Running => f.write_str(", running now"),
        State::Fired { failed: false } => f.write_str(", has fired"),
        State::Fired { failed: true } => f.write_str(", has failed"),
        State::Due { .. } => write!(f, ", due in {}", Range::of(items.iter().filter_map(due))),
        State::Overdue { .. } => {
            write!(
                f,
                ", overdue by {}",
                Range::of(items.iter().filter_map(due))
            )
        }
        State::Queued => f.write_str(", no thread has taken it"),
        State::Started { .. } => {
            let since = Range::of(items.iter().filter_map(due));
            write!(f, ", runs for {since}")?;
            let mut threads = items.iter().filter_map(|item| match &item.state {
                State::Started { thread, .. } => Some(thread),
                _ => None,
            });
            match (threads.next(), threads.next()) {
                (Some(thread), None) => write!(f, " in thread {thread}"),
                _ => Ok(()),
            }
        }
        State::Open { paused: true } => f.write_str(", paused"),
    }
}

/// What has to come, where that is no other item.
fn not_fired(f: &mut fmt::Formatter<'_>, item: &Item, triggers: u32) -> fmt::Result {
    if !item.waits_for.is_empty() {
        return Ok(());
    }
    match (item.kind, &*item.name, triggers) {
        (Kind::Coroutine, ..) => f.write_str(", waits for a future that is no Deferred"),
        (_, "deferred" | "deferred_with_canceller", 1) => {
            f.write_str(", its Trigger, made there, has not fired")
        }
        (_, "deferred" | "deferred_with_canceller", n) => {
            write!(f, ", none of its {n} Triggers, made there, has fired")
        }
        (_, "remote_trigger", _) => f.write_str(", its RemoteTrigger, made there, has not fired"),
        _ => f.write_str(", has not fired"),
    }
}

/// The time in a state that has one.
fn due(item: &&Item) -> Option<Duration> {
    match item.state {
        State::Due { after: time } | State::Overdue { by: time } => Some(time),
        State::Started { ago, .. } => Some(ago),
        _ => None,
    }
}

/// From the least to the greatest time.
struct Range {
    least: Duration,
    greatest: Duration,
}

impl Range {
    fn find(times: impl Iterator<Item = Duration>) -> Option<Self> {
        times.fold(None, |range, time| {
            let (least, greatest) =
                range.map_or((time, time), |range: Range| (range.least, range.greatest));
            Some(Range {
                least: least.min(time),
                greatest: greatest.max(time),
            })
        })
    }

    fn of(times: impl Iterator<Item = Duration>) -> Self {
        Range::find(times).unwrap_or(Range {
            least: Duration::ZERO,
            greatest: Duration::ZERO,
        })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, greatest) = (Rounded(self.least).to_string(), Rounded(self.greatest));
        let greatest = greatest.to_string();
        if least == greatest {
            return f.write_str(&least);
        }
        write!(f, "{least} to {greatest}")
    }
}

/// A time in two digits or so, rounded down.
struct Rounded(Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..120 => write!(f, "{seconds} s"),
            120..7200 => write!(f, "{} min", seconds / 60),
            7200..172_800 => write!(f, "{} h", seconds / 3600),
            _ => write!(f, "{} days", seconds / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Range;

    #[test]
    fn times_are_said_in_the_unit_that_fits() {
        for (seconds, expected) in [
            (0.0, "0 ms"),
            (0.9999, "999 ms"),
            (1.0, "1 s"),
            (119.9, "119 s"),
            (120.0, "2 min"),
            (7200.0, "2 h"),
            (172_800.0, "2 days"),
        ] {
            let time = Duration::from_secs_f64(seconds);
            assert_eq!(Range::of([time].into_iter()).to_string(), expected);
        }
        let times = [5, 3, 8].map(Duration::from_secs);
        assert_eq!(Range::of(times.into_iter()).to_string(), "3 s to 8 s");
    }
}
