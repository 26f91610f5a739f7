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

pub const GET_DELAYED_CALLS: &CStr = c"getDelayedCalls($self, /)
--

The delayed calls that are still to be made, as a list in no order.";

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

pub const DELAYED_CALL: &CStr = c"A call that waits for its time; what `reactor.callLater` returns.

Times are floats, in seconds. It belongs to the thread that runs the reactor. Name, methods and attributes
are those of Twisted's DelayedCall, but for `canceller` and `resetter`, and `isinstance` takes it for one.";

pub const CANCEL: &CStr = c"cancel($self, /)
--

Keep the call from being made.

Raises:
    AlreadyCalled: it has been made.
    AlreadyCancelled: it was cancelled before.";

pub const RESET: &CStr = c"reset($self, secondsFromNow)
--

Have the call made after as many seconds from now, instead of when it would have been.

Raises:
    AlreadyCalled: it has been made.
    AlreadyCancelled: it was cancelled.";

pub const DELAY: &CStr = c"delay($self, secondsLater)
--

Have the call made as many seconds later than it would have been; earlier, if they are negative.

Raises:
    AlreadyCalled: it has been made.
    AlreadyCancelled: it was cancelled.";
