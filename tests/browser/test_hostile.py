"""Text from links, lessons and files is shown as text: nothing in it runs, loads or changes the page."""

import base64
import json
import os
import zlib
from urllib.parse import urlencode

import pyarrow.parquet as pq
import pytest

import engines
from dashboard.runs import library
from engines.core.runs.experiment import Experiment
from tests.browser.conftest import first_of, served, until

EVIL = (
    "<script>window.P=5</script><img src=x onerror=window.P=5><svg onload=window.P=5></svg>"
    "<a href='javascript:window.P=5'>a</a><iframe srcdoc='<script>parent.P=5</script>'></iframe>"
    "<style>html{--hostile:1}</style>"
)
NAME = "<img src=x onerror=window.P=5><svg onload=window.P=5><style>html{--hostile:1}"
"""What a file can be called: there is no slash in it."""

SEEN = """() => {
  const inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
  const deep = (root) => [...root.querySelectorAll("*")].flatMap(inside);
  const bad = "img[src='x'], [onload], [onerror], a[href^='javascript'], iframe";
  const found = deep(document).filter((e) => e.matches(bad)).map((e) => e.outerHTML);
  const styled = deep(document).filter((e) => e.matches("style") && e.textContent.includes("--hostile"));
  return [...found, ...styled.map((e) => e.outerHTML), ...(window.P === undefined ? [] : ["it ran"])];
}"""

WRITTEN = """() => [...Bokeh.documents[0]._all_models.values()].some(
  (m) => m.type === "ColumnDataSource" && (m.data.text ?? []).some((text) => text.includes("onerror")))"""

LESSON = f"""---
title: "{EVIL}"
lab: matrix_sensing
summary: "{EVIL}"
---
## {EVIL}
{EVIL}

[a](javascript:window.P=5) <img src=x onerror=window.P=5> `{EVIL}`

```predict
question: "{EVIL}"
choices: ["{EVIL}", b]
answer: b
reveal: "{EVIL}"
```
"""


def token(**changes):
    engine = engines.load("matrix_sensing")
    experiment = Experiment.from_preset(engine, engine.preset("P3"), steps=50)
    about = {"version": 2, "experiment": json.loads(experiment.to_json()), "view": {}}
    about["experiment"] |= {name: value for name, value in changes.items() if name in about["experiment"]}
    about |= {name: value for name, value in changes.items() if name in about and name != "experiment"}
    about["experiment"] = json.dumps(about["experiment"])
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(about).encode())).decode().rstrip("=")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose lessons and stored runs are called and filled with such text."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / f"{NAME}.md").write_text(LESSON)
    (folder / f"broken{NAME}.md").write_text(LESSON.replace("answer: b", "answer: c"))
    os.environ[library.FOLDER_VARIABLE] = str(folder)
    kept = folder / f"{library.keep(engines.run('matrix_sensing', preset='P3', steps=5))}.parquet"
    del os.environ[library.FOLDER_VARIABLE]
    table = pq.read_table(kept)
    about = json.loads(table.schema.metadata[b"dynascope"])
    for file, change in ((kept, {"preset": EVIL}), (folder / f"{NAME}.parquet", {"format": EVIL})):
        pq.write_table(table.replace_schema_metadata({"dynascope": json.dumps(about | change)}), file)
    variables = {library.FOLDER_VARIABLE: str(folder), "DYNASCOPE_LESSONS": str(folder)}
    yield from served(f"import os; os.environ.update({variables!r})")


def clean(lab, said):
    """Whether something is said, as text, and nothing came of it."""
    assert lab.says(said)
    until(lambda: not lab.view.get_by_text("Starting…").count())
    assert not lab.ask(SEEN)


def test_the_gallery_shows_such_text(page):
    lab = page().open(f"/?{urlencode({'s': token(engine=EVIL)})}")
    clean(lab, "What this address names is not here")
    assert lab.says("svg onload=window.P=5", 5)  # the lesson's title
    assert lab.says("none of the choices", 5)


@pytest.mark.parametrize("theme", first_of(["light", "dark"]))
def test_a_link_that_quotes_it_is_refused_in_words(page, theme):
    bad = token(edits=[{"step": 3, "knob": "eta", "value": 0.1, "members": [EVIL]}])
    lab = page().open(f"/matrix_sensing?{urlencode({'s': bad, 'theme': theme})}").ready(1).pause()
    clean(lab, 'names the member "<script>window.P=5')
    if theme == "light":
        lab.type("α", EVIL)
        clean(lab, "is not a finite number")
        lab.view.get_by_text("Library: 2 stored runs").click()
        clean(lab, "its format is")


@pytest.mark.thorough
def test_a_link_that_holds_it_where_anything_goes_opens(page):
    view = {"speed": EVIL, "hide": [EVIL], "lesson": EVIL, "looks": {EVIL: [True, False], "loss": EVIL}, "pinned": EVIL}
    lab = page().open(f"/matrix_sensing?{urlencode({'s': token(preset=EVIL, view=view | {'pinned': ''})})}").ready(1)
    clean(lab, "there is no lesson")
    notes = [{"plot": "error", "channel": "relative_error", "member": 0, "step": 1, "text": EVIL[27:140]}]
    lab.open(f"/matrix_sensing?{urlencode({'s': token(view={'annotations': notes})})}").ready(1)
    until(lambda: lab.ask(WRITTEN))
    clean(lab, "run")
    lab.open(f"/matrix_sensing?{urlencode({'preset': EVIL, 'hide': EVIL, 'theme': EVIL})}").ready(1)
    clean(lab, "unknown preset")


def test_a_lesson_full_of_it_is_read_as_text(page):
    lab = page().open(f"/matrix_sensing?{urlencode({'lesson': NAME})}")
    clean(lab, "Choose, and it plays.")
    lab.view.get_by_role("button", name="b", exact=True).click()
    clean(lab, "Right. <script>")
