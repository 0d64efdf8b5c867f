"""How a loop is compiled, and where the machine code is kept."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def _place() -> Path:
    """Return a folder for the machine code of these very sources that can be written to.

    Numba notices a change of the file in which a function stands, and not of what it calls.
    """
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.blake2b(b"".join(map(Path.read_bytes, sources)), digest_size=8).hexdigest()
    for folder in (
        os.environ.get("NUMBA_CACHE_DIR", ""),
        str(Path(__file__).parent / "__pycache__"),
    ):
        place = Path(folder) / digest
        try:
            place.mkdir(parents=True, exist_ok=True)
            if folder and os.access(place, os.W_OK):
                return place
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="paceline-"))


numba.config.CACHE_DIR = str(_place())  # type: ignore[attr-defined]  # made at run time


def compiled(function: F) -> F:
    """Compile when it is first called, or take what was compiled before."""
    found: Any = numba.njit(cache=True, nogil=True)(function)
    return found  # type: ignore[no-any-return]
