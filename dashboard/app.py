"""The server of all pages: their routes, and the page around a lab. `serve()`, or `panel serve dashboard/app.py`."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent.parent))  # `panel serve` puts only this folder on the path

import panel as pn
import panel_material_ui as pmui
from panel.io.resources import get_dist_path
from panel.util.parameters import edit_readonly

from dashboard.page.background import MAKER, beside, draw_first_frame, make_models, session_held
from dashboard.page.lab import Lab  # before any page is open: components that came later are declared to it twice
from dashboard.page.messages import message
from dashboard.runs import library
from dashboard.server import cached_answers, handlers, open_pages, request_filter, theme
from dashboard.server.gallery import gallery
from dashboard.session import lessons, link, uploads
from dashboard.session.lost_pages import KEPT_FOR, LOST_PAGES
from dashboard.session.start import Start
from dashboard.session.view_state import split_names
from dashboard.ui.bridge import Bridge
from dashboard.ui.component import FOLDER
from dashboard.ui.page_updates import one_update
from dashboard.ui.styles import WHOLE
from engines.core.compute.heap import keep_freed_memory
from engines.core.protocol.errors import DynascopeError, StoreError

if TYPE_CHECKING:
    from engines.core.protocol.engine import Engine

log = logging.getLogger(__name__)

LIBRARY, SWEEPS = "library", "sweeps"
"""Addresses of the pages of stored runs and of sweeps."""

LIBRARY_TITLE = "Library"

ENTRY = "app"
"""Under this name `panel serve dashboard/app.py` serves the page."""

UNKNOWN = (
    "What this address names is not here: the link is damaged, or of a lab or lesson that is gone. These are here."
)

SOON = 1.0
"""Seconds after which a page that needs no engine begins to import them."""

TICKET = 5.0
"""Seconds for which a page that comes back waits for its browser to bring the ticket."""

NOT_KEPT = "What was open before the connection was lost is not kept any more: here it is again, from its link."

TEMPLATE = FOLDER / "page.html"
"""The page as the browser shows it before any script has come."""

SKELETON, SKELETON_CSS = ((FOLDER / f"skeleton.{kind}").read_text() for kind in ("html", "css"))
"""A lab before it is there, in its sizes."""

STARTING = "<p role='status' style='padding:24px;opacity:.7'>Starting…</p>"

LARGEST_MESSAGE, LARGEST_BODY = 2 * 2**20, 2**20
"""Bytes of a message on a page's socket, and of what a request brings along."""

PATIENCE = 60
"""Seconds in which a request, or the next one of a connection, has to arrive."""

Say = Callable[[str | None], object]
"""Says above a page what is on it, None for all labs: before there is much, since then it costs more."""

Fill = Callable[[pn.Column, Bridge, Say], Awaitable[None]]
"""Fills a page."""

AddressOf = Callable[[str], str]
"""Tells the address at which the page of a lab is served."""


def _argument(name: str) -> str:
    values = pn.state.session_args.get(name) or [b""]
    return values[0].decode("utf-8", "replace")


def page(title: str, fill: Fill, waiting: str = STARTING, engines_first: bool = True, alone: bool = False) -> pmui.Page:
    """Make a page that appears at once and is filled when the browser has painted it; `alone` names no other page."""
    _local()
    open_pages.count_page()
    if pn.state.curdoc:
        pn.state.curdoc.template_variables.update(skeleton=waiting, skeleton_css=SKELETON_CSS)
    skeleton = pn.pane.HTML(waiting, sizing_mode="stretch_width", margin=0, stylesheets=[SKELETON_CSS])
    holder = pn.Column(skeleton, sizing_mode="stretch_width", margin=0, stylesheets=[WHOLE])
    bridge, crumb = Bridge(), pn.pane.HTML("", margin=0, stylesheets=[theme.CRUMB])
    pn.state.onload(partial(_filled, holder, bridge, crumb, fill, engines_first, alone))
    made = pmui.Page(
        title=title, header=[crumb], main=[holder, bridge], theme_config=theme.THEME, raw_css=[theme.CSS],
        dark_theme=theme.begins_dark(_argument("theme")), meta_name=title, busy_indicator=None, site_url="./",
        sx=theme.GROUND, template=TEMPLATE,
    )  # fmt: skip
    return _unreported(made)


