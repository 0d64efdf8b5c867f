"""An in-memory stand-in for MongoDB with snapshot transactions, write conflicts and sessions.

It passes the same conformance suite as a real server (tests/fakes). Where it is stricter: NaN and
infinities are refused.
"""

from service_kit.testing.fake_mongo.client import FakeDatabase, FakeMongo
from service_kit.testing.fake_mongo.collection import FakeCollection
from service_kit.testing.fake_mongo.hook import Fault, Point
from service_kit.testing.fake_mongo.storage import Server

__all__ = ["FakeCollection", "FakeDatabase", "FakeMongo", "Fault", "Point", "Server"]
