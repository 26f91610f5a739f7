//! A second host of the engine, as unlike the first as can be: Deferreds are numbers of an arena, links
//! are made of an enum, and outcomes are numbers or texts.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{Host, Parts, State, Step, add, cancel, fire, pause, run_links::with, unpause};

use crate::control_flow::{AlreadyCalled, NotPaused};

type Outcome = Result<i64, String>;

#[derive(Clone, Copy)]
enum Link {
    Plus(i64),
    Fail(&'static str),
    Recover(i64),
    Return(usize),
    Forward(usize),
    Pause,
    Cancel(usize),
    Fire(usize, i64),
    Add(&'static Link),
    Note(&'static str),
}

#[derive(Clone, Copy)]
enum Canceller {
    Nothing,
    Fires(i64),
    CancelsAgain,
}

/// A Deferred of the arena.
#[derive(Clone)]
struct Id {
    number: usize,
    state: Rc<RefCell<State<Arena>>>,
}

/// The arena, and what happened in it.
#[derive(Default)]
struct Arena(Rc<Things>);

#[derive(Default)]
struct Things {
    cells: RefCell<Vec<Id>>,
    settled: Cell<usize>,
    notes: RefCell<Vec<String>>,
}

impl Parts for Arena {
    type Cell = Id;
    type Upstream = usize;
    type Outcome = Outcome;
    type Canceller = Canceller;

    fn nothing() -> Outcome {
        Ok(0)
    }

    fn upstream(&self, cell: &Id) -> usize {
        cell.number
    }

    fn upgrade(&self, upstream: &usize) -> Option<Id> {
        Some(self.id(*upstream))
    }
}

impl Host for Arena {
    fn state<'c>(&self, cell: &'c Id) -> &'c RefCell<State<Self>> {
        &cell.state
    }

    fn same(&self, a: &Id, b: &Id) -> bool {
        a.number == b.number
    }

    fn call_canceller(&self, cell: &Id, canceller: Canceller) {
        self.note("canceller".to_owned());
        match canceller {
            Canceller::Nothing => {}
            Canceller::Fires(value) => assert_eq!(fire(self, cell, Ok(value)), Ok(())),
            Canceller::CancelsAgain => cancel(self, cell),
        }
    }

    fn settled(&self, _: &Id) {
        self.0.settled.set(self.0.settled.get() + 1);
    }

    fn cancelled(&self) -> Outcome {
        Err("cancelled".to_owned())
    }

    fn already_called(&self, _: Outcome) -> Outcome {
        Err("already called".to_owned())
    }

    fn circular(&self, _: &Id) -> Outcome {
        Err("circular".to_owned())
    }
}

impl Arena {
    /// Does what `link` says.
    fn call_link(&self, cell: usize, link: Link, outcome: &mut Outcome) -> Step<Self> {
        match (link, &mut *outcome) {
            (Link::Plus(n), Ok(value)) => *value += n,
            (Link::Fail(text), Ok(_)) => *outcome = Err(text.to_owned()),
            (Link::Recover(n), Err(_)) => *outcome = Ok(n),
            (Link::Return(inner), Ok(_)) => return Step::Chain(self.id(inner)),
            (Link::Forward(to), _) => return Step::Forward(self.id(to)),
            (Link::Pause, _) => pause(self, &self.id(cell)),
            (Link::Cancel(other), _) => cancel(self, &self.id(other)),
            (Link::Fire(other, value), _) => {
                let fired = fire(self, &self.id(other), Ok(value));
                self.note(format!("{:?}", fired));
            }
            (Link::Add(link), _) => {
                self.add(cell, *link);
                self.note("added".to_owned());
            }
            (Link::Note(name), outcome) => self.note(format!("{name} {outcome:?}")),
            _ => {}
        }
        Step::Outcome
    }

    fn add(&self, cell: usize, link: Link) {
        // A link that never runs does not keep the arena that it is in.
        let things = Rc::downgrade(&self.0);
        add(self, &self.id(cell), move |outcome| {
            let arena = Arena(things.upgrade().expect("links run in their arena"));
            arena.call_link(cell, link, outcome)
        });
    }

    fn id(&self, number: usize) -> Id {
        self.0.cells.borrow()[number].clone()
    }

    fn note(&self, what: String) {
        self.0.notes.borrow_mut().push(what);
    }

    fn notes(&self) -> Vec<String> {
        self.0.notes.take()
    }

    fn keep(&self, state: State<Arena>) -> usize {
        let mut cells = self.0.cells.borrow_mut();
        let number = cells.len();
        let state = Rc::new(RefCell::new(state));
        cells.push(Id { number, state });
        number
    }

    fn unfired(&self, links: &[Link]) -> usize {
        self.with_links(State::new(None), links)
    }

