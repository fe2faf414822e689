-- What revision 0005 can hold beside that: limits, prices, and what is spent of a budget.

UPDATE client_keys SET requests_per_minute = 600, max_concurrent = 8 WHERE id = 'e0000000-0000-4000-8000-000000000001';

UPDATE connections SET quota = '{"unit": "requests", "limit": 1000, "window": "day"}' WHERE id = 'c0000000-0000-4000-8000-000000000001';

INSERT INTO budgets (id, key_id, period, unit, "limit", warn_at, timezone, created_at, updated_at) VALUES
('90000000-0000-4000-8000-000000000001', 'e0000000-0000-4000-8000-000000000001', 'month', 'tokens', 1000000, 0.8, 'UTC', @now - 900, @now - 900);

INSERT INTO prices (provider_id, model, price, updated_at) VALUES
('openai-compatible-chat-00000000-0000-4000-8000-000000000001', 'm-*', '{"rates": {"input": 10000000, "output": 20000000}, "tiers": [], "request": 0}', @now - 900);

INSERT INTO log_bodies (id, at, request, request_size, response, response_size) VALUES
('10000000-0000-4000-8000-000000000002', @now - 7300, '905f28de:gAAAAABrCbI5j4XoSiRGBeyYQVlVO1E48UOmt-lYAUk-8WJjxHYafudGREeepQUpDjK3KA-HhcI6ROmNtDR0h2QuVCtBV4JSeGlR5V8RXP7FxPJI6vcw99k=', 24, NULL, 0);

INSERT INTO counters (name, bucket, spent, reserved, expires) VALUES
('key:e0000000-0000-4000-8000-000000000001:requests', 0, 3, 0, @now + 9000);

INSERT INTO tickets (id, lines, document, until) VALUES
('20000000-0000-4000-8000-000000000001', '[]', '{"key_id": "e0000000-0000-4000-8000-000000000001"}', @now + 600);
