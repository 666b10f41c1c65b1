"""What is worth saying of an experiment before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from engines.core.protocol.errors import guarded
from engines.core.runs.experiment import Experiment


def notes(experiment: Experiment, given: Iterable[str] = ()) -> tuple[str, ...]:
    """The cautions of the engine, each once, and which of the knobs that were `given` a value change nothing."""
    with guarded(experiment.engine.title):
        return (*_cautions(experiment), *_idle(experiment, given))


def _cautions(experiment: Experiment) -> Iterator[str]:
    configs = experiment.configs()
    for text, count in Counter(experiment.engine.caution(config) for config in configs).items():
        if text:
            yield text if count == len(configs) else f"{text} ({count} of {len(configs)} members)"


def _idle(experiment: Experiment, given: Iterable[str]) -> Iterator[str]:
    everywhere = frozenset.intersection(*[experiment.engine.idle(config) for config in experiment.configs()])
    for name in experiment.engine.Config.current(dict.fromkeys(given)):
        if name in everywhere:
            yield f"{name} changes nothing: it has no effect with these values of the other knobs"
