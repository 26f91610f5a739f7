//! Operations on several Deferreds, coroutines, locks and queues.

use std::rc::Rc;

use deferrous::{
    DeferredQueue, DeferredSemaphore, ListOptions, Listed, QueueLimits, deferred_list,
    gather_results, race,
};
use serde_json::Value as Json;

use crate::{
    Mistake,
    coroutines::{Kind, start, start_holding},
    describe::{self, Value},
    operations::{Said, nothing, python},
    world::{Callable, Handle, Permit, World, items, number, returns_deferred, text},
};

impl World {
    pub fn combined(self: &Rc<Self>, op: &Json) -> Said {
        let slot = || number(&op[1]);
        match text(&op[0]) {
            "deferred_list" => {
                let list = deferred_list(self.handles(&op[2]), self.options(&op[3])).map(tell_list);
                self.put(slot(), list, None);
                None
            }
            "gather" => {
                let gathered = gather_results(self.handles(&op[2])).map(Value::List);
                self.put(slot(), gathered, None);
                None
            }
            "race" => {
                let winner = race(self.handles(&op[2])).map(|(index, value)| {
                    Value::Told(format!("winner {index}: {}", describe::value(&value)))
                });
                self.put(slot(), winner, None);
                None
            }
            "start" => {
                let label = self.number("g");
                let kind = match text(&op[2]) {
                    "inline" => Kind::Generator,
                    _ => Kind::Coroutine,
                };
                let started = start(self, label, kind, &op[3]);
                self.put(slot(), started, None);
                None
            }
            "holding" => {
                let label = self.number("g");
                let started = start_holding(self, label, &op[3], text(&op[2]));
                self.put(slot(), started, None);
                None
            }
            "limit" => self.limit(text(&op[1]), number(&op[2]), &op[3]),
            "acquire" => {
                let acquired = self.acquire(text(&op[2]));
                self.put(slot(), acquired, None);
                None
            }
            "release" => {
                let permit = self.permits.borrow_mut().pop();
                match permit {
                    None => return nothing(),
                    Some(Permit::Lock(permit)) => permit.release(),
                    Some(Permit::Semaphore(permit)) => permit.release(),
                }
                None
            }
            "run_with" => {
                let callable = Callable::new(self, None, &op[3]);
                let running = self.run_with(text(&op[2]), callable);
                self.put(slot(), running, None);
                None
            }
            "state_of" => Some(self.state_of(text(&op[1]))),
            "put" => {
                let value = self.value(&op[1]);
                let queue = self.queue.borrow().clone();
                queue
                    .put(value)
                    .err()
                    .map(|_| "raised QueueOverflow".to_owned())
            }
            "pull" => {
                let queue = self.queue.borrow().clone();
                match queue.get() {
                    Ok(handle) => {
                        self.put(slot(), handle, None);
                        None
                    }
                    Err(_) => Some("raised QueueUnderflow".to_owned()),
                }
            }
            other => panic!("there is no operation {other}"),
        }
    }

    fn handles(&self, slots: &Json) -> Vec<Handle> {
        let slots = items(slots).iter();
        let mut handles: Vec<_> = slots.filter_map(|slot| self.take(number(slot))).collect();
        if self.mistake == Mistake::Order {
            handles.reverse();
        }
        handles
    }

    fn options(&self, flags: &Json) -> ListOptions {
        let swapped = self.mistake == Mistake::Flags;
        let mut options = ListOptions::new();
        if flags[usize::from(swapped)] == true {
            options = options.fire_on_one_callback();
        }
        if flags[usize::from(!swapped)] == true {
            options = options.fire_on_one_errback();
        }
        if flags[2] == true {
            options = options.consume_errors();
        }
        options
    }

    fn limit(&self, name: &str, first: i64, second: &Json) -> Said {
        let size = usize::try_from(first).ok();
        if name == "queue" {
            let backlog = second.as_u64().map(|backlog| backlog as usize);
            let queue = DeferredQueue::with_limits(QueueLimits { size, backlog });
            let before = self.queue.replace(queue);
            self.replaced.borrow_mut().queues.push(before);
            return None;
        }
        let Some(tokens @ 1..) = size else {
            return Some("refused".to_owned());
        };
        let before = self.semaphore.replace(DeferredSemaphore::new(tokens));
        self.replaced.borrow_mut().semaphores.push(before);
        None
    }

    fn acquire(self: &Rc<Self>, name: &str) -> Handle {
        let world = self.clone();
        let hold = move |permit| {
            world.permits.borrow_mut().push(permit);
            Value::Told("a permit".to_owned())
        };
        match name {
            "lock" => self.lock.acquire().map(Permit::Lock).map(hold),
            _ => {
                let semaphore = self.semaphore.borrow().clone();
                semaphore.acquire().map(Permit::Semaphore).map(hold)
            }
        }
    }

    fn run_with(self: &Rc<Self>, name: &str, callable: Callable) -> Handle {
        let (world, semaphore) = (self.clone(), self.semaphore.borrow().clone());
        match (name, returns_deferred(&callable.spec)) {
            ("lock", true) => self
                .lock
                .run(move || world.call_for_deferred(callable, None)),
            ("lock", false) => self.lock.run(move || world.call(callable, None)),
            (_, true) => semaphore.run(move || world.call_for_deferred(callable, None)),
            (_, false) => semaphore.run(move || world.call(callable, None)),
        }
    }

    fn state_of(&self, name: &str) -> String {
        match name {
            "queue" => {
                let queue = self.queue.borrow();
                format!("pending={} waiting={}", queue.pending(), queue.waiting())
            }
            "lock" => {
                let locked = python(self.lock.is_locked());
                format!("locked={locked} waiting={}", self.lock.waiting())
            }
            _ => {
                let semaphore = self.semaphore.borrow();
                format!(
                    "tokens={} waiting={}",
                    semaphore.tokens(),
                    semaphore.waiting()
                )
            }
        }
    }
}

fn tell_list(listed: Listed<Value>) -> Value {
    Value::Told(match listed {
        Listed::First { index, value } => format!("first {index}: {}", describe::value(&value)),
        Listed::All(results) => {
            let results: Vec<_> = results.iter().map(describe::result).collect();
            format!("all [{}]", results.join(", "))
        }
        _ => unreachable!("no option asks for anything else"),
    })
}
