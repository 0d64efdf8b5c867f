"""Both servers that the conformance suite runs on: the fake and a real one."""

from collections.abc import AsyncIterator
from itertools import count

import pytest
from pymongo import AsyncMongoClient

from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo

_databases = count()


@pytest.fixture(params=["fake", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    database = f"suite{next(_databases)}"
    if request.param == "fake":
        yield Store(FakeMongo(), database)
        return
    real = Store(AsyncMongoClient(request.getfixturevalue("documents").uri), database)
    yield real
    await real.close()
