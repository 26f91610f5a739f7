"""What the crate means to do in another way than Twisted, as changes to Twisted's source.

The names are those of the table in `docs/rust.md`. Stock Twisted with all of these changes does in all random
programs what the crate does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Container
from types import ModuleType

from tests import apis, second_copy

Change = Callable[[ast.Module], None]


class CircularWait(Exception):
    """A callback returned a Deferred that waits for the callback's own."""


class NotPaused(Exception):
    """There is no pause to end."""


#: What the changed source uses.
_HELPERS = """
def _report(failure):
    Deferred().errback(failure)

def _is_waiting(deferred):
    return isinstance(getattr(deferred, "result", None), Deferred)

def _leads_to(inner, current):
    while inner is not current and _is_waiting(inner):
        inner = inner.result
    return inner is current

def _is_on_its_way(deferred):
    return deferred._runningCallbacks or bool(getattr(deferred, QUEUE))

def _report_if_refused(deferred, failure):
    try:
        deferred.errback(failure)
    except AlreadyCalledError:
        _report(failure)
        raise

def _hands_over(callback):
    owner = getattr(callback, "__self__", None)
    return getattr(callback, "hands_over", False) or (
        isinstance(owner, Deferred) and callback.__name__ in ("callback", "errback")
    )

def _hand_out(primitive, is_free, take):
    if getattr(primitive, "_handing_out", False):
        return
    primitive._handing_out = True
    while is_free() and primitive.waiting:
        take()
        primitive.waiting.pop(0).callback(primitive)
    primitive._handing_out = False

def _drop_coroutine(status):
    awaited = status.waitingOn
    status.detached = awaited.called and not _is_waiting(awaited)
    if not status.detached:
        awaited.cancel()
    status.gen.close()
"""


def _function(tree: ast.Module, scope: str) -> ast.FunctionDef:
    found: ast.AST = tree
    for name in scope.split("."):
        kinds = (ast.FunctionDef, ast.ClassDef)
        nodes = (node for node in ast.iter_child_nodes(found) if isinstance(node, kinds))
        # The first ones are overloads.
        found = [node for node in nodes if node.name == name][-1]
    assert isinstance(found, ast.FunctionDef)
    return found


def _replace(tree: ast.Module, scope: str, old: str, new: str) -> None:
    """Replace the statement that begins with some words. In the new ones, `...` is the old one."""
    for node in ast.walk(_function(tree, scope)):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, [])
            for position, statement in enumerate(statements):
                if ast.unparse(statement).startswith(old):
                    replacement = _Ellipsis(statement).visit(ast.parse(new))
                    statements[position : position + 1] = replacement.body
                    return
    raise LookupError(f"{scope} has no statement {old}")


class _Ellipsis(ast.NodeTransformer):
    def __init__(self, statement: ast.stmt) -> None:
        self._statement = statement

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        is_ellipsis = isinstance(node.value, ast.Constant) and node.value.value is ...
        return self._statement if is_ellipsis else node


def _set_body(tree: ast.Module, scope: str, body: str) -> None:
    _function(tree, scope).body = ast.parse(body).body


def _insert(tree: ast.Module, scope: str, statements: str) -> None:
    _function(tree, scope).body[:0] = ast.parse(statements).body


def _narrow(test: ast.expr, condition: str) -> ast.expr:
    return ast.BoolOp(ast.And(), [test, ast.parse(condition, mode="eval").body])


def _chaining(tree: ast.Module) -> ast.If:
    """Give the statement that decides whether an inner Deferred is waited for."""
    for node in ast.walk(_function(tree, "Deferred._runCallbacks")):
        if isinstance(node, ast.If) and "_NO_RESULT" in ast.unparse(node.test):
            return node
    raise LookupError("no Deferred waits for another")


def _pause_after_this_callback(tree: ast.Module) -> None:
    run_callbacks = _function(tree, "Deferred._runCallbacks")
    for node in ast.walk(run_callbacks):
        if isinstance(node, ast.While) and apis.queue_name() in ast.unparse(node.test):
            node.test = _narrow(node.test, "not current.paused")
        if isinstance(node, ast.If) and ast.unparse(node.test) == "isinstance(current.result, Failure)":
            node.test = _narrow(node.test, "not current.paused")


