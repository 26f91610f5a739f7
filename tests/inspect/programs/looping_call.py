"""The function of a LoopingCall returns a Deferred that never fires: it is not called again."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall


def poll():  # culprit
    return Deferred()


loop = LoopingCall(poll)
loop.start(60)
reactor.run()
