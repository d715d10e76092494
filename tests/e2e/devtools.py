"""A page in headless Chromium, driven through the DevTools protocol over two pipes: sizes, keys, scripts, pictures."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.e2e.clients import Browser

_KEYS = {"Tab": 9, "Enter": 13, "ArrowDown": 40, "Backspace": 8}


class Tab:
    """One tab. `complaints` are the errors of the open page's scripts and what its policy refused."""

    def __init__(self, to: IO[bytes], back: IO[bytes]) -> None:
        self._to, self._back = to, back
        self._number, self._session = 0, ""
        self._events: list[dict[str, Any]] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._send(f"{domain}.enable")

    def _send(self, method: str, **parameters: Any) -> Any:
        """Send a command and give its result; what happens meanwhile is kept."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": parameters, **session}
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while (answer := self._read()).get("id") != self._number:
            self._events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        read = bytearray()
        while (byte := self._back.read(1)) != b"\0":
            assert byte, "the browser is gone"
            read += byte
        found: dict[str, Any] = json.loads(read)
        return found

    def open(
        self, address: str, *, width: int = 1280, height: int = 900, script: bool = True, dark: bool = False
    ) -> None:
        """Open an address in a window of a size, with or without scripts, in light or dark colours."""
        self._send("Emulation.setScriptExecutionDisabled", value=not script)
        self._send(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}],
        )
        self._send("Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        self._events.clear()
        self._send("Page.navigate", url=address)
        while not any(event.get("method") == "Page.loadEventFired" for event in self._events):
            self._events.append(self._read())

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        answer = self._send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, *keys: str) -> None:
        """Press keys one after the other: a letter, or a key by its name."""
        for key in keys:
            if key in _KEYS:
                fields = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
                fields |= {"text": "\r"} if key == "Enter" else {}
            else:
                fields = {"key": key, "text": key}
            self._send("Input.dispatchKeyEvent", type="keyDown", **fields)
            self._send("Input.dispatchKeyEvent", type="keyUp", **fields)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write what is to be seen, or the whole page, as PNG."""
        data = self._send("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))["data"]
        path.write_bytes(base64.b64decode(data))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self._send("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    @property
    def complaints(self) -> list[str]:
        """What the browser complained about since the page was opened."""
        return [
            json.dumps(event["params"])
            for event in self._events
            if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")
        ]

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for since the page was opened."""
        return [
            event["params"]["request"]["url"]
            for event in self._events
            if event.get("method") == "Network.requestWillBeSent"
        ]


@contextmanager
def tab(browser: Browser) -> Iterator[Tab]:
    """A tab of a browser of its own, which ends with it."""
    (read_commands, write_commands), (read_answers, write_answers) = os.pipe(), os.pipe()
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe")
    # Chromium reads commands from file 3 and answers to file 4, whatever the numbers are here.
    script = f'exec "$@" 3<&{read_commands} 4>&{write_answers}'
    command = ["bash", "-c", script, "bash", browser.path, *options, f"--user-data-dir={browser.profile}"]
    process = subprocess.Popen(command, pass_fds=(read_commands, write_answers), stderr=subprocess.DEVNULL)
    os.close(read_commands)
    os.close(write_answers)
    try:
        with os.fdopen(write_commands, "wb") as to, os.fdopen(read_answers, "rb") as back:
            yield Tab(to, back)
    finally:
        process.wait(timeout=30)
