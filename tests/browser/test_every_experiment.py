"""Every experiment on its page: nothing is cut or lies over anything else, and no claim waits at its end."""

import json

import pytest

import engines
from tests.browser.conftest import ROOT, until
from tests.browser.test_layout import CUT, DEEP

PICTURES = ROOT / "build" / "experiments"
"""Where a picture of each is kept."""

SHORTENED = f"""() => {{ {DEEP}
  const words = "h2, .title, .takeaway, .note, .legend span, .chip, .at, .rate, .left, .claim, td, button, label, "
    + ".knob .head";
  const spare = (e) => e.matches(".legend span") ? 0 : 1;
  const more = (e) => e.scrollWidth > e.clientWidth + spare(e) || e.scrollHeight > e.clientHeight + 2;
  const short = (e) => more(e) && getComputedStyle(e).overflowX === "hidden";
  return all.filter((e) => e.matches(words) && seen(e) && box(e).width > 2 && short(e))
    .map((e) => `${{e.tagName}}.${{e.className}}: ${{e.textContent.slice(0, 60)}}`);
}}"""
"""Words that end in dots for want of room, to the side or below."""

OVER = f"""() => {{ {DEEP}
  const cards = all.filter((e) => e.classList.contains("figure") && seen(e)).map(box);
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.x, b.x) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.y, b.y) > 1;
  return cards.flatMap((a, i) => cards.slice(i + 1).filter((b) => over(a, b)).map((b) => [a.x, a.y, b.x, b.y]));
}}"""
"""Figures that lie over one another."""


WRITTEN_OVER = f"""() => {{ {DEEP}
  const up = (e) => e.parentElement ?? e.getRootNode().host;
  const shown = (e) => !e || (getComputedStyle(e).opacity !== "0" && !e.matches(".unseen, nav") && shown(up(e)));
  const both = (a, b) => ({{ x: Math.max(a.x, b.x), right: Math.min(a.right, b.right),
    y: Math.max(a.y, b.y), bottom: Math.min(a.bottom, b.bottom) }});
  const clips = (e) => getComputedStyle(e).overflowX !== "visible";
  const clipped = (r, e) => !e ? r : clipped(clips(e) ? both(r, box(e)) : r, up(e));
  const texts = (e) => [...e.childNodes].filter((n) => n.nodeType === 3 && n.textContent.trim());
  const lines = (e, text) => {{
    const range = document.createRange();
    range.selectNodeContents(text);
    return [...range.getClientRects()].map((r) => [clipped(r, e), text]).filter(([r]) => r.right - r.x > 2);
  }};
  const read = all.filter((e) => written(e) && e.checkVisibility({{ visibilityProperty: true }}) && shown(e));
  const found = read.flatMap((e) => texts(e).flatMap((text) => lines(e, text)));
  const over = (a, b) => {{ const c = both(a, b); return c.right - c.x > 2 && c.bottom - c.y > 5; }};
  const name = (text) => text.textContent.trim().slice(0, 40);
  return found.flatMap(([a, one], i) => found.slice(i + 1)
    .filter(([b, other]) => other !== one && over(a, b)).map(([, other]) => [name(one), name(other)]));
}}"""
"""Words that are written over others."""

LABELS_CUT = """() => {
  const inside = (view) => [view, ...(view.child_views ?? []).flatMap(inside)];
  const views = [...Bokeh.index.roots ?? Object.values(Bokeh.index)].flatMap(inside);
  const drawn = views.filter((v) => v.model.type === "Figure" && v.canvas_view?.el.getClientRects().length);
  const left = (v) => v.computed_renderer_views.filter((r) => v.model.left.includes(r.model)).map((r) => [v, r]);
  const axes = drawn.flatMap(left);
  return axes.filter(([v, axis]) => {
    const label = axis._axis_label_view?.graphics();
    if (!label || !axis.model.axis_label) return false;
    label.visuals = axis.visuals.axis_label_text.values();
    label.angle = axis.panel.get_label_angle_heuristic(axis.model.axis_label_orientation);
    label.base_font_size = v.base_font_size;
    const { top, bottom } = v.frame.bbox, middle = (top + bottom) / 2, half = label.size().height / 2;
    return middle - half < -2 || middle + half > v.canvas_view.bbox.height + 2;
  }).map(([, axis]) => axis.model.axis_label);
}"""
"""Labels of vertical axes that are longer than their figure is high."""

WHOLE = 2600
"""Pixels of a window in which no experiment has to be scrolled."""


EXPERIMENTS = [(name, preset) for name in engines.names() for preset in engines.load(name).presets]


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "preset"), EXPERIMENTS, ids=[f"{name}-{preset.name}" for name, preset in EXPERIMENTS])
def test_it_is_drawn_whole_and_judged_to_its_end(page, name, preset):
    theme = "dark" if sum(map(ord, preset.name)) % 2 else "light"
    lab = page(width=1440, height=900).open(f"/{name}?preset={preset.name}&theme={theme}").ready(2)
    if preset.cost == "light":
        lab.view.locator("select.speed").select_option("max")
        until(lambda: lab.view.get_by_text("finished", exact=True).count(), 300)
        until(lambda: not lab.view.get_by_text("waiting · predicted").count(), 120)
    else:
        lab.pause()
    PICTURES.mkdir(parents=True, exist_ok=True)
    lab.view.screenshot(path=PICTURES / f"{name}-{preset.name}.png")
    assert json.dumps(lab.ask(CUT), ensure_ascii=False) == "[]"
    assert json.dumps(lab.ask(SHORTENED), ensure_ascii=False) == "[]"
    assert lab.ask(OVER) == []
    assert lab.ask(LABELS_CUT) == []
    lab.view.set_viewport_size({"width": 1440, "height": WHOLE})
    lab.view.wait_for_timeout(1500)
    lab.view.screenshot(path=PICTURES / f"{name}-{preset.name}-whole.png")
    assert json.dumps(lab.ask(WRITTEN_OVER), ensure_ascii=False) == "[]"
