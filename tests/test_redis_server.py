from redis import Redis

from tests.redis_server import RedisServer


def test_it_is_private_empty_and_can_go_away(redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url) as client:
        client.set("left", "over")
    redis_server.stop()
    assert not redis_server.answers()
    redis_server.start()
    with Redis.from_url(redis_server.url) as client:
        assert client.dbsize() == 0
