//! What a failure says and gives back.

#![cfg(feature = "reactor")]

mod support;

use std::{
    backtrace::BacktraceStatus, env, error::Error, fmt, io, num::ParseIntError, process::Command,
    thread,
};

use deferrous::{
    Abandoned, Cancelled, CircularWait, Clock, Failure, FirstError, Panicked, TimedOut, deferred,
    fail, gather_results, race, succeed,
};
use support::{error, failure_of, in_small_stack, scale, value_of};

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the outer one")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn nested() -> Failure {
    Outer(io::Error::new(
        io::ErrorKind::NotFound,
        Outer(io::Error::other("no disk")),
    ))
    .into()
}

#[test]
fn check_knows_the_type_of_the_error() {
    let failure = Failure::from(Cancelled);
    assert!(failure.check::<Cancelled>());
    assert!(!failure.check::<Abandoned>());
    assert_eq!(failure.downcast_ref::<Cancelled>(), Some(&Cancelled));
    assert_eq!(failure.downcast_ref::<Abandoned>(), None);
}

#[test]
fn check_does_not_look_at_causes() {
    assert!(nested().check::<Outer>());
    assert!(!nested().check::<io::Error>());
}

#[test]
fn trap_gives_the_error_or_the_failure_back() {
    let error = Failure::from(io::Error::other("no disk")).trap::<io::Error>();
    assert_eq!(error.unwrap().to_string(), "no disk");
    let failure = Failure::from(Cancelled).trap::<io::Error>().unwrap_err();
    assert!(failure.check::<Cancelled>());
}

#[test]
fn a_failure_that_is_not_trapped_goes_on() {
    let handle = |failure: Failure| {
        failure.trap::<Cancelled>()?;
        Ok(0)
    };
    assert_eq!(value_of(fail(Cancelled).add_errback(handle)), 0);
    let passed = failure_of(fail(Abandoned).add_errback(handle));
    assert!(passed.check::<Abandoned>());
}

#[test]
fn downcast_gives_the_error_by_value() {
    let outer = nested().downcast::<Outer>().unwrap();
    assert_eq!(outer.0.kind(), io::ErrorKind::NotFound);
    let failure = nested().downcast::<Cancelled>().unwrap_err();
    assert!(failure.check::<Outer>());
}

#[test]
fn the_question_mark_makes_failures() {
    fn parse(text: &str) -> Result<u8, Failure> {
        Ok(text.parse()?)
    }
    assert_eq!(parse("5").unwrap(), 5);
    assert!(parse("x").unwrap_err().check::<ParseIntError>());
}

#[test]
fn a_failure_may_be_made_of_text_and_boxes() {
    assert_eq!(Failure::new("text").to_string(), "text");
    assert_eq!(Failure::new("owned".to_owned()).to_string(), "owned");
    let boxed: Box<dyn Error + Send + Sync> = Box::new(Cancelled);
    assert!(Failure::new(boxed).check::<Cancelled>());
}

#[test]
fn the_chain_follows_the_causes() {
    let failure = nested();
    let texts: Vec<_> = failure.chain().map(ToString::to_string).collect();
    assert_eq!(texts[0], "the outer one");
    assert_eq!(texts.last().unwrap(), "no disk");
    assert_eq!(error("alone").chain().count(), 1);
    assert_eq!(failure.as_error().to_string(), "the outer one");
    assert!(failure.as_error().source().is_some());
}

#[test]
fn display_shows_the_error_and_alternate_display_its_causes() {
    let failure: Failure = Outer(io::Error::other("no disk")).into();
    assert_eq!(format!("{failure}"), "the outer one");
    assert_eq!(format!("{failure:#}"), "the outer one: no disk");
}

#[test]
fn debug_is_a_report_with_causes() {
    let failure: Failure = Outer(io::Error::other("no disk")).into();
    let report = format!("{failure:?}");
    assert!(report.starts_with("the outer one"), "{report}");
    assert!(report.contains("no disk"), "{report}");
}

