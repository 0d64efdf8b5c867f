"""The example of docs/metrics.md over the service's own door: declared, sent, folded."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from service_kit.sketches import Ranks, merged

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"


def event(number: int, kind: str, at: str, **data: Any) -> dict[str, Any]:
    head = {"specversion": "1.0", "id": str(number), "source": "/site", "type": kind}
    return head | {"time": at, "data": data}


async def test_the_page_s_metrics_are_accepted_and_its_first_response_takes_20_minutes(
    stage: Any,
) -> None:
    page = yaml.safe_load(PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0])
    for kind in ("sources", "metrics"):
        for document in page[kind]:
            await stage.done("POST", f"/v1/{kind}", document)
    asked = "2026-05-15T22:00:00+08:00"  # a Friday
    answered = event(1, "question.answered", "2026-05-18T09:20:00+08:00", asked=asked)
    early = event(2, "question.answered", "2026-05-15T21:59:00+08:00", asked=asked)
    stage.clock.ms = 1_779_100_000_000  # 2026-05-18
    await stage.send(answered, early, source="site")
    await stage.pump()

    (batch,) = [b for b in await stage.facts() if b.metric == "first_response"]
    assert [(cell.sum, cell.count) for cell in batch.cells] == [(20, 1)]
    sketch = merged(batch.sketches)
    assert isinstance(sketch, Ranks)
    found = sketch.quantile(Decimal("0.5"))
    assert found is not None
    assert found.value == 20
