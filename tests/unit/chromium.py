"""A real browser, headless, for tests of the page: over the pipe of its own protocol."""

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

# two descriptors that the browser takes commands from and answers on
COMMAND = """exec "$0" --headless --no-sandbox --disable-gpu --hide-scrollbars \
--remote-debugging-pipe --no-first-run --disable-background-networking \
--user-data-dir="$1" 3<&"$2" 4>&"$3" """


class Page:
    """A page that was opened; ``requests`` are the addresses that it asked for."""

    def __init__(self, process, to, back):
        self.process, self._to, self._back = process, to, back
        self._rest, self._number, self._session = b"", 0, None
        self.requests, self.errors, self.clicks = [], [], 0

    def call(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self._number:
            self._take(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def _next(self):
        while b"\0" not in self._rest:
            part = os.read(self._back, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)

    def _take(self, event):
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(event["params"]["exceptionDetails"])

    def open(self, address, width=1366, height=768):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        opened = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = opened["sessionId"]
        for domain in ("Network", "Runtime", "Page"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def run(self, script):
        """The value of a JavaScript expression; a promise is waited for."""
        how = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=script, **how)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script, seconds=60):
        """Wait until an expression is true; returns its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"never true: {script} {self.errors}"
            time.sleep(0.02)
        return value

    def click(self, script):
        """Click with the mouse on the middle of an element, scrolled to if it is not in sight."""
        self.run(f"({script}).scrollIntoView({{block: 'nearest', behavior: 'instant'}})")
        box = self.run(
            f"(r => [r.x + r.width / 2, r.y + r.height / 2])(({script}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **where)
        self.clicks += 1

    def sees(self, script, seconds=60):
        """Wait until all elements of a list are in the window as a whole."""
        inside = "r.height > 0 && r.top >= 0 && r.bottom <= innerHeight && r.left < innerWidth"
        whole = f"((r) => {inside})(e.getBoundingClientRect())"
        self.wait(f"(l => l.length > 0 && l.every((e) => {whole}))({script})", seconds)

    @property
    def addresses(self):
        """What was asked for outside the page."""
        return [url for url in self.requests if not url.startswith(("data:", "blob:"))]

    def picture(self, path: Path):
        import base64

        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def browser(folder):
    """Start Chromium, or skip the test where there is none."""
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        pytest.skip("there is no chromium")
    (read, to), (back, write) = os.pipe(), os.pipe()
    command = ["bash", "-c", COMMAND, found, str(folder / "profile"), str(read), str(write)]
    process = subprocess.Popen(
        command, pass_fds=(read, write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(read)
    os.close(write)
    try:
        yield Page(process, to, back)
    finally:
        process.kill()
        process.wait()
        os.close(to)
        os.close(back)
