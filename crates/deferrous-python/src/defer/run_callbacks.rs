//! Running callbacks: Twisted's `Deferred._runCallbacks`.
//!
//! The loop has the structure of Twisted's, and local variables that live as long: what a callback was given ends
//! when it ends there. Two things are different. The loop does not call itself: where a callback does nothing but
//! fire another Deferred, that one's callbacks run in a [`Call`] of their own, on a stack on the heap. And a callback
//! that is added to a Deferred that has its result is called without being put into the queue first.

use super::{
    callback::{Callback, Called},
    callback_queue, debug_info,
    deferred::Deferred,
    kinds::{Kind, Method, is_deferred_class, kind},
};
use crate::{
    failure::{self, Place},
    interp::{Maybe, Obj, is_some, take_raised},
    twisted::names,
    warn_target,
};

/// Runs the callbacks of a Deferred that has a result.
#[inline(always)]
pub fn run_callbacks(deferred: &Deferred) -> Maybe<()> {
    if deferred.parts().running_callbacks.get() {
        // The loop is already running above us on the call stack.
        return Ok(());
    }
    if has_no_callbacks(deferred) {
        return run_none(deferred);
    }
    run(Call::new(deferred.clone(), None), From::Top)
}

/// What [`run_callbacks`] does where there are no callbacks.
#[inline(always)]
fn run_none(deferred: &Deferred) -> Maybe<()> {
    let parts = deferred.parts();
    if parts.paused.get() != 0 {
        return Ok(());
    }
    drop(parts.chained_to.take());
    if !has_no_callbacks(deferred) {
        return run(Call::new(deferred.clone(), None), From::Next);
    }
    let failed = deferred.result_kind()? == Kind::Failure;
    debug_info::note(deferred, failed);
    Ok(())
}

/// Whether no callback waits to be called.
#[inline(always)]
fn has_no_callbacks(deferred: &Deferred) -> bool {
    deferred.parts().callbacks.is_empty() && !is_some(&deferred.parts().listed)
}

/// Runs a callback that was just added, and those that are added meanwhile. The Deferred has no others, and may run
/// them: see [`is_idle`].
///
/// This is the fast path for the common case: the callback is called or passed by, returns no Deferred, and nothing
/// else is to be done. It does what [`Call::run`] does, which goes on where the case is another.
#[inline(always)]
pub fn run_added(deferred: &Deferred, callback: Callback) -> Maybe<()> {
    let parts = deferred.parts();
    drop(parts.chained_to.take());
    let found = deferred.result_kind()?;
    let failed = found == Kind::Failure;
    if found == Kind::Deferred || callback.fires(failed).is_some() {
        return run(Call::new(deferred.clone(), Some(callback)), From::Top);
    }
    if !callback.passes(failed) {
        let result = deferred.required_result()?;
        parts.running_callbacks.set(true);
        let called = callback.call(&result, failed);
        drop(result);
        return match called {
            Called::Returned(Ok(value)) if !is_deferred_class(value.class()) => {
                let stored = value.as_ptr();
                deferred.set_result(value);
                if !deferred.has_result(stored) {
                    // The end of the result before it has put something else there.
                    let call = Call::after(deferred.clone(), callback, failed);
                    return run(call, From::Returned(deferred.required_result()));
                }
                parts.running_callbacks.set(false);
                finish_added(deferred, callback)
            }
            Called::Returned(returned) => {
                let call = Call::after(deferred.clone(), callback, failed);
                run(call, From::Returned(returned))
            }
            Called::Fired(fired) => {
                // SAFETY: what has been fired is a Deferred.
                let fired = unsafe { Deferred::from_object(fired) };
                run_fired(Call::after(deferred.clone(), callback, failed), fired)
            }
        };
    }
    finish_added(deferred, callback)
}

/// The end of [`run_added`], unless callbacks have been added meanwhile.
#[inline(always)]
fn finish_added(deferred: &Deferred, callback: Callback) -> Maybe<()> {
    if !has_no_callbacks(deferred) {
        return run(Call::after(deferred.clone(), callback, false), From::Next);
    }
    let failed = deferred.result_kind()? == Kind::Failure;
    debug_info::note(deferred, failed);
    Ok(())
}

/// Whether a callback that is added would be called at once, and is the only one.
#[inline(always)]
pub fn is_idle(deferred: &Deferred) -> bool {
    let parts = deferred.parts();
    parts.paused.get() == 0 && !parts.running_callbacks.get() && has_no_callbacks(deferred)
}

/// Whether firing this Deferred is to note the result and to run its callbacks, and nothing else.
#[inline(always)]
pub fn is_fired_plainly(deferred: &Deferred) -> bool {
    let parts = deferred.parts();
    !parts.called.get()
        && !parts.running_callbacks.get()
        && !deferred.debug()
        && !deferred.overrides(Method::StartRunCallbacks)
        && !deferred.overrides(Method::Callback)
        && !deferred.overrides(Method::Errback)
        && !deferred.overrides(Method::RunCallbacks)
}

