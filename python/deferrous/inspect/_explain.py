"""One Deferred explained: what it has, what it waits for, and who holds it.

It is Python because it only reads.
"""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from types import CoroutineType
from typing import Any

from deferrous.inspect._classes import class_name, is_class
from deferrous.inspect._deferreds import Reader, called_by, is_deferred_class
from deferrous.inspect._groups import Shapes, waits_for
from deferrous.inspect._items import Item, where
from deferrous.inspect._model import NOWHERE, Node, Place
from deferrous.inspect._names import describe, own_dict
from deferrous.inspect._printable import printable
from deferrous.inspect._resolve import Outstanding
from deferrous.inspect._threads import threads_now
from deferrous.inspect._tree import trees


@dataclass(frozen=True)
class Explanation:
    """What a Deferred is and waits for. As text it is a few lines.

    Attributes:
        name: its class.
        fired: whether it was fired, or cancelled.
        result: what it has as its result: the class of that, and its text if that was asked for.
        paused: how often it was paused by `pause`.
        running: whether it runs a callback.
        waits_for: what it waits for, in words; "" if it waits for nothing.
        tree: the same as a tree; None if it waits for nothing.
        callbacks: the callbacks that wait for it, by name, with where they begin.
        made_at: where it was made, if that was recorded.
        held_by: what refers to it, such as "app.PENDING, a dict", and where that is; None if nothing does
            but what
            waits for it.
    """

    name: str
    fired: bool
    result: str
    paused: int
    running: bool
    waits_for: str
    tree: Node | None
    callbacks: tuple[tuple[str, Place], ...]
    made_at: Place
    held_by: tuple[str, Place] | None

    def __str__(self) -> str:
        """Return the explanation as text."""
        state = (
            f"fired with {self.result}"
            if self.fired and self.result
            else "fired"
            if self.fired
            else "not fired"
        )
        lines = [f"{self.name}: {state}"]
        if self.running:
            lines.append("runs a callback right now")
        if self.paused:
            lines.append(f"paused {'once' if self.paused == 1 else f'{self.paused} times'}")
        if self.waits_for:
            lines.append(f"waits for {self.waits_for}")
        if self.made_at.file:
            lines.append(f"made at {where(self.made_at)}")
        for name, place in self.callbacks:
            lines.append(f"then {name}" + (f"  {where(place)}" if place.file else ""))
        if self.held_by is not None:
            name, place = self.held_by
            lines.append(f"held by {name}" + (f"  {where(place)}" if place.file else ""))
        return "\n  ".join(map(printable, lines))


def explain(deferred: Any, *, values: bool = False) -> Explanation:
    """Explain a Deferred: whether it has fired, what it waits for, and what waits for it.

        >>> from twisted.internet.defer import Deferred
        >>> from deferrous.inspect import explain
        >>> reply = Deferred().addCallback(print)
        >>> reply.pause()
        >>> explanation = explain(reply)
        >>> explanation.fired, explanation.paused, [name for name, _ in explanation.callbacks]
        (False, 1, ['print'])

    Args:
        deferred: the Deferred, of this package or of Twisted.
        values: whether to show the text of its result, too. That runs `repr` of the result.

    Returns:
        what was found. `str` of it is a few lines for people.

    Raises:
        TypeError: it is no Deferred.

    Call it from the thread that runs the reactor. It looks at all objects of the process.
    """
    if not is_deferred_class(type(deferred)):
        raise TypeError(f"explain() takes a Deferred, not {class_name(type(deferred))}")
    reader = Reader()
    look = reader.look(deferred)
    found = Outstanding(threads_now(own=True), deferred)
    item = found.waiting.items.get(id(deferred))
    tree = _tree(item)
    callbacks = [_callback(reader, pair[0]) for pair in look.callbacks]
    chained = 1 if look.chained_to is not None and look.called and look.paused else 0
    return Explanation(
        name=class_name(type(deferred)),
        fired=look.called,
        result=_result(look.result, values) if look.called else "",
        paused=look.paused - chained,
        running=look.running,
        waits_for=_words(item),
        tree=tree,
        callbacks=tuple(callbacks),
        made_at=NOWHERE if look.record is None else look.record.place,
        held_by=found.holder,
    )


def _tree(item: Item | None) -> Node | None:
    if item is None or not item.waits:
        return None
    item.waited = False
    return next(iter(trees([item], Shapes())), None)


def _words(item: Item | None) -> str:
    if item is None:
        return ""
    return waits_for(Shapes().of(item)) or item.words


def _callback(reader: Reader, call: Any) -> tuple[str, Place]:
    """Return the name of what a callback calls, or of the code that it resumes."""
    if call[0] is reader.continue_:
        return "the Deferred that waits for it", NOWHERE
    waiter = reader.waiter(call)
    if waiter is None:
        return describe(called_by(call))
    kind = "coroutine" if type(waiter.code) is CoroutineType else "inlineCallbacks"
    prefix = "cr_code" if kind == "coroutine" else "gi_code"
    code = getattr(waiter.code, prefix)
    return f"{kind} {waiter.code.__qualname__}", Place(code.co_filename, code.co_firstlineno)


def _result(result: tuple[Any, ...], values: bool) -> str:
    if not result:
        return ""
    name = class_name(type(result[0]))
    article = "an" if name[:1].lower() in "aeiou" else "a"
    if name == "NoneType":
        return "None"
    if name == "Failure":
        kind: Any = own_dict(result[0]).get("type")
        return "a Failure" + (f" of {class_name(kind)}" if is_class(kind) else "")
    if not values:
        return f"{article} {name}"
    # It cuts long texts, and catches what `repr` raises.
    return f"{article} {name}: {reprlib.repr(result[0])}"
