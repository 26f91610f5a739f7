//! Links run in the order they were added. A value goes to the callback side, a failure to the
//! errback side; a missing side passes the outcome on. What the callback returns or raises is the
//! next outcome.

mod support;

use deferrous::{Failure, deferred, fail, maybe_deferred, succeed};
use support::{Trace, error, failure_of, value_of};

#[test]
fn links_run_in_the_order_they_were_added() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let d = d
        .add_both(trace.both("first"))
        .add_both(trace.both("second"))
        .add_both(trace.both("third"));
    assert!(trace.take().is_empty());
    trigger.callback(1).unwrap();
    assert_eq!(
        trace.take(),
        ["first value 1", "second value 1", "third value 1"]
    );
    assert_eq!(value_of(d), 1);
}

#[test]
fn each_link_gets_what_the_one_before_returned() {
    let (trigger, d) = deferred();
    let d = d
        .map(|n: i32| n + 1)
        .add_callback(|n| Ok(n * 10))
        .add_both(|result| Ok(result? + 3))
        .map(|n| n.to_string());
    trigger.callback(1).unwrap();
    assert_eq!(value_of(d), "23");
}

#[test]
fn many_links_keep_their_order() {
    let trace = Trace::new();
    let (trigger, mut d) = deferred();
    for index in 0..100 {
        let trace = trace.clone();
        d = d.map(move |n: i32| {
            trace.note(index);
            assert_eq!(n, index);
            n + 1
        });
    }
    trigger.callback(0).unwrap();
    assert_eq!(value_of(d), 100);
    let expected: Vec<String> = (0..100).map(|index| index.to_string()).collect();
    assert_eq!(trace.take(), expected);
}

#[test]
fn a_value_passes_an_errback() {
    let d = succeed(1).add_errback(|_| -> Result<i32, Failure> { panic!("not for values") });
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_failure_passes_a_callback() {
    let d = fail::<i32>(error("no"))
        .add_callback(|_| -> Result<String, Failure> { panic!("not for failures") })
        .map(|_| panic!("not for failures either"));
    let d: deferrous::Deferred<u8> = d;
    assert_eq!(failure_of(d).to_string(), "no");
}

#[test]
fn of_a_pair_one_side_runs() {
    let sides = |d: deferrous::Deferred<i32>| {
        value_of(d.add_callbacks(|n| Ok(format!("value {n}")), |f| Ok(format!("failure {f}"))))
    };
    assert_eq!(sides(succeed(1)), "value 1");
    assert_eq!(sides(fail(error("no"))), "failure no");
}

#[test]
fn a_callback_that_returns_an_error_fails_the_next_link() {
    let d = succeed("x")
        .add_callback(|text| Ok(text.parse::<u8>()?))
        .add_callbacks(
            |_| Ok("a number".to_owned()),
            |failure| {
                assert!(failure.check::<std::num::ParseIntError>());
                Ok("no number".to_owned())
            },
        );
    assert_eq!(value_of(d), "no number");
}

#[test]
fn the_error_of_a_callback_does_not_go_to_its_own_errback() {
    let d = succeed(1).add_callbacks(
        |_| Err(error("from the callback")),
        |_| -> Result<i32, Failure> { panic!("the errback beside it") },
    );
    assert_eq!(failure_of(d).to_string(), "from the callback");
}

#[test]
fn an_errback_that_returns_a_value_goes_on_with_it() {
    let d = fail(error("no")).add_errback(|_| Ok(3)).map(|n| n + 1);
    assert_eq!(value_of(d), 4);
}

#[test]
fn an_errback_that_fails_goes_on_with_its_failure() {
    let d = fail::<i32>(error("first"))
        .add_errback(|failure| Err(error(&format!("after {failure}"))))
        .add_callback(|_| -> Result<i32, Failure> { panic!("not for failures") });
    assert_eq!(failure_of(d).to_string(), "after first");
}

#[test]
fn a_callback_may_return_nothing() {
    let trace = Trace::new();
    let seen = trace.clone();
    let d = succeed(1).add_callback(move |n| seen.note(n));
    value_of(d);
    assert_eq!(trace.take(), ["1"]);
}

#[test]
fn the_road_switches_between_values_and_failures() {
    let trace = Trace::new();
    let d = succeed(1)
        .add_both(trace.both("a"))
        .add_callback(|_| Err::<i32, _>(error("b")))
        .add_both(trace.both("c"))
        .add_errback(|_| Ok(2))
        .add_both(trace.both("d"))
        .add_callback(|n| succeed(n + 1))
        .add_both(trace.both("e"));
    assert_eq!(value_of(d), 3);
    assert_eq!(
        trace.take(),
        ["a value 1", "c failure b", "d value 2", "e value 3"]
    );
}

#[test]
fn values_of_any_size_and_alignment_arrive() {
    #[repr(align(64))]
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Aligned(u8);
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Big([u64; 64]);

    let big = Big(std::array::from_fn(|index| index as u64));
    let d = succeed(())
        .map(move |()| big)
        .map(move |got| (assert_eq!(got, big), Aligned(7)).1)
        .map(|aligned| {
            assert_eq!(&raw const aligned as usize % 64, 0);
            (aligned.0, "text".to_owned(), vec![1])
        })
        .map(|(n, text, list)| Box::new((n, text, list)));
    assert_eq!(*value_of(d), (7, "text".to_owned(), vec![1]));
}

#[test]
fn links_may_own_much() {
    let table = [3_u64; 100];
    let (trigger, d) = deferred();
    let d = d.map(move |index: usize| table[index]).map(|n| n + 1);
    trigger.callback(99).unwrap();
    assert_eq!(value_of(d), 4);
}

#[test]
fn maybe_deferred_takes_whatever_a_callback_may_return() {
    assert_eq!(value_of(maybe_deferred(|| Ok(1))), 1);
    assert_eq!(value_of(maybe_deferred(|| succeed(2))), 2);
    value_of(maybe_deferred(|| ()));
    let failed = maybe_deferred(|| Err::<i32, _>(error("no")));
    assert_eq!(failure_of(failed).to_string(), "no");
}
