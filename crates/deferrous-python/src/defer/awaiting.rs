//! What `await deferred` and `yield from deferred` iterate over: the Deferred itself, until it has a
//! result.

use std::{cell::Cell, ffi::c_void, ptr};

use pyo3::ffi;

use super::{
    debug_info,
    deferred::{Deferred, no_attribute},
    kinds::{Kind, kind},
};
use crate::{
    failure::{self, Place},
    interp::{
        CALL_WITH_KEYWORDS, Maybe, NO_ARGUMENTS, Native, NativeClass, ONE_ARGUMENT, Obj, Raised,
        Raw, Traverse, Visitor, assertion_failed, enter, guarded, method, raise, reraise, slot,
        take_raised, type_error,
    },
    twisted::{names, twisted},
};

/// What is waited for. It is gone when the result has been handed over.
struct Awaited(Cell<Option<Deferred>>);

static CLASS: NativeClass<Awaited> = NativeClass::new();

impl Traverse for Awaited {
    fn traverse(&self, visitor: &mut Visitor) {
        visitor.see_cell(&self.0);
    }
}

impl Native for Awaited {
    fn class() -> &'static NativeClass<Self> {
        &CLASS
    }

    fn clear(&self) {
        drop(self.0.take());
    }
}

/// Makes the class of the iterators.
pub fn make() -> Maybe<()> {
    let methods = vec![
        method(
            c"send",
            ONE_ARGUMENT(send),
            c"send($self, value, /)\n--\n\nGo on; the value is not looked at.",
        ),
        method(
            c"throw",
            CALL_WITH_KEYWORDS(throw),
            c"throw($self, typ, val=None, tb=None, /)\n--\n\nEnd the wait with an exception.",
        ),
        method(
            c"close",
            NO_ARGUMENTS(close),
            c"close($self)\n--\n\nEnd the wait.",
        ),
    ];
    let slots = vec![
        slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as *mut c_void),
        slot(ffi::Py_tp_iternext, next as *mut c_void),
        slot(ffi::Py_am_send, am_send as *mut c_void),
    ];
    CLASS.define(c"twisted.internet.defer._DeferredIterator", methods, slots)?;
    Ok(())
}

/// An iterator over `deferred`.
pub fn new(deferred: &Deferred) -> Maybe {
    CLASS.make(Awaited(Cell::new(Some(deferred.clone()))))
}

/// The Deferred that is waited for, in its cell.
///
/// # Safety
///
/// `raw` is one of these iterators, and alive for as long as the result is used.
unsafe fn awaited(raw: &Raw) -> Maybe<&Cell<Option<Deferred>>> {
    // SAFETY: an `Obj` is one pointer to an object, and as the caller promises, this one is alive.
    let iterator = unsafe { &*ptr::from_ref(raw).cast::<Obj>() };
    match CLASS.get(iterator) {
        Some(awaited) => Ok(&awaited.0),
        None => Err(type_error("this object is of another class")),
    }
}

/// What the next step comes to.
enum Next {
    Yield(Obj),
    Return(Obj),
}

/// # Safety
///
/// `raw` is one of these iterators.
unsafe fn step(raw: Raw) -> Maybe<Next> {
    // SAFETY: as the caller promises, it is one of these iterators.
    let cell = unsafe { awaited(&raw) }?;
    let Some(deferred) = cell.take() else {
        return Ok(Next::Return(Obj::none()));
    };
    let parts = deferred.parts();
    let result = deferred.result();
    let is_ready = if twisted().awaits_called {
        parts.called.get()
    } else {
        result.is_some()
    };
    if !is_ready || parts.paused.get() != 0 {
        let waits_for = deferred.object().clone();
        cell.set(Some(deferred));
        return Ok(Next::Yield(waits_for));
    }
    let Some(result) = result else {
        return Err(no_attribute(&deferred, "result"));
    };
    if kind(&result) != Kind::Failure {
        return Ok(Next::Return(result));
    }
    if !deferred.parts().had_failure.get() && debug_info::existing(&deferred).is_none() {
        return Err(assertion_failed());
    }
    debug_info::note(&deferred, false);
    match failure::exception_of(&result, &names().raise_exception) {
        Some(exception) => {
            failure::pass(&exception, Place::Await);
            Err(raise_in_generator(&exception))
        }
        None => {
            result.call_method(&names().raise_exception, [ptr::null_mut()])?;
            Err(type_error(
                "a failure was asked to raise its exception and did not",
            ))
        }
    }
}

