use deferrous::{CancelHandle, Deferred, PauseGuard, Trigger};

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}

fn main() {
    is_send::<Deferred<u8>>();
    is_sync::<Deferred<u8>>();
    is_send::<Trigger<u8>>();
    is_sync::<Trigger<u8>>();
    is_send::<CancelHandle>();
    is_sync::<CancelHandle>();
    is_send::<PauseGuard>();
    is_sync::<PauseGuard>();
}
