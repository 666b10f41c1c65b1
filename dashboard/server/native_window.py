"""A program that shows one native window: a web engine that cannot start takes its whole process along.

Its first line of input is the address to show. It closes when the input ends, as whoever asked for it is then gone.
Run as a file; it imports nothing of Dynascope.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import webview

TITLE = "Dynascope"
SIZE = (1440, 900)
SMALLEST = (400, 300)
LINUX = sys.platform.startswith("linux")


def main() -> None:
    """Show the window until it is closed."""
    sys.argv[0] = TITLE  # what a desktop calls the program
    address = sys.stdin.readline().strip()
    webview.settings["ALLOW_DOWNLOADS"] = True
    if LINUX:
        _prepare_qt()
    window = webview.create_window(
        TITLE, address, width=SIZE[0], height=SIZE[1], min_size=SMALLEST, text_select=True, zoomable=True
    )
    threading.Thread(target=_close_after_input, args=(window,), daemon=True).start()
    webview.start(gui="qt" if LINUX else None)


def _close_after_input(window: Any) -> None:
    sys.stdin.read()
    window.destroy()


def _prepare_qt() -> None:
    """Add what pywebview lacks with Qt 6: it closes the clipboard to pages, and saves files as Qt 5 did."""
    if os.geteuid() == 0:  # Chromium has no sandbox for root, and does not start without being told so
        flags = os.environ.get("QTWEBENGINE_CHROMIUM_FLAGS", "")
        os.environ["QTWEBENGINE_CHROMIUM_FLAGS"] = f"{flags} --no-sandbox"
    from qtpy.QtWebEngineCore import QWebEngineSettings
    from webview.platforms import qt

    class View(qt.BrowserView):
        def __init__(self, window: Any) -> None:
            super().__init__(window)
            clipboard = QWebEngineSettings.WebAttribute.JavascriptCanAccessClipboard
            self.profile.settings().setAttribute(clipboard, True)

        def on_download_requested(self, download: Any) -> None:
            save_download(self, download)

    qt.BrowserView = View


def save_download(parent: Any, download: Any) -> None:
    """Ask where a download goes, and put it there."""
    from qtpy.QtCore import QStandardPaths
    from qtpy.QtWidgets import QFileDialog

    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)
    chosen, _ = QFileDialog.getSaveFileName(parent, "Save", str(Path(folder, download.downloadFileName())))
    if not chosen:
        return download.cancel()
    download.setDownloadDirectory(str(Path(chosen).parent))
    download.setDownloadFileName(Path(chosen).name)
    download.accept()


if __name__ == "__main__":
    main()
