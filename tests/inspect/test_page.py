"""The page of `deferrous web`, in a browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from deferrous.inspect import InspectError, _web
from deferrous.inspect._web import Page

from tests.inspect.browser import Browser

COMMON = {
    "program": "server.py <b>bold</b>",
    "pid": 42,
    "python": "3.13.0",
    "twisted": "26.10.0",
    "reactor": "DeferrousReactor",
}


def row(name: str, count: int, oldest: float | None, waits_for: str) -> dict[str, Any]:
    place = {"file": f"/app/{name}.py", "line": 7}
    return {
        "kind": "coroutine",
        "name": name,
        **place,
        "waits_for": waits_for,
        "count": count,
        "oldest": oldest,
        "youngest": oldest,
    }


def node(name: str, *waits_for: dict[str, Any], note: str | None = None) -> dict[str, Any]:
    what = {
        "kind": "coroutine",
        "name": name,
        "file": f"/app/{name}.py",
        "line": 3,
        "age": 5.0,
        "count": 1,
        "note": note,
    }
    return {**what, "waits_for": list(waits_for)}


ANSWERS: dict[str, dict[str, Any]] = {
    "ps": {
        **COMMON,
        "rows": [
            row("fetch", 10_000, 2.5, "timer"),
            row("store", 3, 90.0, "a lock"),
            row("quiet", 1, None, ""),
        ],
    },
    "pstree": {
        **COMMON,
        "trees": [
            node("main", node("child", node("leaf", note="can never fire")), node("second")),
            node("other"),
        ],
    },
    "stalls": {
        **COMMON,
        "threshold": 0.05,
        "now": {"text": "blocked for 2 s", "frames": []},
        "recent": [
            {
                "text": "blocked for 80 ms",
                "frames": [{"name": "render", "file": "/app/page.py", "line": 4, "share": 0.75}],
            }
        ],
        "left_out": 2,
        "note": None,
    },
    "metrics": {
        **COMMON,
        "metrics": {
            "idle_share": 0.25,
            "longest_turn_seconds": 0.0123,
            "mean_timer_lag_seconds": None,
            "delayed_calls": 1234,
            "readers": 2,
            "writers": 0,
            "pool_threads": 4,
            "pool_busy_threads": 1,
            "pool_queued_jobs": None,
        },
    },
}


class Program:
    """What the page asks: it gives answers, until it is to fail."""

    problem: str | None = None

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append(request)
        if self.problem is not None:
            raise InspectError(self.problem)
        if request.get("rows"):
            return {**ANSWERS["pstree"], "rows": ANSWERS["ps"]["rows"]}
        return ANSWERS[request["command"]]


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def page(program: Program) -> Iterator[Page]:
    with Page(program) as page:
        thread = threading.Thread(target=page.serve_forever)
        thread.start()
        yield page
        page.shutdown()
        thread.join()


@pytest.fixture
def browser(page: Page) -> Iterator[Browser]:
    with Browser() as browser:
        browser.open(page.address)
        browser.until("document.querySelectorAll('#things tr').length === 3")
        browser.until("document.querySelectorAll('#figures dd').length === 6")
        yield browser
        assert browser.errors() == []


def test_the_page_shows_what_the_program_answers(browser: Browser) -> None:
    text = browser.run("return document.body.innerText")
    for shown in (
        "PID 42, Python 3.13.0, Twisted 26.10.0, DeferrousReactor",
        "25 %",
        "12.3 ms",
        "1\u202f234",
        "a lock",
        "fetch.py:7",
    ):
        assert shown in text
    assert "blocked for 80 ms" in text
    assert "75 % render page.py:4" in text
    assert "4, 1, unknown" in text
    assert "And 2 more that are not shown." in text
    assert browser.run("return document.querySelector('.stall.now').innerText") == "blocked for 2 s"


def test_names_of_the_program_are_text_and_not_markup(browser: Browser) -> None:
    assert browser.run("return document.getElementById('program').textContent") == "server.py <b>bold</b>"
    assert browser.run("return document.querySelectorAll('b').length") == 0


def test_the_table_and_the_tree_are_of_one_look(browser: Browser, program: Program) -> None:
    """Each look forks the program."""
    browser.until("document.querySelector('#tree > g')")
    asked = [request for request in program.requests if request["command"] not in ("stalls", "metrics")]
    assert all(request == {"command": "pstree", "rows": True} for request in asked)


def names(browser: Browser) -> Any:
    return browser.run(
        "return [...document.querySelectorAll('#things tr')].map(row => row.children[2]?.textContent)"
    )


BUTTONS = "[...document.querySelectorAll('#columns button')]"


def test_the_table_is_sorted_by_the_column_that_is_clicked(browser: Browser) -> None:
    assert names(browser) == ["fetch", "store", "quiet"]
    for title, wanted in [
        ("oldest", ["store", "fetch", "quiet"]),
        ("oldest", ["quiet", "fetch", "store"]),
        ("name", ["fetch", "quiet", "store"]),
    ]:
        browser.run(f"{BUTTONS}.find(button => button.textContent === '{title}').click()")
        assert names(browser) == wanted


def test_the_table_is_filtered_by_what_is_typed(browser: Browser) -> None:
    browser.press("/", *"LOCK")
    assert names(browser) == ["store"]


#: The kind and the name in each line of the tree.
LINES = """
return [...document.querySelectorAll('#tree > g > text')].map(
    (text) => text.textContent.trim().split(' ').slice(1, 3).join(' '))
