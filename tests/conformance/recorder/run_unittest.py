"""Runs unittest with its arguments, and records the start and the outcome of every test.

When the process crashes or is told to abort, it writes the stack of every thread to the log.
"""

import faulthandler
import os
import sys
import unittest

from outcome_records import record  # type: ignore[import-not-found]
from twisted_facts import facts  # type: ignore[import-not-found]
from unittest_outcomes import DESCRIPTOR, OutcomeRecorder  # type: ignore[import-not-found]

faulthandler.enable()
# Where `python -m unittest` looks for tests first.
sys.path[0] = os.getcwd()
record(DESCRIPTOR, "run", **facts())
runner = unittest.TextTestRunner(resultclass=OutcomeRecorder)
program = unittest.main(module=None, argv=["unittest", *sys.argv[1:]], testRunner=runner, exit=False)
record(DESCRIPTOR, "end", **facts())
sys.exit(not program.result.wasSuccessful())
