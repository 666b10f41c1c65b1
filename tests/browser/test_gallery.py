"""The gallery as a reader meets it: everything in sight, found by a word, moving unless motion is not wanted."""

import pytest

import engines
from tests.browser.conftest import served, until
from tests.browser.test_access import serious

WORDS = "h1:visible, h3:visible, a b:visible, .tile p:visible, .tile small:visible, .aside:visible"
CUT = "(all) => all.filter((e) => e.clientWidth && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent)"

MANY = """
import dashboard.server.gallery as gallery
once = gallery.content
def twice(names, address):
    found = once(names, address)
    return found | {"labs": (2 * found["labs"])[:8], "lessons": (2 * found["lessons"])[:24]}
gallery.content = twice
"""


@pytest.fixture
def crowded():
    yield from served(MANY)


def in_sight(lab, what):
    """Of each of these, whether all of it is in the window."""
    size = lab.view.viewport_size
    boxes = [each.bounding_box() for each in lab.view.locator(what).all()]
    return [box["y"] >= 0 and box["y"] + box["height"] <= size["height"] for box in boxes]


def grown(lab):
    """How much of its curves the first picture shows."""
    return float(lab.view.locator("clipPath rect").first.get_attribute("width"))


def opened(page, path="/", **options):
    lab = page(**options).open(path)
    lab.view.locator("a.lab").first.wait_for()
    return lab


def test_every_lab_and_lesson_is_in_sight(page):
    lab = opened(page, width=1440, height=900)
    assert in_sight(lab, ".lab") == [True] * len(engines.names())
    assert in_sight(lab, "a.lesson").count(True) >= 12
    assert any(in_sight(lab, "a.tile"))


@pytest.mark.thorough
def test_eight_labs_and_their_lessons_are_too(page, crowded):
    lab = opened(page, server=crowded, width=1440, height=900)
    assert in_sight(lab, ".lab") == [True] * 8
    assert all(in_sight(lab, "a.lesson"))


@pytest.mark.thorough
@pytest.mark.parametrize(("wide", "theme"), [(1440, "dark"), (900, "light"), (390, "dark"), (390, "light")])
def test_it_fits_and_has_no_serious_violation(page, wide, theme):
    lab = opened(page, f"/?theme={theme}", width=wide, height=844)
    assert lab.fits() and lab.view.locator(WORDS).evaluate_all(CUT) == []
    assert not serious(lab)


def test_experiments_are_found_by_a_word(page):
    lab = opened(page)
    tiles = lab.view.locator("a.tile:visible")
    everything = sum(len(engines.load(name).presets) for name in engines.names())
    assert tiles.count() == everything
    field = lab.view.get_by_label("Search")
    field.fill("step outliers")
    until(lambda: 0 < tiles.count() < everything)
    assert all("step" in text.lower() or "outlier" in text.lower() for text in tiles.all_inner_texts())
    field.fill("no such thing")
    assert lab.says("Nothing here has these words.")
    field.fill("P12")
    until(lambda: 0 < tiles.count() < 5)
    tiles.first.click()
    lab.ready(1)


def test_pictures_move_once_and_whenever_they_are_pointed_at(page):
    lab = opened(page)
    until(lambda: grown(lab) < 1000, 10)
    until(lambda: grown(lab) == 1040, 20)
    lab.view.locator("a.lab").first.hover()
    until(lambda: grown(lab) < 1000, 10)


def test_nothing_moves_where_motion_is_not_wanted(page):
    lab = page()
    lab.view.emulate_media(reduced_motion="reduce")
    lab.open("/").view.locator("a.lab").first.wait_for()
    assert grown(lab) == 1040
    lab.view.locator("a.lab").first.hover()
    lab.view.wait_for_timeout(300)
    assert grown(lab) == 1040
