//! Running callbacks: Twisted's `Deferred._runCallbacks`.
//!
//! The loop has the structure of Twisted's, and local variables that live as long: what a callback was given ends
//! when it ends there. Two things are different. The loop does not call itself: where a callback does nothing but
//! fire another Deferred, that one's callbacks run in a [`Call`] of their own, on a stack on the heap. And a callback
//! that is added to a Deferred that has its result is called without being put into the queue first.

use pyo3::prelude::*;
use smallvec::SmallVec;

use super::{
    callback_queue, debug_info,
    deferred::{Callback, Called, Deferred},
    kinds::{Kind, Method, as_deferred, kind, kind_unasked},
    parts::DeferredParts,
};
use crate::{
    failure::{self, Place},
    interp::{Outcome, check_stack, name, outcome},
    warn_target,
};

/// Runs the callbacks of a Deferred that has a result.
#[inline(always)]
pub fn run_callbacks(deferred: &Bound<'_, Deferred>) -> PyResult<()> {
    let (py, parts) = (deferred.py(), deferred.get());
    // The first is for the loop that is already running above us on the call stack.
    if parts.running_callbacks.get(py) || parts.paused.get(py) != 0 {
        return Ok(());
    }
    drop(parts.chained_to.take(py));
    if has_no_callbacks(deferred) {
        let failed = deferred.result_kind()? == Kind::Failure;
        debug_info::note(deferred, failed);
        return Ok(());
    }
    check_stack(py)?;
    run_queued(deferred)
}

/// Runs the callbacks in the queue, by the fast path for as long as that does.
#[inline(never)]
fn run_queued(deferred: &Bound<'_, Deferred>) -> PyResult<()> {
    let py = deferred.py();
    let next = callback_queue::pop(deferred)?;
    let mut found = deferred.result_kind()?;
    let Some(mut callback) = next else {
        debug_info::note(deferred, found == Kind::Failure);
        return Ok(());
    };
    if is_special(&callback, found) {
        return go_on(deferred, callback, found, Rest::Call);
    }
    loop {
        let passed = callback.passes(found == Kind::Failure);
        if !passed {
            // The end of the callback before this one may have taken the result away: this one fails then.
            let called = match deferred.required_result() {
                Ok(result) => call_simple(deferred, &callback, result, found),
                Err(error) => Err(Rest::Returned(outcome(py, Err(error)))),
            };
            if let Err(rest) = called {
                return go_on(deferred, callback, found, rest);
            }
        }
        let Some(next) = callback_queue::pop(deferred)? else {
            let failed = deferred.result_kind()? == Kind::Failure;
            if failed && !passed {
                debug_info::note_failed(deferred, &callback, found == Kind::Failure);
            }
            debug_info::note(deferred, failed);
            return Ok(());
        };
        // Releasing a callback may run a finalizer that changes the result. As in Twisted, a callback that passed is
        // released before the result is looked at, and a callback that was called is released after that.
        let before = std::mem::replace(&mut callback, next);
        let called = (!passed).then_some(before);
        found = deferred.result_kind()?;
        drop(called);
        if is_special(&callback, found) {
            return go_on(deferred, callback, found, Rest::Call);
        }
    }
}

/// Runs a callback that was just added, and those that are added meanwhile. The Deferred has no others, and may run
/// them: see [`is_idle`].
#[inline(always)]
pub fn run_added<'py>(deferred: &Bound<'py, Deferred>, callback: Callback<'py>) -> PyResult<()> {
    if let Err(error) = check_stack(deferred.py()) {
        callback_queue::push(deferred, callback)?;
        return Err(error);
    }
    drop(deferred.get().chained_to.take(deferred.py()));
    let result = deferred.required_result()?;
    let before = kind(&result);
    if is_special(&callback, before) {
        return go_on(deferred, callback, before, Rest::Call);
    }
    let called = match callback.passes(before == Kind::Failure) {
        true => Ok(before),
        false => call_simple(deferred, &callback, result, before),
    };
    match called {
        Ok(found) if has_no_callbacks(deferred) => {
            if found == Kind::Failure && !callback.passes(before == Kind::Failure) {
                debug_info::note_failed(deferred, &callback, before == Kind::Failure);
            }
            debug_info::note(deferred, found == Kind::Failure);
            Ok(())
        }
        Ok(_) => go_on(deferred, callback, before, Rest::Next),
        Err(rest) => go_on(deferred, callback, before, rest),
    }
}

/// Whether more is to be done than to call `callback` with the result, which is `found`.
#[inline(always)]
fn is_special(callback: &Callback<'_>, found: Kind) -> bool {
    found == Kind::Deferred
        || matches!(callback, Callback::Continuation { .. })
        || callback.fires(found == Kind::Failure).is_some()
}

