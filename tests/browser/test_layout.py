"""What is in sight of a lab, counted from the page: figures, the bar over them, the columns beside them."""

from itertools import pairwise

import pytest

from tests.browser.conftest import FIGURE, first_of, until
from tests.browser.test_access import serious

LABS = ("matrix_sensing", "neural_collapse", "loss_landscape", "subgradient_recovery")

DEEP = """
const within = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
const deep = (root) => [...root.querySelectorAll("*")].flatMap(within);
const all = deep(document);
const box = (e) => e.getBoundingClientRect().toJSON();
const seen = (e) => e.getClientRects().length > 0;
const written = (e) => seen(e) && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
"""
FIGURES = f"""() => {{ {DEEP}
  return all.filter((e) => e.classList.contains("figure") && seen(e)).map((e) => (
    {{ ...box(e), drawn: deep(e.shadowRoot).some((c) => c.tagName === "CANVAS" && c.height > 80) }}));
}}"""
BAR = f"""() => {{ {DEEP}
  const bar = all.find((e) => e.classList.contains("transport"));
  const parts = [...bar.firstChild.querySelectorAll("button, select, input, .at, .rate")].filter(seen);
  return [box(bar), parts.map(box)];
}}"""
CUT = f"""() => {{ {DEEP}
  const up = (e) => e.parentElement ?? e.getRootNode().host;
  const sideways = (e) => e.scrollWidth > e.clientWidth && ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const moves = (e) => e && !e.classList.contains("main-content") && (sideways(e) || moves(up(e)));
  const outside = (e) => box(e).width > 1 && (box(e).right > innerWidth + 1 || box(e).x < -1);
  const cut = all.filter((e) => written(e) && outside(e) && !moves(up(e)) && !e.closest(".unseen"));
  return cut.map((e) => e.textContent.slice(0, 40));
}}"""
SMALL = f"""() => {{ {DEEP}
  const touched = all.filter((e) => e.matches("button, select, input:not([type=checkbox]), a") && seen(e));
  const inText = (e) => getComputedStyle(e).display === "inline";
  const small = touched.filter((e) => box(e).height < 35.5 && box(e).width > 2 && !inText(e));
  return small.map((e) => (e.ariaLabel || e.textContent).slice(0, 40));
}}"""
WATCH = """
globalThis.shifts = [];
new PerformanceObserver((list) => list.getEntries().forEach((each) => shifts.push([each.value, each.hadRecentInput,
  each.sources.map((s) => s.node?.className ?? s.node?.nodeName)]))).observe({ type: "layout-shift", buffered: true });
"""


AXES = f"() => {{ {FIGURE} return figures.map((f) => f.below[0].axis_label) }}"


def figures(lab):
    return lab.ask(FIGURES)


def in_sight(lab, height):
    """Figures of which all is in the window, or nearly."""
    return [each for each in figures(lab) if each["y"] >= 0 and each["bottom"] <= height + 12]


@pytest.mark.parametrize("name", first_of(LABS))
def test_figures_in_sight(page, name):
    """At each size so many figures are in sight without scrolling, nothing sticks out, and the bar is one line."""
    lab = page(width=1440, height=900).open(f"/{name}?theme={'dark' if len(name) % 2 else 'light'}").ready(1)
    until(lambda: all(each["drawn"] for each in in_sight(lab, 900)))
    for width, height, least in ((1440, 900, 3), (900, 700, 2), (2560, 1440, 5), (390, 844, 1)):
        lab.view.set_viewport_size({"width": width, "height": height})
        until(lambda: len(in_sight(lab, height)) >= least, 20)  # noqa: B023
        assert lab.fits()
        assert lab.ask(CUT) == []
        bar, parts = lab.ask(BAR)
        assert bar["height"] == 44
        assert all(bar["y"] <= part["y"] and part["bottom"] <= bar["bottom"] for part in parts)
        placed = sorted(parts, key=lambda part: part["x"])
        assert all(one["right"] <= next["x"] + 1 for one, next in pairwise(placed))
        if width >= 2560:
            assert len({each["x"] for each in figures(lab)}) >= 3
        if width == 390:
            assert lab.ask(SMALL) == []


def test_what_is_in_the_bar_stays_where_it_is_while_a_run_plays(page):
    lab = page(width=1000, height=700).open("/matrix_sensing").ready(5)
    lab.view.locator(".at").first.wait_for()  # the bar comes after the first figures
    places = [lab.ask(BAR)[1]]
    for _ in range(6):
        lab.view.wait_for_timeout(400)
        places.append(lab.ask(BAR)[1])
    assert all([part["x"] for part in each] == [part["x"] for part in places[0]] for each in places)


