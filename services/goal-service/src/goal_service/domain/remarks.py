"""What a caller should know about an answer that is no refusal."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning: ``where`` is a path into the request or a goal's id; texts in en and zh."""

    code: str
    where: str
    en: str
    zh: str
