"""Wrong runs of the toy's presets."""

from engines.core.analysis.wrong_runs import scaled

WRONG = {"first": {"a step that diverges": scaled(eta=50.0)}, "cases": {}}
