"""DEFERROUS_INSPECT_SIGNAL=USR2: a signal at which the program writes to its log what waits for what.

It is for programs that nobody can reach from outside. It is Python because it sets a handler of the program.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from deferrous.inspect import _client, _server
from deferrous.inspect._protocol import InspectError

#: The environment variable: a signal's name, with or without SIG.
VARIABLE = "DEFERROUS_INSPECT_SIGNAL"


def signal_named(name: str) -> signal.Signals:
    """Return the signal of a name, such as USR2 or SIGUSR2.

    Raises:
        InspectError: there is none that a program may take.
    """
    full = name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"
    number = getattr(signal.Signals, full, None)
    if number is None or number in (signal.SIGKILL, signal.SIGSTOP):
        raise InspectError(f"{VARIABLE}={name} means nothing: name a signal that is free, such as USR2")
    found: signal.Signals = number
    return found


def handle(name: str) -> None:
    """Have a signal write the tree to the log.

    Raises:
        InspectError: the signal is not free, there is none of this name, or this is not the main thread.
    """
    number = signal_named(name)
    if threading.current_thread() is not threading.main_thread():
        raise InspectError(f"{VARIABLE}={name}: Twisted is imported in another thread than the main one")
    present = signal.getsignal(number)
    if present is _on_signal:
        return
    if present is not signal.SIG_DFL:
        raise InspectError(f"{VARIABLE}={name}: the program has a handler for it. Name one that is free")
    signal.signal(number, _on_signal)
    signal.siginterrupt(number, False)


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Have another thread write: the main thread goes on."""
    threading.Thread(target=_log_tree, name="deferrous.inspect", daemon=True).start()


def _log_tree() -> None:
    """Write the tree to the log of the program."""
    from twisted.logger import Logger

    log = Logger("deferrous.inspect")
    server = _server.running()
    if server is None:
        return
    try:
        answer = _client.ask_self(server.path, {"command": "pstree"})
    except (InspectError, OSError) as error:
        log.error("what waits for what cannot be shown: {error}", error=error)
    else:
        from deferrous.inspect import _text

        log.info("what process {pid} waits for:\n{tree}", pid=os.getpid(), tree=_text.render(answer))
