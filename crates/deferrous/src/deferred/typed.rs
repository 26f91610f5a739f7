//! `Deferred<T>`: the handle, and what can be done with it besides adding to the chain.

use std::{fmt, marker::PhantomData};

use super::{
    cell::{CellData, Closures, DeferredCell, Outcome},
    describe::describe,
    handles::{CancelHandle, PauseGuard},
};
use crate::{
    chain::{self, State, Step},
    control_flow::NotPaused,
    failure::Failure,
    inspect,
};

/// A value that is not there yet, with a chain of callbacks that wait for it; Twisted's `Deferred`.
///
/// [`deferred`](crate::deferred()) makes one together with the [`Trigger`](crate::Trigger) that fires it. Each `add_` method appends a
/// link to the chain, and takes and returns the handle, whose type follows the value: a chain has
/// one end, and a handle that was moved cannot fork it. The links run in order when the Deferred is
/// fired, or at once if it has been.
///
/// Dropping the handle ends the adding, not the chain: the callbacks still run. If the chain ends
/// with a failure that nothing has taken, it is reported (see
/// [`set_unhandled_handler`](crate::set_unhandled_handler)).
///
/// A Deferred belongs to the thread that made it.
///
/// ```
/// use deferrous::{Failure, deferred};
///
/// fn parse(text: String) -> Result<u16, Failure> {
///     Ok(text.trim().parse()?)
/// }
///
/// let (trigger, d) = deferred::<String>();
/// let d = d
///     .add_callback(parse)
///     .add_errback(|failure| {
///         failure.trap::<std::num::ParseIntError>()?;
///         Ok(80)
///     })
///     .map(|port| format!("listening on {port}"));
/// trigger.callback("80 80".to_owned())?;
/// assert_eq!(d.into_result().unwrap()?, "listening on 80");
/// # Ok::<(), Failure>(())
/// ```
pub struct Deferred<T> {
    handle: Handle,
    /// Invariant, because the value in the cell is asked for its type: `for<'a> fn(&'a u8)` is a
    /// subtype of `fn(&'static u8)`, and another type.
    _value: PhantomData<fn(T) -> T>,
}

/// The one handle that can add links. Without it, what the chain ends with is final.
struct Handle(Option<DeferredCell>);

impl Drop for Handle {
    #[inline]
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            cell.detach();
        }
    }
}

impl<T: 'static> Deferred<T> {
    #[inline]
    pub(crate) fn from_cell(cell: DeferredCell) -> Self {
        Deferred {
            handle: Handle(Some(cell)),
            _value: PhantomData,
        }
    }

    #[inline]
    pub(crate) fn cell(&self) -> &DeferredCell {
        self.handle.cell()
    }

    /// The number under which it is inspected.
    #[inline(always)]
    pub(crate) fn inspected(&self) -> inspect::Id {
        inspect::Id::of(|| self.cell().inspected())
    }

    /// Gives up the handle without leaving what the chain ends with to nobody.
    #[inline]
    pub(crate) fn into_cell(mut self) -> DeferredCell {
        match self.handle.0.take() {
            Some(cell) => cell,
            None => empty_handle(),
        }
    }

    /// Inlined, so that the link is made in its place in the queue.
    #[inline(always)]
    pub(super) fn link<U>(
        self,
        link: impl FnOnce(&mut Outcome) -> Step<Closures> + 'static,
    ) -> Deferred<U> {
        self.inspected().typed::<U>();
        chain::add(&Closures, self.cell(), link);
        Deferred {
            handle: self.handle,
            _value: PhantomData,
        }
    }

    /// Stops the chain before the next link: until [`unpause`](Self::unpause) no link runs, and an
    /// outcome is only stored. Pauses count. Twisted's `pause`.
    ///
    /// Whoever pauses must unpause; [`pause_guard`](Self::pause_guard) does so by itself.
    #[inline]
    pub fn pause(&self) {
        chain::pause(&Closures, self.cell());
    }

    /// Ends one [`pause`](Self::pause), and with the last one runs what has queued up; Twisted's
    /// `unpause`.
    ///
    /// # Errors
    ///
    /// [`NotPaused`] if it is not paused.
    ///
    /// ```
    /// let (trigger, d) = deferrous::deferred();
    /// d.pause();
    /// trigger.callback(1)?;
    /// let d = d.map(|n| n + 1);
    /// assert!(format!("{d:?}").contains("paused: 1"));
    /// d.unpause()?;
    /// assert_eq!(d.into_result().unwrap()?, 2);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[inline]
    pub fn unpause(&self) -> Result<(), NotPaused> {
        chain::unpause(&Closures, self.cell())
    }

    /// [`pause`](Self::pause)s, and unpauses when the guard is dropped, wherever the Deferred is by
    /// then.
    pub fn pause_guard(&self) -> PauseGuard {
        PauseGuard::new(self.cell())
    }

    /// Gives up what this Deferred stands for; Twisted's `cancel`.
    ///
    /// Before it is fired, its canceller is called; if that does not fire it, or there is none, it
    /// fails with [`Cancelled`](crate::Cancelled). While it waits for a Deferred that a callback returned, that one
    /// is cancelled. After firing nothing happens. For a Deferred that has been moved elsewhere
    /// there is [`cancel_handle`](Self::cancel_handle).
    ///
    /// ```
    /// use deferrous::{Cancelled, deferred};
    /// let (_trigger, d) = deferred::<()>();
    /// d.cancel();
    /// assert!(d.into_result().unwrap().unwrap_err().check::<Cancelled>());
    /// ```
    pub fn cancel(&self) {
        self.cell().cancel();
    }

    /// A handle that cancels this Deferred after it has been moved elsewhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle::new(self.cell())
    }

    /// Whether it was fired or cancelled; Twisted's `called`. It may still wait for another
    /// Deferred, or be paused.
    #[inline]
    pub fn is_called(&self) -> bool {
        self.cell().read(State::is_called)
    }

    /// The outcome, if the chain has run to its end; otherwise the Deferred itself. Twisted's
    /// `result`, and `successResultOf` and `failureResultOf` of its trial.
    ///
    /// # Errors
    ///
    /// The Deferred, if it has not fired, is paused, or waits.
    ///
    /// ```
    /// let (trigger, d) = deferrous::deferred();
    /// let d = d.into_result().unwrap_err();
    /// trigger.callback(1)?;
    /// assert_eq!(d.into_result().unwrap()?, 1);
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn into_result(self) -> Result<Result<T, Failure>, Self> {
        match self.cell().take_settled() {
            Some(mut outcome) => Ok(outcome.take_result()),
            None => Err(self),
        }
    }
}

impl Handle {
    #[inline]
    fn cell(&self) -> &DeferredCell {
        match &self.0 {
            Some(cell) => cell,
            None => empty_handle(),
        }
    }
}

/// A handle is emptied only by what consumes its Deferred.
#[cold]
fn empty_handle() -> ! {
    unreachable!("a Deferred's handle is empty only after the Deferred was consumed")
}

impl<T> fmt::Debug for Deferred<T> {
    /// Says what Twisted's `repr` says: where it is, whether it was called, how often it is paused,
    /// what it waits for, how many links are left, and the kind of its current result.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe::<T>(f, "Deferred", self.handle.cell())
    }
}

impl<T: 'static> From<Result<T, Failure>> for Deferred<T> {
    /// A Deferred that has fired with the result.
    #[cfg_attr(feature = "inspect", track_caller)]
    fn from(result: Result<T, Failure>) -> Self {
        Deferred::from_cell(CellData::new::<T>("from", || State::fired(result.into())))
    }
}
