"""A DNS server and its clients, over UDP and TCP."""

from __future__ import annotations

import socket
from typing import Any

from twisted.names import authority, dns, server
from twisted.names.client import Resolver

from tests.reactors import Loop
from tests.reactors.inside import gathered, until

LOCAL = "127.0.0.1"
NAMES = 60


def zone() -> tuple[Any, Any]:
    """Give the names of example.test."""
    soa = dns.Record_SOA(mname=b"ns.example.test", rname=b"root.example.test", serial=1, refresh=60)
    records: dict[bytes, list[Any]] = {b"example.test": [soa, dns.Record_MX(10, b"mail.example.test")]}
    for number in range(NAMES):
        records[b"host%d.example.test" % number] = [dns.Record_A(f"10.0.0.{number}")]
    # More than fits into one datagram, so that it has to be asked for again over TCP.
    records[b"long.example.test"] = [dns.Record_TXT(b"x" * 200, b"%d" % number) for number in range(20)]
    return soa, records


class Zone(authority.FileAuthority):
    """A zone that is in no file."""

    def __init__(self, soa: Any, records: Any) -> None:
        self.given = (b"example.test", soa), records
        super().__init__("")

    def loadFile(self, filename: str) -> None:
        """Take what was given."""
        self.soa, self.records = self.given  # type: ignore[assignment]


def asking(reactor: Any) -> dict[str, Any]:
    """Ask for many names at once, for a long one, for one that is not there, and where nobody answers."""
    soa, records = zone()

    async def main() -> dict[str, Any]:
        factory = server.DNSServerFactory(authorities=[Zone(soa, records)])
        udp = reactor.listenUDP(0, dns.DNSDatagramProtocol(factory), interface=LOCAL)
        number = udp.getHost().port
        tcp = reactor.listenTCP(number, factory, interface=LOCAL)
        resolver = Resolver(servers=[(LOCAL, number)], reactor=reactor)
        addresses = await gathered(
            [resolver.lookupAddress(b"host%d.example.test" % name) for name in range(NAMES)]
        )
        mail = await resolver.lookupMailExchange(b"example.test")
        long = await resolver.lookupText(b"long.example.test")
        missing = await resolver.lookupAddress(b"none.example.test").addErrback(lambda f: f.type.__name__)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((LOCAL, 0))
            nobody = Resolver(servers=[silent.getsockname()], timeout=(0.05,), reactor=reactor)
            late = await nobody.lookupAddress(b"host1.example.test").addErrback(lambda f: f.type.__name__)
        await udp.stopListening()
        await tcp.stopListening()
        return {
            "addresses": [answers[0].payload.dottedQuad() for answers, _, _ in addresses],
            "mail": str(mail[0][0].payload.name),
            "long": len(long[0]),
            "missing": missing,
            "late": late,
        }

    return until(reactor, main())


def test_every_question_gets_its_answer_or_a_failure(loop: Loop) -> None:
    """Each question gets its answer, long ones over TCP, and errors and silence come as failures."""
    found = loop.run(asking)
    assert found["addresses"] == [f"10.0.0.{number}" for number in range(NAMES)]
    assert found == {
        "addresses": found["addresses"],
        "mail": "mail.example.test",
        "long": 20,
        "missing": "DNSNameError",
        "late": "TimeoutError",
    }


def threaded(reactor: Any) -> list[Any]:
    """Look names up as the reactor itself does, which is in its threads."""

    async def main() -> list[Any]:
        found = [await reactor.resolve("localhost"), await reactor.resolve(LOCAL)]
        failed = await reactor.resolve("no.invalid").addErrback(lambda failure: failure.type.__name__)
        return [*found, failed]

    return until(reactor, main())


def test_names_are_looked_up_in_threads(loop: Loop) -> None:
    """Names of this machine are found, and others are failures."""
    assert loop.run(threaded) == [LOCAL, LOCAL, "DNSLookupError"]
