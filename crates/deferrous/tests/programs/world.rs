//! A program in progress.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    mem,
    panic::resume_unwind,
    rc::{Rc, Weak},
};

use deferrous::{
    CancelHandle, Cancelled, Clock, Deferred, DeferredLock, DeferredQueue, DeferredSemaphore,
    Failure, LockPermit, PauseGuard, QueueLimits, SemaphorePermit, Trigger, deferred, fail,
    succeed,
};
use serde_json::Value as Json;

use crate::{
    Mistake,
    describe::{self, Boom, Value},
};

pub const SLOTS: i64 = 5;
pub const ATTACHED: i64 = -1;
pub const NOTHING: &str = "has nothing";
/// No program runs longer or deeper than this, whatever it calls itself from.
const FUEL: u32 = 120;
const DEPTH: usize = 6;

pub type Handle = Deferred<Value>;
pub type Outcome = Result<Value, Failure>;

/// What a slot has of a Deferred.
pub struct Entry {
    pub handle: RefCell<Option<Handle>>,
    pub trigger: RefCell<Option<Trigger<Value>>>,
    pub guards: RefCell<Vec<PauseGuard>>,
    pub cancel: CancelHandle,
}

impl Entry {
    pub fn new(handle: Handle, trigger: Option<Trigger<Value>>) -> Rc<Entry> {
        Rc::new(Entry {
            cancel: handle.cancel_handle(),
            handle: RefCell::new(Some(handle)),
            trigger: RefCell::new(trigger),
            guards: RefCell::default(),
        })
    }

    pub fn take(&self) -> Option<Handle> {
        self.handle.borrow_mut().take()
    }
}

/// What is held of a lock or semaphore.
pub enum Permit {
    Lock(LockPermit),
    Semaphore(SemaphorePermit),
}

/// Those that a program had before are kept: what waits for them would be abandoned.
#[derive(Default)]
pub struct Replaced {
    pub semaphores: Vec<DeferredSemaphore>,
    pub queues: Vec<DeferredQueue<Value>>,
}

pub struct World {
    pub mistake: Mistake,
    pub clock: Clock,
    pub lock: DeferredLock,
    pub semaphore: RefCell<DeferredSemaphore>,
    pub queue: RefCell<DeferredQueue<Value>>,
    pub replaced: RefCell<Replaced>,
    pub permits: RefCell<Vec<Permit>>,
    slots: RefCell<HashMap<i64, Rc<Entry>>>,
    /// Entries that no slot has any more. With a trigger in it, its Deferred is not abandoned.
    kept: RefCell<Vec<Rc<Entry>>>,
    attached: RefCell<Vec<Option<Rc<Entry>>>>,
    ended: Cell<bool>,
    lines: RefCell<Vec<String>>,
    counts: RefCell<HashMap<String, u32>>,
    depth: Cell<usize>,
    fuel: Cell<u32>,
}

/// The items of an array of JSON.
pub fn items(json: &Json) -> &[Json] {
    match json {
        Json::Array(items) => items,
        other => panic!("{other} is no array"),
    }
}

pub fn text(json: &Json) -> &str {
    json.as_str().unwrap_or_else(|| panic!("{json} is no text"))
}

pub fn number(json: &Json) -> i64 {
    json.as_i64()
        .unwrap_or_else(|| panic!("{json} is no number"))
}

/// Whether a callable returns a Deferred, which its type has to say.
pub fn returns_deferred(spec: &Json) -> bool {
    let end = &spec[2];
    end[0] == "new" || end[0] == "value" && end[1][0] == "slot"
}

impl World {
    pub fn new(mistake: Mistake) -> Self {
        let limits = QueueLimits {
            size: Some(2),
            backlog: Some(2),
        };
        World {
            mistake,
            clock: Clock::new(),
            lock: DeferredLock::new(),
            semaphore: RefCell::new(DeferredSemaphore::new(1)),
            queue: RefCell::new(DeferredQueue::with_limits(limits)),
            replaced: RefCell::default(),
            permits: RefCell::default(),
            slots: RefCell::default(),
            kept: RefCell::default(),
            attached: RefCell::default(),
            ended: Cell::new(false),
            lines: RefCell::default(),
            counts: RefCell::default(),
            depth: Cell::new(0),
            fuel: Cell::new(FUEL),
        }
    }

