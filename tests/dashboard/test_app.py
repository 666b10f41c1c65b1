import panel as pn

from dashboard.app import home


def test_a_page_is_not_told_of_the_ticks_of_others():
    def told():
        return len(pn.state.param.watchers["busy"]["value"])

    before = told()
    home()
    assert told() == before
