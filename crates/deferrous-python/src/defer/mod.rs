//! Deferreds, as in `twisted.internet.defer`. Each file is named after what it is there.
//!
//! A core developer of Twisted can lay [`run_callbacks`] beside `Deferred._runCallbacks`, and the others beside the
//! methods that they are named after.

mod adding;
mod attributes;
mod awaiting;
mod callback;
mod callback_queue;
mod called_once;
mod cancel;
mod class_attributes;
mod debug_info;
mod deferred;
mod deferred_list;
mod firing;
mod functions;
mod gather_results;
mod inline_callbacks;
mod kinds;
mod making;
mod methods;
mod parts;
mod run_callbacks;

use pyo3::{prelude::*, types::PyType};

pub use self::{
    callback_queue::entries,
    cancel::call_cancel,
    class_attributes::set_default,
    debug_info::make_by as make_debug_info_by,
    deferred::{Callback, Called, Canceller, Deferred, Native, NativeCanceller, Side},
    deferred_list::DeferredList,
    firing::{add, call_add_callback, call_callback, call_errback},
    functions::maybe,
    kinds::{Method, as_deferred, classes},
    making::{succeed, unfired},
    parts::DeferredParts,
};
use crate::interp::{
    add_am_await, add_finalizer, add_method, add_slots, begin_life, begin_life_extended, fallible,
    make_in_one_step, name, shorten_name,
};

/// Makes the classes and the functions, and puts them into the module. `complete` adds what is not in Rust to the class
/// of Deferreds, and makes functions of Python of some of its methods.
pub fn load<'py>(
    module: &Bound<'py, PyModule>,
    complete: impl FnOnce(&Bound<'py, PyType>) -> PyResult<()>,
) -> PyResult<()> {
    let py = module.py();
    let deferred = py.get_type::<Deferred>();
    make_class(&deferred)?;
    complete(&deferred)?;
    called_once::add(&deferred)?;
    let list = py.get_type::<DeferredList>();
    begin_life_extended::<DeferredList>(py);
    set_default(&list, "fireOnOneCallback", Some(no(py)))?;
    set_default(&list, "fireOnOneErrback", Some(no(py)))?;
    begin_life::<awaiting::Awaiting>(py);
    add_slots::<awaiting::Awaiting>(py);
    add_method::<awaiting::Send>(py)?;
    add_method::<awaiting::Throw>(py)?;
    begin_life::<inline_callbacks::Driver>(py);
    begin_life::<inline_callbacks::Status>(py);
    for class in [&deferred, &list] {
        shorten_name(class);
        module.setattr(class.name()?, class)?;
    }
    let functions = [
        wrap_pyfunction!(functions::fail, py)?,
        wrap_pyfunction!(functions::ensure_deferred, py)?,
        wrap_pyfunction!(functions::start, py)?,
        wrap_pyfunction!(functions::start_by_name, py)?,
        wrap_pyfunction!(gather_results::gather_results, py)?,
    ];
    let parse_results = wrap_pyfunction!(gather_results::parse_results, py)?;
    let called_most = functions::called_most(py)?;
    for function in functions.iter().chain(&called_most).chain([&parse_results]) {
        function.setattr(
            name!(py, "__module__")?,
            name!(py, "twisted.internet.defer")?,
        )?;
        let name = function.getattr(name!(py, "__name__")?)?;
        module.setattr(name.cast()?, function)?;
    }
    module.setattr(
        name!(py, "_DEFERRED_SUBCLASSES")?,
        kinds::register(list, parse_results)?,
    )
}

fn no(py: Python<'_>) -> Bound<'_, PyAny> {
    pyo3::types::PyBool::new(py, false).to_owned().into_any()
}

/// Adds to the class of Deferreds what PyO3 does not make.
fn make_class(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    begin_life::<Deferred>(py);
    add_finalizer::<Deferred>(py)?;
    add_method::<adding::AddCallback>(py)?;
    add_method::<adding::AddErrback>(py)?;
    add_method::<adding::AddBoth>(py)?;
    make_in_one_step::<Deferred>(py);
    add_am_await::<Deferred>(py);
    class.setattr(name!(py, "debug")?, false)?;
    for name in ["called", "_runningCallbacks", "_suppressAlreadyCalled"] {
        set_default(class, name, Some(no(py)))?;
    }
    for name in ["_chainedTo", "_debugInfo"] {
        set_default(class, name, Some(py.None().into_bound(py)))?;
    }
    set_default(class, "paused", Some(fallible::int(py, 0)?))?;
    set_default(class, "result", None)
}