def _refuse_circles(tree: ast.Module) -> None:
    chaining = _chaining(tree)
    waiting = ast.If(chaining.test, chaining.body, chaining.orelse)
    chaining.test = ast.parse("_leads_to(current.result, current)", mode="eval").body
    chaining.body = ast.parse("current.result = Failure(CircularWait())").body
    chaining.orelse = [waiting]
    own = "if result is status.deferred:\n    result = Failure(CircularWait())\n    continue\n..."
    _replace(tree, "_inlineCallbacks", "isDeferred = ", own)


def _wait_for_the_last_result(tree: ast.Module) -> None:
    chaining = _chaining(tree)
    on_its_way = ast.parse("_is_on_its_way(current.result)", mode="eval").body
    chaining.test = ast.BoolOp(ast.Or(), [chaining.test, on_its_way])
    waits = "if _is_on_its_way(self):\n    yield self\n..."
    _replace(tree, "Deferred.__iter__", "while True", waits)


def _catch_in_cancellers(tree: ast.Module) -> None:
    caught = """
try:
    ...
except BaseException:
    if self.called:
        _report(Failure())
    else:
        self.errback()
"""
    _replace(tree, "Deferred.cancel", "canceller(self)", caught)


def _cancel_once(tree: ast.Module) -> None:
    again = "if not self.called and getattr(self, '_cancelling', False):\n    return"
    _insert(tree, "Deferred.cancel", again)
    asked = "self._cancelling = True\ntry:\n    ...\nfinally:\n    self._cancelling = False"
    _replace(tree, "Deferred.cancel", "canceller(self)", asked)


def _fail_cancelled_lists(tree: ast.Module) -> None:
    begins = """
if _is_waiting(self):
    return self.result.cancel()
if getattr(self, "_is_cancelled", False):
    return
self._is_cancelled = True
"""
    _insert(tree, "DeferredList.cancel", begins)
    body = _function(tree, "DeferredList.cancel").body
    body.extend(ast.parse("if not self.called:\n    self.errback(CancelledError())").body)


def _take_the_listed(tree: ast.Module) -> None:
    body = """
self.resultList[index] = (succeeded, result)
self.finishedCount += 1
lost = []
if self.called:
    lost = [(succeeded, result)]
elif succeeded and self.fireOnOneCallback:
    lost = [item for item in self.resultList if item is not None]
    self.callback((result, index))
elif not succeeded and self.fireOnOneErrback:
    lost = [item for number, item in enumerate(self.resultList) if item is not None and number != index]
    self.errback(Failure(FirstError(result, index)))
elif self.finishedCount == len(self.resultList):
    self.callback(self.resultList)
if not self.consumeErrors and not getattr(self, "_inputs_cancelled", False):
    for success, failure in lost:
        if not success:
            _report(failure)
"""
    _set_body(tree, "DeferredList._cbDeferred", body)
    _replace(tree, "DeferredList.cancel", "for deferred", "self._inputs_cancelled = True\n...")


def _fire_without_input(tree: ast.Module) -> None:
    fires = "if len(self._deferredList) == 0:\n    self.callback([])"
    _replace(tree, "DeferredList.__init__", "if len(self._deferredList) == 0", fires)
    fails = "if not to_cancel:\n    final_result.errback(FailureGroup([]))\n..."
    _replace(tree, "race", "return final_result", fails)


def _drop_late_results_of_races(tree: ast.Module) -> None:
    for scope in ("race.succeeded", "race.failed"):
        fires = f"final_result.{'callback' if scope == 'race.succeeded' else 'errback'}"
        _replace(tree, scope, fires, "if not final_result.called:\n    ...")


def _report_refused_failures(tree: ast.Module) -> None:
    refused = """
errback = lambda failure: _report_if_refused(d, failure)
errback.hands_over = True
return self.addCallbacks(d.callback, errback)
"""
    _replace(tree, "Deferred.chainDeferred", "return self.addCallbacks", refused)


