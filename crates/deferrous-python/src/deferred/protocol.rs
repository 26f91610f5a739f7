//! What the methods of a Deferred do: firing, adding, pausing and cancelling, with each other's
//! overrides, and the engine under them.

use std::ptr;

use deferrous::chain::{self, AlreadyCalled, Entry, Links, State};

use super::{Deferred, attributes, debug, making};
use crate::{
    classes::{Kind, Method, classes, kind},
    coroutine,
    entries::{self, Entries},
    failure::{self, Place},
    host::Python,
    interp::{Maybe, Obj, Raised, too_deep, type_error},
    link::{Link, Side},
    replaced,
    twisted::{names, twisted},
};

impl Deferred {
    /// Adds a link, and runs it if there is an outcome; what `addCallbacks` ends in.
    #[inline(always)]
    pub fn add(&self, link: Link) -> Maybe<()> {
        if !self.layout().is_made.get() {
            return Err(attributes::no_attribute(self, "_callbacks"));
        }
        let mut link = Some(link);
        let called = self.with(|state| {
            if !state.is_called()
                && let Some(link) = link.take()
            {
                state.links_mut().push(Entry::Call(link));
            }
            state.is_called()
        });
        let (true, Some(link)) = (called, link) else {
            return Ok(());
        };
        if self.overrides(Method::RunCallbacks) {
            self.with(|state| state.links_mut().push(Entry::Call(link)));
            self.object()
                .call_method(&names().run_callbacks, [ptr::null_mut()])?;
            return Ok(());
        }
        if self.lacks_result() {
            self.with(|state| state.links_mut().push(Entry::Call(link)));
            return Err(self.fail_without_result());
        }
        self.begin();
        ended(chain::add(&Python, self, || link))
    }

    /// Whether it would run now, if a program had not taken its result away.
    #[inline(always)]
    fn lacks_result(&self) -> bool {
        self.with(|state| state.outcome().is_none() && state.holds() == 0 && !state.is_running())
    }

    /// What Twisted's loop comes to then: it takes one link before it looks for the result.
    #[cold]
    fn fail_without_result(&self) -> Raised {
        self.begin();
        drop(self.with(|state| state.links_mut().pop()));
        attributes::no_attribute(self, "result")
    }

    /// A Deferred whose turn has come waits for nobody, whatever `chainDeferred` said.
    #[inline(always)]
    pub fn begin(&self) {
        let before = self.with(|state| {
            if state.waiting_on().is_none() || state.holds() != 0 || state.is_running() {
                return None;
            }
            state.replace_upstream(None)
        });
        drop(before);
    }

    /// `callback(outcome)`, where the class may say what that is.
    #[inline]
    pub fn call_callback(&self, outcome: Obj) -> Maybe<()> {
        if self.overrides(Method::Callback) {
            let arguments = [ptr::null_mut(), outcome.as_ptr()];
            self.object().call_method(&names().callback, arguments)?;
            return Ok(());
        }
        self.callback(outcome)
    }

    /// `callback(outcome)`.
    #[inline(always)]
    pub fn callback(&self, outcome: Obj) -> Maybe<()> {
        self.fire(outcome).map_err(|raised| {
            if replaced::any() {
                // Twisted's own function has been called, and is in the traceback.
                return raised;
            }
            failure::pass_raised(raised, Place::Callback)
        })
    }

    /// What `callback` and `errback` end in.
    #[inline(always)]
    fn fire(&self, outcome: Obj) -> Maybe<()> {
        if self.overrides(Method::StartRunCallbacks) {
            return self.callback_by_method(&outcome);
        }
        self.start(outcome, 0)
    }

