"""Web servers, each with a page of a few words. Their access logs go to Twisted's log, which drops them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import _traffic
from ._served import Served, tcp


def _site() -> object:
    # They take longer to import than all else here, which only this row has to wait for.
    from twisted.web import resource, server

    class Hello(resource.Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> bytes:
            return _traffic.HELLO

    return server.Site(Hello())  # type: ignore[no-untyped-call]


def _klein_site() -> object:
    from twisted.web import server

    # Users of the command need not have it.
    app: Any = import_module("klein").Klein()

    def hello(_request: object) -> bytes:
        return _traffic.HELLO

    app.route("/")(hello)
    return server.Site(app.resource())  # type: ignore[no-untyped-call]


_web = Served(tcp(_site), _traffic.PAGE)
_klein = Served(tcp(_klein_site), _traffic.PAGE_IN_CHUNKS)


async def web(times: int) -> None:
    """a page of a few words by twisted.web, on 32 connections"""
    await _web.exchange(times)


async def klein(times: int) -> None:
    """a page of a few words by klein, on 32 connections"""
    await _klein.exchange(times)
