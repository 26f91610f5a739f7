//! What `help()` shows of the reactor's methods, as far as it is longer than a line.

use std::ffi::CStr;

pub const CALL_LATER: &CStr = c"callLater($self, delay, callable, /, *args, **kw)
--

Call a function later.

Args:
    delay: after how many seconds, at least 0.
    callable: the function.
    args, kw: what it is called with. An error that it raises is logged, and the reactor goes on.

Returns:
    the DelayedCall, by which the call can be cancelled, reset or delayed.

Raises:
    AssertionError: the delay is negative.

Only the thread that runs the reactor may call it; others use `callFromThread`.";

pub const CALL_FROM_THREAD: &CStr = c"callFromThread($self, f, /, *args, **kwargs)
--

Have a function called on the reactor's thread, soon.

Any thread may call it, also one that Python did not start, and the reactor's own. The calls of one
thread are made in order. A burst of them wakes the reactor once.

Args:
    f: the function.
    args, kwargs: what it is called with. An error that it raises is logged, and the reactor goes on.

Raises:
    AssertionError: f is not callable.";
