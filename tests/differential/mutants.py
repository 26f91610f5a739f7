"""Plants mistakes in a copy of Twisted's source, one at a time.

A machine that compares is worth what it finds. Each mistake is a small change to the syntax tree: a
statement that is left out, a condition that is turned round, a constant that is another. Those of `HARMLESS`
change nothing that can be seen, each for the reason given; all others have to be found.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from tests import second_copy

#: The functions and classes in which mistakes are planted.
SCOPES = (
    *("succeed", "fail", "execute", "maybeDeferred", "ensureDeferred", "_cancelledToTimedOutError"),
    *("DebugInfo", "Deferred", "DeferredList", "gatherResults", "_parseDeferredListResult", "race"),
    *("_gotResultInlineCallbacks", "_inlineCallbacks", "_addCancelCallbackToDeferred", "inlineCallbacks"),
    *("_handleCancelInlineCallbacks", "_cancellableInlineCallbacks"),
    *("_ConcurrencyPrimitive", "DeferredLock", "DeferredSemaphore", "DeferredQueue"),
)
#: Mistakes that nothing can show, and why.
HARMLESS: dict[str, str] = {
    "succeed: d._chainedTo = None -- left out": "the class has the same",
    "_inlineCallbacks: callbackValue: Any = None -- left out": "it is set before it is used",
    "_inlineCallbacks: while 1: -- 1 is another": "any number but 0 is true",
    "_inlineCallbacks: if not isDeferred and (iscoroutine(result) or inspect.isgenerator(result)): "
    "-- condition 0 forgotten": "no Deferred is a coroutine",
    "_inlineCallbacks: waiting[1] = None -- left out": (
        "a result stays for longer, which no program looks for, but "
        "test_a_waiting_generator_keeps_no_earlier_result_alive"
    ),
    "_handleCancelInlineCallbacks: result.trap(_InternalInlineCallbacksCancelledError) -- left out": (
        "no other failure gets there"
    ),
}
_LEFT_OUT = (
    ast.Expr,
    ast.Assign,
    ast.AnnAssign,
    ast.AugAssign,
    ast.Return,
    ast.Raise,
    ast.Break,
    ast.For,
    ast.If,
)


@dataclass(frozen=True)
class Mutant:
    """One mistake: the number of its place in the tree, and a description."""

    place: int
    name: str

    def load(self, turns: second_copy.Turns) -> ModuleType:
        """Make the copy with the mistake."""

        def change(tree: ast.Module) -> None:
            for number, (_, plant) in enumerate(_places(tree)):
                if number == self.place:
                    plant()
                    return

        return second_copy.load_counted(turns, change)


def all_mutants() -> list[Mutant]:
    """Give every mistake there is."""
    tree = second_copy.parse()
    return [Mutant(number, name) for number, (name, _) in enumerate(_places(tree))]


def _places(tree: ast.Module) -> Iterator[tuple[str, Callable[[], None]]]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in SCOPES:
            yield from _in_definition(node, node.name)


def _in_definition(
    node: ast.FunctionDef | ast.ClassDef, scope: str
) -> Iterator[tuple[str, Callable[[], None]]]:
    if any(isinstance(item, ast.Name) and item.id == "overload" for item in node.decorator_list):
        return
    if isinstance(node, ast.FunctionDef):
        yield from _in_body(node.body, scope)
        return
    for part in node.body:
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)):
            yield from _in_definition(part, f"{scope}.{part.name}")


def _in_body(body: list[ast.stmt], scope: str) -> Iterator[tuple[str, Callable[[], None]]]:
    for position, statement in enumerate(body):
        yield from _in_statement(body, position, statement, scope)


def _in_statement(
    body: list[ast.stmt], position: int, statement: ast.stmt, scope: str
) -> Iterator[tuple[str, Callable[[], None]]]:
    words = ast.unparse(statement).splitlines()[0]
    text = f"{scope}: {words}"
    if _is_said(statement):
        return

    def leave_out() -> None:
        body[position] = ast.copy_location(ast.Pass(), statement)

    if isinstance(statement, _LEFT_OUT) and not (
        isinstance(statement, ast.AnnAssign) and statement.value is None
    ):
        yield f"{text} -- left out", leave_out
    if isinstance(statement, (ast.If, ast.While)):
        yield from _in_test(statement, text)
    for part in _expressions(statement):
        yield from _in_constants(part, text)
    if isinstance(statement, ast.FunctionDef):
        yield from _in_definition(statement, f"{scope}.{statement.name}")
        return
    for inner in ("body", "orelse", "finalbody"):
        yield from _in_body(getattr(statement, inner, []), scope)
    for handler in getattr(statement, "handlers", []):
        yield from _in_body(handler.body, scope)


def _is_said(statement: ast.stmt) -> bool:
    """Say whether a statement is a documentation string."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _in_test(statement: ast.If | ast.While, text: str) -> Iterator[tuple[str, Callable[[], None]]]:
    test = statement.test

    def turn_round() -> None:
        statement.test = ast.UnaryOp(ast.Not(), test)

    if isinstance(statement, ast.If):
        yield f"{text} -- turned round", turn_round
    if isinstance(test, ast.BoolOp):
        for number in range(len(test.values)):

            def forget(number: int = number, test: ast.BoolOp = test) -> None:
                left = test.values[:number] + test.values[number + 1 :]
                statement.test = left[0] if len(left) == 1 else ast.BoolOp(test.op, left)

            yield f"{text} -- condition {number} forgotten", forget


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """Give the expressions of a statement without those of the statements in it."""
    for _, value in ast.iter_fields(statement):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.expr):
                yield item


def _in_constants(expression: ast.expr, text: str) -> Iterator[tuple[str, Callable[[], None]]]:
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int)):

            def change(node: ast.Constant = node) -> None:
                value = node.value
                node.value = (not value) if isinstance(value, bool) else int(str(value)) + 1

            yield f"{text} -- {node.value!r} is another", change
