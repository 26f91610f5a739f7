//! Programs that hang, and the tree that says why.

#![cfg(feature = "inspect")]

mod inspect_support;

use deferrous::{
    Deferred, DeferredLock, DeferredQueue, DeferredSemaphore, Failure, ListOptions, deferred,
    deferred_list, deferred_with_canceller, gather_results,
    inspect::{Kind, State, snapshot},
    race, spawn, succeed,
};

fn tree() -> String {
    inspect_support::tree(include_str!("inspect.rs"))
}

#[test]
fn nothing_is_outstanding_where_nothing_is_or_all_has_fired() {
    assert_eq!(tree(), "Nothing is outstanding.");
    let _d = succeed(1).map(|n| n + 1);
    assert_eq!(tree(), "Nothing is outstanding.");
    let fired = &snapshot().items[0];
    assert_eq!(fired.state, State::Fired { failed: false });
}

#[test]
fn a_trigger_that_is_held_is_named_with_its_place() {
    let (_trigger, d) = deferred::<u64>(); // [made]
    let _d = d.map(|n| n.to_string());
    assert_eq!(
        tree(),
        "\
Outstanding: 1 Deferred
Deferred<String>, made at [made] T ago, its Trigger, made there, has not fired"
    );
    let item = &snapshot().items[0];
    assert_eq!(item.place.file(), file!());
    assert_eq!(item.state, State::Unfired { triggers: 1 });
}

#[test]
fn a_chained_deferred_leads_to_the_inner_one() {
    let (_lost, inner) = deferred::<u8>(); // [inner]
    let (trigger, outer) = deferred::<()>(); // [outer]
    let _outer = outer.add_callback(move |()| inner);
    trigger.callback(()).unwrap();
    assert_eq!(
        tree(),
        "\
Outstanding: 2 Deferreds
Deferred<u8>, made at [outer] T ago
└─ Deferred<u8>, made at [inner] T ago, its Trigger, made there, has not fired"
    );
}

#[test]
fn a_paused_deferred_says_so_and_one_that_runs_a_callback_too() {
    let (trigger, d) = deferred::<u8>(); // [paused]
    d.pause();
    trigger.callback(1).unwrap();
    assert!(tree().ends_with("Deferred<u8>, made at [paused] T ago, paused"));
    let d = d.map(|_| tree());
    d.unpause().unwrap();
    let inside = d.into_result().unwrap().unwrap();
    assert!(
        inside.ends_with("made at [paused] T ago, running now"),
        "{inside}"
    );
}

#[test]
fn gathering_waits_for_those_that_are_missing() {
    let (_lost, missing) = deferred::<u8>(); // [missing]
    let (fired, there) = deferred::<u8>(); // [there]
    let _all = gather_results([there, succeed(2), missing]); // [all]
    fired.callback(1).unwrap();
    assert_eq!(
        tree(),
        "\
Outstanding: 2 Deferreds
Deferred<Vec<u8>> of gather_results, made at [all] T ago
└─ Deferred<u8>, made at [missing] T ago, its Trigger, made there, has not fired"
    );
}

#[test]
fn lists_races_and_forwarding_chains_lead_to_what_they_wait_for() {
    let (_lost, first) = deferred::<u8>(); // [first]
    let (_lost, second) = deferred::<u8>(); // [second]
    let list = deferred_list([first], ListOptions::new()).map(|_| 0); // [list]
    let won = race([list, second]).map(|(_, n)| n); // [race]
    let (end, _end) = deferred::<u8>(); // [end]
    let _rest = won.chain_deferred(end);
    assert_eq!(
        tree(),
        "\
Outstanding: 5 Deferreds
Deferred<u8>, made at [end] T ago
└─ Deferred<()> of race, made at [race] T ago
   ├─ Deferred<u8> of deferred_list, made at [list] T ago
   │  └─ Deferred<u8>, made at [first] T ago, its Trigger, made there, has not fired
   └─ Deferred<u8>, made at [second] T ago, its Trigger, made there, has not fired"
    );
}

