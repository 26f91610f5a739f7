//! Cancelling, pausing, firing and adding are all allowed from inside any callback or canceller, of
//! the same Deferred or another.

mod support;

use std::{cell::RefCell, rc::Rc};

use deferrous::{
    AlreadyCalled, Cancelled, Deferred, capture_unhandled, deferred, deferred_with_canceller,
    succeed,
};
use support::{Trace, failure_of, value_of};

type Slot<T> = Rc<RefCell<Option<Deferred<T>>>>;

#[test]
fn a_callback_may_fire_another_deferred() {
    let trace = Trace::new();
    let (trigger, d) = deferred();
    let (other_trigger, other) = deferred();
    let other = other.add_both(trace.both("other"));
    let seen = trace.clone();
    let d = d.map(move |n: i32| {
        other_trigger.callback(n + 1).unwrap();
        seen.note("fired");
        n
    });
    let d = d.add_both(trace.both("own"));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["other value 2", "fired", "own value 1"]);
    drop((d, other));
}

#[test]
fn a_callback_may_cancel_another_deferred() {
    let trace = Trace::new();
    let (_other_trigger, other) = deferred::<i32>();
    let handle = other.cancel_handle();
    let other = other.add_both(trace.both("other"));
    let d = succeed(1).map(move |n| {
        handle.cancel();
        n
    });
    assert_eq!(value_of(d), 1);
    assert_eq!(trace.take(), ["other failure this Deferred was cancelled"]);
    assert!(failure_of(other).check::<Cancelled>());
}

#[test]
fn cancelling_its_own_deferred_from_a_callback_does_nothing() {
    let (trigger, d) = deferred();
    let handle = d.cancel_handle();
    let d = d.map(move |n: i32| {
        handle.cancel();
        n + 1
    });
    trigger.callback(1).unwrap();
    assert_eq!(trigger.callback(2), Err(AlreadyCalled));
    assert_eq!(value_of(d), 2);
}

#[test]
fn cancelling_the_outer_one_from_a_callback_of_the_inner_one_does_nothing() {
    let (inner_trigger, inner) = deferred::<i32>();
    let outer: Slot<i32> = Rc::default();
    let waiting = outer.clone();
    let inner = inner.map(move |n| {
        waiting.borrow().as_ref().unwrap().cancel();
        n + 1
    });
    outer.replace(Some(succeed(()).add_callback(|()| inner)));
    inner_trigger.callback(1).unwrap();
    assert_eq!(value_of(outer.take().unwrap()), 2);
}

#[test]
fn the_canceller_may_cancel_again() {
    let trace = Trace::new();
    let own: Slot<i32> = Rc::default();
    let (handle, seen) = (own.clone(), trace.clone());
    let (_trigger, d) = deferred_with_canceller(move |_| {
        seen.note("canceller");
        handle.borrow().as_ref().unwrap().cancel();
        seen.note("again");
    });
    own.replace(Some(d));
    own.borrow().as_ref().unwrap().cancel();
    assert_eq!(trace.take(), ["canceller", "again"]);
    assert!(failure_of(own.take().unwrap()).check::<Cancelled>());
}

#[test]
fn the_canceller_may_add_a_link() {
    let trace = Trace::new();
    let own: Slot<i32> = Rc::default();
    let (handle, seen) = (own.clone(), trace.clone());
    let (_trigger, d) = deferred_with_canceller(move |_| {
        let d = handle.take().unwrap().add_both(seen.both("added"));
        handle.replace(Some(d));
        seen.note("canceller");
    });
    let canceller = d.cancel_handle();
    own.replace(Some(d));
    canceller.cancel();
    assert_eq!(
        trace.take(),
        ["canceller", "added failure this Deferred was cancelled"]
    );
    assert!(failure_of(own.take().unwrap()).check::<Cancelled>());
}

