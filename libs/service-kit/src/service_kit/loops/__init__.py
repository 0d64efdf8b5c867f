"""Three ways to read Kafka behind one interface: Faust, confluent-kafka, plain aiokafka."""

from service_kit.batch import Applier
from service_kit.guards import Guards
from service_kit.loops.base import Loop, LoopSettings, SeenFirst

__all__ = ["KINDS", "Loop", "LoopSettings", "SeenFirst", "make_loop"]

KINDS = ("faust", "confluent", "aiokafka")


def make_loop(kind: str, settings: LoopSettings, applier: Applier, guards: Guards) -> Loop:
    """Return the loop of this kind; raises ValueError when there is none.

    Each client is imported only where it is used: Faust takes half a second.
    """
    if kind == "faust":
        from service_kit.loops.faust import FaustLoop

        return FaustLoop(settings, applier, guards)
    if kind == "confluent":
        from service_kit.loops.confluent import ConfluentLoop

        return ConfluentLoop(settings, applier, guards)
    if kind == "aiokafka":
        from service_kit.loops.aiokafka import AiokafkaLoop

        return AiokafkaLoop(settings, applier, guards)
    raise ValueError(f"loop {kind!r} is none of {', '.join(KINDS)}")
