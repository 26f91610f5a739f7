//! What a Deferred is made of: its result, its callbacks, and the reasons not to run them.
//!
//! User code can reach a Deferred at any time. So its parts are in fields that are read by copying and written by
//! replacing: none is borrowed while anything else runs.

use pyo3::{
    prelude::*,
    types::{PyDict, PyList, PyTuple},
};

use crate::interp::{Counted, Field, Outcome, Queue, Record, Slot, kept};

/// An object of any kind, as it is kept.
pub type Object = Bound<'static, PyAny>;

/// A result that is not there yet, and the callbacks that wait for it.
///
/// Whoever has promised the result calls `callback` or `errback`, once. Callbacks and errbacks run in
/// the order in which they were added. Each gets what the one before it returned; what that one
/// raised goes to the next errback, as a Failure. A callback that returns a Deferred makes the
/// others wait for it.
///
///     >>> from twisted.internet.defer import Deferred
///     >>> d = Deferred()
///     >>> chain = d.addCallback(int).addErrback(lambda failure: 0).addCallback(print)
///     >>> d.callback("seven")
///     0
///
/// Coroutines await it, and generators of `inlineCallbacks` yield it. If a failure is left when it is
/// destroyed, that is logged as an unhandled error.
///
/// It belongs to the thread that runs the reactor, and so do all who use it: nothing is locked. Other
/// threads use `reactor.callFromThread`. Name, methods and attributes are those of Twisted's Deferred.
///
/// Args:
///     canceller: what `cancel` calls, with the Deferred. It may fire the Deferred; if it does not,
///         the Deferred fails with CancelledError.
#[pyclass(frozen, subclass, dict, weakref, module = "twisted.internet.defer")]
pub struct Deferred {
    // Most of them have Twisted's names. They end in this order.
    pub debug_info: Slot<Option<Object>>,
    /// Absent until it is fired, or if a program has deleted it.
    pub result: Slot<Option<Object>>,
    pub callbacks: Queue<Callback<'static>>,
    /// The list that programs see as `_callbacks`, once one has asked. The callbacks are in it from then on.
    pub listed: Slot<Option<Bound<'static, PyList>>>,
    pub canceller: Slot<Option<Canceller<'static>>>,
    pub chained_to: Slot<Option<Bound<'static, Deferred>>>,
    /// The failure that the chain ended with and that nobody has handled; Python's `None` where there is a
    /// `DebugInfo`, which has it then.
    pub unhandled: Slot<Option<Object>>,
    /// The code that made the Deferred, and the time. Empty unless records are kept.
    pub record: Record,
    pub paused: Field<i32>,
    pub called: Field<bool>,
    pub running_callbacks: Field<bool>,
    pub suppress_already_called: Field<bool>,
    /// `__init__` has run.
    pub is_initialised: Field<bool>,
    /// There was a failure at the end of the chain at some time.
    pub had_failure: Field<bool>,
}

impl Deferred {
    /// The parts of one that has not been fired.
    #[inline(always)]
    pub fn unfired(canceller: Option<Canceller<'_>>) -> Self {
        Self::with(None, false, canceller)
    }

    /// The parts of one that has been fired with `result`, and runs nothing.
    #[inline(always)]
    pub fn fired(result: Bound<'_, PyAny>) -> Self {
        Self::with(Some(result), true, None)
    }

    #[inline(always)]
    fn with<'py>(
        result: Option<Bound<'py, PyAny>>,
        called: bool,
        canceller: Option<Canceller<'py>>,
    ) -> Self {
        Deferred {
            debug_info: Slot::new(None),
            result: Slot::new(result),
            callbacks: Queue::new(),
            listed: Slot::new(None),
            canceller: Slot::new(canceller),
            chained_to: Slot::new(None),
            unhandled: Slot::new(None),
            record: Record::empty(),
            paused: Field::new(0),
            called: Field::new(called),
            running_callbacks: Field::new(false),
            suppress_already_called: Field::new(false),
            is_initialised: Field::new(true),
            had_failure: Field::new(false),
        }
    }
}

/// Which results a callback is called with. The others pass by.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Side {
    Callback,
    Errback,
    Both,
}

/// A callback/errback pair, as the methods add it.
#[derive(Clone)]
pub enum Callback<'py> {
    /// `callable(result)`
    Plain {
        side: Side,
        callable: Bound<'py, PyAny>,
    },
    /// `callable(result, argument)`
    WithArgument {
        side: Side,
        callable: Bound<'py, PyAny>,
        argument: Bound<'py, PyAny>,
    },
    /// `callable(result, *arguments, **keywords)`
    WithArguments {
        side: Side,
        callable: Bound<'py, PyAny>,
        rest: Box<Arguments<'py>>,
    },
    /// `callback(result)` for values, `errback(result)` for failures.
    Pair {
        callback: Bound<'py, PyAny>,
        errback: Bound<'py, PyAny>,
    },
    /// As Twisted has it: `((callback, args, kwargs), (errback, args, kwargs))`.
    Entry { entry: Bound<'py, PyAny> },
    /// A Deferred that waits for this one's result; Twisted's `_CONTINUE`.
    Continuation { waiting: Bound<'py, Deferred> },
    /// A callback in Rust, with its object and a number.
    Native {
        side: Side,
        index: u32,
        native: &'static Native,
        target: Bound<'py, PyAny>,
    },
}

kept!(Callback);
impl Counted for Callback<'_> {}

/// The arguments of a callback that has several.
#[derive(Clone)]
pub struct Arguments<'py> {
    pub positional: Bound<'py, PyTuple>,
    pub keywords: Option<Bound<'py, PyDict>>,
}

/// A callable and its arguments.
pub type Call<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>);

/// A kind of callback in Rust.
pub struct Native {
    /// Calls it with `(target, index, result, failed)`.
    pub call: for<'py> fn(&Bound<'py, PyAny>, u32, &Bound<'py, PyAny>, bool) -> Called<'py>,
    /// The pair as programs see it, for `(target, index)`.
    pub show: for<'py> fn(&Bound<'py, PyAny>, u32) -> PyResult<[Call<'py>; 2]>,
}

/// What calling a callback came to.
pub enum Called<'py> {
    Returned(Outcome<'py>),
    /// It is done when another Deferred, which it has just fired, has run its callbacks. It leaves `None`.
    Fired(Bound<'py, Deferred>),
}

/// What `cancel` calls.
#[derive(Clone)]
pub struct Canceller<'py> {
    pub target: Bound<'py, PyAny>,
    /// Not there if `target` is a callable of Python.
    pub native: Option<&'static NativeCanceller>,
}

kept!(Canceller);
impl Counted for Canceller<'_> {}

/// A kind of canceller in Rust.
pub struct NativeCanceller {
    /// Cancels the Deferred, for `(target, deferred)`.
    pub cancel: for<'py> fn(&Bound<'py, PyAny>, &Bound<'py, Deferred>) -> PyResult<()>,
    /// The canceller as programs see it.
    pub show: for<'py> fn(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
}
