"""What a page says in digits, and whether its run says so, by lesson and page."""

from math import isclose

import numpy as np

import engines
from tests.dashboard.session.lesson_answers import cube
from tests.dashboard.session.lesson_runs import all_of, at, ended, first, halves, near, rates, solved


def ks(run):
    return [config.k for config in run.configs]


def alphas(run):
    return [config.alpha for config in run.configs]


def of(run, value):
    """The error at the end of the run with this value of the knob that varies."""
    found = {config.budget: error for config, error in zip(run.configs, run["relative_error"][-1], strict=True)}
    return found[value]


def settles(eta):
    run = engines.run("matrix_sensing", preset="P10", set={"eta": eta})
    return run["relative_error"][-1].max() < 0.01


NUMBERS = {
    ("the_price_of_width", 0): lambda run: {"3": run.configs[0].r == 3, "5": set(ks(run)) == {5}},
    ("the_price_of_width", 1): lambda run: {
        "2,400": run.steps[-1] == 2400,
        "1e-3": near(run["relative_error"][-1, 0], "1e-3"),
        "1e-13": run["relative_error"][-1, 1:].max() < 1e-13,
    },
    ("the_price_of_width", 2): lambda run: (
        {text: True for text in ("3", "4", "5", "10", "20") if int(text) in ks(run)}
        | {"3": run.configs[0].r == 3 and set(ks(run)) == {3, 4, 5, 10, 20}}
    ),
    ("the_price_of_width", 3): lambda run: {"20": ks(run) == [20], "1e-10": run["relative_error"][-1, 0] > 1e-10},
    ("imbalance_is_fuel", 0): lambda run: {"0.9": [c.init for c in run.configs if c.init_ratio == 0.9] == ["copy"]},
    ("imbalance_is_fuel", 1): lambda run: {"0.9": rates(run)[2] < min(rates(run)[3:])},
    ("imbalance_is_fuel", 2): lambda run: {
        **{text: float(text) in alphas(run) for text in ("0.1", "0.2", "0.3", "0.5", "0.7")},
        "4": near(rates(run)[1] / rates(run)[0], "4"),
        "2": near(np.log2(rates(run)[1] / rates(run)[0]), "2"),
    },
    ("imbalance_is_fuel", 3): lambda run: {
        "0.7": all(law.broken for law in run.engine.theory(run.configs[-1], run.steps) if law.channel == "error")
        and alphas(run)[-1] == max(alphas(run)) == 0.7
    },
    ("freed_by_one_step", 0): lambda run: {
        text: float(text) in alphas(run) for text in ("0.3", "0.1", "0.01", "0.001")
    },
    ("freed_by_one_step", 1): lambda run: {
        text: [p.step for p in run.engine.phases(run, alphas(run).index(alpha)) if p.label == "lift"] == [float(text)]
        for text, alpha in (("86", 0.3), ("168", 0.001))
    },
    ("freed_by_one_step", 2): lambda run: {
        **{text: float(text) in alphas(run) for text in ("0.1", "0.01", "0.001", "0.0001")},
        "20": np.ptp([first(run, "relative_error", m, lambda error: error < 0.1) for m in range(4)]) == 3 * 20,
    },
    ("freed_by_one_step", 3): lambda run: {
        "0.1": at(run, "relative_error", 300).max() < 0.1,
        "300": run.steps[-1] >= 300,
        "2": "sharpness is 2" in run.engine.stability(run.configs[0]),
        "0.9": settles(0.9),
        "1.1": not settles(1.1),
    },
    ("garbage_in_truth_out", 0): lambda run: {"1": run.configs[0].r == 1},
    ("garbage_in_truth_out", 2): lambda run: {
        "0.1": max(alphas(run)) == 0.1,
        "1e-8": min(alphas(run)) == 1e-8 and run.configs[0].outlier_fraction == 0.3,
    },
    ("how_far_to_go", 0): lambda run: {
        "1e-8": all_of(alphas(run), "1e-8"),
        "11": len(run.configs) == 11,
        "6.526": min(c.budget for c in run.configs) == 6.526,
        "74.68": max(c.budget for c in run.configs) == 74.68 and near(of(run, 74.68), "3.8e-3"),
        "3.8e-3": near(of(run, 74.68), "3.8e-3"),
        "10.21": min(of(run, budget) for budget in (6.526, 8.368, 10.21)) > 0.7,
        "0.7": 0.7 < of(run, 10.21) < 0.8,
        "12.05": np.argmin(run["relative_error"][-1]) == [c.budget for c in run.configs].index(12.05),
        "2.5e-8": near(of(run, 12.05), "2.5e-8"),
    },
    ("how_far_to_go", 1): lambda run: {
        "10.21": of(run, 10.21) > 0.5 and isclose(10.21 / 12.05, 5 / 6, rel_tol=0.02),
        "13.89": of(run, 13.89) < 1e-6,
        "1e-6": of(run, 13.89) < 1e-6,
        "24.95": near(24.95 / 12.05, "2") and of(run, 24.95) < 1e-3,
        "1e-3": of(run, 24.95) < 1e-3,
    },
    ("how_far_to_go", 2): lambda run: {"1e-6": run["relative_error"][-1, 0] > 1e-6, "2,500": run.steps[-1] == 2500},
    ("stairs", 0): lambda run: {
        **{text: near(run["signal_eigenvalues"][-1, 0, j], text) for j, text in enumerate(("1", "0.5", "0.25"))},
        "1e-8": all_of(alphas(run), "1e-8") and run.configs[0].outlier_fraction == 0.2,
        **{text: halves(run)[j] == int(text) for j, text in enumerate(("92", "150", "253"))},
    },
    ("stairs", 1): lambda run: {"2": max(abs(v.measured - 1) for v in run.judge()[:3]) < 0.02},
    ("stairs", 2): lambda run: {
        "2": run.configs[0].kappa == 2,
        "4": ended("stairs", 0).configs[0].kappa == 4,
        "150": halves(run)[2] == 150,
    },
    ("stairs", 3): lambda run: {
        "22": run.configs[0].budget == 22,
        "0.01": at(run, "signal_min", 2000)[0] > 0.01,
        "2,000": run.steps[-1] >= 2000,
    },
    ("three_clouds", 0): lambda run: {"40": run.configs[0].per_class == 40 and run.configs[0].classes == 3},
    ("three_clouds", 3): lambda run: {"0.2": run["feature_norm"][-1, 0] < 0.2, "1,000": run.steps[-1] >= 1000},
    ("what_a_layer_removes", 0): lambda run: {
        "0.0001": run.configs[0].epsilon == 0.0001,
        "1": run.configs[0].beta == 1,
        "1.41": near(run.configs[0].lambda_w, "1.41"),
        "0.5": run.configs[0].lambda_h == 0.5,
        **{text: near(run["survival"][-1, 0, j], text) for j, text in enumerate(("0.63", "0.67", "0.76"))},
    },
    ("what_a_layer_removes", 2): lambda run: {
        "100": run.configs[0].beta == 100 * ended("what_a_layer_removes", 0).configs[0].beta,
        "0.99": near(run["survival"][-1, 0, 0], "0.99") and run["survival"][-1, 0, 1] > 0.99,
    },
    ("what_a_layer_removes", 3): lambda run: {
        "0.05": run["nc1_ratio"][-1, 0] > 0.05,
        "0.1": solved("what_a_layer_removes", 3).configs[0].beta == 0.1,
        "0.14": near(solved("what_a_layer_removes", 3)["survival"][-1, 0, 0], "0.14"),
        "0.02": near(solved("what_a_layer_removes", 3)["nc1_ratio"][-1, 0], "0.02"),
    },
    ("two_decays", 0): lambda run: {
        "0.01": run.configs[0].lambda_h == 0.01,
        "0.16": run.configs[-1].lambda_h == 0.16,
        "0.4": {c.lambda_w for c in run.configs} == {0.4} and len(run.configs) == 5,
        "0.75": near(run["nc1_ratio"][-1, 0], "0.75"),
        "0.38": near(run["nc1_ratio"][-1, -1], "0.38"),
    },
    ("two_decays", 1): lambda run: {
        "0.04": {c.lambda_h for c in run.configs} == {0.04} and len(run.configs) == 5,
        "0.1": run.configs[0].lambda_w == 0.1,
        "1.6": run.configs[-1].lambda_w == 1.6,
        "0.38": near(run["nc1_ratio"][-1, 0], "0.38"),
        "0.75": near(run["nc1_ratio"][-1, -1], "0.75"),
    },
    ("two_decays", 2): lambda run: {
        "25": len(run.configs) == 25,
        "0.58": all(near(run["nc1_ratio"][-1, 6 * j], "0.58") for j in range(5)),
    },
    ("two_decays", 3): lambda run: {
        "25": len(ended("two_decays", 2).configs) == 25,
        "0.2": near(ended("two_decays", 2)["nc1_ratio"][-1].min(), "0.2"),
        "0.15": run["nc1_ratio"][-1, 0] > 0.15,
    },
    ("parameters_become_free", 0): lambda run: {"31": run.configs[0].modulus == 31},
    ("parameters_become_free", 2): lambda run: {"3,000": run.steps[-1] == 3000},
    ("why_directions_are_free", 0): lambda run: {"6": run.configs[0].width == 6 == run["nullity"][-1, 0]},
    ("why_directions_are_free", 1): lambda run: {
        "14": run["nullity"][-1, 0] == 14,
        "9": run["free_directions"][-1, 0, 0] == 9 == run.configs[0].inputs + 1 + run.configs[0].outputs,
        "5": run["free_directions"][-1, 0, 2] == 5 == run.configs[0].width - 1,
    },
    ("why_directions_are_free", 2): lambda run: {
        **{text: float(text) in [c.angle for c in run.configs] for text in ("0.3", "0.1", "0.03")},
        "1000": cube(run) == "about 1000 times",
    },
    ("why_directions_are_free", 3): lambda run: {
        "0.3": run.configs[0].angle == 0.3,
        "1e-6": run["near_curvature"][-1, 0] > 1e-6,
    },
    ("a_ruler_for_singularities", 0): lambda run: {
        "10": run.configs[0].inputs == 10,
        "5": abs(run["llc"][-1, 0] - 5) < 0.6 and len(run.configs) == 4,
    },
}
