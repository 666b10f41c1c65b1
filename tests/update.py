"""`make update`: the newest versions that are allowed, written to constraints.txt if the tests pass with them.

`python tests/update.py --newest PYTHON` tests the newest versions with another Python, and writes nothing.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
PINS = ROOT / "constraints.txt"
HEAD = "# Every version that was tested together, tools included.\n"
LOCAL = re.compile(r"\+\w+$")
"""A build of a package, which its version leaves open."""


def environment(folder: Path, python: str) -> Path:
    """Make an environment with the newest of everything; returns its Python."""
    if python == sys.executable:
        venv.create(folder, with_pip=True, clear=True)
    else:
        subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    made = folder / "bin" / "python"
    install = [str(made), "-m", "pip", "install", "--quiet", "--upgrade", "--upgrade-strategy", "eager"]
    subprocess.run([*install, "pip"], check=True)
    subprocess.run([*install, "-e", f"{ROOT}[dev]"], check=True)
    return made


def pins(python: Path) -> list[str]:
    """List what is installed beside ourselves, as constraints that allow any build."""
    frozen = subprocess.run(
        [str(python), "-m", "pip", "freeze", "--exclude-editable"], check=True, capture_output=True, text=True
    ).stdout.split("\n")
    return sorted((LOCAL.sub("", line) for line in frozen if "==" in line), key=str.lower)


def changes(before: list[str], after: list[str]) -> list[str]:
    """Say which versions changed, one a line."""
    old, new = (dict(line.split("==", 1) for line in lines if "==" in line) for lines in (before, after))
    return [
        f"{name}: {old.get(name, 'none')} -> {new.get(name, 'none')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def passes(python: Path, tests: list[str]) -> bool:
    """Whether the tests pass with these versions."""
    line = [str(python), "-m", "pytest", "-q", "-n", "auto", "-m", "not browser and not thorough", *tests]
    return subprocess.run(line, cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Update, or test; 1 where the tests fail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--newest", metavar="PYTHON", help="test with this Python, write nothing")
    parser.add_argument("tests", nargs="*", help="which tests; default: all that need no browser")
    chosen = parser.parse_args()
    folder = ROOT / (".venv-newest" if chosen.newest else ".venv-update")
    python = environment(folder, chosen.newest or sys.executable)
    found, before = pins(python), PINS.read_text().splitlines()
    print("\n".join(changes(before, found)) or "nothing is newer", flush=True)
    if not passes(python, chosen.tests):
        print("the tests fail with these versions: constraints.txt stays as it is", file=sys.stderr)
        return 1
    if not chosen.newest:
        PINS.write_text(HEAD + "\n".join(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
