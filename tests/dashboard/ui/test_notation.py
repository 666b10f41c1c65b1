import re

import pytest

import engines
from dashboard.ui import notation


def formulas():
    for name in engines.names():
        engine = engines.load(name)
        yield from (channel.formula for channel in engine.channels if channel.formula)
        yield from (term.formula for term in engine.glossary if term.formula)


FORMULAS = sorted(set(formulas()))


@pytest.mark.parametrize("text", FORMULAS)
def test_every_formula_is_set_without_a_raw_sign(text):
    assert "_" not in notation.plain(text) and "_" not in notation.formula(text)
    visible = re.sub(r"<[^>]*>", "", notation.formula(text))
    assert "^" not in visible
    assert notation.formula(text).count("<sub>") == notation.formula(text).count("</sub>")


@pytest.mark.parametrize("text", FORMULAS)
def test_every_formula_is_tex_that_can_be_printed(text):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    mathtext.MathTextParser("path").parse(f"${notation.tex(text)}$")


@pytest.mark.parametrize(
    ("text", "plain", "html"),
    [
        ("λ_H", "λʜ", "λ<sub>H</sub>"),
        ("Tr Σ_W", "Tr Σᴡ", "Tr Σ<sub>W</sub>"),
        ("λ_min(Δ)", "λₘᵢₙ(Δ)", "λ<sub>min</sub>(Δ)"),
        ("e^{2λ_H t}", "exp(2λʜ t)", "e<sup>2λ<sub>H</sub> t</sup>"),
        ("10⁻⁶", "10⁻⁶", "10⁻⁶"),
        ("no script at all", "no script at all", "no script at all"),
        ("a < b & c", "a < b & c", "a &lt; b &amp; c"),
    ],
)
def test_a_text_is_written_for_canvas_and_for_markup(text, plain, html):
    assert (notation.plain(text), notation.html(text)) == (plain, html)


def test_variables_are_in_italics_and_words_are_not():
    assert notation.formula("rank(A) = min(m, n)") == (
        "rank(<i>A</i>) = min(<i>m</i>, <i>n</i>)"
    )  # fmt: skip


def test_what_unicode_cannot_lower_is_told_apart():
    assert notation.settable("σ_r") and not notation.settable("N_eff") and notation.settable("loss")
