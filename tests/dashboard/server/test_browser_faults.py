"""What a page sent and no widget could use is a line in the log; an error of anybody's code stays one."""

import logging

import panel as pn
import pytest
from panel.config import config

from dashboard.server import browser_faults


def error_of(act):
    """Return the error of a call without the frame of this test, as Panel catches it."""
    with pytest.raises(ValueError) as caught:
        act()
    return caught.value.with_traceback(caught.tb.tb_next.tb_next)


def of_a_widget():
    return error_of(lambda: pn.widgets.IntSlider().param.update(value="text"))


def of_a_callback(module):
    names = {"__name__": module}
    exec("def callback(event):\n    raise ValueError(event)", names)
    slider = pn.widgets.IntSlider()
    slider.param.watch(names["callback"], "value")
    return error_of(lambda: slider.param.update(value=1))


OTHERS = ("dashboard.app", "engines.core", "engines_x.pages", "bokeh_app_3f", "__main__", "panelists")


@pytest.mark.parametrize("module", OTHERS)
def test_only_what_no_callback_had_a_part_in_is_a_pages_fault(module):
    assert browser_faults.is_browser_fault(of_a_widget())
    assert not browser_faults.is_browser_fault(of_a_callback(module))


def test_errors_of_other_programs_go_where_they_went(monkeypatch, caplog):
    handled = []
    monkeypatch.setattr(config, "exception_handler", handled.append)
    browser_faults.install()
    browser_faults.install()
    error = of_a_callback("bokeh_app_3f")
    config.exception_handler(error)
    config.exception_handler(of_a_widget())
    assert handled == [error]
    assert [record.message for record in caplog.records] == ["what a page sent could not be used (ValueError)"]
    kept = logging.LogRecord("panel.reactive", logging.ERROR, "", 0, "", (), (ValueError, error, None))
    left_out = logging.LogRecord("panel.reactive", logging.ERROR, "", 0, "", (), (ValueError, of_a_widget(), None))
    assert [browser_faults.TRACEBACK_FILTER.filter(record) for record in (kept, left_out)] == [True, False]


def test_without_another_handler_an_error_is_raised(monkeypatch):
    monkeypatch.setattr(config, "exception_handler", None)
    browser_faults.install()
    with pytest.raises(ValueError):
        config.exception_handler(of_a_callback("bokeh_app_3f"))
