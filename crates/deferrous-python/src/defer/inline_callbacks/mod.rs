//! What runs generators and coroutines over Deferreds: `inlineCallbacks`, `ensureDeferred` and
//! `Deferred.fromCoroutine`.
//!
//! A driver sends the result of each Deferred into the generator that waits for it. It is a link of
//! the one that is waited for, and of nothing else: a generator ends with what it waits for.

mod status;

use std::{cell::Cell, ptr};

use pyo3::ffi;

use self::status::{ended, part};
use super::{
    callback::{Callback, Called, Canceller, Native as NativeCallback, Side},
    debug_info,
    deferred::Deferred,
    kinds::{Kind, Method, kind},
    run_callbacks::{is_fired_plainly, is_idle},
};
use crate::{
    docs,
    failure::{self, Place},
    interp::{
        CLASS_METHOD, Context, Maybe, Native, NativeClass, ONE_ARGUMENT, Obj, Raised, Raw,
        Signature, Traverse, Visitor, copied, deeper_as_python, enter, method, raise, reraise,
        take_raised,
    },
    replaced, return_value,
    twisted::{names, twisted},
};

/// What drives a generator.
struct Driver {
    generator: Cell<Option<Obj>>,
    context: Cell<Option<Context>>,
    /// What is needed to cancel it.
    status: Cell<Option<Obj>>,
    /// A callback is being added: a result that comes before that has returned is put into `early`.
    is_adding: Cell<bool>,
    early: Cell<Option<Obj>>,
}

static CLASS: NativeClass<Driver> = NativeClass::new();

/// The driver as a callback of the Deferred that is waited for.
static RESUME: NativeCallback = NativeCallback {
    call: |driver, _, result, _| match resume(driver, result) {
        Ok(Some(end)) => end.fire_as_callback(),
        Ok(None) => Called::Returned(Ok(Obj::none())),
        Err(raised) => Called::Returned(Err(raised)),
    },
    show: |driver, _| {
        let both = (driver.get("resume")?, twisted().empty.clone());
        Ok([both.clone(), both])
    },
};

impl Traverse for Driver {
    fn traverse(&self, visitor: &mut Visitor) {
        for part in [&self.generator, &self.status, &self.early] {
            visitor.see_cell(part);
        }
        visitor.see_cell(&self.context);
    }
}

impl Native for Driver {
    fn class() -> &'static NativeClass<Self> {
        &CLASS
    }

    fn clear(&self) {
        let parts = [&self.generator, &self.status, &self.early].map(Cell::take);
        drop((parts, self.context.take()));
    }
}

/// Makes the classes.
pub fn make_class() -> Maybe<()> {
    status::make_class()?;
    let methods = vec![method(
        c"resume",
        ONE_ARGUMENT(resume_method),
        c"resume($self, result, /)\n--\n\nGo on with the result of what was waited for.",
    )];
    CLASS.define(c"twisted.internet.defer._Driver", methods, vec![])?;
    Ok(())
}

/// The methods of the class `Deferred` that are about coroutines.
pub fn methods_of_deferred() -> Vec<ffi::PyMethodDef> {
    vec![method(
        c"fromCoroutine",
        CLASS_METHOD(from_coroutine_method),
        docs::FROM_COROUTINE,
    )]
}

/// The driver's parts.
#[inline(always)]
fn parts(driver: &Obj) -> Maybe<&Driver> {
    CLASS.get(driver).ok_or_else(ended)
}

/// Runs `generator` until it waits or ends; Twisted's `_cancellableInlineCallbacks`.
pub fn start(generator: Obj) -> Maybe<Deferred> {
    let deferred = Deferred::unfired(None)?;
    let status = status::new(&deferred)?;
    drop(deferred.parts().canceller.replace(Some(Canceller {
        target: status.clone(),
        native: Some(&status::CANCELLER),
    })));
    let driver = CLASS.make(Driver {
        generator: Cell::new(Some(generator)),
        context: Cell::new(Some(Context::copy_current()?)),
        status: Cell::new(Some(status)),
        is_adding: Cell::new(false),
        early: Cell::new(None),
    })?;
    if let Some(end) = drive(&driver, Obj::none())? {
        end.fire()?;
    }
    Ok(deferred)
}

