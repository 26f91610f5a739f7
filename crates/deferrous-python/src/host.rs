//! Python objects as a host of the engine.

use deferrous::chain::{Host, State, Step};

use crate::{
    blame,
    classes::{Kind, Method, kind},
    coroutine::{self, End},
    deferred::{Deferred, debug, forwarded, no_attribute},
    entries::Entries,
    failure::{self, Place},
    interp::{Maybe, Obj, Raised, deeper_as_python, take_raised, write_unraisable},
    link::{Link, Shape},
    list,
    twisted::names,
};

/// Python Deferreds.
pub struct Python;

/// What Twisted's loop still has in local variables, in the order in which these end.
#[derive(Default)]
pub struct Spent {
    link: Option<Link>,
    resumed: Option<Deferred>,
    taken: Option<(Deferred, Obj)>,
}

impl Host for Python {
    const TO_THE_LETTER: bool = true;

    type Cell = Deferred;
    type Upstream = Deferred;
    type Outcome = Obj;
    type Link = Link;
    type Spent = Spent;
    type Links = Entries;
    type Canceller = Obj;

    #[inline(always)]
    fn with<R>(&self, cell: &Deferred, f: impl FnOnce(&mut State<Self>) -> R) -> R {
        cell.with(f)
    }

    #[inline(always)]
    fn same(&self, a: &Deferred, b: &Deferred) -> bool {
        a.object().is(b.object().as_ptr())
    }

    #[inline(always)]
    fn call(
        &self,
        cell: &Deferred,
        link: Link,
        outcome: &mut Obj,
        spent: &mut Spent,
    ) -> Step<Self> {
        let link = &*spent.link.insert(link);
        let given = kind(outcome);
        let failed = given == Kind::Failure;
        if link.passes(failed) {
            // What passes a Deferred on returns it, and is waited for.
            return match given {
                Kind::Deferred => {
                    drop(cell.with(|state| state.replace_outcome(None)));
                    came(cell, None, outcome.clone(), outcome)
                }
                _ => Step::Outcome,
            };
        }
        // While a callback runs, `result` is what it was called with.
        let before = cell.with(|state| state.replace_outcome(Some(outcome.clone())));
        drop(before);
        if let Some(to) = forwards_to(link, failed) {
            return Step::Forward(to);
        }
        let returned = match link.shape {
            Shape::Driver => match coroutine::resume(link.first(), outcome) {
                Ok(Some(end)) => match ended(end, outcome) {
                    Ok(Some(to)) => return Step::Forward(to),
                    fired => fired.map(|_| Obj::none()),
                },
                Ok(None) => Ok(Obj::none()),
                Err(raised) => Err(raised),
            },
            Shape::Cancelling => coroutine::cancelled(link.first(), outcome),
            Shape::Member => list::member_fired(link, outcome, failed),
            _ => link.call(outcome.as_ptr(), failed),
        };
        match returned.and_then(|next| replace(cell, outcome, next)) {
            Ok(next) => came(cell, Some((link, failed)), next, outcome),
            Err(raised) => {
                *outcome = take_raised(raised);
                Step::Raised
            }
        }
    }

    #[inline(always)]
    fn is_noticed(&self, spent: &Spent) -> bool {
        spent
            .link
            .as_ref()
            .is_some_and(Link::holds_the_last_of_something)
    }

    #[inline(always)]
    fn let_go(&self, spent: &mut Spent) {
        spent.link = None;
    }

    fn resumes(&self, spent: &mut Spent, outer: &Deferred) {
        spent.resumed = Some(outer.clone());
    }

    fn took(&self, spent: &mut Spent, inner: Deferred, outcome: &Obj) {
        spent.taken = Some((inner, outcome.clone()));
    }

    fn fail(&self, beginning: &Deferred, outcome: &mut Obj) {
        // In debug mode failures capture the variables of their frames.
        let owner = beginning.debug().then(|| beginning.object().clone());
        *outcome = failure::from_exception(outcome, owner, Place::RunCallbacks);
    }

    /// Cancelling is a method of Twisted's protocol and written with the other methods: what it
    /// calls may be overridden, and what a canceller raises is raised by `cancel`.
    fn call_canceller(&self, cell: &Deferred, canceller: Obj) {
        let mut arguments = [std::ptr::null_mut(), cell.object().as_ptr()];
        if let Err(raised) = canceller.call_with_room(std::mem::take(&mut arguments)) {
            write_unraisable(raised, cell.object().as_ptr());
        }
    }

    #[inline(always)]
    fn may_take(&self, state: &State<Self>) -> bool {
        state.holds() == 0
            && state
                .outcome()
                .is_some_and(|outcome| kind(outcome) != Kind::Deferred)
    }

    fn wait_otherwise(&self, cell: &Deferred, inner: &Deferred, outcome: &Obj) -> bool {
        if !cell.overrides(Method::Pause) && !cell.overrides(Method::Continuation) {
            return false;
        }
        if let Err(raised) = wait_by_methods(cell, inner, outcome) {
            write_unraisable(raised, cell.object().as_ptr());
        }
        true
    }

