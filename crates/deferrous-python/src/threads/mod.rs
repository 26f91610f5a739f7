//! Twisted's thread pool: jobs are queued and handed to workers in Rust, and the workers are threads of
//! Python's `threading`.

mod call;
mod defer;
mod docs;
mod job;
mod names;
mod own_method;
mod starting;
mod support;
mod team;

use std::ptr;

use pyo3::ffi;

use crate::interp::{CALL_WITH_KEYWORDS, Maybe, Obj, method};

/// Makes the classes.
///
/// Returns the class of teams and the functions by name, and a dict of the methods that the class of
/// pools takes over.
pub fn load() -> Maybe<Vec<(&'static str, Obj)>> {
    call::make_class()?;
    let team = team::make_class()?;
    let functions = [
        (
            "team",
            method(c"team", CALL_WITH_KEYWORDS(team::new), docs::TEAM),
        ),
        (
            "deferToThreadPool",
            method(
                c"deferToThreadPool",
                CALL_WITH_KEYWORDS(defer::defer_to_thread_pool),
                docs::DEFER_TO_THREAD_POOL,
            ),
        ),
        (
            "deferToThread",
            method(
                c"deferToThread",
                CALL_WITH_KEYWORDS(defer::defer_to_thread),
                docs::DEFER_TO_THREAD,
            ),
        ),
    ];
    let module = Obj::name("twisted.internet.threads")?;
    let mut found = vec![("Team", team)];
    for (name, definition) in functions {
        let definition = Box::leak(Box::new(definition));
        // SAFETY: the definition lives for ever.
        let function = unsafe {
            Obj::owned(ffi::PyCFunction_NewEx(
                definition,
                ptr::null_mut(),
                module.as_ptr(),
            ))
        }?;
        found.push((name, function));
    }
    found.push(("pool_methods", pool_methods()?));
    Ok(found)
}

/// The methods of a pool that are called for each job. Those of `object` bind to whatever class they are
/// put into.
fn pool_methods() -> Maybe {
    let table = [
        (
            "callInThread",
            method(
                c"callInThread",
                CALL_WITH_KEYWORDS(job::call_in_thread),
                docs::CALL_IN_THREAD,
            ),
        ),
        (
            "callInThreadWithCallback",
            method(
                c"callInThreadWithCallback",
                CALL_WITH_KEYWORDS(job::call_in_thread_with_callback),
                docs::CALL_IN_THREAD_WITH_CALLBACK,
            ),
        ),
    ];
    crate::interp::methods_of_any_class(table)
}