def _local() -> None:
    # A browser that comes back after its session was given up makes a new one without asking for the page, and then
    # Panel knows no better place for its style sheets than a server of its makers.
    if pn.state.curdoc:
        pn.state.curdoc.template_variables["dist_url"] = get_dist_path(cdn=False)


def _unreported(page: pmui.Page) -> pmui.Page:
    # Panel would report every tick as busy, twice: the whole page would render again for each report, and the
    # watcher would keep every page that was ever opened, to be told of the ticks of all others.
    for _, watcher in page._param__private.ref_watchers:
        pn.state.param.unwatch(watcher)
    with edit_readonly(page):
        page.busy = False
    return page


async def _filled(
    holder: pn.Column, bridge: Bridge, crumb: pn.pane.HTML, fill: Fill, engines_first: bool, alone: bool
) -> None:
    try:
        # Importing torch takes seconds: other pages go on meanwhile.
        if engines_first:
            await beside(_import_engines)
        if _given_up():  # while it waited for its turn
            return
        await fill(holder, bridge, lambda name: crumb.param.update(object=_breadcrumb(name) if alone else _crumb(name)))
        if not engines_first:  # the reader looks at the page before a lab is opened
            asyncio.get_running_loop().call_later(SOON, MAKER.submit, _import_engines)
    except DynascopeError as error:
        holder[:] = [message("error", str(error), margin=24)]
    except Exception as error:
        log.exception("a page could not be made")
        text = f"This page could not be made ({type(error).__name__}). The server's log says why."
        holder[:] = [message("error", text, margin=24)]


def _crumb(name: str | None) -> str:
    """Say where the reader is, with the ways to all labs and to the stored runs."""
    labs = "<a href='./'>← Labs</a>" if name else ""
    stored = library.folder() is not None and name != LIBRARY_TITLE
    runs = f"<a href='{_addresses_beside()(LIBRARY)}'>{LIBRARY_TITLE}</a>" if stored else ""
    return _breadcrumb(name, labs + runs)


def _breadcrumb(name: str | None, ways: str = "") -> str:
    return f"<nav aria-label='where you are'>{ways}<span>{escape(name or '')}</span></nav>"


def _import_engines() -> None:
    from engines.core.compute import device
    from engines.core.files import store  # noqa: F401  # and pandas: Bokeh fails where it is half imported elsewhere
    from engines.core.live import runner  # noqa: F401
    from engines.core.protocol import registry  # noqa: F401
    from engines.core.runs import experiment  # noqa: F401

    device.describe_devices()  # a GPU takes seconds before it first answers
    cached_answers.set_apart()


def _address(engine: str) -> str:
    return f"./{engine}"


def home(address: AddressOf = _address, device: str = "auto") -> pmui.Page:
    """Make the page with a tile for each lab; with the link of a lab, that lab's."""
    token, lesson = _argument("s"), _argument("lesson")
    error = handlers.absent(token) or (UNKNOWN if token or lesson else "")
    return _lab_or_gallery(link.lab_of(token) or _lab_of(lesson), address, device, error)


def _lab_or_gallery(name: str, address: AddressOf, device: str, error: str) -> pmui.Page:
    """Make the page of a lab; where there is none of this name, that of all labs, with the error above."""
    from engines import names

    return lab_page(name, device, address) if name in names() else _gallery(address, error)


def _lab_of(lesson: str) -> str:
    """Return the name of the lab of a lesson; "" where there is no such lesson, which `UNKNOWN` says on the page."""
    try:
        return lessons.load(lesson).lab if lesson else ""
    except lessons.LessonError:
        return ""


def _gallery(address: AddressOf, error: str = "") -> pmui.Page:
    """Make the page of all labs. It needs no engine; the labs behind it are fetched while it is read."""

    async def fill(holder: pn.Column, bridge: Bridge, say: Say) -> None:
        from engines import names

        say(None)
        holder[:] = [*([message("error", error, margin=24)] if error else []), gallery(names(), address)]

    return page("Dynascope", fill, engines_first=False)


