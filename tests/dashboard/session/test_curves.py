from dataclasses import dataclass

from dashboard.session.curves import ENOUGH, MOST_SEPARATE, curves
from engines.core.protocol.config import Config, knob


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
    many = members(alphas=[0.1 + i / 100 for i in range(MOST_SEPARATE + 1)])
    everyone, picked = curves(many, picked=[5])
    assert len(everyone.members) == MOST_SEPARATE + 1
    assert picked.members == (5,)
    assert everyone.key != picked.key


@dataclass(frozen=True, kw_only=True)
class Wide(Config):
    method: str = knob("gd", "rule", choices=("gd", "scaled_gd"))
    alpha: float = knob(0.1, "scale", log=True)
    kappa: float = knob(2.0, "conditioning")
    seed: int = knob(0, "seed")


def test_what_most_members_share_goes_without_saying_and_the_seed_comes_last():
    cases = [("gd", 0.1, 2.0), ("gd", 0.2, 2.0), ("scaled_gd", 0.1, 2.0), ("scaled_gd", 0.1, 20.0)]
    drawn = curves([Wide(method=m, alpha=a, kappa=k, seed=s) for m, a, k in cases for s in (0, 1)])
    assert [curve.label for curve in drawn[::2]] == [
        "gd, α = 0.1, seed = 0",
        "gd, α = 0.2, seed = 0",
        "scaled gd, α = 0.1, seed = 0",
        "scaled gd, α = 0.1, κ = 20, seed = 0",
    ]


def test_values_close_together_get_hues_apart():
    drawn = curves(members(alphas=(0.3, 0.31, 0.32, 9.0)))
    evenly = curves(members(alphas=(1, 2, 3, 4)))
    assert [curve.color for curve in drawn] == [curve.color for curve in evenly]


def test_many_categories_never_share_a_hue():
    drawn = curves([Wide(method=m, alpha=a, kappa=k) for m in ("gd", "scaled_gd") for a in (1, 2, 3) for k in (1, 2)])
    assert len({curve.color for curve in drawn}) == len(drawn)
