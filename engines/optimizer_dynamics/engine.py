"""Optimiser dynamics as an engine: five scenes under one name."""

from __future__ import annotations

from engines.core.protocol.composite import CompositeEngine, Dynamics
from engines.core.protocol.declarations import Story
from engines.core.protocol.engine import RunData
from engines.optimizer_dynamics import cautions, predictions, relevance, story
from engines.optimizer_dynamics.channels import ACTIONS, CHANNELS
from engines.optimizer_dynamics.config import OptimizerDynamics
from engines.optimizer_dynamics.glossary import GLOSSARY
from engines.optimizer_dynamics.plots import PLOTS
from engines.optimizer_dynamics.presets import PRESETS
from engines.optimizer_dynamics.probes import PROBES
from engines.optimizer_dynamics.scenes import edge, factorisation, line, network, quadratic

DYNAMICS: dict[str, Dynamics] = {
    "factorisation": Dynamics(
        problem=factorisation.build,
        init=factorisation.init,
        step=factorisation.step,
        observe=factorisation.observe,
        snapshot=factorisation.snapshot,
        members=factorisation.members,
        gather=factorisation.gather,
        capturable=lambda problem: not problem.race.needs_host,
        nbytes=factorisation.nbytes,
        theory=predictions.factorisation_lines,
        phases=story.factorisation_phases,
        story=story.factorisation_story,
        caution=cautions.factorisation,
        stability=cautions.stability,
    ),
    "exact": Dynamics(
        problem=quadratic.build_exact,
        init=quadratic.init_exact,
        step=quadratic.step_exact,
        observe=quadratic.observe_exact,
        snapshot=quadratic.snapshot_exact,
        capturable=lambda problem: True,
        nbytes=quadratic.nbytes_exact,
        theory=predictions.risk_lines,
        phases=story.phases,
        story=story.quadratic_story,
        caution=cautions.quadratic,
        stability=cautions.stability,
    ),
    "sampled": Dynamics(
        problem=quadratic.build,
        init=quadratic.init,
        step=quadratic.step,
        observe=quadratic.observe,
        snapshot=quadratic.snapshot,
        nbytes=quadratic.nbytes,
        theory=predictions.risk_lines,
        phases=story.phases,
        story=story.quadratic_story,
        caution=cautions.quadratic,
        stability=cautions.stability,
    ),
    "line": Dynamics(
        problem=line.build,
        init=line.init,
        step=line.step,
        observe=line.observe,
        snapshot=line.snapshot,
        capturable=lambda problem: not problem.race.needs_host,
        nbytes=line.nbytes,
        theory=line.lines,
        phases=story.phases,
        story=story.line_story,
        caution=cautions.line,
        stability=cautions.stability,
    ),
    "edge": Dynamics(
        problem=edge.build,
        init=edge.init,
        step=edge.step,
        observe=edge.observe,
        snapshot=edge.snapshot,
        capturable=edge.capturable,
        nbytes=edge.nbytes,
        theory=predictions.edge_lines,
        phases=story.edge_phases,
        story=story.edge_story,
        caution=cautions.edge,
        stability=cautions.stability,
    ),
    "network": Dynamics(
        problem=network.build,
        init=network.init,
        step=network.step,
        observe=network.observe,
        snapshot=network.snapshot,
        nbytes=network.nbytes,
        phases=story.phases,
        story=story.network_story,
        caution=cautions.network,
        stability=cautions.stability,
    ),
}
"""Dynamics of each value of the knob `scene`; of the quadratic, of each of the knob `sampling`."""


class OptimizerDynamicsEngine(CompositeEngine[OptimizerDynamics]):
    """Which optimiser learns what, when, and why."""

    name = "optimizer_dynamics"
    title = "Optimiser dynamics"
    summary = (
        "Which optimiser learns what, when, and why: large singular values first or small, schedules that win late, "
        "the edge of stability, and races that are fair."
    )
    references = (
        "K. Wen, D. Hall, T. Ma, P. Liang: Fantastic Pretraining Optimizers and Where to Find Them. 2025, "
        "arXiv 2509.02046",
        "J. Cohen, A. Damian, A. Talwalkar, Z. Kolter, J. Lee: Understanding Optimization in Deep Learning with "
        "Central Flows. 2024, arXiv 2410.24206",
        "Y. Shen, M. Stallone, M. Mishra, G. Zhang, S. Tan, A. Prasad, A. Soria, D. Cox, R. Panda: Power Scheduler: A "
        "Batch Size and Token Number Agnostic Learning Rate Scheduler. 2024, arXiv 2408.13359",
        "P. Kasimbeg, V. Roulet, N. Agarwal, S. Medapati, F. Pedregosa, A. Agarwala, G. Dahl: How far away are truly "
        "hyperparameter-free learning algorithms? 2025, arXiv 2505.24005",
    )
    Config = OptimizerDynamics
    channels = CHANNELS
    plots = PLOTS
    presets = PRESETS
    probes = PROBES
    actions = ACTIONS
    glossary = GLOSSARY
    opening = "O0"

    def choose(self, config: OptimizerDynamics) -> Dynamics[OptimizerDynamics]:
        """Choose the scene."""
        return DYNAMICS[config.sampling if config.scene == "quadratic" else config.scene]

    def story(self, run: RunData, member: int) -> Story:
        """Explain what the reader is seeing."""
        text = super().story(run, member)
        return story.without_law(text) if run.configs[member].method == "own" else text

    def caution(self, config: OptimizerDynamics) -> str:
        """Say what a configuration cannot show, and that an optimiser's class is slower."""
        return " ".join(filter(None, (super().caution(config), cautions.one_at_a_time(config))))

    def idle(self, config: OptimizerDynamics) -> frozenset[str]:
        """Find the knobs of other scenes, methods and schedules."""
        return relevance.idle(config)

    def blank(self, config: OptimizerDynamics) -> frozenset[str]:
        """Find the plots of other scenes."""
        return relevance.blank(config)


ENGINE = OptimizerDynamicsEngine()