"""


def lines(browser: Browser) -> Any:
    return browser.run(LINES)


def test_the_tree_folds_by_the_keyboard(browser: Browser) -> None:
    everything = [f"coroutine {name}" for name in ("main", "child", "leaf", "second", "other")]
    assert lines(browser) == everything
    browser.run("document.getElementById('tree').focus()")
    browser.press("ArrowDown", "ArrowLeft")
    assert lines(browser) == [name for name in everything if "leaf" not in name]
    assert (
        browser.run("return document.querySelector('#tree .chosen').getAttribute('aria-expanded')") == "false"
    )
    browser.press("ArrowRight", "ArrowRight")
    assert lines(browser) == everything
    assert "can never fire" in browser.run("return document.querySelector('#tree .chosen').textContent")
    browser.press("ArrowUp", "ArrowUp", "Enter")
    assert lines(browser) == ["coroutine main", "coroutine other"]


def test_a_fold_stays_when_the_page_looks_again(browser: Browser) -> None:
    browser.run("document.querySelector('#tree > g').dispatchEvent(new MouseEvent('click'))")
    browser.run("document.querySelector('#tree > g').setAttribute('old', '')")
    browser.until("!document.querySelector('#tree > g[old]')")
    assert lines(browser) == ["coroutine main", "coroutine other"]


def test_the_page_says_when_the_program_does_not_answer(browser: Browser, program: Program) -> None:
    program.problem = "process 42 has ended"
    assert browser.until("document.querySelector('#state.bad')?.textContent") == "process 42 has ended"
    # What was seen last stays, and it goes on when the program answers again.
    assert names(browser) == ["fetch", "store", "quiet"]
    program.problem = None
    browser.until("!document.querySelector('#state.bad')")
    # The browser has noted the failed requests.
    assert browser.errors()


def test_a_paused_page_asks_nothing(browser: Browser, program: Program) -> None:
    browser.press("p")
    assert browser.run("return document.getElementById('pause').getAttribute('aria-pressed')") == "true"
    state = browser.run("return document.getElementById('state').textContent")
    program.problem = "asked"
    browser.run("const end = Date.now() + 2500; while (Date.now() < end);")
    assert browser.run("return document.getElementById('state').textContent") == state


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1200])
def test_nothing_is_wider_than_the_window(page: Page, scheme: str, width: int) -> None:
    with Browser(width=width, scheme=scheme) as browser:
        browser.open(page.address)
        browser.until("document.querySelectorAll('#things tr').length === 3")
        assert browser.run("return document.documentElement.scrollWidth <= window.innerWidth")
        back = browser.run("return getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(23, 25, 28)") == (scheme == "dark")


def status(address: str, host: str | None = None) -> int:
    request = urllib.request.Request(address, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(request) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_page_is_for_those_who_know_its_address(page: Page) -> None:
    assert status(page.address) == 200
    assert status(page.address + "ps") == 200
    assert status(page.address + "../_web.py") == 404
    assert status(page.address.replace(page.secret, "guessed")) == 403
    assert status(f"http://127.0.0.1:{page.server_port}/") == 403
    assert status(page.address, host="evil.example") == 403


def test_the_address_works_without_the_last_slash(page: Page) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", page.server_port)) as connection:
        connection.request("GET", f"/{page.secret}")
        response = connection.getresponse()
        assert (response.status, response.headers["Location"]) == (308, f"/{page.secret}/")
        response.read()
        connection.request("GET", "/guessed")
        assert connection.getresponse().status == 403


def test_there_is_a_limit_of_connections(page: Page) -> None:
    address = ("127.0.0.1", page.server_port)
    idle = [socket.create_connection(address) for _ in range(_web.MOST_CONNECTIONS)]
    with socket.create_connection(address) as refused:
        refused.settimeout(60)
        assert refused.recv(1000).startswith(b"HTTP/1.1 503 ")
    for connection in idle:
        connection.close()
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError):
            if status(page.address) == 200:
                break
        assert time.monotonic() < deadline


def test_no_name_of_the_program_reaches_the_page_unprintable(page: Page, program: Program) -> None:
    program.problem = "line\n\u202e"
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(page.address + "ps")
    assert json.loads(raised.value.read()) == {"error": "line\\n\\u202e"}
