"""Of three replies, one never comes."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, succeed


def show_all(replies):  # culprit
    print(replies)


waits = DeferredList([succeed("a"), Deferred(), succeed("c")]).addCallback(show_all)
reactor.run()
