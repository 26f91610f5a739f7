//! What one side puts in, the other gets, whoever comes first.

use std::{cell::RefCell, collections::VecDeque, error::Error, fmt, rc::Rc};

use super::waiters::Waiters;
use crate::deferred::{Deferred, succeed};

/// The bounds of a [`DeferredQueue`]: the `size` and `backlog` of Twisted's. `None` is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueLimits {
    /// How many items may lie in the queue; further ones are refused with [`QueueOverflow`].
    pub size: Option<usize>,
    /// How many may wait for an item; further ones are refused with [`QueueUnderflow`].
    pub backlog: Option<usize>,
}

/// The queue is full; Twisted's `QueueOverflow`. It carries the item that was refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueOverflow<T>(pub T);

impl<T> fmt::Debug for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueOverflow(..)")
    }
}

impl<T> fmt::Display for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the DeferredQueue is full: get from it, or make it with a larger size")
    }
}

impl<T> Error for QueueOverflow<T> {}

/// Too many wait for an item; Twisted's `QueueUnderflow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueUnderflow;

impl fmt::Display for QueueUnderflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "too many wait for the DeferredQueue: put to it, or make it with a larger backlog",
        )
    }
}

impl Error for QueueUnderflow {}

/// A queue whose `get` is a Deferred; Twisted's `DeferredQueue`.
///
/// Clones are the same queue.
///
/// ```
/// use deferrous::DeferredQueue;
/// let queue = DeferredQueue::new();
/// let first = queue.get()?;
/// assert!(!first.is_called());
/// queue.put("hello")?;
/// assert_eq!(first.into_result().unwrap()?, "hello");
/// # Ok::<(), deferrous::Failure>(())
/// ```
pub struct DeferredQueue<T>(Rc<Shared<T>>);

struct Shared<T> {
    limits: QueueLimits,
    items: RefCell<VecDeque<T>>,
    waiters: Waiters<T>,
}

impl<T: 'static> DeferredQueue<T> {
    /// A queue without bounds.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn new() -> Self {
        DeferredQueue::with_limits(QueueLimits::default())
    }

    /// A queue with bounds.
    ///
    /// ```
    /// use deferrous::{DeferredQueue, QueueLimits};
    /// let queue = DeferredQueue::with_limits(QueueLimits { size: Some(1), backlog: Some(0) });
    /// queue.put(1).unwrap();
    /// assert_eq!(queue.put(2).unwrap_err().0, 2);
    /// queue.get()?;
    /// assert!(queue.get().is_err());
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn with_limits(limits: QueueLimits) -> Self {
        DeferredQueue(Rc::new(Shared {
            limits,
            items: RefCell::new(VecDeque::new()),
            waiters: Waiters::new("DeferredQueue"),
        }))
    }

    /// Puts an item in: whoever waits longest gets it at once; Twisted's `put`.
    ///
    /// # Errors
    ///
    /// [`QueueOverflow`], with the item, if nobody waits and the queue is full.
    pub fn put(&self, item: T) -> Result<(), QueueOverflow<T>> {
        while let Some(trigger) = self.0.waiters.next() {
            // If the Deferred was dropped, nobody wants the item.
            if !trigger.is_called() && !trigger.is_unwanted() {
                let _ = trigger.callback(item);
                return Ok(());
            }
        }
        let mut items = self.0.items.borrow_mut();
        if self.0.limits.size.is_some_and(|size| items.len() >= size) {
            return Err(QueueOverflow(item));
        }
        items.push_back(item);
        Ok(())
    }

    /// A Deferred that fires with the next item, at once if there is one; Twisted's `get`.
    ///
    /// Cancelling or dropping it while it waits gives up its place.
    ///
    /// # Errors
    ///
    /// [`QueueUnderflow`] if the queue is empty and too many wait already.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn get(&self) -> Result<Deferred<T>, QueueUnderflow> {
        let item = self.0.items.borrow_mut().pop_front();
        if let Some(item) = item {
            return Ok(succeed(item));
        }
        let full = |backlog| self.0.waiters.len() >= backlog;
        if self.0.limits.backlog.is_some_and(full) {
            return Err(QueueUnderflow);
        }
        let d = self.0.waiters.wait();
        d.inspected().named("DeferredQueue::get");
        Ok(d)
    }

    /// How many items lie in the queue; the length of Twisted's `pending`.
    pub fn pending(&self) -> usize {
        self.0.items.borrow().len()
    }

    /// How many wait for an item; the length of Twisted's `waiting`.
    pub fn waiting(&self) -> usize {
        self.0.waiters.len()
    }
}

impl<T: 'static> Default for DeferredQueue<T> {
    fn default() -> Self {
        DeferredQueue::new()
    }
}

impl<T> Clone for DeferredQueue<T> {
    fn clone(&self) -> Self {
        DeferredQueue(self.0.clone())
    }
}

impl<T: 'static> fmt::Debug for DeferredQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredQueue")
            .field("limits", &self.0.limits)
            .field("pending", &self.pending())
            .field("waiting", &self.waiting())
            .finish()
    }
}
