"""The table of models by probes in the documents is what the probes answer."""

import pytest

from tests.conftest import ROOT
from tests.loss_landscape import table_of_models


@pytest.mark.thorough
def test_the_table_of_models_is_what_probes_answer():
    text = (ROOT / "docs" / "your_own_models.md").read_text(encoding="utf-8")
    written = text.partition("<!-- table of models -->\n")[2].partition("<!-- end of table -->")[0]
    assert written.strip() == table_of_models.table().strip()
