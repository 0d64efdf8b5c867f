"""Where several organisations share an installation, each names its own topics as doors."""

from dataclasses import replace
from typing import Any

import pytest

from metrics_ingest.domain.topics_of import TopicsOf
from metrics_ingest.settings import IngestSettings
from service_kit.errors import SettingError
from service_kit.settings import Settings

LINES = "acme=acme.*,crm-acme; globex=globex-*"


def reading(stage: Any, lines: str) -> None:
    stage.ingest = replace(stage.ingest, topics=TopicsOf.read(lines))
    stage.open()


def shop(make: Any, topic: str) -> dict[str, Any]:
    source: dict[str, Any] = make.shop()
    doors = source["doors"]
    doors[f"topic:{topic}"] = doors.pop("topic:shop.orders")
    return source


@pytest.mark.parametrize("topic", ["acme.orders", "acme.", "crm-acme"])
async def test_a_tenant_names_the_topics_that_are_its_own(
    stage: Any, make: Any, topic: str
) -> None:
    reading(stage, LINES)
    await stage.done("POST", "/v1/sources", shop(make, topic))


@pytest.mark.parametrize("topic", ["globex-orders", "acme", "xacme.orders", "crm-acme-2", "ACME.o"])
async def test_a_topic_of_another_organisation_is_refused_with_what_to_do(
    stage: Any, make: Any, topic: str
) -> None:
    reading(stage, LINES)
    refused = await stage.call("POST", "/v1/sources", shop(make, topic))
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (422, "topic-not-yours")
    assert error["where"] == f'$.doors["topic:{topic}"]'
    assert "PACELINE_TOPICS_OF" in error["message"]
    assert "globex" not in error["message"].replace(topic, "")


async def test_a_tenant_without_a_line_names_none_and_has_its_other_doors(
    stage: Any, make: Any
) -> None:
    reading(stage, "globex=globex-*")
    assert (await stage.call("POST", "/v1/sources", make.shop())).status_code == 422
    source = make.shop()
    del source["doors"]["topic:shop.orders"]
    await stage.done("POST", "/v1/sources", source)


async def test_connectors_are_held_to_the_same(stage: Any) -> None:
    reading(stage, "globex=globex-*")
    wanted = {"topic": "acme.deals"}
    refused = await stage.call("POST", "/v1/connectors/debezium-deals", wanted)
    assert refused.json()["error"]["code"] == "topic-not-yours"


async def test_without_the_setting_every_free_topic_may_be_named(stage: Any, make: Any) -> None:
    reading(stage, "")
    await stage.done("POST", "/v1/sources", shop(make, "globex-orders"))


@pytest.mark.parametrize(
    "text", ["acme", "=acme.*", "acme=", "acme=a b", "acme=a,;", " ; ", "a=[x]"]
)
def test_lines_that_say_nothing_end_the_process(text: str) -> None:
    with pytest.raises(SettingError, match="acme=acme"):
        IngestSettings.from_environment(Settings("metrics-ingest"), {"PACELINE_TOPICS_OF": text})


async def test_a_source_that_is_tried_is_refused_where_writing_it_would_be(
    stage: Any, make: Any
) -> None:
    reading(stage, LINES)
    trial = {"metric": {"name": "orders", "source": "shop"}, "events": [{}]}
    for topic, wanted in (("globex-orders", (422, "topic-not-yours")), ("acme.orders", (200, ""))):
        found = await stage.call("POST", "/v1/metrics/try", trial | {"source": shop(make, topic)})
        error = found.json().get("error", {"code": ""})
        assert (found.status_code, error["code"]) == wanted
    stage.ingest = replace(stage.ingest, registry="")
    stage.open()
    source = shop(make, "acme.orders")
    source["doors"]["topic:acme.orders"]["wire"] = "avro"
    written = await stage.call("POST", "/v1/sources", source)
    found = await stage.call("POST", "/v1/metrics/try", trial | {"source": source})
    assert (found.status_code, found.json()) == (written.status_code, written.json())
    assert written.status_code == 422
