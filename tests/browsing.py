"""A browser for the tests: what it shows, what it asks for, and what keeps people out."""

import contextlib
import http.server
import importlib.util
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
NO_BROWSER = "no browser here (pip install '.[test]'; Debian: apt install chromium)"
has_browser = CHROMIUM is not None and importlib.util.find_spec("playwright") is not None
needs_browser = pytest.mark.skipif(not has_browser, reason=NO_BROWSER)


class Listener(http.server.ThreadingHTTPServer):
    """A server that lets a browser open as many connections at once as it likes."""

    request_queue_size = 128


class Server(http.server.SimpleHTTPRequestHandler):
    """A file server that keeps a list of what it served, in bytes, and its log to itself."""

    sent = []  # noqa: RUF012

    def copyfile(self, source, outputfile):
        content = source.read()
        self.sent.append((self.path, len(content)))
        outputfile.write(content)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def visit(chromium, url, **how):
    """Open a page and give it, with what it said and asked for; all loaded, all figures mounted."""
    context = chromium.new_context(**{"viewport": {"width": 1400, "height": 900}, **how})
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda said: page.said.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(url)
    settle(page)
    yield page
    context.close()


def settle(page):
    """Wait until fonts have come and figures stand."""
    page.evaluate("document.fonts.ready")
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-figure]')]"
        ".every((figure) => figure.querySelector('button'))"
    )


def barriers(page, axe):
    """What axe finds that is serious or worse, each with the elements that have it."""
    page.evaluate(axe)
    report = page.evaluate("axe.run({exclude: ['.figure svg']}, {resultTypes: ['violations']})")
    return [
        (each["id"], [node["target"] for node in each["nodes"]][:5])
        for each in report["violations"]
        if each["impact"] in ("serious", "critical")
    ]
