"""Every page is complete without any other host. `Page` refuses requests to others, and notes them as complaints."""

import pytest

from engines import names
from tests.browser.conftest import until

DRAWN = """() => {
  const inside = (e) => e.shadowRoot ? [e, ...deep(e.shadowRoot)] : [e];
  const deep = (root) => [...root.querySelectorAll("*")].flatMap(inside);
  const coloured = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size > 2;
  };
  return deep(document).some((e) => e.matches("canvas") && e.width > 300 && coloured(e));
}"""
FONTS = """async () => {
  await document.fonts.ready;
  return [...document.fonts].map((face) => face.status);
}"""


def has_its_fonts(page):
    found = page.ask(FONTS)
    return "loaded" in found and "error" not in found


def test_a_request_to_another_host_is_refused_and_noted(page):
    refused = page()  # an empty one, without a policy that would refuse it before
    script = "() => fetch('http://127.0.0.1:9/x', { mode: 'no-cors' }).then(() => 'fetched', () => 'refused')"
    assert refused.ask(script) == "refused"
    until(lambda: [complaint.split(":")[0] for complaint in refused.complaints] == ["request", "console"])
    assert refused.complaints[0] == "request: http://127.0.0.1:9/x"
    refused.complaints.clear()


def test_the_gallery_has_its_fonts(page):
    gallery = page().open("/")
    until(lambda: gallery.view.locator("a.lab").count() == len(names()))
    until(lambda: has_its_fonts(gallery))


@pytest.mark.thorough
@pytest.mark.parametrize("name", names())
def test_a_lab_is_drawn_with_its_fonts(page, name):
    lab = page().open(f"/{name}")
    until(lambda: lab.ask(DRAWN), 60)
    until(lambda: has_its_fonts(lab))
