//! The extension module `deferrous._core`: Twisted's Deferreds, reactor and thread pool in Rust.
//!
//! `interp` is the interpreter, `defer` has the Deferreds. Everything that programs can see is as in
//! `twisted.internet.defer`.

mod defer;
mod failure;
mod interp;
mod race;
mod reactor;
mod replaced;
mod return_value;
mod sync;
mod threads;
mod twisted;
mod warn_target;

use pyo3::{
    prelude::*,
    types::{PyBool, PyDict},
};

use interp::{Maybe, shorten_name, to_result};

/// Twisted's `Deferred` and what goes with it, in Rust.
#[pymodule(gil_used = true)]
mod _core {
    use super::*;

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use super::race::race;
    #[pymodule_export]
    use super::reactor::{EventLoop, ReactorMethods, after_fork};
    #[pymodule_export]
    use super::replaced::watch;
    #[pymodule_export]
    use super::sync::{DeferredLock, DeferredQueue, DeferredSemaphore};
    #[pymodule_export]
    use super::warn_target::warn_target;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        load(module)
    }
}

/// Makes the classes and functions, and puts them into the module.
fn load(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    // Before anything of Twisted is looked at: an unsupported one may lack it.
    py.import("deferrous._guard")?;
    twisted::load(py)?;
    failure::load(py.import("deferrous._frames")?.as_any())?;
    sync::load(py)?;
    let add_methods = py.import("deferrous._methods")?.getattr("add_methods")?;
    defer::load(module, |deferred| add_methods.call1((deferred,)).map(drop))?;
    let lock = py.get_type::<sync::DeferredLock>();
    defer::set_default(
        &lock,
        "locked",
        Some(PyBool::new(py, false).to_owned().into_any()),
    )?;
    let rest = || -> Maybe<_> { Ok(reactor::load()?.into_iter().chain(threads::load()?)) };
    for (name, object) in to_result(py, rest())? {
        module.setattr(name, object.bind(py))?;
    }
    module
        .getattr("race")?
        .setattr("__module__", "twisted.internet.defer")?;
    for name in [
        "DeferredLock",
        "DeferredSemaphore",
        "DeferredQueue",
        "EventLoop",
        "ReactorMethods",
    ] {
        shorten_name(module.getattr(name)?.cast()?);
    }
    let methods = PyDict::new(py);
    for (name, method) in failure::methods(py)? {
        methods.set_item(name, method)?;
    }
    module.setattr("failure_methods", methods)?;
    let objects = twisted::objects(py);
    let mut warned_of = vec![
        (
            py.get_type::<defer::DeferredList>().into_any().unbind(),
            objects.deferred_list.clone_ref(py),
        ),
        (
            py.get_type::<defer::Deferred>().into_any().unbind(),
            objects.deferred.clone_ref(py),
        ),
    ];
    let primitive = py.get_type::<sync::Primitive>().into_any().unbind();
    warned_of.push((primitive, objects.primitive.clone_ref(py)));
    warn_target::load(py.get_type::<sync::Execute>(), warned_of);
    Ok(())
}
