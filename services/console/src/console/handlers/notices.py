"""What a page says when a service did not answer: the page is there, something of it is missing."""

from collections.abc import Awaitable
from typing import TypeVar

from console.ports import Refused, Silent

T = TypeVar("T")


class Notices:
    """What is missing on a page, collected while its answers come in."""

    def __init__(self) -> None:
        self.missing: list[Refused | Silent] = []

    async def unless(self, answer: Awaitable[T], instead: T) -> T:
        """Return the answer, or what stands in for it when the service fails or refuses."""
        try:
            return await answer
        except (Refused, Silent) as error:
            if all(error.service != each.service for each in self.missing):
                self.missing.append(error)
            return instead
