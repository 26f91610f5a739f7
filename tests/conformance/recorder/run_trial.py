"""Runs trial's own command, started as its console script starts it.

The folder of this file is thereby on the path of modules, where trial finds the plugin with the recording
reporter. And when the process crashes or is told to abort, it writes the stack of every thread to the log.

`--build-only CLASS`, before the arguments of trial, names the one reactor that Twisted makes tests for where
it makes them for every reactor it has.
"""

import faulthandler
import os
import sys

from twisted.scripts import trial

BUILD_ONLY = "--build-only"


def build_only(reactor: str) -> None:
    """Have tests made for one reactor only.

    Args:
        reactor: the class, with its module.
    """
    from twisted.internet.test.reactormixins import ReactorBuilder

    # Twisted's classes of tests have the list itself, and make themselves when their modules are loaded.
    ReactorBuilder._reactors[:] = [reactor]


faulthandler.enable()
if sys.argv[1] == BUILD_ONLY:
    build_only(sys.argv[2])
    del sys.argv[1:3]
sys.argv[0] = "trial"
# Tests in the sources of a program are named as modules: trial cannot load a file on Python 3.15.
sys.path.insert(0, os.getcwd())
trial.run()
