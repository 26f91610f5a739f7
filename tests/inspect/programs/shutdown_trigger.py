"""The reactor was told to stop, and waits for a trigger whose Deferred never fires."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred


def save_state():  # culprit
    return Deferred()


reactor.addSystemEventTrigger("before", "shutdown", save_state)
reactor.callLater(0, reactor.stop)
reactor.run()