async fn outer(inner: Deferred<u8>) -> Result<u8, Failure> {
    let value = inner.await?; // [outer waits]
    Ok(value + 1)
}

#[test]
fn a_coroutine_leads_to_the_coroutine_that_it_awaits() {
    let (_lost, d) = deferred::<u8>(); // [d]
    let inner = spawn(async move { d.await }); // [inner spawned]
    let _outer = spawn(outer(inner)); // [outer spawned]
    assert_eq!(
        tree(),
        "\
Outstanding: 2 coroutines, 1 Deferred
coroutine inspect::outer, spawned at [outer spawned] T ago, waits at [outer waits]
└─ coroutine inspect::a_coroutine_leads_to_the_coroutine_that_it_awaits, spawned at [inner spawned] T ago, waits at [inner spawned]
   └─ Deferred<u8>, made at [d] T ago, its Trigger, made there, has not fired"
    );
}

#[test]
fn a_coroutine_that_waits_for_another_crate_says_so() {
    let (_sender, receiver) = futures::channel::oneshot::channel::<u8>();
    let _d = spawn(async { Ok(receiver.await?) }); // [spawned]
    assert!(tree().ends_with("spawned at [spawned] T ago, waits for a future that is no Deferred"));
}

#[test]
fn a_coroutine_sees_itself_running() {
    let text = spawn(async { Ok(tree()) }); // [running]
    let text = text.into_result().unwrap().unwrap();
    assert!(
        text.ends_with("spawned at [running] T ago, running now"),
        "{text}"
    );
}

#[test]
fn a_lock_that_is_never_released_leads_to_its_holder() {
    let lock = DeferredLock::new(); // [lock]
    let _permit = lock.acquire().into_result().unwrap().unwrap(); // [holder]
    let _waiting: Vec<_> = (0..3).map(|_| lock.run(|| Ok(()))).collect(); // [waiters]
    assert_eq!(
        tree(),
        "\
Outstanding: 3 Deferreds
3 × Deferred<()> of DeferredLock::acquire, made at [waiters] T ago
└─ DeferredLock, made at [lock] T ago
   └─ permit, asked for at [holder] T ago"
    );
}

#[test]
fn a_holder_that_waits_is_followed_to_what_it_waits_for() {
    let lock = DeferredLock::new(); // [lock 2]
    let (_lost, work) = deferred::<()>(); // [work]
    let _holder = lock.run(move || work); // [run]
    let _waiting = lock.run(|| Ok(())); // [waiter]
    assert_eq!(
        tree(),
        "\
Outstanding: 3 Deferreds
Deferred<()> of DeferredLock::acquire, made at [waiter] T ago
└─ DeferredLock, made at [lock 2] T ago
   └─ permit, asked for at [run] T ago
      └─ Deferred<()> of DeferredLock::acquire, made at [run] T ago
         └─ Deferred<()>, made at [work] T ago, its Trigger, made there, has not fired"
    );
}

async fn both(first: DeferredLock, second: DeferredLock, go: Deferred<()>) -> Result<(), Failure> {
    let _first = first.acquire().await?; // [first lock]
    go.await?;
    let _second = second.acquire().await?; // [second lock]
    Ok(())
}

#[test]
fn two_that_wait_for_each_other_are_a_circle() {
    let (a, b) = (DeferredLock::new(), DeferredLock::new()); // [locks]
    let (go, waiting) = deferred();
    let _one = spawn(both(a.clone(), b.clone(), waiting)); // [one]
    let _two = spawn(both(b, a, succeed(()))); // [two]
    go.callback(()).unwrap();
    assert_eq!(
        tree(),
        "\
Outstanding: 2 coroutines, 2 Deferreds
coroutine inspect::both, spawned at [one] T ago, waits at [second lock]
└─ Deferred<LockPermit> of DeferredLock::acquire, made at [second lock] T ago
   └─ DeferredLock, made at [locks] T ago
      └─ permit, asked for at [first lock] T ago
         └─ coroutine inspect::both, spawned at [two] T ago, waits at [second lock]
            └─ Deferred<LockPermit> of DeferredLock::acquire, made at [second lock] T ago
               └─ DeferredLock, made at [locks] T ago
                  └─ permit, asked for at [first lock] T ago
                     └─ coroutine inspect::both, spawned at [one] T ago, waits at [second lock] (a circle: see above)"
    );
}