    pub fn note(&self, line: &str) {
        let line = format!("{:1$}{line}", "", 2 * self.depth.get());
        self.lines.borrow_mut().push(line);
    }

    pub fn take_lines(&self) -> Vec<String> {
        self.lines.take()
    }

    /// A name that has not been given yet.
    pub fn number(&self, prefix: &str) -> String {
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(prefix.to_owned()).or_default();
        *count += 1;
        format!("{prefix}{count}")
    }

    pub fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Runs operations, as far as the fuel allows.
    pub fn run(self: &Rc<Self>, ops: &[Json]) {
        if self.depth.get() > DEPTH {
            return self.note("too deep");
        }
        for op in ops {
            if self.fuel.get() == 0 {
                return;
            }
            self.fuel.set(self.fuel.get() - 1);
            let said = self.step(op);
            let name = text(&op[0]);
            match said {
                None => self.note(name),
                Some(said) => self.note(&format!("{name} {said}")),
            }
        }
    }

    /// Does what a callable of the program is to do, and gives what it returns.
    fn behave<R>(
        self: &Rc<Self>,
        label: &str,
        attached: Option<Rc<Entry>>,
        ops: &Json,
        given: &str,
        finish: impl FnOnce() -> R,
    ) -> R {
        self.note(&format!("{label} called with {given}"));
        self.attached.borrow_mut().push(attached);
        self.depth.set(self.depth.get() + 1);
        self.run(items(ops));
        let result = finish();
        self.depth.set(self.depth.get() - 1);
        self.attached.borrow_mut().pop();
        result
    }

    /// Calls a callable that returns no Deferred.
    pub fn call(self: &Rc<Self>, callable: Callable, given: Option<Outcome>) -> Outcome {
        if self.has_ended() {
            return given.unwrap_or(Ok(Value::None));
        }
        let Callable {
            label,
            attached,
            spec,
        } = callable;
        let told = given.as_ref().map(describe::result).unwrap_or_default();
        let ended = self.behave(&label, attached, &spec[1], &told, || {
            self.finish(&spec[2], given.unwrap_or(Ok(Value::None)))
        });
        ended.unwrap_or_else(|panic| resume_unwind(Box::new(panic)))
    }

    /// Calls a callable that returns a Deferred.
    pub fn call_for_deferred(
        self: &Rc<Self>,
        callable: Callable,
        given: Option<Outcome>,
    ) -> Handle {
        if self.has_ended() {
            return given.unwrap_or(Ok(Value::None)).into();
        }
        let Callable {
            label,
            attached,
            spec,
        } = callable;
        let told = given.as_ref().map(describe::result).unwrap_or_default();
        let end = &spec[2];
        let returned = self.behave(&label, attached, &spec[1], &told, || match text(&end[0]) {
            "new" => self.make(text(&end[1]), number(&end[2])).take(),
            _ => self.take(number(&end[1][1])),
        });
        returned.unwrap_or_else(|| succeed(Value::None))
    }

    /// Calls a canceller.
    pub fn call_canceller(self: &Rc<Self>, callable: Callable) {
        if self.has_ended() {
            return;
        }
        if returns_deferred(&callable.spec) {
            drop(self.call_for_deferred(callable, None));
        } else if let Err(failure) = self.call(callable, None) {
            resume_unwind(Box::new(describe::failure(&failure)));
        }
    }

    /// What a callable returns, or what it panics with.
    pub fn finish(&self, end: &Json, given: Outcome) -> Result<Outcome, String> {
        Ok(match text(&end[0]) {
            "argument" => given,
            "raise" => return self.error(text(&end[1])).map(Err),
            "again" => match given {
                Ok(_) => Ok(Value::None),
                failed => failed,
            },
            "trap" => match given {
                Ok(_) => Ok(Value::None),
                Err(failure) => failure
                    .trap::<Boom>()
                    .map(drop)
                    .or_else(|failure| failure.trap::<Cancelled>().map(drop))
                    .map(|()| Value::Text("trapped".to_owned())),
            },
            _ => Ok(self.value(&end[1])),
        })
    }

    /// The entry of a slot.
    pub fn slot(&self, slot: i64) -> Option<Rc<Entry>> {
        if slot == ATTACHED {
            return self.attached.borrow().last().cloned().flatten();
        }
        self.slots.borrow().get(&slot.rem_euclid(SLOTS)).cloned()
    }

