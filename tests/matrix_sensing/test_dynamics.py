import numpy as np
import pytest
import torch

import engines
from engines.core.api import simulate
from engines.core.compute.simulation import Simulation
from engines.core.runs.experiment import Experiment
from engines.core.runs.run import Run
from engines.matrix_sensing.config import MatrixSensing
from engines.matrix_sensing.dynamics import lifted, steps
from engines.matrix_sensing.engine import ENGINE
from engines.matrix_sensing.problem import State
from tests.matrix_sensing.plain import descend, measurements, tensors, truth

CPU = torch.device("cpu")
TINY = dict(n=8, r=2, k=3, operator_seed=-1, alpha=0.5, eta=0.1)
GAUSSIAN = dict(operator="gaussian", m=60)


def simulated(config, steps, others=()):
    simulation = Simulation(ENGINE, [config, *others], CPU)
    simulation.advance(steps)
    return simulation.batches[0]


def product(batch, member=0):
    return (batch.state.F @ batch.state.G.mT)[member].numpy()


def errors(configs, steps):
    return simulate(Run(ENGINE, configs), steps)["error"]


@pytest.mark.parametrize("knobs", [{}, {"target": "general"}, {"parameterization": "symmetric"}, {"m": 20}])
def test_gradient_descent_equals_a_loop_over_measurements(knobs):
    config = MatrixSensing(**{**TINY, **GAUSSIAN, **knobs})
    F, G, _ = descend(config, 50)
    np.testing.assert_allclose(product(simulated(config, 50)), F @ G.T, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("knobs", [{}, {"parameterization": "symmetric"}, {"target": "general"}, {"k": 1}])
def test_the_reduced_identity_equals_the_full_one(knobs):
    config = MatrixSensing(**{**TINY, "n": 60, **knobs})
    _, _, plain = descend(config, 300)
    run = simulate(Run(ENGINE, [config]), 300)
    np.testing.assert_allclose(run["error"][:, 0], np.array(plain)[run.steps], rtol=1e-11)


def test_the_reduction_is_exact_at_n_400():
    config = MatrixSensing(n=400, r=3, k=6, operator_seed=-1, alpha=0.5, eta=0.1)
    _, _, plain = descend(config, 1500)
    run = simulate(Run(ENGINE, [config]), 1500)
    assert Simulation(ENGINE, [config], CPU).batches[0].state.F.shape[1] == 9
    # The products round in another order; what is left of the error is a difference of matrices of norm near 1.
    np.testing.assert_allclose(run["error"][:, 0], np.array(plain)[run.steps], rtol=1e-12, atol=1e-14)


def test_a_rectangular_run_equals_the_full_one():
    config = MatrixSensing(n=12, n2=7, r=2, k=3, operator_seed=-1, alpha=0.5, eta=0.1)
    _, _, plain = descend(config, 200)
    np.testing.assert_allclose(errors([config], 200)[-1, 0], plain[-1], rtol=1e-11)


@pytest.mark.parametrize(("parameterization", "scale"), [("asymmetric", 1.0), ("symmetric", 0.5)])
def test_the_step_is_the_gradient_of_the_loss(parameterization, scale):
    """c = 1 descends on the loss (asymmetric) or on half of it, the 1/4m loss (symmetric); by central differences."""
    config = MatrixSensing(**{**TINY, **GAUSSIAN, "parameterization": parameterization})
    batch = simulated(config, 3)
    problem, state = batch.problem, batch.state

    def loss(F, G):
        return float(problem.loss(problem.residual(F, F if config.symmetric else G))[0])

    direction = torch.from_numpy(np.random.default_rng(0).standard_normal(state.F.shape))
    central = (loss(state.F + 1e-6 * direction, state.G) - loss(state.F - 1e-6 * direction, state.G)) / 2e-6
    moved = steps(problem, state, batch.knobs, 1)
    gradient = (state.F - moved.F) / config.eta
    assert float((gradient * direction).sum()) == pytest.approx(scale * central, rel=1e-6)


def test_the_gradient_convention_doubles_the_step():
    one = MatrixSensing(**{**TINY, "parameterization": "symmetric", "eta": 0.2})
    two = one.replace(eta=0.1, gradient_factor=2)
    found = errors([one, two], 100)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_imbalance_drifts_by_the_exact_second_order_term():
    config = MatrixSensing(**{**TINY, **GAUSSIAN, "target": "general"})
    batch = simulated(config, 20)
    F, G, after = batch.state.F, batch.state.G, steps(batch.problem, batch.state, batch.knobs, 1)
    eye = torch.eye(8, dtype=torch.float64)[None]
    R = batch.problem.image(batch.problem.residual(F, G), eye)
    drift = (after.F.mT @ after.F - after.G.mT @ after.G) - (F.mT @ F - G.mT @ G)
    expected = config.eta**2 * (G.mT @ R.mT @ R @ G - F.mT @ R @ R.mT @ F)
    torch.testing.assert_close(drift, expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("parameterization", ["symmetric", "asymmetric"])
def test_the_parts_of_the_error_add_up_to_it(parameterization):
    config = MatrixSensing(**{**TINY, **GAUSSIAN, "parameterization": parameterization})
    run = simulate(Run(ENGINE, [config]), 400)
    plain = descend(config, 400)[2]
    parts = sum(run[name][:, 0] ** 2 for name in ("error_signal", "error_cross", "error_noise"))
    np.testing.assert_allclose(np.sqrt(parts), run["error"][:, 0], rtol=1e-12)
    np.testing.assert_allclose(run["error"][:200, 0], np.array(plain)[run.steps][:200], rtol=1e-9)


def test_a_balanced_psd_start_is_the_symmetric_run():
    symmetric = MatrixSensing(**{**TINY, "n": 20, "parameterization": "symmetric"})
    balanced = symmetric.replace(parameterization="asymmetric", init="copy", init_ratio=1.0)
    found = errors([symmetric, balanced], 1000)
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=1e-12)


def test_a_rotation_of_the_columns_leaves_the_error():
    batch = simulated(MatrixSensing(**{**TINY, **GAUSSIAN}), 0)
    Q = torch.linalg.qr(torch.from_numpy(np.random.default_rng(1).standard_normal((1, 3, 3))))[0]
    state = turned = batch.state
    turned = turned._replace(F=turned.F @ Q, G=turned.G @ Q)
    for _ in range(50):
        state, turned = (steps(batch.problem, s, batch.knobs, 1) for s in (state, turned))
    torch.testing.assert_close(state.F @ state.G.mT, turned.F @ turned.G.mT, rtol=1e-11, atol=1e-12)


def test_the_truth_is_a_fixed_point():
    batch = simulated(MatrixSensing(**{**TINY, "spectrum": "1:0.5", "k": 2}), 0)
    F = torch.zeros_like(batch.state.F)
    G = torch.zeros_like(batch.state.G)
    F[0, 0, 0], F[0, 1, 1], G[0, 0, 0], G[0, 1, 1] = 1.0, 0.5, 1.0, 1.0
    moved = steps(batch.problem, batch.state._replace(F=F, G=G), batch.knobs, 1)
    assert torch.equal(moved.F, F) and torch.equal(moved.G, G)


METHODS = ("gd", "one_step", "scaled_gd_lambda", "prec_gd", "agn", "nesterov")


@pytest.mark.parametrize("method", METHODS)
def test_padded_columns_stay_exactly_zero(method):
    narrow = MatrixSensing(**{**TINY, **GAUSSIAN, "method": method, "k": 2})
    batch = simulated(narrow, 60, [narrow.replace(k=5)])
    assert (batch.state.F[0, :, 2:] == 0).all() and (batch.state.G[0, :, 2:] == 0).all()


@pytest.mark.parametrize(
    "knobs", [{"trigger": "true"}, {"lift": "below_beta"}, {"operator": "gaussian", "n": 15, "m": 600}], ids=str
)
def test_members_of_other_widths_equal_their_single_runs_beyond_the_lift(knobs):
    """k = 5 decides the width of the batch: the columns that the others lack must stay empty when they lift."""
    base = MatrixSensing(**{**TINY, "alpha": 0.02, "method": "one_step", "beta": 0.7, **knobs})
    configs = [base.replace(k=k) for k in (3, 5, 2)]
    together = simulate(Run(ENGINE, configs), 300)
    assert (together["lifted_at"][-1] > 0).all()
    for member, config in enumerate(configs):
        assert_equal_members(together, member, simulate(Run(ENGINE, [config]), 300))


def test_a_member_with_too_few_columns_has_the_subspace_angle_of_its_single_run():
    base = MatrixSensing(**{**TINY, "n": 10, "r": 3})
    together = simulate(Run(ENGINE, [base.replace(k=2), base.replace(k=6)]), 60)
    assert_equal_members(together, 0, simulate(Run(ENGINE, [base.replace(k=2)]), 60))


@pytest.mark.thorough
@pytest.mark.parametrize("preset", [preset.name for preset in ENGINE.presets])
def test_members_equal_their_single_runs_to_the_end_of_the_preset(preset):
    experiment = Experiment.from_preset(ENGINE, ENGINE.preset(preset))
    steps = ENGINE.preset(preset).steps
    configs = experiment.configs()
    together = simulate(Run(ENGINE, configs), steps)
    for member in {0, len(configs) // 2, len(configs) - 1}:
        assert_equal_members(together, member, simulate(Run(ENGINE, [configs[member]]), steps))


def assert_equal_members(together, member, alone):
    """Products of other widths round otherwise: 1e-6 of a value, and 1e-13 where it is rounding altogether."""
    for name in (channel.name for channel in ENGINE.channels if not channel.dims):
        np.testing.assert_allclose(together[name][:, member], alone[name][:, 0], rtol=1e-6, atol=1e-13, err_msg=name)


def test_every_method_equals_its_formula():
    """One batch of all methods, asymmetric k = r = 2, against each update written out for one member."""
    base = MatrixSensing(**{**TINY, **GAUSSIAN, "k": 2})
    names = ("gd", "scaled_gd", "scaled_gd_lambda", "prec_gd", "agn", "nesterov")
    batch = simulated(base, 1, [base.replace(method=name) for name in names])
    _, _, A, F, G = measurements(base)
    M, eta, inverse = truth(base), base.eta, np.linalg.inv

    def residual(F, G):
        E = F @ G.T - M
        return np.einsum("m,mij->ij", np.einsum("mij,ij->m", A, E), A) / len(A)

    R = residual(F, G)
    loss = 0.5 * np.sum((F @ G.T - M) * R)
    expected = {"gd": (F - eta * R @ G, G - eta * R.T @ F)}
    for name, damping in (
        ("scaled_gd", 0.0),
        ("scaled_gd_lambda", 0.2 * base.sigma[-1]),
        ("prec_gd", np.sqrt(2 * loss)),
    ):
        damped = damping * np.eye(2)
        expected[name] = (F - eta * R @ G @ inverse(G.T @ G + damped), G - eta * R.T @ F @ inverse(F.T @ F + damped))
    first = F - eta * R @ np.linalg.pinv(G).T
    expected["agn"] = (first, G - eta * residual(first, G).T @ np.linalg.pinv(first).T)
    moved = expected["gd"]
    expected["nesterov"] = tuple(new + 0.9 * (new - old) for new, old in zip(moved, (F, G), strict=True))
    for place, name in enumerate(names, start=1):
        wanted = expected[name][0] @ expected[name][1].T
        np.testing.assert_allclose(product(batch, place), wanted, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("low", [False, True])
def test_the_lift_keeps_the_product_and_levels_the_factor(low):
    batch = simulated(MatrixSensing(**TINY), 40)
    beta, flag = torch.tensor([0.6], dtype=torch.float64), torch.tensor([low])
    F, G = lifted(batch.state.F, batch.state.G, beta, flag, batch.problem.padded)
    torch.testing.assert_close(F @ G.mT, batch.state.F @ batch.state.G.mT, rtol=0, atol=1e-10)
    levels = torch.linalg.svdvals(F)[0]
    before = torch.linalg.svdvals(batch.state.F)[0]
    torch.testing.assert_close(
        levels, before.clamp_min(0.6) if low else torch.full_like(levels, 0.6), rtol=1e-12, atol=0
    )


def test_the_lift_by_hand_happens_at_its_step_alone():
    config = MatrixSensing(**{**TINY, "method": "one_step", "trigger": "manual", "lift_at": 17})
    run = simulate(Run(ENGINE, [config]), 40)
    assert run["lifted_at"][run.steps <= 17].max() == -1
    assert (run["lifted_at"][run.steps > 17] == 17).all()


@pytest.mark.parametrize(("eta", "stays"), [(0.19, True), (0.25, False)])
def test_the_lifted_point_is_stable_below_its_bound(eta, stays):
    """kappa = 10, beta² = 0.1: eta (beta² + sigma_1²/beta²) < 2 means eta < 0.198."""
    config = MatrixSensing(
        n=50, k=5, kappa=10, beta=0.1**0.5, alpha=0.01, eta=eta, method="one_step", target="general", trigger="true",
        trigger_level=0.05, seed=3, operator_seed=-1,
    )  # fmt: skip
    run = simulate(Run(ENGINE, [config]), 1400)
    lifted_at = run["lifted_at"][-1, 0]
    after = run["error"][run.steps >= lifted_at, 0]
    assert lifted_at > 0
    assert after.max() <= 1.001 * after[0] if stays else after.max() > 0.1


def test_mixed_precision_converges_like_float64():
    base = MatrixSensing(n=30, m=1200, k=5, alpha=0.7, eta=0.2, seed=11, operator_seed=-1, operator="gaussian")
    runs = {p: simulate(Run(ENGINE, [base.replace(precision=p)]), 900)["error"][:, 0] for p in ("fp64", "fp32", "bf16")}
    steps = simulate(Run(ENGINE, [base]), 900).steps
    hits = {name: steps[np.argmax(values < 1e-10)] for name, values in runs.items()}
    assert abs(hits["fp32"] - hits["fp64"]) <= 7  # neighbours on the schedule
    assert runs["fp32"][-1] < 1e-14 and runs["bf16"][-1] < 1e-13


def test_float32_factors_stall():
    """The reason for float64 factors: all in float32 the error never falls below 1e-7."""
    base = MatrixSensing(n=30, m=1200, k=5, alpha=0.7, eta=0.2, seed=11, operator_seed=-1, operator="gaussian")
    batch = Simulation(ENGINE, [base.replace(precision="fp32")], CPU).batches[0]
    left, right, _, F, G = measurements(base)
    M = tensors(left @ np.diag(base.sigma) @ right.T)[0].float()
    F, G = (value.float() for value in tensors(F, G))
    operator = batch.problem.operators[0][0]
    for _ in range(1500):
        R = operator.normal(F @ G.mT - M)
        F, G = F - 0.2 * R @ G, G - 0.2 * R.mT @ F
    assert torch.linalg.matrix_norm(F @ G.mT - M) > 1e-7


def test_symmetric_measurements_cannot_see_antisymmetric_error():
    base = MatrixSensing(n=20, m=600, k=5, alpha=0.5, eta=0.2, seed=1, operator_seed=-1, operator="gaussian_symmetric")
    batch = simulated(base, 3000)
    run = simulate(Run(ENGINE, [base]), 3000)
    E = product(batch) - truth_of(batch)
    assert np.linalg.norm(E - E.T) / 2 > 0.05 and run["loss"][-1, 0] < 1e-5


def truth_of(batch):
    left, right = batch.problem.M
    return (left @ right.mT)[0].numpy()


def test_members_share_one_draw_only_where_they_should():
    base = MatrixSensing(**{**TINY, **GAUSSIAN})
    shared = Simulation(ENGINE, [base.replace(operator_seed=0, seed=s) for s in range(4)], CPU).batches[0]
    own = Simulation(ENGINE, [base.replace(seed=s) for s in range(4)], CPU).batches[0]
    assert len(shared.problem.operators) == 1 and len(own.problem.operators) == 4
    assert isinstance(own.state, State)


def test_too_large_an_operator_is_refused_with_its_size():
    with pytest.raises(engines.core.protocol.errors.ConfigError, match=r"needs .* GiB .* limit"):
        engines.run("matrix_sensing", set={"operator": "gaussian", "n": 2000, "m": 100_000}, steps=1)


def test_the_state_of_every_member_counts_as_memory():
    """4,096 members of 4096 x 512 factors: F and G alone are 128 GiB."""
    members = [MatrixSensing(operator="completion", n=4096, k=512, m=1000, seed=seed) for seed in range(4096)]
    assert ENGINE.nbytes(members) > 128 * 2**30


@pytest.mark.parametrize("operator", ["identity", "gaussian", "gaussian_symmetric", "rank_one", "completion"])
def test_what_is_counted_as_memory_covers_what_there_is(operator):
    base = MatrixSensing(operator=operator, n=24, m=200, method="nesterov", operator_seed=-1)
    configs = [base.replace(k=k, seed=seed) for k in (2, 9) for seed in range(3)]
    batch = Simulation(ENGINE, configs, CPU).batches[0]
    problem = batch.problem
    held = [*batch.state, problem.left, *problem.M, problem.F0, problem.G0]
    held += [value for one, _ in problem.operators for value in vars(one).values() if isinstance(value, torch.Tensor)]
    counted = ENGINE.nbytes(configs)
    assert sum(value.nbytes for value in held) < counted < 40 * sum(value.nbytes for value in held)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"method": "scaled_gd", "k": 3}, "k=3 is too many for method=scaled_gd"),
        ({"method": "scaled_gd_lambda", "damping": 0.0}, "method=scaled_gd_lambda with damping=0"),
        ({"method": "scaled_gd", "k": 2, "init": "unbalanced"}, "cannot start from G₀ = 0"),
        ({"method": "agn", "init_ratio": 0.0}, "cannot start from G₀ = 0"),
        ({"method": "agn", "init": "spectral"}, "from the spectral start, which has rank r = 2"),
    ],
)
def test_a_method_that_would_divide_by_a_singular_matrix_is_refused(knobs, words):
    with pytest.raises(engines.core.protocol.errors.ConfigError, match=words):
        MatrixSensing(**{**TINY, **knobs})


def test_a_start_at_the_edge_of_the_numbers_can_be_observed():
    """Once the singular value decomposition of one such member ended the run of all."""
    base = MatrixSensing(**{**TINY, "n": 12, "k": 6, "target": "general"})
    run = simulate(Run(ENGINE, [base.replace(alpha=alpha) for alpha in (1e-150, 1e-140, 1e-100, 0.1)]), 400)
    assert (run.diverged_at == -1).all() and np.isfinite(run["singular_values"]).all()


def test_one_measurement_has_no_negative_loss():
    run = simulate(Run(ENGINE, [MatrixSensing(**{**TINY, "operator": "gaussian", "m": 1})]), 400)
    assert run["loss"].min() >= 0
