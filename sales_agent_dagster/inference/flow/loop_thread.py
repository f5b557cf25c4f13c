"""One event loop in a thread of its own: what lives in it outlasts the loops of its callers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

JOIN_S = 10.0


class LoopThread:
    """Runs coroutines for callers in any loop; started by the first of them.

    The thread is a daemon: a process that forgets to close it still ends.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """The result of ``work``, run in the thread. A caller that is cancelled cancels it."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._started()))

    def result(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """The same for a caller that blocks; never from the thread itself."""
        return asyncio.run_coroutine_threadsafe(work, self._started()).result()

    def begin(self, start: Callable[[], object]) -> None:
        """Call ``start`` in the loop, where it may make tasks."""
        self._started().call_soon_threadsafe(start)

    def wait_for(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``work`` in the thread to its end beside what runs there; does nothing when none runs."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            asyncio.run_coroutine_threadsafe(work(), loop).result()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancel what still runs, run ``last``, stop and join the thread; does nothing when none runs.

        Usable again after.
        """
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(_wind_up(last), loop).result(JOIN_S)
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(JOIN_S)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name=self._name, daemon=True
                )
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _wind_up(last: Callable[[], Coroutine[Any, Any, None]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await last()
