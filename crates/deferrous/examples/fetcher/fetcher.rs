//! A cache in front of something slow, such as a disk, a name server or another process.

use std::{cell::RefCell, collections::HashMap, hash::Hash, rc::Rc, time::Duration};

use deferrous::{
    CancelHandle, Deferred, Failure, Reactor, Trigger, deferred_with_canceller, maybe_deferred,
    succeed,
};

/// Fetches values by key. All who ask for a key while it is being fetched share that one fetch, and
/// what it ends with, be it a value or a failure. A value is kept for a while, a failure is not.
pub struct Fetcher<K, V>(Rc<Shared<K, V>>);

struct Shared<K, V> {
    reactor: Reactor,
    fetch: Box<dyn Fn(K) -> Deferred<V>>,
    /// How long a value is fresh.
    fresh: Duration,
    state: RefCell<State<K, V>>,
}

struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// How many fetches were started.
    fetches: u64,
}

enum Entry<V> {
    Fetched(V),
    Fetching(Fetching<V>),
}

struct Fetching<V> {
    /// Tells this fetch from an earlier one of the same key, which was given up and has not ended yet.
    number: u64,
    waiting: Vec<Trigger<V>>,
    /// How many of those who wait have not given up.
    wanted: usize,
    /// Gives the fetch up.
    handle: Option<CancelHandle>,
}

impl<K: Clone + Eq + Hash + 'static, V: Clone + 'static> Fetcher<K, V> {
    pub fn new(
        reactor: &Reactor,
        fresh: Duration,
        fetch: impl Fn(K) -> Deferred<V> + 'static,
    ) -> Self {
        Fetcher(Rc::new(Shared {
            reactor: reactor.clone(),
            fetch: Box::new(fetch),
            fresh,
            state: RefCell::new(State {
                entries: HashMap::new(),
                fetches: 0,
            }),
        }))
    }

    /// How many fetches there were so far.
    pub fn fetches(&self) -> u64 {
        self.0.state.borrow().fetches
    }

    /// The value of a key. A caller gives up by cancelling its Deferred, for example by a timeout. When
    /// all have given up, the fetch is cancelled.
    pub fn get(&self, key: K) -> Deferred<V> {
        let mut state = self.0.state.borrow_mut();
        match state.entries.get_mut(&key) {
            Some(Entry::Fetched(value)) => succeed(value.clone()),
            Some(Entry::Fetching(fetching)) => {
                let (trigger, d) = self.place(&key);
                fetching.waiting.push(trigger);
                fetching.wanted += 1;
                d
            }
            None => {
                let (trigger, d) = self.place(&key);
                let number = state.begin(&key, trigger);
                // The function may do anything, so nothing is borrowed while it runs.
                drop(state);
                self.fetch(key, number);
                d
            }
        }
    }

    /// A place among those who wait for a key.
    fn place(&self, key: &K) -> (Trigger<V>, Deferred<V>) {
        let (shared, key) = (Rc::downgrade(&self.0), key.clone());
        deferred_with_canceller(move |_| {
            if let Some(shared) = shared.upgrade() {
                shared.give_up(&key);
            }
        })
    }

    fn fetch(&self, key: K, number: u64) {
        let fetched = maybe_deferred(|| (self.0.fetch)(key.clone()));
        if let Some(Entry::Fetching(fetching)) = self.0.state.borrow_mut().entries.get_mut(&key) {
            fetching.handle = Some(fetched.cancel_handle());
        }
        let shared = Rc::downgrade(&self.0);
        fetched.add_both(move |result| {
            if let Some(shared) = shared.upgrade() {
                shared.done(key, number, result);
            }
        });
    }
}

impl<K: Clone + Eq + Hash, V> State<K, V> {
    /// Notes that a fetch begins, and returns its number.
    fn begin(&mut self, key: &K, trigger: Trigger<V>) -> u64 {
        self.fetches += 1;
        let fetching = Fetching {
            number: self.fetches,
            waiting: vec![trigger],
            wanted: 1,
            handle: None,
        };
        let entry = Entry::Fetching(fetching);
        self.entries.insert(key.clone(), entry);
        self.fetches
    }

    /// Takes out the fetch of a key, if there is one that fits.
    fn take(&mut self, key: &K, fits: impl Fn(&Fetching<V>) -> bool) -> Option<Fetching<V>> {
        match self.entries.remove(key)? {
            Entry::Fetching(fetching) if fits(&fetching) => Some(fetching),
            other => {
                self.entries.insert(key.clone(), other);
                None
            }
        }
    }
}

impl<K: Clone + Eq + Hash + 'static, V: Clone + 'static> Shared<K, V> {
    /// One of those who wait for a key has given up.
    fn give_up(&self, key: &K) {
        let unwanted = {
            let mut state = self.state.borrow_mut();
            if let Some(Entry::Fetching(fetching)) = state.entries.get_mut(key) {
                fetching.wanted -= 1;
            }
            state.take(key, |fetching| fetching.wanted == 0)
        };
        if let Some(handle) = unwanted.and_then(|fetching| fetching.handle) {
            handle.cancel();
        }
    }

