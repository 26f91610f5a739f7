//! The extension module `deferrous._native`: Twisted's Deferreds, reactor and thread pool in Rust.
//!
//! `interp` is the interpreter, `defer` has the Deferreds. Everything that programs can see is as in
//! `twisted.internet.defer`.

mod asyncio;
mod defer;
mod failure;
mod inspect;
mod interp;
mod metrics;
mod race;
mod reactor;
mod records;
mod replaced;
mod return_value;
mod stalls;
mod sync;
mod threads;
mod transport;
mod twisted;
mod waiting;
mod warn_target;

use pyo3::{prelude::*, types::PyBool};

use interp::{fallible, name, shorten_name};

/// Twisted's `Deferred` and what goes with it, in Rust.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    #[allow(non_upper_case_globals)]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use super::asyncio::{Handle, LoopCore, ReadyQueue, TimerHandle, prepare_loops};
    #[pymodule_export]
    use super::initialise;
    #[pymodule_export]
    use super::inspect::look_at;
    #[pymodule_export]
    use super::metrics::{count_times, counted_times};
    #[pymodule_export]
    use super::race::race;
    #[pymodule_export]
    use super::reactor::{EventLoop, ReactorMethods, after_fork};
    #[pymodule_export]
    use super::records::{count_unfired, keep_records, record};
    #[pymodule_export]
    use super::replaced::watch;
    #[pymodule_export]
    use super::stalls::{
        Watchdog, begin_turn, end_turn, note_collection, running_turn, watch_loops,
    };
    #[pymodule_export]
    use super::sync::{DeferredLock, DeferredQueue, DeferredSemaphore};
    #[pymodule_export]
    use super::warn_target::warn_target;
}

/// Find what is used of Twisted, and make the classes and functions that are not here yet.
///
/// Args:
///     frames: the functions that find the frames of Twisted's functions.
///     add_methods: gives the class Deferred the methods that are Twisted's.
///     find_for_reactor: imports what the reactor needs of the package. It is called for the first event loop.
///     find_for_threads: imports what threads need of the package. It is called for the first job or team.
#[pyfunction(name = "_initialise", pass_module)]
fn initialise(
    module: &Bound<'_, PyModule>,
    frames: &Bound<'_, PyAny>,
    add_methods: &Bound<'_, PyAny>,
    find_for_reactor: &Bound<'_, PyAny>,
    find_for_threads: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = module.py();
    twisted::load(py)?;
    failure::load(frames)?;
    sync::load(py)?;
    defer::load(module, |deferred| add_methods.call1((deferred,)).map(drop))?;
    let lock = py.get_type::<sync::DeferredLock>();
    defer::set_default(
        &lock,
        "locked",
        Some(PyBool::new(py, false).to_owned().into_any()),
    )?;
    reactor::load(find_for_reactor)?;
    module.setattr(
        name!(py, "DelayedCall")?,
        py.get_type::<reactor::DelayedCall>(),
    )?;
    interp::begin_life::<reactor::DelayedCall>(py);
    asyncio::load(py)?;
    threads::load(module, find_for_threads)?;
    module.getattr(name!(py, "race")?)?.setattr(
        name!(py, "__module__")?,
        name!(py, "twisted.internet.defer")?,
    )?;
    for name in [
        "DeferredLock",
        "DeferredSemaphore",
        "DeferredQueue",
        "EventLoop",
        "ReactorMethods",
        "DelayedCall",
        "Team",
    ] {
        shorten_name(module.getattr(fallible::text(py, name)?)?.cast()?);
    }
    let methods = fallible::dict(py)?;
    for (name, method) in failure::methods(py)? {
        methods.set_item(fallible::text(py, name)?, method)?;
    }
    module.setattr(name!(py, "failure_methods")?, methods)?;
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
