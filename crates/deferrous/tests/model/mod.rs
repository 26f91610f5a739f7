//! Runs a program on the crate, and says what happened.

pub mod program;
pub mod reference;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use deferrous::{
    Abandoned, AlreadyCalled, CancelHandle, Cancelled, CircularWait, Deferred, Failure, Panicked,
    PauseGuard, Trigger, capture_unhandled, deferred, deferred_with_canceller,
};

use program::{Action, Canceller, DEFERREDS, End, Op, Program, Side};

/// A value, or the name of a failure.
pub type Result = std::result::Result<i64, String>;

/// What happened.
#[derive(Debug, PartialEq)]
pub struct Report {
    pub trace: Vec<String>,
    /// Sorted, since the order in which Deferreds are freed is nobody's business.
    pub unhandled: Vec<String>,
}

#[derive(Default)]
struct World {
    handles: RefCell<Vec<Option<Deferred<i64>>>>,
    triggers: RefCell<Vec<Option<Trigger<i64>>>>,
    guards: RefCell<Vec<Vec<PauseGuard>>>,
    cancels: RefCell<Vec<CancelHandle>>,
    trace: RefCell<Vec<String>>,
    links: Cell<usize>,
}

fn error(code: i64) -> Failure {
    Failure::new(format!("e{code}"))
}

fn name(failure: &Failure) -> String {
    if failure.check::<Cancelled>() {
        "cancelled".to_owned()
    } else if failure.check::<Abandoned>() {
        "abandoned".to_owned()
    } else if failure.check::<CircularWait>() {
        "circular".to_owned()
    } else if failure.check::<AlreadyCalled>() {
        "already".to_owned()
    } else if let Some(panicked) = failure.downcast_ref::<Panicked>() {
        panicked.message().to_owned()
    } else {
        failure.to_string()
    }
}

fn show(result: &std::result::Result<i64, Failure>) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(failure) => name(failure),
    }
}

/// Unwinds without the noise of the panic hook.
fn panic_with(code: i64) -> ! {
    std::panic::resume_unwind(Box::new(format!("p{code}")))
}

impl World {
    fn note(&self, what: String) {
        self.trace.borrow_mut().push(what);
    }

    fn handle(&self, d: usize) -> Option<Deferred<i64>> {
        self.handles.borrow_mut()[d].take()
    }

    fn trigger(&self, d: usize) -> Option<Trigger<i64>> {
        self.triggers.borrow()[d].clone()
    }

    fn put(&self, d: usize, handle: Deferred<i64>) {
        self.handles.borrow_mut()[d] = Some(handle);
    }

    fn fire(&self, d: usize, result: std::result::Result<i64, Failure>) {
        let Some(trigger) = self.trigger(d) else {
            return;
        };
        self.note(format!("fire {d}"));
        let accepted = trigger.fire_with(result);
        self.note(format!("fired {d} {}", accepted.is_ok()));
    }

    fn run(self: &Rc<Self>, ops: &[Op]) {
        for op in ops {
            self.step(op);
        }
    }

    fn step(self: &Rc<Self>, op: &Op) {
        match op {
            Op::Add(d, side, action) => self.add(*d, *side, action.clone()),
            Op::Fire(d, value) => self.fire(*d, Ok(*value)),
            Op::Fail(d, code) => self.fire(*d, Err(error(*code))),
            Op::Chain(from, to) => self.chain(*from, *to),
            Op::Pause(d) => {
                if let Some(handle) = &self.handles.borrow()[*d] {
                    handle.pause();
                }
            }
            Op::Unpause(d) => {
                let Some(handle) = self.handle(*d) else {
                    return;
                };
                let ended = handle.unpause().is_ok();
                self.note(format!("unpaused {d} {ended}"));
                self.put(*d, handle);
            }
            Op::Hold(d) => {
                if let Some(handle) = &self.handles.borrow()[*d] {
                    self.guards.borrow_mut()[*d].push(handle.pause_guard());
                }
            }
            Op::LetGo(d) => {
                let guard = self.guards.borrow_mut()[*d].pop();
                drop(guard);
            }
            Op::Cancel(d) => {
                let handle = self.cancels.borrow()[*d].clone();
                handle.cancel();
                self.note(format!("cancelled {d}"));
            }
            Op::Take(d) => {
                let Some(handle) = self.handle(*d) else {
                    return;
                };
                match handle.into_result() {
                    Ok(result) => self.note(format!("took {d} {}", show(&result))),
                    Err(handle) => self.put(*d, handle),
                }
            }
            Op::DropHandle(d) => {
                let handle = self.handle(*d);
                drop(handle);
            }
            Op::DropTrigger(d) => {
                let trigger = self.triggers.borrow_mut()[*d].take();
                drop(trigger);
            }
        }
    }

