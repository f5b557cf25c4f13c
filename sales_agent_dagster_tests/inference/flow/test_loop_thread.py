from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from sales_agent_dagster.inference.flow.loop_thread import LoopThread


async def _here() -> tuple[int, int]:
    return id(asyncio.get_running_loop()), threading.get_ident()


async def _nothing() -> None: ...


def test_callers_in_different_loops_share_one_loop_in_one_thread() -> None:
    thread = LoopThread("engine")
    try:
        first, second = (asyncio.run(thread.run(_here())) for _ in range(2))
        assert first == second
        assert first[1] != threading.get_ident()
    finally:
        thread.close(_nothing)


def test_a_cancelled_caller_cancels_the_work() -> None:
    thread = LoopThread("engine")
    begun, cancelled = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def caller() -> None:
        call = asyncio.create_task(thread.run(work()))
        await asyncio.to_thread(begun.wait, 5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    asyncio.run(caller())
    assert cancelled.wait(5)
    thread.close(_nothing)


def test_closing_cancels_what_runs_then_does_the_last_work_and_joins() -> None:
    thread = LoopThread("engine")
    order: list[str] = []
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            order.append("cancelled")

    async def last() -> None:
        order.append("last")

    async def caller() -> None:
        call = asyncio.create_task(thread.run(work()))
        await asyncio.to_thread(begun.wait, 5)
        thread.close(last)
        with pytest.raises(asyncio.CancelledError):
            await call

    before = threading.active_count()
    asyncio.run(caller())
    assert order == ["cancelled", "last"]
    assert threading.active_count() <= before
    thread.close(last)
    assert order == ["cancelled", "last"]
    assert asyncio.run(thread.run(_here()))
    thread.close(_nothing)


def test_errors_come_back() -> None:
    thread = LoopThread("engine")

    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(thread.run(fail()))
    thread.close(_nothing)


def test_a_process_that_forgets_to_close_ends_all_the_same() -> None:
    program = (
        "import asyncio\n"
        "from sales_agent_dagster.inference.flow.loop_thread import LoopThread\n"
        "print(asyncio.run(LoopThread('x').run(asyncio.sleep(0, 'done'))))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("done\n", "", 0)


def test_the_thread_ends_also_when_the_last_work_fails() -> None:
    thread = LoopThread("engine")
    asyncio.run(thread.run(_nothing()))
    before = threading.active_count()

    async def fail() -> None:
        raise OSError("a connection that cannot be closed")

    with pytest.raises(OSError, match="cannot be closed"):
        thread.close(fail)
    assert threading.active_count() == before - 1


def test_work_that_is_waited_for_ends_beside_what_runs() -> None:
    thread = LoopThread("waited for")
    done: list[str] = []

    async def slow() -> None:
        await asyncio.sleep(0.01)
        done.append("slow")

    thread.wait_for(slow)  # nothing runs: nothing is begun
    assert done == []
    asyncio.run(thread.run(_nothing()))
    thread.wait_for(slow)
    assert done == ["slow"]
    thread.close(_nothing)
