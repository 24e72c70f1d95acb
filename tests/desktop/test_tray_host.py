"""The tray icon in a real panel: Xfce's, on an X server without a screen. What only a desktop's own tray can show."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtGui import QImage

from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window as CapWindow
from app.desktop.popover import WIDTH
from app.desktop.tokens import DARK, LIGHT
from app.ledger import cap_store
from app.ledger.engine import open_ledger
from tests.desktop.conftest import Scribe
from tests.secret_service import BUS_COMMAND

TOOLS = ("Xvfb", "openbox", "xfce4-panel", "xdotool", "dbus-daemon")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}"),
]

PANEL_HEIGHT = 32
STANDS_OUT = 80
PATIENCE_S = 60.0
KEEPS = "BURSAR_PANEL_PICTURES"
"""Names a folder that the pictures are kept in, for the README."""
POPOVER_SEEN = 440
# A panel with nothing in it but the place for icons, so that what stands out from its ground is ours.
PANEL = f"""<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="true"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="{PANEL_HEIGHT}"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty"><property name="plugin-1" type="string" value="systray"/></property>
</channel>
"""
GRAB = """
import sys
from PySide6.QtGui import QGuiApplication
app = QGuiApplication(sys.argv[:1])
app.primaryScreen().grabWindow(0).save(sys.argv[1])
"""


@dataclass
class Screen:
    """An X server with a window manager and a panel."""

    folder: Path
    environment: Mapping[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    seen: QImage | None = None

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """A program on it, ended with it."""
        with (self.folder / "programs.log").open("ab") as log:
            one = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.started.append(one)
        return one

    def picture(self) -> QImage:
        """What it shows."""
        file = self.folder / "screen.png"
        subprocess.run([sys.executable, "-c", GRAB, str(file)], env=self.environment, check=True, capture_output=True)
        return QImage(str(file))

    def is_still(self) -> bool:
        """Whether nothing changed since it was looked at the last time."""
        before, self.seen = self.seen, self.picture()
        return before == self.seen

    def icon(self) -> tuple[int, int] | None:
        """The middle of what stands out in the panel; None while nothing does."""
        shown = self.picture()
        ground = shown.pixelColor(shown.width() // 2, PANEL_HEIGHT // 2).lightness()
        seen = [
            (x, y)
            for x in range(shown.width())
            for y in range(2, PANEL_HEIGHT - 2)
            if abs(shown.pixelColor(x, y).lightness() - ground) > STANDS_OUT
        ]
        if not seen:
            return None
        columns, rows = zip(*seen, strict=True)
        return (min(columns) + max(columns)) // 2, (min(rows) + max(rows)) // 2

    def click(self, place: tuple[int, int]) -> None:
        """With the left button."""
        self.xdotool("mousemove", str(place[0]), str(place[1]), "click", "1")

    def widths(self) -> list[int]:
        """Of Bursar's visible windows, in pixels."""
        windows = self.xdotool("search", "--onlyvisible", "--name", "^Bursar$").split()
        told = [self.xdotool("getwindowgeometry", "--shell", window) for window in windows]
        return [int(line.removeprefix("WIDTH=")) for text in told for line in text.split() if line.startswith("WIDTH")]

    def xdotool(self, *arguments: str) -> str:
        """What it prints."""
        command = ["xdotool", *arguments]
        return subprocess.run(command, env=self.environment, check=False, capture_output=True, text=True).stdout


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.1)


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[Screen]:
    """With an Xfce panel on top and a home of its own."""
    home = tmp_path / "user"
    settings = home / ".config" / "xfce4" / "xfconf" / "xfce-perchannel-xml"
    for folder in (settings, home / "run"):
        folder.mkdir(parents=True, mode=0o700)
    (settings / "xfce4-panel.xml").write_text(PANEL)
    told, tells = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(tells), "-screen", "0", "1280x800x24"], pass_fds=[tells], stderr=subprocess.DEVNULL
    )
    os.close(tells)
    with os.fdopen(told) as display:
        number = display.readline().strip()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "QT_", "WAYLAND"))}
    environment |= {
        "DISPLAY": f":{number}",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "NO_AT_BRIDGE": "1",
        "BURSAR_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    # What the bus starts, Xfce's settings among it, has the bus's environment.
    bus = subprocess.Popen(BUS_COMMAND, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert bus.stdout is not None
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
    made = Screen(tmp_path, environment)
    made.start("openbox")
    made.start("xfce4-panel", "--disable-wm-check")
    yield made
    for one in made.started[::-1]:
        one.terminate()
        one.wait(PATIENCE_S)
    for process in (bus.pid, server.pid):
        os.kill(process, signal.SIGTERM)
    bus.wait(PATIENCE_S)
    server.wait(PATIENCE_S)
    bus.stdout.close()


def fill(home: Path) -> Iterator[None]:
    """A cap that is near, and two agents at work."""
    ledger = open_ledger(home / "ledger.sqlite")
    scribe = Scribe(ledger)
    for scope, key, limit in ((Scope.AGENT, "Claude Code", 5), (Scope.EVERYTHING, "", 20)):
        cap_store.add_cap(
            ledger, scope=scope, scope_key=key, window=CapWindow.MONTH, limit_nano_usd=limit * NANO_PER_USD,
            time_zone="UTC",
        )  # fmt: skip
    for number in range(24):
        at = datetime.now(UTC) - timedelta(seconds=5 + (number * 37) % 500)
        scribe.write_call(60_000_000 + number * 12_000_000, at=at)
        if number % 3 == 0:
            codex = Tags(project="web-shop", agent="Codex", task="checkout tests", session="s-2")
            scribe.write_call(40_000_000 + number * 5_000_000, tags=codex, at=at)
    yield
    scribe.lock.release()
    ledger.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_icon_stands_in_the_panel_and_a_click_opens_and_closes_the_popover(
    screen: Screen, tmp_path: Path, theme: str
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "settings.json").write_text(json.dumps({"theme": theme}))
    (home / "settings.json").chmod(0o600)
    filled = fill(home)
    next(filled)
    wait_until(
        lambda: "xfce4-panel" in screen.xdotool("search", "--class", "xfce4-panel", "getwindowname"), "the panel"
    )
    assert screen.icon() is None
    screen.start(sys.executable, "-m", "app")
    wait_until(screen.icon, "the icon")
    place = screen.icon()
    assert place is not None
    assert screen.widths() == []
    screen.click(place)
    wait_until(lambda: WIDTH in screen.widths(), "the popover")
    wait_until(screen.is_still, "the popover's picture")
    shown = screen.picture()
    ground = shown.pixelColor(WIDTH - 3, PANEL_HEIGHT + 4).name().upper()
    assert ground == {"light": LIGHT, "dark": DARK}[theme].raised
    if folder := os.environ.get(KEEPS):
        shown.copy(0, 0, WIDTH + 60, POPOVER_SEEN).save(str(Path(folder) / f"tray-panel-{theme}.png"))
    screen.click(place)
    wait_until(lambda: screen.widths() == [], "the popover's end")
    next(filled, None)
