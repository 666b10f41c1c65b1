import threading
import time

import pytest

from engines.core.live.scheduler import LONG, SLICE, Scheduler, shared

TIMEOUT = 60


class Worker:
    """Works `turns` times, then rests; notes its turns in a log that it shares with others."""

    def __init__(self, log, name, turns, first=None):
        self.log, self.name, self.turns, self.first = log, name, turns, first
        self.done = threading.Event()

    def work(self, seconds):
        if self.first and not self.log:
            assert self.first.wait(TIMEOUT)
        self.log.append(self.name)
        self.turns -= 1
        if self.turns == 0:
            self.done.set()
            return None
        return time.monotonic()


def test_two_workers_take_turns():
    log, ready, scheduler = [], threading.Event(), Scheduler()
    one, two = Worker(log, "one", 5, ready), Worker(log, "two", 5)
    scheduler.request(one)
    scheduler.request(two)
    ready.set()
    assert one.done.wait(TIMEOUT)
    assert two.done.wait(TIMEOUT)
    assert log == ["one", "two"] * 5


def test_a_busy_worker_does_not_starve_one_that_comes_later():
    log, scheduler = [], Scheduler()
    endless, late = Worker(log, "endless", -1), Worker(log, "late", 3)
    scheduler.request(endless)
    scheduler.request(late)
    assert late.done.wait(TIMEOUT)
    first = log.index("late")
    assert log[first : first + 5] == ["late", "endless", "late", "endless", "late"]
    endless.turns = 1
    assert endless.done.wait(TIMEOUT)


@pytest.mark.parametrize("seconds", [0.002, 0.02])
def test_who_takes_short_turns_gets_as_much_of_the_processor(seconds):
    scheduler, spent, over = Scheduler(), {"short": 0.0, "usual": 0.0}, threading.Event()

    class Busy:
        def __init__(self, name, seconds):
            self.name, self.seconds = name, seconds

        def work(self, slice):
            begun = time.thread_time()
            while time.thread_time() - begun < self.seconds:
                pass
            spent[self.name] += time.thread_time() - begun
            return None if over.is_set() else time.monotonic()

    workers = [Busy("short", seconds), Busy("usual", 0.03)]
    for worker in workers:
        scheduler.request(worker)
    deadline = time.monotonic() + TIMEOUT
    while sum(spent.values()) < 1.0 and time.monotonic() < deadline:
        time.sleep(0.02)
    over.set()
    scheduler.stop()
    assert sum(spent.values()) >= 1.0
    assert spent["short"] == pytest.approx(spent["usual"], rel=0.2)


def test_who_rested_has_no_claim_to_the_time_before():
    scheduler, log = Scheduler(), []

    class Busy(Worker):
        def work(self, seconds):
            begun = time.thread_time()
            while time.thread_time() - begun < 0.01:
                pass
            return super().work(seconds)

    first, rested = Busy(log, "first", 30), Busy(log, "rested", 10)
    scheduler.request(first)
    deadline = time.monotonic() + TIMEOUT
    while log.count("first") < 20:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    scheduler.request(rested)
    assert rested.done.wait(TIMEOUT)
    assert first.done.wait(TIMEOUT)
    begun = log.index("rested")
    assert 3 <= log[begun : begun + 10].count("first") <= 7


def test_a_worker_is_told_how_long_its_slice_is():
    given, done, scheduler = [], threading.Event(), Scheduler()

    class Listener:
        def work(self, seconds):
            given.append(seconds)
            done.set()

    scheduler.request(Listener())
    assert done.wait(TIMEOUT)
    assert given == [SLICE]


def test_a_worker_that_was_set_apart_is_called_again_at_its_time():
    """Nobody asks for it meanwhile: a run would stand still until its reader did something."""
    turns, again, scheduler = [], threading.Event(), Scheduler()

    class Late:
        def work(self, seconds):
            turns.append(seconds)
            if len(turns) == 1:
                time.sleep(2 * LONG)
                return time.monotonic() + 0.05
            again.set()

    scheduler.request(Late())
    assert again.wait(10)


def test_asking_for_a_worker_again_while_it_works_gives_it_another_turn():
    entered, leave, again, scheduler = threading.Event(), threading.Event(), threading.Event(), Scheduler()

    class Slow:
        def work(self, seconds):
            if entered.is_set():
                again.set()
            entered.set()
            leave.wait(TIMEOUT)

    slow = Slow()
    scheduler.request(slow)
    assert entered.wait(TIMEOUT)
    scheduler.request(slow)
    leave.set()
    assert again.wait(TIMEOUT)


def test_a_worker_that_waits_for_its_time_lets_others_work_and_comes_back():
    log, scheduler, back = [], Scheduler(), threading.Event()

    class Paced:
        def work(self, seconds):
            log.append("paced")
            if log.count("paced") == 3:
                back.set()
                return None
            return time.monotonic() + 0.01

    scheduler.request(Paced())
    other = Worker(log, "other", 1)
    scheduler.request(other)
    assert other.done.wait(TIMEOUT)
    assert back.wait(TIMEOUT)
    assert log.index("other") < len(log) - 1


