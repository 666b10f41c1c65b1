"""Table of models by probes in the documents: `python -m tests.loss_landscape.table_of_models` prints it anew."""

import re

import engines
from engines.core.protocol.errors import ConfigError
from engines.core.subjects import named_subjects
from tests.loss_landscape.own_models import MODELS

ASKED = {
    "hessian": {"kind": "hessian", "steps": 20}, "llc": {"chains": 2, "draws": 20}, "surface": {"resolution": 3},
    "degeneracy": {}, "collapse": {}, "connectivity": {"points": 3, "steps": 3},
    "intrinsic_dimension": {"dimensions": "1,2", "steps": 2}, "interaction_basis": {},
}  # fmt: skip
"""Probes with options that make them quick."""

SHOWN = {
    "hessian": lambda v: f"trace {v['trace']:.3g}",
    "degeneracy": lambda v: f"{v['nullity']} of {v['parameters']} free",
    "collapse": lambda v: f"{len(v['layer_name'])} named layer{'s' * (len(v['layer_name']) > 1)}",
}
"""Figures that the table shows; of other probes it says yes."""


def answer(probe, subject, options):
    """What a probe finds of a subject; of two models for a way between them, of a trained one for few directions."""
    if probe == "connectivity":
        options = options | {"other_model": named_subjects.register(subject.at(subject.theta * 0.9))}
    if probe == "intrinsic_dimension":
        trained = engines.run("loss_landscape", subject=subject, set={"optimizer": "adamw"}, steps=2)
        return trained.probe(probe, **options)
    return engines.examine("loss_landscape", subject, probe, **options)


def answers():
    """What each probe says of each model: a figure of it, or why there is none."""
    for probe, options in ASKED.items():
        for name, make in MODELS.items():
            try:
                found = answer(probe, make(90), options)
                yield probe, name, SHOWN.get(probe, lambda v: "yes")(found), ""
            except ConfigError as reason:
                yield probe, name, "", str(reason)


def table():
    """The table and the sentences below it, in Markdown."""
    every, sentences, rows = list(answers()), [], []
    for probe in ASKED:
        cells = []
        for _, _, figure, reason in (one for one in every if one[0] == probe):
            if reason and reason not in sentences:
                sentences.append(reason)
            cells.append(figure or f"no ({sentences.index(reason) + 1})")
        rows.append(f"| `{probe}` | {' | '.join(cells)} |")
    head = f"| probe | {' | '.join(MODELS)} |\n|{'---|' * (len(MODELS) + 1)}\n"
    return head + "\n".join(rows) + "\n\n" + "\n".join(f"{i}. {text}" for i, text in enumerate(sentences, 1)) + "\n"


def short(whole):
    """The table without the sentences: of models for which a probe has none, `no`."""
    return re.sub(r"no \(\d+\)", "no", whole.partition("\n\n")[0])


if __name__ == "__main__":
    found = table()
    print(found, short(found), sep="\n")
