"""What goes through the socket: a request is a line of JSON, and so is each of the lines that answer it.

The first answer is `WORKING`, as soon as the program has read the request: whoever does not get it knows
that nothing runs Python there. The second and last one is the answer, or ``{"error": "..."}``. It is Python
because both ends are.
"""

from __future__ import annotations

import json
from typing import Any

#: Raised when a program of one version and a command of another would misunderstand each other.
VERSION = 1

#: The longest request, in bytes. The commands send less than one kilobyte.
MAX_REQUEST = 64 * 1024

#: The longest answer, in bytes. Like things are told once, so that real ones are far shorter.
MAX_ANSWER = 256 * 1024 * 1024

#: The commands that a program answers.
COMMANDS = ("ps", "pstree", "why", "stalls", "metrics")

#: What a program sends as soon as it has read a request.
WORKING = b'{"working": true}\n'


class InspectError(RuntimeError):
    """A program cannot be inspected. The message is one line, which says why and what to do."""


InspectError.__module__ = "deferrous.inspect"


def encode(message: dict[str, Any]) -> bytes:
    """Return a request or an answer as a line."""
    # Names of files may have bytes that no encoding has: they are escaped.
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return what a line says.

    Raises:
        InspectError: it is no JSON, or no object.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise InspectError("this is no line of JSON") from None
    if not isinstance(message, dict):
        raise InspectError("this is no JSON object")
    return message


def check_request(request: dict[str, Any]) -> None:
    """Check what a program has been asked.

    Raises:
        InspectError: it is of another version, or no command.
    """
    version = request.get("version")
    if version != VERSION:
        raise InspectError(
            f"the program speaks version {VERSION} of the inspection's protocol, and the command "
            f"{version!r}: run the deferrous of the program's environment"
        )
    if request.get("command") not in COMMANDS:
        raise InspectError(f"there is no command {request.get('command')!r}")


def check_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Return what a program has answered, if it is an answer of this version.

    Raises:
        InspectError: it is an error of the program, or of another version.
    """
    if "error" in answer:
        raise InspectError(str(answer["error"]))
    version = answer.get("version")
    if version != VERSION:
        raise InspectError(
            f"the program speaks version {version!r} of the inspection's protocol, and this command "
            f"{VERSION}: run the deferrous of the program's environment"
        )
    return answer