#[test]
fn the_errors_of_the_crate_say_what_happened() {
    assert_eq!(Cancelled.to_string(), "this Deferred was cancelled");
    assert!(Abandoned.to_string().contains("abandoned"));
    assert!(CircularWait.to_string().contains("waits for"));
    let after = std::time::Duration::from_millis(1500);
    assert_eq!(TimedOut::new(after).to_string(), "timed out after 1.5s");
    assert!(
        deferrous::AlreadyCalled
            .to_string()
            .contains("already called")
    );
    assert!(deferrous::NotPaused.to_string().contains("not paused"));
}

#[test]
fn a_first_error_leads_to_its_failure() {
    let failure = failure_of(gather_results([succeed(1), succeed(2), fail(nested())]));
    assert_eq!(failure.downcast_ref::<FirstError>().unwrap().index, 2);
    let texts: Vec<_> = failure.chain().map(ToString::to_string).collect();
    assert_eq!(texts[..2], ["Deferred number 2 failed", "the outer one"]);
}

#[test]
fn a_failure_may_go_to_another_thread() {
    let failure = nested();
    let back = thread::spawn(move || {
        assert!(failure.check::<Outer>());
        failure
    });
    assert!(back.join().unwrap().check::<Outer>());
}

#[test]
fn a_failure_is_one_word() {
    assert_eq!(size_of::<Failure>(), size_of::<usize>());
    assert_eq!(size_of::<Result<(), Failure>>(), size_of::<usize>());
}

#[test]
fn a_caught_panic_keeps_its_message() {
    let caught = std::panic::catch_unwind(|| panic!("no {}", 7)).unwrap_err();
    let failure = Failure::from_panic(caught);
    assert_eq!(failure.to_string(), "panicked: no 7");
    let panicked = failure.downcast_ref::<Panicked>().unwrap();
    assert!(format!("{panicked:?}").contains("no 7"));
}

#[test]
fn clones_are_the_same_failure() {
    let failure = nested();
    let same = failure.clone();
    let (one, other): (&Outer, &Outer) = (
        failure.downcast_ref().unwrap(),
        same.downcast_ref().unwrap(),
    );
    assert!(std::ptr::eq(one, other));
}

#[test]
fn a_shared_failure_can_be_trapped_and_is_moved_out_by_the_last() {
    let failure = nested();
    let same = failure.clone();
    let trapped = failure.trap::<Outer>().unwrap();
    assert_eq!(trapped.0.kind(), io::ErrorKind::NotFound);
    assert_eq!(trapped.to_string(), "the outer one");
    let failure = trapped.into_failure().downcast::<Outer>().unwrap_err();
    assert!(failure.check::<Outer>());
    drop(failure);
    assert!(same.downcast::<Outer>().is_ok());
}

#[test]
fn all_that_wait_for_one_result_may_get_the_same_error() {
    let waiting: Vec<_> = (0..3).map(|_| deferred::<u8>()).collect();
    let failure = nested();
    let errors = waiting.into_iter().map(|(trigger, d)| {
        trigger.errback(failure.clone()).unwrap();
        failure_of(d.add_errback(|failure| {
            let outer = failure.trap::<Outer>()?;
            assert_eq!(outer.0.kind(), io::ErrorKind::NotFound);
            Err(outer.into_failure())
        }))
    });
    let same = errors.collect::<Vec<_>>();
    let place = |failure: &Failure| std::ptr::from_ref::<Outer>(failure.downcast_ref().unwrap());
    assert!(same.iter().all(|each| place(each) == place(&failure)));
}

#[test]
fn a_context_is_a_message_and_changes_nothing_else() {
    let failure = Failure::from(io::Error::other("no disk"));
    let same = failure.clone();
    let failure = failure
        .context("loading")
        .context(format_args!("start {}", 1));
    assert_eq!(format!("{failure:#}"), "start 1: loading: no disk");
    assert_eq!(same.to_string(), "no disk");
    assert!(failure.check::<io::Error>());
    assert!(!failure.check::<Cancelled>());
    assert_eq!(failure.chain().count(), 3);
    assert!(format!("{failure:?}").contains("1: no disk"));
    let failure = failure.downcast::<io::Error>().unwrap_err();
    assert_eq!(
        failure.to_string(),
        "start 1",
        "the clone has the same error"
    );
    drop(same);
    let failure = failure.trap::<io::Error>().unwrap().into_failure();
    assert_eq!(
        failure.downcast::<io::Error>().unwrap().to_string(),
        "no disk"
    );
}