    pub fn put(&self, slot: i64, handle: Handle, trigger: Option<Trigger<Value>>) -> Rc<Entry> {
        let entry = Entry::new(handle, trigger);
        self.put_entry(slot, entry.clone());
        entry
    }

    pub fn put_entry(&self, slot: i64, entry: Rc<Entry>) {
        self.drop_slot(slot);
        self.slots
            .borrow_mut()
            .insert(slot.rem_euclid(SLOTS), entry);
    }

    /// Takes an entry out of a slot, and drops the handle.
    pub fn drop_slot(&self, slot: i64) {
        let entry = self.slots.borrow_mut().remove(&slot.rem_euclid(SLOTS));
        if let Some(entry) = entry {
            self.kept.borrow_mut().push(entry.clone());
            drop(entry.take());
        }
    }

    /// Drops all there is of a Deferred.
    pub fn forget(&self, slot: i64) {
        let entry = self.slots.borrow_mut().remove(&slot.rem_euclid(SLOTS));
        if let Some(entry) = entry {
            drop(entry.take());
            drop(entry.trigger.take());
        }
    }

    /// Takes the handle of a slot.
    pub fn take(&self, slot: i64) -> Option<Handle> {
        self.slot(slot)?.take()
    }

    pub fn value(&self, spec: &Json) -> Value {
        match spec {
            Json::Null => Value::None,
            Json::Bool(_) => Value::True,
            Json::Number(_) => Value::Number(number(spec)),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(parts) if parts[0] == "token" => {
                Value::Told(format!("<{}>", self.number("token")))
            }
            Json::Array(parts) => {
                Value::List(parts[1..].iter().map(|part| self.value(part)).collect())
            }
            Json::Object(_) => panic!("{spec} is no value"),
        }
    }

    /// The failure that a program names, or what it panics with.
    pub fn error(&self, name: &str) -> Result<Failure, String> {
        let text = self.number(name);
        match name {
            "boom" => Ok(Boom(text).into()),
            "cancelled" => Ok(Cancelled.into()),
            _ => Err(text),
        }
    }

    /// The failure that a program names, with a panic as one that was caught.
    pub fn failure(&self, name: &str) -> Failure {
        self.error(name)
            .unwrap_or_else(|panic| Failure::from_panic(Box::new(panic)))
    }

    /// Makes a Deferred in a state and keeps it.
    pub fn make(&self, how: &str, slot: i64) -> Rc<Entry> {
        let (trigger, handle) = match how {
            "unfired" => {
                let (trigger, handle) = deferred();
                (Some(trigger), handle)
            }
            "failed" | "failed and paused" => (None, fail(self.failure("boom"))),
            _ => (
                None,
                succeed(Value::Told(format!("<{}>", self.number("token")))),
            ),
        };
        let handle = if how == "waiting" {
            let (trigger, inner) = deferred();
            let inner = self.put(slot + 1, inner, Some(trigger));
            let returned = inner.take().unwrap_or_else(|| succeed(Value::None));
            handle.add_callback(|_| returned)
        } else {
            handle
        };
        let entry = self.put(slot, handle, trigger);
        if how.ends_with("paused") {
            let guard = entry.handle.borrow().as_ref().map(Handle::pause_guard);
            entry.guards.borrow_mut().extend(guard);
        }
        entry
    }

    /// Ends the program: drops the handles, after which nothing is added to any Deferred.
    pub fn drop_handles(&self) {
        self.ended.set(true);
        let mut entries = self.kept.borrow().clone();
        entries.extend(self.slots.borrow().values().cloned());
        for entry in entries {
            drop(entry.take());
        }
    }

    /// Drops everything.
    pub fn drop_all(&self) {
        let mut entries: Vec<_> = self.kept.take();
        entries.extend(mem::take(&mut *self.slots.borrow_mut()).into_values());
        for entry in &entries {
            drop(entry.guards.take());
            drop(entry.trigger.take());
        }
        drop(self.permits.take());
        drop(self.replaced.take());
    }
}

/// Something of the program to call.
pub struct Callable {
    pub label: String,
    pub attached: Option<Rc<Entry>>,
    pub spec: Json,
}

impl Callable {
    pub fn new(world: &World, attached: Option<Rc<Entry>>, spec: &Json) -> Self {
        Callable {
            label: world.number("c"),
            attached,
            spec: spec.clone(),
        }
    }
}

/// The entry that a canceller belongs to, which is made after it.
pub type Later = Rc<RefCell<Weak<Entry>>>;
