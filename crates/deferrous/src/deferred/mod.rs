//! The typed face of the engine: `Deferred<T>` and what belongs to it.

pub(crate) mod cell;
mod constructors;
pub(crate) mod dispose;
mod errors;
mod handles;
mod returns;
pub(crate) mod trigger;

use std::{any::type_name, fmt, marker::PhantomData, rc::Rc};

pub use constructors::{deferred, deferred_with_canceller, fail, maybe_deferred, succeed};
pub use errors::{Abandoned, Cancelled, CircularWait, TimedOut};
pub use handles::{CancelHandle, PauseGuard};
pub use returns::CallbackResult;
pub use trigger::Trigger;

use self::cell::{Closures, DeferredCell, Outcome};
use crate::{
    chain::{self, NotPaused, State, Step},
    failure::Failure,
    inline::Thunk,
};

/// A value that is not there yet, with a chain of callbacks that wait for it; Twisted's `Deferred`.
///
/// [`deferred`] makes one together with the [`Trigger`] that fires it. Each `add_` method appends a
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
    _value: PhantomData<fn() -> T>,
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
    fn link<U>(self, link: impl FnOnce(&mut Outcome) -> Step<Closures> + 'static) -> Deferred<U> {
        chain::add(&Closures, self.cell(), || Thunk::new(link));
        Deferred {
            handle: self.handle,
            _value: PhantomData,
        }
    }

    /// Adds a function that turns the value into another one; a failure passes by.
    ///
    /// A panic in it becomes a failure, as in all callbacks.
    ///
    /// ```
    /// let d = deferrous::succeed(20).map(|n| n + 1).map(|n| n * 2);
    /// assert_eq!(d.into_result().unwrap().unwrap(), 42);
    /// ```
    #[inline]
    pub fn map<U: 'static>(self, f: impl FnOnce(T) -> U + 'static) -> Deferred<U> {
        self.link(move |outcome: &mut Outcome| {
            if let Outcome::Value(value) = outcome {
                *outcome = Outcome::value(f(value.take()));
            }
            Step::Outcome
        })
    }

    /// Adds a callback for the value; a failure passes by. Twisted's `addCallback`.
    ///
    /// The callback may return `()`, a `Result`, or a Deferred to wait for: see [`CallbackResult`].
    ///
    /// ```
    /// use deferrous::{Failure, succeed};
    /// let d = succeed("8").add_callback(|text| Ok(text.parse::<u8>()?)).add_callback(|n| succeed(n + 1));
    /// assert_eq!(d.into_result().unwrap()?, 9);
    /// # Ok::<(), Failure>(())
    /// ```
    #[inline]
    pub fn add_callback<R: CallbackResult>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
    ) -> Deferred<R::Value> {
        self.link(move |outcome: &mut Outcome| match outcome {
            Outcome::Value(value) => callback(value.take()).into_step(outcome),
            Outcome::Failure(_) => Step::Outcome,
        })
    }

    /// Adds an errback for a failure; a value passes by. Twisted's `addErrback`.
    ///
    /// What the errback returns takes the value's place, so it has the same type.
    ///
    /// ```
    /// let d = deferrous::fail::<u8>(std::fmt::Error).add_errback(|_| Ok(3));
    /// assert_eq!(d.into_result().unwrap().unwrap(), 3);
    /// ```
    #[inline]
    pub fn add_errback<R: CallbackResult<Value = T>>(
        self,
        errback: impl FnOnce(Failure) -> R + 'static,
    ) -> Deferred<T> {
        self.link(move |outcome: &mut Outcome| match outcome.take() {
            Outcome::Failure(failure) => errback(failure).into_step(outcome),
            value => {
                *outcome = value;
                Step::Outcome
            }
        })
    }

    /// Adds a callback for the value and an errback for a failure, of which one runs; a failure of
    /// the callback goes to the next link, not to this errback. Twisted's `addCallbacks`.
    ///
    /// ```
    /// let d = deferrous::succeed(1)
    ///     .add_callbacks(|n| Ok(n.to_string()), |failure| Ok(failure.to_string()));
    /// assert_eq!(d.into_result().unwrap().unwrap(), "1");
    /// ```
    #[inline]
    pub fn add_callbacks<R, E>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
        errback: impl FnOnce(Failure) -> E + 'static,
    ) -> Deferred<R::Value>
    where
        R: CallbackResult,
        E: CallbackResult<Value = R::Value>,
    {
        self.link(move |outcome: &mut Outcome| match outcome.take_result() {
            Ok(value) => callback(value).into_step(outcome),
            Err(failure) => errback(failure).into_step(outcome),
        })
    }

    /// Adds a function that runs whatever the outcome is. Twisted's `addBoth`.
    ///
    /// ```
    /// let d = deferrous::succeed(1).add_both(|result| Ok(result.is_ok()));
    /// assert!(d.into_result().unwrap().unwrap());
    /// ```
    #[inline]
    pub fn add_both<R: CallbackResult>(
        self,
        both: impl FnOnce(Result<T, Failure>) -> R + 'static,
    ) -> Deferred<R::Value> {
        self.link(move |outcome: &mut Outcome| both(outcome.take_result()).into_step(outcome))
    }

    /// Fires another Deferred with this one's outcome, and goes on with `()`; Twisted's
    /// `chainDeferred`.
    ///
    /// If the other one was fired meanwhile, this one goes on with
    /// [`AlreadyCalled`](crate::AlreadyCalled), and a failure that it was to hand over is reported
    /// as unhandled. Cancelling the other one does not cancel this one; for that, return a Deferred
    /// from a callback.
    ///
    /// ```
    /// let (trigger, d) = deferrous::deferred();
    /// let rest = deferrous::succeed(5).chain_deferred(trigger);
    /// assert_eq!(d.into_result().unwrap().unwrap(), 5);
    /// assert!(rest.into_result().unwrap().is_ok());
    /// ```
    pub fn chain_deferred(self, other: Trigger<T>) -> Deferred<()> {
        self.link(move |_: &mut Outcome| Step::Forward(other.into_firing().into_cell()))
    }

    /// Adds the last link, which may end with firing another Deferred. As an `add_both` that calls
    /// its trigger, but a row of any length takes no stack.
    pub(crate) fn end_with<U: 'static>(
        self,
        last: impl FnOnce(Result<T, Failure>) -> Option<(Trigger<U>, Result<U, Failure>)> + 'static,
    ) {
        self.link::<()>(
            move |outcome: &mut Outcome| match last(outcome.take_result()) {
                // One that was cancelled meanwhile has an outcome, and wants no other.
                Some((trigger, result)) if !trigger.is_called() => {
                    *outcome = result.into();
                    Step::Forward(trigger.into_firing().into_cell())
                }
                _ => {
                    *outcome = Outcome::nothing();
                    Step::Outcome
                }
            },
        );
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
    /// fails with [`Cancelled`]. While it waits for a Deferred that a callback returned, that one
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
        chain::cancel(&Closures, self.cell());
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

impl<T: 'static> Deferred<Deferred<T>> {
    /// Waits for the inner Deferred too: what a callback that returns a Deferred does.
    ///
    /// ```
    /// let d = deferrous::succeed(deferrous::succeed(1)).flatten();
    /// assert_eq!(d.into_result().unwrap().unwrap(), 1);
    /// ```
    pub fn flatten(self) -> Deferred<T> {
        self.add_callback(|inner| inner)
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

/// What a Deferred looks like at one moment. It is written when the state is borrowed no more,
/// since who writes may do anything.
struct Look {
    called: bool,
    paused: u32,
    links: usize,
    waiting_on: Option<String>,
    result: Option<String>,
}

fn look(cell: &DeferredCell) -> Look {
    cell.read(|state| Look {
        called: state.is_called(),
        paused: state.pauses(),
        links: state.pending(),
        waiting_on: state.waiting_on().map(|up| format!("{:p}", up.as_ptr())),
        result: match state.outcome() {
            Some(Outcome::Value(value)) => Some(format!("value of {}", value.type_name())),
            Some(Outcome::Failure(failure)) => Some(format!("failure: {failure:#}")),
            None if state.is_running() => Some("with a running callback".to_owned()),
            None => None,
        },
    })
}

fn describe<T>(f: &mut fmt::Formatter<'_>, name: &str, cell: &DeferredCell) -> fmt::Result {
    let look = look(cell);
    let mut out = f.debug_struct(name);
    out.field("type", &format_args!("{}", type_name::<T>()))
        .field("at", &format_args!("{:p}", Rc::as_ptr(cell)))
        .field("called", &look.called)
        .field("paused", &look.paused)
        .field("links", &look.links);
    if let Some(upstream) = look.waiting_on {
        out.field("waiting_on", &format_args!("{upstream}"));
    }
    if let Some(result) = look.result {
        out.field("result", &format_args!("{result}"));
    }
    out.finish()
}

impl<T: 'static> From<Result<T, Failure>> for Deferred<T> {
    /// A Deferred that has fired with the result.
    fn from(result: Result<T, Failure>) -> Self {
        Deferred::from_cell(cell::CellData::new(|| State::fired(result.into())))
    }
}
