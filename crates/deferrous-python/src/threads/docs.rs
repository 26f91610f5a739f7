//! What `help()` shows of the functions and methods that have to do with threads.

use std::ffi::CStr;

pub const DEFER_TO_THREAD: &CStr = c"deferToThread(f, /, *args, **kwargs)
--

Call a function in a thread of the reactor's pool.

Args:
    f: the function. It may block.
    args, kwargs: what it is called with.

Returns:
    a Deferred of what it returns or raises, for the thread that runs the reactor. Cancelling it lets go
    of the result; the function goes on.

Only the thread that runs the reactor may call it.";

pub const DEFER_TO_THREAD_POOL: &CStr = c"deferToThreadPool(reactor, threadpool, f, /, *args, **kwargs)
--

Call a function in a thread of a pool.

Args:
    reactor: the reactor on whose thread the Deferred fires.
    threadpool: the pool: a ThreadPool, an ExecutorPool, or whatever has `callInThreadWithCallback`.
    f: the function. It may block.
    args, kwargs: what it is called with.

Returns:
    a Deferred of what it returns or raises. Cancelling it lets go of the result; the function goes on,
    unless the pool says otherwise.

Only the thread that runs the reactor may call it.";

pub const CALL_IN_THREAD: &CStr = c"callInThread($self, func, /, *args, **kw)
--

Call a function in a thread of the pool. Errors are logged.

Args:
    func: the function, which is called in the context (`twisted.python.context`) of the caller.
    args, kw: what it is called with.";

pub const CALL_IN_THREAD_WITH_CALLBACK: &CStr =
    c"callInThreadWithCallback($self, onResult, func, /, *args, **kw)
--

Call a function in a thread of the pool, and another with what comes of it.

Args:
    onResult: called in the same thread with True and the result, or with False and the Failure. None to
        have errors logged.
    func: the function, which is called in the context (`twisted.python.context`) of the caller.
    args, kw: what it is called with.";
