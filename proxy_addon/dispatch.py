"""mitmproxy's addon manager with a table: each hook goes straight to the functions that listen to it.

mitmproxy asks every addon for every hook whether it listens, twice for hooks of a flow, and enters a guard for each:
two fifths of what a bare mitmproxy costs a call. Who listens does not change while a meter runs. What is called, in
which order, and what becomes of an exception is mitmproxy's own; a test holds both against one another, and fails when
mitmproxy's dispatch is not the one that this was written after.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Any

from mitmproxy import exceptions, flow, hooks
from mitmproxy.addonmanager import AddonManager

logger = logging.getLogger("mitmproxy.addonmanager")

type _Listeners = tuple[Callable[..., Any], ...]


class DirectAddons(AddonManager):
    """Knows who listens to each hook from the first time it is fired, until an addon is added or removed."""

    def __init__(self, master: Any) -> None:
        self._listeners: dict[str, _Listeners] = {}
        super().__init__(master)  # type: ignore[no-untyped-call]

    def add(self, *addons: Any) -> None:
        """mitmproxy's own: addons come."""
        super().add(*addons)  # type: ignore[no-untyped-call]
        self._listeners.clear()

    def remove(self, addon: Any) -> None:
        """mitmproxy's own: an addon goes."""
        super().remove(addon)  # type: ignore[no-untyped-call]
        self._listeners.clear()

    async def handle_lifecycle(self, event: hooks.Hook) -> None:
        """mitmproxy's own: fire a hook, and then tell of the flow that it is about."""
        message = event.args()[0]
        await self.trigger_event(event)
        if isinstance(message, flow.Flow) and self._listening("update", hooks.UpdateHook([message])):
            await self.trigger_event(hooks.UpdateHook([message]))

    async def trigger_event(self, event: hooks.Hook) -> None:
        """mitmproxy's own: call all who listen, in their order. What one raises is logged and stops nobody else."""
        listeners = self._listening(event.name, event)
        if not listeners:
            return
        values = event.args()
        for listener in listeners:
            try:
                result = listener(*values)
                if result is not None and inspect.isawaitable(result):
                    await result
            except exceptions.AddonHalt:
                return
            except exceptions.OptionsError:
                raise
            except Exception as error:
                logger.exception("Addon error: %s", error)

    def _listening(self, name: str, event: hooks.Hook) -> _Listeners:
        listeners = self._listeners.get(name)
        if listeners is None:
            found = [listener for addon in self.chain for _, listener in self._iter_hooks(addon, event)]
            listeners = self._listeners[name] = tuple(found)
        return listeners
