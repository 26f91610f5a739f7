"""Runs trial's own command, started as its console script starts it.

The folder of this file is thereby on the path of modules, where trial finds the plugin with the recording
reporter. And when the process crashes or is told to abort, it writes the stack of every thread to the log.
"""

import faulthandler
import sys

from twisted.scripts import trial

faulthandler.enable()
sys.argv[0] = "trial"
trial.run()
