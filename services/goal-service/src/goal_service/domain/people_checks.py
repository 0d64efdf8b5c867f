"""What is wrong with an entry of the directory, field by field, each with its remedy."""

import re
from collections.abc import Iterator, Mapping, Set
from typing import NamedTuple

from goal_service.domain.calendar import check_calendar
from goal_service.domain.people import Directory, Entry, NamedCalendar, Organisation, Person, Team
from service_kit.errors import UserError
from service_kit.permissions import ROLES

NOBODY: Set[str] = frozenset()
LANGUAGES = ("en", "zh")
MOST_TEXT = 200
MOST_GROUPS = 50
MOST_LEAVE = 200
LONGEST_LEAVE_DAYS = 3_660
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@\-]{0,99}")
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")


class Fault(NamedTuple):
    """One field that cannot be kept as it is."""

    field: str
    code: str
    en: str
    zh: str

    def error(self, where: str) -> UserError:
        """Return the refusal of the request at ``where``."""
        return UserError(self.code, where, self.en, self.zh)


def faults_of(entry: Entry, directory: Directory) -> list[Fault]:
    """Return everything that is wrong with the entry; ``directory`` holds it and all others."""
    match entry:
        case Person():
            return [*_identity(entry), *_person(entry), *_relations(entry, directory)]
        case Team():
            return [*_identity(entry), *_team(entry, directory)]
        case Organisation():
            return [*_texts({"name": entry.name, "ceo_channel": entry.ceo_channel})]
        case NamedCalendar():
            return [*_identity(entry), *_calendar(entry)]


def _identity(entry: Entry) -> Iterator[Fault]:
    if not _ID.fullmatch(entry.id):
        yield Fault(
            "id",
            "id-invalid",
            "an id is 1 to 100 letters, digits or . _ - @ and begins with a letter or digit",
            "标识须为 1 到 100 个字母、数字或 . _ - @，并以字母或数字开头",
        )


def _person(person: Person) -> Iterator[Fault]:
    yield from _name(person.name)
    yield from _texts({"entity": person.entity, "mail": person.mail})
    if person.mail and not _MAIL.fullmatch(person.mail):
        yield Fault(
            "mail",
            "mail-invalid",
            f"{person.mail!r} is no mail address; write it like li.na@example.com",
            f"{person.mail!r} 不是有效邮箱；请写作 li.na@example.com",
        )
    unknown = [role for role in person.roles if role not in ROLES]
    if unknown or not person.roles or len(set(person.roles)) != len(person.roles):
        named = ", ".join(ROLES)
        yield Fault(
            "roles",
            "role-unknown",
            f"roles are some of {named}, each once; not {', '.join(unknown or person.roles)}",
            f"角色须为 {named} 中的一个或几个，不重复；而不是 {', '.join(unknown or person.roles)}",
        )
    if person.language not in LANGUAGES:
        yield Fault(
            "language",
            "language-unknown",
            f"{person.language!r} is not spoken here; use en or zh",
            f"不支持语言 {person.language!r}；请使用 zh 或 en",
        )
    yield from _groups(person)
    yield from _leave(person)


def _groups(person: Person) -> Iterator[Fault]:
    groups = person.groups
    fitting = all(0 < len(group) <= MOST_TEXT for group in groups)
    if not fitting or len(groups) > MOST_GROUPS or len(set(groups)) != len(groups):
        yield Fault(
            "groups",
            "groups-invalid",
            f"at most {MOST_GROUPS} chat groups, each once, of 1 to {MOST_TEXT} characters",
            f"最多 {MOST_GROUPS} 个聊天群，不重复，每个 1 到 {MOST_TEXT} 个字符",
        )


def _leave(person: Person) -> Iterator[Fault]:
    wrong = [
        each for each in person.leave if not 0 <= (each.end - each.start).days < LONGEST_LEAVE_DAYS
    ]
    if wrong or len(person.leave) > MOST_LEAVE:
        yield Fault(
            "leave",
            "leave-invalid",
            f"leave ends on or after its first day, within {LONGEST_LEAVE_DAYS} days; "
            f"at most {MOST_LEAVE} of them",
            f"休假的最后一天不得早于第一天，且不超过 {LONGEST_LEAVE_DAYS} 天；最多 {MOST_LEAVE} 段",
        )


def _relations(person: Person, directory: Directory) -> Iterator[Fault]:
    yield from _known("team", person.team, directory.teams, "team", "团队")
    yield from _known("calendar", person.calendar, directory.calendars, "calendar", "日历")
    yield from _known("manager", person.manager, directory.people, "person", "人员")
    if person.id in directory.managing_themselves:
        yield _circle("manager")
    others = directory.mails.get(person.mail.casefold(), NOBODY) - {person.id}
    if others:
        other = min(others)
        yield Fault(
            "mail",
            "mail-taken",
            f"{person.mail} is the mail of {other} already; each person stands here once",
            f"邮箱 {person.mail} 已属于 {other}；每个人只录入一次",
        )


def _team(team: Team, directory: Directory) -> Iterator[Fault]:
    yield from _name(team.name)
    yield from _texts({"group": team.group, "entity": team.entity})
    yield from _known("parent", team.parent, directory.teams, "team", "团队")
    yield from _known("lead", team.lead, directory.people, "person", "人员")
    if team.id in directory.above_themselves:
        yield _circle("parent")


def _calendar(calendar: NamedCalendar) -> Iterator[Fault]:
    try:
        check_calendar(calendar.calendar)
    except UserError as error:
        yield Fault(error.where, error.code, error.en, error.zh)


def _name(name: str) -> Iterator[Fault]:
    if not name.strip() or len(name) > MOST_TEXT:
        yield Fault(
            "name",
            "name-missing",
            f"a name of 1 to {MOST_TEXT} characters is needed",
            f"须填写 1 到 {MOST_TEXT} 个字符的名称",
        )


def _texts(texts: Mapping[str, str]) -> Iterator[Fault]:
    for name, text in texts.items():
        if len(text) > MOST_TEXT:
            yield Fault(
                name,
                "text-too-long",
                f"at most {MOST_TEXT} characters fit here",
                f"此处最多 {MOST_TEXT} 个字符",
            )


def _known(name: str, wanted: str, known: Mapping[str, Entry], en: str, zh: str) -> Iterator[Fault]:
    if wanted and wanted not in known:
        yield Fault(
            name,
            f"{en}-unknown",
            f"there is no {en} {wanted}; make it first, or in the same file",
            f"{zh} {wanted} 不存在；请先创建，或写在同一文件中",
        )


def _circle(name: str) -> Fault:
    return Fault(
        name,
        "line-in-a-circle",
        "the line upwards comes back here; let it end with somebody who has none above",
        "汇报关系形成了循环；请让最上级不再有上级",
    )
