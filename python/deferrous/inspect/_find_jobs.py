"""The jobs of thread pools, queued and running. It is Python because it only reads."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from deferrous.inspect._items import Item
from deferrous.inspect._model import Place
from deferrous.inspect._names import describe, own_dict
from deferrous.inspect._threads import stock_job

Threads = list[dict[str, Any]]


def jobs(pools: Iterable[Any], threads: Threads) -> Iterator[tuple[int, Item]]:
    """Yield the jobs of thread pools, each with the id of the Deferred or function that gets the result.

    Args:
        pools: the pools.
        threads: the threads of the process, as `threads_now` gives them.
    """
    known = {thread["ident"]: thread for thread in threads}
    stock = [_of_stock(thread["job"], thread, None) for thread in threads if thread.get("job")]
    yield from stock
    for pool in pools:
        own = own_dict(pool)
        team: Any = own.get("_team")
        most = own.get("max")
        ours = getattr(sys.modules.get("deferrous._native"), "Team", None)
        if ours is not None and type(team) is ours:
            begun = []
            for function, tells, ident, age in team.jobs():
                name, place = describe(function)
                if ident:
                    item = _job(name, place, known.get(ident, {}), age, most)
                    begun.append(item)
                else:
                    item = _queued(_job(name, place, None, age, most), begun)
                yield tells, item
        else:
            for entry in list(own_dict(team).get("_pending") or ()):
                job = stock_job(entry)
                if job is not None:
                    tells, item = _of_stock(job, None, most)
                    yield tells, _queued(item, [begun for _, begun in stock])


def _queued(item: Item, begun: list[Item]) -> Item:
    """Let a queued job wait for those that have been begun."""
    for other in begun:
        item.wait_for(other)
    return item


def _of_stock(job: dict[str, Any], thread: dict[str, Any] | None, most: object) -> tuple[int, Item]:
    return job["tells"], _job(job["function"], Place(job["file"], job["line"]), thread, None, most)


def _job(name: str, place: Place, thread: dict[str, Any] | None, age: float | None, most: object) -> Item:
    """Return the item of a job. Without a thread it is queued."""
    if thread is None:
        note = f"queued: all {most} threads are busy"
        return Item(
            "job", name, place, words=f"the job {name}, {note}", plural=f"jobs {name}, {note}", note=note
        )
    note = f"in thread {thread.get('name') or '?'}"
    for frame in thread.get("stack", ()):
        # Before Python 3.11 code has no qualified name.
        if frame["file"] == place.file and name.rpartition(".")[2] == frame["function"].rpartition(".")[2]:
            place = Place(place.file, frame["line"] or place.line)
    words = f"the job {name} {note}"
    return Item("job", name, place, words=words, plural=f"jobs {name}", note=note, age=age)
