"""Sources of events and what of them could not count; mending a mapping, sending again."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from console.domain.answers import Letter, Letters, Source, Stats
from console.handlers.notices import Notices
from console.handlers.overview import zone_of
from console.ports import INGEST, Api, at

ROUNDS = 1_000


class SourceRow(NamedTuple):
    """A source and what became of its events; None while that is not to be had."""

    source: Source
    stats: Stats | None


class SourcesPage(NamedTuple):
    """All sources, and the dead letters by source, cause and place."""

    rows: list[SourceRow]
    letters: Letters
    notices: Notices


class LettersPage(NamedTuple):
    """Some dead letters, and the zone in which their times are shown."""

    letters: Letters
    zone: str


class LetterPage(NamedTuple):
    """One dead letter with what arrived."""

    letter: Letter
    body: Any
    zone: str


async def sources_page(api: Api) -> SourcesPage:
    """Return the sources and what could not count."""
    notices = Notices()
    sources = await api.all(INGEST, "/v1/sources", Source)
    letters, stats = await asyncio.gather(
        notices.unless(api.get(INGEST, "/v1/dead-letters", Letters, limit=1), Letters(items=())),
        asyncio.gather(*(notices.unless(stats_of(api, each.name), None) for each in sources)),
    )
    rows = [SourceRow(source, found) for source, found in zip(sources, stats, strict=True)]
    return SourcesPage(rows, letters, notices)


async def stats_of(api: Api, name: str) -> Stats | None:
    """Return what became of a source's events."""
    return await api.get(INGEST, at("sources", name, "stats"), Stats)


async def source_document(api: Api, name: str) -> dict[str, Any]:
    """Return a source as it is declared, without what the service adds."""
    document: dict[str, Any] = dict(await api.get(INGEST, at("sources", name), dict[str, Any]))
    return {key: value for key, value in document.items() if key not in ("version", "paused")}


async def letters_page(api: Api, wanted: Mapping[str, str], after: str | None) -> LettersPage:
    """Return a page of dead letters; ``wanted`` may name source, cause and state."""
    letters, zone = await asyncio.gather(
        api.get(INGEST, "/v1/dead-letters", Letters, limit=50, after=after, **wanted),
        zone_of(api, Notices()),
    )
    return LettersPage(letters, zone)


async def letter_page(api: Api, identity: str) -> LetterPage:
    """Return one dead letter with its body, in which secrets are hidden."""
    found = await api.get(INGEST, at("dead-letters", identity), dict[str, Any])
    letter = await api.get(INGEST, at("dead-letters", identity), Letter)
    return LetterPage(letter, found["body"], await zone_of(api, Notices()))


async def replay(api: Api, wanted: Mapping[str, str | Sequence[str]]) -> dict[str, int]:
    """Send dead letters again, each once, until there are none left; return what was done."""
    done: dict[str, int] = {}
    for _ in range(ROUNDS):
        answer = await api.send("POST", INGEST, "/v1/dead-letters/replay", wanted)
        for name, value in answer.items():
            if isinstance(value, int) and not isinstance(value, bool):
                done[name] = done.get(name, 0) + value
        if not answer.get("more") or not answer.get("replayed"):
            break
    return done
