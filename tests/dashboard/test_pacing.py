from dashboard.pacing import IN_FLIGHT, WATCHDOG, Bridge


def answered(**options):
    """The bridge of a page that is there."""
    bridge = Bridge(**options)
    bridge._handle_msg({"ack": 0})
    return bridge


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_at_most_two_batches_are_on_their_way():
    bridge = answered(clock=Clock())
    for _ in range(IN_FLIGHT):
        assert bridge.ready()
        bridge.sent()
    assert not bridge.ready()
    bridge._handle_msg({"ack": 1})
    assert bridge.ready()


def test_a_lost_answer_is_given_up_after_a_while():
    clock = Clock()
    bridge = answered(clock=clock)
    for _ in range(IN_FLIGHT):
        bridge.sent()
    clock.now = WATCHDOG + 0.1
    assert bridge.ready()
    bridge.sent()
    assert bridge.tick - bridge.ack == 1


def test_a_hidden_page_is_sent_nothing():
    heard = []
    bridge = answered(clock=Clock())
    bridge.listen(lambda key, big: None, heard.append)
    bridge._handle_msg({"hidden": True})
    bridge._handle_msg({"hidden": True})
    assert not bridge.ready()
    bridge._handle_msg({"hidden": False})
    assert bridge.ready()
    assert heard == [True, False]


def test_nothing_is_sent_before_the_page_answers():
    bridge = Bridge(clock=Clock())
    assert not bridge.ready()
    bridge._handle_msg({"hidden": False})
    assert bridge.ready()
    bridge.sent()
    bridge.away()
    assert not bridge.ready()
    bridge._handle_msg({"ack": 0})
    assert bridge.ready()
