"""What a person does with each lab, from opening it to closing it."""

import pandas as pd
import pytest

from engines import names
from tests.browser.conftest import first_of, until


@pytest.mark.parametrize("name", first_of(names()))
def test_open_watch_turn_a_knob_scrub_save_share_and_close(page, active, name):
    here = page().open(f"/{name}").ready()
    until(lambda: active() == 1)
    here.pause()
    here.view.get_by_role("button", name="More: ").first.click()
    here.type("seed", "7")
    until(lambda: "seed = 7: the run starts again" in here.announced())
    until(lambda: here.steps() == [0])
    here.click("take 100 steps and pause")
    last = until(lambda: here.steps()[-1] == 100 and 100)
    here.view.keyboard.press("Home")
    until(lambda: here.shown_step() == 0)
    assert here.steps()[-1] == last

    run = pd.read_parquet(here.save("", "Parquet"))
    assert run["step"].max() == last

    there = page().open(here.link()).ready().pause()
    mine, theirs = here.curve(), there.curve()
    common = [step for step in mine["step"] if step in theirs["step"]]
    assert len(common) >= 3 and mine.keys() == theirs.keys()
    for column in mine:
        first, second = ([data[column][data["step"].index(step)] for step in common] for data in (mine, theirs))
        assert first == second, column
    here.close()
    there.close()
    until(lambda: active() == 0)
