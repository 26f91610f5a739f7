//! What a snapshot consists of.

use std::{panic::Location, time::Duration};

/// What an [`Item`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A [`Deferred`](crate::Deferred). Its name is the function that has made it.
    Deferred,
    /// What [`spawn`](crate::spawn) runs, and the Deferred of its result, which are one item. Its name is that of the
    /// function whose `async` block it is.
    Coroutine,
    /// A call that waits for its time. Its name is the function that has set it.
    DelayedCall,
    /// A job of a thread pool or another executor. Its name is that of its function.
    Job,
    /// A reader or writer of a descriptor.
    Watch,
    /// A listening port, or a socket for datagrams.
    Port,
    /// A connection.
    Connection,
    /// A [`DeferredLock`](crate::DeferredLock), [`DeferredSemaphore`](crate::DeferredSemaphore) or
    /// [`DeferredQueue`](crate::DeferredQueue).
    Primitive,
    /// What holds a lock or a token of a semaphore. Its place is where it was asked for.
    Permit,
}

/// How far an [`Item`] has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// A Deferred that was not fired.
    Unfired {
        /// How many Triggers it has left.
        triggers: u32,
    },
    /// A Deferred that was fired, and whose callback has returned another one, which it waits for.
    Chained,
    /// A Deferred that was fired and is paused.
    Paused {
        /// How many pauses have not been ended.
        pauses: u32,
    },
    /// A Deferred one of whose callbacks runs right now, or a coroutine that does.
    Running,
    /// A Deferred that has its last outcome, which nobody has taken.
    Fired {
        /// Whether the outcome is a failure.
        failed: bool,
    },
    /// A delayed call that will be made.
    Due {
        /// After this time.
        after: Duration,
    },
    /// A delayed call that should have been made.
    Overdue {
        /// So long ago.
        by: Duration,
    },
    /// A job that no thread has taken.
    Queued,
    /// A job that a thread has taken.
    Started {
        /// The name of the thread.
        thread: String,
        /// How long ago.
        ago: Duration,
    },
    /// Anything else, which is there.
    Open {
        /// Whether it is paused.
        paused: bool,
    },
}

/// One thing that is there: a Deferred, a coroutine, a timer, a job, and so on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Item {
    /// Its number, which no other item of the process has. Later ones have higher numbers.
    pub id: u64,
    /// What it is.
    pub kind: Kind,
    /// What it is called, as its [`Kind`] says.
    pub name: String,
    /// The type of a Deferred's value, or nothing.
    pub type_name: &'static str,
    /// More about it: a descriptor's number, a connection's addresses, or nothing.
    pub detail: String,
    /// Where it was made.
    pub place: &'static Location<'static>,
    /// How long ago.
    pub age: Duration,
    /// How far it has come.
    pub state: State,
    /// Where a coroutine waits: the `.await` of a Deferred.
    pub awaits_at: Option<&'static Location<'static>>,
    /// When [`add_timeout`](crate::Deferred::add_timeout) ends the wait.
    pub times_out: Option<Duration>,
    /// Whether anybody would notice the outcome of a Deferred: it has a handle or callbacks.
    pub wanted: bool,
    /// The numbers of what it waits for. Each is in the snapshot.
    pub waits_for: Vec<u64>,
    /// The delayed call that ends the wait.
    pub(super) limited_by: u64,
}

impl Item {
    /// Whether something is still to come: it is no Deferred that has its last outcome, and no lock, queue or permit,
    /// which wait for nothing by themselves.
    ///
    /// ```
    /// use deferrous::{inspect::snapshot, succeed};
    /// let _d = succeed(1);
    /// assert!(!snapshot().items[0].is_outstanding());
    /// ```
    pub fn is_outstanding(&self) -> bool {
        match self.kind {
            Kind::Deferred | Kind::Coroutine => !matches!(self.state, State::Fired { .. }),
            Kind::Primitive | Kind::Permit => false,
            _ => true,
        }
    }
}

/// What is there at one moment on one thread: what [`snapshot`](super::snapshot) returns. Its `Display` is the tree of what waits
/// for what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// Everything, in the order in which it was made.
    pub items: Vec<Item>,
}

impl Snapshot {
    /// The item with a number.
    ///
    /// ```
    /// use deferrous::{DeferredQueue, inspect::snapshot};
    /// let queue = DeferredQueue::<u8>::new();
    /// let _d = queue.get()?;
    /// let made = snapshot();
    /// let waiting = made.items.iter().find(|item| item.is_outstanding()).unwrap();
    /// assert_eq!(made.get(waiting.waits_for[0]).unwrap().name, "DeferredQueue<u8>");
    /// # Ok::<(), deferrous::Failure>(())
    /// ```
    pub fn get(&self, id: u64) -> Option<&Item> {
        let at = self.items.binary_search_by_key(&id, |item| item.id);
        at.ok().map(|at| &self.items[at])
    }

    /// The items of one kind, oldest first.
    ///
    /// ```
    /// use deferrous::{deferred, inspect::{Kind, snapshot}};
    /// let (_trigger, _d) = deferred::<u8>();
    /// let made = snapshot();
    /// assert_eq!(made.of_kind(Kind::Deferred).next().unwrap().type_name, "u8");
    /// ```
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(move |item| item.kind == kind)
    }
}
