"""Links: one versioned token that holds a complete experiment and how it is viewed."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dashboard.session.view_state import ViewState
from engines.core.protocol.errors import DynascopeError, quote

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine
    from engines.core.runs.experiment import Experiment

VERSION = 3
OLDER = (1, 2)
"""Versions that are read still; `ViewState.from_json` knows their keys."""

LONGEST = 16_000
"""Characters of a token."""

LARGEST_LINK = 64_000
"""Bytes of what a token unpacks to."""


class BadLink(DynascopeError, ValueError):
    """A link cannot be read."""


def encode(experiment: Experiment, view: ViewState) -> str:
    """Make the token of an experiment and a view; it holds every knob, so that no later default changes its meaning."""
    about = {"version": VERSION, "experiment": experiment.to_json(), "view": view.to_json()}
    return pack(about)


def pack(about: Mapping[str, Any]) -> str:
    """The token of any JSON object."""
    text = json.dumps(about, sort_keys=True)
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def with_query(address: str, **query: str) -> str:
    """Add parameters to the address of a page."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"


def decode(token: str, engine: Engine) -> tuple[Experiment, ViewState]:
    """Read the experiment and the view of a token. Raises `BadLink` where it is damaged, too large or out of bounds."""
    from engines.core.runs.experiment import Experiment

    about = _unpack(token)
    version = about.get("version")
    if version not in (VERSION, *OLDER):
        raise BadLink(f"This link has version {quote(version)}; this page reads versions up to {VERSION}.")
    if not isinstance(about.get("experiment"), str):
        raise BadLink("This link holds no experiment.")
    name = _lab(about["experiment"])
    if absent := missing(token):
        raise BadLink(f"This link cannot be opened: {absent}.")
    if name not in ("", engine.name):
        raise BadLink(f"This link is of the lab {quote(name)}, and this is {engine.name!r}.")
    try:
        experiment = Experiment.from_json(engine, about["experiment"])
    except DynascopeError as error:
        raise BadLink(f"This link asks for something impossible: {error}.") from None
    view = about.get("view")
    state = ViewState.from_json(view if isinstance(view, dict) else {})
    return experiment, replace(state, hide=tuple(engine.Config.current(dict.fromkeys(state.hide))))


def lab_of(token: str) -> str:
    """Read the name of the lab that a token opens; "" where it names none."""
    try:
        return _lab(_unpack(token).get("experiment"))
    except BadLink:
        return ""


def missing(token: str) -> str:
    """Say in a sentence which package the lab of a token comes with where it is not here; "" where nothing is known."""
    from engines.core.protocol import registry

    try:
        about = _unpack(token).get("experiment")
    except BadLink:
        return ""
    return registry.missing(_lab(about), _text(about, "package"), _text(about, "version"))


def _lab(experiment: Any) -> str:
    return _text(experiment, "engine")


def _text(experiment: Any, name: str) -> str:
    try:
        return str(json.loads(experiment).get(name, ""))
    except (TypeError, ValueError, AttributeError, RecursionError):
        return ""


def _unpack(token: str) -> dict[str, Any]:
    if len(token) > LONGEST:
        raise BadLink(f"This link is too long: {len(token)} characters, allowed are {LONGEST}.")
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        machine = zlib.decompressobj()
        text = machine.decompress(packed, LARGEST_LINK)
        about = json.loads(text) if machine.eof else None
    except (binascii.Error, zlib.error, ValueError, RecursionError):
        raise BadLink("This link is damaged: it was cut or changed on its way.") from None
    if not isinstance(about, dict):
        raise BadLink("This link is damaged, or larger than a link may be.")
    return about
