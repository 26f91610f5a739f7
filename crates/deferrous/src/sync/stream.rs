//! The items of a queue as a stream.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use super::queue::DeferredQueue;
use crate::{coroutine::DeferredFuture, failure::Failure};

/// The items of a [`DeferredQueue`], one after the other, for any executor on its thread.
///
/// Made by [`DeferredQueue::stream`]. It never ends by itself: items that come later are items of the
/// stream. Several streams, and [`get`](DeferredQueue::get), take turns. Dropping a stream gives up its
/// place in the queue.
#[must_use = "streams do nothing unless polled"]
pub struct QueueStream<T> {
    queue: DeferredQueue<T>,
    /// Its place in the queue, while it waits there.
    next: Option<DeferredFuture<T>>,
}

impl<T: 'static> DeferredQueue<T> {
    /// The items as a [`Stream`], with the feature `futures`.
    ///
    /// An item is an error only if too many wait for the queue already
    /// ([`QueueUnderflow`](crate::QueueUnderflow)).
    ///
    /// ```
    /// use deferrous::DeferredQueue;
    /// use futures::{StreamExt, executor::block_on};
    /// let queue = DeferredQueue::new();
    /// for n in 1..=3 {
    ///     queue.put(n).unwrap();
    /// }
    /// let doubled = queue.stream().map(|item| item.unwrap() * 2).take(3);
    /// assert_eq!(block_on(doubled.collect::<Vec<_>>()), [2, 4, 6]);
    /// ```
    pub fn stream(&self) -> QueueStream<T> {
        QueueStream {
            queue: self.clone(),
            next: None,
        }
    }
}

impl<T: 'static> Stream for QueueStream<T> {
    type Item = Result<T, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let next = match &mut this.next {
            Some(next) => next,
            None => match this.queue.get() {
                Ok(item) => this.next.insert(item.into_future()),
                Err(underflow) => return Poll::Ready(Some(Err(underflow.into()))),
            },
        };
        let item = ready!(Pin::new(next).poll(context));
        this.next = None;
        Poll::Ready(Some(item))
    }
}

impl<T: 'static> fmt::Debug for QueueStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueStream")
            .field("queue", &self.queue)
            .field("waiting", &self.next.is_some())
            .finish()
    }
}
