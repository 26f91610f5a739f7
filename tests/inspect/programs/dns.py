"""A name server does not answer."""

import threading

from twisted.internet import task
from twisted.internet._resolver import GAIResolver
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.protocol import Factory, Protocol


def getaddrinfo(*arguments):
    """Wait for the name server, as `socket.getaddrinfo` does."""
    threading.Event().wait()  # culprit


async def main(reactor):
    reactor.installNameResolver(GAIResolver(reactor, reactor.getThreadPool, getaddrinfo))
    endpoint = HostnameEndpoint(reactor, "example.invalid", 80, timeout=86400)
    await endpoint.connect(Factory.forProtocol(Protocol))


task.react(main)
