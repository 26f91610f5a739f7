//! The requests of wakers that this thread does itself: without a reactor, and where a Deferred of
//! this crate fires.
//!
//! A waker only adds to the list. The list is worked off when the code that called the waker has
//! returned.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
    mem,
    task::Waker,
};

use super::registry::WakeRequest;
use crate::primitives::thread_local;
#[cfg(all(test, deferrous_loom))]
use crate::primitives::{CellKey, CopyKey};

/// Requests in the order in which they came.
pub(super) type Requests = VecDeque<WakeRequest>;

struct Lists {
    ready: Requests,
    /// Requests for coroutines that were being polled further up in the stack.
    missed: Vec<WakeRequest>,
}

thread_local! {
    static LISTS: RefCell<Lists> = const {
        RefCell::new(Lists { ready: VecDeque::new(), missed: Vec::new() })
    };
    /// Whether one of the lists has a request. It is asked after every resumption, and so is a cell
    /// without a destructor.
    static HAS_WORK: Cell<bool> = const { Cell::new(false) };
    /// Somebody further up in the stack works the list off.
    static DRAINED: Cell<bool> = const { Cell::new(false) };
    /// A Deferred wakes a future of others, and what that wakes of ours is resumed right after it.
    static COLLECTING: Cell<bool> = const { Cell::new(false) };
    /// The executors of others that await Deferreds, oldest first.
    static HOSTS: RefCell<Hosts> = const {
        RefCell::new(Hosts { next: 0, wakers: BTreeMap::new() })
    };
}

struct Hosts {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

/// Changes the lists. Where the thread is ending they are gone.
fn change<R: Default>(change: impl FnOnce(&mut Lists) -> R) -> R {
    let changed = LISTS.try_with(|lists| {
        let mut lists = lists.borrow_mut();
        let result = change(&mut lists);
        HAS_WORK.set(!(lists.ready.is_empty() && lists.missed.is_empty()));
        result
    });
    changed.unwrap_or_default()
}

pub(super) fn push(request: WakeRequest) {
    change(|lists| lists.ready.push_back(request));
    wake_host();
}

pub(super) fn pop() -> Option<WakeRequest> {
    change(|lists| lists.ready.pop_front())
}

/// How many requests can be done now.
pub(super) fn len() -> usize {
    change(|lists| lists.ready.len())
}

/// Keeps a request until its coroutine is no longer being polled.
pub(super) fn push_missed(request: WakeRequest) {
    change(|lists| lists.missed.push(request));
}

/// Lets the requests be done that came while their coroutines were being polled.
pub(super) fn recall_missed() {
    change(|lists| lists.ready.extend(lists.missed.drain(..)));
}

/// Whether there may be something to do. Rarely there is not.
#[inline]
pub(crate) fn has_work() -> bool {
    HAS_WORK.get()
}

/// Somebody who works the list off, so that what is resumed meanwhile leaves it alone.
pub(crate) struct Drains {
    before: bool,
}

impl Drains {
    pub(crate) fn begin() -> Self {
        Drains {
            before: DRAINED.replace(true),
        }
    }

    /// Whether somebody further up in the stack does so already.
    pub(super) fn has_begun() -> bool {
        DRAINED.get()
    }
}

impl Drop for Drains {
    fn drop(&mut self) {
        DRAINED.set(self.before);
    }
}

/// An executor of others that awaits a Deferred. If there is something to do and nobody else does
/// it, the executor is woken, and does it when it polls the Deferred.
pub(super) struct Host(u64);

impl Host {
    pub(super) fn new(waker: &Waker) -> Self {
        let add = |hosts: &RefCell<Hosts>| {
            let mut hosts = hosts.borrow_mut();
            let number = hosts.next;
            hosts.next += 1;
            hosts.wakers.insert(number, waker.clone());
            number
        };
        // On a thread that is ending nothing is polled any more.
        Host(HOSTS.try_with(add).unwrap_or(u64::MAX))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let take = |hosts: &RefCell<Hosts>| hosts.borrow_mut().wakers.remove(&self.0);
        let waker = HOSTS.try_with(take).unwrap_or(None);
        if waker.is_none() && has_work() {
            // It was woken and has gone before it was polled.
            wake_host();
        }
    }
}

/// Wakes one executor for what is in the list, unless that is being worked off.
fn wake_host() {
    if Drains::has_begun() || is_collecting() {
        return;
    }
    let take = |hosts: &RefCell<Hosts>| hosts.borrow_mut().wakers.pop_last();
    if let Ok(Some((_, waker))) = HOSTS.try_with(take) {
        waker.wake();
    }
}

/// Whether [`collect`] is running, which takes requests for reactors too.
pub(super) fn is_collecting() -> bool {
    COLLECTING.get()
}

/// Calls a waker that is none of this crate's, and returns what the wakers of this crate have asked
/// for meanwhile on this thread.
pub(super) fn collect(wake: impl FnOnce()) -> Requests {
    /// What came before, which is put back even if the waker panics. Then what it has asked for is
    /// done after that.
    struct Restore {
        before: Requests,
        was_collecting: bool,
    }
    impl Drop for Restore {
        fn drop(&mut self) {
            COLLECTING.set(self.was_collecting);
            change(|lists| {
                mem::swap(&mut lists.ready, &mut self.before);
                lists.ready.append(&mut self.before);
            });
        }
    }
    let restore = Restore {
        before: change(|lists| mem::take(&mut lists.ready)),
        was_collecting: COLLECTING.replace(true),
    };
    wake();
    let asked = change(|lists| mem::take(&mut lists.ready));
    drop(restore);
    asked
}
