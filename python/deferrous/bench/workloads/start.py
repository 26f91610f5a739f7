"""Starting processes, as the suites of programs with many children do: each imports Twisted anew."""

from __future__ import annotations

import subprocess
import sys

from twisted.internet import defer

#: The program of the process, without the check that it is on the same side.
_PROGRAM = "from twisted.internet import defer; assert type(defer.succeed).__name__ == {kind!r}"


def import_deferred(times: int) -> None:
    """a Python process that imports Deferred, from its start to its end"""
    program = _PROGRAM.format(kind=type(defer.succeed).__name__)
    for _ in range(times):
        subprocess.run([sys.executable, "-c", program], check=True)
