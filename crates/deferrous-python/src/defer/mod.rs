//! Deferreds, as in `twisted.internet.defer`. Each file is named after what it is there.
//!
//! A core developer of Twisted can lay [`run_callbacks`] beside `Deferred._runCallbacks`, and the others beside the
//! methods that they are named after.

mod adding;
mod attributes;
mod awaiting;
mod callback;
mod callback_queue;
mod cancel;
mod class;
mod class_attributes;
mod debug_info;
mod deferred;
mod deferred_list;
mod firing;
mod functions;
mod inline_callbacks;
mod kinds;
mod life;
mod making;
mod methods;
mod run_callbacks;

use pyo3::ffi;

pub use self::{
    callback::{Callback, Side},
    class_attributes::set_defaults,
    deferred::Deferred,
    functions::maybe,
    kinds::{Method, classes},
};
use crate::interp::{Maybe, Obj};

/// Makes the classes and the functions, by name.
pub fn load(complete: impl FnOnce(&Obj) -> Maybe<()>) -> Maybe<Vec<(&'static str, Obj)>> {
    awaiting::make()?;
    class_attributes::make_class()?;
    inline_callbacks::make_class()?;
    let deferred = class::make(inline_callbacks::methods_of_deferred())?;
    complete(&deferred)?;
    let deferred_list = deferred_list::make_class(&deferred)?;
    let mut all = functions::all()?;
    let parse_results = all
        .iter()
        .find(|(name, _)| *name == "_parseDeferredListResult")
        .map_or_else(Obj::none, |(_, function)| function.clone());
    let finalizer: ffi::destructor = life::finalize;
    let subclasses = kinds::register(
        deferred.clone(),
        deferred_list.clone(),
        parse_results,
        methods::firing(),
        finalizer as usize,
    )?;
    all.extend([
        ("Deferred", deferred),
        ("DeferredList", deferred_list),
        ("_DEFERRED_SUBCLASSES", subclasses),
    ]);
    Ok(all)
}
