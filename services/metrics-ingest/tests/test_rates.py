"""The operator's table of rates: loaded as JSON or CSV, revised, listed, never guessed."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from metrics_ingest.domain.money.rates import Rate, RateTable

USD = {"base": "USD", "quote": "CNY", "source": "PBoC"}


def rate(day: str, text: Any = "7.05", **fields: Any) -> dict[str, Any]:
    return USD | {"date": day, "rate": text} | fields


def test_a_day_without_a_rate_takes_the_last_one_before_it_and_none_before_the_first() -> None:
    friday, monday = date(2026, 11, 6), date(2026, 11, 9)
    table = RateTable(
        [
            Rate(date=monday, base="USD", quote="CNY", rate=Decimal("7.06")),
            Rate(date=friday, base="USD", quote="CNY", rate=Decimal("7.05")),
        ]
    )

    found = [table.at("USD", "CNY", friday.toordinal() + n) for n in range(-1, 5)]

    assert found == [None, *[Decimal("7.05")] * 3, *[Decimal("7.06")] * 2]
    assert table.at("CNY", "USD", monday.toordinal()) is None
    assert table.at("EUR", "CNY", monday.toordinal()) is None


def test_the_newest_version_of_a_days_rate_holds_and_a_rate_per_100_is_of_one() -> None:
    day = date(2026, 11, 6)
    revised = [
        Rate(date=day, base="JPY", quote="CNY", rate=Decimal("4.7"), per=100, version=n, source="x")
        for n in (2, 1)
    ]
    assert RateTable(revised).at("JPY", "CNY", day.toordinal()) == Decimal("0.047")


async def test_a_load_adds_revises_and_leaves_and_the_old_rate_stays_known(stage: Any) -> None:
    first = await stage.done("PUT", "/v1/rates", [rate("2026-11-06"), rate("2026-11-09", 7.06)])
    assert first == {"version": 1, "added": 2, "revised": 0, "unchanged": 0}
    again = await stage.done("PUT", "/v1/rates", [rate("2026-11-06", "7.050")])
    assert again == {"version": None, "added": 0, "revised": 0, "unchanged": 1}
    second = await stage.done("PUT", "/v1/rates", [rate("2026-11-06", 7.04), rate("2027-01-04")])
    assert second == {"version": 2, "added": 1, "revised": 1, "unchanged": 0}

    listed = (await stage.done("GET", "/v1/rates?quote=CNY"))["items"]
    assert [(r["date"], r["rate"], r["version"]) for r in listed] == [
        ("2026-11-06", "7.04", 2),
        ("2026-11-09", "7.06", 1),
        ("2027-01-04", "7.05", 2),
    ]
    span = "from=2026-11-01&to=2026-11-06&revisions=true"
    known = (await stage.done("GET", f"/v1/rates?{span}"))["items"]
    assert [(r["rate"], r["version"]) for r in known] == [("7.05", 1), ("7.04", 2)]
    query = {"tenant": "acme", "action": "rates.loaded"}
    notes = await stage.store.db["audit"].find(query, sort=[("seq", 1)]).to_list(None)
    assert [(n["subject"], n["detail"]["revised"]) for n in notes] == [
        ("USD/CNY", 0),
        ("USD/CNY", 1),
    ]


async def test_a_csv_file_is_loaded_and_rates_come_in_pages(stage: Any) -> None:
    text = "﻿date,base,quote,rate,per,source\r\n" + "".join(
        f"2026-11-{day:02d},jpy,cny,4.{day:02d},100,PBoC\r\n" for day in range(2, 7)
    )
    done = await stage.done("PUT", "/v1/rates", text.encode(), content_type="text/csv")
    assert (done["added"], done["version"]) == (5, 1)

    seen, after = [], ""
    while True:
        found = await stage.done("GET", f"/v1/rates?limit=2{after}")
        seen += [r["date"] for r in found["items"]]
        if found["next"] is None:
            break
        after = f"&after={found['next']}"
    assert seen == [f"2026-11-{day:02d}" for day in range(2, 7)]
    assert (await stage.done("GET", "/v1/rates", tenant="other"))["items"] == []


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], "$"),
        ([rate("2026-11-06", 0)], "$[0].rate"),
        ([rate("2026-11-06", -1)], "$[0].rate"),
        ([rate("2026-11-06", "0.0000000000001")], "$[0].rate"),
        ([rate("2026-11-06", 10**9)], "$[0].rate"),
        ([rate("2026-11-06"), rate("2026-11-09", base="RMB")], "$[1].base"),
        ([rate("2026-11-06", base="CNY")], "$[0].quote"),
        ([rate("2026-11-06", per=10)], "$[0].per"),
        ([rate("1969-12-31")], "$[0].date"),
        ([rate("2026-11-06", source="x" * 201)], "$[0].source"),
        ([rate("2026-11-06"), rate("2026-11-06", 7.06)], "$[1]"),
        ([rate("2026-11-06", version=3)], "$[0].version"),
        (b"date,base,quote\n2026-11-06,USD,CNY\n", "line 1"),
        (b"date,base,quote,rate\n2026-11-06,USD,CNY\n", "line 2"),
        (b"date,base,quote,rate\n2026-13-06,USD,CNY,7\n", "line 2.date"),
        (b"date,base,quote,rate\n\n2026-11-06,USD,CNY,NaN\n", "line 3.rate"),
        (b"date,base,quote,rate\n2026-11-06,USD,CNY,seven\n", "line 2.rate"),
        (b"date,base,quote,rate,per\n2026-11-06,USD,CNY,7,x\n", "line 2.per"),
        (b'date,base,quote,rate\n"2026-11-06,USD\n', "line 2"),
        (b"\xff\xfe", "byte 0"),
    ],
)
async def test_what_is_no_rate_is_refused_with_its_place_and_nothing_is_written(
    stage: Any, body: Any, where: str
) -> None:
    kind = "text/csv" if isinstance(body, bytes) else "application/json"
    answer = await stage.call("PUT", "/v1/rates", body, content_type=kind)
    assert answer.status_code == 422
    assert answer.json()["error"]["where"] == where
    assert (await stage.done("GET", "/v1/rates"))["items"] == []


async def test_a_query_for_no_day_is_refused(stage: Any) -> None:
    assert (await stage.call("GET", "/v1/rates?from=tomorrow")).status_code == 422
