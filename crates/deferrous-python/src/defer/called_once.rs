//! The methods that are called about once for a Deferred: `callback`, `errback` and `cancel`.
//!
//! `deferrous._methods` makes functions of Python of them, as tools such as `mock` look for these. When one is called,
//! what is here runs instead of its code.

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyFunction, PyType},
};

use super::{cancel, deferred::Deferred, firing};
use crate::{
    interp::{Arguments, NativeMethod, call_natively, fallible},
    replaced,
};

/// Defines one of the methods: what it does unless a program has replaced names, or `None` for other arguments.
macro_rules! method {
    ($method:ident, $name:literal, |$this:ident, $arguments:ident| $body:expr) => {
        struct $method;

        impl NativeMethod for $method {
            type Class = Deferred;

            #[inline(always)]
            fn call<'py>(
                $this: &Bound<'py, Deferred>,
                $arguments: &[Bound<'py, PyAny>],
            ) -> Option<PyResult<()>> {
                match replaced::any($this.py()) {
                    true => None,
                    false => $body,
                }
            }

            fn run_code<'py>(
                py: Python<'py>,
                arguments: Arguments<'_, 'py>,
            ) -> PyResult<Bound<'py, PyAny>> {
                replaced::call_stock_with(py, $name, arguments)
            }
        }
    };
}

method!(FireCallback, "Deferred.callback", |this, arguments| {
    match arguments {
        [result] => Some(firing::callback(this, result.clone())),
        _ => None,
    }
});

method!(FireErrback, "Deferred.errback", |this, arguments| {
    match arguments {
        [fail] if !fail.is_none() => Some(firing::errback(this, Some(fail))),
        // The exception that is being handled: where there is none, the traceback shows the function.
        _ => None,
    }
});

method!(Cancel, "Deferred.cancel", |this, arguments| {
    arguments.is_empty().then(|| cancel::cancel(this, false))
});

/// Has the functions of the class call what is here.
pub fn add(class: &Bound<'_, PyType>) -> PyResult<()> {
    call_natively::<FireCallback>(&function(class, "callback")?);
    call_natively::<FireErrback>(&function(class, "errback")?);
    call_natively::<Cancel>(&function(class, "cancel")?);
    Ok(())
}

fn function<'py>(class: &Bound<'py, PyType>, name: &str) -> PyResult<Bound<'py, PyFunction>> {
    let found = class.getattr(fallible::text(class.py(), name)?)?;
    found.cast_into().map_err(|_| {
        let message = "a method is to be a function of Python";
        fallible::error::<PyTypeError>(class.py(), message)
    })
}
