"""Makes a program from a number. The same number gives the same program, on any machine."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.differential.program import ATTACHED, SLOTS, Op, Program
from tests.differential.subclasses import KINDS, MUTE

#: Programs with these numbers may patch Deferred's methods, which can slow down what comes after them.
PATCHING_EVERY = 16
_FLAVOURS = ("function",) * 12 + ("method", "object", "partial", "single")
_ODD_FLAVOURS = ("len", "type", "bool", "abs", "number", "false")
_ERRORS = ("boom",) * 10 + (
    "bare",
    "interrupt",
    "exit",
    "closed",
    "stop",
    "cancelled",
    "already",
    "returned",
    "failure",
)
_NEW = ("fired", "failed", "unfired", "unfired", "paused", "failed and paused", "waiting")
_FAILING = ("instance", "failure", "caught", "caught", "shared", "copied", "extrapolated", "none")
_ATTRIBUTES = (
    "result",
    "called",
    "paused",
    "_chainedTo",
    "_debugInfo",
    "_runningCallbacks",
    "_suppressAlreadyCalled",
)
_PATCHED = (
    *(
        "addCallback",
        "addErrback",
        "addBoth",
        "addCallbacks",
        "callback",
        "errback",
        "pause",
        "unpause",
        "cancel",
    ),
    *("_runCallbacks", "_startRunCallbacks", "_continuation", "__init__", "chainDeferred"),
)
#: Families of operations. A program uses only some of them, so that each gets to meet itself often enough.
_FAMILIES: dict[str, dict[str, int]] = {
    "always": {"new": 10, "succeed": 3, "fail": 3, "add": 30, "pair": 8, "fire": 16, "errback": 8},
    "waiting": {"pause": 8, "unpause": 8, "alias": 3, "drop": 3},
    "cancelling": {"cancel": 14},
    "lists": {"deferred_list": 6, "gather": 4, "race": 6, "state_of_list": 3, "errback": 10},
    "generators": {"start": 14, "ensure": 2, "context": 3, "cancel": 6},
    "chaining": {"chain": 8, "continue": 2},
    "time": {"timeout": 8, "advance": 8},
    "queues": {
        "queue_length": 3,
        "queue_shape": 3,
        "queue_add": 3,
        "queue_remove": 2,
        "queue_clear": 1,
        "queue_replace": 2,
        "queue_first": 2,
        "queue_move": 2,
        "queue_share": 1,
    },
    "attributes": {"get": 8, "set": 8, "delete": 3, "forgive": 3},
    "privates": {"_runCallbacks": 4, "start_running": 4, "_continuation": 2},
    "looking": {"look": 6, "text": 4, "old_name": 1, "take": 5},
    "calls": {"maybe": 6, "execute": 4},
    "primitives": {
        "acquire": 9,
        "release": 8,
        "run_with": 5,
        "holding": 4,
        "state_of": 3,
        "put": 5,
        "pull": 5,
        "cancel": 6,
        "limit": 1,
    },
    "futures": {"as_future": 8, "from_future": 4, "settle": 10, "turn": 12},
    "debugging": {"debug": 4, "look": 4},
    "failures": {"clean": 4, "handling": 6},
}


class _Maker:
    """The choices for one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        pick = self.random
        self.slots = pick.randint(2, SLOTS)
        chosen = [name for name in _FAMILIES if name == "always" or pick.random() < 0.35]
        self.weights: dict[str, int] = {}
        for name in chosen:
            for op, weight in _FAMILIES[name].items():
                self.weights[op] = self.weights.get(op, 0) + weight
        if seed % PATCHING_EVERY == 0:
            self.weights["patch"] = 6
        self.kinds: list[str | None] = [None]
        if pick.random() < 0.3:
            self.kinds += pick.sample([*KINDS, *MUTE], 2)
        self.odd = pick.random() < 0.2
        self.nesting = pick.choice((0, 1, 1, 2, 2, 3))
        self.watch = pick.choice((0, 0, 0, 0, 1, 1, 2))

    def program(self) -> Program:
        """Make the program."""
        ops: list[Op] = [("new", slot, *self.op_new(0)[2:]) for slot in range(self.slots)]
        ops += self.ops(self.random.choice((4, 8, 12, 16, 24)), 0)
        return {"watch": self.watch, "ops": ops}

    def ops(self, count: int, depth: int) -> list[Op]:
        """Make operations, which is also what callables do."""
        names = self.random.choices(list(self.weights), list(self.weights.values()), k=count)
        return [self.op(name, depth) for name in names]

    def op(self, name: str, depth: int) -> Op:
        """Make one operation."""
        maker: Callable[[int], Op] | None = getattr(self, f"op_{name}", None)
        if maker is not None:
            return maker(depth)
        if name in ("pause", "unpause", "cancel", "_runCallbacks", "_continuation"):
            return ("call", self.slot(depth), name)
        if name in ("look", "text", "drop", "queue_length", "queue_shape", "queue_clear", "pull", "clean"):
            return (name, self.slot(depth))
        if name in ("forgive", "old_name", "state_of_list"):
            return (name, self.slot(depth))
        if name in ("queue_move", "queue_share", "chain", "ensure"):
            return (name, self.slot(depth), self.slot(depth))
        assert name == "turn", name
        return (name,)

    # Parts

    def slot(self, depth: int) -> int:
        """Name a slot, or what is being run."""
        return ATTACHED if depth and self.random.random() < 0.3 else self.random.randrange(self.slots)

    def others(self) -> list[int]:
        """Name several slots, sometimes none and sometimes one twice."""
        if self.random.random() < 0.6:
            return self.random.sample(range(self.slots), 2)
        return self.random.choices(range(self.slots), k=self.random.choice((0, 1, 2, 2, 3, 4)))

    def value(self, depth: int) -> Any:
        """Name a value to fire with."""
        pick = self.random.random()
        if pick < 0.5:
            return ("token", 0)
        if pick < 0.7:
            return self.random.choice((None, 0, 1, "text", True))
        if pick < 0.8:
            return ("list", ("token", 0), self.value(depth))
        if pick < 0.9:
            return self.failing()
        return (self.random.choice(("slot", "result")), self.slot(depth))

    def failing(self) -> tuple[str, Any]:
        """Name a failure."""
        how = self.random.choice(_FAILING)
        if how == "none":
            return ("none", "nothing")
        if how in ("shared", "copied", "extrapolated"):
            return (how, self.random.randrange(2))
        return (how, self.random.choice(_ERRORS))

    def callable(self, depth: int) -> tuple[Any, ...]:
        """Say what a callable does."""
        pick = self.random
        if self.odd and pick.random() < 0.1:
            return (pick.choice(_ODD_FLAVOURS), [], ("argument",))
        if pick.random() < 0.04:
            return (pick.choice(("callback", "errback", "cancel", "pause", "unpause")), self.slot(depth))
        ops = self.ops(pick.choice((0, 0, 1, 1, 2)), depth + 1) if depth < self.nesting else []
        return (pick.choice(_FLAVOURS), ops, self.end(depth))

    def end(self, depth: int) -> Op:
        """Say what a callable returns or raises."""
        pick = self.random.random()
        if pick < 0.25:
            return ("argument",)
        if pick < 0.5:
            return ("value", self.value(depth))
        if pick < 0.65:
            return ("raise", self.random.choice(_ERRORS))
        if pick < 0.7:
            return (self.random.choice(("again", "trap")),)
        if pick < 0.83:
            return ("new", self.random.choice(_NEW), self.random.randrange(self.slots))
        if pick < 0.95:
            return ("value", ("slot", self.random.randrange(self.slots)))
        if pick < 0.97:
            return ("return", self.value(depth))
        return ("value", ("slot", ATTACHED))

    def generator(self, depth: int) -> tuple[Any, ...]:
        """Say what a generator does."""
        pick = self.random
        steps = []
        for _ in range(pick.choice((0, 1, 1, 2, 3))):
            ops = self.ops(pick.choice((0, 0, 0, 1)), depth + 1)
            steps.append((ops, self.waited(depth), pick.choice(("raise", "raise", "go on", "replace"))))
        end = self.end(depth) if pick.random() < 0.9 else ("elsewhere", ("token", 0))
        return (steps, end)

    def waited(self, depth: int) -> Any:
        """Say what a generator waits for."""
        pick = self.random.random()
        if pick < 0.4:
            return ("slot", self.random.randrange(self.slots))
        if pick < 0.75 or depth > 1:
            return ("new", self.random.choice(_NEW), self.random.randrange(self.slots))
        if pick < 0.9:
            return (self.random.choice(("generator", "coroutine")), self.generator(depth + 1))
        return self.value(depth)

    def maybe_callable(self, depth: int, share: float) -> Any:
        """Say what a callable does, or that there is none."""
        return self.callable(depth) if self.random.random() < share else None

    # Operations that take more than a slot

    def op_new(self, depth: int) -> Op:
        return (
            "new",
            self.random.randrange(self.slots),
            self.random.choice(self.kinds),
            self.canceller(depth),
        )

    def canceller(self, depth: int) -> Any:
        """Say what a canceller does: often it fires what it is given."""
        if self.random.random() < 0.5:
            return None
        flavour, *rest = self.callable(depth)
        if len(rest) == 2 and self.random.random() < 0.4:
            fires = (
                ("fire", ATTACHED, self.value(depth)),
                ("errback", ATTACHED, self.failing()),
                ("call", ATTACHED, "cancel"),
            )
            return (flavour, [*rest[0], self.random.choice(fires)], rest[1])
        return (flavour, *rest)

    def op_succeed(self, depth: int) -> Op:
        return ("succeed", self.slot(depth), self.value(depth))

    def op_fail(self, depth: int) -> Op:
        return ("fail", self.slot(depth), self.failing())

    def op_maybe(self, depth: int) -> Op:
        return ("maybe", self.slot(depth), self.callable(depth), self.random.choice((0, 0, 1, 4)))

    def op_execute(self, depth: int) -> Op:
        return ("execute", self.slot(depth), self.callable(depth), self.random.choice((0, 0, 1, 4)))

    def op_add(self, depth: int) -> Op:
        method = self.random.choice(("addCallback", "addCallback", "addErrback", "addBoth"))
        return (
            "add",
            self.slot(depth),
            method,
            self.callable(depth),
            self.random.choice((0, 0, 0, 1, 2, 3, 4)),
        )

    def op_pair(self, depth: int) -> Op:
        bad = self.maybe_callable(depth, 0.8)
        counts = (self.random.choice((0, 1, 4)), self.random.choice((0, 2, 3)))
        style = self.random.choice(("bare", "short", "nothing", "positional", "lists", "named"))
        return ("pair", self.slot(depth), (self.callable(depth), bad), counts, style)

    def op_fire(self, depth: int) -> Op:
        return ("fire", self.slot(depth), self.value(depth))

    def op_errback(self, depth: int) -> Op:
        return ("errback", self.slot(depth), self.failing())

    def op_handling(self, depth: int) -> Op:
        return ("handling", self.slot(depth), self.random.choice(_ERRORS))

    def op_start_running(self, depth: int) -> Op:
        return ("start_running", self.slot(depth), self.value(depth))

    def op_start(self, depth: int) -> Op:
        hows = (
            "inline",
            "inline",
            "ensure",
            "from coroutine",
            "from generator",
            "maybe",
            "not a generator",
            "returning",
        )
        return ("start", self.random.randrange(self.slots), self.random.choice(hows), self.generator(depth))

    def op_holding(self, depth: int) -> Op:
        return ("holding", self.random.randrange(self.slots), self.lock(), self.generator(depth))

    def lock(self) -> str:
        """Name a lock or semaphore."""
        return self.random.choice(("lock", "semaphore"))

    def op_alias(self, depth: int) -> Op:
        return (
            "alias",
            self.slot(depth),
            self.slot(depth),
            self.random.choice((None, "result", "_chainedTo")),
        )

    def op_timeout(self, depth: int) -> Op:
        return ("timeout", self.slot(depth), self.random.randint(0, 4), self.maybe_callable(depth, 0.3))

    def op_advance(self, depth: int) -> Op:
        return ("advance", self.random.randint(1, 5))

    def op_take(self, depth: int) -> Op:
        return ("take", self.slot(depth), self.random.choice(("__iter__", "__await__")))

    def op_get(self, depth: int) -> Op:
        return ("get", self.slot(depth), self.random.choice(_ATTRIBUTES))

    def op_delete(self, depth: int) -> Op:
        return ("delete", self.slot(depth), "result")

    def op_set(self, depth: int) -> Op:
        name = self.random.choice((*_ATTRIBUTES, "result", "extra", "_canceller", "debug"))
        value: Any = self.random.choice((True, False))
        if name == "result":
            value = self.value(depth)
        elif name == "paused":
            value = self.random.choice((0, 0, 1, 2))
        elif name == "_chainedTo":
            value = self.random.choice((None, ("slot", self.slot(depth))))
        elif name == "_debugInfo":
            value = None
        elif name == "_canceller":
            value = self.maybe_callable(depth, 0.7)
        return ("set", self.slot(depth), name, value)

    def op_debug(self, depth: int) -> Op:
        return ("debug", self.random.random() < 0.7)

    def op_context(self, depth: int) -> Op:
        return ("context", self.random.randint(1, 9))

    def op_patch(self, depth: int) -> Op:
        return ("patch", self.random.choice(_PATCHED))

    def op_deferred_list(self, depth: int) -> Op:
        flags = tuple(self.random.random() < 0.4 for _ in range(3))
        return ("deferred_list", self.random.randrange(self.slots), self.others(), flags)

    def op_gather(self, depth: int) -> Op:
        return ("gather", self.random.randrange(self.slots), self.others(), self.random.random() < 0.5)

    def op_race(self, depth: int) -> Op:
        return ("race", self.random.randrange(self.slots), self.others())

    def op_queue_add(self, depth: int) -> Op:
        return ("queue_add", self.slot(depth), self.callable(depth), self.callable(depth))

    def op_queue_remove(self, depth: int) -> Op:
        return ("queue_remove", self.slot(depth), self.random.choice((0, -1, 1)))

    def op_queue_replace(self, depth: int) -> Op:
        return ("queue_replace", self.slot(depth), self.random.random() < 0.5)

    def op_queue_first(self, depth: int) -> Op:
        return ("queue_first", self.slot(depth), self.callable(depth))

    def op_acquire(self, depth: int) -> Op:
        return ("acquire", self.random.randrange(self.slots), self.lock())

    def op_release(self, depth: int) -> Op:
        return ("release", self.lock())

    def op_run_with(self, depth: int) -> Op:
        return (
            "run_with",
            self.random.randrange(self.slots),
            self.lock(),
            self.callable(depth),
            self.random.choice((0, 1)),
        )

    def op_state_of(self, depth: int) -> Op:
        return ("state_of", self.random.choice(("lock", "semaphore", "queue")))

    def op_put(self, depth: int) -> Op:
        return ("put", self.value(depth))

    def op_as_future(self, depth: int) -> Op:
        return ("as_future", self.slot(depth), self.random.randrange(2))

    def op_from_future(self, depth: int) -> Op:
        return ("from_future", self.random.randrange(self.slots), self.random.randrange(2))

    def op_settle(self, depth: int) -> Op:
        how = self.random.choice(("cancel", "cancel", "fail", "value", "value"))
        return ("settle", self.random.randrange(2), how, ("token", 0))

    def op_limit(self, depth: int) -> Op:
        name = self.random.choice(("semaphore", "queue"))
        return ("limit", name, self.random.randint(-1, 3), self.random.choice((None, 0, 1, 2)))

    def op_continue(self, depth: int) -> Op:
        return ("continue", *self.random.sample(range(self.slots), 2))


def generate(seed: int) -> Program:
    """Make the program of a number."""
    return _Maker(seed).program()