    #[inline(always)]
    fn settled(&self, cell: &Deferred) {
        let failed = cell.with(|state| {
            state
                .outcome()
                .is_some_and(|outcome| kind(outcome) == Kind::Failure)
        });
        if failed || cell.is_unhandled() {
            debug::note(cell, failed);
        }
    }

    #[inline(always)]
    fn nothing(&self) -> Obj {
        Obj::none()
    }

    fn cancelled(&self) -> Obj {
        failure::cancelled()
    }

    /// Nothing here is handed over: a Deferred that is chained is called by its own methods.
    fn already_called(&self, refused: Obj) -> Obj {
        refused
    }

    fn lost(&self, lost: &Deferred) -> Obj {
        take_raised(no_attribute(lost, "result"))
    }

    /// Circles are allowed: they wait for ever, as Twisted's do.
    fn circular(&self, inner: &Deferred) -> Obj {
        inner.object().clone()
    }

    #[inline(always)]
    fn upstream(&self, cell: &Deferred) -> Deferred {
        cell.clone()
    }

    #[inline(always)]
    fn upgrade(&self, upstream: &Deferred) -> Option<Deferred> {
        Some(upstream.clone())
    }
}

/// Whether firing `to` is what the engine does, and nothing else.
#[inline(always)]
fn may_forward(to: &Deferred) -> bool {
    let may = !to.with(|state| state.is_called() || state.is_running())
        && !to.debug()
        && !to.overrides(Method::StartRunCallbacks)
        && !to.overrides(Method::Callback)
        && !to.overrides(Method::Errback)
        && !to.overrides(Method::RunCallbacks);
    if may {
        to.begin();
    }
    may
}

/// A coroutine has ended: fires its Deferred, or leaves that to the engine.
///
/// While Twisted fires the Deferred of one that an exception has ended, that exception is being
/// handled, and what is raised meanwhile says so. So it is here, as deep as Twisted's would come; a
/// longer row of coroutines that fail needs no stack.
fn ended(end: End, outcome: &mut Obj) -> Maybe<Option<Deferred>> {
    if !may_forward(&end.deferred) {
        return end.fire().map(|()| None);
    }
    let (deferred, result) = (end.deferred.clone(), end.outcome.clone());
    if end.exception.is_some()
        && let Some(fired) = deeper_as_python(|| end.fire())
    {
        return fired.map(|()| None);
    }
    *outcome = result;
    Ok(Some(deferred))
}

/// The Deferred that the link does nothing but fire, if it does.
#[inline(always)]
fn forwards_to(link: &Link, failed: bool) -> Option<Deferred> {
    let to = match link.shape {
        Shape::Plain => forwarded(link.first(), failed)?,
        Shape::Pair => forwarded(&link.callable(failed).ok()?, failed)?,
        _ => return None,
    };
    may_forward(&to).then_some(to)
}

/// Lets go of the outcome that a link was given, and of what a program may have put in its place. If
/// that ends, what the link returned is where a program that is called finds it, and may replace it.
#[inline(always)]
fn replace(cell: &Deferred, given: &mut Obj, next: Obj) -> Maybe<Obj> {
    let given = std::mem::replace(given, Obj::none());
    let there = cell.with(|state| state.replace_outcome(None));
    let is_kept = there
        .as_ref()
        .is_some_and(|there| there.is(given.as_ptr()) && there.count() > 2);
    if is_kept {
        return Ok(next);
    }
    cell.with(|state| state.replace_outcome(Some(next)));
    drop((there, given));
    let seen = cell.with(|state| state.replace_outcome(None));
    seen.ok_or_else(|| no_attribute(cell, "result"))
}

/// A side of a link, or what passes outcomes on if there is none, has returned `next`.
#[inline(always)]
fn came(
    cell: &Deferred,
    link: Option<(&Link, bool)>,
    next: Obj,
    outcome: &mut Obj,
) -> Step<Python> {
    *outcome = next;
    if kind(outcome) != Kind::Deferred {
        return Step::Outcome;
    }
    if cell.object().is(outcome.as_ptr())
        && let Err(raised) = blame::warn_of_itself(link)
    {
        *outcome = take_raised(raised);
        return Step::Raised;
    }
    // SAFETY: its kind has just been looked at.
    Step::Chain(unsafe { Deferred::from_object(outcome.clone()) })
}

/// As the engine waits, but by the methods of a subclass.
#[cold]
fn wait_by_methods(cell: &Deferred, inner: &Deferred, outcome: &Obj) -> Maybe<()> {
    let before = cell.with(|state| {
        state.set_running(false);
        state.replace_outcome(Some(outcome.clone()))
    });
    drop(before);
    let object = cell.object();
    object.call_method(&names().pause, [std::ptr::null_mut()])?;
    drop(cell.with(|state| state.replace_upstream(Some(inner.clone()))));
    let entry = object.call_method(&names().continuation, [std::ptr::null_mut()])?;
    let list = inner.callbacks()?;
    list.call_method(&names().append, [std::ptr::null_mut(), entry.as_ptr()])?;
    let Raised = Raised;
    Ok(())
}
