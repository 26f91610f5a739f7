//! `returnValue`, which ends a generator by an exception, and the warning where it ends another
//! generator than the one that called it.

use std::ptr;

use pyo3::ffi;

use crate::{
    interp::{Maybe, Obj, Raised, assertion_failed, reraise, take_raised},
    twisted::{names, none},
};

/// The value that the exception carries.
///
/// The traceback starts in the generator, and `returnValue` and the wrapper that marks it as
/// deprecated are two more frames. If there are still more, somebody else called it.
pub fn of(exception: &Obj) -> Maybe {
    let generator = exception.getattr(&names().traceback)?;
    if let Some(caller) = ultimate(&generator, exception)? {
        warn(&caller, &generator)?;
    }
    exception.getattr(&names().value)
}

fn next(traceback: &Obj) -> Maybe<Option<Obj>> {
    if traceback.is(none()) {
        return Ok(None);
    }
    let next = traceback.get("tb_next")?;
    Ok((!next.is(none())).then_some(next))
}

/// The frame that called `returnValue`, unless it is the generator's own.
fn ultimate(generator: &Obj, exception: &Obj) -> Maybe<Option<Obj>> {
    let mut frames = vec![generator.clone()];
    while let Some(deeper) = frames.last().map(next).transpose()?.flatten() {
        frames.push(deeper);
    }
    match frames.len() {
        // It was not raised by `returnValue`.
        ..3 => Err(raise_assertion(exception)),
        3 => Ok(None),
        count => Ok(Some(frames.swap_remove(count - 3))),
    }
}

/// Raises what Twisted's assertions do, while the exception is being handled.
#[cold]
fn raise_assertion(exception: &Obj) -> Raised {
    let error = take_raised(assertion_failed());
    // SAFETY: both are exceptions and alive; the reference is handed over.
    unsafe { ffi::PyException_SetContext(error.as_ptr(), exception.clone().into_ptr()) };
    reraise(error)
}

fn warn(caller: &Obj, generator: &Obj) -> Maybe<()> {
    let code = |traceback: &Obj| traceback.get("tb_frame")?.get("f_code");
    let name = |traceback: &Obj| code(traceback)?.get("co_name");
    let shown = |object: &Obj| {
        // SAFETY: the object is alive.
        unsafe { Obj::owned(ffi::PyObject_Repr(object.as_ptr())) }?.to_text()
    };
    let text = Obj::text(&format!(
        "returnValue() in {} causing {} to exit: returnValue should only be invoked by functions \
         decorated with inlineCallbacks",
        shown(&name(caller)?)?,
        shown(&name(generator)?)?,
    ))?;
    let module = Obj::name("warnings")?;
    // SAFETY: the name and the class are alive.
    let (warnings, category) = unsafe {
        let warnings = Obj::owned(ffi::PyImport_Import(module.as_ptr()))?;
        (warnings, Obj::borrowed(ffi::PyExc_DeprecationWarning))
    };
    let file = code(caller)?.get("co_filename")?;
    let line = caller.get("tb_lineno")?;
    let arguments = [
        ptr::null_mut(),
        text.as_ptr(),
        category.as_ptr(),
        file.as_ptr(),
        line.as_ptr(),
    ];
    warnings.call_method(&Obj::name("warn_explicit")?, arguments)?;
    Ok(())
}
