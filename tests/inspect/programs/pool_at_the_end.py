"""The reactor was told to stop, and waits for a job of its thread pool."""

import threading

from twisted.internet import reactor
from twisted.internet.threads import deferToThread

never = threading.Event()


def flush():
    never.wait()  # culprit


writing = deferToThread(flush)
reactor.callLater(0.1, reactor.stop)
reactor.run()