def test_asking_for_a_waiting_worker_makes_it_ready_at_once():
    turns, scheduler = [threading.Event(), threading.Event()], Scheduler()

    class Patient:
        count = 0

        def work(self, seconds):
            turns[self.count].set()
            self.count += 1
            return time.monotonic() + 10_000 if self.count == 1 else None

    patient = Patient()
    scheduler.request(patient)
    assert turns[0].wait(TIMEOUT)
    scheduler.request(patient)
    assert turns[1].wait(TIMEOUT)


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_worker_that_raises_leaves_the_round_and_the_thread_survives(caplog, kind):
    scheduler = Scheduler()

    class Broken:
        def work(self, seconds):
            raise kind("broken worker")

    scheduler.request(Broken())
    other = Worker([], "other", 1)
    scheduler.request(other)
    assert other.done.wait(TIMEOUT)
    assert "broken worker" in caplog.text


def test_one_worker_is_never_served_by_two_threads_at_once():
    scheduler, inside, clashes, done = Scheduler(threads=2), threading.Lock(), [], threading.Event()

    class Exclusive:
        left = 200

        def work(self, seconds):
            if not inside.acquire(blocking=False):
                clashes.append(self.left)
                return None
            self.left -= 1
            if self.left:  # else it would be served for ever, behind the back of all later tests
                scheduler.request(self)
            inside.release()
            if not self.left:
                done.set()
                return None
            return time.monotonic()

    worker = Exclusive()
    scheduler.request(worker)
    assert done.wait(TIMEOUT)
    assert clashes == []


def test_a_scheduler_that_stops_lets_the_turn_end_and_begins_no_other():
    entered, leave, log, scheduler = threading.Event(), threading.Event(), [], Scheduler()
    before = threading.active_count()

    class Slow:
        def work(self, seconds):
            entered.set()
            assert leave.wait(TIMEOUT)
            log.append("ended")
            return time.monotonic()

    scheduler.request(Slow())
    assert entered.wait(TIMEOUT)
    threading.Timer(0.05, leave.set).start()
    scheduler.stop()
    assert log == ["ended"]
    scheduler.request(Slow())
    assert threading.active_count() <= before


def test_a_process_may_end_while_it_computes(fresh_python):
    """Without `stop` at its end this one aborts: it ends while a thread is inside torch."""
    code = (
        "import threading, time, torch\n"
        "from engines.core.live.scheduler import shared\n"
        "begun = threading.Event()\n"
        "class Worker:\n"
        "    def work(self, seconds):\n"
        "        begun.set()\n"
        "        a = torch.ones(300, 300)\n"
        "        for _ in range(200): a = (a @ a).clamp(max=1)\n"
        "        return 0.0\n"
        "shared().request(Worker())\n"
        "begun.wait()"
    )
    assert fresh_python("-c", code, check=False).returncode == 0


def test_an_idle_scheduler_has_no_thread_and_nothing_active():
    before = threading.active_count()
    scheduler = Scheduler()
    assert threading.active_count() == before
    assert scheduler.active() == 0


@pytest.mark.parametrize("attempt", range(2))
def test_the_process_has_one_shared_scheduler(attempt):
    assert shared() is shared()


class Endless:
    """Takes turns of so many seconds until it is told to end; notes when each began."""

    def __init__(self, seconds):
        self.seconds, self.begun, self.on = seconds, [], True

    def work(self, seconds):
        self.begun.append(time.monotonic())
        time.sleep(self.seconds)
        return time.monotonic() if self.on else None

    def rate(self, seconds):
        before = len(self.begun)
        time.sleep(seconds)
        return (len(self.begun) - before) / seconds


@pytest.fixture
def endless():
    """Make workers that end with the test."""
    made = []

    def make(*seconds):
        made.extend(map(Endless, seconds))
        return made[-len(seconds) :]

    yield make
    for worker in made:
        worker.on = False


def test_turns_that_last_seconds_leave_a_healthy_worker_most_of_its_rate(endless):
    scheduler = Scheduler()
    healthy, *slow = endless(0.005, 3.0, 3.0, 3.0)
    scheduler.request(healthy)
    alone = healthy.rate(1)
    for worker in slow:
        scheduler.request(worker)
    assert healthy.rate(6) > 0.5 * alone
    assert all(worker.begun for worker in slow)


def test_no_more_threads_are_started_than_may_be_set_apart(endless):
    before = threading.active_count()
    scheduler = Scheduler(most_apart=2)
    healthy, *slow = endless(0.005, *(2.5,) * 6)
    scheduler.request(healthy)
    time.sleep(0.2)
    for worker in slow:
        scheduler.request(worker)
    time.sleep(1)
    most = threading.active_count() - before
    rate = healthy.rate(2)
    assert most <= 1 + 2 + 1 + 1  # the round, two set apart, the lane beside it, the watcher
    assert rate > 20
    for worker in (healthy, *slow):
        worker.on = False
    deadline = time.monotonic() + TIMEOUT
    while scheduler.active() or threading.active_count() - before > 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_who_takes_more_than_a_slice_passes_turns_until_it_is_even():
    scheduler = Scheduler()

    class Greedy:
        spent, share, on = 0.0, 1.0, True

        def __init__(self, slices):
            self.slices = slices

        def work(self, seconds):
            begun = time.thread_time()
            while (now := time.thread_time()) - begun < self.slices * SLICE:
                pass
            self.spent += now - begun
            return time.monotonic() if self.on else None

    greedy, modest = Greedy(4), Greedy(1)
    scheduler.request(greedy)
    scheduler.request(modest)
    deadline = time.monotonic() + TIMEOUT
    while greedy.spent + modest.spent < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    greedy.on = modest.on = False
    assert greedy.spent / modest.spent < 2  # 4 with turns alone
