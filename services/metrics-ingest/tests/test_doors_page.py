"""docs/doors.md: its examples are run as they stand there, over a real port."""

import asyncio
import re
import shutil
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from event_contracts.raw import RawEvent
from metrics_ingest.domain.doors.signatures import SCHEMES

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "doors.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"(?ms)^```sh\n# run: (\w+)\n(.*?)^```", PAGE))
TOOLS = ("sh", "curl", "openssl")


def test_the_page_names_every_rule() -> None:
    named = re.findall(r"(?m)^\| `([a-z0-9-]+)(?::[A-Z,]+)?`(?:, `([a-z0-9-]+)`)?", PAGE)
    assert {name for pair in named for name in pair if name} >= SCHEMES.keys()


@pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="needs sh, curl and openssl")
@pytest.mark.parametrize("name", sorted(EXAMPLES))
async def test_an_example_does_what_the_page_says(stage: Any, address: str, name: str) -> None:
    await stage.declare()
    call = {"id": ["messageId"], "type": ["type"], "time": ["timestamp"]}
    hook = {"id": ["id"], "type": ["kind"], "time": ["at"]}
    doors = {"segment": call, "hook": hook}
    source = {"name": "web", "doors": doors, "signature": "timestamped"}
    await stage.done("POST", "/v1/sources", source)
    await stage.done("PUT", "/v1/sources/web/secrets", {"secrets": ["s3cret"]})
    url = (await stage.done("GET", "/v1/sources/web/hook"))["url"]
    stage.now.ms = time.time_ns() // 1_000_000
    environment = {
        "PATH": "/usr/bin:/bin",
        "INGEST": address,
        "KEY": (await stage.key("acme"))["Authorization"].removeprefix("Bearer "),
        "WRITE_KEY": await stage.runtime.keys.create("acme", ["events:write"], source="web"),
        "HOOK": url.replace("https://in.example.com", address),
        "SECRET": "s3cret",
    }
    process = await asyncio.create_subprocess_exec(
        "sh", "-ec", EXAMPLES[name], stdout=-1, stderr=-1, env=environment
    )
    said, complained = await process.communicate()
    assert process.returncode == 0, complained
    wanted = {"events": 1, "unreadable": 0} if name == "hook" else {"accepted": [0], "rejected": []}
    assert msgspec.json.decode(said) == wanted
    records = [value for rows in stage.log.records.values() for value in rows]
    (event,) = [msgspec.json.decode(value, type=RawEvent) for value in records]
    assert event.door == {"cloudevents": "http", "segment": "segment", "hook": "hook"}[name]
