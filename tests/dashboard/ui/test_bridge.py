from dashboard.ui.bridge import IN_FLIGHT, LOST, LOST_HIDDEN, WATCHDOG, Bridge
from engines.core.live.limits import LIMITS


def answered(**options):
    """The bridge of a page that is there."""
    bridge = Bridge(**options)
    bridge.receive({"ack": 0})
    return bridge


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_at_most_two_updates_are_on_their_way():
    bridge = answered(clock=Clock())
    for _ in range(IN_FLIGHT):
        assert bridge.ready()
        bridge.count_update()
    assert not bridge.ready()
    bridge.receive({"ack": 1})
    assert bridge.ready()


def test_a_lost_answer_is_given_up_after_a_while():
    clock = Clock()
    bridge = answered(clock=clock)
    for _ in range(IN_FLIGHT):
        bridge.count_update()
    clock.now = WATCHDOG + 0.1
    assert bridge.ready()
    bridge.count_update()
    assert bridge.tick - bridge.ack == 1


def test_a_hidden_page_is_sent_nothing():
    heard = []
    bridge = answered(clock=Clock())
    bridge.listen(lambda key, big: None, heard.append)
    bridge.receive({"hidden": True})
    bridge.receive({"hidden": True})
    assert not bridge.ready()
    bridge.receive({"hidden": False})
    assert bridge.ready()
    assert heard == [True, False]


def test_nothing_is_sent_before_the_page_answers():
    bridge = Bridge(clock=Clock())
    assert not bridge.ready()
    bridge.receive({"hidden": False})
    assert bridge.ready()
    bridge.count_update()
    bridge.await_page()
    assert not bridge.ready()
    bridge.receive({"ack": 0})
    assert bridge.ready()


def test_a_page_in_sight_gives_signs_and_a_hidden_one_gives_none():
    signs = []
    bridge = Bridge(clock=Clock())
    bridge.listen(lambda key, big: None, lambda hidden: None, lambda: signs.append(1))
    for message in ({"ack": 0}, {"hidden": False}, {"hidden": True}, {"ack": 0}, {"hidden": True, "gone": True}):
        bridge.receive(message)
    assert len(signs) == 2


def test_a_page_is_lost_after_some_silence_and_at_once_where_it_says_so():
    clock = Clock()
    bridge = Bridge(clock=clock)
    clock.now = LOST + 1
    assert not bridge.lost()  # it has not been there yet
    bridge.receive({"hidden": False})
    clock.now += LOST - 1
    assert not bridge.lost()
    clock.now += 2
    assert bridge.lost()
    bridge.receive({"hidden": True})
    clock.now += LOST + 1
    assert not bridge.lost()
    clock.now += LOST_HIDDEN
    assert bridge.lost()
    bridge.receive({"hidden": False})
    assert not bridge.lost()
    bridge.receive({"hidden": True, "gone": True})
    assert bridge.lost()


def test_a_page_that_nobody_touches_rests_and_wakes_at_a_touch(monkeypatch):
    monkeypatch.setattr(LIMITS, "idle", 60.0)
    signs, bridge = [], Bridge()
    bridge.listen(lambda name, big: None, lambda hidden: None, lambda: signs.append(1))
    for idle, rests, count in ((0, False, 1), (60, False, 2), (61, True, 2), (3600, True, 2), (0, False, 3)):
        bridge.receive({"hidden": False, "idle": idle})
        assert (bridge.idle, len(signs)) == (rests, count)
    monkeypatch.setattr(LIMITS, "idle", 0.0)
    bridge.receive({"hidden": False, "idle": 10**6})
    assert not bridge.idle
