"""Every preset of every lab as a reader meets it: no name of the code in any text, and one meaning a colour."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

import engines
from dashboard.figures.grid import Grid
from dashboard.figures.marks.line import LineMark
from dashboard.figures.marks.sweep import SweepMark, plots_without_knobs
from dashboard.page.glossary import mark_terms
from dashboard.session.curves import curves, in_sight
from dashboard.ui.formatting import GREEK, describe, knob_name, readable
from dashboard.ui.notation import plain
from dashboard.ui.palette import CLASSES, GREY
from dynascope.contract.small_runs import all_configs, short_run

ENGLISH = {"none", "other", "gates", "full", "own"}
"""Choices that are words of their own, whatever their label says more."""


def _every_preset():
    for name in engines.names():
        engine = engines.load(name)
        for preset in engine.presets:
            marks = [pytest.mark.thorough] if preset.cost == "heavy" else []
            yield pytest.param(engine, preset, id=f"{name}-{preset.name}", marks=marks)


EVERY_PRESET = list(_every_preset())


def code_names(engine):
    """Names that only the code has: of letters spelled out, joined by underscores, or shortened."""
    found = set(GREEK)
    for knob in engine.Config.knobs().values():
        for name, label in [(knob.name, knob.label), *((one, knob.labels.get(one, "")) for one in knob.choices or ())]:
            numbered = len(name) > 1 and not name[0].isdigit() and any(letter.isdigit() for letter in name)
            short = label and len(name) <= 5 and name.lower() not in label.lower() and name not in ENGLISH
            if "_" in name or numbered or short:
                found.add(name)
    return sorted((name for name in found if len(name) > 1), key=len, reverse=True)


def spoken(engine, text):
    """The code names in a text."""
    names = "|".join(map(re.escape, code_names(engine)))
    return re.findall(rf"(?<![A-Za-z0-9_.])(?:{names})(?![A-Za-z0-9_])", text)


def declared_texts(engine):
    """What an engine says of itself, whatever is run."""
    for channel in engine.channels:
        yield from (channel.label, channel.doc, channel.formula)
    for plot in engine.plots:
        yield from (plot.title, plot.doc, *plot.labels, *plot.classes)
    for knob in engine.Config.knobs().values():
        yield from (knob_name(knob), knob.doc, *map(plain, knob.labels.values()))
    for probe in engine.probes:
        yield from (probe.title, probe.doc, *(knob.doc for knob in probe.knobs))
    for action in engine.actions:
        yield from (action.label, action.doc)
    for preset in engine.presets:
        yield from (preset.title, preset.look_for, preset.source, *preset.case_labels)


def run_texts(engine, run, preset):
    """What is said of a run of a preset."""
    knobs = engine.Config.knobs()
    for member in np.unique(np.linspace(0, len(run.configs) - 1, 6).astype(int)).tolist():
        story = run.story(member)
        yield from (story.text, story.formula, story.reference)
        yield from (text for phase in engine.phases(run, member) for text in (phase.label, phase.doc))
        yield readable(engine.caution(run.configs[member]), knobs)
        yield readable(engine.stability(run.configs[member]), knobs)
        for prediction in engine.theory(run.configs[member], run.steps):
            yield from (prediction.label, prediction.reference, readable(prediction.broken, knobs))
    yield from (verdict.claim for verdict in run.judge())
    yield from (verdict.reason for verdict in run.judge())
    yield from (curve.label for curve in curves(run.configs, preset=preset))


@pytest.mark.parametrize("name", engines.names())
def test_no_text_that_an_engine_declares_has_a_name_of_the_code(name):
    engine = engines.load(name)
    found = {text: spoken(engine, text) for text in declared_texts(engine) if spoken(engine, text)}
    assert not found


@pytest.mark.parametrize(("engine", "preset"), EVERY_PRESET)
def test_no_text_about_a_run_has_a_name_of_the_code(engine, preset):
    run = short_run(engine, preset)
    found = {text: spoken(engine, text) for text in run_texts(engine, run, preset) if spoken(engine, text)}
    assert not found


@pytest.mark.parametrize("name", engines.names())
def test_every_choice_and_every_knob_reads_as_words(name):
    engine = engines.load(name)
    for knob in engine.Config.knobs().values():
        assert "_" not in knob_name(knob)
        for choice in knob.choices or ():
            assert "_" not in describe({knob.name: choice}, engine.Config.knobs())


@pytest.mark.parametrize("name", engines.names())
def test_every_entry_of_the_glossary_is_met_in_a_text_and_has_two_sentences(name):
    engine = engines.load(name)
    assert engine.glossary
    texts = list(declared_texts(engine))
    opening = engine.preset(engine.opening)
    texts += run_texts(engine, engines.run(engine.name, opening.name, steps=100), opening)
    for preset in engine.presets:
        if preset.cost == "light":
            texts += run_texts(engine, short_run(engine, preset), preset)
    for term in engine.glossary:
        assert any("data-term" in mark_terms(text, [term]) for text in texts), term.name
        assert term.formula, term.name
        assert 1 <= len(re.findall(r"[.;:](?:\s|$)", term.text)) <= 3, term.name


# -- one colour has one meaning ---------------------------------------------------------------------------------


def drawn(engine, preset, run):
    """The grid of a lab that shows the run."""
    every = curves(run.configs, preset=preset)
    status = SimpleNamespace(playing=False, horizon=preset.steps, step=int(run.steps[-1]), message="")
    context = SimpleNamespace(
        run=run,
        curves=in_sight(every, 0),
        focus=0,
        status=status,
        step=int(run.steps[-1]),
        scrubbing=False,
        label="",
        annotations=(),
    )
    grid = Grid(engine)
    grid.arrange(preset)
    blank = frozenset.intersection(*map(engine.blank, run.configs))
    grid.leave_out(dict.fromkeys(blank | plots_without_knobs(engine.plots, run.configs), ""))
    grid.build(context)
    grid.update(context)
    return every, grid


def meanings(every, mark):
    """Pairs of a colour and what it stands for in one figure."""
    owner = {curve.color: settings(curve) for curve in every}
    if isinstance(mark, LineMark):
        yield from ((spec.color, settings(spec.column.curve)) for spec in mark.lines)
        return
    if isinstance(mark, SweepMark):
        yield from series_meanings(every, mark)
    shown = mark.source.data
    for place, color in enumerate(shown.get("color", ())):
        kind = f"class {shown['name'][place]}" if mark.plot.by else owner.get(color, "nothing")
        yield color, kind


def series_meanings(every, mark):
    """Pairs of a series' colour and its family, which a member with a hue of its own stands for, too."""
    for series in mark.sweep.series if mark.sweep else ():
        members = {member for some in series.points.values() for member in some}
        own = [settings(curve) for curve in every if curve.color == series.color and members & set(curve.members)]
        yield from ((series.color, meaning) for meaning in own or [f"family {series.color}"])


