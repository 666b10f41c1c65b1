"""What the browser's tests need of the system beside Python: `python tests/system.py` installs what is not there.

Each program and library is looked for by itself, as one may be there without the others. What cannot be installed is
named; the tests that need it are skipped with the same words. Needs no package, so that `make` may run it first.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = f"none of {', '.join(BROWSERS)} starts here"

LIBRARIES = {
    "libasound.so.2": "libasound2", "libdbus-1.so.3": "libdbus-1-3", "libdrm.so.2": "libdrm2",
    "libEGL.so.1": "libegl1", "libexpat.so.1": "libexpat1", "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6", "libgbm.so.1": "libgbm1", "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0", "libgssapi_krb5.so.2": "libgssapi-krb5-2", "libnspr4.so": "libnspr4",
    "libnss3.so": "libnss3", "libX11-xcb.so.1": "libx11-xcb1", "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4", "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1", "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0", "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0", "libxcb-sync.so.1": "libxcb-sync1", "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1", "libXcomposite.so.1": "libxcomposite1", "libXdamage.so.1": "libxdamage1",
    "libXext.so.6": "libxext6", "libXfixes.so.3": "libxfixes3", "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbfile.so.1": "libxkbfile1", "libXrandr.so.2": "libxrandr2", "libXrender.so.1": "libxrender1",
    "libXtst.so.6": "libxtst6",
}  # fmt: skip
"""What Qt's web engine and its plugin for X11 load, and the Debian package that has it."""


@cache
def chromium() -> str | None:
    """The path of a Chromium that starts: some systems have a stand-in that only tells how to get one."""
    return next((path for path in map(shutil.which, BROWSERS) if path and _starts(path)), None)


def _starts(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@cache
def absent_for_window() -> dict[str, str]:
    """What a window on a virtual screen needs and is not there, with the package that has it."""
    screen = {} if shutil.which("Xvfb") else {"Xvfb": "xvfb"}
    return screen | {name: package for name, package in LIBRARIES.items() if not _loads(name)}


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def absent() -> dict[str, str]:
    """All that is not there, with the package that has it."""
    return ({} if chromium() else {"Chromium": "chromium"}) | absent_for_window()


def install(packages: Iterable[str]) -> None:
    """Install Debian packages as far as that is possible without asking anybody, and without a network not at all."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Acquire::Retries=0",
           "-o", "Acquire::http::Timeout=20", "-o", "DPkg::Lock::Timeout=60"]  # fmt: skip
    if not shutil.which("apt-get") or (root and not shutil.which("sudo")):
        return
    renewed = runs([*apt, "update"])
    if not runs([*apt, "install", "-y", *packages]) and renewed:
        for package in packages:  # one that is not to be had keeps none of the others away; some were renamed
            runs([*apt, "install", "-y", package]) or runs([*apt, "install", "-y", f"{package}t64"])


def runs(line: list[str]) -> bool:
    nothing = subprocess.DEVNULL
    return subprocess.run(line, stdin=nothing, stdout=nothing, stderr=nothing, check=False).returncode == 0


def main() -> None:
    """Install what is not there and say what still is not."""
    if not sys.platform.startswith("linux"):
        return
    if wanted := absent():
        print(f"Installing {', '.join(wanted)}.", flush=True)
        install(wanted.values())
        chromium.cache_clear(), absent_for_window.cache_clear()
    if wanted := absent():
        print(
            f"Not found and not to be installed here: {', '.join(wanted)}. Tests that need it are skipped.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
