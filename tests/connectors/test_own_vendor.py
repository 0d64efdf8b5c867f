"""A vendor that nobody has heard of is added by a document alone, as docs/connectors.md tells."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from metrics_ingest.adapters.connectors import connectors
from metrics_ingest.domain.checks.definitions import check_metric, check_source
from metrics_ingest.domain.connectors import Connector, Wanted, made
from service_kit.errors import UserError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "connectors.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.row("M2", "vendor-by-document")
def test_the_worked_example_of_the_documentation_does_what_it_says(
    run: Callable[[Connector], Any],
) -> None:
    document = yaml.safe_load(blocks("yaml")[0])
    connector = msgspec.convert(document, Connector)
    check_source(connector.source, [], "paceline.")
    for metric in connector.metrics:
        check_metric(metric, connector.source)
    found = run(connector).hook(blocks("json")[0].encode(), {"shop": "hz"})
    assert found == [
        {
            "id": "hz/K-7001",
            "type": "SOLD",
            "at": "2026-11-12T19:30:00+08:00",
            "gives": {"kiosk_tickets": "2", "kiosk_revenue": "316 CNY"},
            "dims": {"show": "Swan Lake", "seat": "stalls"},
        },
        {
            "id": "hz/K-7002",
            "type": "REFUND",
            "at": "2026-11-12T19:42:10+08:00",
            "gives": {"kiosk_refunds": "158 CNY"},
            "dims": {"show": "Swan Lake"},
        },
        "skipped",
        "wrong-kind",
    ]
    kept = run(connector).kept(blocks("json")[0].encode())
    assert "kiosk-demo-secret" not in "".join(kept)


def test_every_connector_is_sound_and_names_its_metrics_for_itself() -> None:
    names: list[str] = []
    for connector in connectors().values():
        assert len(connector.sources) == 1
        check_source(connector.source, [], "paceline.")
        for metric in connector.metrics:
            check_metric(metric, connector.source)
            names.append(metric.name)
        assert connector.at_vendor
    assert len(names) == len(set(names))


def test_a_connector_is_made_ones_own_by_a_few_words() -> None:
    wanted = Wanted(
        source="ads-berlin",
        zone="Europe/Berlin",
        currency="EUR",
        prefix="berlin_",
        overrides={
            "source": {"restates_days": 60},
            "metrics": {"google_ads_conversions": None, "google_ads_clicks": {"unit": "Klicks"}},
        },
    )
    source, metrics = made(connectors()["google-ads"], wanted)
    assert (source.name, source.zone, source.restates_days) == ("ads-berlin", "Europe/Berlin", 60)
    assert source.doors["hook"].fields["spend"].currency == "EUR"
    assert {(m.name, m.source, m.currency, m.unit) for m in metrics} == {
        ("berlin_google_ads_spend", "ads-berlin", "EUR", ""),
        ("berlin_google_ads_clicks", "ads-berlin", None, "Klicks"),
    }


def test_a_connectors_topic_is_named_after_ones_own() -> None:
    source, _ = made(connectors()["debezium-deals"], Wanted(topic="crm.sales.deals"))
    assert source.topics == ("crm.sales.deals",)
    with pytest.raises(UserError, match="no topic"):
        made(connectors()["stripe"], Wanted(topic="x"))


@pytest.mark.parametrize(
    "overrides",
    [
        {"source": None},
        {"metrics": {"stripe_renewals": 1}},
        {"source": {"doors": 7}},
        {"metrics": 1},
    ],
)
def test_overrides_that_make_no_document_are_refused(overrides: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        made(connectors()["stripe"], Wanted(overrides=overrides))
