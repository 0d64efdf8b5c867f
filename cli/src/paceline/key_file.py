"""The API keys of a system's folder, one per tenant."""

import json
from pathlib import Path


class KeyFile:
    """The folder's keys by tenant, so that each start has the same one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, str]:
        """Return the keys by tenant."""
        found: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        return found

    def keep(self, tenant: str, key: str) -> None:
        """Write the key; only the owner of the folder can read it."""
        known = self.read()
        if known.get(tenant) != key:
            half = self._path.with_suffix(".new")
            half.touch(mode=0o600)
            half.write_text(json.dumps(known | {tenant: key}))
            half.replace(self._path)
