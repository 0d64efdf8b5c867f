"""Stand-in for the apache/kafka image: the same variables, turned into the same properties.

As there, KAFKA_A_B becomes a.b, two underscores one, three a dash, and an empty folder is formatted
with CLUSTER_ID.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from service_kit.embedded.java import java
from service_kit.embedded.kafka import JAVA_OPTIONS

CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
FILE = Path("/tmp/server.properties")
COMMAND = [java(), *JAVA_OPTIONS, "-cp", "/opt/kafka/libs/*"]


def properties(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the broker's properties that the variables mean."""
    own = {name[6:]: text for name, text in environment.items() if name.startswith("KAFKA_")}
    return {_property(name): text for name, text in own.items()}


def _property(name: str) -> str:
    parts = name.lower().replace("___", "-").split("__")
    return "_".join(part.replace("_", ".") for part in parts)


def main() -> None:
    """Format once and become the broker."""
    lines = (f"{name}={text}\n" for name, text in properties(os.environ).items())
    FILE.write_text("".join(lines))
    format_ = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-c", str(FILE)]
    identity = os.environ.get("CLUSTER_ID", CLUSTER_ID)
    subprocess.run([*COMMAND, *format_, "-t", identity], check=True)
    os.execv(COMMAND[0], [*COMMAND, "kafka.Kafka", str(FILE)])


if __name__ == "__main__":
    main()
