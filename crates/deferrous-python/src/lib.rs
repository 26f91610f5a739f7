//! The extension module `deferrous._core`: Twisted's Deferreds, reactor and thread pool in Rust.
//!
//! `interp` is the interpreter, `defer` has the Deferreds. Everything that programs can see is as in
//! `twisted.internet.defer`.

mod blame;
mod defer;
mod docs;
mod failure;
mod interp;
mod race;
mod reactor;
mod replaced;
mod return_value;
mod sync;
mod threads;
mod twisted;

use pyo3::{PyErr, prelude::*};

use interp::{Maybe, Obj, Raised};

/// Twisted's `Deferred` and what goes with it, in Rust.
#[pymodule(gil_used = true)]
mod _core {
    use super::*;

    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use super::blame::blamed_function;
    #[pymodule_export]
    use super::race::race;
    #[pymodule_export]
    use super::replaced::watch;
    #[pymodule_export]
    use super::sync::{DeferredLock, DeferredQueue, DeferredSemaphore};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        load(module).map_err(|Raised| PyErr::fetch(module.py()))
    }
}

/// Makes the classes and functions, and puts them into the module.
fn load(module: &Bound<'_, PyModule>) -> Maybe<()> {
    // Before anything of Twisted is looked at: an unsupported one may lack it.
    twisted::import("deferrous._guard")?;
    twisted::load()?;
    failure::load()?;
    let add_methods = twisted::import("deferrous._methods")?.get("add_methods")?;
    let defer = defer::load(|deferred| add_methods.call(&[deferred.as_ptr()]).map(drop))?;
    // SAFETY: the module is alive.
    let module = unsafe { Obj::borrowed(module.as_ptr()) };
    defer::set_defaults(
        &module.get("DeferredLock")?,
        &[("locked", Some(Obj::bool(false)))],
    )?;
    let module_name = Obj::name("twisted.internet.defer")?;
    module
        .get("race")?
        .setattr(&Obj::name("__module__")?, &module_name)?;
    for name in ["DeferredLock", "DeferredSemaphore", "DeferredQueue"] {
        // SAFETY: PyO3 keeps its classes, and their names, for ever.
        unsafe { interp::shorten_name(module.get(name)?.as_ptr().cast()) };
    }
    let reactor = reactor::load()?.into_iter().chain(threads::load()?);
    for (name, object) in defer.into_iter().chain(reactor) {
        module.setattr(&Obj::name(name)?, &object)?;
    }
    // SAFETY: the thread is attached.
    let methods = unsafe { Obj::owned(pyo3::ffi::PyDict_New()) }?;
    for (name, method) in failure::methods()? {
        let name = Obj::name(name)?;
        // SAFETY: the dict, the name and the method are alive.
        unsafe { pyo3::ffi::PyDict_SetItem(methods.as_ptr(), name.as_ptr(), method.as_ptr()) };
    }
    module.setattr(&Obj::name("failure_methods")?, &methods)?;
    Ok(())
}