/// Twisted's `Deferred.fromCoroutine`.
pub fn from_coroutine(coro: &Obj) -> Maybe<Deferred> {
    if is_generator(coro) || is_coroutine(coro)? {
        return start(coro.clone());
    }
    // SAFETY: the object is alive.
    let shown = unsafe { Obj::owned(ffi::PyObject_Repr(coro.as_ptr())) }?.to_text()?;
    let class = twisted().not_a_coroutine.as_ptr();
    Err(raise(class, &format!("{shown} is not a coroutine")))
}

fn is_generator(object: &Obj) -> bool {
    // SAFETY: the object is alive.
    unsafe {
        ffi::PyGen_CheckExact(object.as_ptr()) != 0
            || ffi::PyObject_TypeCheck(object.as_ptr(), &raw mut ffi::PyGen_Type) != 0
    }
}

#[inline]
fn is_coroutine(object: &Obj) -> Maybe<bool> {
    // SAFETY: the object is alive.
    unsafe {
        if ffi::PyCoro_CheckExact(object.as_ptr()) != 0 {
            return Ok(true);
        }
        let class = object.class();
        if [
            (*ffi::Py_None()).ob_type,
            &raw mut ffi::PyLong_Type,
            &raw mut ffi::PyBool_Type,
            &raw mut ffi::PyUnicode_Type,
            &raw mut ffi::PyBytes_Type,
            &raw mut ffi::PyList_Type,
            &raw mut ffi::PyTuple_Type,
            &raw mut ffi::PyDict_Type,
        ]
        .contains(&class)
        {
            return Ok(false);
        }
    }
    let arguments = [ptr::null_mut(), object.as_ptr()];
    twisted().is_coroutine.call_with_room(arguments)?.is_true()
}

/// What a step of the generator came to.
enum Sent {
    Yielded(Obj),
    Returned(Obj),
}

#[inline(always)]
fn send(generator: &Obj, value: &Obj) -> Maybe<Sent> {
    let mut result = ptr::null_mut();
    // SAFETY: both objects are alive; the interpreter hands out one reference unless it raised.
    unsafe {
        match ffi::PyIter_Send(generator.as_ptr(), value.as_ptr(), &raw mut result) {
            ffi::PySendResult::PYGEN_NEXT => Ok(Sent::Yielded(Obj::owned(result)?)),
            ffi::PySendResult::PYGEN_RETURN => Ok(Sent::Returned(Obj::owned(result)?)),
            ffi::PySendResult::PYGEN_ERROR => Err(Raised),
        }
    }
}

fn throw(generator: &Obj, failure: &Obj) -> Maybe<Sent> {
    let thrown = match failure::exception_of(failure, &names().throw_into) {
        Some(exception) => {
            let arguments = [ptr::null_mut(), exception.as_ptr()];
            generator.call_method(&names().throw, arguments)
        }
        None => {
            let arguments = [ptr::null_mut(), generator.as_ptr()];
            failure.call_method(&names().throw_into, arguments)
        }
    };
    let raised = match thrown {
        Ok(yielded) => return Ok(Sent::Yielded(yielded)),
        Err(raised) => raised,
    };
    // SAFETY: an exception is set.
    if unsafe { ffi::PyErr_ExceptionMatches(ffi::PyExc_StopIteration) } == 0 {
        return Err(raised);
    }
    Ok(Sent::Returned(take_raised(raised).getattr(&names().value)?))
}

