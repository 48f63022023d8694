# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Chromium without a screen, over its DevTools pipe: pages opened, looked at, photographed and printed. No network."""
import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

SECONDS = 60
# Neither a sandbox (none for root) nor anything of Chromium's own that asks the network.
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--no-first-run", "--remote-debugging-pipe"]


class Broken(Exception):
    """Chromium did not do what it was asked for."""


class Browser:
    """One process, one tab. complaints: what the console, the page's log and failed requests said since open()."""

    def __init__(self, program):
        self.home = tempfile.mkdtemp(prefix="nw-report-chromium-")
        self.complaints, self.requests, self.dialogs, self.loaded = [], [], [], False
        self.last, self.buffer, self.session = 0, b"", None
        there, self.to = os.pipe()
        self.back, here = os.pipe()
        # A network of its own with nothing in it, where that is permitted.
        alone = ["unshare", "-n"] if os.geteuid() == 0 and shutil.which("unshare") else []
        script = f"exec 3<&{there} 4>&{here}; exec \"$@\""
        self.process = subprocess.Popen(
            [*alone, "sh", "-c", script, "sh", program, *FLAGS, "--user-data-dir=" + self.home, "about:blank"],
            pass_fds=(there, here), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(there)
        os.close(here)
        tab = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(domain + ".enable")

    def close(self):
        with contextlib.suppress(Broken, OSError):
            self.session = None
            self.ask("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)  # its own session: nobody else's processes
            self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.home, ignore_errors=True)

    def _next(self, end):
        while b"\0" not in self.buffer:
            ready = select.select([self.back], [], [], max(0, end - time.monotonic()))[0]
            more = os.read(self.back, 1 << 20) if ready else b""
            if not more:
                raise Broken("Chromium ended" if ready else f"no answer within {SECONDS} s")
            self.buffer += more
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, message):
        method, what = message.get("method"), message.get("params", {})
        if method == "Runtime.consoleAPICalled":
            self.complaints.append("console: " + json.dumps(what.get("args"))[:300])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append("exception: " + what["exceptionDetails"].get("text", ""))
        elif method == "Log.entryAdded":
            self.complaints.append("log: " + what["entry"]["text"][:300])
        elif method == "Network.requestWillBeSent":
            self.requests.append(what["request"]["url"][:200])
        elif method == "Page.javascriptDialogOpening":
            self.dialogs.append(what.get("message", ""))
            self.send("Page.handleJavaScriptDialog", accept=True)
        elif method == "Page.loadEventFired":
            self.loaded = True

    def send(self, method, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        return self.last

    def ask(self, method, **params):
        number, end = self.send(method, **params), time.monotonic() + SECONDS
        while True:
            message = self._next(end)
            if message.get("id") == number:
                if "error" in message:
                    raise Broken(f"{method}: {message['error'].get('message')}")
                return message["result"]
            self._note(message)

    def open(self, path, width=1000, dark=False):
        """A file in a window so many CSS pixels wide."""
        self.complaints, self.requests, self.dialogs, self.loaded = [], [], [], False
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
        self.ask("Emulation.setEmulatedMedia", media="screen",
                 features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.ask("Page.navigate", url="file://" + path)
        end = time.monotonic() + SECONDS
        while not self.loaded:
            self._note(self._next(end))

    def run(self, expression):
        """The value of an expression of JavaScript in the page; the page's own policy doesn't bind the debugger."""
        done = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in done:
            raise Broken(json.dumps(done["exceptionDetails"])[:500])
        return done["result"].get("value")

    def photograph(self, path):
        """All of the page."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 6000), "scale": 1}
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def print(self, path):
        """On A4 (inches)."""
        self.ask("Emulation.setEmulatedMedia", media="")
        data = self.ask("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))


@contextlib.contextmanager
def browser(program):
    one = Browser(program)
    try:
        yield one
    finally:
        one.close()
