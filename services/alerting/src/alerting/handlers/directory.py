"""The directory: people, teams and the organisation's settings."""

from dataclasses import dataclass

from alerting.ports import Books
from event_contracts.directory import DirectoryMessage


@dataclass(frozen=True, slots=True)
class KeepEntry:
    """A person, a team or the organisation's settings have changed."""

    entry: DirectoryMessage


async def keep_entry(command: KeepEntry, books: Books) -> None:
    """Keep what is new of the directory: the highest version holds."""
    await books.directory.keep(command.entry)
