"""Bring the pages' third-party scripts: npm installs what package-lock.json says, we copy files.

Run by `make setup`. Node is needed here and nowhere else. Where the PATH has no npm, node comes
from the Python package index into .cache/node, by the sums in node.txt.

    src/console/static/vendor/   what the pages load; not in the repository, but in the wheel
    .cache/axe/                  what the tests check pages with
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".cache"
VENDOR = HERE / "src" / "console" / "static" / "vendor"
COPIES = (
    ("chart.js/dist/chart.umd.min.js", VENDOR / "chart.js"),
    ("chart.js/LICENSE.md", VENDOR / "chart.js.LICENSE.md"),
    ("axe-core/axe.min.js", CACHE / "axe" / "axe.min.js"),
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def main() -> None:
    """Install by the lock and copy."""
    work = CACHE / "console"
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(HERE / name, work / name)
    npm = find_npm()
    folder = str(Path(npm).parent)
    environment = os.environ | {"PATH": os.pathsep.join([folder, os.environ.get("PATH", "")])}
    if CERTIFICATES.exists():
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(CERTIFICATES))
    subprocess.run([npm, "ci", "--silent"], cwd=work, env=environment, check=True)
    for source, target in COPIES:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(work / "node_modules" / source, target)


def find_npm() -> str:
    """Return npm of the PATH, else that of a node of our own."""
    return shutil.which("npm") or own_npm()


def own_npm() -> str:
    """Return npm of .cache/node, which is made when it is not there."""
    folder = CACHE / "node"
    npm = folder / "bin" / "npm"
    if not npm.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        lock = str(HERE / "node.txt")
        subprocess.run([*pip, "--require-hashes", "-r", lock], check=True)
    return str(npm)


if __name__ == "__main__":
    main()
