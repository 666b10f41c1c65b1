"""A lesson as a reader takes it."""

from tests.browser.conftest import until


def test_a_lesson_asks_first_then_plays_and_its_step_goes_with_a_link(page):
    lab = page().open("/")
    lab.view.get_by_role("link", name="The price of width").click()
    lab.ready(1)
    next_ = lab.view.get_by_role("button", name="Next", exact=True)
    assert next_.is_disabled()
    assert lab.theory() == []
    assert not lab.view.get_by_text("Symmetric bends and crawls").filter(visible=True).count()
    assert lab.steps() == [0]

    lab.view.get_by_role("button", name="two factors", exact=True).click()
    assert lab.says("You said: two factors. Its error bends")
    until(lambda: lab.steps()[-1] > 10 and lab.theory())
    next_.click()
    assert lab.says("A straight line is a promise")
    lab.view.get_by_role("button", name="Back", exact=True).click()
    assert lab.says("You said: two factors.")
    next_.click()
    assert lab.says("A straight line is a promise")
    next_.click()
    assert lab.says("Take the width away")
    until(lambda: lab.steps() == [0])

    there = page().open(lab.link()).ready(1)
    assert there.says("Take the width away")
    assert there.names() == lab.names()
