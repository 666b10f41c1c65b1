"""Every experiment on its page: nothing is cut or lies over anything else, and no claim waits at its end."""

import json

import pytest

import engines
from tests.browser.conftest import ROOT, until
from tests.browser.test_layout import CUT, DEEP

PICTURES = ROOT / "build" / "experiments"
"""Where a picture of each is kept."""

SHORTENED = f"""() => {{ {DEEP}
  const words = "h2, .legend span, .chip, .at, .rate, .left, .claim, td, button, label, .knob .head";
  const short = (e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX === "hidden";
  return all.filter((e) => e.matches(words) && seen(e) && box(e).width > 2 && short(e))
    .map((e) => `${{e.tagName}}.${{e.className}}: ${{e.textContent.slice(0, 60)}}`);
}}"""
"""Words that end in dots for want of room."""

OVER = f"""() => {{ {DEEP}
  const cards = all.filter((e) => e.classList.contains("figure") && seen(e)).map(box);
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.x, b.x) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.y, b.y) > 1;
  return cards.flatMap((a, i) => cards.slice(i + 1).filter((b) => over(a, b)).map((b) => [a.x, a.y, b.x, b.y]));
}}"""
"""Figures that lie over one another."""


EXPERIMENTS = [(name, preset) for name in engines.names() for preset in engines.load(name).presets]


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "preset"), EXPERIMENTS, ids=[f"{name}-{preset.name}" for name, preset in EXPERIMENTS])
def test_it_is_drawn_whole_and_judged_to_its_end(page, name, preset):
    theme = "dark" if sum(map(ord, preset.name)) % 2 else "light"
    lab = page(width=1440, height=900).open(f"/{name}?preset={preset.name}&theme={theme}").ready(2)
    if preset.cost == "light":
        lab.view.locator("select.speed").select_option("max")
        until(lambda: lab.view.get_by_text("finished", exact=True).count(), 300)
        until(lambda: not lab.view.get_by_text("measured waiting").count(), 120)
    else:
        lab.pause()
    PICTURES.mkdir(parents=True, exist_ok=True)
    lab.view.screenshot(path=PICTURES / f"{name}-{preset.name}.png")
    assert json.dumps(lab.ask(CUT), ensure_ascii=False) == "[]"
    assert json.dumps(lab.ask(SHORTENED), ensure_ascii=False) == "[]"
    assert lab.ask(OVER) == []
