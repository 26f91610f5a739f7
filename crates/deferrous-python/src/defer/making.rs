//! Making Deferreds: `__new__`, `__init__`, and both at once where the class is called.

use pyo3::{intern, prelude::*, types::PyType};

use super::{
    Deferred, callback::Canceller, callback_queue, debug_info, deferred::DeferredParts, firing,
    kinds::classes,
};
use crate::{
    interp::{Arguments, FastClass, Making, call_metaclass, fallible, is_abstract},
    replaced,
};

/// `__new__`.
pub fn new(class: &Bound<'_, PyType>) -> PyResult<Deferred> {
    let py = class.py();
    if is_abstract(class) {
        // What makes plain objects knows what to say of an abstract class.
        py.get_type::<PyAny>()
            .call_method1(intern!(py, "__new__"), (class,))?;
    }
    let deferred = Deferred::unfired(None);
    deferred.is_initialised.set(py, false);
    Ok(deferred)
}

/// `__init__`, of subclasses: calling the class itself makes one in one step.
pub fn init<'py>(
    deferred: &Bound<'py, Deferred>,
    canceller: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = deferred.py();
    if replaced::any() {
        let canceller = canceller.unwrap_or_else(|| py.None().into_bound(py));
        let arguments = fallible::tuple(py, [canceller])?;
        let name = intern!(py, "Deferred.__init__");
        replaced::call_stock(name, Some(deferred), &arguments, None)?;
        return Ok(());
    }
    initialise(deferred, canceller)
}

/// Sets what `__init__` sets.
pub fn initialise<'py>(
    deferred: &Bound<'py, Deferred>,
    canceller: Option<Bound<'py, PyAny>>,
) -> PyResult<()> {
    let py = deferred.py();
    deferred.get().is_initialised.set(py, true);
    callback_queue::clear(deferred);
    let canceller = canceller.map(Canceller::callable);
    deferred.get().canceller.set(py, canceller);
    if deferred.debug() {
        debug_info::note_creator(deferred)?;
    }
    Ok(())
}

/// Whether calling the class does what this file says: a program may have replaced `__init__`, or what that
/// looks up.
#[inline(always)]
pub fn is_original(py: Python<'_>) -> bool {
    let classes = classes(py);
    !replaced::any() && Making::of(classes.deferred.bind(py)) == classes.making
}

impl FastClass for Deferred {
    #[inline(always)]
    fn make<'py>(
        class: &Bound<'py, PyType>,
        arguments: Arguments<'_, 'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = class.py();
        let canceller = match arguments.positional() {
            [] => None,
            [canceller] => (!canceller.is_none()).then(|| canceller.clone()),
            _ => return call_metaclass(class, arguments),
        };
        if arguments.has_keywords() || !is_original(py) {
            return call_metaclass(class, arguments);
        }
        firing::unfired(py, canceller).map(Bound::into_any)
    }
}
