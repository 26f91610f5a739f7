# The types of the extension module. Its docstrings are written here by `python -m tests.types.docstrings`.
#
# A callback may return a value, a Deferred of one, or a Failure. What is not a plain value needs an overload
# of its own, before the others: type checkers take a Deferred for a value otherwise.

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping
from contextvars import Context
from types import CodeType, GenericAlias, TracebackType
from typing import (
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeAlias,
    final,
    overload,
    type_check_only,
)

from _typeshed import FileDescriptorLike
from twisted.internet.defer import DebugInfo
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from typing_extensions import Never, Self, TypeVar, disjoint_base

__version__: str
failure_methods: dict[str, Any]
_DEFERRED_SUBCLASSES: list[type[Deferred[Any]]]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_V = TypeVar("_V")
# What a callback that never returns a value makes of it.
_Next = TypeVar("_Next", default=Never)
_Other = TypeVar("_Other", default=Never)

_Positional: TypeAlias = tuple[Any, ...]
_Keywords: TypeAlias = Mapping[str, Any]
_Call: TypeAlias = tuple[Any, _Positional, _Keywords]
_Running: TypeAlias = Coroutine[Deferred[Any], Any, _T] | Generator[Deferred[Any], Any, _T]

@type_check_only
class _DelayedCall(Protocol):
    def active(self) -> bool: ...
    def cancel(self) -> object: ...