    fn fired(&self, value: i64, links: &[Link]) -> usize {
        self.with_links(State::fired(Ok(value)), links)
    }

    fn with_links(&self, state: State<Arena>, links: &[Link]) -> usize {
        let cell = self.keep(state);
        for link in links {
            self.add(cell, *link);
        }
        cell
    }

    fn outcome(&self, cell: usize) -> Option<Outcome> {
        with(self, &self.id(cell), |state| state.outcome().cloned())
    }
}

#[test]
fn an_outcome_is_given_once() {
    let arena = Arena::default();
    let d = arena.unfired(&[Link::Plus(1)]);
    assert_eq!(fire(&arena, &arena.id(d), Ok(1)), Ok(()));
    assert_eq!(fire(&arena, &arena.id(d), Ok(5)), Err(AlreadyCalled));
    assert_eq!(arena.outcome(d), Some(Ok(2)));
}

#[test]
fn links_run_in_the_order_they_were_added() {
    let arena = Arena::default();
    let d = arena.unfired(&[
        Link::Note("a"),
        Link::Fail("no"),
        Link::Plus(5),
        Link::Note("b"),
        Link::Recover(7),
        Link::Note("c"),
    ]);
    assert!(arena.notes().is_empty());
    fire(&arena, &arena.id(d), Ok(1)).unwrap();
    assert_eq!(arena.notes(), ["a Ok(1)", "b Err(\"no\")", "c Ok(7)"]);
}

#[test]
fn a_link_added_after_firing_runs_at_once() {
    let arena = Arena::default();
    let d = arena.fired(1, &[]);
    arena.add(d, Link::Note("late"));
    assert_eq!(arena.notes(), ["late Ok(1)"]);
}

#[test]
fn a_link_added_by_a_running_one_is_queued() {
    let arena = Arena::default();
    let d = arena.unfired(&[Link::Add(&Link::Note("last")), Link::Note("next")]);
    fire(&arena, &arena.id(d), Ok(1)).unwrap();
    assert_eq!(arena.notes(), ["added", "next Ok(1)", "last Ok(1)"]);
}

#[test]
fn a_fired_inner_one_is_taken_and_left_with_nothing() {
    let arena = Arena::default();
    let inner = arena.fired(5, &[]);
    let d = arena.fired(1, &[Link::Return(inner), Link::Plus(1)]);
    assert_eq!(arena.outcome(d), Some(Ok(6)));
    assert_eq!(arena.outcome(inner), Some(Ok(0)));
}

#[test]
fn an_unfired_inner_one_is_waited_for() {
    let arena = Arena::default();
    let inner = arena.unfired(&[Link::Plus(1)]);
    let d = arena.fired(1, &[Link::Return(inner), Link::Note("next")]);
    assert!(with(&arena, &arena.id(d), |state| state.is_waiting()));
    assert!(with(&arena, &arena.id(d), |state| state.waiting_on().copied()) == Some(inner));
    fire(&arena, &arena.id(inner), Ok(5)).unwrap();
    assert_eq!(arena.notes(), ["next Ok(6)"]);
    assert_eq!(arena.outcome(inner), Some(Ok(0)));
}

#[test]
fn the_waiting_one_goes_on_after_the_links_of_the_inner_one() {
    let arena = Arena::default();
    let inner = arena.unfired(&[Link::Note("inner"), Link::Plus(1)]);
    arena.fired(1, &[Link::Return(inner), Link::Note("outer")]);
    fire(&arena, &arena.id(inner), Ok(5)).unwrap();
    assert_eq!(arena.notes(), ["inner Ok(5)", "outer Ok(6)"]);
}

#[test]
fn a_paused_inner_one_is_waited_for() {
    let arena = Arena::default();
    let inner = arena.fired(5, &[]);
    pause(&arena, &arena.id(inner));
    let d = arena.fired(1, &[Link::Return(inner)]);
    assert_eq!(arena.outcome(d), None);
    unpause(&arena, &arena.id(inner)).unwrap();
    assert_eq!(arena.outcome(d), Some(Ok(5)));
}

#[test]
fn pauses_count() {
    let arena = Arena::default();
    let d = arena.unfired(&[Link::Note("link")]);
    pause(&arena, &arena.id(d));
    pause(&arena, &arena.id(d));
    fire(&arena, &arena.id(d), Ok(1)).unwrap();
    unpause(&arena, &arena.id(d)).unwrap();
    assert!(arena.notes().is_empty());
    unpause(&arena, &arena.id(d)).unwrap();
    assert_eq!(arena.notes(), ["link Ok(1)"]);
    assert_eq!(unpause(&arena, &arena.id(d)), Err(NotPaused));
}

#[test]
fn pausing_from_inside_a_link_stops_after_that_link() {
    let arena = Arena::default();
    let d = arena.unfired(&[Link::Note("a"), Link::Pause, Link::Note("b")]);
    fire(&arena, &arena.id(d), Ok(1)).unwrap();
    assert_eq!(arena.notes(), ["a Ok(1)"]);
    assert_eq!(
        with(&arena, &arena.id(d), |state| (
            state.pauses(),
            state.pending()
        )),
        (1, 1)
    );
    unpause(&arena, &arena.id(d)).unwrap();
    assert_eq!(arena.notes(), ["b Ok(1)"]);
}

#[test]
fn cancelling_calls_the_canceller_once() {
    for canceller in [Canceller::Nothing, Canceller::CancelsAgain] {
        let arena = Arena::default();
        let d = arena.keep(State::new(Some(canceller)));
        cancel(&arena, &arena.id(d));
        cancel(&arena, &arena.id(d));
        assert_eq!(arena.notes(), ["canceller"]);
        assert_eq!(arena.outcome(d), Some(Err("cancelled".to_owned())));
        assert_eq!(fire(&arena, &arena.id(d), Ok(1)), Err(AlreadyCalled));
    }
}

#[test]
fn a_canceller_may_fire() {
    let arena = Arena::default();
    let d = arena.keep(State::new(Some(Canceller::Fires(8))));
    cancel(&arena, &arena.id(d));
    assert_eq!(arena.outcome(d), Some(Ok(8)));
}

#[test]
fn without_a_canceller_the_one_later_firing_is_swallowed() {
    let arena = Arena::default();
    let d = arena.unfired(&[]);
    cancel(&arena, &arena.id(d));
    assert_eq!(fire(&arena, &arena.id(d), Ok(1)), Ok(()));
    assert_eq!(fire(&arena, &arena.id(d), Ok(2)), Err(AlreadyCalled));
    assert_eq!(arena.outcome(d), Some(Err("cancelled".to_owned())));
}

#[test]
fn while_waiting_cancel_goes_to_the_inner_one() {
    let arena = Arena::default();
    let inner = arena.keep(State::new(Some(Canceller::Fires(3))));
    let middle = arena.fired(1, &[Link::Return(inner)]);
    let d = arena.fired(1, &[Link::Return(middle)]);
    cancel(&arena, &arena.id(d));
    assert_eq!(arena.outcome(d), Some(Ok(3)));
}

#[test]
fn links_may_cancel_and_fire_others_and_themselves() {
    let arena = Arena::default();
    let other = arena.unfired(&[Link::Note("other")]);
    let d = arena.keep(State::new(None));
    for link in [Link::Cancel(other), Link::Fire(other, 1), Link::Fire(d, 2)] {
        arena.add(d, link);
    }
    fire(&arena, &arena.id(d), Ok(1)).unwrap();
    let expected = ["other Err(\"cancelled\")", "Ok(())", "Err(AlreadyCalled)"];
    assert_eq!(arena.notes(), expected);
    assert_eq!(arena.outcome(d), Some(Ok(1)));
}

#[test]
fn an_outcome_is_forwarded_before_the_next_link() {
    let arena = Arena::default();
    let other = arena.unfired(&[Link::Note("other")]);
    let again = arena.fired(1, &[Link::Forward(other), Link::Note("rest")]);
    assert_eq!(arena.notes(), ["other Ok(1)", "rest Ok(0)"]);
    arena.add(again, Link::Forward(other));
    assert_eq!(arena.outcome(again), Some(Err("already called".to_owned())));
}

#[test]
fn circles_fail() {
    let arena = Arena::default();
    let a = arena.unfired(&[Link::Return(0)]);
    fire(&arena, &arena.id(a), Ok(1)).unwrap();
    assert_eq!(arena.outcome(a), Some(Err("circular".to_owned())));
    let (b, c, d) = (1, 2, 3);
    arena.unfired(&[Link::Return(d)]);
    arena.fired(1, &[Link::Return(b)]);
    arena.fired(1, &[Link::Return(c)]);
    fire(&arena, &arena.id(b), Ok(1)).unwrap();
    assert_eq!(arena.outcome(b), Some(Ok(0)));
    assert_eq!(arena.outcome(d), Some(Err("circular".to_owned())));
}

#[test]
fn a_chain_of_any_length_takes_no_stack_and_settles_each() {
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    let chain = small.spawn(|| {
        let arena = Arena::default();
        let innermost = arena.unfired(&[]);
        let mut d = innermost;
        for _ in 0..100_000 {
            d = arena.fired(0, &[Link::Return(d), Link::Plus(1)]);
        }
        let before = arena.0.settled.get();
        fire(&arena, &arena.id(innermost), Ok(0)).unwrap();
        assert_eq!(arena.outcome(d), Some(Ok(100_000)));
        assert_eq!(arena.0.settled.get() - before, 100_001);
    });
    chain.unwrap().join().unwrap();
}
