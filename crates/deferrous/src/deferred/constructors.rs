//! The ways to a Deferred.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    cell::{Canceller, CellData, Outcome},
    returns::CallbackResult,
    trigger::Trigger,
    typed::Deferred,
};
use crate::{chain::State, failure::Failure};

/// Makes a Deferred: the end that fires it and the end that waits. Twisted's `Deferred()`.
///
/// ```
/// let (trigger, d) = deferrous::deferred::<u64>();
/// let d = d.map(|n| println!("it is {n}"));
/// trigger.callback(42)?; // prints "it is 42"
/// assert!(d.is_called());
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[inline]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn deferred<T: 'static>() -> (Trigger<T>, Deferred<T>) {
    let cell = CellData::new::<T>("deferred", || State::new(None));
    (Trigger::new(cell.clone()), Deferred::from_cell(cell))
}

/// Makes a Deferred whose work can be given up: Twisted's `Deferred(canceller)`.
///
/// [`Deferred::cancel`] calls `canceller`, at most once and only before the Deferred is fired. The
/// canceller should stop the work. It may fire the Deferred with the trigger it is given; if it
/// does not, the Deferred fails with [`Cancelled`](crate::Cancelled). A panic in it fails the
/// Deferred too. When the Deferred fires, the canceller is dropped.
///
/// ```
/// use deferrous::{deferred_with_canceller, succeed};
/// let (_trigger, d) = deferred_with_canceller(|trigger| {
///     let _ = trigger.callback("half of it");
/// });
/// d.cancel();
/// assert_eq!(d.into_result().unwrap().unwrap(), "half of it");
/// ```
#[cfg_attr(feature = "inspect", track_caller)]
pub fn deferred_with_canceller<T: 'static>(
    canceller: impl FnOnce(&Trigger<T>) + 'static,
) -> (Trigger<T>, Deferred<T>) {
    let canceller = Canceller::new(move |cell| canceller(&Trigger::new(cell.clone())));
    let cell = CellData::new::<T>("deferred_with_canceller", || State::new(Some(canceller)));
    (Trigger::new(cell.clone()), Deferred::from_cell(cell))
}

/// Makes a Deferred that has fired with a value; Twisted's `succeed`.
///
/// For functions that may need to wait one day, or whose siblings do.
///
/// ```
/// use deferrous::{Deferred, succeed};
/// fn is_valid_user(user: &str) -> Deferred<bool> {
///     succeed(["Alice", "Angus", "Agnes"].contains(&user))
/// }
/// assert!(is_valid_user("Alice").into_result().unwrap().unwrap());
/// ```
#[inline]
#[must_use = "a Deferred that has fired does nothing by itself"]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn succeed<T: 'static>(value: T) -> Deferred<T> {
    Deferred::from_cell(CellData::new::<T>("succeed", || {
        State::fired(Outcome::value(value))
    }))
}

/// Makes a Deferred that has fired with a failure; Twisted's `fail`.
///
/// ```
/// let d = deferrous::fail::<u8>(std::io::Error::other("no disk"));
/// assert!(d.into_result().unwrap().is_err());
/// ```
#[inline]
#[must_use = "dropping it reports the failure as unhandled"]
#[cfg_attr(feature = "inspect", track_caller)]
pub fn fail<T: 'static>(failure: impl Into<Failure>) -> Deferred<T> {
    Deferred::from_cell(CellData::new::<T>("fail", || {
        State::fired(Outcome::Failure(failure.into()))
    }))
}

/// Calls a function and makes a Deferred of what comes of it; Twisted's `maybeDeferred`.
///
/// The function may return `()`, a `Result`, or a Deferred, which is waited for. A panic becomes a
/// failure.
///
/// ```
/// use deferrous::{Failure, Panicked, maybe_deferred, succeed};
/// assert!(maybe_deferred(|| Ok("7".parse::<u8>()?)).into_result().unwrap().is_ok());
/// assert!(maybe_deferred(|| succeed(7)).into_result().unwrap().is_ok());
/// let failure = maybe_deferred(|| -> Result<(), Failure> { panic!("no") }).into_result().unwrap().unwrap_err();
/// assert!(failure.check::<Panicked>());
/// ```
#[must_use = "dropping it leaves a failure of the function unhandled"]
pub fn maybe_deferred<R: CallbackResult>(function: impl FnOnce() -> R) -> Deferred<R::Value> {
    catch_unwind(AssertUnwindSafe(|| function().into_deferred()))
        .unwrap_or_else(|panic| fail(Failure::from_panic(panic)))
}
