from functools import partial

import bokeh.models
import pytest
from panel.custom import JSComponent

import dashboard.page.lab  # noqa: F401  so that all components are there
from dashboard.ui.component import Component


def ours(kind=JSComponent):
    for each in kind.__subclasses__():
        if each.__module__.startswith("dashboard."):
            yield each
            yield from ours(each)


@pytest.mark.parametrize("kind", [kind for kind in ours() if kind is not Component], ids=lambda kind: kind.__name__)
def test_messages_of_every_component_wait_for_the_lock_of_their_document(kind):
    """As Panel asks before it schedules them; without the mark they disturb a tick that is being sent."""
    assert issubclass(kind, Component)
    scheduled = partial(kind._event_coroutine, None, None)
    assert scheduled.func.lock is True
    assert not getattr(JSComponent._event_coroutine, "lock", False)


@pytest.mark.parametrize("kind", list(ours()), ids=lambda kind: kind.__name__)
def test_no_component_has_the_name_of_a_model_of_bokeh(kind):
    """Browsers know models by their names: one of the two would be taken for the other."""
    assert not hasattr(bokeh.models, kind.__name__)
