//! Rust closures as a host of the engine.

use std::{
    any::Any,
    cell::{Cell as Flag, RefCell},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::{Rc, Weak},
};

use crate::{
    chain::{self, Host, Parts, State, Step},
    control_flow::{Abandoned, AlreadyCalled, Cancelled, CircularWait},
    failure::Failure,
    inline::{Thunk, Value, rc_in_place},
    inspect, nesting,
    unhandled::{Origin, drop_reporting, report},
};

/// The host of the engine whose links are Rust closures.
pub(crate) struct Closures;

/// A value, or a failure.
pub(crate) enum Outcome {
    Value(Value),
    Failure(Failure),
}

/// Called to give up the work. It gets the cell so that it may fire it. Boxed, because few Deferreds
/// have one.
pub(crate) struct Canceller(Box<Armed>);

struct Armed(Option<Thunk<DeferredCell, ()>>);

impl Canceller {
    pub(crate) fn new(canceller: impl FnOnce(&DeferredCell) + 'static) -> Self {
        let canceller = Thunk::new(move |cell: &mut DeferredCell| canceller(cell));
        Canceller(Box::new(Armed(Some(canceller))))
    }

    fn call(mut self, cell: &DeferredCell) {
        if let Some(canceller) = self.0.0.take() {
            canceller.call(&mut cell.clone());
        }
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        // The engine drops it while it fires a Deferred, and a panic must not interrupt that.
        if let Some(canceller) = self.0.take() {
            drop_reporting(Origin::Deferred, canceller);
        }
    }
}

/// Something that awaits a Deferred: it goes on when the outcome can be taken.
pub(crate) trait Waiter {
    /// Goes on. If it ends, returns its result and the right to fire the Deferred with it.
    fn resume(self: Rc<Self>) -> Option<(Firing, Outcome)>;
}

/// The state of one Deferred and what its handles share.
pub(crate) struct CellData {
    state: RefCell<State<Closures>>,
    /// How many `Trigger`s are left.
    triggers: Flag<u32>,
    /// What awaits the outcome.
    waiter: Flag<Option<Rc<dyn Waiter>>>,
    /// No handle can add a link any more, so a failure that is here to stay is unhandled.
    detached: Flag<bool>,
    entry: inspect::Entry,
}

/// A counted reference to one Deferred's state.
pub(crate) type DeferredCell = Rc<CellData>;

impl Outcome {
    #[inline(always)]
    pub(crate) fn value<T: 'static>(value: T) -> Self {
        Outcome::Value(Value::new(value))
    }

    /// Puts a value here instead.
    #[inline(always)]
    pub(crate) fn set_value<T: 'static>(&mut self, value: T) {
        match self {
            Outcome::Value(here) => here.set(value),
            Outcome::Failure(_) => *self = Outcome::value(value),
        }
    }

    /// Puts a result here instead.
    #[inline(always)]
    pub(crate) fn set<T: 'static>(&mut self, result: Result<T, Failure>) {
        match result {
            Ok(value) => self.set_value(value),
            Err(failure) => *self = Outcome::Failure(failure),
        }
    }

    /// What a Deferred is left with when its outcome has gone elsewhere.
    #[inline(always)]
    pub(crate) const fn nothing() -> Self {
        Outcome::Value(Value::unit())
    }

    /// Takes the outcome away and leaves nothing.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Self {
        match self {
            Outcome::Value(value) => Outcome::Value(value.take_whole()),
            Outcome::Failure(_) => mem::replace(self, Outcome::nothing()),
        }
    }

    /// Takes the value or the failure away and leaves nothing.
    #[inline]
    pub(crate) fn take_result<T: 'static>(&mut self) -> Result<T, Failure> {
        match self {
            Outcome::Value(value) => Ok(value.take()),
            Outcome::Failure(_) => match self.take() {
                Outcome::Failure(failure) => Err(failure),
                Outcome::Value(_) => unreachable!("it was a failure just now"),
            },
        }
    }
}

impl<T: 'static> From<Result<T, Failure>> for Outcome {
    #[inline]
    fn from(result: Result<T, Failure>) -> Self {
        match result {
            Ok(value) => Outcome::value(value),
            Err(failure) => Outcome::Failure(failure),
        }
    }
}

