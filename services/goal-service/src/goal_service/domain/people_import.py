"""From the rows of a file to the patches that it asks for, or to all that is wrong with them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from goal_service.domain.people import Directory, Entry, Patch, Person, Ref, Team
from goal_service.domain.people_checks import Fault, faults_of
from goal_service.domain.people_file import Problem, Row, Sheet

YES = frozenset({"yes", "y", "true", "1", "是"})
NO = frozenset({"no", "n", "false", "0", "否"})
_SEPARATORS = re.compile(r"[;,|、；，\s]+")
# An empty cell of these leaves what is there: silence gives no consent and takes no role away.
_KEPT_WHEN_EMPTY = frozenset({"name", "roles", "language", "consent"})
_PLAIN = ("name", "mail", "team", "manager", "language", "entity", "calendar")
_OF_TEAM = {
    "team_name": "name",
    "team_parent": "parent",
    "team_lead": "lead",
    "team_group": "group",
}


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What a file does: ``patches`` change something, teams first; with problems it does nothing.

    ``counts`` says how many of each kind would be created, changed, unchanged.
    """

    patches: tuple[Patch, ...] = ()
    counts: Mapping[tuple[type[Entry], str], int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def plan_import(tenant: str, sheet: Sheet, directory: Directory) -> ImportPlan:
    """Return what the file changes in the directory, every fault of it by line and column.

    A column that the file does not have leaves its fields as they are. Teams are made from the
    columns of the people in them; a new one needs its name on one of its rows, so that a slip of
    the pen makes no team.
    """
    if sheet.problems:
        return ImportPlan(problems=sheet.problems)
    people, problems = _people(sheet.rows)
    teams, more = _teams(sheet.rows)
    patches = (*teams.patches(), *people.patches())
    wanted = {patch.ref: patch.applied(tenant, directory.find(patch.ref)) for patch in patches}
    whole = directory.with_(wanted.values())
    faults = [
        *_located(people, wanted, whole, {"praise": "consent"}),
        *_located(teams, wanted, whole, {v: k for k, v in _OF_TEAM.items()} | {"id": "team"}),
    ]
    found = {*problems, *more, *faults}
    if found:
        return ImportPlan(problems=tuple(sorted(found)))
    return ImportPlan(
        tuple(p for p in patches if directory.find(p.ref) != wanted[p.ref]),
        Counter((p.ref.kind, _fate(directory.find(p.ref), wanted[p.ref])) for p in patches),
    )


class _Wanted:
    """The fields wanted of each entry of one kind, and the line on which each was first said."""

    def __init__(self, kind: type[Entry]) -> None:
        self._kind = kind
        self._fields: dict[str, dict[str, Any]] = {}
        self._lines: dict[tuple[str, str], int] = {}

    def __contains__(self, identity: str) -> bool:
        return identity in self._fields

    def want(self, identity: str, line: int, fields: Mapping[str, Any]) -> None:
        """Add fields that are not wanted yet."""
        self._lines.setdefault((identity, ""), line)
        held = self._fields.setdefault(identity, {})
        for name, value in fields.items():
            held.setdefault(name, value)
            self._lines.setdefault((identity, name), line)

    def said(self, identity: str, name: str) -> Any:
        """Return what is wanted of the field, None when nothing is."""
        return self._fields.get(identity, {}).get(name)

    def line(self, identity: str, name: str = "") -> int:
        """Return where the field was wanted, else where the entry was first named."""
        return self._lines.get((identity, name), self._lines[identity, ""])

    def patches(self) -> list[Patch]:
        """Return a patch per entry, in the order of the file."""
        return [Patch(Ref(self._kind, each), held) for each, held in self._fields.items()]


def _people(rows: Sequence[Row]) -> tuple[_Wanted, list[Problem]]:
    people, problems = _Wanted(Person), list[Problem]()
    for row in rows:
        identity = row.cells.get("id", "")
        if identity in people:
            problems.append(_twice(row.line, identity, people.line(identity)))
            continue
        fields: dict[str, Any] = {}
        for column, cell in row.cells.items():
            if cell or column not in _KEPT_WHEN_EMPTY:
                read = _field(column, cell)
                if isinstance(read, Fault):
                    problems.append(Problem(row.line, column, *read[1:]))
                elif read is not None:
                    fields |= read
        people.want(identity, row.line, fields)
    return people, problems


def _field(column: str, cell: str) -> dict[str, Any] | Fault | None:
    """Return the person's field that the cell stands for; None when it is not about the person."""
    if column in _PLAIN:
        return {column: cell.lower() if column == "language" else cell}
    if column in ("roles", "groups"):
        names = (name for name in _SEPARATORS.split(cell) if name)
        return {column: tuple(n.lower() if column == "roles" else n for n in names)}
    if column != "consent":
        return None
    if cell.lower() not in YES | NO:
        return Fault(
            "consent",
            "consent-unreadable",
            f"{cell!r} is no answer; write yes or no",
            f"无法识别 {cell!r}；请填写 是 或 否",
        )
    return {"praise": cell.lower() in YES}


def _teams(rows: Sequence[Row]) -> tuple[_Wanted, list[Problem]]:
    teams, problems = _Wanted(Team), list[Problem]()
    for row in rows:
        identity = row.cells.get("team", "")
        said = {c: row.cells[c] for c in _OF_TEAM if row.cells.get(c)}
        if not identity:
            problems += [_no_team(row.line, column) for column in said]
            continue
        for column, cell in said.items():
            earlier = teams.said(identity, _OF_TEAM[column])
            if earlier not in (None, cell):
                line = teams.line(identity, _OF_TEAM[column])
                problems.append(_differs(row.line, column, cell, earlier, line))
        teams.want(identity, row.line, {_OF_TEAM[column]: cell for column, cell in said.items()})
    return teams, problems


def _located(
    wanted: _Wanted,
    entries: Mapping[Ref, Entry],
    whole: Directory,
    columns: Mapping[str, str],
) -> Iterator[Problem]:
    for patch in wanted.patches():
        for fault in faults_of(entries[patch.ref], whole):
            line = wanted.line(patch.ref.id, fault.field)
            yield Problem(line, columns.get(fault.field, fault.field), *fault[1:])


def _fate(before: Entry | None, after: Entry) -> str:
    if before is None:
        return "created"
    return "unchanged" if before == after else "changed"


def chunks(patches: Sequence[Patch], size: int) -> Iterable[tuple[Patch, ...]]:
    """Cut the patches into parts of at most ``size``, in their order."""
    return (tuple(patches[i : i + size]) for i in range(0, len(patches), size))


def _twice(line: int, identity: str, earlier: int) -> Problem:
    return Problem(
        line,
        "id",
        "person-twice",
        f"{identity!r} stands on line {earlier} already; keep one of the two",
        f"{identity!r} 已在第 {earlier} 行出现；请保留其中一行",
    )


def _no_team(line: int, column: str) -> Problem:
    return Problem(
        line,
        column,
        "team-missing",
        "this says something of a team, but the column team names none",
        "此处描述了团队，但 team 列为空",
    )


def _differs(line: int, column: str, cell: str, earlier: str, where: int) -> Problem:
    return Problem(
        line,
        column,
        "team-differs",
        f"{cell!r} here, but {earlier!r} on line {where}; one team has one of each",
        f"此处为 {cell!r}，而第 {where} 行为 {earlier!r}；同一团队应一致",
    )
