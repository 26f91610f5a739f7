"""A generator of inlineCallbacks yields a Deferred that nobody fires."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks


@inlineCallbacks
def read_line():
    line = yield Deferred()  # culprit
    return line


@inlineCallbacks
def session():
    line = yield read_line()
    print(line)


running = session()
reactor.run()