/// Runs one call, and those that its callbacks make.
#[inline(always)]
fn run(mut call: Call, from: From) -> Maybe<()> {
    match call.run(from)? {
        Ended::Done => Ok(()),
        Ended::Fires(deferred) => run_fired(call, deferred),
    }
}

/// Runs the callbacks of a Deferred that a callback of `caller` has fired, and then goes on with the caller. A separate
/// function, so that the common case needs no stack.
#[inline(never)]
fn run_fired(caller: Call, fired: Deferred) -> Maybe<()> {
    let mut callers = vec![caller];
    let mut call = Call::new(fired, None);
    let mut from = From::Top;
    loop {
        let ended = match call.run(from) {
            Ok(Ended::Done) => Ok(Obj::none()),
            Ok(Ended::Fires(deferred)) => {
                callers.push(std::mem::replace(&mut call, Call::new(deferred, None)));
                from = From::Top;
                continue;
            }
            Err(raised) => Err(raised),
        };
        let Some(caller) = callers.pop() else {
            return ended.map(drop);
        };
        // The local variables of the call that has ended end here, before its caller goes on.
        drop(std::mem::replace(&mut call, caller));
        from = From::Returned(ended);
    }
}

/// One call of `_runCallbacks`: its local variables, in the order in which they end.
struct Call {
    /// The Deferred whose callbacks are run.
    this: Deferred,
    /// Those that waited for it, and for each other. Each was put here because the one before it had its result.
    chain: Vec<Deferred>,
    is_done: bool,
    /// What is called first, without having been in the queue.
    added: Option<Callback>,
    /// The callback that is called, or was called last.
    item: Option<Callback>,
    /// Whether that was called with a failure.
    failed: bool,
    chainee: Option<Deferred>,
    current_result: Option<Deferred>,
    result_result: Option<Obj>,
}

/// Where a call goes on.
enum From {
    /// At the beginning.
    Top,
    /// After a callback, with what that came to.
    Returned(Maybe),
    /// With the next callback.
    Next,
}

/// Why a call does not go on.
enum Ended {
    Done,
    /// The callbacks of another Deferred, which a callback has fired, come first.
    Fires(Deferred),
}

/// What the next callback came to.
enum Next {
    /// There is none.
    Empty,
    /// The result is as it was.
    Passed,
    /// The result went to a Deferred that waited for it.
    Continued,
    Fires(Deferred),
    Returned(Maybe),
}

impl Call {
    #[inline(always)]
    const fn new(this: Deferred, added: Option<Callback>) -> Self {
        Call {
            this,
            chain: Vec::new(),
            is_done: false,
            added,
            item: None,
            failed: false,
            chainee: None,
            current_result: None,
            result_result: None,
        }
    }

    /// A call that has called `item`.
    fn after(this: Deferred, item: Callback, failed: bool) -> Self {
        let mut call = Self::new(this, None);
        call.item = Some(item);
        call.failed = failed;
        call
    }

    /// The Deferred whose callbacks are run now: the last of the chain.
    #[inline(always)]
    fn current(&self) -> Option<Deferred> {
        match self.chain.last() {
            Some(last) => Some(last.clone()),
            None if self.is_done => None,
            None => Some(self.this.clone()),
        }
    }

    /// The loop.
    #[inline]
    fn run(&mut self, mut from: From) -> Maybe<Ended> {
        while let Some(current) = self.current() {
            if matches!(from, From::Top) {
                if current.parts().paused.get() != 0 {
                    // This Deferred isn't going to have a result now. All those that are left in the chain have
                    // to wait, too.
                    return Ok(Ended::Done);
                }
                drop(current.parts().chained_to.take());
            }
            let mut finished = true;
            loop {
                let next = match std::mem::replace(&mut from, From::Next) {
                    From::Returned(returned) => Next::Returned(returned),
                    From::Top | From::Next => self.call_next(&current)?,
                };
                match next {
                    Next::Passed => {}
                    Next::Returned(returned) => {
                        if !self.keep(&current, returned)? {
                            break;
                        }
                    }
                    Next::Empty => break,
                    Next::Continued => {
                        // Only after the chainee is it this one's turn again.
                        finished = false;
                        break;
                    }
                    Next::Fires(deferred) => return Ok(Ended::Fires(deferred)),
                }
            }
            from = From::Top;
            if finished {
                let failed = current.result_kind()? == Kind::Failure;
                debug_info::note(&current, failed);
                if self.chain.pop().is_none() {
                    self.is_done = true;
                }
            }
        }
        Ok(Ended::Done)
    }

