from dashboard.marks.theory import reasons

EVERY = {"α = 0.1", "α = 0.7", "α = 0.9", "k = 3"}


def test_a_reason_for_all_names_nobody():
    assert reasons({"noise": list(EVERY)}, EVERY) == "noise"


def test_a_reason_that_begins_with_the_member_does_not_repeat_it():
    assert reasons({"α = 0.7 is not small": ["α = 0.7"]}, EVERY) == "α = 0.7 is not small"


def test_a_reason_for_some_names_them_and_many_reasons_are_counted():
    assert reasons({"not small": ["α = 0.7", "α = 0.9"]}, EVERY) == "not small (α = 0.7, α = 0.9)"
    assert reasons({"a": ["k = 3"], "b": ["k = 3"], "c": ["k = 3"]}, EVERY) == "a (k = 3); b (k = 3); and 1 more"
