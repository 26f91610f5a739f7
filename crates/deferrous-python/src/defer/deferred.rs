//! A Deferred: its result, its callbacks, and the reasons not to run them.
//!
//! User code can reach a Deferred at any time. So its parts are in fields that are read by copying and written by
//! replacing: none is borrowed while anything else runs.

use pyo3::{exceptions::PyAttributeError, prelude::*, types::PyList};

use super::{
    callback::{Callback, Canceller},
    debug_info,
    kinds::{self, Kind, Method, kind},
};
use crate::interp::{Field, Life, Memory, Queue, Slot, has_attributes, make, own_attributes};

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
    pub paused: Field<i32>,
    pub called: Field<bool>,
    pub running_callbacks: Field<bool>,
    pub suppress_already_called: Field<bool>,
    /// `__init__` has run.
    pub is_initialised: Field<bool>,
    /// There was a failure at the end of the chain at some time.
    pub had_failure: Field<bool>,
}

static MEMORY: Memory = Memory::new();

impl Life for Deferred {
    type Last = Object;

    fn memory() -> &'static Memory {
        &MEMORY
    }

    fn finalize(this: &Bound<'_, Self>) {
        if let Some(failure) = debug_info::unreported(this.py(), this.get()) {
            debug_info::report(&failure);
        }
    }

    fn before_end<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match self.had_failure.get(py) {
            true => debug_info::unreported(py, self),
            false => None,
        }
    }

    fn after_end<'py>(_py: Python<'py>, failure: Bound<'py, PyAny>) {
        debug_info::report(&failure);
    }
}

impl Deferred {
    /// The parts of one that has not been fired.
    #[inline(always)]
    pub fn unfired(canceller: Option<Canceller<'_>>) -> Self {
        Deferred {
            debug_info: Slot::new(None),
            result: Slot::new(None),
            callbacks: Queue::new(),
            listed: Slot::new(None),
            canceller: Slot::new(canceller),
            chained_to: Slot::new(None),
            unhandled: Slot::new(None),
            paused: Field::new(0),
            called: Field::new(false),
            running_callbacks: Field::new(false),
            suppress_already_called: Field::new(false),
            is_initialised: Field::new(true),
            had_failure: Field::new(false),
        }
    }

    /// The parts of one that has been fired with `result`, and runs nothing.
    #[inline(always)]
    pub fn fired(result: Bound<'_, PyAny>) -> Self {
        let mut deferred = Self::unfired(None);
        deferred.result = Slot::new(Some(result));
        deferred.called = Field::new(true);
        deferred
    }

    /// A new Deferred of the class itself.
    #[inline(always)]
    pub fn make(self, py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        make(py, self)
    }
}

/// What the methods of a Deferred have in common.
pub trait DeferredParts<'py> {
    /// `self.result`.
    fn result(&self) -> Option<Bound<'py, PyAny>>;

    /// `self.result`, which a program may have deleted.
    fn required_result(&self) -> PyResult<Bound<'py, PyAny>>;

    /// `self.result = result`. Dropping the old result may run user code, which sees the new one.
    fn set_result(&self, result: Bound<'py, PyAny>);

    /// What `self.result` is to a chain.
    fn result_kind(&self) -> PyResult<Kind>;

    /// Notes the result of a Deferred that is fired. Its callbacks have not run.
    fn set_called_with(&self, result: Bound<'py, PyAny>);

    /// Whether a subclass, or a program, has put another method in the place of this one.
    fn overrides(&self, method: Method) -> bool;

    /// `self.debug`.
    fn debug(&self) -> bool;
}

impl<'py> DeferredParts<'py> for Bound<'py, Deferred> {
    #[inline(always)]
    fn result(&self) -> Option<Bound<'py, PyAny>> {
        self.get().result.clone_out(self.py())
    }

    #[inline(always)]
    fn required_result(&self) -> PyResult<Bound<'py, PyAny>> {
        match self.result() {
            Some(result) => Ok(result),
            None => Err(no_attribute(self, "result")),
        }
    }

    #[inline(always)]
    fn set_result(&self, result: Bound<'py, PyAny>) {
        self.get().result.set(self.py(), Some(result));
    }

    #[inline(always)]
    fn result_kind(&self) -> PyResult<Kind> {
        self.required_result().map(|result| kind(&result))
    }

    #[inline(always)]
    fn set_called_with(&self, result: Bound<'py, PyAny>) {
        let py = self.py();
        self.get().called.set(py, true);
        // The canceller isn't called any more, and could be part of a cycle.
        drop(self.get().canceller.take(py));
        self.set_result(result);
    }

    #[inline(always)]
    fn overrides(&self, method: Method) -> bool {
        kinds::overrides_in_class(self, method)
            || (has_attributes(self) && is_among_attributes(self, method))
    }

    #[inline(always)]
    fn debug(&self) -> bool {
        if has_attributes(self) {
            return kinds::look_up_debug(self);
        }
        kinds::class_debug(self)
    }
}

/// Whether a program has set the method as an attribute of this Deferred.
#[cold]
#[inline(never)]
fn is_among_attributes(deferred: &Bound<'_, Deferred>, method: Method) -> bool {
    let name = method.name(deferred.py());
    own_attributes(deferred).is_some_and(|attributes| attributes.contains(name).unwrap_or(true))
}

/// That there is no such attribute.
#[cold]
pub fn no_attribute(deferred: &Bound<'_, Deferred>, name: &str) -> PyErr {
    let class = deferred.get_type().name();
    let class = class.map_or_else(|_| "Deferred".to_owned(), |class| class.to_string());
    PyAttributeError::new_err(format!("'{class}' object has no attribute '{name}'"))
}
