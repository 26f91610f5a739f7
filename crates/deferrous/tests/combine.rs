//! Many Deferreds into one.

mod support;

use deferrous::{
    Abandoned, AllFailed, Cancelled, Deferred, DeferredLock, FirstError, ListOptions, Listed,
    LockPermit, Trigger, capture_unhandled, deferred, deferred_list, deferred_with_canceller, fail,
    gather_results, gather_results_or_cancel, race, succeed,
};
use support::{Trace, error, failure_of, messages, result_of, value_of};

fn several(count: usize) -> (Vec<Trigger<i32>>, Vec<Deferred<i32>>) {
    (0..count).map(|_| deferred()).unzip()
}

fn first_error(d: Deferred<impl Sized + 'static>) -> (usize, String) {
    let first = failure_of(d).trap::<FirstError>().unwrap();
    (first.index, first.failure.to_string())
}

fn listed(d: Deferred<Listed<i32>>) -> Vec<Result<i32, String>> {
    let all = value_of(d).into_all().unwrap();
    let text = |result: Result<i32, deferrous::Failure>| result.map_err(|f| f.to_string());
    all.into_iter().map(text).collect()
}

fn no_deferreds() -> [Deferred<i32>; 0] {
    []
}

#[test]
fn a_list_has_every_result_in_input_order() {
    let (triggers, ds) = several(3);
    let list = deferred_list(ds, ListOptions::new());
    triggers[2].callback(2).unwrap();
    triggers[0].callback(0).unwrap();
    assert!(!list.is_called());
    triggers[1].errback(error("one")).unwrap();
    assert_eq!(listed(list), [Ok(0), Err("one".to_owned()), Ok(2)]);
}

#[test]
fn a_list_of_fired_deferreds_fires_at_once() {
    let list = deferred_list([succeed(1), fail(error("no"))], ListOptions::new());
    assert_eq!(listed(list), [Ok(1), Err("no".to_owned())]);
}

#[test]
fn an_empty_list_fires_at_once() {
    let every = ListOptions::new()
        .fire_on_one_callback()
        .fire_on_one_errback();
    for options in [ListOptions::new(), every] {
        assert!(listed(deferred_list(no_deferreds(), options)).is_empty());
    }
}

#[test]
fn a_list_may_fire_on_one_callback() {
    let (triggers, ds) = several(3);
    let options = ListOptions::new().fire_on_one_callback();
    let list = deferred_list(ds, options);
    triggers[0].errback(error("no")).unwrap();
    assert!(!list.is_called());
    triggers[1].callback(7).unwrap();
    let first = value_of(list);
    assert!(matches!(first, Listed::First { index: 1, value: 7 }));
    assert!(first.into_all().is_none());
    assert!(!triggers[2].is_called());
}

#[test]
fn a_list_that_fires_on_one_callback_has_all_results_if_none_succeeds() {
    let failed = [fail(error("a")), fail(error("b"))];
    let list = deferred_list(failed, ListOptions::new().fire_on_one_callback());
    assert_eq!(listed(list), [Err("a".to_owned()), Err("b".to_owned())]);
}

#[test]
fn a_list_may_fire_on_one_errback() {
    let (triggers, ds) = several(3);
    let list = deferred_list(ds, ListOptions::new().fire_on_one_errback());
    triggers[0].callback(0).unwrap();
    assert!(!list.is_called());
    triggers[1].errback(error("one")).unwrap();
    assert_eq!(first_error(list), (1, "one".to_owned()));
    assert!(!triggers[2].is_called());
}

#[test]
fn a_list_that_fires_on_one_errback_has_all_results_if_none_fails() {
    let list = deferred_list(
        [succeed(1), succeed(2)],
        ListOptions::new().fire_on_one_errback(),
    );
    assert_eq!(listed(list), [Ok(1), Ok(2)]);
}

#[test]
fn failures_after_a_list_has_fired_are_reported() {
    let captured = capture_unhandled();
    let (triggers, ds) = several(2);
    let list = deferred_list(ds, ListOptions::new().fire_on_one_errback());
    triggers[0].errback(error("first")).unwrap();
    triggers[1].errback(error("late")).unwrap();
    assert_eq!(first_error(list).1, "first");
    assert_eq!(messages(&captured), ["late"]);
}

