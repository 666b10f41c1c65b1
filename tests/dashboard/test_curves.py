from dataclasses import dataclass

from dashboard.curves import ENOUGH, MOST, curves
from engines.core.config import Config, knob


@dataclass(frozen=True, kw_only=True)
class Small(Config):
    alpha: float = knob(0.1, "scale", log=True)
    method: str = knob("gd", "rule", choices=("gd", "other"))
    seed: int = knob(0, "seed")


def members(alphas=(0.1,), methods=("gd",), seeds=(0,)):
    return [Small(alpha=a, method=m, seed=s) for a in alphas for m in methods for s in seeds]


def test_a_single_run_is_one_line():
    (only,) = curves(members())
    assert only.members == (0,)
    assert only.label == "this run"


def test_seeds_collapse_into_a_band_when_there_are_enough():
    assert [curve.members for curve in curves(members(seeds=range(ENOUGH)))] == [tuple(range(ENOUGH))]
    assert len(curves(members(seeds=range(ENOUGH - 1)))) == ENOUGH - 1
    assert len(curves(members(seeds=range(ENOUGH)), bands=False)) == ENOUGH


def test_hue_follows_the_spread_knob_and_not_the_seed():
    drawn = curves(members(alphas=(0.1, 0.2, 0.4), seeds=(0, 1)))
    assert [curve.label for curve in drawn[:2]] == ["α = 0.1, seed = 0", "α = 0.1, seed = 1"]
    assert drawn[0].color == drawn[1].color != drawn[2].color
    assert len({curve.color for curve in drawn}) == 3


def test_a_label_names_the_fewest_knobs_that_tell_members_apart():
    drawn = curves([Small(method="gd", alpha=0.3), Small(method="other", alpha=0.01)])
    assert [curve.label for curve in drawn] == ["α = 0.3", "α = 0.01"]


def test_very_many_members_are_one_band_and_the_picked_ones():
    many = members(alphas=[0.1 + i / 100 for i in range(MOST + 1)])
    everyone, picked = curves(many, picked=[5])
    assert len(everyone.members) == MOST + 1
    assert picked.members == (5,)
    assert everyone.key != picked.key