def _have_handed_over(tree: ast.Module) -> None:
    handed_over = """
if _hands_over(callback):
    outcome, current.result = current.result, None
    try:
        callback(outcome)
    except AlreadyCalledError:
        current.result = Failure()
    if current.paused:
        break
    continue
...
"""
    _replace(tree, "Deferred._runCallbacks", "try:", handed_over)


def _refuse_to_unpause(tree: ast.Module) -> None:
    _insert(tree, "Deferred.unpause", "if self.paused <= _is_waiting(self):\n    raise NotPaused()")


def _hand_out_in_turn(tree: ast.Module) -> None:
    lock = """
self.locked = False
_hand_out(self, lambda: not self.locked, lambda: setattr(self, "locked", True))
"""
    _set_body(tree, "DeferredLock.release", lock)
    semaphore = """
self.tokens += 1
_hand_out(self, lambda: self.tokens, lambda: setattr(self, "tokens", self.tokens - 1))
"""
    _set_body(tree, "DeferredSemaphore.release", semaphore)
    for scope, taken in (("DeferredLock", "self.locked"), ("DeferredSemaphore", "not self.tokens")):
        for node in ast.walk(_function(tree, f"{scope}.acquire")):
            if isinstance(node, ast.If):
                node.test = ast.parse(f"{taken} or self.waiting", mode="eval").body


def _skip_the_dropped(tree: ast.Module) -> None:
    skips = """
while self.waiting and getattr(self.waiting[0], "dropped", False) and not getattr(self.waiting[0], QUEUE):
    self.waiting.pop(0)
...
"""
    _replace(tree, "DeferredQueue.put", "if self.waiting", skips)


def _drop_cancelled_coroutines(tree: ast.Module) -> None:
    cancel = "status.cancelled = True\nif not status.running:\n    _drop_coroutine(status)"
    _set_body(tree, "_addCancelCallbackToDeferred", cancel)
    ignored = """
if getattr(status, "cancelled", False):
    expected = isinstance(r, Failure) and r.check(CancelledError) and not status.detached
    return None if expected else r
"""
    _insert(tree, "_gotResultInlineCallbacks", ignored)
    begins = "status.gen = gen\nstatus.cancelled = getattr(status, 'cancelled', False)"
    _insert(tree, "_inlineCallbacks", begins)
    _replace(tree, "_inlineCallbacks", "try:", "status.running = True\n...\nstatus.running = False")
    failed = "if status.cancelled:\n    _report(Failure())\n    return\n..."
    _replace(tree, "_inlineCallbacks", "status.deferred.errback()", failed)
    _replace(tree, "_inlineCallbacks", "status.deferred.callback(", "if not status.cancelled:\n    ...")
    waits = "...\nif status.cancelled:\n    _drop_coroutine(status)"
    _replace(tree, "_inlineCallbacks", "status.waitingOn = result", waits)


#: Each change under the name that the documentation has for the difference.
DIFFERENCES: dict[str, Change] = {
    "pausing inside a callback": _pause_after_this_callback,
    "unpausing what is not paused": _refuse_to_unpause,
    "waiting in a circle": _refuse_circles,
    "waiting for what is on its way": _wait_for_the_last_result,
    "cancelling inside the canceller": _cancel_once,
    "a canceller that panics": _catch_in_cancellers,
    "cancelling a coroutine": _drop_cancelled_coroutines,
    "cancelling a list": _fail_cancelled_lists,
    "failures in a list": _take_the_listed,
    "a list or race without input": _fire_without_input,
    "late results of a race": _drop_late_results_of_races,
    "a failure that is refused": _report_refused_failures,
    "adding after chain_deferred": _have_handed_over,
    "a permit that is released at once": _hand_out_in_turn,
    "dropping what a queue was asked for": _skip_the_dropped,
}


def load(without: Container[str] = ()) -> ModuleType:
    """Make a copy of Twisted's `defer` with the changes, but for those that are left out."""

    def change(tree: ast.Module) -> None:
        for name, apply in DIFFERENCES.items():
            if name not in without:
                apply(tree)
        tree.body += ast.parse(_HELPERS).body

    extra = {"QUEUE": apis.queue_name(), "CircularWait": CircularWait, "NotPaused": NotPaused}
    return second_copy.load(change, extra)