def settings(curve):
    """What a curve stands for, apart from its seed; what differs in its part of the ensemble alone looks alike."""
    return re.sub(r", (seed = .*|\d+ seeds)$", "", curve.label)


@pytest.mark.parametrize(("engine", "preset"), EVERY_PRESET)
def test_one_colour_has_one_meaning_on_the_page_of_a_preset(engine, preset):
    run = short_run(engine, preset)
    every, grid = drawn(engine, preset, run)
    found = {}
    for curve in in_sight(every, 0):
        found.setdefault(curve.color, set()).add(settings(curve))
    for card in grid.marked():
        for color, meaning in meanings(every, card.mark):
            if color != GREY:
                found.setdefault(color[:7], set()).add(meaning)
    ambiguous = {color: what for color, what in found.items() if len(what) > 1}
    assert not ambiguous
    assert "nothing" not in set().union(*found.values())
    assert not set(CLASSES) & {curve.color for curve in every}


@pytest.mark.parametrize(("engine", "preset"), EVERY_PRESET)
def test_no_more_than_32_curves_are_drawn_and_none_is_an_anonymous_band(engine, preset):
    configs = all_configs(engine, preset)
    every = curves(configs, preset=preset)
    assert sorted({m for curve in every for m in curve.members}) == list(range(len(configs)))
    for curve in every:
        shown = in_sight(every, curve.members[0])
        assert len(shown) <= 32
        assert len({configs[m].replace(seed=0) for m in curve.members}) == 1 or not curve.band
