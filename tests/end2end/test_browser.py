"""A real browser opens a page of a stranger's, which tries everything a page may on the meter."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
REPORT_WITHIN_S = 90.0

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine"),
]

PAGE = Path(__file__).with_name("page.html")


class _Stranger(ThreadingHTTPServer):
    """Serves the page, and hears what it found."""

    def __init__(self, page: str) -> None:
        self.found: dict[str, str] = {}
        self.reported = threading.Event()
        stranger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer("read" if self.path == "/control" else page)

            def do_POST(self) -> None:
                stranger.found = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self._answer("")
                stranger.reported.set()

            def _answer(self, text: str) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html")
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)


@contextmanager
def _stranger(running: RunningMeter) -> Iterator[_Stranger]:
    page = (
        PAGE.read_text("utf-8")
        .replace("METER", json.dumps(running.gateway))
        .replace("TOKEN", json.dumps(running.token))
    )
    server = _Stranger(page)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.timeout(180)
def test_a_page_reads_nothing_and_spends_nothing(home: Path, provider: Provider, tmp_path: Path) -> None:
    provider.answer = lambda _seen: chat_completion(10, 5)
    with meter(home, {"openai": provider.url}) as running, _stranger(running) as stranger:
        command = [str(BROWSER), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += [f"--user-data-dir={tmp_path / 'browser'}", f"http://127.0.0.1:{stranger.server_address[1]}/"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
            is_reported = stranger.reported.wait(REPORT_WITHIN_S)
            browser.kill()
        assert is_reported, "the browser never told what it found"
        assert stranger.found.pop("control") == "200 read"
        assert {name: said for name, said in stranger.found.items() if said} == {}
        assert len(stranger.found) >= 17
        assert provider.seen == []
        assert running.count() == 0
