"""The circuit breaker of a host: one caller at a time while it is down, others soon after."""

from windlass.engine.hosts import AT_A_TIME, CAP_S, FAILING, FIRST_S, Hosts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fail(hosts: Hosts, caller: int) -> None:
    assert hosts.wait_s("h", 9) == 0
    hosts.done("h", caller, answered=False)


def down(clock: Clock) -> Hosts:
    hosts = Hosts(clock, spread=lambda: 0.5)
    for caller in range(FAILING):
        fail(hosts, caller)
    return hosts


def test_a_host_that_failed_for_several_is_asked_by_one_at_a_time() -> None:
    clock = Clock()
    hosts = down(clock)
    waited = hosts.wait_s("h", 9)
    clock.now = 2.1

    assert hosts.is_down("h")
    assert waited == 3
    assert [hosts.wait_s("h", 9) == 0 for _ in range(3)] == [True, False, False]
    assert hosts.wait_s("other", 9) == 0


def test_one_repository_that_fails_again_and_again_says_nothing_of_its_host() -> None:
    hosts = Hosts(Clock())
    for _ in range(20):
        fail(hosts, 1)

    assert not hosts.is_down("h")


def test_tries_come_later_and_later_up_to_a_minute() -> None:
    clock = Clock()
    hosts = down(clock)
    waits = []
    for _ in range(8):
        waits.append(hosts.wait_s("h", 9) / 1.5)
        clock.now += 100
        fail(hosts, 1)

    assert [round(wait) for wait in waits] == [2, 4, 8, 16, 32, 60, 60, 60]
    assert waits[-1] <= CAP_S


def test_an_answer_lets_everybody_ask_again() -> None:
    clock = Clock()
    hosts = down(clock)
    clock.now = 10
    assert hosts.wait_s("h", 9) == 0
    hosts.done("h", 1, answered=True)

    assert [hosts.wait_s("h", 9) for _ in range(AT_A_TIME)] == [0] * AT_A_TIME
    assert hosts.wait_s("h", 9) == 1


def test_a_host_that_is_slow_keeps_a_few_callers_busy_and_no_more() -> None:
    hosts = Hosts(Clock(), spread=lambda: 0.5)

    waits = [hosts.wait_s("h", 9) for _ in range(AT_A_TIME + 2)]

    assert waits == [0] * AT_A_TIME + [1, 1]
    hosts.done("h", 1, answered=True)
    assert hosts.wait_s("h", 9) == 0


def test_polls_that_ran_together_when_the_host_went_away_count_as_one_try() -> None:
    clock = Clock()
    hosts = Hosts(clock, spread=lambda: 0.5)
    for caller in range(AT_A_TIME):
        assert hosts.wait_s("h", caller) == 0
    for caller in range(AT_A_TIME):
        hosts.done("h", caller, answered=False)

    assert hosts.wait_s("h", 9) == FIRST_S * 1.5


def test_who_waited_is_named_when_the_host_is_back() -> None:
    clock = Clock()
    hosts = down(clock)
    for caller in (7, 8, 9):
        assert hosts.wait_s("h", caller) > 0
    clock.now = 10
    assert hosts.wait_s("h", 7) == 0

    assert hosts.done("h", 7, answered=True) == {8, 9}
    assert hosts.done("h", 7, answered=True) == frozenset()