/// The Deferred that the generator's result goes to.
fn result_of(driver: &Obj) -> Maybe<Deferred> {
    status::deferred_of(&part(copied(&parts(driver)?.status))?)
}

/// What a generator has come to.
pub struct End {
    /// The Deferred that is to be fired.
    pub deferred: Deferred,
    /// What it is to be fired with.
    pub outcome: Obj,
    /// What ended the generator, if it was an exception: it is being handled meanwhile.
    pub exception: Option<Obj>,
}

impl End {
    /// Fires the Deferred, where that is all that a callback does.
    ///
    /// While Twisted fires the Deferred of a generator that an exception has ended, that exception is being
    /// handled, and what is raised meanwhile says so. So it is here, as deep as Twisted's would come; a
    /// longer row of generators that fail needs no stack.
    fn fire_as_callback(self) -> Called {
        if !is_fired_plainly(&self.deferred) {
            return Called::Returned(self.fire().map(|()| Obj::none()));
        }
        if self.exception.is_some()
            && let Some(fired) = deeper_as_python(|| {
                End {
                    deferred: self.deferred.clone(),
                    outcome: self.outcome.clone(),
                    exception: self.exception.clone(),
                }
                .fire()
            })
        {
            return Called::Returned(fired.map(|()| Obj::none()));
        }
        self.deferred.set_called_with(self.outcome);
        Called::Fired(self.deferred.into_object())
    }

    /// Fires the Deferred.
    pub fn fire(self) -> Maybe<()> {
        match &self.exception {
            None => self.deferred.call_callback(self.outcome),
            Some(exception) => failure::handling(exception, || {
                self.deferred.call_errback(Some(&self.outcome))
            }),
        }
    }
}

/// Runs the generator on from `result`, until it waits or ends.
fn drive(driver: &Obj, mut result: Obj) -> Maybe<Option<End>> {
    let parts = parts(driver)?;
    let generator = part(copied(&parts.generator))?;
    let context = part(copied(&parts.context))?;
    loop {
        if replaced::any() {
            go_on_by_name(driver, &generator, &context, &result)?;
            return Ok(None);
        }
        let failed = kind(&result) == Kind::Failure;
        let sent = context.run(|| {
            if failed {
                throw(&generator, &result)
            } else {
                send(&generator, &result)
            }
        });
        let (outcome, exception) = match sent {
            Ok(Sent::Yielded(yielded)) => match wait_for(driver, yielded)? {
                Some(next) => {
                    result = next;
                    continue;
                }
                None => return Ok(None),
            },
            Ok(Sent::Returned(value)) => (value, None),
            Err(raised) => {
                let place = if failed { Place::Throw } else { Place::Send };
                ended_by(driver, raised, place)?
            }
        };
        let deferred = result_of(driver)?;
        return Ok(Some(End {
            deferred,
            outcome,
            exception,
        }));
    }
}

/// Leaves the generator to Twisted's function, which looks up what a program has replaced.
#[cold]
fn go_on_by_name(driver: &Obj, generator: &Obj, context: &Context, result: &Obj) -> Maybe<()> {
    let status = part(copied(&parts(driver)?.status))?;
    let arguments = [result, generator, &status, context.object()].map(Obj::as_ptr);
    replaced::value("_inlineCallbacks")?.call(&arguments)?;
    Ok(())
}

/// The outcome of a generator that an exception has ended, and that exception.
#[cold]
fn ended_by(driver: &Obj, raised: Raised, place: Place) -> Maybe<(Obj, Option<Obj>)> {
    // SAFETY: an exception is set, and the class is alive.
    let returned = unsafe { ffi::PyErr_ExceptionMatches(twisted().generator_return.as_ptr()) } != 0;
    let exception = take_raised(raised);
    if returned {
        return Ok((return_value::of(&exception)?, None));
    }
    let deferred = result_of(driver)?;
    let owner = deferred.debug().then(|| deferred.into_object());
    let failure = failure::from_raised(reraise(exception.clone()), owner, place);
    Ok((failure, Some(exception)))
}