    fn add(self: &Rc<Self>, d: usize, side: Side, action: Action) {
        let Some(handle) = self.handle(d) else { return };
        let link = self.links.replace(self.links.get() + 1);
        let world = self.clone();
        let begin = move |input: &std::result::Result<i64, Failure>| {
            world.note(format!("link {link} of {d} got {}", show(input)));
            world.run(&action.ops);
            world.note(format!("link {link} ends"));
            world
        };
        let handle = match action.end {
            End::Return(inner) => {
                let act = move |input| {
                    let world = begin(&input);
                    let returned = world.handle(inner);
                    returned.unwrap_or_else(|| deferrous::succeed(7))
                };
                match side {
                    Side::Callback => handle.add_callback(move |value| act(Ok(value))),
                    Side::Errback => handle.add_errback(move |failure| act(Err(failure))),
                    Side::Both => handle.add_both(act),
                }
            }
            end => {
                let act = move |input| {
                    begin(&input);
                    match end {
                        End::Value(value) => Ok(value),
                        End::Error(code) => Err(error(code)),
                        End::Panic(code) => panic_with(code),
                        End::Pass | End::Return(_) => input,
                    }
                };
                match side {
                    Side::Callback => handle.add_callback(move |value| act(Ok(value))),
                    Side::Errback => handle.add_errback(move |failure| act(Err(failure))),
                    Side::Both => handle.add_both(act),
                }
            }
        };
        self.put(d, handle);
    }

    fn chain(&self, from: usize, to: usize) {
        let Some(trigger) = self.trigger(to) else {
            return;
        };
        let Some(handle) = self.handle(from) else {
            return;
        };
        self.put(from, handle.chain_deferred(trigger).map(|()| 0));
    }

    fn cancel(self: &Rc<Self>, d: usize, canceller: Canceller, trigger: &Trigger<i64>) {
        self.note(format!("canceller of {d}"));
        self.run(&canceller.ops);
        match canceller.fires {
            Some(Ok(value)) => drop(trigger.callback(value)),
            Some(Err(code)) => drop(trigger.errback(error(code))),
            None => {}
        }
        if canceller.panics {
            panic_with(d as i64);
        }
    }

    fn is_empty(&self) -> bool {
        let nothing = |guards: &Vec<PauseGuard>| guards.is_empty();
        self.handles.borrow().iter().all(Option::is_none)
            && self.triggers.borrow().iter().all(Option::is_none)
            && self.guards.borrow().iter().all(nothing)
    }
}

/// What is done at the end, until nothing is left.
pub fn clean_up() -> Vec<Op> {
    let all = |d| [Op::LetGo(d), Op::DropTrigger(d), Op::DropHandle(d)];
    (0..DEFERREDS).flat_map(all).collect()
}

pub fn run(program: &Program) -> Report {
    let captured = capture_unhandled();
    let world = Rc::new(World::default());
    for (d, canceller) in program.cancellers.iter().cloned().enumerate() {
        let (trigger, handle) = match canceller {
            None => deferred(),
            Some(canceller) => {
                let world = world.clone();
                deferred_with_canceller(move |trigger| world.cancel(d, canceller, trigger))
            }
        };
        world.cancels.borrow_mut().push(handle.cancel_handle());
        world.triggers.borrow_mut().push(Some(trigger));
        world.handles.borrow_mut().push(Some(handle));
        world.guards.borrow_mut().push(Vec::new());
    }
    world.run(&program.ops);
    while !world.is_empty() {
        world.run(&clean_up());
    }
    let mut unhandled: Vec<_> = captured.take().iter().map(|u| name(&u.failure)).collect();
    unhandled.sort();
    Report {
        trace: world.trace.take(),
        unhandled,
    }
}
