//! A coroutine that waits for a primitive of another crate goes on after the call that lets it, and
//! not inside, where the primitive is locked.

use std::{rc::Rc, sync::Arc};

use deferrous::{Failure, gather_results};
use futures::{
    FutureExt, SinkExt, StreamExt,
    channel::{mpsc, oneshot},
    lock,
    stream::FuturesUnordered,
};
use tokio::sync;

use crate::{Spawner, with_and_without_a_reactor, woken_under_a_borrow};

fn goes_on<F, A, K>(spawner: &Spawner, (wait, act): (F, A))
where
    F: Future<Output = Result<u32, Failure>> + 'static,
    A: FnOnce() -> K + 'static,
    K: 'static,
{
    let d = spawner.spawn(wait);
    assert_eq!(spawner.result_after(d, 1, act).unwrap(), 5);
}

/// Each is a test: what there is, what the coroutine does, which ends with 5, and what lets it go on
/// and returns what has to be kept until then.
macro_rules! wakes {
    ($($name:ident { let $pattern:pat = $setup:expr; wait $wait:block then $act:block })*) => {$(
        #[test]
        fn $name() {
            with_and_without_a_reactor(|spawner| {
                let $pattern = $setup;
                goes_on(spawner, (async move { Ok($wait) }, move || $act));
            });
        }
    )*};
}

/// A lock, and what keeps it locked.
fn locked<L, G>(lock: L, take: impl FnOnce(Arc<L>) -> G) -> (Arc<L>, G) {
    let lock = Arc::new(lock);
    (lock.clone(), take(lock))
}

wakes! {
    async_channel_wakes_a_receiver {
        let (sender, receiver) = async_channel::unbounded();
        wait { receiver.recv().await? } then { sender.try_send(5).unwrap() }
    }
    async_channel_wakes_a_receiver_when_it_is_closed {
        let (sender, receiver) = async_channel::unbounded::<u32>();
        wait { receiver.recv().await.unwrap_or(5) } then { drop(sender) }
    }
    async_channel_wakes_a_sender_that_waits_for_room {
        let (sender, receiver) = async_channel::bounded(1);
        wait { sender.send(1).await?; sender.send(2).await?; 5 }
        then { assert_eq!(receiver.try_recv(), Ok(1)); receiver }
    }
    async_lock_wakes_who_waits_for_a_mutex {
        let (mutex, guard) = locked(async_lock::Mutex::new(5), |mutex| mutex.try_lock_arc().unwrap());
        wait { *mutex.lock().await } then { drop(guard) }
    }
    async_lock_wakes_who_waits_to_read {
        let (lock, guard) = locked(async_lock::RwLock::new(5), |lock| lock.try_write_arc().unwrap());
        wait { *lock.read().await } then { drop(guard) }
    }
    async_lock_wakes_who_waits_for_a_permit {
        let (semaphore, permit) = locked(async_lock::Semaphore::new(1), |all| all.try_acquire_arc().unwrap());
        wait { semaphore.acquire().await; 5 } then { drop(permit) }
    }
    event_listener_wakes_who_listens {
        let (event, listened) = { let event = Rc::new(event_listener::Event::new()); (event.clone(), event) };
        wait { listened.listen().await; 5 } then { assert_eq!(event.notify(1), 1) }
    }
    flume_wakes_a_receiver {
        let (sender, receiver) = flume::unbounded();
        wait { receiver.recv_async().await? } then { sender.send(5).unwrap() }
    }
    flume_wakes_a_sender_that_waits_for_room {
        let (sender, receiver) = flume::bounded(1);
        wait { sender.send_async(1).await?; sender.send_async(2).await?; 5 }
        then { assert_eq!(receiver.recv(), Ok(1)); receiver }
    }
    futures_wakes_who_waits_for_a_mutex {
        let (mutex, guard) = locked(lock::Mutex::new(5), |mutex| mutex.try_lock_owned().unwrap());
        wait { *mutex.lock().await } then { drop(guard) }
    }
    futures_oneshot_wakes_its_receiver {
        let (sender, receiver) = oneshot::channel();
        wait { receiver.await? } then { sender.send(5).unwrap() }
    }
    futures_mpsc_wakes_its_receiver {
        let (sender, mut receiver) = mpsc::unbounded();
        wait { receiver.next().await.unwrap() } then { sender.unbounded_send(5).unwrap() }
    }
    futures_mpsc_wakes_a_sender_that_waits_for_room {
        let (mut sender, mut receiver) = mpsc::channel(0);
        wait { sender.send(1).await?; 5 } then { assert_eq!(receiver.try_recv(), Ok(1)); receiver }
    }
    futures_unordered_goes_on_when_all_have_woken_it {
        let (senders, receivers) = (0..5).map(|_| oneshot::channel::<u32>()).unzip::<_, _, Vec<_>, Vec<_>>();
        wait { receivers.into_iter().collect::<FuturesUnordered<_>>().count().await as u32 }
        then { senders.into_iter().for_each(|sender| sender.send(1).unwrap()) }
    }
    tokio_oneshot_wakes_its_receiver {
        let (sender, receiver) = sync::oneshot::channel();
        wait { receiver.await? } then { sender.send(5).unwrap() }
    }
    tokio_mpsc_wakes_its_receiver {
        let (sender, mut receiver) = sync::mpsc::unbounded_channel();
        wait { receiver.recv().await.unwrap() } then { sender.send(5).unwrap() }
    }
    tokio_mpsc_wakes_a_sender_that_waits_for_room {
        let (sender, mut receiver) = sync::mpsc::channel(1);
        wait { sender.send(1).await?; sender.send(2).await?; 5 }
        then { assert_eq!(receiver.try_recv(), Ok(1)); receiver }
    }
    tokio_watch_wakes_a_receiver {
        let (sender, mut receiver) = sync::watch::channel(1);
        wait { receiver.changed().await?; *receiver.borrow() } then { sender.send(5).unwrap(); sender }
    }
    tokio_broadcast_wakes_a_receiver {
        let (sender, mut receiver) = sync::broadcast::channel(1);
        wait { receiver.recv().await? } then { assert_eq!(sender.send(5).unwrap(), 1) }
    }
    tokio_notify_wakes_who_waits {
        let (notify, notified) = { let notify = Rc::new(sync::Notify::new()); (notify.clone(), notify) };
        wait { notified.notified().await; 5 } then { notify.notify_waiters() }
    }
    tokio_wakes_who_waits_for_a_mutex {
        let (mutex, guard) = locked(sync::Mutex::new(5), |mutex| mutex.try_lock_owned().unwrap());
        wait { *mutex.lock().await } then { drop(guard) }
    }
    tokio_wakes_who_waits_for_a_permit {
        let (semaphore, more) = locked(sync::Semaphore::new(0), |all| all);
        wait { semaphore.acquire().await?.forget(); 5 } then { more.add_permits(1) }
    }
}

#[test]
fn a_cell_may_be_borrowed_by_who_wakes() {
    with_and_without_a_reactor(|spawner| goes_on(spawner, woken_under_a_borrow()));
}

#[test]
fn a_shared_future_wakes_all_who_wait_for_it() {
    with_and_without_a_reactor(|spawner| {
        let (sender, receiver) = oneshot::channel::<u32>();
        let shared = receiver.shared();
        let both = gather_results(
            [shared.clone(), shared].map(|shared| spawner.spawn(async move { Ok(shared.await?) })),
        );
        let send = move || sender.send(5).unwrap();
        assert_eq!(spawner.result_after(both, 2, send).unwrap(), [5, 5]);
    });
}
