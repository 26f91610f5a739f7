"""See what a program waits for: Deferreds, coroutines, timers, jobs, descriptors and processes.

It is Python because it only reads what is there.
"""

from deferrous.inspect._explain import Explanation, explain
from deferrous.inspect._model import Group, Node, Place, Snapshot
from deferrous.inspect._report import snapshot

__all__ = ["Explanation", "Group", "Node", "Place", "Snapshot", "explain", "snapshot"]
