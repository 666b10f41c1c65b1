"""The table of models by probes in the documents is what the probes answer."""

import pytest

from tests.conftest import ROOT
from tests.loss_landscape import table_of_models


def written(*place):
    text = ROOT.joinpath(*place).read_text(encoding="utf-8")
    return text.partition("<!-- table of models -->\n")[2].partition("<!-- end of table -->")[0].strip()


@pytest.mark.thorough
def test_the_table_of_models_is_what_probes_answer():
    assert written("docs", "your_own_models.md") == table_of_models.table().strip()


def test_the_readme_shows_the_same_table():
    assert written("README.md") == table_of_models.short(written("docs", "your_own_models.md"))