#[test]
fn failures_after_a_list_has_fired_may_be_consumed() {
    let captured = capture_unhandled();
    let (triggers, ds) = several(2);
    let options = ListOptions::new().fire_on_one_errback().consume_errors();
    let list = deferred_list(ds, options);
    triggers[0].errback(error("first")).unwrap();
    triggers[1].errback(error("late")).unwrap();
    assert_eq!(first_error(list).1, "first");
    drop(triggers);
    assert!(captured.take().is_empty());
}

#[test]
fn cancelling_a_list_cancels_all_of_its_inputs() {
    let captured = capture_unhandled();
    let (triggers, ds) = several(2);
    let list = deferred_list(ds, ListOptions::new());
    list.cancel();
    assert!(triggers.iter().all(Trigger::is_called));
    let cancelled = Cancelled.to_string();
    assert_eq!(listed(list), [Err(cancelled.clone()), Err(cancelled)]);
    assert!(captured.take().is_empty());
}

#[test]
fn a_cancelled_list_keeps_what_had_come() {
    let (_trigger, waiting) = deferred();
    let list = deferred_list([succeed(1), waiting], ListOptions::new());
    list.cancel();
    assert_eq!(listed(list), [Ok(1), Err(Cancelled.to_string())]);
}

#[test]
fn an_abandoned_input_is_a_failure_in_the_list() {
    let (trigger, d) = deferred::<i32>();
    let list = deferred_list([d], ListOptions::new());
    drop(trigger);
    assert_eq!(listed(list), [Err(Abandoned.to_string())]);
}

#[test]
fn gathered_values_come_in_input_order() {
    let (triggers, ds) = several(3);
    let all = gather_results(ds);
    for index in [1, 2, 0] {
        assert!(!all.is_called());
        triggers[index].callback(index as i32).unwrap();
    }
    assert_eq!(value_of(all), [0, 1, 2]);
}

#[test]
fn gathering_nothing_fires_at_once() {
    assert!(value_of(gather_results(no_deferreds())).is_empty());
    assert!(value_of(gather_results_or_cancel(no_deferreds())).is_empty());
}

#[test]
fn gathering_fails_with_the_first_failure_and_leaves_the_others_alone() {
    let captured = capture_unhandled();
    let (triggers, ds) = several(3);
    let all = gather_results(ds);
    triggers[1].errback(error("one")).unwrap();
    assert_eq!(first_error(all), (1, "one".to_owned()));
    assert!(!triggers[0].is_called() && !triggers[2].is_called());
    triggers[0].callback(0).unwrap();
    triggers[2].errback(error("two")).unwrap();
    assert_eq!(messages(&captured), ["two"]);
}

#[test]
fn gathering_or_cancelling_cancels_the_others_in_silence() {
    let captured = capture_unhandled();
    let trace = Trace::new();
    let seen = trace.clone();
    let (_slow_trigger, slow) = deferred_with_canceller::<i32>(move |_| seen.note("cancelled"));
    let (trigger, quick) = deferred();
    let all = gather_results_or_cancel([slow, quick]);
    trigger.errback(error("quick")).unwrap();
    assert_eq!(trace.take(), ["cancelled"]);
    assert_eq!(first_error(all), (1, "quick".to_owned()));
    assert!(captured.take().is_empty());
}

#[test]
fn cancelling_a_gathering_cancels_all_of_its_inputs() {
    let captured = capture_unhandled();
    let (triggers, ds) = several(3);
    let all = gather_results(ds);
    all.cancel();
    assert!(triggers.iter().all(Trigger::is_called));
    assert_eq!(first_error(all), (0, Cancelled.to_string()));
    assert!(captured.take().is_empty());
}

#[test]
fn the_first_value_wins_the_race_and_the_others_are_cancelled() {
    let captured = capture_unhandled();
    let trace = Trace::new();
    let seen = trace.clone();
    let (_slow_trigger, slow) = deferred_with_canceller::<i32>(move |_| seen.note("cancelled"));
    let (trigger, quick) = deferred();
    let winner = race([slow, quick]).map(|(index, value)| format!("{index}: {value}"));
    let winner = winner.add_both(trace.both("winner"));
    trigger.callback(5).unwrap();
    assert_eq!(trace.take(), ["cancelled", "winner value 1: 5"]);
    assert_eq!(value_of(winner), "1: 5");
    assert!(captured.take().is_empty());
}

#[test]
fn a_failure_does_not_end_a_race() {
    let (triggers, ds) = several(2);
    let winner = race(ds);
    triggers[0].errback(error("zero")).unwrap();
    assert!(!winner.is_called());
    triggers[1].callback(1).unwrap();
    assert_eq!(value_of(winner), (1, 1));
}

