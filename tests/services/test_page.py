"""The page in a real browser: what it asks for, what it says, and whether everyone can use it.

Chromium runs without a window, driven through its DevTools protocol over a pair of pipes
(``--remote-debugging-pipe``): no port and no library; messages are JSON, each ended by a zero byte.
See https://chromedevtools.github.io/devtools-protocol/. Accessibility is judged by axe-core
(https://github.com/dequelabs/axe-core, MPL 2.0), which is fetched for it and not kept.
"""

import base64
import contextlib
import itertools
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
EVIL = "<img src=x onerror=alert(1)></script><script>alert(2)</script> $x^2$ &amp;"
EVIL_FILE = "<img src=x onerror=alert(1)> $x^2$.csv"
SIZES: dict[str, dict[str, Any]] = {
    "phone": {"width": 390, "height": 844, "mobile": True},
    "desktop": {"width": 1280, "height": 800, "mobile": False},
}
# The one file that is wanted of it is axe.min.js, of axe-core 4.12.1; the package's own
# dependencies, a browser among them, are not installed.
AXE = "axe-playwright-python==0.1.8"
AXE_HASH = "sha256:fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"

FLAGS = (
    "--headless", "--remote-debugging-pipe", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
SECONDS = 60.0
"""for any answer"""


class Browser:
    """A page in a browser, and everything that it reports."""

    def __init__(self, write: int, read: int) -> None:
        self.write, self.read = write, read
        self.numbers = itertools.count(1)
        self.rest = b""
        self.events: list[dict[str, Any]] = []
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its answer; events on the way are kept."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if self.session is not None:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def _message(self) -> dict[str, Any]:
        """Return the next message; an event is kept too."""
        give_up = time.monotonic() + SECONDS
        while b"\0" not in self.rest:
            left = give_up - time.monotonic()
            assert left > 0, "the browser does not answer"
            if select.select([self.read], [], [], left)[0]:
                self.rest += os.read(self.read, 1 << 20)
        first, _, self.rest = self.rest.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        if "method" in message:
            self.events.append(message)
        return message

    def open(self, path: Path, *, width: int, height: int, mobile: bool = False) -> None:
        """Show a file in a window of some size, and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, mobile=mobile,
            deviceScaleFactor=1,
        )  # fmt: skip
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not self.said("Page.loadEventFired"):
            self._message()

    def wait_until_logged(self, words: str) -> None:
        """Wait for an entry in the browser's log."""
        while not any(words in event["entry"]["text"] for event in self.said("Log.entryAdded")):
            self._message()

    def said(self, *methods: str) -> list[dict[str, Any]]:
        """Return the parameters of all events of some kinds since the page was opened."""
        return [event["params"] for event in self.events if event["method"] in methods]

    def run(self, script: str) -> Any:
        """Return the value of an expression (awaited), as JSON can hold it."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key, as a person does."""
        text = "\r" if key == "Enter" else ""
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Save a screenshot, of the whole page or of what the window shows."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(shot["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:  # noqa: FBT001
        if not whole:
            return {}
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {**size, "scale": 1}}


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run Chromium with its files in `folder`, from when it answers until the block ends."""
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()  # which Chromium refuses to root
    command = ("chromium", *FLAGS, *sandbox, f"--user-data-dir={folder / 'chromium'}")
    theirs, ours = os.pipe(), os.pipe()
    # The browser reads from descriptor 3 and writes to 4.
    words = ("bash", "-c", f'exec "$@" 3<&{theirs[0]} 4>&{ours[1]}', "bash", *command)
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(words, stderr=log, pass_fds=(theirs[0], ours[1]))
    os.close(theirs[0])
    os.close(ours[1])
    try:
        yield Browser(theirs[1], ours[0])
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)
        os.close(theirs[1])
        os.close(ours[0])


# ---- fixtures ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(place: Path, xyy: Callable[..., Any], quick_file: Path) -> Path:
    """The page of a discovery in a small universe, with hostile names."""
    folder = place / "page"
    folder.mkdir()
    samples = folder / "small.toml"
    text = (ROOT / "datasets" / "course.toml").read_text(encoding="utf-8")
    text = text.replace('"1298.1 / pb"', '"259.62 / pb"').replace("= 100_000", "= 80_000")
    samples.write_text(text.replace("= 10_000", "= 4_000"), encoding="utf-8")
    assert xyy("generate", "--samples", samples, "--universe", 5, "--out", folder).code == 0
    data = (folder / "universe_5.csv").rename(folder / EVIL_FILE)
    done = xyy(
        "run", "--samples", samples, "--search", quick_file, "--data", data, "--unblind", EVIL,
        "--chunks", folder / "chunks", "--out", folder / "run", "--quiet",
    )  # fmt: skip
    assert done.code == 0, done.said
    return folder / "run" / "report.html"


@pytest.fixture(scope="module")
def chromium(place: Path) -> Iterator[Browser]:
    with browser(place) as running:
        yield running


@pytest.fixture(scope="module")
def axe(place: Path, skipped: Callable[[str], None]) -> str:
    """The text of axe.min.js."""
    folder = place / "axe"
    folder.mkdir()
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{AXE} --hash={AXE_HASH}\n")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    done = subprocess.run(
        (*pip, "--no-deps", "--require-hashes", "--target", folder, "-r", wanted),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        skipped(f"{AXE} cannot be fetched: {done.stderr.strip()}")
    return (folder / "axe_playwright_python" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SIZES[request.param]


# ---- tests ---------------------------------------------------------------------------------------


def test_the_page_asks_for_nothing_complains_of_nothing_and_fits(
    chromium: Browser, page: Path, size: dict[str, Any]
) -> None:
    assert page.stat().st_size < 5_000_000
    chromium.open(page, **size)
    asked = [event["request"]["url"] for event in chromium.said("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    assert not chromium.said("Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert not chromium.said("Log.entryAdded")
    loaded = "[...document.images].filter((i) => i.src).map((i) => i.complete && i.naturalWidth)"
    assert all(width > 500 for width in chromium.run(loaded))
    assert chromium.run("document.images.length") > 40
    assert chromium.run("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


def test_hostile_names_are_text(chromium: Browser, page: Path) -> None:
    chromium.open(page, **SIZES["desktop"])
    text = chromium.run("document.body.textContent")
    assert EVIL in text
    assert EVIL_FILE.removesuffix(".csv") in text
    assert chromium.run("document.querySelectorAll('img[src=x], [onerror]').length") == 0
    assert chromium.run("document.scripts.length") == 1
    assert not chromium.said("Page.javascriptDialogOpening")


def test_no_other_script_would_run(chromium: Browser, page: Path) -> None:
    """The page's policy stops what an escape that was forgotten would let in."""
    chromium.open(page, **SIZES["desktop"])
    chromium.run(
        "document.body.insertAdjacentHTML('beforeend', "
        '\'<img src="https://example.org/x.png" onerror="window.bad = 1">\');'
        "const other = document.createElement('script'); other.textContent = 'window.bad = 2';"
        "document.body.append(other)"
    )
    time.sleep(0.3)
    assert chromium.run("window.bad ?? 0") == 0
    chromium.wait_until_logged("Content Security Policy")


