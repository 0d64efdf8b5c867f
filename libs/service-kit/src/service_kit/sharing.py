"""One question for all who ask the same at the same time.

When what is kept of an answer grows old, a crowd would ask for it all at once: a store that is slow
because of the crowd would then answer to each of them.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

V = TypeVar("V")


class Shared(Generic[V]):
    """Asks with ``ask``, once for each key at a time; whoever comes meanwhile gets that answer.

    An error goes to all of them. One who gives up takes nothing from the others.
    """

    def __init__(self, ask: Callable[[str], Coroutine[Any, Any, V]]) -> None:
        self._ask = ask
        self._asking: dict[str, asyncio.Task[V]] = {}

    async def get(self, key: str) -> V:
        """Return the answer."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.create_task(self._ask(key))
            asking.add_done_callback(lambda done: self._end(key, done))
        return await asyncio.shield(asking)

    def forget(self, key: str) -> None:
        """Let the next one ask anew: what is asked for has just changed."""
        self._asking.pop(key, None)

    def holds(self, key: str) -> bool:
        """Whether the answer of the ``ask`` that calls this may be kept: not forgotten since."""
        return self._asking.get(key) is asyncio.current_task()

    def _end(self, key: str, done: "asyncio.Task[V]") -> None:
        if self._asking.get(key) is done:
            del self._asking[key]
        if not done.cancelled():
            done.exception()  # looked at, should everybody have given up
