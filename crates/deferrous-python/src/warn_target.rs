//! Which function Twisted's warning names for a Deferred that its own callback has returned.

use pyo3::{
    prelude::*,
    sync::PyOnceLock,
    types::{PyCFunction, PyType},
};

use crate::{failure::execute_of_run, interp::name, replaced, twisted::objects};

/// Classes in Rust, whose methods have no lines that a warning could name.
struct Classes {
    /// What calls the function that `run` of a lock was given.
    execute: Py<PyType>,
    /// Ours and Twisted's that each stands for. Bases come after their subclasses.
    others: Vec<(Py<PyAny>, Py<PyAny>)>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

/// Remembers the class of what calls the function that `run` of a lock was given, and other classes with Twisted's
/// that each stands for, bases after their subclasses.
pub fn load(execute: Bound<'_, PyType>, others: Vec<(Py<PyAny>, Py<PyAny>)>) {
    let py = execute.py();
    let classes = Classes {
        execute: execute.unbind(),
        others,
    };
    let _ = CLASSES.set(py, classes);
}

/// Warns that `callable`, a callback, has returned the Deferred it was added to.
#[cold]
pub fn warn(callable: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = callable.py();
    let text = name!(
        py,
        "Callback returned the Deferred it was attached to; this breaks the callback chain and \
         will raise an exception in the future."
    )?;
    let name = name!(py, "warnAboutFunction")?;
    replaced::current(py, name, &objects(py).warn_about_function)?
        .call1((warn_target(callable)?, text))?;
    Ok(())
}

/// Twisted's function in the place of one of ours, which has no lines that a warning could name.
#[pyfunction(name = "_warn_target")]
pub fn warn_target<'py>(callable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let Some(classes) = CLASSES.get(py) else {
        return Ok(callable.clone());
    };
    if callable.is_exact_instance(classes.execute.bind(py)) {
        return Ok(execute_of_run(py).into_bound(py));
    }
    if !callable.is_instance_of::<PyCFunction>() {
        return Ok(callable.clone());
    }
    let owner = callable.getattr(name!(py, "__self__")?)?;
    for (ours, twisted) in &classes.others {
        if owner.is_instance(ours.bind(py))? {
            let name = callable.getattr(name!(py, "__name__")?)?;
            let found = twisted.bind(py).getattr_opt(name.cast()?)?;
            return Ok(found.unwrap_or_else(|| callable.clone()));
        }
    }
    Ok(callable.clone())
}
