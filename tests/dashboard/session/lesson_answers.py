"""The answer that a run gives to the question of a page, by lesson and page."""

import numpy as np

from tests.dashboard.session.lesson_runs import ended, first, halves, rates


def slowest(run):
    """Which of three ways ends highest."""
    return ("one matrix used twice", "two factors", "two factors and a modified step")[
        int(np.argmax(run["relative_error"][-1]))
    ]


def straight(run):
    widths = [config.k for config, error in zip(run.configs, run["relative_error"][-1], strict=True) if error < 1e-12]
    return {(): "none", (3,): "only k = 3", (3, 4): "k = 3 and 4"}.get(tuple(widths), "all five")


def copied(run):
    error = run["relative_error"]
    return "like one matrix used twice" if (error[:, 0] == error[:, 1]).all() else "like two factors"


def steeper(run):
    slow, fast, *_ = rates(run)
    return f"about {round(fast / slow)} times"


def steepest(run):
    found = rates(run)
    return "all are as steep" if max(found) < 1.1 * min(found) else "that of the largest start"


def waits(run):
    """How the wait grows from one start to the next, a tenth of it."""
    when = sorted(first(run, "relative_error", member, lambda error: error < 0.1) for member in range(4))
    assert np.ptp(np.diff(when)) <= 1
    return "by as many steps each time"


def finds(run):
    names = ("absolute loss and tiny start", "squared loss and tiny start", "absolute loss and large start")
    good = [name for name, error in zip(names, run["relative_error"][-1], strict=True) if error < 1e-3]
    assert run["loss"][-1, 2] < run["loss"][-1, 0] and run["relative_error"][-1, 2] > 1e5 * run["relative_error"][-1, 0]
    return good[0] if len(good) == 1 else "none"


def floors(run):
    error = {config.alpha: error for config, error in zip(run.configs, run["relative_error"][-1], strict=True)}
    return "more than ten thousand times smaller" if error[0.01] / error[1e-8] > 1e4 else "about ten times smaller"


def over_budget(run):
    error = run["relative_error"][-1]
    best = int(np.argmin(error))
    falls, rises = (np.diff(error[: best + 1]) < 0).all(), (np.diff(error[best:]) > 0).all()
    return "it falls and then rises" if falls and rises and 0 < best < len(error) - 1 else "it falls and falls"


def in_turn(run):
    when = halves(run)
    return "the largest first" if when[0] < when[1] < when[2] else "all at once"


def last_stair(run):
    return "sooner than before" if halves(run)[2] < halves(ended("stairs", 0))[2] else "later than before"


def within(run):
    return "it falls without end" if run["nc1"][-1, 0] < 1e-14 else "it falls to a floor"


def vanishes(run):
    size = run["feature_norm"][:, 0]
    return "everything shrinks to zero" if size[-1] < 1e-6 * size[0] else "they shrink to a smaller frame"


def survives(run):
    left = run["survival"][-1, 0]
    assert left[:3].max() < 0.8
    return "the turn of the frame" if abs(left[3:5] - 1).max() < 1e-3 else "the spread of the samples"


def held(run):
    return "nearly all" if run["survival"][-1, 0, :2].min() > 0.99 else "about two thirds"


def decay(run):
    """How NC1 follows the knob that varies."""
    change = np.diff(run["nc1_ratio"][-1])
    return "it lowers it" if (change < 0).all() else "it raises NC1" if (change > 0).all() else "nothing"


def both(run):
    pairs = [(config.lambda_w, config.lambda_h) for config in run.configs]
    found = {pair: ratio for pair, ratio in zip(pairs, run["nc1_ratio"][-1], strict=True)}
    doubled = [found[w, h] / found[w / 2, h / 2] for w, h in pairs if (w / 2, h / 2) in found]
    assert len(doubled) == 16
    return "it stays" if np.allclose(doubled, 1, atol=2e-3) else "it rises"


def perfect_first(run):
    when = [first(run, name, 0, lambda share: share == 1) for name in ("accuracy", "test_accuracy")]
    counted = run["effective_parameters"][:, 0]
    assert counted.max() > 1.8 * counted[0] and counted[-1] < 0.75 * counted.max()
    return "on examples it has seen" if when[0] < when[1] / 2 else "both at once"


def rule(run):
    counted = run["effective_parameters"][:, 0]
    assert run["accuracy"][-1, 0] == 1 and counted[-1] > 0.95 * counted.max()
    return "not within these steps" if run["test_accuracy"][-1, 0] < 0.1 else "yes and later"


def zero_modes(run):
    return "one for each neuron" if run["nullity"][-1, 0] == run.configs[0].width else "none"


def more_zero_modes(run):
    more, fewer = run["nullity"][-1, 0], ended("why_directions_are_free", 0)["nullity"][-1, 0]
    return "more than twice as many" if more > 2 * fewer else "one more"


def cube(run):
    curvature = {config.angle: value for config, value in zip(run.configs, run["near_curvature"][-1], strict=True)}
    assert curvature[0.0] < 1e-20
    return f"about {10 ** round(np.log10(curvature[0.3] / curvature[0.03]))} times"


def length(run):
    found = run["llc"][-1]
    return "too large" if (np.diff(found) > 0).all() and found[-1] > 5.5 else "right"


ANSWERS = {
    ("the_price_of_width", 0): slowest,
    ("the_price_of_width", 2): straight,
    ("imbalance_is_fuel", 0): copied,
    ("imbalance_is_fuel", 2): steeper,
    ("freed_by_one_step", 0): steepest,
    ("freed_by_one_step", 2): waits,
    ("garbage_in_truth_out", 0): finds,
    ("garbage_in_truth_out", 2): floors,
    ("how_far_to_go", 0): over_budget,
    ("stairs", 0): in_turn,
    ("stairs", 2): last_stair,
    ("three_clouds", 0): within,
    ("three_clouds", 2): vanishes,
    ("what_a_layer_removes", 0): survives,
    ("what_a_layer_removes", 2): held,
    ("two_decays", 0): decay,
    ("two_decays", 1): decay,
    ("two_decays", 2): both,
    ("parameters_become_free", 0): perfect_first,
    ("parameters_become_free", 2): rule,
    ("why_directions_are_free", 0): zero_modes,
    ("why_directions_are_free", 1): more_zero_modes,
    ("why_directions_are_free", 2): cube,
    ("a_ruler_for_singularities", 0): length,
}