/// The rest of the work for a callback that is not simple.
enum Rest<'py> {
    /// All of it.
    Call,
    /// To keep what it has returned or raised.
    Returned(Outcome<'py>),
    /// To run the callbacks of a Deferred that it has fired.
    Fired(Bound<'py, Deferred>),
    /// Nothing: the next callback comes.
    Next,
}

/// Calls a callback and keeps what it returns, in the common case: that is no Deferred, and nothing else is to be done.
/// It does what [`Call::run`] does. Returns what the result is then.
#[inline(always)]
fn call_simple<'py>(
    deferred: &Bound<'py, Deferred>,
    callback: &Callback<'py>,
    result: Bound<'py, PyAny>,
    found: Kind,
) -> Result<Kind, Rest<'py>> {
    let (py, parts) = (deferred.py(), deferred.get());
    parts.running_callbacks.set(py, true);
    let called = callback.call(&result, found == Kind::Failure);
    drop(result);
    let value = match called {
        Called::Returned(Ok(value)) => value,
        Called::Returned(raised) => return Err(Rest::Returned(raised)),
        Called::Fired(fired) => return Err(Rest::Fired(fired)),
    };
    // A result that has to be asked for its class is asked when it is in place.
    let found = match kind_unasked(&value) {
        Some(found) if found != Kind::Deferred => found,
        _ => return Err(Rest::Returned(Ok(value))),
    };
    parts.result.set(py, Some(value.clone()));
    if !parts.result.has(&value) {
        // The end of the result before it has put something else there.
        return Err(Rest::Returned(outcome(py, deferred.required_result())));
    }
    drop(value);
    parts.running_callbacks.set(py, false);
    Ok(found)
}

/// Goes on by the loop. `callback` is the one that was called last, or is to be called, with a result that was `found`.
#[inline(never)]
fn go_on<'py>(
    deferred: &Bound<'py, Deferred>,
    callback: Callback<'py>,
    found: Kind,
    rest: Rest<'py>,
) -> PyResult<()> {
    let after = |callback| Call::after(deferred.clone(), callback, found == Kind::Failure);
    match rest {
        Rest::Call => run(Call::new(deferred.clone(), Some(callback)), From::Next),
        Rest::Returned(returned) => run(after(callback), From::Returned(returned)),
        Rest::Fired(fired) => run_fired(after(callback), fired),
        Rest::Next => run(after(callback), From::Next),
    }
}

/// Whether no callback waits to be called.
#[inline(always)]
fn has_no_callbacks(deferred: &Bound<'_, Deferred>) -> bool {
    let (py, parts) = (deferred.py(), deferred.get());
    parts.callbacks.is_empty(py) && !parts.listed.is_some(py)
}

/// Whether a callback that is added would be called at once, and is the only one.
#[inline(always)]
pub fn is_idle(deferred: &Bound<'_, Deferred>) -> bool {
    let (py, parts) = (deferred.py(), deferred.get());
    parts.paused.get(py) == 0 && !parts.running_callbacks.get(py) && has_no_callbacks(deferred)
}

/// Whether firing this Deferred is to note the result and to run its callbacks, and nothing else.
#[inline(always)]
pub fn is_fired_plainly(deferred: &Bound<'_, Deferred>) -> bool {
    let (py, parts) = (deferred.py(), deferred.get());
    !parts.called.get(py)
        && !parts.running_callbacks.get(py)
        && !deferred.debug()
        && !deferred.overrides(Method::StartRunCallbacks)
        && !deferred.overrides(Method::Callback)
        && !deferred.overrides(Method::Errback)
        && !deferred.overrides(Method::RunCallbacks)
}

/// Runs one call, and those that its callbacks make.
#[inline(always)]
fn run<'py>(mut call: Call<'py>, from: From<'py>) -> PyResult<()> {
    match call.run(from)? {
        Ended::Done => Ok(()),
        Ended::Fires(deferred) => run_fired(call, deferred),
    }
}

/// How many callers fit on the stack without another allocation.
const USUAL_DEPTH: usize = 6;

/// Runs the callbacks of a Deferred that a callback of `caller` has fired, and then goes on with the caller. A separate
/// function, so that the common case needs no stack.
#[inline(never)]
fn run_fired<'py>(caller: Call<'py>, fired: Bound<'py, Deferred>) -> PyResult<()> {
    let py = fired.py();
    let mut callers = Vec::with_capacity(USUAL_DEPTH);
    callers.push(caller);
    let mut call = Call::new(fired, None);
    let mut from = From::Top;
    loop {
        let ended = match call.run(from) {
            Ok(Ended::Done) => Ok(py.None().into_bound(py)),
            Ok(Ended::Fires(deferred)) => {
                callers.push(std::mem::replace(&mut call, Call::new(deferred, None)));
                from = From::Top;
                continue;
            }
            Err(error) => Err(error),
        };
        let Some(caller) = callers.pop() else {
            return ended.map(drop);
        };
        // The local variables of the call that has ended end here, before its caller goes on.
        drop(std::mem::replace(&mut call, caller));
        from = From::Returned(outcome(py, ended));
    }
}