impl Parts for Closures {
    type Cell = DeferredCell;
    type Upstream = Weak<CellData>;
    type Outcome = Outcome;
    type Canceller = Canceller;

    #[inline]
    fn nothing() -> Outcome {
        Outcome::nothing()
    }

    #[inline(always)]
    fn take(outcome: &mut Outcome) -> Outcome {
        outcome.take()
    }

    fn upstream(&self, cell: &DeferredCell) -> Self::Upstream {
        Rc::downgrade(cell)
    }

    fn upgrade(&self, upstream: &Self::Upstream) -> Option<DeferredCell> {
        upstream.upgrade()
    }
}

impl Host for Closures {
    #[inline(always)]
    fn state<'c>(&self, cell: &'c DeferredCell) -> &'c RefCell<State<Self>> {
        &cell.state
    }

    fn same(&self, a: &DeferredCell, b: &DeferredCell) -> bool {
        Rc::ptr_eq(a, b)
    }

    #[inline(always)]
    fn call(
        &self,
        link: impl FnOnce(&mut Outcome) -> Step<Self>,
        outcome: &mut Outcome,
    ) -> Step<Self> {
        let call = || {
            catch_unwind(AssertUnwindSafe(|| link(outcome)))
                .unwrap_or_else(|panic| fail_with_panic(outcome, panic))
        };
        nesting::call_nested(call, report_panic)
    }

    #[inline(always)]
    fn call_links(&self, cell: &DeferredCell, outcome: &mut Outcome) -> Step<Self> {
        nesting::nest(|level| {
            loop {
                match catch_unwind(AssertUnwindSafe(|| {
                    call_while_outcomes(cell, outcome, level)
                })) {
                    Ok(step) => return step,
                    Err(panic) => fail_with_panic(outcome, panic),
                };
                level.returned(report_panic);
            }
        })
    }

    #[inline]
    fn is_deepest(&self) -> bool {
        nesting::is_deepest()
    }

    #[cold]
    fn run_later(&self, cell: &DeferredCell) {
        let cell = cell.clone();
        nesting::run(move || chain::run_now(&Closures, &cell));
    }

    fn call_canceller(&self, cell: &DeferredCell, canceller: Canceller) {
        let call = || catch_unwind(AssertUnwindSafe(|| canceller.call(cell)));
        if let Err(panic) = nesting::call_nested(call, report_panic) {
            // It may have fired its Deferred before.
            let failure = Failure::from_panic(panic);
            Firing::new(cell.clone()).finish(Outcome::Failure(failure));
        }
    }

    #[inline]
    fn settled(&self, cell: &DeferredCell) {
        if cell.detached.get() {
            cell.report_unhandled();
        }
    }

    #[inline]
    fn is_awaited(&self, cell: &DeferredCell) -> bool {
        let waiter = cell.waiter.take();
        let awaited = waiter.is_some();
        cell.waiter.set(waiter);
        awaited
    }

    #[inline]
    fn resume(&self, cell: &DeferredCell, outcome: &mut Outcome) -> Option<DeferredCell> {
        let waiter = cell.waiter.take()?;
        match catch_unwind(AssertUnwindSafe(|| wake(waiter))) {
            Ok(ended) => {
                let (firing, result) = ended?;
                *outcome = result;
                Some(firing.into_cell())
            }
            Err(panic) => {
                report(Origin::Wake, Failure::from_panic(panic));
                None
            }
        }
    }

    fn cancelled(&self) -> Outcome {
        Outcome::Failure(Failure::without_backtrace(Cancelled))
    }

    fn already_called(&self, refused: Outcome) -> Outcome {
        if let Outcome::Failure(failure) = refused {
            report(Origin::Deferred, failure);
        }
        Outcome::Failure(Failure::without_backtrace(AlreadyCalled))
    }

    fn circular(&self, inner: &DeferredCell) -> Outcome {
        // The link has given up the handle, and what `inner` comes to is taken by nobody.
        inner.detached.set(true);
        Outcome::Failure(CircularWait.into())
    }
}

/// Calls links, while there are any and each leaves an outcome.
#[inline(always)]
fn call_while_outcomes(
    cell: &CellData,
    outcome: &mut Outcome,
    level: nesting::Level,
) -> Step<Closures> {
    loop {
        let Some(step) = State::call_next(cell.state.borrow_mut(), outcome) else {
            return Step::Outcome;
        };
        level.returned(report_panic);
        if !matches!(step, Step::Outcome) {
            return step;
        }
    }
}