/// Raises an exception as a generator raises what it is thrown.
fn raise_thrown(exception: Obj) -> Raised {
    no_stop_iteration(reraise(exception))
}

/// Raises an exception as a statement in a generator does: what is being handled is its context.
fn raise_in_generator(exception: &Obj) -> Raised {
    // SAFETY: the exception is alive.
    unsafe { ffi::PyErr_SetObject(exception.class().cast(), exception.as_ptr()) };
    no_stop_iteration(Raised)
}

/// A generator cannot raise `StopIteration`.
fn no_stop_iteration(raised: Raised) -> Raised {
    // SAFETY: an exception is set; both are alive, and the references to the cause are handed over.
    unsafe {
        if ffi::PyErr_ExceptionMatches(ffi::PyExc_StopIteration) == 0 {
            return raised;
        }
        let exception = take_raised(raised);
        let raised = raise(ffi::PyExc_RuntimeError, "generator raised StopIteration");
        let error = take_raised(raised);
        ffi::PyException_SetCause(error.as_ptr(), exception.clone().into_ptr());
        ffi::PyException_SetContext(error.as_ptr(), exception.into_ptr());
        reraise(error)
    }
}

/// Raises `StopIteration(value)`, unless that is `None`: then null alone says so.
fn stop(value: Obj) -> Raised {
    if !value.is(crate::twisted::none()) {
        // SAFETY: the class and the value are alive. A tuple or an exception as the value would be
        // taken for the arguments or the exception, so the instance is made here.
        unsafe {
            let class = ffi::PyExc_StopIteration;
            let arguments = [ptr::null_mut(), value.as_ptr()];
            if let Ok(exception) = Obj::borrowed(class).call_with_room(arguments) {
                ffi::PyErr_SetObject(class, exception.as_ptr());
            }
        }
    }
    Raised
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn next(raw: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| match unsafe { step(raw) }? {
        Next::Yield(deferred) => Ok(deferred),
        Next::Return(value) => Err(stop(value)),
    })
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn send(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| match unsafe { step(raw) }? {
        Next::Yield(deferred) => Ok(deferred),
        Next::Return(value) => {
            let is_none = value.is(crate::twisted::none());
            let raised = stop(value);
            if is_none {
                // SAFETY: the class is alive.
                unsafe { ffi::PyErr_SetNone(ffi::PyExc_StopIteration) };
            }
            Err(raised)
        }
    })
}

/// # Safety
/// `raw` is an object of this class, and `result` may be written.
unsafe extern "C" fn am_send(raw: Raw, _: Raw, result: *mut Raw) -> ffi::PySendResult {
    // SAFETY: called by the interpreter, which gives room for the result.
    unsafe {
        match guarded(|| step(raw)) {
            Ok(Next::Yield(deferred)) => {
                *result = deferred.into_ptr();
                ffi::PySendResult::PYGEN_NEXT
            }
            Ok(Next::Return(value)) => {
                *result = value.into_ptr();
                ffi::PySendResult::PYGEN_RETURN
            }
            Err(Raised) => {
                *result = ptr::null_mut();
                ffi::PySendResult::PYGEN_ERROR
            }
        }
    }
}

/// # Safety
/// `raw` is an object of this class, and there are `count` arguments.
unsafe extern "C" fn throw(raw: Raw, arguments: *const Raw, count: ffi::Py_ssize_t, _: Raw) -> Raw {
    // SAFETY: called by the interpreter, with `count` arguments that are alive.
    enter(|| unsafe {
        drop(awaited(&raw)?.take());
        if count == 0 {
            return Err(type_error("throw expected at least 1 argument, got 0"));
        }
        let first = Obj::borrowed(*arguments);
        if ffi::PyExceptionInstance_Check(first.as_ptr()) != 0 {
            failure::pass(&first, Place::Wait);
            return Err(raise_thrown(first));
        }
        let value = if count > 1 {
            *arguments.add(1)
        } else {
            ffi::Py_None()
        };
        ffi::PyErr_SetObject(first.as_ptr(), value);
        Err(Raised)
    })
}

/// # Safety
/// `raw` is an object of this class.
unsafe extern "C" fn close(raw: Raw, _: Raw) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        drop(awaited(&raw)?.take());
        Ok(Obj::none())
    })
}
