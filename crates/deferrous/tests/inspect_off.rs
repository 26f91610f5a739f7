//! Without the feature `inspect` nothing is remembered.
#![cfg(not(feature = "inspect"))]

use deferrous::{Deferred, DeferredLock, LockPermit, SemaphorePermit, Trigger};

#[test]
fn handles_have_the_size_that_they_need() {
    const WORD: usize = size_of::<usize>();
    assert_eq!(size_of::<Deferred<u8>>(), WORD);
    assert_eq!(size_of::<Trigger<u8>>(), WORD);
    assert_eq!(size_of::<DeferredLock>(), WORD);
    assert_eq!(size_of::<LockPermit>(), WORD);
    assert_eq!(size_of::<SemaphorePermit>(), WORD);
}
