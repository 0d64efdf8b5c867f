"""Both servers that the conformance suite runs on: the fake and a real one."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
from pymongo import AsyncMongoClient

from service_kit.embedded import DocumentStore
from service_kit.store import Store
from service_kit.testing.fake_mongo import FakeMongo

PORT = 8350
_databases = count()


@pytest.fixture(scope="session")
def document_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path: Path = tmp_path_factory.mktemp("documents")
    server = DocumentStore(path, PORT)
    server.start()
    yield server.uri
    server.kill()


@pytest.fixture(params=["fake", "real"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    database = f"suite{next(_databases)}"
    if request.param == "fake":
        yield Store(FakeMongo(), database)
        return
    uri = request.getfixturevalue("document_store")
    real = Store(AsyncMongoClient(uri), database)
    yield real
    await real.close()
