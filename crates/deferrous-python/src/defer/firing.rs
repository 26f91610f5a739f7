//! Adding callbacks, firing and pausing. The methods call each other as Twisted's do, so that
//! subclasses may override them.

use std::ptr;

use super::{
    callback::{Callback, Canceller, Side},
    callback_queue, debug_info,
    deferred::{Deferred, Parts, no_attribute},
    kinds::{Kind, Method, classes, kind},
    making,
    run_callbacks::{is_idle, run_added, run_callbacks},
};
use crate::{
    failure::{self, Place},
    interp::{Maybe, Obj, type_error},
    replaced,
    twisted::names,
};

impl Deferred {
    /// Adds a callback, and runs it if there is a result; what `addCallbacks` ends in.
    #[inline(always)]
    pub fn add(&self, callback: Callback) -> Maybe<()> {
        let parts = self.parts();
        if !parts.called.get() {
            if !parts.is_initialised.get() {
                return Err(no_attribute(self, "_callbacks"));
            }
            return callback_queue::push(self, callback);
        }
        self.add_to_fired(callback)
    }

    #[inline(always)]
    fn add_to_fired(&self, callback: Callback) -> Maybe<()> {
        if !self.parts().is_initialised.get() {
            return Err(no_attribute(self, "_callbacks"));
        }
        let by_method = self.overrides(Method::RunCallbacks);
        if !by_method && is_idle(self) {
            return run_added(self, callback);
        }
        callback_queue::push(self, callback)?;
        self.run_by_name(by_method)
    }

    /// `self._runCallbacks()`, where the class may say what that is.
    #[inline(always)]
    fn run_by_name(&self, by_method: bool) -> Maybe<()> {
        if by_method {
            self.object()
                .call_method(&names().run_callbacks, [ptr::null_mut()])?;
            return Ok(());
        }
        run_callbacks(self)
    }

    /// `callback(result)`, where the class may say what that is.
    #[inline]
    pub fn call_callback(&self, result: Obj) -> Maybe<()> {
        if self.overrides(Method::Callback) {
            let arguments = [ptr::null_mut(), result.as_ptr()];
            self.object().call_method(&names().callback, arguments)?;
            return Ok(());
        }
        self.callback(result)
    }

    /// `callback(result)`.
    #[inline(always)]
    pub fn callback(&self, result: Obj) -> Maybe<()> {
        self.fire(result).map_err(|raised| {
            if replaced::any() {
                // Twisted's own function has been called, and is in the traceback.
                return raised;
            }
            failure::pass_raised(raised, Place::Callback)
        })
    }

    /// What `callback` and `errback` end in.
    #[inline(always)]
    fn fire(&self, result: Obj) -> Maybe<()> {
        if self.overrides(Method::StartRunCallbacks) {
            return self.callback_by_method(&result);
        }
        self.start(result, 0)
    }

    #[cold]
    fn callback_by_method(&self, result: &Obj) -> Maybe<()> {
        let object = self.object();
        if replaced::any() {
            let (own, arguments) = (object.as_ptr(), [result.as_ptr()]);
            // In debug mode, the frame of Twisted's function is one of those that it leaves out.
            // SAFETY: there is one argument, which is alive.
            unsafe {
                replaced::call(
                    "Deferred.callback",
                    own,
                    arguments.as_ptr(),
                    1,
                    ptr::null_mut(),
                )
            }?;
            return Ok(());
        }
        let arguments = [ptr::null_mut(), result.as_ptr()];
        object.call_method(&names().start_run_callbacks, arguments)?;
        Ok(())
    }

    /// `errback(fail)`. Without an argument, the failure is that of the exception being handled.
    pub fn errback(&self, fail: Option<&Obj>) -> Maybe<()> {
        let failure = match fail {
            None => failure::current(self.debug())?,
            Some(failure) if kind(failure) == Kind::Failure => failure.clone(),
            Some(other) => failure::from_value(other)?,
        };
        self.fire(failure)
            .map_err(|raised| failure::pass_raised(raised, Place::Errback))
    }

    /// `errback(fail)`, where the class may say what that is.
    pub fn call_errback(&self, fail: Option<&Obj>) -> Maybe<()> {
        if !self.overrides(Method::Errback) {
            return self.errback(fail);
        }
        let fail = fail.cloned().unwrap_or_else(Obj::none);
        let arguments = [ptr::null_mut(), fail.as_ptr()];
        self.object().call_method(&names().errback, arguments)?;
        Ok(())
    }

    /// `addCallback(callable)`, where the class may say what that is.
    pub fn call_add_callback(&self, callable: Obj) -> Maybe {
        if self.overrides(Method::AddCallback) {
            let arguments = [ptr::null_mut(), callable.as_ptr()];
            return self.object().call_method(&names().add_callback, arguments);
        }
        self.add(Callback::Plain {
            side: Side::Callback,
            callable,
        })?;
        Ok(self.object().clone())
    }

    /// `_startRunCallbacks(result)`. In debug mode the stack is noted without as many `frames` at
    /// its end: those of the method that usually calls this one.
    #[inline(always)]
    pub fn start(&self, result: Obj, frames: usize) -> Maybe<()> {
        let parts = self.parts();
        if parts.called.get() {
            if parts.suppress_already_called.replace(false) {
                return Ok(());
            }
            return Err(debug_info::already_called(self));
        }
        if self.debug() {
            debug_info::note_invoker(self, frames)?;
        }
        self.set_called_with(result);
        self.run_by_name(self.overrides(Method::RunCallbacks))
    }

    /// `unpause()`.
    pub fn unpause(&self) -> Maybe<()> {
        let parts = self.parts();
        parts.paused.set(parts.paused.get() - 1);
        if parts.paused.get() != 0 || !parts.called.get() {
            return Ok(());
        }
        self.run_by_name(self.overrides(Method::RunCallbacks))
    }

    /// Makes one as `Deferred(canceller)` does where a program has replaced `__init__`, or the class.
    #[cold]
    fn make_by_call(canceller: Option<&Obj>) -> Maybe<Self> {
        let class = replaced::named("Deferred", &classes().deferred)?;
        let object = match canceller {
            Some(canceller) => class.call(&[canceller.as_ptr()]),
            None => class.call(&[]),
        }?;
        Self::of(&object).ok_or_else(|| type_error("Deferred() has not made a Deferred"))
    }

    /// A Deferred that has been fired with `result`, and runs nothing; Twisted's `succeed`.
    #[inline(always)]
    pub fn fired(result: Obj) -> Maybe<Self> {
        if !making::is_original() {
            let deferred = Self::make_by_call(None)?;
            deferred.parts().called.set(true);
            deferred.set_result(result);
            return Ok(deferred);
        }
        let deferred = Self::new(Parts::fired(result))?;
        if deferred.debug() {
            debug_info::note_creator(&deferred)?;
        }
        Ok(deferred)
    }

    /// A Deferred that has not been fired.
    #[inline(always)]
    pub fn unfired(canceller: Option<Obj>) -> Maybe<Self> {
        if !making::is_original() {
            return Self::make_by_call(canceller.as_ref());
        }
        let deferred = Self::new(Parts::new(canceller.map(Canceller::callable)))?;
        if deferred.debug() {
            debug_info::note_creator(&deferred)?;
        }
        Ok(deferred)
    }

    /// A Deferred that has failed; Twisted's `fail`.
    pub fn failed(fail: Option<&Obj>) -> Maybe<Self> {
        let deferred = Self::unfired(None)?;
        deferred.call_errback(fail)?;
        Ok(deferred)
    }
}
