"""Texts made fit to be printed: names are the program's, which may be another user's.

A terminal obeys escape sequences, and U+202E and the like change the order of what is read. Whatever is
printed of a program goes through here. It is Python because it makes text.
"""

from __future__ import annotations

from typing import Any


def printable(text: str) -> str:
    """Return a text with the characters escaped, as Python does it, that are not printed as themselves.

    These are line breaks, control characters, those without a width, those that turn the direction of the
    text, and those that are none.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def printable_lines(text: str) -> str:
    """Return a text of several lines, which stay lines, with the same characters escaped."""
    return "\n".join(map(printable, text.split("\n")))


def printable_answer(answer: Any) -> Any:
    """Return an answer of a program, as JSON has it, with the same characters escaped in all texts."""
    if isinstance(answer, str):
        return printable(answer)
    if isinstance(answer, dict):
        return {name: printable_answer(part) for name, part in answer.items()}
    if isinstance(answer, list):
        return [printable_answer(part) for part in answer]
    return answer
