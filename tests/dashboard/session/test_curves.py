from dataclasses import dataclass

from dashboard.session.curves import ENOUGH, LEGIBLE, MOST_SEPARATE, curves, in_sight, parts, spread_text
from engines.core.protocol.config import Config, knob
from engines.core.protocol.engine import Preset


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


def test_very_many_values_of_one_knob_are_bands_of_neighbours_and_the_picked_member():
    many = members(alphas=[0.1 + i / 100 for i in range(MOST_SEPARATE + 8)])
    *bands, picked = curves(many, picked=[5])
    assert sorted(m for band in bands for m in band.members) == list(range(len(many)))
    assert max(len(band.members) for band in bands) <= 3 and len(bands) == LEGIBLE
    assert bands[0].label == "α = 0.1 … 0.12, 3 members"
    assert picked.members == (5,)
    assert picked.key not in {band.key for band in bands}


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


def many_methods():
    """Sixty members: methods by width and conditioning."""
    return [Wide(method=m, alpha=a, kappa=k) for m in ("gd", "scaled_gd") for a in range(1, 16) for k in (2, 10)]


def test_a_large_ensemble_is_divided_by_a_knob_and_no_curve_is_lost():
    every = curves(many_methods())
    assert sorted(m for curve in every for m in curve.members) == list(range(60))
    assert all(not curve.band for curve in every)
    for part in parts(every):
        assert len([curve for curve in every if curve.part == part]) <= LEGIBLE


def test_what_differs_in_its_part_alone_looks_the_same_in_each():
    every = curves(many_methods())
    shown, other = (in_sight(every, next(c for c in every if c.part == part).members[0]) for part in parts(every)[:2])
    assert {c.part for c in shown} != {c.part for c in other}
    assert {c.color for c in shown} == {c.color for c in other}
    assert [c.label for c in shown] == [c.label for c in other]


def test_a_family_shares_a_hue_and_its_number_sets_the_lightness():
    drawn = curves([Wide(method=m, alpha=a) for m in ("gd", "scaled_gd") for a in (1, 2, 3)])
    assert [curve.hue for curve in drawn] == [drawn[0].hue] * 3 + [drawn[3].hue] * 3
    assert drawn[0].hue != drawn[3].hue
    assert len({curve.color for curve in drawn}) == 6


PRESET = Preset(
    name="p", title="p", look_for="", set={"kappa": 2.0},
    cases=({"method": "gd"}, {"method": "scaled_gd", "alpha": 0.2}), case_labels=("plain", "with λ_S"),
)  # fmt: skip


def test_cases_are_called_what_their_preset_calls_them():
    drawn = curves([Wide(), Wide(method="scaled_gd", alpha=0.2)], preset=PRESET)
    assert [curve.label for curve in drawn] == ["plain", "with λꜱ"]


def test_a_case_that_was_edited_loses_its_name():
    drawn = curves([Wide(), Wide(method="scaled_gd", alpha=0.5)], preset=PRESET)
    assert [curve.label for curve in drawn] == ["plain", "scaled gd"]


def test_cases_of_which_a_knob_was_spread_are_told_apart_by_its_values():
    drawn = curves([Wide(method="scaled_gd", alpha=a) for a in (0.2, 0.5)] + [Wide()], preset=PRESET)
    assert [curve.label for curve in drawn] == ["α = 0.2", "α = 0.5", "α = 0.1"]


def test_members_of_one_case_are_told_apart_by_their_knobs():
    drawn = curves([Wide(kappa=k) for k in (2, 2.5)] + [Wide(method="scaled_gd", alpha=0.2)], preset=PRESET)
    assert [curve.label for curve in drawn] == ["plain, κ = 2", "plain, κ = 2.5", "with λꜱ"]


def test_bands_say_what_they_are():
    few, many = curves(members(seeds=range(4))), curves(members(seeds=range(20)))
    assert spread_text(few) == "median, least to largest of 4"
    assert spread_text(many) == "median, 10–90 % of 20"
    assert spread_text(curves(members(seeds=range(20)), mean=True)) == "mean ± standard error of 20"
    assert spread_text(curves(members())) == ""


def race():
    """Five methods at five rates of their own each, two budgets, two seeds: 100 members."""
    return [
        Racer(method=f"m{i}", eta=0.01 * (i + 1) * 2.0**k, horizon=T, seed=seed)
        for T in (50, 100) for i in range(5) for k in range(5) for seed in (0, 1)
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Racer(Config):
    method: str = knob("m0", "rule", choices=tuple(f"m{i}" for i in range(5)))
    eta: float = knob(0.1, "rate", log=True)
    horizon: int = knob(50, "budget")
    seed: int = knob(0, "seed")


def test_families_that_few_hues_tell_apart_stay_in_one_part():
    """A race is divided by its budget and not by its methods, which each have a hue; seeds are bands, as many are."""
    every = curves(race())
    assert len(parts(every)) == 2
    shown = in_sight(every, 0)
    hues = {config.method: {c.hue for c in shown if race()[c.members[0]] == config} for config in race()[:50:10]}
    assert len(shown) == 25 and all(curve.band for curve in shown)
    assert all(len(one) == 1 for one in hues.values()) and len(set().union(*hues.values())) == 5
