"""Which of the organisation's topics a tenant may name as a source's door."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from metrics_ingest.domain.definitions import Source
from service_kit.errors import UserError

_PATTERN = re.compile(r"[A-Za-z0-9._*-]+")


@dataclass(frozen=True, slots=True)
class TopicsOf:
    """Patterns by tenant, ``*`` standing for any characters; None: every tenant may name any."""

    patterns: Mapping[str, tuple[str, ...]] | None = None

    @classmethod
    def read(cls, text: str) -> "TopicsOf":
        """Read ``acme=acme.*,crm-acme; globex=globex-*``, nothing: any; raises ValueError."""
        if not text.strip():
            return cls()
        found: dict[str, tuple[str, ...]] = {}
        for line in filter(None, map(str.strip, text.split(";"))):
            tenant, equals, rest = (part.strip() for part in line.partition("="))
            patterns = tuple(pattern.strip() for pattern in rest.split(","))
            if not tenant or not equals or not all(map(_PATTERN.fullmatch, patterns)):
                raise ValueError(line)
            found[tenant] = found.get(tenant, ()) + patterns
        if not found:
            raise ValueError(text)
        return cls(found)

    def check(self, tenant: str, source: Source) -> None:
        """Raise UserError when a door of the source is a topic that is not the tenant's."""
        for topic in self._others(tenant, source.topics):
            raise UserError(
                "topic-not-yours",
                f'$.doors["topic:{topic}"]',
                f"the topic {topic} is not among those that {tenant} may read in this "
                "installation; ask its operator to add it to PACELINE_TOPICS_OF",
                f"主题 {topic} 不在 {tenant} 可读取的范围内；"
                "请联系系统管理员将其加入 PACELINE_TOPICS_OF",
            )

    def _others(self, tenant: str, topics: Iterable[str]) -> list[str]:
        if self.patterns is None:
            return []
        mine = self.patterns.get(tenant, ())
        return [name for name in topics if not any(fnmatchcase(name, each) for each in mine)]


ANY_TOPIC = TopicsOf()
