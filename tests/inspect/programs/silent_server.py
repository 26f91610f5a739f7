"""A server takes the connection, and never answers."""

import socket

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol

listener = socket.create_server(("127.0.0.1", 0))


class Client(Protocol):
    def ask(self, question):
        self.reply = Deferred()
        self.transport.write(question)
        return self.reply

    def dataReceived(self, data):
        self.reply.callback(data)


async def main(reactor):
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", listener.getsockname()[1])
    client = await connectProtocol(endpoint, Client())
    await client.ask(b"anybody there?\r\n")  # culprit


task.react(main)
