"""What the tenants of the job declare: one source, and a metric for each type of event."""

import time

from metrics_ingest.adapters.definitions import MongoDefinitions
from metrics_ingest.domain.checks.definitions import check_metric, check_source
from metrics_ingest.domain.definitions import FieldMapping, Kind, Mapping, Metric, Source
from paceline.fold.job import DOOR, SOURCE, Job, tenant_name, type_name
from service_kit.store import Store, Tx

DIMS = ("channel", "campaign")


def source() -> Source:
    """Return the source. What it reads stands flat, as in an organisation's own topic."""
    fields = {
        "amount": FieldMapping(paths=("amount",), kind=Kind.DECIMAL, required=True),
        "channel": FieldMapping(paths=("channel",), required=True),
        "campaign": FieldMapping(paths=("campaign",), required=True),
    }
    mapping = Mapping(id=("id",), type=("type",), time=("time",), fields=fields)
    return Source(name=SOURCE, doors={DOOR: mapping}, version=1)


def metric(kind: int) -> Metric:
    """Return the metric that sums the events of one type by channel and campaign."""
    name = type_name(kind)
    return Metric(
        name=name, source=SOURCE, types=(name,), value="amount", dims=DIMS, unit="EUR", version=1
    )


async def declare(store: Store, job: Job) -> None:
    """Write the definitions of all tenants, checked as the doors check them.

    The topic of the door is not claimed: the log holds already what would be re-keyed from it.
    """
    session = await store.session()
    declared, metrics = source(), [metric(kind) for kind in range(job.types)]
    check_source(declared, [], "")
    for each in metrics:
        check_metric(each, declared)
    for number in range(job.tenants):

        async def write(tx: Tx, tenant: str = tenant_name(number)) -> None:
            definitions = MongoDefinitions(tx, int(time.time() * 1000))
            await definitions.write_source(tenant, declared)
            for each in metrics:
                await definitions.write_metric(tenant, each)

        await session.run(write)
