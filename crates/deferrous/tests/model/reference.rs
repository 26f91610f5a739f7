//! The guarantees once more, in the plainest way: recursive, everything in one list, and every
//! reference counted by hand.

use std::collections::VecDeque;

use super::{
    Report, Result, clean_up,
    program::{Action, Canceller, DEFERREDS, End, Op, Program, Side},
};

enum Link {
    Call(usize, Side, Action),
    /// Fires another Deferred with the outcome, and owns a trigger of it.
    Chain(usize),
    /// Goes on with a value, past failures.
    Map(i64),
    /// A Deferred that waits for this one.
    Waiter(usize),
}

#[derive(Default)]
struct Model {
    outcome: Option<Result>,
    links: VecDeque<Link>,
    canceller: Option<Canceller>,
    called: bool,
    running: bool,
    cancelling: bool,
    swallow: bool,
    waiting: Option<usize>,
    pauses: usize,
    /// Nobody can add a link any more.
    detached: bool,
    triggers: usize,
    references: usize,
    freed: bool,
    // What the program has in its hands.
    has_handle: bool,
    has_trigger: bool,
    guards: usize,
}

impl Model {
    fn is_ready(&self) -> bool {
        self.outcome.is_some() && !self.running && self.waiting.is_none() && self.pauses == 0
    }

    fn is_settled(&self) -> bool {
        self.is_ready() && self.links.is_empty()
    }
}

#[derive(PartialEq)]
enum Fired {
    Taken,
    Swallowed,
    Already,
}

#[derive(Default)]
struct World {
    all: Vec<Model>,
    trace: Vec<String>,
    unhandled: Vec<String>,
    links: usize,
}

fn show(result: &Result) -> String {
    match result {
        Ok(value) => value.to_string(),
        Err(failure) => failure.clone(),
    }
}

fn failed(name: &str) -> Result {
    Err(name.to_owned())
}

pub fn run(program: &Program) -> Report {
    let mut world = World::default();
    for canceller in &program.cancellers {
        world.all.push(Model {
            canceller: canceller.clone(),
            has_handle: true,
            has_trigger: true,
            triggers: 1,
            references: 2,
            ..Model::default()
        });
    }
    world.run_ops(&program.ops);
    while world
        .all
        .iter()
        .any(|m| m.has_handle || m.has_trigger || m.guards > 0)
    {
        world.run_ops(&clean_up());
    }
    world.unhandled.sort();
    Report {
        trace: world.trace,
        unhandled: world.unhandled,
    }
}

