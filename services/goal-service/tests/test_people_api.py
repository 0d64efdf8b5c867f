"""The directory by HTTP: files, versions, what each sets for oneself, who looks at whom."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from event_contracts.directory import DirectoryMessage, OrganisationChanged, PersonChanged
from event_contracts.wire import partition_of
from goal_service.adapters.directory import DirectoryReader
from goal_service.api import make_api, people_import
from goal_service.domain.people import Directory
from service_kit import audit

Door = Any
ANNA = {"name": "Anna", "mail": "anna@shop.example", "team": "content", "manager": "cho"}
SMALL = """id,name,team,team_name,team_lead,team_group,manager,roles
cho,Cho,content,Content,cho,oc_content,,lead
anna,Anna,content,,,,cho,member
"""


def company() -> bytes:
    """600 people in 14 teams: 14 leads under one head, everybody else under the lead."""
    lines = ["id,name,mail,team,team_name,team_lead,team_group,roles,manager,language,consent"]
    for number in range(600):
        team = number % 14
        lead = number < 14
        lines.append(
            f"p{number:03d},人员 {number},p{number:03d}@shop.example,t{team:02d},"
            f"{f'团队 {team}' if lead else ''},{f'p{team:03d}' if lead else ''},"
            f"{f'oc_{team}' if lead else ''},{'lead' if lead else 'member'},"
            f"{'' if number == 0 else 'p000' if lead else f'p{team:03d}'},zh,"
            f"{'yes' if number % 2 else 'no'}"
        )
    return "\n".join(lines).encode()


async def load(door: Door, content: str | bytes = SMALL, **options: Any) -> Any:
    body = content.encode() if isinstance(content, str) else content
    return await door.call("POST", "/v1/people/import", content=body, **options)


async def trail(door: Door) -> list[dict[str, Any]]:
    rows = [row for row in await door.stage.all("audit") if row.get("action")]
    return sorted(rows, key=lambda row: row["seq"])


async def test_600_people_in_14_teams_load_by_one_file_and_a_second_run_changes_nothing(
    door: Door,
) -> None:
    people = {"created": 600, "changed": 0, "unchanged": 0}
    teams = {"created": 14, "changed": 0, "unchanged": 0}
    done = {"dry_run": True, "people": people, "teams": teams}
    assert await load(door, company(), dry_run=True) == done
    assert await door.stage.all("directory") == []
    assert await load(door, company()) == done | {"dry_run": False}

    messages = await door.outbox("directory", DirectoryMessage)
    assert len(messages) == 614
    assert {row["partition"] for row in await door.stage.all("outbox")} == {partition_of(4, "shop")}
    assert len(await trail(door)) == 614
    assert (await audit.verify(door.stage.store, "shop")).whole
    listed = await door.call("GET", "/v1/people", limit=1000)
    assert len(listed["items"]) == 600
    assert len((await door.call("GET", "/v1/teams"))["items"]) == 14

    same = {"created": 0, "changed": 0}
    again = await load(door, company())
    assert again["people"] == same | {"unchanged": 600}
    assert again["teams"] == same | {"unchanged": 14}
    assert len(await door.outbox("directory", DirectoryMessage)) == 614
    assert len(await trail(door)) == 614
    assert len(await door.stage.all("directory_versions")) == 614


async def test_a_corrected_file_changes_only_whom_it_corrects(door: Door) -> None:
    await load(door, company())
    corrected = company().replace("人员 17,".encode(), "改名,".encode())
    done = await load(door, corrected)
    assert done["people"] == {"created": 0, "changed": 1, "unchanged": 599}
    *_, last = await door.outbox("directory", DirectoryMessage)
    assert (last.person, last.name, last.version) == ("p017", "改名", 2)
    entry = (await trail(door))[-1]
    assert (entry["action"], entry["subject"]) == ("person.changed", "person:p017")
    assert entry["detail"] == {"version": 2, "fields": ["name"]}


async def test_a_load_that_was_cut_off_is_finished_by_the_same_file(door: Door) -> None:
    await load(door, b"\n".join(company().split(b"\n")[:216]))
    done = await load(door, company())
    assert done["people"] == {"created": 385, "changed": 0, "unchanged": 215}
    assert len(await door.stage.all("directory")) == 614


async def test_a_file_with_any_error_writes_nothing_and_says_all_in_the_callers_language(
    door: Door,
) -> None:
    wrong = SMALL + "ben,Ben,content,,,,ghost,boss\n"
    for language in ("en", "zh"):
        refused = await load(door, wrong, status=422, language=language)
        assert [(p["line"], p["column"], p["code"]) for p in refused["problems"]] == [
            (4, "manager", "person-unknown"),
            (4, "roles", "role-unknown"),
        ]
        assert refused["error"]["where"] == "line 4, column manager"
        for text in (refused["error"]["message"], refused["problems"][1]["message"]):
            assert any("\u4e00" <= x <= "\u9fff" for x in text) == (language == "zh")
    assert await door.stage.all("directory") == []
    assert await door.stage.all("outbox") == []


async def test_a_person_is_made_changed_and_told_to_others_without_the_mail(door: Door) -> None:
    await load(door)
    person = ANNA | {"language": "zh", "consent": {"praise": True}, "groups": ["oc_1"]}
    changed = await door.call("PUT", "/v1/people/anna", person)
    assert changed["version"] == 2
    assert (changed["mail"], changed["consent"], changed["roles"]) == (
        "anna@shop.example",
        {"praise": True},
        ["member"],
    )
    same = await door.call("PUT", "/v1/people/anna", person)
    assert same["version"] == 2
    kept = await door.call("PUT", "/v1/people/anna", ANNA)
    assert (kept["version"], kept["language"], kept["consent"]) == (3, "en", {"praise": True})
    events = await door.outbox("directory", DirectoryMessage)
    told = [e for e in events if isinstance(e, PersonChanged) and e.person == "anna"]
    assert [(e.version, e.praise, e.groups) for e in told] == [
        (1, False, ()),
        (2, True, ("oc_1",)),
        (3, True, ()),
    ]
    assert all(b"anna@shop" not in row["value"] for row in await door.stage.all("outbox"))
    stale = await door.call("PUT", "/v1/people/anna", ANNA | {"based_on": 1}, status=409)
    assert stale["error"]["code"] == "entry-moved-on"


@pytest.mark.parametrize(
    ("path", "body", "code", "where"),
    [
        ("/v1/people/anna", ANNA | {"manager": "ghost"}, "person-unknown", "manager"),
        ("/v1/people/cho", {"name": "Cho", "manager": "anna"}, "line-in-a-circle", "manager"),
        ("/v1/people/ben", ANNA | {"mail": "x"}, "mail-invalid", "mail"),
        ("/v1/people/anna", ANNA | {"salary": 1}, "unknown-field", "$.salary"),
        ("/v1/people/a b", ANNA, "id-invalid", "id"),
        ("/v1/teams/content", {"name": "C", "parent": "content"}, "line-in-a-circle", "parent"),
        ("/v1/teams/content", {"name": ""}, "name-missing", "name"),
        ("/v1/organisation", {"ceo_channel": "x" * 201}, "text-too-long", "ceo_channel"),
        (
            "/v1/calendars/c",
            {"calendar": {"weekdays": [8]}},
            "weekday-unknown",
            "calendar.weekdays",
        ),
    ],
)
async def test_an_entry_that_cannot_be_is_refused(
    door: Door, path: str, body: Any, code: str, where: str
) -> None:
    await load(door)
    before = await door.stage.all("directory")
    refused = await door.call("PUT", path, body, status=422)
    assert (refused["error"]["code"], refused["error"]["where"]) == (code, where)
    assert await door.stage.all("directory") == before


async def test_the_organisations_settings_have_defaults_and_are_told(door: Door) -> None:
    blank = await door.call("GET", "/v1/organisation")
    assert (blank["version"], blank["ceo_channel"], blank["ranking"]) == (0, "", False)
    assert blank["individual_goals_told"] is False
    await door.call("PUT", "/v1/organisation", {"name": "Shop", "ceo_channel": "oc_ceo"})
    assert (await door.call("GET", "/v1/organisation"))["ceo_channel"] == "oc_ceo"
    (event,) = await door.outbox("directory", DirectoryMessage)
    assert isinstance(event, OrganisationChanged)
    assert (event.version, event.ceo_channel, event.ranking) == (1, "oc_ceo", False)


async def test_a_named_calendar_is_kept_and_a_person_may_live_by_it(door: Door) -> None:
    await load(door)
    days = {"weekdays": [1, 2, 3, 4, 5], "off": ["2026-10-01"], "on": ["2026-10-10"]}
    made = await door.call("PUT", "/v1/calendars/china", {"calendar": days})
    assert made["calendar"] == days
    person = await door.call("PUT", "/v1/people/anna", ANNA | {"calendar": "china"})
    assert person["calendar"] == "china"
    assert (await door.call("GET", "/v1/calendars"))["items"] == [made]


async def test_consent_is_ones_own_word(door: Door) -> None:
    await load(door)
    path, yes = "/v1/people/anna/consent", {"praise": True}
    given = await door.call("PUT", path, yes, person=("anna", "member"))
    assert (given["consent"], given["changed_by"]) == (yes, "person:anna")
    refused = await door.call("PUT", path, yes, person=("cho", "lead"), status=403)
    assert refused["error"]["code"] == "not-yours"
    await door.call("PUT", path, {"praise": False}, person=("eva", "admin"))


async def test_leave_is_set_by_oneself_or_a_lead_up_the_line(door: Door) -> None:
    await load(door, SMALL + "ben,Ben,content,,,,cho,member\n")
    path = "/v1/people/anna/leave"
    leave = {"leave": [{"from": "2026-05-15", "to": "2026-05-20"}]}
    assert (await door.call("PUT", path, leave, person=("anna", "member")))["leave"] == leave[
        "leave"
    ]
    await door.call("PUT", path, {"leave": []}, person=("cho", "lead"))
    await door.call("PUT", path, leave, person=("ben", "member"), status=403)
    back = {"leave": [{"from": "2026-05-15", "to": "2026-05-14"}]}
    refused = await door.call("PUT", path, back, person=("anna", "member"), status=422)
    assert refused["error"]["code"] == "leave-invalid"
    await load(door, SMALL)
    assert (await door.call("PUT", "/v1/people/anna", ANNA))["leave"] == []


async def test_leave_and_consent_survive_a_file_and_a_change_of_the_rest(door: Door) -> None:
    await load(door)
    leave = [{"from": "2026-05-15", "to": "2026-05-15"}]
    await door.call("PUT", "/v1/people/anna/leave", {"leave": leave})
    await door.call("PUT", "/v1/people/anna/consent", {"praise": True})
    await load(door, SMALL.replace("anna,Anna", "anna,Anna Li"))
    shown = await door.call("GET", "/v1/people/anna")
    assert (shown["name"], shown["leave"], shown["consent"]["praise"]) == ("Anna Li", leave, True)


async def test_a_look_at_a_persons_page_by_somebody_else_is_there_for_the_person_to_see(
    door: Door,
) -> None:
    await load(door)
    await door.call("GET", "/v1/people/anna", person=("anna", "member"))
    for viewer in ("cho", "ben", "cho"):
        door.stage.clock.now += 1000
        await door.call("GET", "/v1/people/anna", person=(viewer, "member"))
    path = "/v1/people/anna/views"
    seen = await door.call("GET", path, person=("anna", "member"))
    assert [(v["viewer"], v["at"]) for v in seen["items"]] == [
        ("person:cho", "2011-01-18T10:00:01.000Z"),
        ("person:ben", "2011-01-18T10:00:02.000Z"),
        ("person:cho", "2011-01-18T10:00:03.000Z"),
    ]
    first = await door.call("GET", path, person=("anna", "member"), limit=2)
    rest = await door.call("GET", path, person=("anna", "member"), after=first["next"])
    assert first["items"] + rest["items"] == seen["items"]
    refused = await door.call("GET", path, person=("cho", "lead"), status=403)
    assert refused["error"]["code"] == "not-yours"
    assert await door.call("GET", path, person=("eva", "admin")) == seen
    for wrong in ("x", "9" * 19, "9" * 5000, "-1", "٣"):
        after = f"{wrong}|x"
        await door.call("GET", path, person=("anna", "member"), after=after, status=422)


async def test_lists_show_no_mail_no_leave_and_no_consent(door: Door) -> None:
    await load(door)
    listed = (await door.call("GET", "/v1/people", person=("ben", "viewer")))["items"]
    assert [each["id"] for each in listed] == ["anna", "cho"]
    for each in listed:
        assert set(each) == {"id", "name", "roles", "team", "manager", "entity", "version"}
    assert (await door.call("GET", "/v1/people", team="sem"))["items"] == []
    (one,) = (await door.call("GET", "/v1/people", id="cho"))["items"]
    assert (one["id"], one["roles"], one["team"]) == ("cho", ["lead"], "content")
    assert await door.stage.all("views") == []


async def test_tenants_have_a_directory_each(door: Door) -> None:
    await load(door)
    await load(door, SMALL, tenant="rival")
    await door.call("PUT", "/v1/people/anna", ANNA | {"name": "Another"}, tenant="rival")
    assert (await door.call("GET", "/v1/people/anna"))["name"] == "Anna"


class Meanwhile(DirectoryReader):
    """Reads the directory for a file; before anything is written, somebody else changes it."""

    do: Callable[[], Awaitable[Any]]
    times = 1

    async def whole(self, tenant: str) -> Directory:
        found = await super().whole(tenant)
        if Meanwhile.times:
            Meanwhile.times -= 1
            await Meanwhile.do()
        return found


@pytest.fixture
def meanwhile(door: Door, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def change(*people: tuple[str, dict[str, Any]]) -> None:
        waiting = list(people)

        async def put() -> None:
            person, body = waiting.pop(0)
            await door.call("PUT", f"/v1/people/{person}", body)

        monkeypatch.setattr(Meanwhile, "do", staticmethod(put), raising=False)
        monkeypatch.setattr(Meanwhile, "times", len(waiting))
        monkeypatch.setattr(people_import, "DirectoryReader", Meanwhile)
        door.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=make_api(door.runtime)), base_url="http://goals"
        )

    return change


async def test_a_file_is_checked_against_what_somebody_else_has_changed_meanwhile(
    door: Door, meanwhile: Callable[..., None]
) -> None:
    await load(door, "id,name\nanna,Anna\nben,Ben\n")
    meanwhile(("ben", {"name": "Ben", "manager": "anna"}))
    refused = await load(door, "id,manager\nanna,ben\n", status=422)
    assert [p["code"] for p in refused["problems"]] == ["line-in-a-circle"]
    assert refused["error"]["message"].startswith("1 errors, nothing was written")
    assert (await door.call("GET", "/v1/people/anna"))["manager"] == ""


async def test_a_mail_address_that_was_taken_meanwhile_is_refused(
    door: Door, meanwhile: Callable[..., None]
) -> None:
    await load(door, "id,name\nben,Ben\n")
    meanwhile(("ben", {"name": "Ben", "mail": "a@shop.example"}))
    refused = await load(door, "id,name,mail\nanna,Anna,a@shop.example\n", status=422)
    assert [p["code"] for p in refused["problems"]] == ["mail-taken"]


async def test_a_change_that_the_file_can_live_with_is_kept_and_the_file_is_written(
    door: Door, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_import, "CHUNK", 2)
    await load(door, "id,name\nben,Ben\n")
    meanwhile(*(("ben", {"name": "Ben", "mail": f"{n}@shop.example"}) for n in range(3)))
    done = await load(door, "id,name\na,A\nb,B\nc,C\nd,D\ne,E\nben,Benjamin\n")
    assert done["people"] == {"created": 5, "changed": 1, "unchanged": 0}
    ben = await door.call("GET", "/v1/people/ben")
    assert (ben["name"], ben["mail"], ben["version"]) == ("Benjamin", "2@shop.example", 5)


async def test_a_directory_that_never_stands_still_ends_a_file_with_what_to_do(
    door: Door, meanwhile: Callable[..., None]
) -> None:
    await load(door, "id,name\nben,Ben\n")
    meanwhile(*(("ben", {"name": f"Ben {n}"}) for n in range(100)))
    for language, words in (("en", "send the file again"), ("zh", "请重新发送")):
        refused = await load(door, "id,name\na,A\n", status=409, language=language)
        assert refused["error"]["code"] == "directory-moved"
        assert words in refused["error"]["message"]
