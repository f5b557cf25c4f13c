"""What a naive client does, for comparison: the SDK's defaults, one agent object per lead, a semaphore.

Every lead gets a client of its own, with the SDK's own transport, warm-up and retries, and a graph of its own
with one node. The answer is parsed as JSON; nothing is checked, limited, recorded or replayed.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, TypedDict

from benchmarks.inference_worker import Figures, made_up_payloads, question


class _State(TypedDict, total=False):
    lead: dict[str, Any]
    answer: dict[str, Any]


class NaiveAgent:
    """Asks the model about one lead."""

    def __init__(self, url: str) -> None:
        from cerebras.cloud.sdk import AsyncCerebras
        from langgraph.graph import END, START, StateGraph

        self.client = AsyncCerebras(api_key="none", base_url=url)
        builder = StateGraph(_State)
        builder.add_node("qualify", self.qualify)
        builder.add_edge(START, "qualify")
        builder.add_edge("qualify", END)
        self.graph: Any = builder.compile()

    async def qualify(self, state: _State) -> _State:
        """The graph's only node."""
        system, schema = question()
        response: Any = await self.client.chat.completions.create(
            model="gpt-oss-120b",
            messages=[
                {"role": "system", "content": system},
                {"role": "user", "content": json.dumps(state["lead"])},
            ],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "judgement", "strict": True, "schema": dict(schema)},
            },
        )
        return {"answer": json.loads(response.choices[0].message.content)}

    async def run(self, lead: dict[str, Any]) -> dict[str, Any]:
        """The graph once; the client is closed after it."""
        result: dict[str, Any] = await self.graph.ainvoke({"lead": lead})
        await self.client.close()
        return result["answer"]


def naive(url: str, leads: int, at_once: int) -> Figures:
    """One question about each lead, at most ``at_once`` in flight."""
    gate = asyncio.Semaphore(at_once)
    latencies: list[float] = []
    failed = 0

    async def one(lead: dict[str, Any]) -> None:
        nonlocal failed
        async with gate:
            began = time.perf_counter()
            try:
                await NaiveAgent(url).run(lead)
            except Exception:  # noqa: BLE001 - counted, whatever it is
                failed += 1
            latencies.append((time.perf_counter() - began) * 1000)

    async def all_of_them() -> tuple[float, float]:
        payloads = made_up_payloads(leads + 5)
        await asyncio.gather(*(one(lead) for lead in payloads[leads:]))
        latencies.clear()
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(one(lead) for lead in payloads[:leads]))
        return time.perf_counter() - began, time.process_time() - cpu

    seconds, cpu = asyncio.run(all_of_them())
    return {"seconds": seconds, "cpu": cpu, "latencies": latencies, "failed": failed}