def test_nothing_jumps_while_a_page_loads(page):
    lab = page(width=1440, height=900)
    lab.view.add_init_script(WATCH)
    lab.open("/matrix_sensing").ready(3)
    lab.view.wait_for_timeout(1500)
    shifts = [each for each in lab.ask("shifts") if not each[1]]
    assert sum(value for value, *_ in shifts) < 0.05, shifts


@pytest.mark.thorough
def test_words_and_bar_stay_in_sight_and_columns_fold(page):
    lab = page(width=1440, height=900).open("/matrix_sensing").ready(3).pause()
    words = lab.view.get_by_role("heading", name="Does it hold?")
    lab.view.locator(".figure").last.evaluate("(e) => e.scrollIntoView({ block: 'end' })")
    until(lambda: lab.ask(BAR)[0]["y"] == 44)
    assert 0 < words.bounding_box()["y"] < 900
    before = max(each["right"] for each in figures(lab))
    lab.click("fold away: What you see")
    until(lambda: max(each["right"] for each in figures(lab)) > before + 200)
    assert not words.is_visible()
    lab.view.reload()
    lab.ready(1)
    until(lambda: lab.view.get_by_role("button", name="show: What you see").is_visible())
    lab.click("show: What you see")
    until(words.is_visible)


@pytest.mark.thorough
def test_a_figure_is_enlarged_hidden_restored_and_shows_another_channel(page):
    lab = page(width=1440, height=900).open("/matrix_sensing").ready(3).pause()
    title = "Training loss"
    menu = lab.view.get_by_role("button", name=f"menu: {title}", exact=True)
    lab.choose(title, "Full screen")
    until(lambda: max(each["width"] for each in figures(lab)) == 1440)
    assert not serious(lab)
    lab.view.keyboard.press("Escape")
    until(lambda: max(each["width"] for each in figures(lab)) < 1000)

    count = len(figures(lab))
    lab.choose(title, "Whole width")
    until(lambda: sum(each["width"] > 700 for each in figures(lab)) == 2)
    lab.choose(title, "Hide")
    until(lambda: len(figures(lab)) == count - 1)
    lab.click(f"restore {title}")
    until(lambda: len(figures(lab)) == count and menu.is_visible())

    lab.choose(title, "Show another channel", "relative error")
    lab.view.get_by_role("button", name="menu: Relative error").wait_for()
    lab.choose("Relative error", "Horizontal axis", "training loss")
    until(lambda: "training loss" in lab.ask(AXES))


@pytest.mark.thorough
def test_a_menu_is_walked_with_the_keyboard(page):
    lab = page(width=1440, height=900).open("/matrix_sensing").ready(3).pause()
    press, focused = lab.view.keyboard.press, lambda: lab.ask(FOCUSED)
    lab.view.get_by_role("button", name="take more steps").focus()
    press("Enter")
    until(lambda: focused() == "+10⇧ .")
    press("ArrowDown")
    assert focused() == "+100"
    press("ArrowUp")
    before = lab.steps()[-1]
    press("Enter")
    until(lambda: lab.steps()[-1] == before + 10)
    lab.view.get_by_role("button", name="take more steps").focus()
    press("Enter")
    press("Escape")
    until(lambda: focused() == "▾")


FOCUSED = """() => {
  let found = document.activeElement;
  while (found?.shadowRoot?.activeElement) found = found.shadowRoot.activeElement;
  return found.textContent;
}"""


@pytest.mark.thorough
def test_a_figure_without_content_takes_no_room_and_says_why(page):
    lab = page(width=1440, height=900).open("/matrix_sensing").ready(3)
    rest = lab.view.get_by_text("figures have nothing to show")
    rest.wait_for()
    rest.click()
    assert lab.says("Imbalance at the cursor: All of them are zero.")
    assert not lab.view.get_by_role("button", name="menu: Imbalance at the cursor").is_visible()


def test_a_lost_connection_is_said_and_tried_again(page):
    lab = page().open("/matrix_sensing").ready(1)
    lab.context.route("**/kept", lambda route: route.fulfill(json={"kept": False}))

    def said_when_lost():  # who listens comes with the page's last part
        lab.ask("Bokeh.documents[0].event_manager.send_event({ event_name: 'connection_lost' })")
        return lab.says("the server does not have what you see any more", 2)

    until(said_when_lost)
    lab.click("Try again")
    lab.ready(1)
