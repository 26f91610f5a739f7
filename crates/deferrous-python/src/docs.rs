//! What `help()` shows of the classes and functions, as far as it is longer than a line.
//!
//! The signatures are in front, as the interpreter wants them. `python/deferrous/_core.pyi` has the same
//! texts for editors; a test compares them.

use std::ffi::CStr;

pub const DEFERRED: &CStr = cr#"Deferred(canceller=None)
--

A result that is not there yet, and the callbacks that wait for it.

Whoever has promised the result calls `callback` or `errback`, once. Callbacks and errbacks run in
the order in which they were added. Each gets what the one before it returned; what that one
raised goes to the next errback, as a Failure. A callback that returns a Deferred makes the
others wait for it.

    >>> from twisted.internet.defer import Deferred
    >>> d = Deferred()
    >>> chain = d.addCallback(int).addErrback(lambda failure: 0).addCallback(print)
    >>> d.callback("seven")
    0

Coroutines await it, and generators of `inlineCallbacks` yield it. If a failure is left when it is
destroyed, that is logged as an unhandled error.

It belongs to the thread that runs the reactor, and so do all who use it: nothing is locked. Other
threads use `reactor.callFromThread`. Name, methods and attributes are those of Twisted's Deferred.

Args:
    canceller: what `cancel` calls, with the Deferred. It may fire the Deferred; if it does not,
        the Deferred fails with CancelledError."#;

pub const ADD_CALLBACK: &CStr = c"addCallback($self, callback, *args, **kwargs)
--

Add a callback.

Args:
    callback: called with the result, and the arguments given here. A failure passes it by.
        What it returns is the next result; what it raises, or a Failure, goes to the errbacks.

Returns:
    the Deferred itself.";

pub const ADD_ERRBACK: &CStr = c"addErrback($self, errback, *args, **kwargs)
--

Add an errback.

Args:
    errback: called with the Failure, and the arguments given here. A result that is no failure
        passes it by. What it returns is the next result; what it raises, or a Failure, goes to
        the errbacks after it.

Returns:
    the Deferred itself.";

pub const ADD_BOTH: &CStr = c"addBoth($self, callback, *args, **kwargs)
--

Add a callable that is both callback and errback.

Args:
    callback: called with the result or the Failure, and the arguments given here.

Returns:
    the Deferred itself.";

pub const ADD_CALLBACKS: &CStr = cr#"addCallbacks($self, callback, errback=None, callbackArgs=(), callbackKeywords={}, errbackArgs=(), errbackKeywords={})
--

Add a callback and an errback, one of which is called.

Unlike with `addCallback` followed by `addErrback`, the errback does not see what the callback
raises.

    >>> from twisted.internet.defer import fail
    >>> d = fail(KeyError("name"))
    >>> d.addCallbacks(print, lambda failure, text: print(text, failure.value), errbackArgs=["no"])
    no 'name'
    <Deferred at 0x... current result: None>

Args:
    callback: called with a result that is no failure.
    errback: called with a Failure; None to let it pass by.
    callbackArgs: further positional arguments for the callback.
    callbackKeywords: keyword arguments for the callback.
    errbackArgs: further positional arguments for the errback.
    errbackKeywords: keyword arguments for the errback.

Returns:
    the Deferred itself."#;

pub const CALLBACK: &CStr = c"callback($self, result)
--

Fire the Deferred with a result, and run its callbacks.

Args:
    result: what the first callback gets; or a Failure, for the first errback.

Raises:
    AlreadyCalledError: it was fired before. That changes nothing.";

pub const ERRBACK: &CStr = c"errback($self, fail=None)
--

Fire the Deferred with a failure, and run its errbacks.

Args:
    fail: a Failure, or an exception; None for the exception that is being handled.

Raises:
    AlreadyCalledError: it was fired before. That changes nothing.
    NoCurrentExceptionError: there is no argument, and no exception is being handled.";

pub const CANCEL: &CStr = c"cancel($self)
--

Give up what the Deferred stands for.

Before it is fired, the canceller is called; if that does not fire it, it fails with
CancelledError. Without a canceller, the one firing that follows is ignored. While it waits for
another Deferred, that one is cancelled. After that, nothing happens.

