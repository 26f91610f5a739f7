//! The methods that are called most: `addCallback`, `addErrback`, `addBoth` and `addCallbacks`.

use std::ffi::CStr;

use pyo3::{exceptions::PyTypeError, prelude::*};

use super::{
    deferred::{Arguments as Rest, Callback, Deferred, Side},
    firing::add,
};
use crate::{
    interp::{Arguments, FastMethod, fallible, name},
    replaced,
    twisted::objects,
};

/// `addCallback`, `addErrback` and `addBoth`.
#[inline(always)]
fn add_side<'py>(
    deferred: &Bound<'py, Deferred>,
    arguments: Arguments<'_, 'py>,
    side: Side,
) -> PyResult<Bound<'py, PyAny>> {
    let added = match arguments.positional() {
        _ if arguments.has_keywords() || replaced::any(deferred.py()) => {
            return add_slowly(deferred, arguments, side);
        }
        [callable] => Callback::Plain {
            side,
            callable: callable.clone(),
        },
        [callable, argument] => Callback::WithArgument {
            side,
            callable: callable.clone(),
            argument: argument.clone(),
        },
        _ => return add_slowly(deferred, arguments, side),
    };
    add(deferred, added)?;
    Ok(deferred.as_any().clone())
}

/// The same with several arguments, or with keywords, one of which may be the callable.
#[cold]
#[inline(never)]
fn add_slowly<'py>(
    deferred: &Bound<'py, Deferred>,
    arguments: Arguments<'_, 'py>,
    side: Side,
) -> PyResult<Bound<'py, PyAny>> {
    let py = deferred.py();
    let (function, parameter) = match side {
        Side::Callback => ("addCallback", "callback"),
        Side::Errback => ("addErrback", "errback"),
        Side::Both => ("addBoth", "callback"),
    };
    if replaced::any(py) {
        let name = fallible::text(py, &format!("Deferred.{function}"))?;
        let (args, kwargs) = (arguments.to_tuple()?, arguments.keywords()?);
        return replaced::call_stock(&name, Some(deferred), &args, kwargs.as_ref());
    }
    let keywords = arguments.keywords()?;
    let refuse = |what: &str| {
        let message = format!("Deferred.{function}() {what}");
        Err(fallible::error::<PyTypeError>(py, &message))
    };
    let (mut named, key) = (None, fallible::text(py, parameter)?);
    if let Some(keywords) = &keywords {
        if keywords.contains(name!(py, "self")?)? {
            return refuse("got multiple values for argument 'self'");
        }
        named = keywords.get_item(&key)?;
        if named.is_some() {
            keywords.del_item(&key)?;
        }
    }
    let (callable, rest) = match (arguments.positional(), named) {
        ([], None) => {
            return refuse(&format!(
                "missing 1 required positional argument: '{parameter}'"
            ));
        }
        ([_, ..], Some(_)) => {
            return refuse(&format!("got multiple values for argument '{parameter}'"));
        }
        ([], Some(named)) => (named, &[][..]),
        ([first, rest @ ..], None) => (first.clone(), rest),
    };
    let keywords = keywords.filter(|keywords| !keywords.is_empty());
    let callback = match (rest, keywords) {
        ([], None) => Callback::Plain { side, callable },
        (rest, keywords) => {
            let positional = fallible::tuple_of(py, rest)?;
            let rest = Box::new(Rest {
                positional,
                keywords,
            });
            Callback::WithArguments {
                side,
                callable,
                rest,
            }
        }
    };
    add(deferred, callback)?;
    Ok(deferred.as_any().clone())
}

/// Defines one of the three methods.
macro_rules! adder {
    ($adder:ident, $side:ident, $name:literal, $doc:literal) => {
        pub struct $adder;

        impl FastMethod for $adder {
            type Class = Deferred;
            const NAME: &'static CStr = $name;
            const DOC: &'static CStr = $doc;

            #[inline(always)]
            fn call<'py>(
                this: &Bound<'py, Deferred>,
                arguments: Arguments<'_, 'py>,
            ) -> PyResult<Bound<'py, PyAny>> {
                add_side(this, arguments, Side::$side)
            }
        }
    };
}

adder!(
    AddCallback,
    Callback,
    c"addCallback",
    c"addCallback($self, callback, *args, **kwargs)
--

Add a callback.

Args:
    callback: called with the result, and the arguments given here. A failure passes it by.
        What it returns is the next result; what it raises, or a Failure, goes to the errbacks.

Returns:
    the Deferred itself."
);

adder!(
    AddErrback,
    Errback,
    c"addErrback",
    c"addErrback($self, errback, *args, **kwargs)
--

Add an errback.

Args:
    errback: called with the Failure, and the arguments given here. A result that is no failure
        passes it by. What it returns is the next result; what it raises, or a Failure, goes to
        the errbacks after it.

Returns:
    the Deferred itself."
);

adder!(
    AddBoth,
    Both,
    c"addBoth",
    c"addBoth($self, callback, *args, **kwargs)
--

Add a callable that is both callback and errback.

Args:
    callback: called with the result or the Failure, and the arguments given here.

Returns:
    the Deferred itself."
);

/// Further arguments, and keywords.
type More<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyAny>>);

/// `addCallbacks`.
pub fn add_callbacks<'py>(
    deferred: Bound<'py, Deferred>,
    callback: Bound<'py, PyAny>,
    callback_rest: More<'py>,
    errback: Option<Bound<'py, PyAny>>,
    errback_rest: More<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = deferred.py();
    let has_rest = !matches!(
        (&callback_rest, &errback_rest),
        ((None, None), (None, None))
    );
    if replaced::any(py) {
        let ((args, keywords), (more, more_keywords)) = (callback_rest, errback_rest);
        let given = [Some(callback), errback, args, keywords, more, more_keywords];
        let given = given.map(|given| given.unwrap_or_else(|| py.None().into_bound(py)));
        let (name, given) = (
            name!(py, "Deferred.addCallbacks")?,
            fallible::tuple(py, given)?,
        );
        return replaced::call_stock(name, Some(&deferred), &given, None);
    }
    let callback = match errback {
        Some(errback) if !has_rest => Callback::Pair { callback, errback },
        None if !has_rest => Callback::Plain {
            side: Side::Callback,
            callable: callback,
        },
        errback => {
            let errback = errback.unwrap_or_else(|| objects(py).failthru.bind(py).clone());
            let sides = [side(callback, callback_rest)?, side(errback, errback_rest)?];
            let entry = fallible::tuple(py, sides)?.into_any();
            Callback::Entry { entry }
        }
    };
    add(&deferred, callback)?;
    Ok(deferred.into_any())
}

/// One side of an entry of `_callbacks`.
fn side<'py>(
    callable: Bound<'py, PyAny>,
    (arguments, keywords): More<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let arguments = match arguments {
        Some(arguments) => arguments,
        None => fallible::tuple(py, [])?.into_any(),
    };
    let keywords = match keywords {
        Some(keywords) => keywords,
        None => fallible::dict(py)?.into_any(),
    };
    Ok(fallible::tuple(py, [callable, arguments, keywords])?.into_any())
}
