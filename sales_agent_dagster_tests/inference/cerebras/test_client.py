import asyncio
import subprocess
import sys
import threading

import pytest
from pydantic import SecretStr

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.cerebras.client import CerebrasClient, check_models
from sales_agent_dagster.inference.cerebras.connections import shared_sdk
from sales_agent_dagster.inference.cerebras.endpoint import Endpoint
from sales_agent_dagster.inference.cerebras.errors import ProviderDown, Rejected
from sales_agent_dagster.settings import CerebrasSettings, load_settings
from sales_agent_dagster_tests.cerebras_server import Fault as Scripted
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.cerebras.questions import MODEL, Opinion, answer, client_of, request


async def complete_all(client: CerebrasClient, count: int) -> None:
    asked = [request({"company_name": f"Example {number}"}) for number in range(count)]
    await asyncio.gather(*(client.complete(one, 10) for one in asked))


def test_a_completion_has_usage_times_and_limits(cerebras: RunningServer) -> None:
    cerebras.reset(latency_ms=200, virtual=True, tokens_minute=60_000)
    asked = request({"notes": "x" * 3000})

    async def twice() -> list[object]:
        client = client_of(cerebras)
        return [await client.complete(asked, 10) for _ in range(2)]

    first, second = asyncio.run(twice())
    assert (first.queue_ms, first.prompt_ms, first.completion_ms) == pytest.approx((10, 30, 160))
    assert (first.model, first.finish_reason, first.usage_estimated) == (MODEL, "stop", False)
    assert first.limits.limit_tokens_minute == 60_000
    assert first.usage.cached == 0 < second.usage.cached < second.usage.prompt
    stats = cerebras.stats
    assert first.usage + second.usage == Usage(
        stats.prompt_tokens, stats.cached_tokens, stats.completion_tokens, stats.reasoning_tokens
    )
    assert stats.duplicate_bills == 1


def test_connections_are_shared_bounded_and_never_warmed(cerebras: RunningServer) -> None:
    cerebras.reset(latency_ms=20)
    asyncio.run(complete_all(client_of(cerebras, connections=3), 12))
    assert cerebras.stats.billed == 12
    assert cerebras.stats.connections == 3
    assert cerebras.stats.most_in_flight <= 3
    assert cerebras.stats.warmings == 0


def test_clients_of_one_loop_share_one_sdk_client(cerebras: RunningServer) -> None:
    async def sdks() -> bool:
        endpoint = client_of(cerebras).endpoint
        first, second = await asyncio.gather(shared_sdk(endpoint, 8), shared_sdk(endpoint, 8))
        return first is second and await shared_sdk(endpoint, 9) is not first

    assert asyncio.run(sdks())


def test_a_client_works_in_loop_after_loop_and_in_several_at_once(cerebras: RunningServer) -> None:
    client = client_of(cerebras)
    threads = [threading.Thread(target=asyncio.run, args=(complete_all(client, 4),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(complete_all(client, 4))
    assert cerebras.stats.billed == 16


def test_a_closed_client_opens_again(cerebras: RunningServer) -> None:
    async def course() -> None:
        client = client_of(cerebras)
        await client.close()
        await complete_all(client, 1)
        await client.close()
        await complete_all(client, 1)

    asyncio.run(course())
    assert cerebras.stats.connections == 2


def test_a_cancelled_call_frees_its_connection(cerebras: RunningServer) -> None:
    cerebras.script(Scripted("hang", seconds=20))

    async def course() -> Opinion:
        client = client_of(cerebras, connections=1)
        hanging = asyncio.create_task(client.complete(request(), 10))
        while not cerebras.stats.faults:
            await asyncio.sleep(0.005)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        return await answer(client, request(), Opinion)

    assert isinstance(asyncio.run(course()), Opinion)


LEFT_OPEN = """
import asyncio, sys, threading
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.cerebras.questions import client_of, request

class Server:
    url = sys.argv[1]

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
asyncio.run_coroutine_threadsafe(client_of(Server).complete(request(), 10), loop).result()
print("done")
"""


def test_a_process_that_ends_without_closing_says_nothing(cerebras: RunningServer) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", LEFT_OPEN, cerebras.url], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_models_are_listed(cerebras: RunningServer) -> None:
    cerebras.reset(models=("one", "two"))
    assert asyncio.run(client_of(cerebras).models()) == ["one", "two"]


def chosen(model: str, *fallbacks: str) -> object:
    return load_settings(_env_file=None, cerebras=CerebrasSettings(model=model, fallback_models=fallbacks))


def test_models_that_are_offered_pass(cerebras: RunningServer) -> None:
    asyncio.run(check_models(client_of(cerebras), chosen("gpt-oss-120b", "qwen-3.8-27b")))
    assert cerebras.stats.model_lists == 1


def test_a_model_that_is_not_offered_is_named_with_what_is(cerebras: RunningServer) -> None:
    with pytest.raises(ConfigurationError) as error:
        asyncio.run(check_models(client_of(cerebras), chosen("gpt-oss-20b", "gpt-oss-120b", "zzz")))
    assert str(error.value).splitlines() == [
        f"127.0.0.1:{cerebras.port} does not offer every model asked for:",
        "  SALES_AGENT_CEREBRAS__MODEL names 'gpt-oss-20b'; did you mean gpt-oss-120b?",
        "  SALES_AGENT_CEREBRAS__FALLBACK_MODELS names 'zzz'.",
        "It offers gpt-oss-120b, llama-4-scout, qwen-3.8-27b.",
    ]


def test_a_server_that_offers_nothing(cerebras: RunningServer) -> None:
    cerebras.reset(models=())
    with pytest.raises(ConfigurationError, match=r"It offers no model\."):
        asyncio.run(check_models(client_of(cerebras), chosen("gpt-oss-120b")))


def test_a_wrong_key_is_told_at_the_first_question(cerebras: RunningServer) -> None:
    cerebras.reset(api_key="right")
    with pytest.raises(Rejected, match="set CEREBRAS_API_KEY") as error:
        asyncio.run(client_of(cerebras, key="wrong").models())
    assert error.value.status == 401
    assert asyncio.run(client_of(cerebras, key="right").models())


def test_a_wrong_base_url_is_told_at_the_first_question(cerebras: RunningServer) -> None:
    client = CerebrasClient(Endpoint(f"{cerebras.url}/elsewhere", SecretStr("key")), 4)
    with pytest.raises(Rejected, match="CEREBRAS_BASE_URL"):
        asyncio.run(client.models())


@pytest.mark.parametrize("body", [b"<html></html>", b"[]", b"{}", b'{"data": {}}', b'{"data": null}'])
def test_a_server_that_gives_no_list_of_models_is_the_wrong_one(cerebras: RunningServer, body: bytes) -> None:
    cerebras.app.model_list = body
    with pytest.raises(Rejected, match="gives no list of models"):
        asyncio.run(client_of(cerebras).models())


def test_entries_without_an_id_are_left_out(cerebras: RunningServer) -> None:
    cerebras.app.model_list = b'{"data": [{"id": "one"}, {"id": 2}, {}, null, "three"]}'
    assert asyncio.run(client_of(cerebras).models()) == ["one"]


def test_https_is_never_spoken_in_plain(cerebras: RunningServer) -> None:
    client = CerebrasClient(Endpoint(cerebras.url.replace("http:", "https:"), SecretStr("key")), 4)
    with pytest.raises(ProviderDown, match="no connection to"):
        asyncio.run(client.complete(request(), 10))