#[test]
fn a_box_has_the_error_unless_it_is_shared() {
    assert!(nested().into_boxed().is::<Outer>());
    let failure = nested();
    let same = failure.clone();
    let boxed = failure.into_boxed();
    assert!(boxed.downcast_ref::<Failure>().unwrap().check::<Outer>());
    drop(same);
    let boxed = nested().context("loading").into_boxed();
    assert_eq!(boxed.to_string(), "loading");
    assert!(Failure::new(boxed).check::<Outer>());
}

#[test]
fn a_million_contexts_need_no_stack() {
    in_small_stack(|| {
        let mut failure = nested();
        for _ in 0..scale::many(1_000_000) {
            failure = failure.context("again");
        }
        assert!(failure.check::<Outer>());
        drop(failure);
    });
}

/// Runs in a process of its own, whose environment decides.
#[test]
#[ignore = "started by the test below"]
fn captured_backtrace() {
    #[inline(never)]
    fn where_it_went_wrong() -> Failure {
        // Without a call in its place, which would take this function off the stack.
        std::hint::black_box(error("with a backtrace"))
    }
    let failure = where_it_went_wrong();
    let asked = env::var("RUST_BACKTRACE").unwrap() == "1";
    let status = failure.backtrace().status();
    let report = format!("{failure:?}");
    assert_eq!(status == BacktraceStatus::Captured, asked);
    assert_eq!(report.contains("Stack backtrace:"), asked);
    assert_eq!(report.contains("where_it_went_wrong"), asked);
    let kept = failure.downcast::<Cancelled>().unwrap_err();
    assert_eq!(kept.backtrace().status(), status);
    let kept = kept.context("while testing");
    assert_eq!(kept.backtrace().status(), status);
    let kept = Failure::new(Box::<dyn Error + Send + Sync>::from(kept));
    assert_eq!(kept.backtrace().status(), status);
    let without = Failure::without_backtrace("often");
    assert_eq!(without.backtrace().status(), BacktraceStatus::Disabled);
}

/// What ends Deferreds all the time, each made as programs and the crate make it.
#[test]
#[ignore = "started by the test below"]
fn control_flow_has_no_backtrace() {
    let after = std::time::Duration::from_secs(1);
    let (clock, (_trigger, waiting)) = (Clock::new(), deferred::<()>());
    let timed_out = waiting.add_timeout(after, &clock);
    clock.advance(after);
    let (last, abandoned) = deferred::<()>();
    drop(last);
    let (_other, cancelled) = deferred::<()>();
    cancelled.cancel();
    let (trigger, called) = deferred();
    trigger.callback(()).unwrap();
    let refused = succeed(()).chain_deferred(trigger);
    let failures = [
        failure_of(cancelled),
        failure_of(timed_out),
        failure_of(abandoned),
        failure_of(refused),
        failure_of(gather_results([called, fail(Cancelled)])),
        failure_of(race([fail::<()>(Cancelled)])),
        Cancelled.into(),
        Failure::new(TimedOut::new(after)),
        Failure::new(Box::<dyn Error + Send + Sync>::from(Abandoned)),
    ];
    for failure in failures {
        let status = failure.backtrace().status();
        assert_eq!(status, BacktraceStatus::Disabled, "{failure}");
    }
}

/// Runs an ignored test in a process that asks for backtraces, or does not.
#[track_caller]
fn run_alone(name: &str, backtrace: &str) {
    let status = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--quiet"])
        .env("RUST_BACKTRACE", backtrace)
        .env_remove("RUST_LIB_BACKTRACE")
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
    let ran = String::from_utf8_lossy(&status.stdout).contains("1 passed");
    assert!(ran, "{status:?}");
}

#[test]
fn the_environment_asks_for_the_backtrace() {
    for asked in ["0", "1"] {
        run_alone("captured_backtrace", asked);
    }
}

#[test]
fn the_environment_cannot_ask_for_backtraces_of_control_flow() {
    run_alone("control_flow_has_no_backtrace", "1");
}