#[test]
fn the_canceller_may_pause() {
    let trace = Trace::new();
    let own: Slot<i32> = Rc::default();
    let handle = own.clone();
    let (_trigger, d) = deferred_with_canceller(move |_| handle.borrow().as_ref().unwrap().pause());
    own.replace(Some(d.add_both(trace.both("link"))));
    own.borrow().as_ref().unwrap().cancel();
    assert!(trace.take().is_empty());
    own.borrow().as_ref().unwrap().unpause().unwrap();
    assert_eq!(trace.take(), ["link failure this Deferred was cancelled"]);
    assert!(failure_of(own.take().unwrap()).check::<Cancelled>());
}

#[test]
fn a_canceller_may_fire_and_fire_again() {
    let trace = Trace::new();
    let seen = trace.clone();
    let (_trigger, d) = deferred_with_canceller(move |trigger| {
        seen.note(format_args!("{:?}", trigger.callback(1)));
        seen.note(format_args!("{:?}", trigger.callback(2)));
    });
    d.cancel();
    assert_eq!(trace.take(), ["Ok(())", "Err(AlreadyCalled)"]);
    assert_eq!(value_of(d), 1);
}

#[test]
fn a_canceller_may_cancel_another_deferred() {
    let (_a_trigger, a) = deferred::<i32>();
    let a_handle = a.cancel_handle();
    let (_b_trigger, b) = deferred_with_canceller::<i32>(move |_| a_handle.cancel());
    b.cancel();
    assert!(failure_of(a).check::<Cancelled>());
    assert!(failure_of(b).check::<Cancelled>());
}

#[test]
fn two_cancellers_may_cancel_each_other() {
    let trace = Trace::new();
    let a: Slot<i32> = Rc::default();
    let b: Slot<i32> = Rc::default();
    let cancels = |name, other: &Slot<i32>| {
        let (other, trace) = (other.clone(), trace.clone());
        deferred_with_canceller::<i32>(move |_| {
            trace.note(name);
            other.borrow().as_ref().unwrap().cancel();
        })
    };
    let (_a_trigger, first) = cancels("a", &b);
    let (_b_trigger, second) = cancels("b", &a);
    a.replace(Some(first));
    b.replace(Some(second));
    a.borrow().as_ref().unwrap().cancel();
    assert_eq!(trace.take(), ["a", "b"]);
    assert!(failure_of(a.take().unwrap()).check::<Cancelled>());
    assert!(failure_of(b.take().unwrap()).check::<Cancelled>());
}

#[test]
fn a_callback_may_unpause_another_deferred() {
    let trace = Trace::new();
    let paused = succeed(1);
    paused.pause();
    let paused = paused.add_both(trace.both("paused"));
    let slot: Slot<i32> = Rc::new(RefCell::new(Some(paused)));
    let (handle, seen) = (slot.clone(), trace.clone());
    value_of(succeed(()).add_callback(move |()| {
        handle.borrow().as_ref().unwrap().unpause().unwrap();
        seen.note("unpaused");
    }));
    assert_eq!(trace.take(), ["paused value 1", "unpaused"]);
    drop(slot.take());
}

#[test]
fn a_callback_may_drop_the_handle_of_its_own_deferred() {
    let trace = Trace::new();
    let captured = capture_unhandled();
    let own: Slot<i32> = Rc::default();
    let (trigger, d) = deferred();
    let handle = own.clone();
    let d = d
        .map(move |n: i32| {
            drop(handle.take());
            n
        })
        .add_both(trace.both("next"))
        .add_callback(|_| Err(support::error("last")));
    own.replace(Some(d));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["next value 1"]);
    assert_eq!(support::messages(&captured), ["last"]);
}

#[test]
fn a_callback_may_own_its_own_trigger() {
    let (trigger, d) = deferred::<i32>();
    let own = trigger.clone();
    let d = d.map(move |n| n + i32::from(own.is_called()));
    trigger.callback(1).unwrap();
    drop(trigger);
    assert_eq!(value_of(d), 2);
}