    /// A fetch has ended. If it was given up, nobody waits for what it has ended with.
    fn done(self: Rc<Self>, key: K, number: u64, result: Result<V, Failure>) {
        let fetching = {
            let mut state = self.state.borrow_mut();
            let fetching = state.take(&key, |fetching| fetching.number == number);
            if let (Some(_), Ok(value)) = (&fetching, &result) {
                state
                    .entries
                    .insert(key.clone(), Entry::Fetched(value.clone()));
            }
            fetching
        };
        let Some(fetching) = fetching else { return };
        if result.is_ok() {
            let shared = Rc::downgrade(&self);
            self.reactor.call_later(self.fresh, move || {
                if let Some(shared) = shared.upgrade() {
                    shared.state.borrow_mut().entries.remove(&key);
                }
            });
        }
        for trigger in fetching.waiting {
            // A caller that has given up has its outcome already.
            let _ = trigger.fire_with(result.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, io};

    use deferrous::{Cancelled, MemoryReactor, TimedOut, deny_unhandled, gather_results};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A fetcher whose values are those of jobs: the number of the fetch, or an error for the key "bad".
    fn numbers(memory: &MemoryReactor) -> Fetcher<&'static str, u32> {
        let (reactor, count) = (memory.reactor().clone(), Cell::new(0));
        Fetcher::new(memory.reactor(), MINUTE, move |key| {
            count.set(count.get() + 1);
            let number = count.get();
            reactor.defer_to_thread(move || match key {
                "bad" => Err(io::Error::other(format!("no {number}")).into()),
                _ => Ok(number),
            })
        })
    }

    fn value<V: 'static>(d: Deferred<V>) -> V {
        d.into_result().expect("it has fired").unwrap()
    }

    fn failure<V: 'static>(d: Deferred<V>) -> Failure {
        let result = d.into_result().expect("it has fired");
        result.err().expect("it has failed")
    }

    #[test]
    fn those_who_ask_for_one_key_share_one_fetch() {
        let _unhandled = deny_unhandled();
        let memory = MemoryReactor::new();
        let fetcher = numbers(&memory);
        let callers: Vec<_> = (0..5).map(|_| fetcher.get("key")).collect();
        assert_eq!(memory.reactor().thread_pool().queued(), 1);
        memory.settle();
        assert_eq!(value(gather_results(callers)), [1; 5]);
        assert_eq!(fetcher.fetches(), 1);
    }

    #[test]
    fn they_share_its_error_and_the_next_caller_tries_again() {
        let _unhandled = deny_unhandled();
        let memory = MemoryReactor::new();
        let fetcher = numbers(&memory);
        let callers: Vec<_> = (0..5).map(|_| fetcher.get("bad")).collect();
        memory.settle();
        for caller in callers {
            let failure = failure(caller);
            assert!(failure.check::<io::Error>());
            assert_eq!(failure.to_string(), "no 1");
        }
        let next = fetcher.get("bad");
        memory.settle();
        assert_eq!(failure(next).to_string(), "no 2");
    }

    #[test]
    fn keys_do_not_wait_for_each_other() {
        let _unhandled = deny_unhandled();
        let memory = MemoryReactor::new();
        let fetcher = numbers(&memory);
        let [first, second] = ["first", "second"].map(|key| fetcher.get(key));
        memory.run_job();
        memory.turn();
        assert!(first.is_called() && !second.is_called());
        memory.settle();
        assert_eq!((value(first), value(second)), (1, 2));
    }

    #[test]
    fn a_value_is_fetched_again_when_it_is_no_longer_fresh() {
        let _unhandled = deny_unhandled();
        let memory = MemoryReactor::new();
        let fetcher = numbers(&memory);
        drop(fetcher.get("key"));
        memory.settle();
        memory.advance(MINUTE - Duration::from_nanos(1));
        assert_eq!(value(fetcher.get("key")), 1);
        memory.advance(Duration::from_nanos(1));
        let d = fetcher.get("key");
        assert!(!d.is_called());
        memory.settle();
        assert_eq!(value(d), 2);
    }

    #[test]
    fn a_caller_that_runs_out_of_patience_leaves_the_fetch_to_the_others() {
        let _unhandled = deny_unhandled();
        let memory = MemoryReactor::new();
        let fetcher = numbers(&memory);
        let hasty = fetcher
            .get("key")
            .add_timeout(Duration::from_secs(1), memory.reactor());
        let patient = fetcher.get("key");
        memory.advance(Duration::from_secs(1));
        assert!(failure(hasty).check::<TimedOut>());
        memory.settle();
        assert_eq!(value(patient), 1);
    }

    #[test]
    fn a_fetch_that_all_have_given_up_is_cancelled_and_its_result_ignored() {
        let _unhandled = deny_unhandled();
        let memory = MemoryReactor::new();
        let fetcher = numbers(&memory);
        let callers = [(); 2].map(|()| fetcher.get("key"));
        for caller in &callers {
            caller.cancel();
        }
        let next = fetcher.get("key");
        // The job of the first fetch runs too, because a job that is queued cannot be taken back.
        assert_eq!(memory.reactor().thread_pool().queued(), 2);
        memory.settle();
        assert_eq!(value(next), 2);
        assert!(callers.map(failure).iter().all(Failure::check::<Cancelled>));
    }

    #[test]
    fn a_fetch_that_panics_or_ends_at_once_is_like_any_other() {
        let _unhandled = deny_unhandled();
        let memory = MemoryReactor::new();
        let fetcher = Fetcher::new(memory.reactor(), MINUTE, |key| match key {
            0 => panic!("no zero"),
            _ => succeed(10 / key),
        });
        assert_eq!(failure(fetcher.get(0)).to_string(), "panicked: no zero");
        assert_eq!((value(fetcher.get(2)), value(fetcher.get(2))), (5, 5));
        assert_eq!(fetcher.fetches(), 2);
    }
}
