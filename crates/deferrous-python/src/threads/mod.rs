//! Twisted's thread pool: jobs are queued and handed to workers in Rust, and the workers are threads of
//! Python's `threading`.

mod call;
mod defer;
mod docs;
mod job;
mod names;
mod own_method;
mod pool;
mod running;
mod starting;
mod support;
mod team;

use pyo3::{prelude::*, types::PyAny};

use crate::interp::{fallible, fast_function, method_descriptor, name};

/// Puts the class of teams and the functions into the module, and a dict of the methods that the class of pools takes
/// over.
///
/// `find` imports what threads need of the package, for the first job or team.
pub fn load(module: &Bound<'_, PyModule>, find: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = module.py();
    module.setattr(name!(py, "Team")?, py.get_type::<team::PyTeam>())?;
    module.setattr(name!(py, "team")?, wrap_pyfunction!(team::team, module)?)?;
    let threads = fallible::text(py, "twisted.internet.threads")?.into_any();
    let defer_to_thread = fast_function::<defer::DeferToThread>(py, &threads)?;
    let defer_to_thread_pool = fast_function::<defer::DeferToThreadPool>(py, &threads)?;
    module.setattr(name!(py, "deferToThread")?, defer_to_thread)?;
    module.setattr(name!(py, "deferToThreadPool")?, &defer_to_thread_pool)?;
    support::prepare(find, &defer_to_thread_pool);
    // Those of `object` bind to whatever class they are put into.
    let (methods, object) = (fallible::dict(py)?, py.get_type::<PyAny>());
    let call_in_thread = method_descriptor::<pool::CallInThread>(&object)?;
    let with_callback = method_descriptor::<pool::CallInThreadWithCallback>(&object)?;
    methods.set_item(name!(py, "callInThread")?, call_in_thread)?;
    methods.set_item(name!(py, "callInThreadWithCallback")?, with_callback)?;
    module.setattr(name!(py, "pool_methods")?, methods)
}
