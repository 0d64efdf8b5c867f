"""Who sees what: the owner, the team, the leads up the line, and nobody else."""

import pytest

from service_kit.visibility import Lines, Viewer, may_see

# anna and ben are editors under cho, who leads content; dora leads marketing and reports to eva.
# finn is an editor's colleague in the sister team.
LINES = Lines(
    managers={"anna": "cho", "ben": "cho", "cho": "dora", "dora": "eva", "finn": "gus"},
    teams={"anna": "content", "ben": "content", "cho": "content", "finn": "sem", "gus": "sem"},
    leads={"content": "cho", "marketing": "dora", "sem": "gus"},
    parents={"content": "marketing", "sem": "marketing"},
)
EVERYBODY = ("anna", "ben", "cho", "dora", "eva", "finn", "gus")


def seen_by(visibility: str, owner: str, team: str) -> list[str]:
    return [
        person
        for person in EVERYBODY
        if may_see(Viewer(person, LINES.teams.get(person, "")), visibility, owner, team, LINES)
    ]


@pytest.mark.parametrize(
    ("visibility", "owner", "team", "seen"),
    [
        ("organisation", "anna", "content", EVERYBODY),
        ("team", "anna", "content", ("anna", "ben", "cho", "dora", "eva")),
        ("team", "anna", "", ("anna", "ben", "cho", "dora", "eva")),
        ("private", "anna", "content", ("anna", "cho", "dora", "eva")),
        ("private", "cho", "content", ("cho", "dora", "eva")),
        ("private", "eva", "", ("eva",)),
        ("team", "", "sem", ("dora", "eva", "finn", "gus")),
        ("private", "", "sem", ("dora", "eva", "finn", "gus")),
        ("private", "", "", ()),
        ("team", "stranger", "", ()),
        ("galaxy", "anna", "", ("anna", "cho", "dora", "eva")),
    ],
)
def test_a_thing_is_seen_by_those_whom_its_visibility_names(
    visibility: str, owner: str, team: str, seen: tuple[str, ...]
) -> None:
    assert seen_by(visibility, owner, team) == list(seen)


def test_a_machine_sees_what_is_the_organisations_and_everything_only_if_it_may() -> None:
    assert may_see(Viewer(), "organisation", "anna", "", LINES)
    assert not may_see(Viewer(), "team", "", "", LINES)
    assert not may_see(Viewer(), "private", "", "", LINES)
    assert may_see(Viewer(everything=True), "private", "anna", "", LINES)


def test_a_line_that_runs_in_a_circle_ends() -> None:
    lines = Lines(
        managers={"a": "b", "b": "c", "c": "b"},
        teams={"a": "t"},
        leads={"t": "c", "u": "d"},
        parents={"t": "u", "u": "t"},
    )
    assert lines.above("a", "") == {"b", "c", "d"}
