"""Headless Chromium, driven through its DevTools protocol."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

#: Chromium on a busy machine with few cores.
PATIENCE = 40


def find_chromium():
    """Return Chromium's program, or None; CHROMIUM names one that is not in the path."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab."""

    def __init__(self, socket):
        self._socket = socket
        self._numbers = itertools.count(1)
        #: What the page complained of: exceptions, errors on the console, refused by its policy.
        self.complaints = []
        #: Addresses that it asked for.
        self.requested = []
        for domain in ("Page", "Runtime", "Log", "DOM", "Network"):
            self.call(f"{domain}.enable")
        # Otherwise a dialog opens when the page asks for a file.
        self.call("Page.setInterceptFileChooserDialog", enabled=True)

    def call(self, method, **params):
        """Call a method of the protocol and return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        deadline = time.monotonic() + PATIENCE
        while True:
            message = json.loads(self._socket.recv(timeout=deadline - time.monotonic()))
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message)

    def _note(self, message):
        params = message.get("params", {})
        if message["method"] == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"])
        elif message["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(params["entry"])
        elif message["method"] == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            self.requested.append(params["url"])

    def evaluate(self, expression):
        """Return the value of a JavaScript expression; promises are waited for."""
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression, seconds=PATIENCE):
        """Wait until a JavaScript expression is true, as JavaScript takes it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.evaluate(f"Boolean({expression})"):
                return
            time.sleep(0.05)
        shown = self.evaluate("document.body.innerText")
        raise AssertionError(f"never true: {expression}\n{self.complaints}\n{shown}")

    def open(self, address):
        """Go to an address and wait until it is loaded."""
        self.call("Page.navigate", url=address)
        self.wait_for(f"location.href.startsWith({address!r}) && document.readyState == 'complete'")

    def text(self, selector):
        """Return the text that an element shows, or None where there is no such element."""
        return self.evaluate(f"document.querySelector({selector!r})?.innerText")

    def click(self, text):
        """Click the button with a text."""
        self.wait_for(
            "(() => { const b = [...document.querySelectorAll('button')].find((b) => "
            f"b.innerText == {text!r} && b.checkVisibility() && !b.disabled); "
            "b?.click(); return Boolean(b); })()"
        )

    def press(self, key):
        """Press and release a key that has a name, such as ``ArrowRight``."""
        codes = {"Tab": 9, "Enter": 13, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}
        for kind in ("keyDown", "keyUp"):
            extra = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                **extra,
            )

    def give_file(self, path):
        """Choose a file in the page's file input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def resize(self, width, height, dark=False, mobile=False):
        """Set the window's size in CSS pixels, and whether the system is dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        scheme = "dark" if dark else "light"
        self.call(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )

    def screenshot(self, path, whole=True):
        """Write a PNG of the page."""
        result = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(result["data"]))


@contextmanager
def chromium(folder, *flags):
    """Start Chromium with a fresh profile in `folder`, and give its first tab."""
    command = [
        find_chromium(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--mute-audio",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}",
        *flags,
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port_file = folder / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE
        while not (port_file.exists() and "\n" in port_file.read_text()):
            assert process.poll() is None, "Chromium ended at once"
            assert time.monotonic() < deadline, "Chromium did not start"
            time.sleep(0.05)
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
            target = next(each for each in json.load(answer) if each["type"] == "page")
        with connect(target["webSocketDebuggerUrl"], max_size=1 << 26) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
