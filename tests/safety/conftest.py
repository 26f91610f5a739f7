"""Which of these tests run by default.

`make safety` runs them all. Those that are left out otherwise take minutes, or show differences between
stock and ours in delayed calls and calls from threads that are still to be mended.
"""

from __future__ import annotations

import os

collect_ignore = (
    []
    if os.environ.get("DEFERROUS_SAFETY") == "all"
    else [
        "test_failing_allocations.py",
        "test_reentering_calls_from_threads.py",
        "test_reentering_delayed_calls.py",
    ]
)
