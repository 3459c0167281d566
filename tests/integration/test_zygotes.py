"""The process that imports, seen from outside: whatever it does, nobody waits for ever.

In its place stands a script that speaks its protocol and misbehaves.
"""

import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from windlass.sandbox.zygotes import Ended, Zygote, ZygoteDied, ZygoteRefused

LIMIT_S = 120.0
PIPE_BYTES = 1 << 20  # what no pipe holds
PRELUDE = """
import json, struct, sys, time
def read():
    header = sys.stdin.buffer.read(4)
    return json.loads(sys.stdin.buffer.read(*struct.unpack(">I", header))) if header else None
def write(content):
    sys.stdout.buffer.write(struct.pack(">I", len(content)) + content)
    sys.stdout.buffer.flush()
def hello():
    read()
    write(json.dumps({"tier": "none", "missing": {}}).encode())
def answer(request, content=b""):
    header = {"number": request["number"], "code": 0, "why": "", "memory_kb": 1}
    write(json.dumps(header).encode())
    write(content)
"""
Start = Callable[..., Zygote]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that does what a script says, as `Zygote` would one that imports."""
    started = []

    def with_script(script: str, grace_s: float = 0.0) -> Zygote:
        place = tmp_path / "python"
        place.write_text(f"#!{sys.executable} -I\n{PRELUDE}{textwrap.dedent(script)}")
        place.chmod(0o700)
        started.append(Zygote(place, {}, grace_s=grace_s))
        return started[-1]

    yield with_script
    for one in started:
        one.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def request(limit_s: float = 0.1, size: int = 0) -> dict[str, object]:
    return {"limit_s": limit_s, "padding": "x" * size}


def end_of(asked: "Future[Ended]") -> str:
    try:
        asked.result(timeout=LIMIT_S)
    except ZygoteDied:
        return "died"
    return "answered"


def test_a_process_that_stops_reading_makes_nobody_wait_for_ever(
    start: Start, pool: ThreadPoolExecutor
) -> None:
    deaf = start("hello()\ntime.sleep(600)")

    asked = [pool.submit(deaf.ask, request(size=size)) for size in (PIPE_BYTES, PIPE_BYTES, 0)]

    assert [end_of(one) for one in asked] == ["died", "died", "died"]
    assert deaf.is_over


def test_large_requests_and_large_answers_pass_each_other(
    start: Start, pool: ThreadPoolExecutor
) -> None:
    """It reads nothing while it writes, as the real one."""
    script = f"hello()\nwhile (one := read()): answer(one, bytes({PIPE_BYTES}))"
    busy = start(script, LIMIT_S)

    asked = [pool.submit(busy.ask, request(size=PIPE_BYTES)) for _ in range(12)]

    assert [one.result(timeout=LIMIT_S) for one in asked] == [
        Ended(0, "", 1, bytes(PIPE_BYTES)) for _ in range(12)
    ]


def test_a_process_that_ends_in_the_middle_of_a_giant_request_is_told_at_once(
    start: Start, pool: ThreadPoolExecutor
) -> None:
    brief = start("hello()\nsys.stdin.buffer.read(100)", LIMIT_S)

    asked = pool.submit(brief.ask, request(size=64 * PIPE_BYTES))

    assert end_of(asked) == "died"
    with pytest.raises(ZygoteDied):
        brief.ask(request())


def test_one_that_is_closed_lets_go_of_whoever_waits(
    start: Start, pool: ThreadPoolExecutor
) -> None:
    quiet = start("hello()\nread()\nread()\ntime.sleep(600)", LIMIT_S)
    asked = [pool.submit(quiet.ask, request(600, size)) for size in (0, PIPE_BYTES)]
    while not any(one.running() for one in asked):
        time.sleep(0.001)

    quiet.close()

    assert [end_of(one) for one in asked] == ["died", "died"]


def test_an_answer_that_nobody_asked_for_ends_it(start: Start, pool: ThreadPoolExecutor) -> None:
    liar = start("hello()\nread()\nanswer({'number': 99})\ntime.sleep(600)", LIMIT_S)

    assert end_of(pool.submit(liar.ask, request(600))) == "died"


@pytest.mark.parametrize("script", ["", "read()", "write(b'none')", "write(bytes(200_000))"])
def test_one_that_does_not_say_hello_is_refused(start: Start, script: str) -> None:
    with pytest.raises(ZygoteRefused) as refused:
        start(script)

    assert str(refused.value) == "it ended, or took too long, before it was ready"


def test_a_request_and_its_answer_belong_together(start: Start, pool: ThreadPoolExecutor) -> None:
    script = """
    hello()
    first, second = read(), read()
    answer(second, second["padding"].encode())
    answer(first, first["padding"].encode())
    """
    slow = start(script, LIMIT_S)

    asked = [pool.submit(slow.ask, request(size=size)) for size in (1, 2)]

    assert [len(one.result(timeout=LIMIT_S).content) for one in asked] == [1, 2]
