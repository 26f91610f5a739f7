//! In which order coroutines without a reactor go on that others have woken, and in which call.

use deferrous::{Failure, Origin, Reactor, capture_unhandled, deferred, run_ready, spawn};

use crate::{
    reactor_support::{Log, within_a_minute},
    value_of, woken_under_a_borrow,
};

#[test]
fn what_a_coroutine_wakes_goes_on_in_order_when_it_has_returned() {
    within_a_minute(|| {
        let log = Log::new();
        let (trigger, go) = deferred::<()>();
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..3).map(|_| async_channel::unbounded::<()>()).unzip();
        for (n, receiver) in (0..).zip(receivers) {
            let seen = log.clone();
            drop(spawn(async move {
                receiver.recv().await?;
                seen.add(n);
                Ok(())
            }));
        }
        let seen = log.clone();
        let first = spawn(async move {
            go.await?;
            for sender in senders {
                sender.try_send(()).unwrap();
            }
            // Spawning another one inside does not resume those that are ready.
            value_of(spawn(async { Ok(()) }));
            seen.add(10);
            Ok(())
        });
        trigger.callback(()).unwrap();
        assert_eq!(log.take(), [10, 0, 1, 2]);
        value_of(first);
        assert_eq!(run_ready(), 0);
    });
}

#[test]
fn spawning_and_firing_resume_what_was_ready() {
    within_a_minute(|| {
        let ready = || {
            let (future, act) = woken_under_a_borrow();
            let d = spawn(future);
            act();
            d
        };
        let d = ready();
        value_of(spawn(async { Ok(()) }));
        assert_eq!(value_of(d), 5);
        let (trigger, waited) = deferred::<()>();
        let waits = spawn(waited.into_future());
        let d = ready();
        trigger.callback(()).unwrap();
        assert_eq!(value_of(d), 5);
        value_of(waits);
    });
}

#[test]
fn run_ready_inside_a_coroutine_resumes_the_others() {
    within_a_minute(|| {
        let (future, act) = woken_under_a_borrow();
        let mut other = Some(spawn(future));
        let (sender, receiver) = async_channel::unbounded::<()>();
        let d = spawn(async move {
            sender.try_send(()).unwrap();
            receiver.recv().await?;
            let waits = receiver.recv();
            futures::pin_mut!(waits);
            assert!(futures::poll!(&mut waits).is_pending());
            // This wakes the coroutine itself, which is polled again after this poll.
            sender.try_send(()).unwrap();
            act();
            assert_eq!(run_ready(), 1);
            assert_eq!(value_of(other.take().unwrap()), 5);
            Ok(waits.await?)
        });
        value_of(d);
    });
}

#[test]
fn a_chain_of_channels_needs_no_stack() {
    let thread = std::thread::Builder::new().stack_size(256 * 1024);
    let passed = thread.spawn(|| {
        let (first, mut receiver) = async_channel::bounded::<u32>(1);
        for _ in 0..10_000 {
            let (sender, next) = async_channel::bounded(1);
            let before = std::mem::replace(&mut receiver, next);
            drop(spawn(async move {
                sender.try_send(before.recv().await? + 1)?;
                Ok(())
            }));
        }
        let last = spawn(async move { Ok(receiver.recv().await?) });
        first.try_send(0).unwrap();
        assert_eq!(run_ready(), 10_001);
        assert_eq!(value_of(last), 10_000);
    });
    passed.unwrap().join().unwrap();
}

#[test]
fn a_coroutine_on_another_thread_has_a_list_of_its_own() {
    within_a_minute(|| {
        let (future, act) = woken_under_a_borrow();
        let d = spawn(future);
        act();
        assert_eq!(std::thread::spawn(run_ready).join().unwrap(), 0);
        assert_eq!(run_ready(), 1);
        assert_eq!(value_of(d), 5);
    });
}

#[test]
fn a_failure_after_a_foreign_wake_is_reported() {
    within_a_minute(|| {
        let captured = capture_unhandled();
        let (sender, receiver) = async_channel::unbounded::<()>();
        drop(spawn::<()>(async move {
            receiver.recv().await?;
            Err(Failure::new("lost"))
        }));
        sender.try_send(()).unwrap();
        run_ready();
        let reported = captured.take();
        assert_eq!((reported.len(), reported[0].origin), (1, Origin::Deferred));
        assert_eq!(reported[0].failure.to_string(), "lost");
        assert!(Reactor::current().is_none());
    });
}