/// A link has panicked.
#[cold]
fn fail_with_panic(outcome: &mut Outcome, panic: Box<dyn Any + Send>) -> Step<Closures> {
    *outcome = Outcome::Failure(Failure::from_panic(panic));
    Step::Outcome
}

/// Work that was put off has panicked.
fn report_panic(panic: Box<dyn Any + Send>) {
    report(Origin::Deferred, Failure::from_panic(panic));
}

impl CellData {
    /// The state of a Deferred that will have a `T`, made by the function of that name.
    #[inline(always)]
    #[cfg_attr(feature = "inspect", track_caller)]
    pub(crate) fn new<T>(
        made_by: &'static str,
        state: impl FnOnce() -> State<Closures>,
    ) -> DeferredCell {
        let cell = rc_in_place(|| CellData {
            state: RefCell::new(state()),
            waiter: Flag::new(None),
            triggers: Flag::new(0),
            detached: Flag::new(false),
            entry: inspect::Entry::unmade(),
        });
        inspect::made::<T, _>(&cell, made_by);
        cell
    }

    /// The number under which it is inspected.
    #[inline(always)]
    pub(crate) fn inspected(&self) -> inspect::Id {
        self.entry.id()
    }

    #[cfg(feature = "inspect")]
    pub(super) const fn entry(&self) -> &inspect::Entry {
        &self.entry
    }

    #[cfg(feature = "inspect")]
    pub(super) const fn triggers(&self) -> u32 {
        self.triggers.get()
    }

    /// Reads the state.
    #[inline]
    pub(crate) fn read<R>(&self, f: impl FnOnce(&State<Closures>) -> R) -> R {
        f(&self.state.borrow())
    }

    /// Takes a settled outcome away.
    #[inline]
    pub(crate) fn take_settled(&self) -> Option<Outcome> {
        let mut state = self.state.borrow_mut();
        if state.is_settled() {
            state.take_outcome()
        } else {
            None
        }
    }

    /// Has `waiter` go on when no link is left, instead of the waiter before it. It is, or is part of, the coroutine.
    pub(crate) fn set_waiter(&self, waiter: Option<Rc<dyn Waiter>>, coroutine: inspect::Id) {
        self.inspected().awaited_by(coroutine);
        drop(self.waiter.replace(waiter));
    }

    /// The handle is gone, so no link will be added any more.
    #[inline]
    pub(crate) fn detach(&self) {
        self.detached.set(true);
        self.report_unhandled();
    }

    #[inline(always)]
    fn report_unhandled(&self) {
        let has_failed = self.read(|state| matches!(state.outcome(), Some(Outcome::Failure(_))));
        if has_failed {
            self.report_failure();
        }
    }

    #[cold]
    #[inline(never)]
    fn report_failure(&self) {
        if let Some(Outcome::Failure(failure)) = self.take_settled() {
            report(Origin::Deferred, failure);
        }
    }

    #[inline]
    pub(crate) fn add_trigger(&self) {
        self.triggers.set(self.triggers.get() + 1);
    }

    /// A trigger is gone; with the last of them, a Deferred that somebody still waits for is
    /// abandoned.
    #[inline(always)]
    pub(crate) fn remove_trigger(self: &Rc<Self>) {
        let left = self.triggers.get() - 1;
        self.triggers.set(left);
        if left == 0 && !self.read(|state| state.is_called() || state.is_cancelling()) {
            self.abandon_soon();
        }
    }

    #[cold]
    #[inline(never)]
    fn abandon_soon(self: &Rc<Self>) {
        let cell = self.clone();
        nesting::run(move || cell.abandon());
    }

    /// Whether no handle and no link is left to take the outcome.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.detached.get() && self.read(State::pending) == 0
    }

    /// Fails a Deferred that nothing can fire any more, unless nobody would notice.
    pub(crate) fn abandon(self: &Rc<Self>) {
        if self.is_unwanted() {
            return;
        }
        // It may have been cancelled since its last trigger went.
        let _ = chain::fire(
            &Closures,
            self,
            Outcome::Failure(Failure::without_backtrace(Abandoned)),
        );
    }

    /// Cancels the Deferred now, or soon if calls are nested very deep already.
    pub(crate) fn cancel(self: &Rc<Self>) {
        if nesting::is_deepest() {
            let cell = self.clone();
            nesting::run(move || chain::cancel(&Closures, &cell));
        } else {
            chain::cancel(&Closures, self);
        }
    }
}

