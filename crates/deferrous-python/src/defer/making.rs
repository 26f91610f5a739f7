//! Making Deferreds: `__new__`, `__init__`, and both at once where the class is called.

use pyo3::{exceptions::PyTypeError, prelude::*, types::PyType};

use super::{
    callback_queue, debug_info,
    deferred::{Canceller, Deferred},
    kinds::{as_deferred, classes},
    parts::DeferredParts,
};
use crate::{
    interp::{Arguments, FastClass, Making, call_metaclass, fallible, is_abstract, make, name},
    replaced,
};

/// `__new__`.
pub fn new(class: &Bound<'_, PyType>) -> PyResult<Deferred> {
    let py = class.py();
    if is_abstract(class) {
        // What makes plain objects knows what to say of an abstract class.
        py.get_type::<PyAny>()
            .call_method1(name!(py, "__new__")?, (class,))?;
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
    if replaced::any(py) {
        let canceller = canceller.unwrap_or_else(|| py.None().into_bound(py));
        let arguments = fallible::tuple(py, [canceller])?;
        let name = name!(py, "Deferred.__init__")?;
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
    note_creator(deferred)
}

/// Notes what has made the Deferred, where somebody wants to know.
#[inline(always)]
fn note_creator(deferred: &Bound<'_, Deferred>) -> PyResult<()> {
    deferred.get().record.note(deferred.py());
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
    !replaced::any(py) && Making::of(classes.deferred.bind(py)) == classes.making
}

/// Makes one as `Deferred(canceller)` does where a program has replaced `__init__`, or the class.
#[cold]
fn make_by_call<'py>(
    py: Python<'py>,
    canceller: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Deferred>> {
    let class = replaced::current(py, name!(py, "Deferred")?, &classes(py).deferred)?;
    let object = match canceller {
        Some(canceller) => class.call1((canceller,)),
        None => class.call0(),
    }?;
    as_deferred(&object)
        .cloned()
        .ok_or_else(|| fallible::error::<PyTypeError>(py, "Deferred() has not made a Deferred"))
}

/// A Deferred that has been fired with `result`, and runs nothing; Twisted's `succeed`.
#[inline(always)]
pub fn succeed<'py>(py: Python<'py>, result: Bound<'py, PyAny>) -> PyResult<Bound<'py, Deferred>> {
    if !is_original(py) {
        let deferred = make_by_call(py, None)?;
        deferred.get().called.set(py, true);
        deferred.set_result(result);
        return Ok(deferred);
    }
    let deferred = make(py, || Deferred::fired(result))?;
    note_creator(&deferred)?;
    Ok(deferred)
}

/// A Deferred that has not been fired.
#[inline(always)]
pub fn unfired<'py>(
    py: Python<'py>,
    canceller: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Deferred>> {
    if !is_original(py) {
        return make_by_call(py, canceller);
    }
    make_unfired(py, canceller)
}

/// The same, where nothing is replaced.
#[inline(always)]
fn make_unfired<'py>(
    py: Python<'py>,
    canceller: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, Deferred>> {
    let deferred = make(py, || Deferred::unfired(canceller.map(Canceller::callable)))?;
    note_creator(&deferred)?;
    Ok(deferred)
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
        make_unfired(py, canceller).map(Bound::into_any)
    }
}