    /// Takes the next callback off the queue and calls it.
    #[inline(always)]
    fn call_next(&mut self, current: &Deferred) -> Maybe<Next> {
        let next = match self.added.take() {
            Some(added) => added,
            None => match callback_queue::pop(current)? {
                Some(next) => next,
                None => return Ok(Next::Empty),
            },
        };
        let found = current.result_kind()?;
        self.failed = found == Kind::Failure;
        // The callback before this one ends here.
        self.item = None;
        if let Callback::Continuation { waiting } = &next {
            // SAFETY: a continuation is made of a Deferred.
            let waiting = unsafe { Deferred::from_object(waiting.clone()) };
            self.item = Some(next);
            self.hand_over(current, waiting)?;
            return Ok(Next::Continued);
        }
        if next.passes(self.failed) {
            self.item = Some(next);
            return Ok(match found {
                // What passes a Deferred on returns it, and it is waited for.
                Kind::Deferred => Next::Returned(current.required_result()),
                _ => Next::Passed,
            });
        }
        let result = match current.required_result() {
            Ok(result) => result,
            // The end of the callback before this one has taken it away: this one fails.
            Err(raised) => return Ok(Next::Returned(Err(raised))),
        };
        if let Some(fired) = next.fires(self.failed) {
            // SAFETY: the methods that fire belong to Deferreds.
            let fired = unsafe { Deferred::from_object(fired) };
            if is_fired_plainly(&fired) {
                current.parts().running_callbacks.set(true);
                self.item = Some(next);
                fired.set_called_with(result);
                return Ok(Next::Fires(fired));
            }
        }
        current.parts().running_callbacks.set(true);
        let called = self.item.insert(next).call(&result, self.failed);
        drop(result);
        Ok(match called {
            Called::Returned(returned) => Next::Returned(returned),
            // SAFETY: what has been fired is a Deferred.
            Called::Fired(deferred) => Next::Fires(unsafe { Deferred::from_object(deferred) }),
        })
    }

    /// Gives the waiting Deferred the current result, and forgets that here.
    fn hand_over(&mut self, current: &Deferred, chainee: Deferred) -> Maybe<()> {
        self.chainee = Some(chainee.clone());
        chainee.set_result(current.required_result()?);
        current.set_result(Obj::none());
        debug_info::note(current, false);
        let paused = &chainee.parts().paused;
        paused.set(paused.get() - 1);
        self.chain.push(chainee);
        Ok(())
    }

    /// A callback has returned or raised: that is the next result. Returns whether the loop goes on, and does not
    /// wait for another Deferred.
    #[inline(always)]
    fn keep(&mut self, current: &Deferred, returned: Maybe) -> Maybe<bool> {
        let kept = returned.and_then(|result| self.store(current, result));
        current.parts().running_callbacks.set(false);
        match kept {
            Ok(None) => Ok(true),
            Ok(Some(inner)) => self.chain_to(current, inner),
            Err(raised) => {
                // The variables of all frames are expensive, and so captured in debug mode only.
                let owner = self.this.debug().then(|| self.this.object().clone());
                let exception = take_raised(raised);
                let failure = failure::from_exception(&exception, owner, Place::RunCallbacks);
                drop(exception);
                current.set_result(failure);
                Ok(true)
            }
        }
    }

    /// Makes what a callback has returned the current result. Returns what is there afterwards, if that is a Deferred:
    /// the result before it ends meanwhile, which may run user code.
    #[inline(always)]
    fn store(&self, current: &Deferred, result: Obj) -> Maybe<Option<Deferred>> {
        current.set_result(result);
        let Some(inner) = current.deferred_result()? else {
            return Ok(None);
        };
        if inner.is(current)
            && let Some(item) = &self.item
        {
            warn_target::warn_of_itself(&item.callable(self.failed)?)?;
        }
        Ok(Some(inner))
    }

    /// The result is another Deferred. If that has a result, it is taken, and the loop goes on.
    fn chain_to(&mut self, current: &Deferred, inner: Deferred) -> Maybe<bool> {
        self.current_result = Some(inner.clone());
        self.result_result = inner.result();
        match &self.result_result {
            Some(result) if kind(result) != Kind::Deferred && inner.parts().paused.get() == 0 => {
                let result = result.clone();
                inner.set_result(Obj::none());
                debug_info::note(&inner, false);
                current.set_result(result);
                Ok(true)
            }
            _ => {
                wait_for(current, inner)?;
                Ok(false)
            }
        }
    }
}

/// Pauses `current` until `inner` has a result.
///
/// `inner` has none, and so is not running its callbacks: the continuation goes right into its queue.
fn wait_for(current: &Deferred, inner: Deferred) -> Maybe<()> {
    if current.overrides(Method::Pause) {
        current
            .object()
            .call_method(&names().pause, [std::ptr::null_mut()])?;
    } else {
        let paused = &current.parts().paused;
        paused.set(paused.get() + 1);
    }
    drop(current.parts().chained_to.replace(Some(inner.clone())));
    if current.overrides(Method::Continuation) {
        let entry = current
            .object()
            .call_method(&names().continuation, [std::ptr::null_mut()])?;
        let list = callback_queue::as_list(&inner)?;
        list.call_method(&names().append, [std::ptr::null_mut(), entry.as_ptr()])?;
        return Ok(());
    }
    let waiting = current.object().clone();
    callback_queue::push(&inner, Callback::Continuation { waiting })
}
