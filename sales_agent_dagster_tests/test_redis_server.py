import pytest
import redis

from sales_agent_dagster_tests.redis_server import redis_server, running_redis


def test_it_can_be_killed_and_started_again_on_its_port() -> None:
    with redis_server() as server, redis.Redis.from_url(server.url) as client:
        client.set("key", "value")
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        server.start()
        assert client.get("key") is None


def test_the_shared_one_is_empty_for_every_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("key", "value")


def test_the_shared_one_is_empty_again(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("key", "value")


def test_two_servers_are_two(redis_url: str) -> None:
    with running_redis() as other, redis.Redis.from_url(other) as client:
        assert other != redis_url
        assert client.ping()