def lab_page(name: str, device: str = "auto", address: AddressOf = _address) -> pmui.Page:
    """Make the page of one lab, computed on `device`; `address` says where other labs are served."""

    async def fill(holder: pn.Column, bridge: Bridge, say: Say) -> None:
        from engines import load

        engine, owner = load(name), library.owner()
        say(engine.title)
        start = await _start(engine, bridge, owner)
        start = start.hide(split_names(_argument("hide"))).lead_on(address)
        lab = await beside(partial(Lab, engine, start, bridge, device))
        if start.session:  # where the connection is lost again before the page is shown
            lab.ticket = LOST_PAGES.enter(owner, lab.leave, bridge.brought or "")
        if _given_up():  # before anybody is told of it
            return _left(lab)
        pn.state.on_session_destroyed(lambda context: _left(lab))
        await draw_first_frame(lab)
        if _given_up():
            return _left(lab)
        with session_held():
            await beside(partial(make_models, holder, lab))
        if _given_up():  # before it was whole
            return _left(lab)
        LOST_PAGES.forget(lab.ticket)
        lab.ticket = LOST_PAGES.enter(owner, lab.leave)
        with one_update():
            holder[:] = [lab]
            bridge.ticket = lab.ticket
            bridge.count_update()
        lab.start()

    return page("Dynascope", fill, SKELETON)


async def _start(engine: Engine, bridge: Bridge, owner: str) -> Start:
    """Choose what a page opens: what it had open before its connection was lost, else what its address says."""
    back, end = bool(_argument("back")), time.monotonic() + TICKET
    while back and bridge.brought is None and time.monotonic() < end:
        await asyncio.sleep(0.02)
    kept = LOST_PAGES.adopt(bridge.brought, owner) if back and bridge.brought else None
    if kept:
        return kept
    start = await beside(partial(Start.from_address, engine, *map(_argument, ("s", "preset", "lesson"))))
    if name := _argument("run"):
        start = await _stored(start, name)
    return replace(start, error=start.error or NOT_KEPT) if back else start


def _given_up() -> bool:
    """Whether the browser's side of this page is gone, for which its session has ended."""
    context: Any = pn.state.curdoc and pn.state.curdoc.session_context
    return bool(pn.state.curdoc) and (context is None or context.destroyed)


def _left(lab: Lab) -> None:
    """Give up a page: for good where its reader has closed it, else what is open is kept for it to come back to."""
    if not lab.bridge.gone and LOST_PAGES.leave(lab.ticket):
        # In a context of its own: that of this page is one of the things to let go of.
        asyncio.get_running_loop().call_later(KEPT_FOR + 1, _expire, context=Context())
        return
    LOST_PAGES.forget(lab.ticket)
    lab.close()
    open_pages.free_memory_soon()


def _expire() -> None:
    LOST_PAGES.expire()
    open_pages.free_memory_soon()


async def _stored(start: Start, name: str) -> Start:
    """Open a stored run; where that cannot be, what would have been opened, with the reason."""
    try:
        run = await asyncio.to_thread(library.opened(library.folder()).open, name)
        if run.engine is not start.experiment.engine:
            raise StoreError(f"the stored run {name} is of the lab {run.engine.title}")
        return Start.from_run(run)
    except DynascopeError as error:
        return replace(start, error=f"{str(error).rstrip('.')}. Here is the lab as it opens by default.")


def library_page(address: AddressOf = _address) -> pmui.Page:
    """Make the page of the stored runs of all labs: on a public server, of those of this visitor."""

    async def fill(holder: pn.Column, bridge: Bridge, say: Say) -> None:
        from dashboard.runs.library_page import LibraryPage

        say(LIBRARY_TITLE)
        _begin(LibraryPage(address), holder)

    return page("Dynascope", fill)


def sweeps_page(address: AddressOf = _address) -> pmui.Page:
    """Make the page of sweeps; on a server that others reach it says that there are none."""

    async def fill(holder: pn.Column, bridge: Bridge, say: Say) -> None:
        from dashboard.runs.sweep_page import SweepPage

        say("Sweeps")
        _begin(SweepPage(address), holder)

    return page("Dynascope", fill)