/// The generator has yielded something: what it goes on with, unless it has to wait.
#[inline(always)]
fn wait_for(driver: &Obj, yielded: Obj) -> Maybe<Option<Obj>> {
    if kind(&yielded) == Kind::Deferred {
        // SAFETY: its kind has just been looked at.
        return wait_for_deferred(driver, unsafe { Deferred::from_object(yielded) });
    }
    if is_coroutine(&yielded)? || is_generator(&yielded) {
        return wait_for_deferred(driver, start(yielded)?);
    }
    Ok(Some(yielded))
}

#[inline(always)]
fn wait_for_deferred(driver: &Obj, deferred: Deferred) -> Maybe<Option<Obj>> {
    if deferred.overrides(Method::AddBoth) || deferred.overrides(Method::RunCallbacks) {
        return wait_by_method(driver, deferred);
    }
    // The common case: it has a result already, and nothing left to do with it.
    if deferred.parts().called.get()
        && is_idle(&deferred)
        && let Some(result) = deferred.result()
    {
        deferred.set_result(Obj::none());
        drop(deferred.parts().chained_to.take());
        debug_info::note(&deferred, false);
        return Ok(Some(result));
    }
    parts(driver)?.is_adding.set(true);
    deferred.add(Callback::Native {
        side: Side::Both,
        index: 0,
        native: &RESUME,
        target: driver.clone(),
    })?;
    added(driver, deferred)
}

#[cold]
fn wait_by_method(driver: &Obj, deferred: Deferred) -> Maybe<Option<Obj>> {
    parts(driver)?.is_adding.set(true);
    let resume = driver.get("resume")?;
    let arguments = [ptr::null_mut(), resume.as_ptr()];
    deferred
        .object()
        .call_method(&names().add_both, arguments)?;
    added(driver, deferred)
}

/// The callback has been added: either it has run already, or the generator waits.
#[inline(always)]
fn added(driver: &Obj, deferred: Deferred) -> Maybe<Option<Obj>> {
    let parts = parts(driver)?;
    parts.is_adding.set(false);
    let early = parts.early.take();
    if early.is_none() {
        status::set_waiting_on(&part(copied(&parts.status))?, deferred)?;
    }
    Ok(early)
}

/// Goes on with the result of the Deferred that the generator waited for.
#[inline(always)]
fn resume(driver: &Obj, result: &Obj) -> Maybe<Option<End>> {
    let parts = parts(driver)?;
    if parts.is_adding.replace(false) {
        drop(parts.early.replace(Some(result.clone())));
        return Ok(None);
    }
    drive(driver, result.clone())
}

const FROM_COROUTINE: Signature<1> = Signature {
    function: "Deferred.fromCoroutine",
    names: ["coro"],
    required: 1,
};

/// # Safety
/// There are `count` arguments, and as many more as `names`.
unsafe extern "C" fn from_coroutine_method(
    class: Raw,
    arguments: *const Raw,
    count: ffi::Py_ssize_t,
    names: Raw,
) -> Raw {
    // SAFETY: as the caller says.
    enter(|| unsafe {
        if replaced::any() {
            return replaced::call("Deferred.fromCoroutine", class, arguments, count, names);
        }
        let [coro] = FROM_COROUTINE.bind(arguments, count, names)?;
        from_coroutine(&Obj::borrowed(coro)).map(Deferred::into_object)
    })
}

/// # Safety
/// `raw` is an object of this class, and the argument is alive.
unsafe extern "C" fn resume_method(raw: Raw, result: Raw) -> Raw {
    // SAFETY: called by the interpreter with a driver and an object.
    enter(|| unsafe {
        if let Some(end) = resume(&Obj::borrowed(raw), &Obj::borrowed(result))? {
            end.fire()?;
        }
        Ok(Obj::none())
    })
}