# Without a plugin, type checkers do not know which classes provide an interface of zope's.
@type_check_only
class _Clock(Protocol):
    def callLater(
        self, delay: float, callable: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> _DelayedCall: ...

@disjoint_base
class Deferred(Awaitable[_T]):
    """A result that is not there yet, and the callbacks that wait for it.

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
            the Deferred fails with CancelledError.
    """

    debug: bool
    called: bool
    """Whether the Deferred was fired or cancelled."""
    paused: int
    """How often the Deferred was paused and not unpaused; waiting counts as once."""
    result: Any
    """The result as it stands; absent until the Deferred is fired."""
    _callbacks: list[tuple[_Call, _Call]]
    """The callbacks that have not run yet, as pairs of (callable, args, kwargs)."""
    _canceller: Callable[[Deferred[Any]], object] | None
    """What cancel() calls."""
    _chainedTo: Deferred[Any] | None
    """The Deferred that this one waits for."""
    _debugInfo: DebugInfo | None
    """Who made and fired the Deferred, and a failure that nobody has handled."""
    _runningCallbacks: bool
    """Whether a callback is running."""
    _suppressAlreadyCalled: bool
    """Whether the next firing is ignored, since the Deferred was cancelled."""

    def __init__(self, canceller: Callable[[Deferred[Any]], object] | None = None) -> None: ...
    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Note a new class of Deferreds. Keywords are ignored."""

    def __class_getitem__(cls, item: Any, /) -> GenericAlias:
        """The class with the type of its result, for annotations."""

    def __await__(self) -> Generator[Deferred[_T], None, _T]: ...
    def __iter__(self) -> Generator[Deferred[_T], None, _T]: ...
    def __getstate__(self) -> dict[str, Any]:
        """The attributes, as a dict."""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Set attributes from a dict."""

    @property
    def callbacks(self) -> list[tuple[_Call, _Call]]: ...
    @overload
    def addCallback(
        self,
        callback: Callable[Concatenate[_T, _P], Deferred[_Next] | Failure],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_Next]:
        """Add a callback.

        Args:
            callback: called with the result, and the arguments given here. A failure passes it by.
                What it returns is the next result; what it raises, or a Failure, goes to the errbacks.

        Returns:
            the Deferred itself.
        """

    @overload
    def addCallback(
        self,
        callback: Callable[Concatenate[_T, _P], _Next | Deferred[_Next] | Failure],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_Next]: ...
    @overload
    def addErrback(
        self,
        errback: Callable[Concatenate[Failure, _P], Deferred[_Next] | Failure],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_T | _Next]:
        """Add an errback.

        Args:
            errback: called with the Failure, and the arguments given here. A result that is no failure
                passes it by. What it returns is the next result; what it raises, or a Failure, goes to
                the errbacks after it.

        Returns:
            the Deferred itself.
        """

    @overload
    def addErrback(
        self,
        errback: Callable[Concatenate[Failure, _P], _Next | Deferred[_Next] | Failure],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_T | _Next]: ...
    @overload
    def addBoth(
        self,
        callback: Callable[Concatenate[_T | Failure, _P], Deferred[_Next] | Failure],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_Next]:
        """Add a callable that is both callback and errback.

        Args:
            callback: called with the result or the Failure, and the arguments given here.

        Returns:
            the Deferred itself.
        """

    @overload
    def addBoth(
        self,
        callback: Callable[Concatenate[_T | Failure, _P], _Next | Deferred[_Next] | Failure],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_Next]: ...
    @overload
    def addBoth(
        self, callback: Callable[Concatenate[_V, _P], _V], *args: _P.args, **kwargs: _P.kwargs
    ) -> Deferred[_T]: ...
    @overload
    def addCallbacks(
        self,
        callback: Callable[..., Deferred[_Next] | Failure],
        errback: Callable[..., Deferred[_Other] | Failure] | None = None,
        callbackArgs: _Positional | None = (),
        callbackKeywords: _Keywords | None = {},
        errbackArgs: _Positional | None = (),
        errbackKeywords: _Keywords | None = {},
    ) -> Deferred[_Next | _Other]:
        """Add a callback and an errback, one of which is called.

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
            the Deferred itself.
        """

    @overload
    def addCallbacks(
        self,
        callback: Callable[..., Deferred[_Next] | Failure],
        errback: Callable[..., _Other | Deferred[_Other] | Failure] | None = None,
        callbackArgs: _Positional | None = (),
        callbackKeywords: _Keywords | None = {},
        errbackArgs: _Positional | None = (),
        errbackKeywords: _Keywords | None = {},
    ) -> Deferred[_Next | _Other]: ...
    @overload
    def addCallbacks(
        self,
        callback: Callable[..., _Next | Deferred[_Next] | Failure],
        errback: Callable[..., Deferred[_Other] | Failure] | None = None,
        callbackArgs: _Positional | None = (),
        callbackKeywords: _Keywords | None = {},
        errbackArgs: _Positional | None = (),
        errbackKeywords: _Keywords | None = {},
    ) -> Deferred[_Next | _Other]: ...
    @overload
    def addCallbacks(
        self,
        callback: Callable[..., _Next | Deferred[_Next] | Failure],
        errback: Callable[..., _Other | Deferred[_Other] | Failure] | None = None,
        callbackArgs: _Positional | None = (),
        callbackKeywords: _Keywords | None = {},
        errbackArgs: _Positional | None = (),
        errbackKeywords: _Keywords | None = {},
    ) -> Deferred[_Next | _Other]: ...
    def addTimeout(
        self,
        timeout: float,
        clock: IReactorTime | _Clock,
        onTimeoutCancel: Callable[[_T | Failure, float], _Next | Failure] | None = None,
    ) -> Deferred[_T | _Next]: ...
    def callback(self, result: _T | Failure) -> None: ...
    def errback(self, fail: Failure | BaseException | None = None) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def cancel(self) -> None: ...
    def chainDeferred(self, d: Deferred[_T]) -> Deferred[None]: ...
    @classmethod
    def fromCoroutine(cls, coro: _Running[_V]) -> Deferred[_V]:
        """Run a coroutine that awaits Deferreds, until it first waits.

        Args:
            coro: the coroutine, or a generator that yields Deferreds.

        Returns:
            a Deferred of what the coroutine returns or raises. Cancelling it cancels what the coroutine
            waits for.

        Raises:
            NotACoroutineError: it is something else.
        """

    @classmethod
    def fromFuture(cls, future: Future[_V]) -> Deferred[_V]: ...
    def asFuture(self, loop: AbstractEventLoop) -> Future[_T]: ...
    def _startRunCallbacks(self, result: Any) -> None:
        """What callback and errback end in."""

    def _runCallbacks(self) -> None:
        """Run the callbacks that may run."""

    def _continuation(self) -> tuple[_Call, _Call]:
        """The entry that a Deferred which is waited for keeps."""

# Its result depends on an argument, so the class is generic in the result.
@disjoint_base
class DeferredList(Deferred[_T]):
    """A Deferred of the results of several.

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
        consumeErrors: leave the Deferreds that fail with None, so that nobody else has to handle that.
    """

    _deferredList: list[Deferred[Any]]
    """The Deferreds."""
    resultList: list[tuple[bool, Any] | None]
    """The results so far: None, or (success, result)."""
    fireOnOneCallback: bool
    """Whether the first result fires the list."""
    fireOnOneErrback: bool
    """Whether the first failure fires the list."""
    consumeErrors: bool
    """Whether the Deferreds are left without their failures."""
    finishedCount: int
    """How many Deferreds have fired."""

    @overload
    def __init__(
        self: DeferredList[tuple[_V, int]],
        deferredList: Iterable[Deferred[_V]],
        fireOnOneCallback: Literal[True],
        fireOnOneErrback: bool = False,
        consumeErrors: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: DeferredList[list[tuple[bool, _V]]],
        deferredList: Iterable[Deferred[_V]],
        fireOnOneCallback: Literal[False] = False,
        fireOnOneErrback: bool = False,
        consumeErrors: bool = False,
    ) -> None: ...
    @overload
    def __init__(
        self: DeferredList[Any],
        deferredList: Iterable[Deferred[Any]],
        fireOnOneCallback: bool,
        fireOnOneErrback: bool = False,
        consumeErrors: bool = False,
    ) -> None: ...
    def cancel(self) -> None:
        """Cancel every Deferred of the list, unless the list has fired.

        What a canceller raises is logged.
        """

    def _cbDeferred(self, result: _V, index: int, succeeded: bool) -> _V | None:
        """One of the Deferreds has fired."""

def succeed(result: _T) -> Deferred[_T]:
    """Make a Deferred that has been fired.

    Args:
        result: its result.

    Returns:
        the Deferred, for the thread that runs the reactor.
    """

def fail(result: Failure | BaseException | None = None) -> Deferred[Any]:
    """Make a Deferred that has failed.

    Args:
        result: a Failure, or an exception; None for the exception that is being handled.

    Returns:
        the Deferred, for the thread that runs the reactor.

    Raises:
        NoCurrentExceptionError: there is no argument, and no exception is being handled.
    """

def execute(callable: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
    """Call something in this thread, and make a Deferred of what comes of it.

    Args:
        callable: called with the other arguments.

    Returns:
        a Deferred that has been fired with what was returned, or has failed with what was raised.
    """

@overload
def maybeDeferred(
    f: Callable[_P, Deferred[_T] | Coroutine[Deferred[Any], Any, _T] | Failure],
    /,
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> Deferred[_T]:
    """Call something in this thread, and return a Deferred, whatever comes of it.

    Args:
        f: called with the other arguments.

    Returns:
        the Deferred that was returned; or a Deferred of the coroutine, the Failure or the value that
        was; or one that has failed with what was raised.
    """

@overload
def maybeDeferred(
    f: Callable[_P, _T | Deferred[_T] | Coroutine[Deferred[Any], Any, _T] | Failure],
    /,
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> Deferred[_T]: ...
def ensureDeferred(coro: _Running[_T] | Deferred[_T]) -> Deferred[_T]:
    """Run a coroutine that awaits Deferreds, until it first waits.

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
        NotACoroutineError: it is something else.
    """

def gatherResults(deferredList: Iterable[Deferred[_T]], consumeErrors: bool = False) -> Deferred[list[_T]]:
    """Make a Deferred of the list of the results of several.

    Args:
        deferredList: the Deferreds.
        consumeErrors: leave those that fail with None, so that nobody else has to handle that.

    Returns:
        a Deferred, for the thread that runs the reactor. It fails with FirstError as soon as one of them
        fails. Cancelling it cancels them all.
    """

def race(ds: Iterable[Deferred[_T]]) -> Deferred[tuple[int, _T]]:
    """Make a Deferred of the first result of several; the others are cancelled.

    Args:
        ds: the Deferreds.

    Returns:
        a Deferred of (index, result), for the thread that runs the reactor. It fails with FailureGroup if
        they all fail. Cancelling it cancels them all.
    """

def _parseDeferredListResult(
    resultList: list[tuple[bool, _T]], fireOnOneErrback: bool = False, /
) -> list[_T]:
    """The results of a DeferredList without the flags."""

def _cancellableInlineCallbacks(gen: _Running[_T]) -> Deferred[_T]:
    """Run a generator over Deferreds; returns a Deferred of its result."""

def _start(gen: _Running[_T]) -> Deferred[_T]:
    """What `inlineCallbacks` calls: `_cancellableInlineCallbacks`, or what a program has put in its place."""

def _warn_target(callable: _V) -> _V:
    """Twisted's function in the place of one of ours, which has no lines that a warning could name."""

def _watch(
    functions: dict[str, Any],
    globals: dict[str, Any],
    names: list[tuple[dict[str, Any] | type, str, tuple[Any, ...]]],
) -> None:
    """Begin to notice when a name is replaced.

    Args:
        functions: Twisted's own, by name, those of classes as in `Deferred.callback`.
        globals: what these find by which name.
        names: for each the dict or the class that has it, the name, and what may be there.
    """

@type_check_only
@disjoint_base
class _Primitive:
    """The base of locks and semaphores."""

    waiting: list[Deferred[Self]]
    """The Deferreds of those who wait for their turn."""

    @overload
    def run(
        self,
        f: Callable[_P, Deferred[_T] | Coroutine[Deferred[Any], Any, _T] | Failure],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_T]:
        """Wait for the turn, call something, and give the turn on when the result is there.

        Args:
            f: called with the other arguments. It may return a Deferred or a coroutine.

        Returns:
            a Deferred of its result.
        """

    @overload
    def run(
        self,
        f: Callable[_P, _T | Deferred[_T] | Coroutine[Deferred[Any], Any, _T] | Failure],
        /,
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> Deferred[_T]: ...
    def __aenter__(self) -> Deferred[Self]:
        """Wait for the turn."""

    def __aexit__(
        self,
        _exc_type: type[BaseException] | None,
        _exc_value: BaseException | None,
        _traceback: TracebackType | None,
        /,
    ) -> Deferred[Literal[False]]:
        """Give the turn on. An exception is not held back."""

    def _releaseAndReturn(self, r: _V) -> _V:
        """Give the turn on, and return the argument."""

@disjoint_base
class DeferredLock(_Primitive):
    """A lock for programs that wait by Deferreds.

        >>> from twisted.internet.defer import Deferred, DeferredLock
        >>> lock, first = DeferredLock(), Deferred()
        >>> done = lock.run(lambda: first), lock.run(print, "my turn")
        >>> first.callback(None)
        my turn

    In a coroutine, `async with lock:` takes it. It belongs to the thread that runs the reactor: it is a
    lock between Deferreds, and not between threads. Twisted has it by the same name.
    """

    locked: bool
    """Whether somebody has the lock."""

    def __init__(self) -> None: ...
    def acquire(self) -> Deferred[Self]:
        """Wait for the lock: a Deferred that fires with it. Cancelling that gives the place up."""

    def release(self) -> None:
        """Give the lock to the one that has waited longest.

        Raises:
            AssertionError: nobody has the lock.
        """

    def _cancelAcquire(self, d: Deferred[Self]) -> None:
        """One that waits was cancelled."""

@disjoint_base
class DeferredSemaphore(_Primitive):
    """A number of tokens for programs that wait by Deferreds.

    It is used as a DeferredLock is, and belongs to the thread that runs the reactor. Twisted has it by the
    same name.

    Args:
        tokens: how many may have one at a time.

    Raises:
        ValueError: that is less than one.
    """

    limit: int
    """How many may have a token."""
    tokens: int
    """How many tokens are left."""

    def __init__(self, tokens: int) -> None: ...
    def acquire(self) -> Deferred[Self]:
        """Wait for a token: a Deferred that fires with the semaphore. Cancelling that gives the place up."""

    def release(self) -> None:
        """Give a token to the one that has waited longest, or back.

        Raises:
            AssertionError: all tokens are back.
        """

    def _cancelAcquire(self, d: Deferred[Self]) -> None:
        """One that waits was cancelled."""

@disjoint_base
class DeferredQueue(Generic[_T]):
    """A queue for programs that wait by Deferreds.

        >>> from twisted.internet.defer import DeferredQueue
        >>> queue = DeferredQueue()
        >>> waits = queue.get().addCallback(print)
        >>> queue.put("an object")
        an object

    It belongs to the thread that runs the reactor. Twisted has it by the same name.

    Args:
        size: how many objects it keeps; None for any number.
        backlog: how many may wait for one; None for any number.
    """

    waiting: list[Deferred[_T]]
    """The Deferreds of those who wait for an object."""
    pending: list[_T]
    """The objects that nobody has taken yet."""
    size: int | None
    """How many objects there may be; None for any number."""
    backlog: int | None
    """How many may wait; None for any number."""

    def __init__(self, size: int | None = None, backlog: int | None = None) -> None: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias:
        """The class with the type of its objects, for annotations."""

    def put(self, obj: _T) -> None:
        """Give an object to the one that has waited longest, or keep it.

        Raises:
            QueueOverflow: nobody waits, and `size` objects are kept already.
        """

    def get(self) -> Deferred[_T]:
        """Wait for an object: a Deferred that fires with it. Cancelling that gives the place up.

        Raises:
            QueueUnderflow: there is no object, and `backlog` others wait already.
        """

    def _cancelGet(self, d: Deferred[_T]) -> None:
        """One that waits was cancelled."""

@final
class DelayedCall:
    """A call that waits for its time; what `reactor.callLater` returns.

    Times are floats, in seconds. It belongs to the thread that runs the reactor. Name, methods and attributes
    are those of Twisted's DelayedCall, but for `canceller` and `resetter`, and `isinstance` takes it for one.
    """

    @property
    def debug(self) -> bool:
        """Whether calls note who sets them: that of Twisted's class, where it is set."""

    time: float
    """When it is due, in seconds since the epoch, unless it was put off."""
    delayed_time: float
    """By how many seconds it was put off."""
    called: int
    """1 if it was made, otherwise 0."""
    cancelled: int
    """1 if it was cancelled, otherwise 0."""
    func: Callable[..., object]
    """What it calls; gone when it was cancelled."""
    args: tuple[object, ...]
    """The arguments, a tuple; gone when it was cancelled."""
    kw: dict[str, object]
    """The keyword arguments, a dict; gone when it was cancelled."""
    seconds: Callable[[], float]
    """What tells it the time."""
    # The stack of whoever set it, in debug mode.
    creator: list[str] | None
    # What it looked like when it was cancelled, in debug mode.
    _repr: str | None

    def getTime(self, /) -> float:
        """When the call is to be made, in seconds since the epoch."""

    def cancel(self, /) -> None:
        """Keep the call from being made.

        Raises:
            AlreadyCalled: it has been made.
            AlreadyCancelled: it was cancelled before.
        """

    def reset(self, secondsFromNow: float) -> None:
        """Have the call made after as many seconds from now, instead of when it would have been.

        Raises:
            AlreadyCalled: it has been made.
            AlreadyCancelled: it was cancelled.
        """

    def delay(self, secondsLater: float) -> None:
        """Have the call made as many seconds later than it would have been; earlier, if they are negative.

        Raises:
            AlreadyCalled: it has been made.
            AlreadyCancelled: it was cancelled.
        """

    def activate_delay(self, /) -> None:
        """Add what the call was put off by to its time."""

    def active(self, /) -> bool:
        """Whether the call is still to be made."""

    def __lt__(self, other: DelayedCall, /) -> bool: ...
    def __le__(self, other: DelayedCall, /) -> bool: ...
    def __gt__(self, other: DelayedCall, /) -> bool: ...
    def __ge__(self, other: DelayedCall, /) -> bool: ...

@final
class EventLoop:
    """What the loop of a reactor is made of.

    It has the methods of `select.epoll`, which `reactor._poller` has in Twisted.
    """

    poller: Any

    def wake(self, /) -> None:
        """Have the reactor return from its wait. Any thread may call it."""

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        """Wait for events for up to timeout seconds, and return a list of (fd, event mask).

        It returns earlier for a call from a thread. Only the reactor's thread may call it.
        """

    def register(self, fd: FileDescriptorLike, eventmask: int = 7) -> None:
        """Wait for events of a descriptor."""

    def modify(self, fd: FileDescriptorLike, eventmask: int) -> None:
        """Wait for other events of a descriptor that is registered."""

    def unregister(self, fd: FileDescriptorLike) -> None:
        """Wait for no events of a descriptor any more."""

    def fileno(self, /) -> int:
        """The descriptor that the reactor waits with."""

    def polled(self, /) -> list[tuple[int, Any, bool, bool]]:
        """The descriptors that the system polls: (fd, selectable, whether it reads, whether it writes)."""

    def pending(self, queue: str) -> list[Any]:
        """What waits in one of the queues of Twisted's reactors, as a list.

        The queues are threadCallQueue, _newTimedCalls and _pendingTimedCalls.
        """

    def splice(self, queue: str, start: int, stop: int, entries: Iterable[Any]) -> list[Any]:
        """Put entries in the place of those of a queue from start to stop.

        Returns those that were there, as a list.
        """

    def sizes(self, /) -> tuple[int, int, int, int]:
        """How many there are: delayed calls, those cancelled since they were set included; readers; writers;
        and calls from threads.

        Any thread may call it.
        """

def count_times(on: bool, /, *, stalls: bool = False) -> None:
    """Count how long turns, waits and jobs take, or no longer.

    Args:
        on: whether to count. Earlier counts stay.
        stalls: whether it is the watchdog of stalls that asks, and not the metrics. Times are counted while
            one of them wants that.

    Any thread may call it.
    """

def counted_times() -> dict[str, Any]:
    """The times that were counted, in seconds.

    Returns:
        a dict. `turns`, `lag`, `queued` and `jobs` are pairs: how many were in each bucket, as a tuple, and
        the sum; `bounds` has the upper bounds of the buckets, of which the last has none. `idle` is for how
        long the loop has waited, `turn` the number of the last turn, and `began` when that began, by
        `time.monotonic()`, or None if it has ended.

    Any thread may call it.
    """

def keep_records(make_debug_info: Callable[..., DebugInfo] | None, /) -> None:
    """Keep a record of each Deferred and delayed call that is made from now on, or no longer.

    Args:
        make_debug_info: what makes the DebugInfo of a Deferred that ends with a failure, and has a record:
            it is called with what `record` returns. None keeps no records; those that are there stay.

    Any thread may call it.
    """

def record(thing: object, /) -> tuple[float, CodeType, int, CodeType | str | type | None] | None:
    """The record of a Deferred or a delayed call.

    Returns:
        a tuple, or None if there is no record: the time, in seconds by `time.monotonic()`; the code object
        that has made it; the instruction, as an index of bytes of that; and what was called last, if that has
        failed, or None: a code object, the name of a built-in function, or another callable's class.

    Any thread may call it.
    """

def count_unfired(objects: list[Any], /) -> int:
    """How many of the objects are Deferreds that have not fired.

    Args:
        objects: a list of any objects. None of their code is run.

    Any thread may call it.
    """

def after_fork() -> None:
    """Give up what this process shares with the one that it was forked off from."""

@final
class Handle:
    """A callback that is to be called; what `loop.call_soon` returns.

    It passes for an `asyncio.Handle`.
    """

    def cancel(self, /) -> None:
        """Have the callback not called. It does nothing if it has been called already."""

    def cancelled(self, /) -> bool:
        """Whether it was cancelled."""

    def get_context(self, /) -> Context | None:
        """The `contextvars.Context` that the callback is called in."""

    def _run(self, /) -> None: ...
    @property
    def _callback(self) -> Callable[..., object] | None: ...
    @property
    def _args(self) -> tuple[object, ...] | None: ...
    @property
    def _context(self) -> Context | None: ...
    @property
    def _loop(self) -> LoopCore | None: ...
    @property
    def _cancelled(self) -> bool: ...
    @property
    def _source_traceback(self) -> Any: ...
    @property
    def _repr(self) -> str | None: ...

@final
class TimerHandle:
    """A callback that is to be called at a time; what `loop.call_later` and `loop.call_at` return.

    It passes for an `asyncio.TimerHandle`.
    """

    def cancel(self, /) -> None:
        """Have the callback not called. It does nothing if it has been called already."""

    def cancelled(self, /) -> bool:
        """Whether it was cancelled."""

    def when(self, /) -> float:
        """When the callback is to be called, in seconds by `loop.time()`."""

    def get_context(self, /) -> Context | None:
        """The `contextvars.Context` that the callback is called in."""

    def _run(self, /) -> None: ...
    @property
    def _when(self) -> float: ...
    @property
    def _scheduled(self) -> bool: ...
    @property
    def _callback(self) -> Callable[..., object] | None: ...
    @property
    def _args(self) -> tuple[object, ...] | None: ...
    @property
    def _context(self) -> Context | None: ...
    @property
    def _loop(self) -> LoopCore | None: ...
    @property
    def _cancelled(self) -> bool: ...
    @property
    def _source_traceback(self) -> Any: ...
    @property
    def _repr(self) -> str | None: ...

@final
class ReadyQueue:
    """The handles that a loop is going to run, first in, first out: `loop._ready`.

    It has those methods of `collections.deque` that programs use on it.
    """

    def append(self, handle: Any) -> None:
        """Add a handle to the end."""

    def appendleft(self, handle: Any) -> None:
        """Add a handle before all others."""

    def extend(self, handles: Iterable[Any]) -> None:
        """Add handles to the end."""

    def popleft(self, /) -> Any:
        """Take the first handle."""

    def clear(self, /) -> None:
        """Remove all handles."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...

_Watched: TypeAlias = tuple[Any, int, int, tuple[Any, Any]]

@disjoint_base
class LoopCore:
    """The part of asyncio's event loop that is in Rust: handles, timers, descriptors and turns.

    `deferrous.asyncio.Loop` derives from it and from the standard library's loop for selectors.
    """

    _closed: bool
    _stopping: bool
    _debug: bool
    _thread_id: int | None
    _clock_resolution: float
    _current_handle: Any
    _selector: Any
    _own_selector: Any
    _ready: Any
    _scheduled: Any

    def __new__(cls, *_args: object, **_kwargs: object) -> Self: ...
    def time(self, /) -> float:
        """The time, in seconds by the clock of `time.monotonic()`."""

    def get_debug(self, /) -> bool:
        """Whether the loop is in debug mode."""

    def is_closed(self, /) -> bool:
        """Whether the loop was closed."""

    def is_running(self, /) -> bool:
        """Whether a thread runs the loop."""

    def stop(self, /) -> None:
        """Have `run_forever` return at the end of this turn, or of the next one if none is going on."""

    def call_soon(
        self, callback: Callable[..., object], /, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Have a callback called in the next turn of the loop.

        Callbacks are called in the order in which they were asked for.

        Args:
            callback, args: what is called.
            context: the contextvars.Context that it is called in; a copy of the current one if it is None.

        Returns:
            the handle, by which the call can be cancelled.

        Raises:
            RuntimeError: the loop is closed.

        Only the thread that runs the loop may call it; others use `call_soon_threadsafe`.
        """

    def call_soon_threadsafe(
        self, callback: Callable[..., object], /, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """Have a callback called in the next turn of the loop, which is woken.

        Any thread may call it. A burst of calls wakes the loop once.

        Args:
            callback, args: what is called.
            context: the contextvars.Context that it is called in; a copy of the current one if it is None.

        Returns:
            the handle, by which the call can be cancelled.

        Raises:
            RuntimeError: the loop is closed.
        """

    def call_later(
        self, delay: float, callback: Callable[..., object], /, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Have a callback called later.

        Args:
            delay: after how many seconds.
            callback, args: what is called.
            context: the contextvars.Context that it is called in; a copy of the current one if it is None.

        Returns:
            the handle, by which the call can be cancelled.

        Raises:
            RuntimeError: the loop is closed.
            TypeError: the delay is no number.

        Only the thread that runs the loop may call it.
        """

    def call_at(
        self, when: float, callback: Callable[..., object], /, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Have a callback called at a time.

        Args:
            when: the time, in seconds by `loop.time()`.
            callback, args: what is called.
            context: the contextvars.Context that it is called in; a copy of the current one if it is None.

        Returns:
            the handle, by which the call can be cancelled.

        Raises:
            RuntimeError: the loop is closed.
            TypeError: the time is no number.

        Only the thread that runs the loop may call it.
        """

    def _check_closed(self, /) -> None: ...
    def _run_once(self, /) -> None: ...
    def _turn_until_stopped(self, /) -> None: ...
    def _write_to_self(self, /) -> None: ...
    def _add_reader(self, fd: Any, callback: Callable[..., object], /, *args: Any) -> Handle:
        """Have a callback called whenever a descriptor can be read from.

        Args:
            fd: the descriptor, or an object that has one.
            callback, args: what is called.

        Returns:
            the handle of the callback.
        """

    def _add_writer(self, fd: Any, callback: Callable[..., object], /, *args: Any) -> Handle:
        """Have a callback called whenever a descriptor has room to be written to.

        Args:
            fd: the descriptor, or an object that has one.
            callback, args: what is called.

        Returns:
            the handle of the callback.
        """

    def _remove_reader(self, fd: Any) -> bool: ...
    def _remove_writer(self, fd: Any) -> bool: ...
    def _notice_replaced(self, /) -> None:
        """Look again at which methods a program has replaced on this loop."""

    def _descriptor(self, file: Any) -> int:
        """The number of the descriptor of a file object, also of one that was closed while it is watched."""

    def _register(self, file: Any, events: int, data: tuple[Any, Any]) -> None: ...
    def _modify(self, file: Any, events: int, data: tuple[Any, Any]) -> _Watched | None:
        """Returns what was there, or None."""

    def _unregister(self, file: Any) -> _Watched | None:
        """Returns what was there, or None."""

    def _close_selector(self, /) -> None:
        """Watch nothing any more."""

    def _watched(self, /) -> list[_Watched]:
        """The watched descriptors: a list with the `SelectorKey` of each."""

    def _poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait for up to timeout seconds, and return a list of (fd, events) of what has happened."""

def prepare_loops(functions: Any, stock: Any) -> None:
    """Hand over what loops need that is Python. The package does it when it is asked for a loop.

    Args:
        functions: what reports errors and slow callbacks.
        stock: the standard library's class of loops, whose methods are inherited.
    """

class ReactorMethods:
    """What of a reactor is in Rust. Its event loop is the attribute _loop."""

    def callLater(self, delay: float, callable: Callable[..., Any], /, *args: Any, **kw: Any) -> Any:
        """Call a function later.

        Args:
            delay: after how many seconds, at least 0.
            callable: the function.
            args, kw: what it is called with. An error that it raises is logged, and the reactor goes on.

        Returns:
            the DelayedCall, by which the call can be cancelled, reset or delayed.

        Raises:
            AssertionError: the delay is negative.

        Only the thread that runs the reactor may call it; others use `callFromThread`.
        """

    def callFromThread(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Have a function called on the reactor's thread, soon.

        Any thread may call it, also one that Python did not start, and the reactor's own. The calls of one
        thread are made in order. A burst of them wakes the reactor once.

        Args:
            f: the function.
            args, kwargs: what it is called with. An error that it raises is logged, and the reactor goes on.

        Raises:
            AssertionError: f is not callable.
        """

    def runUntilCurrent(self, /) -> None:
        """Make the calls that other threads have asked for, and those that are due."""

    def doIteration(self, delay: float | None) -> None:
        """Wait for events for up to delay seconds (None: for as long as it takes), and handle them."""

    def getDelayedCalls(self, /) -> list[DelayedCall]:
        """The delayed calls that are still to be made, as a list in no order."""

    def timeout(self, /) -> float | None:
        """How long the reactor may sleep, in seconds; None if nothing is to be called later."""

    def wakeUp(self, /) -> None:
        """Have the reactor return from its wait. Any thread may call it."""

    def addReader(self, reader: Any) -> None:
        """Call the reader's doRead whenever there is something to read."""

    def addWriter(self, writer: Any) -> None:
        """Call the writer's doWrite whenever there is room to write."""

    def removeReader(self, reader: Any) -> None:
        """Do not call the reader's doRead any more."""

    def removeWriter(self, writer: Any) -> None:
        """Do not call the writer's doWrite any more."""

    def getReaders(self, /) -> list[Any]:
        """The readers, as a list."""

    def getWriters(self, /) -> list[Any]:
        """The writers, as a list."""

    def _doReadOrWrite(self, selectable: Any, fd: int, event: int) -> None:
        """Have a selectable read or write, and disconnect it if that fails."""

    def _turnUntilStopped(self, /) -> None:
        """The main loop."""

@final
class Team:
    """Jobs, and the threads that take them."""

    def do(self, task: Callable[[], object], /) -> None:
        """Call task in a worker."""

    def grow(self, n: int, /) -> None:
        """Start up to n more workers."""

    def shrink(self, n: int | None = None) -> None:
        """Have n workers end when they have nothing to do; all of them for None."""

    def quit(self, /) -> None:
        """Take no more tasks, and end all workers when those that wait are done."""

    def statistics(self, /) -> Any:
        """How many workers are idle and busy, and how many tasks wait for one."""

    def jobs(self, /) -> list[tuple[Any, int, int | None, float | None]]:
        """The jobs that have not been done, as a list of tuples: the function; the address of the Deferred or
        the function that is told of the result, or 0; the ident of the thread that has begun it, or None;
        and for how many seconds that has been so, or None if neither records nor times were kept then.
        """

    def _work(self, /) -> None:
        """What the thread of a worker does."""

def look_at(
    deferred: Deferred[Any], /
) -> tuple[
    bool,
    int,
    bool,
    tuple[tuple[_Call, _Call], ...],
    Deferred[Any] | None,
    Callable[[Deferred[Any]], object] | None,
    tuple[()] | tuple[Any],
    tuple[float, CodeType, int, CodeType | str | type | None] | None,
]:
    """The parts of a Deferred, as they are now. Nothing is changed, and no code of the program runs.

    Reading `_callbacks` would put the callbacks into a list for good.

    Args:
        deferred: the Deferred.

    Returns:
        a tuple: whether it was fired; how often it is paused; whether it runs a callback; the callbacks
        that wait, as a tuple of ((callback, args, kwargs), (errback, args, kwargs)); the Deferred that it
        waits for, or None; its canceller, or None; in a tuple, the result as it stands, if there is one; and
        its record, as `record` returns it.

    Any thread may call it.
    """

def team(currentLimit: Callable[[], int], threadFactory: Callable[..., Any]) -> Team:
    """A team of workers, as `ThreadPool._pool` makes one.

    Args:
        currentLimit: a function that says how many workers there may be.
        threadFactory: a function that is called with `target=...` and returns a thread.
    """

# The methods of a thread pool that has a team, by name.
pool_methods: dict[str, Any]

def deferToThread(f: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_T]:
    """Call a function in a thread of the reactor's pool.

    Args:
        f: the function. It may block.
        args, kwargs: what it is called with.

    Returns:
        a Deferred of what it returns or raises, for the thread that runs the reactor. Cancelling it lets go
        of the result; the function goes on.

    Only the thread that runs the reactor may call it.
    """

def deferToThreadPool(
    reactor: Any, threadpool: Any, f: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
) -> Deferred[_T]:
    """Call a function in a thread of a pool.

    Args:
        reactor: the reactor on whose thread the Deferred fires.
        threadpool: the pool: a ThreadPool, an ExecutorPool, or whatever has `callInThreadWithCallback`.
        f: the function. It may block.
        args, kwargs: what it is called with.

    Returns:
        a Deferred of what it returns or raises. Cancelling it lets go of the result; the function goes on,
        unless the pool says otherwise.

    Only the thread that runs the reactor may call it.
    """

@final
class Watchdog:
    """Watches the loop of one thread, and notices turns that take too long.

    A thread that needs no interpreter looks at the loop's thread from outside.
    """

    def __new__(cls, threshold: float, /) -> Self: ...
    def start(self, tid: int, /) -> None:
        """Begin to watch the loop that runs in this thread.

        Args:
            tid: the number of this thread, as the system has it.

        Raises:
            OSError: the system makes no more threads.
        """

    def stop(self) -> None:
        """Have the watchdog end, soon. `next` still returns what it has found. Any thread may call it."""

    def next(self, timeout: float | None, /) -> dict[str, Any] | tuple[int, float] | None:
        """Wait for something to do. Only one thread may call it.

        Args:
            timeout: for how many seconds; None is for ever.

        Returns:
            if the stack of the loop's thread is to be taken, a tuple: the number of the turn, and for how
            many seconds this thread has waited for the interpreter. If a stall is over, the stall, a dict; an
            empty one if the time has passed. None when the watchdog has ended.
        """

    def now(self) -> dict[str, Any] | None:
        """The stall that goes on, a dict as of `next`; None if there is none. Any thread may call it."""

def note_collection(phase: str, info: dict[str, int], /) -> None:
    """Note collections of the loop's thread: one of `gc.callbacks`.

    Args:
        phase: "start" or "stop".
        info: what Python tells of the collection.
    """

def watch_loops(
    begin: Callable[[], object] | None, describe: Callable[[int, Any], dict[str, Any] | None], /
) -> None:
    """Have `begin` called in the thread of each loop of deferrous that begins, or nothing any more.

    Args:
        begin: a function without arguments, or None.
        describe: names what was called: it gets the kind, a number, and the object, or None if that is gone,
            and returns what is shown.

    Any thread may call it.
    """

def running_turn() -> tuple[int, float] | None:
    """The turn that runs now.

    Returns:
        a tuple: its number, and when it began, in seconds by the clock of `time.monotonic()`; None while the
        loop waits.

    Any thread may call it.
    """

def begin_turn() -> None:
    """A turn of a loop that is not deferrous's begins: it has waited. Only its thread may call it."""

def end_turn() -> None:
    """A turn of a loop that is not deferrous's ends: it waits. Only its thread may call it."""