def _begin(body: Any, holder: pn.Column) -> None:
    """Show the body of a page, and let it begin."""
    holder[:] = [body]
    body.start()


def entry() -> pmui.Page:
    """Make the page of `panel serve dashboard/app.py`: the gallery, or with `?lab=` or a link a lab."""
    name = _argument("lab")
    if name in (LIBRARY, SWEEPS):
        return {LIBRARY: library_page, SWEEPS: sweeps_page}[name](_own_address)
    return _lab_or_gallery(name, _own_address, "auto", UNKNOWN) if name else home(_own_address)


def _own_address(engine: str) -> str:
    return f"./{ENTRY}?lab={engine}"


def _addresses_beside() -> AddressOf:
    """Return where labs are served beside this page."""
    return _own_address if (pn.state.app_url or "").strip("/") == ENTRY else _address


def routes(device: str = "auto") -> dict[str, Callable[[], pmui.Page]]:
    """Map addresses to pages: the gallery is at `/`, each lab at `/<engine name>`."""
    from engines import names

    labs: dict[str, Callable[[], pmui.Page]] = {name: _route(lab_page, name, device) for name in names()}
    return {
        "/": _route(home, device=device),
        f"/{LIBRARY}": _route(library_page),
        f"/{SWEEPS}": _route(sweeps_page),
    } | labs


def _route(make: Callable[..., pmui.Page], *arguments: Any, **options: Any) -> Callable[[], pmui.Page]:
    # A plain function: a route that is a partial has no name for Panel to show.
    def page() -> pmui.Page:
        return make(*arguments, **options)

    return page


def _public(options: Mapping[str, Any]) -> bool:
    """Whether options are those of a server that others reach, though it listens on this machine alone."""
    return bool(options.keys() & {"allow_websocket_origin", "use_xheaders", "auth_provider", "ssl_certfile"})


def _prepare() -> None:
    """Have this process serve our pages only, and what they ask for, in whatever way it was started."""
    theme.prepare()
    request_filter.install()
    keep_freed_memory()  # before there are threads with heaps of their own
    request_filter.answer_at({"/status": handlers.StatusHandler, "/kept": handlers.KeptHandler})
    for logger in ("asyncio", "bokeh.server.views.ws"):
        logging.getLogger(logger).addFilter(handlers.CLOSED_TABS)


def serve(
    port: int = 5006,
    address: str = "127.0.0.1",
    open_browser: bool = True,
    device: str = "auto",
    patterns: Sequence[tuple[Any, ...]] = (),
    pages: Mapping[str, Callable[[], pmui.Page]] | None = None,
    **options: Any,
) -> Any:
    """Serve all pages until interrupted (with `threaded=True`: return at once). Runs are computed on `device`.

    `patterns` are more addresses with their Tornado handlers, `pages` those in place of the gallery and the labs,
    `options` those of `panel.serve`.
    """
    _prepare()
    request_filter.allow(handlers.NotFoundHandler, *(each[1] for each in patterns))
    library.open_for("" if _public(options) else address)
    uploads.allow_for(address)
    # A closed tab stops costing within seconds; a connection that is lost for a moment survives.
    cleanup: dict[str, Any] = {"check_unused_sessions_milliseconds": 2000, "unused_session_lifetime_milliseconds": 8000}
    requests = {"max_body_size": LARGEST_BODY, "body_timeout": PATIENCE, "idle_connection_timeout": PATIENCE}
    bounds = {"websocket_max_message_size": LARGEST_MESSAGE, "http_server_kwargs": requests}
    shown = {"show": open_browser, "title": "Dynascope", "extra_patterns": list(patterns),
             "default_handler_class": handlers.NotFoundHandler}  # fmt: skip
    served: dict[str, Any] = dict(routes(device) if pages is None else pages)
    return pn.serve(served, port=port, address=address, **(cleanup | bounds | shown | options))


if __name__.startswith("bokeh_app"):
    _prepare()
    entry().servable()
