"""Strategies of hypothesis that make programs: one for the arguments of each operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.differential.program import ATTACHED, SLOTS, Op
from tests.differential.subclasses import KINDS, MUTE

Strategy = st.SearchStrategy[Any]

#: How deep callables are in callables, at most.
NESTING = 3
#: Families of operations, and how often each is used beside the others. A program uses only some families, so
#: that each gets to meet itself often enough.
FAMILIES: dict[str, dict[str, int]] = {
    "always": {"new": 10, "succeed": 3, "fail": 3, "add": 30, "pair": 8, "fire": 16, "errback": 8},
    "waiting": {"pause": 8, "unpause": 8, "alias": 3, "drop": 3},
    "cancelling": {"cancel": 14},
    "lists": {"deferred_list": 6, "gather": 4, "race": 6, "state_of_list": 3, "errback": 10},
    "generators": {"start": 14, "ensure": 2, "context": 3, "cancel": 6},
    "chaining": {"chain": 8, "wait_by_hand": 2},
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
    "privates": {"run_callbacks": 4, "start_running": 4, "continuation": 2},
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
#: The operations that the Rust API has, too. A program for both consists of these.
SHARED = frozenset(
    {
        *("new", "succeed", "fail", "add", "pair", "fire", "errback", "pause", "unpause", "drop", "cancel"),
        *("deferred_list", "gather", "race", "start", "chain", "timeout", "advance", "look", "take", "maybe"),
        *("acquire", "release", "run_with", "holding", "state_of", "put", "pull", "limit"),
    }
)
_ERRORS = st.sampled_from(
    ("boom",) * 10
    + ("bare", "interrupt", "exit", "closed", "stop", "cancelled", "already", "returned", "failure")
)
_ATTRIBUTES = (
    *("result", "called", "paused", "_chainedTo", "_debugInfo"),
    *("_runningCallbacks", "_suppressAlreadyCalled"),
)
_PATCHED = (
    *("addCallback", "addErrback", "addBoth", "addCallbacks", "callback", "errback", "pause", "unpause"),
    *("cancel", "_runCallbacks", "_startRunCallbacks", "_continuation", "__init__", "chainDeferred"),
)


@dataclass(frozen=True)
class Setting:
    """Settings for a whole program."""

    #: How many slots are used, and their numbers.
    count: int
    slots: Strategy
    #: The operations that are used, each as often as it weighs.
    names: Strategy
    #: The subclasses that are used.
    kinds: Strategy
    #: The kinds of callables that are used.
    flavours: Strategy
    nesting: int
    #: Whether the programs are for the Rust API, too.
    shared: bool


def _chance(percent: int) -> Strategy:
    """Be true in so many of a hundred cases, and in the simplest case not."""
    return st.integers(0, 99).map(lambda drawn: drawn >= 100 - percent)


def _weighted(*choices: tuple[int, Strategy]) -> Strategy:
    """Use one of several strategies, of which the first is the simplest."""
    strategies = [strategy for weight, strategy in choices for _ in range(weight)]
    index = st.integers(0, len(strategies) - 1)

    # To hypothesis this has a short name, where combinators have that of all that is in them.
    @st.composite
    def weighted(draw: st.DrawFn) -> Any:
        return draw(strategies[draw(index)])

    return weighted()


_SLOTS = {count: st.integers(0, count - 1) for count in range(2, SLOTS + 1)}
_FLAVOURS = ("function",) * 12 + ("method", "object", "partial", "single")
_ODD_FLAVOURS = ("len", "type", "bool", "abs", "number", "false")
_PLAIN = st.sampled_from(_FLAVOURS)
_ODD = st.sampled_from(_FLAVOURS * 6 + _ODD_FLAVOURS * 2)
_CHOSEN = {name: _chance(35) for name in FAMILIES if name != "always"}


def _flavours(draw: st.DrawFn, shared: bool) -> Strategy:
    if shared:
        return st.just("function")
    return _ODD if draw(_chance(20)) else _PLAIN


@st.composite
def _settings(draw: st.DrawFn) -> Setting:
    weights: dict[str, int] = {}
    machine = draw(st.runner())
    for name, family in FAMILIES.items():
        if machine.shared and not SHARED & family.keys():
            continue
        if name == "always" or draw(_CHOSEN[name]):
            for op, weight in family.items():
                if not machine.shared or op in SHARED:
                    weights[op] = weights.get(op, 0) + weight
    if machine.patching:
        weights["patch"] = 6
    kinds: list[str | None] = [None]
    if not machine.shared and draw(_chance(30)):
        kinds += draw(st.lists(st.sampled_from([*KINDS, *MUTE]), min_size=2, max_size=2, unique=True))
    count = draw(st.integers(2, SLOTS))
    return Setting(
        count,
        _SLOTS[count],
        st.sampled_from([name for name, weight in weights.items() for _ in range(weight)]),
        st.sampled_from(kinds),
        _flavours(draw, machine.shared),
        draw(st.sampled_from((0, 1, 1, 2, 2, 3))),
        machine.shared,
    )


SETTING = st.shared(_settings(), key="setting")
#: How much is written down after each operation.
WATCH = st.sampled_from((0, 0, 0, 0, 1, 1, 2))

_PLACE = SETTING.flatmap(lambda setting: setting.slots)
_TOKEN = st.just(("token", 0))
_COUNTS = st.sampled_from((0, 0, 0, 1, 2, 3, 4))
_LOCKS = st.sampled_from(("lock", "semaphore"))
_NEW = st.tuples(
    st.just("new"),
    st.sampled_from(("fired", "failed", "unfired", "unfired", "paused", "failed and paused", "waiting")),
    _PLACE,
)
_FAILING = _weighted(
    (4, st.tuples(st.sampled_from(("caught", "caught", "instance", "failure")), _ERRORS)),
    (3, st.tuples(st.sampled_from(("shared", "copied", "extrapolated")), st.integers(0, 1))),
    (1, st.just(("none", "nothing"))),
)
_SHARED_ERRORS = st.sampled_from(("boom",) * 6 + ("bare", "cancelled"))
_SHARED_FAILING = st.tuples(st.just("caught"), _SHARED_ERRORS)
_OTHERS = st.lists(_PLACE, min_size=2, max_size=2, unique=True) | st.lists(_PLACE, max_size=4)


class Level:
    """The strategies for what is so deep in callables of callables: at 0, in none."""

    def __init__(self, depth: int, shared: bool) -> None:
        self.depth = depth
        self.shared = shared
        self.slot = _weighted((7, _PLACE), (3, st.just(ATTACHED))) if depth else _PLACE
        self.failing = _SHARED_FAILING if shared else _FAILING
        self.value = self._values()
        self.end = self._ends()
        # What is inside is not made before it is drawn, since it is the same for all that is on one level.
        self.callable = self._callables()
        self.generator = self._generators()
        self.canceller = st.none() | self._cancellers()
        self.arguments = self._arguments()

    def _values(self) -> Strategy:
        plain = st.sampled_from((None, 0, 1, "text", True))
        if self.shared:
            item = _weighted((5, _TOKEN), (2, plain))
            return _weighted((9, item), (1, st.tuples(st.just("list"), _TOKEN, item)))
        named = st.tuples(st.sampled_from(("slot", "result")), self.slot)
        simple = _weighted((5, _TOKEN), (2, plain), (1, _FAILING), (1, named))
        return _weighted((9, simple), (1, st.tuples(st.just("list"), _TOKEN, simple)))

    def _ends(self) -> Strategy:
        def named(slot: Strategy) -> Strategy:
            return st.tuples(st.just("value"), st.tuples(st.just("slot"), slot))

        if self.shared:
            return _weighted(
                (25, st.just(("argument",))),
                (25, st.tuples(st.just("value"), self.value)),
                (15, st.tuples(st.just("raise"), _SHARED_ERRORS)),
                (5, st.sampled_from((("again",), ("trap",)))),
                (13, _NEW),
                (12, named(_PLACE)),
            )
        return _weighted(
            (25, st.just(("argument",))),
            (25, st.tuples(st.just("value"), self.value)),
            (15, st.tuples(st.just("raise"), _ERRORS)),
            (5, st.sampled_from((("again",), ("trap",)))),
            (13, _NEW),
            (12, named(_PLACE)),
            (2, st.tuples(st.just("return"), self.value)),
            (3, named(st.just(ATTACHED))),
        )

    def _callables(self) -> Strategy:
        ops = _operations(self.depth + 1, st.sampled_from((0, 0, 1, 1, 2)))
        written = st.tuples(SETTING.flatmap(lambda setting: setting.flavours), ops, self.end)
        if self.shared:
            return written
        methods = st.sampled_from(("callback", "errback", "cancel", "pause", "unpause"))
        return _weighted((24, written), (1, st.tuples(methods, self.slot)))

    def _cancellers(self) -> Strategy:
        """Draw cancellers, which often fire what they are given."""
        fires = _weighted(
            (1, st.tuples(st.just("fire"), st.just(ATTACHED), self.value)),
            (1, st.tuples(st.just("errback"), st.just(ATTACHED), self.failing)),
            (1, st.just(("call", ATTACHED, "cancel"))),
        )

        def with_fire(drawn: tuple[Any, Any]) -> Any:
            (flavour, *rest), fire = drawn
            return (flavour, [*rest[0], fire], rest[1]) if len(rest) == 2 else (flavour, *rest)

        return _weighted((3, self.callable), (2, st.tuples(self.callable, fires).map(with_fire)))

    def _generators(self) -> Strategy:
        waited = [(8, st.tuples(st.just("slot"), _PLACE)), (8, _NEW)]
        if not self.shared:
            waited.append((1, self.value))
        if self.depth < 2:
            inner = st.deferred(lambda: level(self.depth + 1, self.shared).generator)
            waited += [(3, st.tuples(st.sampled_from(("generator", "coroutine")), inner))]
        ops = _operations(self.depth + 1, st.sampled_from((0, 0, 0, 1)))
        step = st.tuples(ops, _weighted(*waited), st.sampled_from(("raise", "raise", "go on", "replace")))
        steps = st.sampled_from((1, 0, 1, 2, 3)).flatmap(
            lambda count: st.lists(step, min_size=count, max_size=count)
        )
        if self.shared:
            # A coroutine that awaits another one cannot catch its panic.
            errors = st.sampled_from(("boom", "cancelled", "boom" if self.depth else "bare"))
            values, raised = st.tuples(st.just("value"), self.value), st.tuples(st.just("raise"), errors)
            return st.tuples(steps, _weighted((1, st.just(("argument",))), (2, values), (1, raised)))
        return st.tuples(steps, _weighted((9, self.end), (1, st.just(("elsewhere", ("token", 0))))))

    def _arguments(self) -> dict[str, Strategy]:
        """Give, for each operation, its name among the operations of worlds and its arguments."""
        slot, value, function = self.slot, self.value, self.callable

        def op(name: str, *arguments: Strategy) -> Strategy:
            return st.tuples(st.just(name), *arguments)

        def choice(*values: Any) -> Strategy:
            return st.sampled_from(values)

        one = ["look", "text", "drop", "queue_length", "queue_shape", "queue_clear", "pull", "clean"]
        one += ["forgive", "old_name", "state_of_list"]
        two = ("queue_move", "queue_share", "chain", "ensure")
        called = {name: name for name in ("pause", "unpause", "cancel")}
        called |= {"run_callbacks": "_runCallbacks", "continuation": "_continuation"}
        # How many arguments a callback gets besides the result. In Rust there are none.
        count = st.just(0) if self.shared else _COUNTS
        counts = st.tuples(choice(0, 1, 4), choice(0, 2, 3))
        styles = choice("bare", "short", "nothing", "positional", "lists", "named")
        if self.shared:
            counts, styles = st.just((0, 0)), st.just("bare")
        ways = choice(
            "inline", "inline", "ensure", "from coroutine", "from generator", "maybe", "not a generator"
        )
        return {
            **{name: op(name, slot) for name in one},
            **{name: op(name, slot, slot) for name in two},
            **{name: op("call", slot, st.just(method)) for name, method in called.items()},
            "new": op("new", _PLACE, SETTING.flatmap(lambda setting: setting.kinds), self.canceller),
            "succeed": op("succeed", slot, value),
            "fail": op("fail", slot, self.failing),
            "maybe": op("maybe", slot, function, choice(0, 0, 1, 4)),
            "execute": op("execute", slot, function, choice(0, 0, 1, 4)),
            "add": op(
                "add", slot, choice("addCallback", "addCallback", "addErrback", "addBoth"), function, count
            ),
            "pair": op(
                "pair", slot, st.tuples(function, _weighted((1, st.none()), (4, function))), counts, styles
            ),
            "fire": op("fire", slot, value),
            "errback": op("errback", slot, self.failing),
            "handling": op("handling", slot, _ERRORS),
            "start_running": op("start_running", slot, value),
            "start": op("start", _PLACE, ways | st.just("returning"), self.generator),
            "holding": op("holding", _PLACE, _LOCKS, self.generator),
            "alias": op("alias", slot, slot, choice(None, "result", "_chainedTo")),
            "timeout": op("timeout", slot, st.integers(0, 4), _weighted((7, st.none()), (3, function))),
            "advance": op("advance", st.integers(1, 5)),
            "take": op("take", slot, choice("__iter__", "__await__")),
            "get": op("get", slot, choice(*_ATTRIBUTES)),
            "delete": op("delete", slot, st.just("result")),
            "set": self._set(),
            "debug": op("debug", choice(True, True, False)),
            "context": op("context", st.integers(1, 9)),
            "patch": op("patch", choice(*_PATCHED)),
            "deferred_list": op("deferred_list", _PLACE, _OTHERS, st.tuples(*[_chance(40)] * 3)),
            "gather": op("gather", _PLACE, _OTHERS, st.booleans()),
            "race": op("race", _PLACE, _OTHERS),
            "queue_add": op("queue_add", slot, function, function),
            "queue_remove": op("queue_remove", slot, choice(0, -1, 1)),
            "queue_replace": op("queue_replace", slot, st.booleans()),
            "queue_first": op("queue_first", slot, function),
            "acquire": op("acquire", _PLACE, _LOCKS),
            "release": op("release", _LOCKS),
            "run_with": op("run_with", _PLACE, _LOCKS, function, choice(0, 1)),
            "state_of": op("state_of", choice("lock", "semaphore", "queue")),
            "put": op("put", value),
            "as_future": op("as_future", slot, st.integers(0, 1)),
            "from_future": op("from_future", _PLACE, st.integers(0, 1)),
            "settle": op(
                "settle", st.integers(0, 1), choice("value", "value", "cancel", "cancel", "fail"), _TOKEN
            ),
            "turn": op("turn"),
            "limit": op("limit", choice("semaphore", "queue"), st.integers(-1, 3), choice(None, 0, 1, 2)),
            "wait_by_hand": op("continue", _PLACE, _PLACE),
        }

    def _set(self) -> Strategy:
        """Draw an attribute, and what it is set to."""
        special: dict[str, Strategy] = {
            "result": self.value,
            "paused": st.sampled_from((0, 0, 1, 2)),
            "_chainedTo": st.none() | st.tuples(st.just("slot"), self.slot),
            "_debugInfo": st.none(),
            "_canceller": _weighted((3, st.none()), (7, self.callable)),
        }
        names = (*_ATTRIBUTES, "result", "extra", "_canceller", "debug")
        return _weighted(
            *(
                (1, st.tuples(st.just("set"), self.slot, st.just(name), special.get(name, st.booleans())))
                for name in names
            )
        )


_LEVELS: dict[tuple[int, bool], Level] = {}


def level(depth: int, shared: bool) -> Level:
    """Give the strategies of a level, which are made once."""
    if (depth, shared) not in _LEVELS:
        _LEVELS[depth, shared] = Level(depth, shared)
    return _LEVELS[depth, shared]


@st.composite
def _operations(draw: st.DrawFn, depth: int, sizes: Strategy) -> list[Op]:
    setting = draw(SETTING)
    if depth > setting.nesting:
        return []
    arguments = level(depth, setting.shared).arguments
    return [draw(arguments[draw(setting.names)]) for _ in range(draw(sizes))]


@st.composite
def beginnings(draw: st.DrawFn) -> list[Op]:
    """Draw the operations that put something into each slot."""
    setting = draw(SETTING)
    new = level(0, setting.shared).arguments["new"]
    made = (draw(new) for _ in range(setting.count))
    return [(name, slot, *rest) for slot, (name, _, *rest) in enumerate(made)]


@st.composite
def _operation(draw: st.DrawFn) -> Op:
    setting = draw(SETTING)
    op: Op = draw(level(0, setting.shared).arguments[draw(setting.names)])
    return op


OPERATIONS = _operation()