#[test]
fn a_callback_may_take_the_result_of_another_deferred() {
    let slot: Slot<i32> = Rc::new(RefCell::new(Some(succeed(5))));
    let taken = slot.clone();
    let d = succeed(1).map(move |n| n + value_of(taken.take().unwrap()));
    assert_eq!(value_of(d), 6);
}

#[test]
fn a_running_deferred_has_no_result_to_take() {
    let trace = Trace::new();
    let own: Slot<i32> = Rc::default();
    let (trigger, d) = deferred();
    let (handle, seen) = (own.clone(), trace.clone());
    let d = d.map(move |n: i32| {
        let d = handle.take().unwrap().into_result().unwrap_err();
        seen.note("not yet");
        handle.replace(Some(d));
        n
    });
    own.replace(Some(d));
    trigger.callback(1).unwrap();
    assert_eq!(trace.take(), ["not yet"]);
    assert_eq!(value_of(own.take().unwrap()), 1);
}

#[test]
fn a_callback_may_fire_what_its_own_deferred_will_wait_for() {
    let (inner_trigger, inner) = deferred::<i32>();
    let (trigger, d) = deferred::<i32>();
    let d = d.add_callback(move |n| {
        inner_trigger.callback(n + 1).unwrap();
        inner
    });
    trigger.callback(1).unwrap();
    assert_eq!(value_of(d), 2);
}

#[test]
fn the_inner_ones_links_may_be_run_by_a_callback_of_the_outer_one() {
    let trace = Trace::new();
    let (inner_trigger, inner) = deferred::<i32>();
    let (next_trigger, next) = deferred::<i32>();
    let outer = succeed(()).add_callback(|()| inner).add_callback(move |n| {
        next_trigger.callback(n * 2).unwrap();
        next
    });
    let outer = outer.add_both(trace.both("outer"));
    inner_trigger.callback(4).unwrap();
    assert_eq!(trace.take(), ["outer value 8"]);
    drop(outer);
}

#[test]
fn firing_nests_as_deep_as_callbacks_do() {
    let trace = Trace::new();
    let (triggers, ds): (Vec<_>, Vec<_>) = (0..50).map(|_| deferred::<usize>()).unzip();
    let kept: Vec<_> = ds
        .into_iter()
        .enumerate()
        .map(|(index, d)| {
            let next = triggers.get(index + 1).cloned();
            let trace = trace.clone();
            d.map(move |n| {
                if let Some(next) = next {
                    next.callback(n + 1).unwrap();
                }
                trace.note(n);
            })
        })
        .collect();
    triggers[0].callback(0).unwrap();
    let expected: Vec<_> = (0..50).rev().map(|n: usize| n.to_string()).collect();
    assert_eq!(trace.take(), expected);
    drop(kept);
}

#[test]
fn one_that_is_on_its_way_through_its_links_is_waited_for() {
    let (trigger, d) = deferred::<()>();
    let (other_trigger, other) = deferred::<()>();
    let slot: Slot<String> = Rc::default();
    let given = slot.clone();
    let other = other.add_callback(move |()| given.take().unwrap());
    slot.replace(Some(
        d.chain_deferred(other_trigger).map(|()| "x".to_owned()),
    ));
    trigger.callback(()).unwrap();
    assert_eq!(value_of(other), "x");
}

#[test]
fn one_whose_canceller_is_being_dropped_is_waited_for() {
    struct Returns(Slot<String>, Slot<String>);
    impl Drop for Returns {
        fn drop(&mut self) {
            let given = self.0.clone();
            let d = succeed(()).add_callback(move |()| given.take().unwrap());
            self.1.replace(Some(d));
        }
    }
    let (slot, outer) = (Slot::default(), Slot::default());
    let returns = Returns(slot.clone(), outer.clone());
    let (trigger, d) = deferred_with_canceller::<i32>(move |_| drop(returns));
    slot.replace(Some(d.map(|n| n.to_string())));
    trigger.callback(1).unwrap();
    assert_eq!(value_of(outer.take().unwrap()), "1");
}
