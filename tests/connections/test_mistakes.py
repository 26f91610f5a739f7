"""The programs find mistakes that are planted in Twisted's transports."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.connections.compare import differences, expectations, finds

#: How many programs may be needed to find a mistake.
PROGRAMS = 300
#: One mistake in so many is tried. The long version of the tests tries all.
EVERY = int(os.environ.get("DEFERROUS_CONNECTION_MISTAKES_EVERY", "3"))
#: The names of the mistakes, which are in a module that installs the default reactor.
MISTAKES = re.findall(
    r"^    (\w+),$",
    Path(__file__).with_name("mistakes.py").read_text().partition("\nMISTAKES = (")[2],
    re.MULTILINE,
)


def test_every_mistake_has_a_name() -> None:
    """The list of names is that of the functions."""
    assert len(MISTAKES) == len(set(MISTAKES)) > 25


def test_planted_mistakes_are_found() -> None:
    """Each of the mistakes shows in one of the first programs."""
    expected = expectations("epoll", PROGRAMS)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        tried = MISTAKES[::EVERY]
        found = dict(zip(tried, pool.map(lambda name: finds(name, expected), tried), strict=True))
    assert [name for name, needed in found.items() if needed is None] == []


def test_a_program_that_finds_a_mistake_is_cut_down_and_printed() -> None:
    """What is left of it is what shows the mistake, with what is seen on both."""
    (said, *_) = differences("epoll", ["epoll", "--mistake", "protocol_kept"], 4)
    needed = said.partition("What is needed of the program of seed")[2]
    steps = [line for line in needed.splitlines() if line.startswith("  [")]
    assert len(steps) <= 1, said
    assert re.search(r"^\+server has .* disconnected .*protocol", needed, re.MULTILINE), said
