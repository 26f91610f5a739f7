//! What runs generators and coroutines over Deferreds: `inlineCallbacks`, `ensureDeferred` and
//! `Deferred.fromCoroutine`.
//!
//! A driver sends the result of each Deferred into the generator that waits for it. It is a link of
//! the one that is waited for, and of nothing else: a generator ends with what it waits for.

mod status;

use std::ptr;

use deferrous::chain::Host;
use pyo3::ffi;

use crate::{
    classes::{Kind, Method, kind},
    deferred::Deferred,
    failure::{self, Place},
    host::Python,
    interp::{
        Context, Held, Holder, Maybe, ONE_ARGUMENT, Obj, Raised, Raw, enter, held, method, raise,
        reraise, take_raised,
    },
    link::{Link, Shape},
    replaced, return_value,
    twisted::{names, twisted},
};

/// What a driver keeps.
struct Parts {
    generator: Obj,
    context: Context,
    /// What is needed to cancel it.
    status: Obj,
    /// A link is being added: a result that comes before that has returned is put into `early`.
    is_adding: bool,
    early: Option<Obj>,
}

static CLASS: Holder<Parts> = Holder::new();

impl Held for Parts {
    fn holder() -> &'static Holder<Self> {
        &CLASS
    }

    fn each(&self, see: &mut impl FnMut(&Obj)) {
        see(&self.generator);
        see(self.context.object());
        see(&self.status);
        if let Some(early) = &self.early {
            see(early);
        }
    }
}

pub use status::{cancel, cancelled, is_status};

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

/// Looks at the parts of a driver. `body` must run no Python code.
#[inline(always)]
fn with<R>(driver: &Obj, body: impl FnOnce(&mut Parts) -> R) -> Maybe<R> {
    // SAFETY: it is a driver, and `body` does not get here again.
    match unsafe { held::<Parts>(driver.as_ptr()) } {
        Some(parts) => Ok(body(parts)),
        None => Err(ended()),
    }
}

#[cold]
fn ended() -> Raised {
    // SAFETY: reading a static of the interpreter.
    let class = unsafe { ffi::PyExc_RuntimeError };
    raise(
        class,
        "the coroutine was collected as garbage and cannot go on",
    )
}

/// Runs `generator` until it waits or ends; Twisted's `_cancellableInlineCallbacks`.
pub fn start(generator: Obj) -> Maybe<Deferred> {
    let deferred = Deferred::unfired(None)?;
    let status = status::new(&deferred)?;
    deferred.with(|state| state.replace_canceller(Some(status.clone())));
    let driver = CLASS.make(Parts {
        generator,
        context: Context::copy_current()?,
        status,
        is_adding: false,
        early: None,
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
    let status = with(driver, |parts| parts.status.clone())?;
    status::with(&status, |parts| parts.deferred.clone())
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
    let (generator, context) = with(driver, |parts| {
        (parts.generator.clone(), parts.context.clone())
    })?;
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
    let status = with(driver, |parts| parts.status.clone())?;
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
    let taken = deferred.with(|state| {
        (state.is_called() && state.is_settled())
            .then(|| state.replace_outcome(Some(Obj::none())))
            .flatten()
    });
    if let Some(result) = taken {
        deferred.begin();
        Python.settled(&deferred);
        return Ok(Some(result));
    }
    with(driver, |parts| parts.is_adding = true)?;
    deferred.add(Link::driver(driver.clone()))?;
    added(driver, deferred)
}

#[cold]
fn wait_by_method(driver: &Obj, deferred: Deferred) -> Maybe<Option<Obj>> {
    with(driver, |parts| parts.is_adding = true)?;
    let resume = driver.get("resume")?;
    let arguments = [ptr::null_mut(), resume.as_ptr()];
    deferred
        .object()
        .call_method(&names().add_both, arguments)?;
    added(driver, deferred)
}

/// The link has been added: either it has run already, or the generator waits.
#[inline(always)]
fn added(driver: &Obj, deferred: Deferred) -> Maybe<Option<Obj>> {
    let (early, status) = with(driver, |parts| {
        parts.is_adding = false;
        (parts.early.take(), parts.status.clone())
    })?;
    if early.is_none() {
        drop(status::with(&status, |parts| {
            parts.waiting_on.replace(deferred)
        })?);
    }
    Ok(early)
}

/// What was waited for has an outcome.
#[inline(always)]
pub fn resume(driver: &Obj, outcome: &Obj) -> Maybe<Option<End>> {
    let is_early = with(driver, |parts| {
        if parts.is_adding {
            parts.is_adding = false;
            parts.early = Some(outcome.clone());
            return true;
        }
        false
    })?;
    if is_early {
        return Ok(None);
    }
    drive(driver, outcome.clone())
}

/// A link of this module's as programs see it.
pub fn show(link: &Link) -> Maybe {
    link.first().get(match link.shape {
        Shape::Cancelling => "cancelled",
        _ => "resume",
    })
}

/// The canceller as programs see it.
pub fn bound_cancel(status: &Obj) -> Maybe {
    status.getattr(&names().cancel)
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