Raises:
    whatever the canceller raises.";

pub const CHAIN_DEFERRED: &CStr = c"chainDeferred($self, d)
--

Fire another Deferred with the result of this one, which is left with None.

Args:
    d: the other one. Firing or cancelling it does nothing to this one.

Returns:
    the Deferred itself.";

pub const FROM_COROUTINE: &CStr = c"fromCoroutine($type, coro)
--

Run a coroutine that awaits Deferreds, until it first waits.

Args:
    coro: the coroutine, or a generator that yields Deferreds.

Returns:
    a Deferred of what the coroutine returns or raises. Cancelling it cancels what the coroutine
    waits for.

Raises:
    NotACoroutineError: it is something else.";

pub const DEFERRED_LIST: &CStr = cr#"DeferredList(deferredList, fireOnOneCallback=False, fireOnOneErrback=False, consumeErrors=False)
--

A Deferred of the results of several.

    >>> from twisted.internet.defer import DeferredList, fail, succeed
    >>> both = [succeed("a"), fail(KeyError("b"))]
    >>> for success, result in DeferredList(both, consumeErrors=True).result:
    ...     print(success, result if success else result.value)
    True a
    False 'b'

Its result is a list of (success, result), one for each Deferred, when all have fired. The Deferreds
keep their own results, and go on with callbacks that are added to them later.

It belongs to the thread that runs the reactor, as every Deferred. Twisted has it by the same name.

Args:
    deferredList: the Deferreds.
    fireOnOneCallback: fire with (result, index) as soon as one of them has a result.
    fireOnOneErrback: fail with FirstError as soon as one of them fails.
    consumeErrors: leave the Deferreds that fail with None, so that nobody else has to handle that."#;

pub const DEFERRED_LIST_CANCEL: &CStr = c"cancel($self)
--

Cancel every Deferred of the list, unless the list has fired.

What a canceller raises is logged.";

pub const SUCCEED: &CStr = c"succeed(result)
--

Make a Deferred that has been fired.

Args:
    result: its result.

Returns:
    the Deferred, for the thread that runs the reactor.";

pub const FAIL: &CStr = c"fail(result=None)
--

Make a Deferred that has failed.

Args:
    result: a Failure, or an exception; None for the exception that is being handled.

Returns:
    the Deferred, for the thread that runs the reactor.

Raises:
    NoCurrentExceptionError: there is no argument, and no exception is being handled.";

pub const EXECUTE: &CStr = c"execute(callable, /, *args, **kwargs)
--

Call something in this thread, and make a Deferred of what comes of it.

Args:
    callable: called with the other arguments.

Returns:
    a Deferred that has been fired with what was returned, or has failed with what was raised.";

pub const MAYBE_DEFERRED: &CStr = c"maybeDeferred(f, /, *args, **kwargs)
--

Call something in this thread, and return a Deferred, whatever comes of it.

Args:
    f: called with the other arguments.

Returns:
    the Deferred that was returned; or a Deferred of the coroutine, the Failure or the value that
    was; or one that has failed with what was raised.";

pub const ENSURE_DEFERRED: &CStr = c"ensureDeferred(coro)
--

Run a coroutine that awaits Deferreds, until it first waits.

    >>> from twisted.internet.defer import Deferred, ensureDeferred
    >>> async def increment(d):
    ...     return await d + 1
    >>> d = Deferred()
    >>> done = ensureDeferred(increment(d)).addCallback(print)
    >>> d.callback(41)
    42

Args:
    coro: the coroutine, or a generator that yields Deferreds. A Deferred is returned as it is.

Returns:
    a Deferred of what the coroutine returns or raises. Cancelling it cancels what the coroutine waits
    for. The coroutine goes on in the thread that fires that: the one that runs the reactor.

Raises:
    NotACoroutineError: it is something else.";

pub const GATHER_RESULTS: &CStr = c"gatherResults(deferredList, consumeErrors=False)
--

Make a Deferred of the list of the results of several.

Args:
    deferredList: the Deferreds.
    consumeErrors: leave those that fail with None, so that nobody else has to handle that.

Returns:
    a Deferred, for the thread that runs the reactor. It fails with FirstError as soon as one of them
    fails. Cancelling it cancels them all.";
