"""The bounds for the figures of `deferrous bench`, which `make bench` checks.

    python -m tests.bench.bounds FIGURES.json

prints the figures that miss their bounds. The exit status is 1 if there are any.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

#: The least geometric mean of a group.
LEAST_MEAN = {"deferreds": 5.0}
#: The least ratio of a row that counts in the geometric mean.
LEAST_RATIO = {
    "fires-at-start": 7.0,
    "fires-at-end": 7.0,
    "chained-fired": 7.0,
    "chained-unfired": 7.0,
    "next-turn": 3.0,
    "timers-cancelled": 3.0,
    "timers-fired": 3.0,
    "from-own-thread": 3.0,
    "from-other-thread": 3.0,
    "to-thread-1": 3.0,
    "to-thread-10": 6.0,
    "to-thread-100": 6.0,
    "tcp-echo-32": 2.7,
    "tcp-echo-1": 1.4,
    "tcp-echo-1000": 2.3,
    "tcp-echo-64k": 2.4,
    "lines": 2.0,
    "unix-echo": 2.5,
    "udp-echo": 2.0,
    "tls-echo": 2.8,
    "web-hello": 1.35,
    "klein-hello": 1.3,
}
#: Records of what makes Deferreds cost at most 12 % on chains of Deferreds, and 3 % on a web request.
LEAST_RATIO |= dict.fromkeys(
    (
        "records-construct",
        "records-fires-at-start",
        "records-fires-at-end",
        "records-errbacks",
        "records-chained-fired",
        "records-chained-unfired",
    ),
    1 / 1.12,
)
LEAST_RATIO["records-web-hello"] = 1 / 1.03
#: The same for the rows that are not named above.
OTHER_LEAST_RATIO = 2.5
#: The least ratio to a peer such as asyncio.
LEAST_PEER_RATIO = {
    "tcp-echo-32": 1.05,
    "tcp-echo-1": 0.95,
    "tcp-echo-1000": 0.95,
    "lines": 4.0,
    "tls-echo": 1.1,
}
#: The same for the rows that are not named above.
OTHER_LEAST_PEER_RATIO = 1.0
#: The most memory, as a part of stock Twisted's.
MOST_MEMORY = {"memory": 0.35, "memory-timers": 0.5, "memory-connections": 0.5, "memory-records": 1.02}
#: The rows that need something that not every user of `make bench` has.
OPTIONAL = {"klein-hello"}
#: The most seconds that a row may take longer than with stock Twisted.
MOST_ADDED = {"start": 0.010}


def missed(figures: dict[str, Any]) -> list[str]:
    """Return a line for each figure that misses its bound.

    Args:
        figures: what `deferrous bench --json` has written.
    """
    return [line for group in figures["groups"] for line in _missed_in_group(group)]


def _missed_in_group(group: dict[str, Any]) -> Iterator[str]:
    mean, least = group["geometric_mean"], LEAST_MEAN.get(group["name"])
    if mean is not None and least is not None and mean < least:
        yield f"geometric mean of {group['name']}: {mean:.2f}x, at least {least}x"
    for row in group["workloads"]:
        yield from _missed_in_row(row)
    if memory := group["memory"]:
        part, most = memory["ratio"]["median"], MOST_MEMORY[memory["name"]]
        if part > most:
            yield f"{memory['name']}: {part:.3f} of stock's, at most {most}"
    for name, reason in group["left_out"].items():
        if name not in OPTIONAL:
            yield f"{name}: not measured: {reason}"


def _missed_in_row(row: dict[str, Any]) -> Iterator[str]:
    name = row["name"]
    ratio, least = row["ratio"]["median"], LEAST_RATIO.get(name, OTHER_LEAST_RATIO)
    if row["counted"] and ratio < least:
        yield f"{name}: {ratio:.2f}x, at least {least}x"
    added, most = row["added"]["median"], MOST_ADDED.get(name)
    if most is not None and added > most:
        yield f"{name}: {added * 1e3:.1f} ms more than stock, at most {most * 1e3:.0f} ms"
    if peer := row["peer"]:
        least = LEAST_PEER_RATIO.get(name, OTHER_LEAST_PEER_RATIO)
        if peer["ratio"] is None:
            yield f"{name}: not compared with {peer['name']}, which is not installed"
        elif peer["ratio"]["median"] < least:
            yield f"{name}: {peer['ratio']['median']:.2f}x of {peer['name']}, at least {least}x"


def main(arguments: Sequence[str]) -> int:
    """Print the missed bounds of a file of figures, and return the exit status."""
    (path,) = arguments
    lines = missed(json.loads(Path(path).read_text(encoding="utf-8")))
    print("\n".join(["missed bounds:", *(f"  {line}" for line in lines)]) if lines else "all bounds are kept")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
