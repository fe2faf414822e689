pytest_plugins = ["tests.databases", "tests.parts", "tests.gateway", "tests.redis_server", "tests.upstream.fixtures"]