#[test]
fn a_semaphore_shows_all_who_hold_its_tokens() {
    let semaphore = DeferredSemaphore::new(2); // [semaphore]
    let first = semaphore.acquire(); // [first token]
    let _second = semaphore.acquire(); // [second token]
    let _third = semaphore.acquire(); // [third]
    assert_eq!(
        tree(),
        "\
Outstanding: 1 Deferred
Deferred<SemaphorePermit> of DeferredSemaphore::acquire, made at [third] T ago
└─ DeferredSemaphore, made at [semaphore] T ago
   ├─ permit, asked for at [first token] T ago
   └─ permit, asked for at [second token] T ago"
    );
    drop(first);
    assert_eq!(tree(), "Nothing is outstanding.");
    let permits = snapshot();
    assert_eq!(permits.of_kind(Kind::Permit).count(), 2);
}

#[test]
fn a_queue_that_nobody_fills_is_named() {
    let queue = DeferredQueue::<String>::new(); // [queue]
    let _item = queue.get().unwrap(); // [get]
    assert_eq!(
        tree(),
        "\
Outstanding: 1 Deferred
Deferred<String> of DeferredQueue::get, made at [get] T ago
└─ DeferredQueue<String>, made at [queue] T ago"
    );
}

#[test]
fn ten_thousand_of_the_same_are_one_row() {
    let mut all = Vec::new();
    for _ in 0..10_000 {
        let (trigger, d) = deferred::<u8>(); // [many]
        all.push((trigger, spawn(async move { d.await }))); // [many spawned]
    }
    let text = tree();
    let rows: Vec<_> = text.lines().collect();
    assert_eq!(rows.len(), 3, "{text}");
    assert!(
        rows[1].starts_with("10000 × coroutine inspect::ten_thousand"),
        "{text}"
    );
    assert!(
        rows[2].starts_with("└─ 10000 × Deferred<u8>, made at [many] T ago"),
        "{text}"
    );
    for (trigger, d) in all {
        trigger.callback(1).unwrap();
        assert!(d.is_called());
    }
}

#[test]
fn a_chain_of_a_million_needs_no_stack_and_few_rows() {
    let (_lost, mut d) = deferred::<()>(); // [innermost]
    let many = if cfg!(debug_assertions) {
        20_000
    } else {
        1_000_000
    };
    for _ in 0..many {
        let (trigger, outer) = deferred::<()>(); // [link]
        let outer = outer.add_callback(move |()| d);
        trigger.callback(()).unwrap();
        d = outer;
    }
    let expected = format!(
        "\
Deferred<()>, made at [link] T ago, and {} more of these, each waiting for the next
└─ Deferred<()>, made at [innermost] T ago, its Trigger, made there, has not fired",
        many - 1
    );
    let text = tree();
    assert!(text.ends_with(&expected), "{text}");
}

#[test]
fn what_is_dropped_is_forgotten_and_what_nobody_wants_is_not_shown() {
    let (trigger, d) = deferred_with_canceller::<u8>(|_| {});
    drop(d);
    assert_eq!(snapshot().items.len(), 1);
    assert_eq!(tree().lines().count(), 1);
    drop(trigger);
    let lock = DeferredLock::new();
    let d = spawn(async move { lock.acquire().await });
    drop(d);
    assert!(snapshot().items.is_empty(), "{:?}", snapshot());
}

#[test]
fn each_thread_sees_its_own() {
    let (_trigger, _d) = deferred::<u8>();
    let others = std::thread::spawn(|| snapshot().of_kind(Kind::Deferred).count());
    assert_eq!(others.join().unwrap(), 0);
}
