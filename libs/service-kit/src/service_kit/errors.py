"""The type of an error says what happens.

PacelineError
├── Infrastructure   a part of the machine failed: the process exits, the supervisor starts it again
├── Halted           a partition may not go on: it is marked, paused and reported; the others go on
│   ├── Gap          records between ``next`` and the first offset read are missing
│   ├── LogMoved     ``next`` is outside the log, or the topic is another one than before
│   └── LaneConflict the same lane seq came with another input range
├── Moved            somebody else wrote the offset document: forget, load, go on
├── BadRecord        a record that nothing can apply: it becomes a dead letter and counts as handled
└── UserError        a request that cannot be served: says what, where, and what would be right

Beside the tree stands SettingError, a ValueError: a program that cannot begin.
"""

from collections.abc import Mapping, Sequence

from service_kit.records import Partition


class PacelineError(Exception):
    """Base of all errors of Paceline."""


class Infrastructure(PacelineError):
    """A broker or database did not do its part within its time."""


class Halted(PacelineError):
    """The partition stops until an operator has looked at it (``paceline doctor``)."""

    reason = "halted"

    def __init__(self, partition: Partition, detail: str) -> None:
        super().__init__(f"{partition}: {self.reason}: {detail}")
        self.partition = partition
        self.detail = detail


class Gap(Halted):
    """Records are missing between the stored position and the first record read."""

    reason = "gap"


class LogMoved(Halted):
    """The stored position does not belong to this log."""

    reason = "log-moved"


class LaneConflict(Halted):
    """One lane seq stands for two different input ranges."""

    reason = "lane-conflict"


class Moved(PacelineError):
    """An offset document is not where this loop left it; it is one of these partitions'."""

    def __init__(self, partitions: Sequence[Partition]) -> None:
        names = ", ".join(map(str, partitions))
        super().__init__(f"{names}: the offset document has moved")
        self.partitions = partitions


class BadRecord(PacelineError):
    """A record cannot be applied; ``cause`` is a short stable word, the message the detail."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(detail)
        self.cause = cause
        self.detail = detail


class UserError(PacelineError):
    """A request cannot be served. ``where`` is a path into the request; texts in en and zh.

    ``headers`` go with the answer: when it may be tried again, and the like.
    """

    def __init__(
        self,
        code: str,
        where: str,
        en: str,
        zh: str,
        status: int = 422,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(en)
        self.headers = headers or {}
        self.code = code
        self.where = where
        self.en = en
        self.zh = zh
        self.status = status


class SettingError(ValueError):
    """A setting that cannot be used: what, where, and what would be right, in en and zh."""

    def __init__(self, where: str, en: str, zh: str) -> None:
        super().__init__(f"{where}: {en}")
        self.where = where
        self.en = en
        self.zh = zh

    def said(self, language: str) -> str:
        """Return the sentence in this language."""
        return f"{self.where}：{self.zh}" if language == "zh" else str(self)
