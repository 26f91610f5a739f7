"""The same program on the standard library's loop and on ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from deferrous.asyncio import Loop

AnyLoop = asyncio.AbstractEventLoop

#: The classes of loops, for tests that each has to pass by itself.
on_both = pytest.mark.parametrize("make_loop", [asyncio.SelectorEventLoop, Loop], ids=["stock", "ours"])

#: What a program does; it notes what happens by its second argument.
Program = Callable[[Any, Callable[[object], None]], object]


def happenings(make_loop: Callable[[], AnyLoop], program: Program, *, debug: bool = False) -> list[object]:
    """Run a program until it stops the loop.

    Args:
        make_loop: the class of the loop.
        program: sets up what is to happen.
        debug: whether the loop is in debug mode.

    Returns:
        what the program has noted, errors that the loop has reported included.
    """
    noted: list[object] = []
    loop = make_loop()
    loop.set_debug(debug)
    loop.set_exception_handler(
        lambda _, context: noted.append((context["message"], repr(context["exception"])))
    )
    try:
        program(loop, noted.append)
        try:
            loop.run_forever()
        except BaseException as error:
            noted.append(("raised", repr(error)))
    finally:
        loop.close()
    return noted


def same_on_both(program: Program, *, debug: bool = False) -> list[object]:
    """Run a program on both loops, which have to do the same. Return what it has noted."""
    stock = happenings(asyncio.SelectorEventLoop, program, debug=debug)
    assert happenings(Loop, program, debug=debug) == stock
    return stock
