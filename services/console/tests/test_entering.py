"""Numbers kept by hand: entered, corrected, loaded from a file."""

import json
from typing import Any

import httpx


class Hand:
    """metrics-ingest as far as numbers go: what is sent stands, unless somebody was faster."""

    def __init__(self, faster: str | None = None) -> None:
        self.rows: list[dict[str, Any]] = []
        self.faster = faster

    def take(self, request: httpx.Request) -> Any:
        events = json.loads(request.content)
        for event in events:
            if any(row["id"] == event["id"] for row in self.rows):
                continue
            said = self.faster or event["data"]["said"]
            fields = event["data"] | {"said": said, "author": "person:li.na"}
            row = {"id": event["id"], "at_ms": 0, "received_ms": 1, "fields": fields}
            self.rows.append(row)
        return 202, {"accepted": list(range(len(events))), "rejected": []}

    def give(self, request: httpx.Request) -> Any:
        return {"items": self.rows, "next": None}


def by_hand(signed: Any, make: Any, faster: str | None = None) -> Hand:
    hand = Hand(faster)
    metric = {"name": "fair", "source": "by-hand", "unit": "leads", "dims": ["channel"]}
    signed.services.answers |= {
        "GET /v1/metrics": make.page_of(metric, {"name": "orders", "source": "shop"}),
        "POST /v1/numbers": hand.take,
        "GET /v1/numbers": hand.give,
    }
    return hand


async def test_a_number_counts_once_however_often_its_form_is_sent(signed: Any, make: Any) -> None:
    by_hand(signed, make)
    entry = {"metric": "fair", "day": "2026-03-11", "channel": "booth", "value": "66"}
    assert "66 leads counts now" in (await signed.post("/numbers", **entry)).text
    assert "stands already" in (await signed.post("/numbers", **entry)).text
    corrected = await signed.post("/numbers", **entry | {"value": "60"})
    assert "It was 66 before" in corrected.text
    amounts = [b[0]["data"]["amount"] for b in signed.services.bodies("POST /v1/numbers")]
    assert amounts == ["66", "-6"]


async def test_who_was_slower_is_told_whose_number_counts(signed: Any, make: Any) -> None:
    by_hand(signed, make, faster="7")
    entry = {"metric": "fair", "day": "2026-03-11", "channel": "booth", "value": "66"}
    page = (await signed.post("/numbers", **entry)).text
    assert "changed this number at the same time: it is 7 now" in page


async def test_numbers_name_their_author_and_show_the_organisations_zone(
    signed: Any, make: Any
) -> None:
    hand = by_hand(signed, make)
    signed.services.answers |= {
        "GET /v1/people": make.page_of({"id": "li.na", "name": "李娜 Li Na"}),
        "GET /v1/goals": make.page_of(make.goal("g")),
    }
    await signed.post("/numbers", metric="fair", day="2026-03-11", channel="booth", value="66")
    hand.rows[0]["received_ms"] = 1_773_194_400_000
    page = (await signed.get("/numbers")).text
    assert "李娜 Li Na <span" in page
    assert "11 Mar 2026 10:00:00 Asia/Shanghai" in page
    hand.rows[0]["fields"]["author"] = "key:k1"
    assert "API key k1" in (await signed.get("/numbers")).text


async def test_a_number_is_wanted_for_the_day_that_it_is_in_the_organisation(
    signed: Any, make: Any
) -> None:
    by_hand(signed, make)
    # 02:00 UTC of the 11th is still the 10th in New York.
    signed.services.answers["GET /v1/goals"] = make.page_of(make.goal(zone="America/New_York"))
    assert 'value="2026-03-10"' in (await signed.get("/numbers")).text


async def test_a_wrong_entry_keeps_what_was_typed_and_names_each_fault(
    signed: Any, make: Any
) -> None:
    by_hand(signed, make)
    page = await signed.post("/numbers", metric="fair", day="x", channel="booth", value="y")
    assert page.status_code == 422
    assert "2 to mend" in page.text
    assert 'value="booth"' in page.text
    assert page.text.count('aria-invalid="true"') == 2
    unknown = await signed.post("/numbers", metric="orders", day="2026-03-11", value="1")
    assert "kept by hand" in unknown.text
    assert signed.services.bodies("POST /v1/numbers") == []


async def test_a_file_writes_nothing_before_it_is_said_to(signed: Any, make: Any) -> None:
    by_hand(signed, make)
    content = "day,channel,value\n2026-03-10,booth,1\n2026-03-11,booth,2\n"
    files = {"file": ("f.csv", content.encode(), "text/csv")}
    dry = await signed.post("/numbers/file", files=files, metric="fair")
    assert "2 new, 0 changed, 0 set to 0, 0 as they are" in dry.text
    assert signed.services.bodies("POST /v1/numbers") == []
    done = await signed.post("/numbers/file/load", metric="fair", text=content)
    assert "2 numbers count now; 0 were as they are" in done.text
    again = await signed.post("/numbers/file/load", metric="fair", text=content)
    assert "0 numbers count now; 2 were as they are" in again.text


async def test_a_wrong_file_names_its_lines(signed: Any, make: Any) -> None:
    by_hand(signed, make)
    files = {"file": ("f.csv", b"day,channel,value\nx,booth,y\n", "text/csv")}
    page = await signed.post("/numbers/file", files=files, metric="fair")
    assert page.status_code == 422
    assert "The file has 2 faults" in page.text
    assert "2026-11-25" in page.text
    large = {"file": ("f.csv", b"x" * (5 * 1024 * 1024 + 1), "text/csv")}
    refused = await signed.post("/numbers/file", files=large, metric="fair")
    assert refused.status_code == 413
