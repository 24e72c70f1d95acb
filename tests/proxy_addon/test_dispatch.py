import asyncio
import hashlib
import inspect
import logging
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from mitmproxy import addonmanager, exceptions, hooks
from mitmproxy.addonmanager import AddonManager
from mitmproxy.addons import next_layer, proxyserver
from mitmproxy.master import Master
from mitmproxy.options import Options
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook
from mitmproxy.test import tflow

from proxy_addon.addon import MeterAddon
from proxy_addon.dispatch import DirectAddons
from proxy_addon.lane.doors import FastLane
from proxy_addon.network_door import NetworkDoor
from proxy_addon.own_tls import OwnTls
from proxy_addon.socket_addon import SocketAddon

LIFECYCLE = ("load", "configure", "done", "running", "update")
OURS = (MeterAddon, FastLane, SocketAddon, NetworkDoor, OwnTls, next_layer.NextLayer, proxyserver.Proxyserver)
WRITTEN_AFTER = "1faeecd0f0466e25"
"""Of mitmproxy's own dispatch: look at what it does now before you change this."""

type Heard = list[tuple[str, str]]


class Listener:
    """Hears every hook but those of its own life, and does with it what it was told."""

    def __init__(self, name: str, heard: Heard, *, does: Callable[[], object] = lambda: None) -> None:
        self.name = name
        self._heard = heard
        self._does = does

    def __getattr__(self, name: str) -> Any:
        if name not in hooks.all_hooks or name in LIFECYCLE[:4]:
            raise AttributeError(name)
        return lambda *_values: self._hear(name)

    def _hear(self, name: str) -> object:
        self._heard.append((self.name, name))
        return self._does()


def fails() -> None:
    raise ValueError("an addon's own mistake")


def halts() -> None:
    raise exceptions.AddonHalt


async def waits() -> None:
    await asyncio.sleep(0)


def heard_with(kind: type[AddonManager], fire: Callable[[], hooks.Hook]) -> Heard:
    """What listeners of all kinds hear of one hook, in order."""
    heard: Heard = []

    async def tell() -> None:
        master = Master(Options())
        master.addons = manager = kind(master)
        parent: Any = Listener("parent", heard)
        parent.addons = [Listener("child", heard)]
        endings = (Listener("halting", heard, does=halts), Listener("late", heard))
        more = (Listener("waiting", heard, does=waits), Listener("failing", heard, does=fails))
        manager.add(parent, *more, object(), *endings)
        await manager.handle_lifecycle(fire())

    asyncio.run(tell())
    return heard


@pytest.mark.parametrize("name", sorted(set(hooks.all_hooks) - {*LIFECYCLE, ""}))
@pytest.mark.parametrize("is_flow", [True, False])
def test_a_hook_is_heard_as_mitmproxy_would_have_it(name: str, is_flow: bool, caplog: pytest.LogCaptureFixture) -> None:
    kind = hooks.all_hooks[name]

    def fire() -> hooks.Hook:
        about = tflow.tflow() if is_flow else object()
        return kind(*(about for _ in fields(kind)))  # type: ignore[arg-type]

    if not fields(kind):  # type: ignore[arg-type]
        pytest.skip("nothing is fired about nothing")
    with caplog.at_level(logging.CRITICAL):
        expected = heard_with(AddonManager, fire)
        assert heard_with(DirectAddons, fire) == expected
    assert ("failing", name) in expected
    assert ("late", name) not in expected
    assert (("parent", "update") in expected) is is_flow


def test_an_addon_that_comes_or_goes_later_is_heard_or_not() -> None:
    heard: Heard = []

    async def tell() -> None:
        master = Master(Options())
        master.addons = manager = DirectAddons(master)
        first, second = Listener("first", heard), Listener("second", heard)
        manager.add(first)
        changes: tuple[Callable[[], None], ...] = (
            lambda: None,
            lambda: manager.add(second),
            lambda: manager.remove(first),
        )
        for change in changes:
            change()
            await manager.handle_lifecycle(HttpRequestHeadersHook(tflow.tflow()))

    asyncio.run(tell())
    told = [name for name, hook in heard if hook == "requestheaders"]
    assert told == ["first", "first", "second", "second"]


@pytest.mark.parametrize("addon", OURS)
def test_every_hook_of_the_meters_addons_is_one_that_mitmproxy_fires(addon: type) -> None:
    """A hook that mitmproxy renamed would never be called, and its guard with it."""
    named = {name for name, _ in inspect.getmembers(addon, inspect.isfunction) if not name.startswith("_")}
    assert named & set(hooks.all_hooks)
    own = {
        "http_connect",
        "client_connected",
        "server_connect",
        "requestheaders",
        "request",
        "responseheaders",
        "error",
    }
    if addon is MeterAddon:
        assert own <= named & set(hooks.all_hooks)


def test_mitmproxys_dispatch_is_the_one_that_ours_was_written_after() -> None:
    manager = AddonManager
    read = (manager.handle_lifecycle, manager.trigger_event, manager.invoke_addon, manager._iter_hooks)
    source = "".join(inspect.getsource(one) for one in (*read, addonmanager.safecall, addonmanager.traverse))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == WRITTEN_AFTER
