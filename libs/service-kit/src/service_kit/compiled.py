"""How a loop is compiled, and where the machine code is kept."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


@lru_cache
def _place(sources: Path) -> Path:
    """Return a folder for the machine code of these very sources that can be written to.

    Numba notices a change of the file in which a function stands, and not of what it calls.
    """
    texts = [path.read_bytes() for path in sorted(sources.glob("*.py"))]
    digest = hashlib.blake2b(b"".join(texts), digest_size=8).hexdigest()
    for folder in (os.environ.get("NUMBA_CACHE_DIR", ""), str(sources / "__pycache__")):
        place = Path(folder) / digest
        try:
            place.mkdir(parents=True, exist_ok=True)
            if folder and os.access(place, os.W_OK):
                return place
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="paceline-"))


def compiled(function: F, *, inline: bool = False) -> F:
    """Compile when it is first called, or take what was compiled before.

    What a loop calls stands in its own folder: a change there makes all of its loops anew. A loop
    makes no arrays, it writes into those that it is given; so Numba need not count who holds them,
    which was a third of the scan's time (an atomic addition for each call with an array).
    """
    here = _place(Path(function.__code__.co_filename).parent)
    config: Any = numba.config  # its names are made at run time
    config.CACHE_DIR = str(here)
    njit: Any = numba.njit
    made: F = njit(cache=True, nogil=True, _nrt=False, forceinline=inline)(function)
    return made


def inlined(function: F) -> F:
    """The same, and what calls it takes it in: each array that is handed over is seven words."""
    return compiled(function, inline=True)
