"""What a layer, which cannot wait, has somebody else wait for: mitmproxy runs it as a hook and tells the layer."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mitmproxy.proxy import commands, layer

logger = logging.getLogger(__name__)


class Work:
    """Something to be awaited; `then` goes on in the layer. Nothing that raises is taken for done."""

    def __init__(
        self, task: Callable[[], Awaitable[None]], then: Callable[[bool], layer.CommandGenerator[None]]
    ) -> None:
        self._task = task
        self._is_done = False
        self._then = then

    async def run(self) -> None:
        """Do it. What it raises is logged."""
        try:
            await self._task()
            self._is_done = True
        except Exception:
            logger.exception("a call could not be carried on")

    def go_on(self) -> layer.CommandGenerator[None]:
        """What the layer does next."""
        yield from self._then(self._is_done)


@dataclass
class BursarWorkHook(commands.StartHook):
    """mitmproxy calls `bursar_work` of its addons; that name follows from this one."""

    work: Work