#[test]
fn a_race_that_all_lose_has_all_failures_in_input_order() {
    let (triggers, ds) = several(3);
    let winner = race(ds);
    for index in [2, 0, 1] {
        assert!(!winner.is_called());
        let failure = error(&index.to_string());
        triggers[index].errback(failure).unwrap();
    }
    let all = failure_of(winner).trap::<AllFailed>().unwrap();
    let texts: Vec<_> = all.failures.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["0", "1", "2"]);
    assert_eq!(all.to_string(), "all 3 Deferreds failed");
}

#[test]
fn nobody_can_win_a_race_without_runners() {
    let all = failure_of(race(no_deferreds()))
        .trap::<AllFailed>()
        .unwrap();
    assert!(all.failures.is_empty());
}

#[test]
fn of_fired_deferreds_the_first_in_the_input_wins() {
    let captured = capture_unhandled();
    let runners = [fail(error("no")), succeed(1), succeed(2), fail(error("no"))];
    assert_eq!(value_of(race(runners)), (1, 1));
    assert!(captured.take().is_empty());
}

#[test]
fn cancelling_a_race_cancels_all_of_its_inputs() {
    let captured = capture_unhandled();
    let (triggers, ds) = several(2);
    let winner = race(ds);
    winner.cancel();
    assert!(triggers.iter().all(Trigger::is_called));
    let all = failure_of(winner).trap::<AllFailed>().unwrap();
    assert!(all.failures.iter().all(|f| f.check::<Cancelled>()));
    assert!(captured.take().is_empty());
}

#[test]
fn a_canceller_may_still_win_a_cancelled_race() {
    let (_trigger, d) = deferred_with_canceller(|trigger| trigger.callback(9).unwrap());
    let (_other_trigger, other) = deferred();
    let winner = race([other, d]);
    winner.cancel();
    assert_eq!(value_of(winner), (1, 9));
}

#[test]
fn combining_waits_for_what_the_inputs_wait_for() {
    let (trigger, inner) = deferred::<i32>();
    let waiting = succeed(()).add_callback(|()| inner);
    let all = gather_results([waiting, succeed(2)]);
    assert!(!all.is_called());
    trigger.callback(1).unwrap();
    assert_eq!(value_of(all), [1, 2]);
}

#[test]
fn cancelling_reaches_what_the_inputs_wait_for() {
    let trace = Trace::new();
    let seen = trace.clone();
    let (_trigger, inner) = deferred_with_canceller::<i32>(move |_| seen.note("cancelled"));
    let all = gather_results([succeed(()).add_callback(|()| inner)]);
    all.cancel();
    assert_eq!(trace.take(), ["cancelled"]);
    assert!(result_of(all).is_err());
}

#[test]
fn combined_deferreds_combine_again() {
    let (triggers, ds) = several(4);
    let mut ds = ds.into_iter();
    let pairs = [(); 2].map(|()| gather_results(ds.by_ref().take(2).collect::<Vec<_>>()));
    let all = gather_results(pairs);
    for (index, trigger) in triggers.iter().enumerate() {
        trigger.callback(index as i32).unwrap();
    }
    assert_eq!(value_of(all), [[0, 1], [2, 3]]);
}

#[test]
fn values_that_nobody_gets_any_more_are_dropped_at_once() {
    let lock = DeferredLock::new();
    let (trigger, failing) = deferred::<LockPermit>();
    let (_never, pending) = deferred();
    let all = gather_results([lock.acquire(), failing, pending]);
    trigger.errback(error("no")).unwrap();
    assert!(!lock.is_locked());
    assert_eq!(first_error(all), (1, "no".to_owned()));

    let (trigger, failing) = deferred::<LockPermit>();
    let (_never, pending) = deferred();
    let options = ListOptions::new().fire_on_one_errback();
    let all = deferred_list([lock.acquire(), failing, pending], options);
    trigger.errback(error("no")).unwrap();
    assert!(!lock.is_locked());
    assert_eq!(first_error(all), (1, "no".to_owned()));
}

#[test]
fn a_value_after_the_failure_is_dropped() {
    let lock = DeferredLock::new();
    let (trigger, late) = deferred::<LockPermit>();
    let (_never, pending) = deferred();
    let all = gather_results([fail(error("no")), late, pending]);
    let permit = value_of(lock.acquire());
    trigger.callback(permit).unwrap();
    assert!(!lock.is_locked());
    assert_eq!(first_error(all), (0, "no".to_owned()));
}
