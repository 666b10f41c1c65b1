"""The page of one watched training: it follows the file into which the training stores its run."""

from __future__ import annotations

import asyncio
from html import escape
from pathlib import Path

import panel as pn
import panel_material_ui as pmui

from dashboard import app
from dashboard.page.lab import Lab
from dashboard.session.start import Start
from dashboard.ui.bridge import Bridge
from engines.core.protocol.errors import ConfigError, StoreError

HIDDEN = ("presets", "knobs", "ensemble", "files", "probes")
"""Parts of a lab for runs that are computed here."""

WAIT = 0.5
"""Seconds between two looks for a file that is not there yet."""


def page(file: Path) -> pmui.Page:
    """Make the page of a training; it waits for the first step to be stored."""

    async def fill(holder: pn.Column, bridge: Bridge, say: app.Say) -> None:
        from engines.core.live.follower import FollowedRun

        holder[:] = [waiting(file)]
        while True:
            try:
                run = await asyncio.to_thread(FollowedRun.read, file)
                break
            except StoreError:
                if file.exists():
                    raise
                await asyncio.sleep(WAIT)
        say(run.name or run.engine.title)
        lab = Lab(run.engine, Start.from_run(run).hide(HIDDEN), bridge)
        pn.state.on_session_destroyed(lambda context: lab.close())
        holder[:] = [lab]
        lab.start()

    return app.page("Dynascope", fill, app.SKELETON, alone=True)


def waiting(file: Path) -> pn.pane.HTML:
    """Say what is waited for. A file's name may hold anything."""
    return pn.pane.HTML(f"Waiting for the first step of {escape(file.name)}…", margin=24)


def serve(file: Path, port: int, address: str, open_browser: bool) -> None:
    """Serve the page until interrupted. Raises `ConfigError` for a file that cannot be a run."""
    if file.suffix != ".parquet":
        raise ConfigError(f"{file} is no run: its name ends with .parquet")
    app.serve(port, address, open_browser, pages={"/": lambda: page(file)})
