//! Staying on one processor: to be moved to another one in the middle of a round costs more than the round.

/// Keeps the calling thread on the processor that it is on, until it is dropped. Where the system cannot do this, it
/// does nothing.
pub struct Pin(#[cfg(target_os = "linux")] Option<libc::cpu_set_t>);

#[cfg(target_os = "linux")]
impl Pin {
    pub fn new() -> Self {
        // SAFETY: a set of processors is plain bits, for which zero is valid, and the calls write no further than its
        // size.
        unsafe {
            let mut before = std::mem::zeroed::<libc::cpu_set_t>();
            let size = size_of::<libc::cpu_set_t>();
            let Ok(here) = usize::try_from(libc::sched_getcpu()) else {
                return Pin(None);
            };
            if libc::sched_getaffinity(0, size, &raw mut before) != 0 {
                return Pin(None);
            }
            let mut only = std::mem::zeroed::<libc::cpu_set_t>();
            libc::CPU_SET(here, &mut only);
            let pinned = libc::sched_setaffinity(0, size, &raw const only) == 0;
            Pin(pinned.then_some(before))
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Pin {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // SAFETY: the call reads no further than the size of the set.
            unsafe { libc::sched_setaffinity(0, size_of_val(before), before) };
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Pin {
    pub fn new() -> Self {
        Pin()
    }
}