/// How many Deferreds that wait for each other need no allocation.
const USUAL_CHAIN: usize = 3;

/// One call of `_runCallbacks`: its local variables, in the order in which they end.
struct Call<'py> {
    /// The Deferred whose callbacks are run.
    this: Bound<'py, Deferred>,
    /// Those that waited for it, and for each other. Each was put here because the one before it had its result.
    chain: SmallVec<[Bound<'py, Deferred>; USUAL_CHAIN]>,
    is_done: bool,
    /// What is called first, without having been in the queue.
    added: Option<Callback<'py>>,
    /// The callback that is called, or was called last.
    item: Option<Callback<'py>>,
    /// Whether that was called with a failure.
    failed: bool,
    chainee: Option<Bound<'py, Deferred>>,
    current_result: Option<Bound<'py, Deferred>>,
    result_result: Option<Bound<'py, PyAny>>,
}

/// Where a call goes on.
enum From<'py> {
    /// At the beginning.
    Top,
    /// After a callback, with what that came to.
    Returned(Outcome<'py>),
    /// With the next callback.
    Next,
}

/// Why a call does not go on.
enum Ended<'py> {
    Done,
    /// The callbacks of another Deferred, which a callback has fired, come first.
    Fires(Bound<'py, Deferred>),
}

/// What the next callback came to.
enum Next<'py> {
    /// There is none.
    Empty,
    /// The result is as it was.
    Passed,
    /// The result went to a Deferred that waited for it.
    Continued,
    Fires(Bound<'py, Deferred>),
    Returned(Outcome<'py>),
}

impl<'py> Call<'py> {
    #[inline(always)]
    fn new(this: Bound<'py, Deferred>, added: Option<Callback<'py>>) -> Self {
        Call {
            this,
            chain: SmallVec::new(),
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
    fn after(this: Bound<'py, Deferred>, item: Callback<'py>, failed: bool) -> Self {
        let mut call = Self::new(this, None);
        call.item = Some(item);
        call.failed = failed;
        call
    }

    /// The Deferred whose callbacks are run now: the last of the chain.
    #[inline(always)]
    fn current(&self) -> Option<Bound<'py, Deferred>> {
        match self.chain.last() {
            Some(last) => Some(last.clone()),
            None if self.is_done => None,
            None => Some(self.this.clone()),
        }
    }

    /// The loop.
    #[inline]
    fn run(&mut self, mut from: From<'py>) -> PyResult<Ended<'py>> {
        let py = self.this.py();
        while let Some(current) = self.current() {
            if matches!(from, From::Top) {
                if current.get().paused.get(py) != 0 {
                    // This Deferred isn't going to have a result now. All those that are left in the chain have
                    // to wait, too.
                    return Ok(Ended::Done);
                }
                drop(current.get().chained_to.take(py));
            }
            let mut finished = true;
            loop {
                let next = match std::mem::replace(&mut from, From::Next) {
                    From::Returned(returned) => Next::Returned(returned),
                    From::Top | From::Next => self.call_next(&current)?,
                };
                match next {
                    // A program may have set it, on a Deferred that waited.
                    Next::Passed => current.get().running_callbacks.set(py, false),
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
    fn call_next(&mut self, current: &Bound<'py, Deferred>) -> PyResult<Next<'py>> {
        let py = current.py();
        let next = match self.added.take() {
            Some(added) => added,
            None => match callback_queue::pop(current)? {
                Some(next) => next,
                None => return Ok(Next::Empty),
            },
        };
        // The callback before this one ends here: one that has passed before the result is looked at, one that was
        // called after that.
        if self
            .item
            .as_ref()
            .is_some_and(|item| item.passes(self.failed))
        {
            self.item = None;
        }
        let found = current.result_kind()?;
        self.failed = found == Kind::Failure;
        self.item = None;
        if let Callback::Continuation { waiting } = &next {
            let waiting = waiting.clone();
            self.item = Some(next);
            self.hand_over(current, waiting)?;
            return Ok(Next::Continued);
        }
        if next.passes(self.failed) {
            self.item = Some(next);
            return Ok(match found {
                // What passes a Deferred on returns it, and it is waited for.
                Kind::Deferred => Next::Returned(outcome(py, current.required_result())),
                _ => Next::Passed,
            });
        }
        let result = match current.required_result() {
            Ok(result) => result,
            // The end of the callback before this one has taken it away: this one fails.
            Err(error) => return Ok(Next::Returned(outcome(py, Err(error)))),
        };
        // First, as the next callback may fire this very Deferred.
        current.get().running_callbacks.set(py, true);
        if let Some(fired) = next.fires(self.failed)
            && is_fired_plainly(&fired)
        {
            self.item = Some(next);
            fired.set_called_with(result);
            return Ok(Next::Fires(fired));
        }
        let called = self.item.insert(next).call(&result, self.failed);
        drop(result);
        Ok(match called {
            Called::Returned(returned) => Next::Returned(returned),
            Called::Fired(deferred) => Next::Fires(deferred),
        })
    }

    /// Gives the waiting Deferred the current result, and forgets that here.
    fn hand_over(
        &mut self,
        current: &Bound<'py, Deferred>,
        chainee: Bound<'py, Deferred>,
    ) -> PyResult<()> {
        let py = current.py();
        self.chainee = Some(chainee.clone());
        chainee.set_result(current.required_result()?);
        current.set_result(py.None().into_bound(py));
        debug_info::note(current, false);
        let paused = &chainee.get().paused;
        paused.set(py, paused.get(py) - 1);
        self.chain.push(chainee);
        Ok(())
    }

    /// A callback has returned or raised: that is the next result. Returns whether the loop goes on, and does not
    /// wait for another Deferred.
    #[inline(always)]
    fn keep(&mut self, current: &Bound<'py, Deferred>, returned: Outcome<'py>) -> PyResult<bool> {
        let py = current.py();
        let kept = returned.and_then(|result| outcome(py, self.store(current, result)));
        current.get().running_callbacks.set(py, false);
        match kept {
            Ok(None) => Ok(true),
            Ok(Some(inner)) => self.chain_to(current, inner),
            Err(exception) => {
                if let Some(item) = &self.item {
                    debug_info::note_failed(current, item, self.failed);
                }
                // The variables of all frames are expensive, and so captured in debug mode only.
                let owner = self.this.debug().then(|| self.this.as_any().clone());
                let failure = failure::caught(&exception, owner.as_ref(), Place::RunCallbacks);
                drop(exception);
                current.set_result(failure);
                Ok(true)
            }
        }
    }

    /// Makes what a callback has returned the current result. Returns what is there afterwards, if that is a Deferred:
    /// the result before it ends meanwhile, which may run user code.
    #[inline(always)]
    fn store(
        &self,
        current: &Bound<'py, Deferred>,
        result: Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, Deferred>>> {
        current.set_result(result);
        let result = current.required_result()?;
        let Some(inner) = as_deferred(&result) else {
            return Ok(None);
        };
        if inner.is(current)
            && let Some(item) = &self.item
        {
            warn_target::warn(&item.callable(current.py(), self.failed)?)?;
        }
        Ok(Some(inner.clone()))
    }

    /// The result is another Deferred. If that has a result, it is taken, and the loop goes on.
    fn chain_to(
        &mut self,
        current: &Bound<'py, Deferred>,
        inner: Bound<'py, Deferred>,
    ) -> PyResult<bool> {
        let py = current.py();
        self.current_result = Some(inner.clone());
        self.result_result = inner.result();
        match &self.result_result {
            Some(result) if kind(result) != Kind::Deferred && inner.get().paused.get(py) == 0 => {
                let result = result.clone();
                inner.set_result(py.None().into_bound(py));
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
fn wait_for<'py>(current: &Bound<'py, Deferred>, inner: Bound<'py, Deferred>) -> PyResult<()> {
    let py = current.py();
    if current.overrides(Method::Pause) {
        current.call_method0(Method::Pause.name(py))?;
    } else {
        let paused = &current.get().paused;
        paused.set(py, paused.get(py) + 1);
    }
    current.get().chained_to.set(py, Some(inner.clone()));
    if current.overrides(Method::Continuation) {
        return push_by_method(current, &inner);
    }
    let waiting = current.clone();
    callback_queue::push(&inner, Callback::Continuation { waiting })
}

/// Pushes what a method of the class gives for the continuation.
#[cold]
#[inline(never)]
fn push_by_method<'py>(
    current: &Bound<'py, Deferred>,
    inner: &Bound<'py, Deferred>,
) -> PyResult<()> {
    let py = current.py();
    let entry = current.call_method0(Method::Continuation.name(py))?;
    let list = callback_queue::as_list(inner)?;
    list.call_method1(name!(py, "append")?, (entry,))?;
    Ok(())
}