impl Drop for CellData {
    #[inline(always)]
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let outcome_is_plain = match state.outcome() {
            None => true,
            Some(Outcome::Value(value)) => !value.needs_drop(),
            Some(Outcome::Failure(_)) => false,
        };
        if !outcome_is_plain || state.pending() > 0 || !state.is_called() {
            drop_state(state);
        }
    }
}

/// Ends a Deferred that has something to drop or to report.
#[inline(never)]
fn drop_state(state: &mut State<Closures>) {
    match state.take_outcome() {
        Some(Outcome::Failure(failure)) => report(Origin::Deferred, failure),
        Some(Outcome::Value(value)) if value.needs_drop() => {
            nesting::run(move || drop(value));
        }
        _ => {}
    }
    if state.pending() > 0 || !state.is_called() {
        let state = mem::replace(state, State::new(None));
        nesting::run(move || drop_links(state));
    }
}

/// Drops the links of a Deferred that ended before they could run, and fails the one that waits for it.
fn drop_links(mut state: State<Closures>) {
    let (mut links, waiting) = state.take_pending();
    while let Some(link) = links.pop() {
        drop(link);
    }
    if let Some(outer) = waiting {
        let abandoned = Outcome::Failure(Failure::without_backtrace(Abandoned));
        chain::resume(&Closures, &outer, abandoned);
    }
}

/// Lets `waiter` go on: now, and then returns its result if it ends; or soon, if very many are nested
/// already.
pub(crate) fn wake(waiter: Rc<dyn Waiter>) -> Option<(Firing, Outcome)> {
    if nesting::is_deepest() {
        nesting::run(move || finish(waiter.resume()));
        return None;
    }
    nesting::run_nested(|| waiter.resume())
}

/// Lets `waiter` go on, and fires what it has ended with.
pub(crate) fn wake_and_finish(waiter: Rc<dyn Waiter>) {
    finish(wake(waiter));
}

fn finish(ended: Option<(Firing, Outcome)>) {
    if let Some((firing, outcome)) = ended {
        firing.finish(outcome);
    }
}

/// The right to fire a Deferred, whatever its type. The last one to go abandons the Deferred.
pub(crate) struct Firing(DeferredCell);

impl Firing {
    #[inline]
    pub(crate) fn new(cell: DeferredCell) -> Self {
        cell.add_trigger();
        Firing(cell)
    }

    #[inline]
    pub(crate) fn fire(&self, outcome: Outcome) -> Result<(), AlreadyCalled> {
        chain::fire(&Closures, &self.0, outcome)
    }

    /// Fires a Deferred that may have been cancelled meanwhile. Then nobody wants the value, and a
    /// failure is reported.
    pub(crate) fn finish(&self, outcome: Outcome) {
        match outcome {
            Outcome::Failure(failure) if self.is_called() => {
                report(Origin::Deferred, failure);
            }
            outcome => drop(self.fire(outcome)),
        }
    }

    /// Whether the Deferred was fired or cancelled.
    #[inline]
    pub(crate) fn is_called(&self) -> bool {
        self.0.read(State::is_called)
    }

    /// The Deferred that this fires.
    pub(crate) fn cell(&self) -> &DeferredCell {
        &self.0
    }

    pub(crate) fn fires(&self, cell: &DeferredCell) -> bool {
        Rc::ptr_eq(&self.0, cell)
    }

    /// The Deferred, for a caller that fires it itself.
    pub(crate) fn into_cell(self) -> DeferredCell {
        // Counted for good, so that dropping this does not abandon the Deferred first.
        self.0.add_trigger();
        self.0.clone()
    }
}

impl Clone for Firing {
    #[inline]
    fn clone(&self) -> Self {
        Firing::new(self.0.clone())
    }
}

impl Drop for Firing {
    #[inline]
    fn drop(&mut self) {
        self.0.remove_trigger();
    }
}
