//! Up to a number at once.

use std::{cell::Cell, fmt, rc::Rc};

use super::waiters::Waiters;
use crate::{
    deferred::{CallbackResult, Deferred, succeed},
    inspect,
};

/// Lets a bounded number of things go on at once; Twisted's `DeferredSemaphore`.
///
/// Clones share the tokens. What waits gets its turn in order.
///
/// ```
/// use deferrous::{DeferredSemaphore, deferred};
/// let semaphore = DeferredSemaphore::new(1);
/// let (first_done, work) = deferred::<&str>();
/// let first = semaphore.run(|| work);
/// let second = semaphore.run(|| Ok("two"));
/// assert!(!second.is_called());
/// first_done.callback("one")?;
/// assert_eq!(second.into_result().unwrap()?, "two");
/// # drop(first);
/// # Ok::<(), deferrous::Failure>(())
/// ```
#[derive(Clone)]
pub struct DeferredSemaphore(Rc<Shared>);

struct Shared {
    limit: usize,
    tokens: Cell<usize>,
    waiters: Waiters<SemaphorePermit>,
    handing_out: Cell<bool>,
}

impl Shared {
    /// Gives free tokens to those that wait.
    ///
    /// Whoever gets a token may release it at once and so call this again, once for each that waits.
    /// Only the outermost call hands out, so that any number may wait.
    fn hand_out(self: &Rc<Self>) {
        if self.handing_out.replace(true) {
            return;
        }
        let _done = HandingOut(&self.handing_out);
        while self.tokens.get() > 0
            && let Some(trigger) = self.waiters.next()
        {
            self.tokens.set(self.tokens.get() - 1);
            // A Deferred that refuses the permit drops it, which frees the token again.
            let permit = SemaphorePermit::new(self);
            permit.entry.held_by(trigger.inspected());
            let _ = trigger.callback(permit);
        }
    }
}

/// Ends the handing out, even if a destructor panics.
struct HandingOut<'a>(&'a Cell<bool>);

impl Drop for HandingOut<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// One token of a [`DeferredSemaphore`]. Dropping it gives the token back.
#[must_use = "the token is given back when the permit is dropped"]
pub struct SemaphorePermit {
    shared: Rc<Shared>,
    entry: inspect::Entry,
}

impl DeferredSemaphore {
    /// A semaphore with `tokens` tokens.
    ///
    /// # Panics
    ///
    /// If `tokens` is 0: nothing could ever go on. Twisted raises `ValueError`.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn new(tokens: usize) -> Self {
        assert!(tokens > 0, "a DeferredSemaphore needs at least one token");
        DeferredSemaphore(Rc::new(Shared {
            limit: tokens,
            tokens: Cell::new(tokens),
            waiters: Waiters::new("DeferredSemaphore"),
            handing_out: Cell::new(false),
        }))
    }

    /// A Deferred that fires with a permit when a token is free; Twisted's `acquire`.
    ///
    /// Dropping the permit gives the token back (Twisted's `release`). Cancelling the Deferred
    /// while it waits gives up its place.
    #[must_use = "dropping the Deferred gives the token back"]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn acquire(&self) -> Deferred<SemaphorePermit> {
        // A token may be free while it is on its way to somebody who waits.
        let d = match self.0.tokens.get() {
            tokens if tokens > 0 && self.0.waiters.len() == 0 => {
                self.0.tokens.set(tokens - 1);
                let permit = SemaphorePermit::new(&self.0);
                let permit_id = permit.entry.id();
                let d = succeed(permit);
                permit_id.held_by(d.inspected());
                d
            }
            _ => self.0.waiters.wait(),
        };
        d.inspected().named("DeferredSemaphore::acquire");
        d
    }

    /// Waits for a token, calls `function`, and gives the token back when what it returned is
    /// there, whether it succeeds, fails, panics or is cancelled; Twisted's `run`.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn run<R: CallbackResult>(
        &self,
        function: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value> {
        run_with(self.acquire(), function)
    }

    /// The number under which it is inspected.
    pub(super) fn inspected(&self) -> inspect::Id {
        self.0.waiters.inspected()
    }

    /// How many tokens are free; Twisted's `tokens`.
    pub fn tokens(&self) -> usize {
        self.0.tokens.get()
    }

    /// How many tokens there are; Twisted's `limit`.
    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// How many wait for a token; the length of Twisted's `waiting`.
    pub fn waiting(&self) -> usize {
        self.0.waiters.len()
    }
}

/// Calls `function` once the permit is there and drops the permit after what it returned.
pub(super) fn run_with<P: 'static, R: CallbackResult>(
    permit: Deferred<P>,
    function: impl FnOnce() -> R + 'static,
) -> Deferred<R::Value> {
    permit.add_callback(|permit| {
        crate::deferred::maybe_deferred(function).add_both(move |result| {
            drop(permit);
            result
        })
    })
}

impl SemaphorePermit {
    /// A permit for a token that was taken.
    #[cfg_attr(feature = "inspect", track_caller)]
    fn new(shared: &Rc<Shared>) -> Self {
        SemaphorePermit {
            shared: shared.clone(),
            entry: inspect::Entry::permit(shared.waiters.inspected()),
        }
    }

    /// Gives the token back now; the same as dropping the permit. Twisted's `release`.
    pub fn release(self) {}
}

impl Drop for SemaphorePermit {
    fn drop(&mut self) {
        // The next in line has it from now on.
        self.entry.forget();
        self.shared.tokens.set(self.shared.tokens.get() + 1);
        self.shared.hand_out();
    }
}

impl fmt::Debug for DeferredSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredSemaphore")
            .field("tokens", &self.tokens())
            .field("limit", &self.limit())
            .field("waiting", &self.waiting())
            .finish()
    }
}

impl fmt::Debug for SemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SemaphorePermit")
    }
}
