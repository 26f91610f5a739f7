"""The reactor has stopped, and a thread keeps the process."""

import threading

from twisted.internet import reactor

never = threading.Event()


def watch_files():
    never.wait()  # culprit


threading.Thread(target=watch_files, name="watcher").start()
reactor.callLater(0, reactor.stop)
reactor.run()