    #[cold]
    fn callback_by_method(&self, outcome: &Obj) -> Maybe<()> {
        let object = self.object();
        if replaced::any() {
            let (own, arguments) = (object.as_ptr(), [outcome.as_ptr()]);
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
        let arguments = [ptr::null_mut(), outcome.as_ptr()];
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
        self.add(Link::plain(callable, Side::Callback))?;
        Ok(self.object().clone())
    }

    /// `_startRunCallbacks(outcome)`. In debug mode the stack is noted without as many `frames` at
    /// its end: those of the method that usually calls this one.
    #[inline(always)]
    pub fn start(&self, outcome: Obj, frames: usize) -> Maybe<()> {
        let is_first = self.with(|state| !state.is_called());
        if self.debug() && is_first {
            debug::note_invoker(self, frames)?;
        }
        let is_running = self.with(|state| state.is_running());
        if self.overrides(Method::RunCallbacks) || (is_first && is_running) {
            return self.start_by_method(outcome);
        }
        if is_first {
            self.begin();
        }
        match chain::fire(&Python, self, outcome) {
            Ok(lost) => ended(lost),
            Err(AlreadyCalled) => Err(debug::already_called(self)),
        }
    }

    #[cold]
    fn start_by_method(&self, outcome: Obj) -> Maybe<()> {
        if self.with(|state| state.is_called()) {
            if self.with(|state| state.swallows_next()) {
                self.with(|state| state.set_swallows_next(false));
                return Ok(());
            }
            return Err(debug::already_called(self));
        }
        let before = self.with(|state| {
            state.set_called(true);
            (
                state.replace_canceller(None),
                state.replace_outcome(Some(outcome)),
            )
        });
        drop(before);
        self.object()
            .call_method(&names().run_callbacks, [ptr::null_mut()])?;
        Ok(())
    }

    /// `_runCallbacks()`.
    pub fn run(&self) -> Maybe<()> {
        if self.lacks_result() {
            return Err(self.fail_without_result());
        }
        self.begin();
        ended(chain::run(&Python, self))
    }

    /// `unpause()`.
    pub fn unpause(&self) -> Maybe<()> {
        let ready = self.with(|state| {
            state.set_holds(state.holds() - 1);
            state.holds() == 0 && state.is_called()
        });
        if ready {
            if self.overrides(Method::RunCallbacks) {
                self.object()
                    .call_method(&names().run_callbacks, [ptr::null_mut()])?;
            } else {
                self.run()?;
            }
        }
        Ok(())
    }

    /// `cancel()`, where the class may say what that is.
    pub fn call_cancel(&self) -> Maybe<()> {
        if self.overrides(Method::Cancel) {
            self.object()
                .call_method(&names().cancel, [ptr::null_mut()])?;
            return Ok(());
        }
        self.cancel()
    }

    /// `cancel()`. A row of Deferreds that wait for each other is walked by a loop.
    pub fn cancel(&self) -> Maybe<()> {
        let mut current = self.clone();
        // One of the Deferreds that were passed, another after 2, 4, 8... more: in a circle, it comes
        // again.
        let (mut passed, mut steps, mut until) = (self.clone(), 0_usize, 1_usize);
        while current.with(|state| state.is_called()) {
            let Some(outcome) = current.with(|state| state.outcome().cloned()) else {
                return Err(attributes::no_attribute(&current, "result"));
            };
            if kind(&outcome) != Kind::Deferred {
                return Ok(());
            }
            // SAFETY: its kind has just been looked at.
            current = unsafe { Self::from_object(outcome) };
            if current.overrides(Method::Cancel) {
                current
                    .object()
                    .call_method(&names().cancel, [ptr::null_mut()])?;
                return Ok(());
            }
            if current.object().is(passed.object().as_ptr()) {
                return Err(too_deep(
                    "while cancelling Deferreds that wait for each other",
                ));
            }
            steps += 1;
            if steps == until {
                (passed, steps, until) = (current.clone(), 0, until * 2);
            }
        }
        current.cancel_unfired()
    }

    fn cancel_unfired(&self) -> Maybe<()> {
        match self.with(|state| state.canceller().cloned()) {
            Some(canceller) if coroutine::is_status(&canceller) => {
                coroutine::cancel(&canceller, self)?;
            }
            Some(canceller) if canceller.is_true()? => {
                canceller
                    .call_with_room([ptr::null_mut(), self.object().as_ptr()])
                    .map_err(|raised| failure::pass_raised(raised, Place::Cancel))?;
            }
            _ => self.with(|state| state.set_swallows_next(true)),
        }
        if self.with(|state| state.is_called()) {
            return Ok(());
        }
        // The canceller may have replaced it.
        let error = replaced::named("CancelledError", &twisted().cancelled_error)?;
        let failure = failure::from_value(&error.call(&[])?)?;
        self.call_errback(Some(&failure))
    }

    /// `_callbacks`: the links as a list. They stay a list from then on.
    pub fn callbacks(&self) -> Maybe {
        if !self.layout().is_made.get() {
            return Err(attributes::no_attribute(self, "_callbacks"));
        }
        let (list, before) = self.with(|state| {
            let queue = match state.links() {
                Entries::Listed(list) => return Ok((list.clone(), None)),
                Entries::Hidden(queue) => queue,
            };
            let list = entries::listed(queue)?;
            let listed = Entries::Listed(list.clone());
            Ok((list, Some(std::mem::replace(state.links_mut(), listed))))
        })?;
        drop(before);
        Ok(list)
    }

    /// Puts a list in the place of the links.
    pub fn set_callbacks(&self, list: Obj) {
        let listed = Entries::Listed(list);
        self.layout().is_made.set(true);
        drop(self.with(|state| std::mem::replace(state.links_mut(), listed)));
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

    /// A Deferred that has been fired with `outcome`, and runs nothing; Twisted's `succeed`.
    #[inline(always)]
    pub fn fired(outcome: Obj) -> Maybe<Self> {
        if !making::is_original() {
            let deferred = Self::make_by_call(None)?;
            drop(deferred.with(|state| {
                state.set_called(true);
                state.replace_outcome(Some(outcome))
            }));
            return Ok(deferred);
        }
        let deferred = Self::new(State::fired(outcome))?;
        if deferred.debug() {
            debug::note_creator(&deferred)?;
        }
        Ok(deferred)
    }

    /// A Deferred that has not been fired.
    #[inline(always)]
    pub fn unfired(canceller: Option<Obj>) -> Maybe<Self> {
        if !making::is_original() {
            return Self::make_by_call(canceller.as_ref());
        }
        let deferred = Self::new(State::new(canceller))?;
        if deferred.debug() {
            debug::note_creator(&deferred)?;
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

/// What comes of running links: Twisted's loop fails where a program has taken a result away.
#[inline(always)]
fn ended(lost: Option<Deferred>) -> Maybe<()> {
    match lost {
        None => Ok(()),
        Some(lost) => Err(attributes::no_attribute(&lost, "result")),
    }
}
