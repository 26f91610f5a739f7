"""Cases: at a place where the code of a program runs, an operation of the same object is done once.

Everything that can be seen of it afterwards is reported, first of Twisted's own and then of ours.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from tests import apis, logs
from tests.safety import apart, describing

Say = Callable[[Any], None]


def cases(kind: str, place: str) -> Iterator[tuple[str, Callable[[Say], object]]]:
    """Give the cases of one place."""
    logs.begin()
    warnings.simplefilter("ignore")
    places = importlib.import_module(f"tests.safety.{kind}_places")
    acts = importlib.import_module(f"tests.safety.{kind}_acts")
    for name in ("stock", "ours"):
        api = apis.load(name)
        for act in acts.ACTS:
            case = functools.partial(_case, api, places, places.PLACES[place], acts.ACTS[act])
            yield f"{name}: {act}", case


class Once:
    """What the places call: it does something the first time."""

    def __init__(self, does: Callable[[Any], object]) -> None:
        self.does = does
        self.armed = True
        self.seen: list[Any] = []

    def __call__(self, target: Any) -> None:
        if not self.armed:
            return
        self.armed = False
        try:
            self.does(target)
            self.seen.append("done")
        except Exception as error:
            self.seen.append(f"raised {type(error).__name__}")


def _case(api: Any, places: Any, place: Any, act: Any, say: Say) -> None:
    once = Once(lambda target: act(api, target, once.seen))
    log = logs.Log()
    with log:
        target = None
        try:
            target = place(api, once)
        except Exception as error:
            once.seen.append(f"the operation raised {type(error).__name__}")
        describe = getattr(places, "describe", describing.deferred)
        use_up = getattr(places, "use_up", describing.use_up)
        found = [] if target is None else [describe(target), use_up(target)]
        say([once.seen, *found])
        del target
        once.does = lambda _: None
        said = log.take()
    say(sorted(line for line in said if "Unhandled error" not in line))


def different(kind: str, place: str) -> dict[str, Any]:
    """Run the cases of one place, and give those that differ: by the operation, what each side reported."""
    reports = apart.reports("tests.safety.hostile", kind, place)
    found: dict[str, Any] = {}
    for name, ours in reports.items():
        side, act = name.split(": ", 1)
        if side == "ours" and ours != reports[f"stock: {act}"]:
            found[act] = {"stock": reports[f"stock: {act}"], "ours": ours}
    return found
