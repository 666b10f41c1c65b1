"""The optimiser lab as a newcomer drives it."""

import pytest

from tests.browser.conftest import until

LAB = "/optimizer_dynamics"


def test_two_methods_learn_in_opposite_order_beside_their_dashed_lines(page):
    lab = page(width=1440, height=900).open(LAB).ready()
    lab.view.locator("select.speed").select_option("max")
    until(lambda: lab.shown_step() == 2000, 120)
    until(lambda: lab.view.locator("td.sign.yes").count() == 4)
    curve = lab.curve()
    largest, smallest = (f"modes.{part}" for part in (0, 4))

    def half(who, mode, value):
        values = next(column for name, column in curve.items() if name.startswith(who) and name.endswith(mode))
        return next(place for place, strength in enumerate(values) if strength >= value)

    assert half("c0", largest, 2.0) < half("c0", smallest, 0.125)
    assert half("c1", largest, 2.0) > half("c1", smallest, 0.125)
    assert lab.theory()
    assert lab.says("Half learned")


@pytest.mark.thorough
def test_another_preset_shows_the_plots_of_its_scene_in_a_narrow_window(page):
    lab = page(width=900, height=700).open(f"{LAB}?preset=O8").ready(10)
    assert lab.fits()
    until(lambda: lab.view.get_by_role("heading", name="Excess risk", exact=True).count())
    lab.view.locator("select.choice").first.select_option("O13")
    until(lambda: lab.view.get_by_role("heading", name="Residual against squared length").count())


@pytest.mark.thorough
def test_an_action_is_offered_only_where_its_knob_changes_something(page):
    lab = page(width=1440, height=900).open(f"{LAB}?preset=O8").ready(3)
    assert lab.view.locator("button.action", has_text="Decay from here").count() == 0
    lab.view.locator("select.choice").first.select_option("O6")
    until(lambda: lab.view.locator("button.action", has_text="Decay from here").count() == 1)