impl World {
    fn run_ops(&mut self, ops: &[Op]) {
        for op in ops {
            self.step(op);
        }
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Add(d, side, action) => {
                if self.take_handle(*d) {
                    let link = self.links;
                    self.links += 1;
                    self.add(*d, Link::Call(link, *side, action.clone()));
                    self.all[*d].has_handle = true;
                }
            }
            Op::Fire(d, value) => self.fire_by_hand(*d, Ok(*value)),
            Op::Fail(d, code) => self.fire_by_hand(*d, Err(format!("e{code}"))),
            Op::Chain(from, to) => {
                if self.all[*to].has_trigger && self.take_handle(*from) {
                    self.all[*to].triggers += 1;
                    self.all[*to].references += 1;
                    self.add(*from, Link::Chain(*to));
                    self.add(*from, Link::Map(0));
                    self.all[*from].has_handle = true;
                }
            }
            Op::Pause(d) | Op::Unpause(d) | Op::Hold(d) | Op::LetGo(d) => self.step_pause(op, *d),
            Op::Cancel(d) => {
                self.cancel(*d);
                self.trace.push(format!("cancelled {d}"));
            }
            Op::Take(d) => {
                if self.all[*d].has_handle && self.all[*d].is_settled() {
                    let result = self.all[*d].outcome.take().unwrap();
                    self.trace.push(format!("took {d} {}", show(&result)));
                    self.step(&Op::DropHandle(*d));
                }
            }
            Op::DropHandle(d) => {
                if self.take_handle(*d) {
                    self.all[*d].detached = true;
                    self.report_if_unhandled(*d);
                    self.release(*d);
                }
            }
            Op::DropTrigger(d) => {
                if std::mem::take(&mut self.all[*d].has_trigger) {
                    self.drop_trigger(*d);
                }
            }
        }
    }

    fn step_pause(&mut self, op: &Op, d: usize) {
        match op {
            Op::Pause(_) => {
                if self.all[d].has_handle {
                    self.all[d].pauses += 1;
                }
            }
            Op::Unpause(_) => {
                if self.take_handle(d) {
                    let ended = self.unpause(d);
                    self.trace.push(format!("unpaused {d} {ended}"));
                    self.all[d].has_handle = true;
                }
            }
            Op::Hold(_) => {
                if self.all[d].has_handle {
                    self.all[d].pauses += 1;
                    self.all[d].guards += 1;
                    self.all[d].references += 1;
                }
            }
            Op::LetGo(_) => {
                if self.all[d].guards > 0 {
                    self.all[d].guards -= 1;
                    self.unpause(d);
                    self.release(d);
                }
            }
            _ => unreachable!("only what pauses and unpauses comes here"),
        }
    }

    /// While a handle is in use, the program does not have it.
    fn take_handle(&mut self, d: usize) -> bool {
        std::mem::take(&mut self.all[d].has_handle)
    }

    fn fire_by_hand(&mut self, d: usize, result: Result) {
        if self.all[d].has_trigger {
            self.all[d].triggers += 1;
            self.all[d].references += 1;
            self.trace.push(format!("fire {d}"));
            let accepted = self.fire(d, result) != Fired::Already;
            self.trace.push(format!("fired {d} {accepted}"));
            self.drop_trigger(d);
        }
    }

    fn fire(&mut self, d: usize, result: Result) -> Fired {
        let model = &mut self.all[d];
        if std::mem::take(&mut model.swallow) {
            return Fired::Swallowed;
        }
        if model.called {
            return Fired::Already;
        }
        model.called = true;
        model.canceller = None;
        model.outcome = Some(result);
        self.go_on(d);
        Fired::Taken
    }

    fn add(&mut self, d: usize, link: Link) {
        self.all[d].links.push_back(link);
        self.go_on(d);
    }

    fn unpause(&mut self, d: usize) -> bool {
        if self.all[d].pauses == 0 {
            return false;
        }
        self.all[d].pauses -= 1;
        self.go_on(d);
        true
    }

    /// Meanwhile two Deferreds are held: the one that was asked for, by whoever asked, and the one
    /// at the end of the row, which is cancelled. Those between are held by their neighbours alone.
    fn cancel(&mut self, d: usize) {
        if self.all[d].freed {
            return;
        }
        self.all[d].references += 1;
        let mut end = d;
        while let Some(inner) = self.all[end].waiting.filter(|_| !self.all[end].freed) {
            end = inner;
        }
        if !self.all[end].freed {
            self.all[end].references += 1;
            self.cancel_one(end);
            self.release(end);
        }
        self.release(d);
    }

    fn cancel_one(&mut self, d: usize) {
        let model = &mut self.all[d];
        if model.called || model.cancelling {
            return;
        }
        match model.canceller.take() {
            Some(canceller) => self.ask(d, canceller),
            None => {
                model.called = true;
                model.swallow = true;
                model.outcome = Some(failed("cancelled"));
                self.go_on(d);
            }
        }
    }

    fn ask(&mut self, d: usize, canceller: Canceller) {
        self.all[d].cancelling = true;
        self.trace.push(format!("canceller of {d}"));
        self.run_ops(&canceller.ops);
        if let Some(fires) = canceller.fires {
            self.fire(d, fires.map_err(|code| format!("e{code}")));
        }
        if canceller.panics {
            let panic = format!("p{d}");
            // One that has fired already leaves nowhere for the panic to go.
            if self.all[d].called {
                self.unhandled.push(panic);
            } else {
                self.fire(d, Err(panic));
            }
        }
        self.all[d].cancelling = false;
        if !self.all[d].called {
            self.fire(d, failed("cancelled"));
        }
    }

    /// Runs links for as long as that is allowed.
    fn go_on(&mut self, d: usize) {
        self.all[d].references += 1;
        while self.all[d].is_ready() {
            let Some(link) = self.all[d].links.pop_front() else {
                if self.all[d].detached {
                    self.report_if_unhandled(d);
                }
                break;
            };
            match link {
                Link::Waiter(outer) => {
                    let outcome = self.all[d].outcome.replace(Ok(0)).unwrap();
                    self.end_wait(outer, outcome);
                }
                Link::Map(value) => {
                    if let Some(Ok(old)) = &mut self.all[d].outcome {
                        *old = value;
                    }
                }
                Link::Chain(to) => self.hand_over(d, to),
                Link::Call(link, side, action) => self.call(d, link, side, action),
            }
        }
        self.release(d);
    }

    fn end_wait(&mut self, outer: usize, outcome: Result) {
        self.all[outer].waiting = None;
        self.all[outer].outcome = Some(outcome);
        self.go_on(outer);
        self.release(outer);
    }

    fn hand_over(&mut self, d: usize, to: usize) {
        let outcome = self.all[d].outcome.replace(Ok(0)).unwrap();
        let fired = self.fire(to, outcome.clone());
        if fired == Fired::Taken {
            return self.drop_trigger(to);
        }
        if fired == Fired::Already {
            self.unhandled.extend(outcome.err());
            self.all[d].outcome = Some(failed("already"));
        }
        // The link owns the trigger, and has not returned before that is gone.
        self.all[d].running = true;
        self.drop_trigger(to);
        self.all[d].running = false;
    }

    fn call(&mut self, d: usize, link: usize, side: Side, action: Action) {
        let outcome = self.all[d].outcome.take().unwrap();
        let runs = match side {
            Side::Callback => outcome.is_ok(),
            Side::Errback => outcome.is_err(),
            Side::Both => true,
        };
        if !runs {
            self.all[d].outcome = Some(outcome);
            return;
        }
        self.all[d].running = true;
        self.trace
            .push(format!("link {link} of {d} got {}", show(&outcome)));
        self.run_ops(&action.ops);
        self.trace.push(format!("link {link} ends"));
        let next = match action.end {
            End::Pass => outcome,
            End::Value(value) => Ok(value),
            End::Error(code) => Err(format!("e{code}")),
            End::Panic(code) => Err(format!("p{code}")),
            End::Return(inner) if self.take_handle(inner) => return self.wait(d, inner),
            End::Return(_) => Ok(7),
        };
        self.all[d].running = false;
        self.all[d].outcome = Some(next);
    }

    fn wait(&mut self, d: usize, inner: usize) {
        self.all[d].running = false;
        if self.leads_to(inner, d) {
            self.all[d].outcome = Some(failed("circular"));
            self.all[inner].detached = true;
        } else if self.all[inner].is_settled() {
            self.all[d].outcome = self.all[inner].outcome.replace(Ok(0));
        } else {
            self.all[inner].links.push_back(Link::Waiter(d));
            self.all[d].references += 1;
            self.all[d].waiting = Some(inner);
        }
        self.release(inner);
    }

    fn leads_to(&self, from: usize, to: usize) -> bool {
        let mut at = Some(from);
        while let Some(d) = at.filter(|d| !self.all[*d].freed) {
            if d == to {
                return true;
            }
            at = self.all[d].waiting;
        }
        false
    }

    fn drop_trigger(&mut self, d: usize) {
        let model = &mut self.all[d];
        model.triggers -= 1;
        let waited_for = !model.detached || !model.links.is_empty();
        if model.triggers == 0 && !model.called && !model.cancelling && waited_for {
            self.fire(d, failed("abandoned"));
        }
        self.release(d);
    }

    fn report_if_unhandled(&mut self, d: usize) {
        if self.all[d].is_settled() && matches!(self.all[d].outcome, Some(Err(_))) {
            let failure = self.all[d].outcome.take().unwrap();
            self.unhandled.extend(failure.err());
        }
    }

    fn release(&mut self, d: usize) {
        self.all[d].references -= 1;
        if self.all[d].references > 0 {
            return;
        }
        self.all[d].freed = true;
        if let Some(Err(failure)) = self.all[d].outcome.take() {
            self.unhandled.push(failure);
        }
        while let Some(link) = self.all[d].links.pop_front() {
            match link {
                Link::Chain(to) => self.drop_trigger(to),
                Link::Waiter(outer) => self.end_wait(outer, failed("abandoned")),
                Link::Call(..) | Link::Map(_) => {}
            }
        }
    }
}

#[test]
fn a_program_without_operations_leaves_every_deferred_abandoned() {
    let program = Program {
        cancellers: vec![None; DEFERREDS],
        ops: Vec::new(),
    };
    let report = run(&program);
    assert!(report.trace.is_empty());
    assert_eq!(report.unhandled, vec!["abandoned"; DEFERREDS]);
}
