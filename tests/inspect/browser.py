"""A Chromium without a window, driven by its WebDriver (https://www.w3.org/TR/webdriver2/)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from typing import Any

import pytest

#: How long a page may take to become what a test wants, in seconds.
PATIENCE = 60

KEYS = {
    "ArrowLeft": "\ue012",
    "ArrowUp": "\ue013",
    "ArrowRight": "\ue014",
    "ArrowDown": "\ue015",
    "Enter": "\ue007",
}


class Browser:
    """A browser with one page."""

    def __init__(self, width: int = 1200, height: int = 1000, scheme: str = "light") -> None:
        """Start it.

        Args:
            width, height: the size of the window, in pixels.
            scheme: which colours the user prefers, light or dark.
        """
        driver = shutil.which("chromedriver") or pytest.skip(
            "chromedriver is missing: apt-get install chromium-driver"
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._driver = subprocess.Popen(
            [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._base = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},{height}"]
        if scheme == "dark":
            arguments.append("--blink-settings=preferredColorScheme=0")
        wanted = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                session = self._ask("POST", "", {"capabilities": wanted})
                break
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self._base += "/" + session["sessionId"]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *error: object) -> None:
        self._ask("DELETE", "")
        self._driver.terminate()
        self._driver.wait()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            self._base + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None
        except urllib.error.URLError as error:
            raise error.reason if isinstance(error.reason, OSError) else error from None

    def open(self, address: str) -> None:
        """Open a page."""
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str) -> Any:
        """Run JavaScript in the page, and return what it returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def until(self, script: str) -> Any:
        """Wait until an expression is true, and return its value."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            value = self.run(f"return {script}")
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(
            f"not within {PATIENCE} s: {script}\n{self.run('return document.body.innerText')}"
        )

    def press(self, *keys: str) -> None:
        """Press keys: characters, or names such as ArrowDown."""
        strokes = [
            {"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")
        ]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def errors(self) -> list[str]:
        """Return what the page has reported as errors."""
        return [
            line["message"]
            for line in self._ask("POST", "/se/log", {"type": "browser"})
            if line["level"] == "SEVERE"
        ]
