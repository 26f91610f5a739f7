"""What a process that was forked off does at once, whatever of the package it uses.

It has no thread of its parent's, and its reactors and loops need pollers of their own.
"""

import os

from deferrous import _core

os.register_at_fork(after_in_child=_core.after_fork)