def test_the_keyboard_reaches_everything(chromium: Browser, page: Path) -> None:
    chromium.open(page, **SIZES["phone"])
    stops = "[...document.querySelectorAll('a[href], main button, [tabindex=\"0\"]')]"
    wanted = chromium.run(f"window.stops = {stops}; window.seen = new Set(); stops.length")
    assert wanted > 100
    for _ in range(wanted + 20):
        chromium.press("Tab", 9)
        chromium.run("window.seen.add(document.activeElement); 0")
    missed = "stops.filter((stop) => !seen.has(stop)).map((stop) => stop.outerHTML.slice(0, 100))"
    assert chromium.run(missed) == []


def test_figures_enlarge_by_keyboard(chromium: Browser, page: Path) -> None:
    chromium.open(page, **SIZES["desktop"])
    caption = "document.querySelector('#zoom p').textContent"
    chromium.run("document.querySelector('figure button.enlarge').focus()")
    chromium.press("Enter", 13)
    assert chromium.run("document.getElementById('zoom').open")
    first = chromium.run(caption)
    alt = chromium.run("document.querySelector('figure img').alt")
    assert first == alt
    chromium.press("ArrowRight", 39)
    assert chromium.run(caption) != first
    shown = "document.querySelector('#zoom img').naturalWidth"
    assert chromium.run(shown) >= 1200, "the picture in full"
    chromium.press("ArrowLeft", 37)
    assert chromium.run(caption) == first
    chromium.press("Escape", 27)
    assert not chromium.run("document.getElementById('zoom').open")
    assert chromium.run("document.activeElement.className") == "enlarge", "back where it was"


def test_tables_sort_by_keyboard_by_their_numbers(chromium: Browser, page: Path) -> None:
    chromium.open(page, **SIZES["desktop"])
    chromium.run(
        "window.table = document.querySelector('#samples').parentElement.querySelector('table');"
        "window.head = [...table.tHead.rows[0].cells].find((c) => c.textContent === 'events');"
        "window.events = () => [...table.tBodies[0].rows].map("
        "(row) => Number(row.cells[head.cellIndex].textContent.replaceAll(',', '')));"
        "head.firstChild.focus()"
    )
    before = chromium.run("events()")
    orders = [("ascending", sorted(before)), ("descending", sorted(before)[::-1]), (None, before)]
    assert before not in (orders[0][1], orders[1][1])
    for order, events in orders:
        chromium.press("Enter", 13)
        assert chromium.run("head.getAttribute('aria-sort')") == order
        assert chromium.run("events()") == events


def test_axe_finds_nothing_serious(
    chromium: Browser, page: Path, axe: str, size: dict[str, Any]
) -> None:
    chromium.open(page, **size)
    chromium.run(f"{axe};0")
    for opened in (False, True):
        if opened:
            chromium.run("document.querySelector('figure button.enlarge').click()")
        found = chromium.run("axe.run().then((found) => JSON.parse(JSON.stringify(found)))")
        looked_at = {rule["id"] for rule in found["passes"]}
        assert {"color-contrast", "button-name"} <= looked_at
        assert [
            (rule["id"], rule["impact"], [node["html"][:120] for node in rule["nodes"]])
            for rule in found["violations"]
        ] == []


def test_the_page_prints(chromium: Browser, page: Path) -> None:
    chromium.open(page, **SIZES["desktop"])
    pdf = base64.b64decode(chromium.call("Page.printToPDF", printBackground=True)["data"])
    assert pdf.count(b"/Type /Page\n") > 5
    chromium.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert chromium.run("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert chromium.run("document.querySelector('table').offsetWidth <= innerWidth")
    finally:
        chromium.call("Emulation.setEmulatedMedia", media="")
