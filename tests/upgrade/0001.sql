-- What a gateway of revision 0001 held. @now and @url are filled in: the time, and where the scripted upstream is.
-- Sealed with the keys of tests/relay/stores.py; the password is that of bench/gateway.py.

INSERT INTO admins (id, password_hash, created_at, password_changed_at) VALUES
('admin', '$argon2id$v=19$m=32768,t=3,p=1$LmOwJOCcFGnpb/P3Yh1VXg$qjUjK4hN2YtqFHsqZgocvicoj3orvV9Fuvze0iyMzhk', @now - 864000, @now - 864000);

-- The token is: an-old-session-token
INSERT INTO sessions (digest, id, admin_id, created_at, seen_at, expires_at, address, user_agent) VALUES
('b1fcc1c381a500d25789c0b3daab60bdc63b40b980062c18beb3eba7bbe0ce96', '50000000-0000-4000-8000-000000000001', 'admin', @now - 7200, @now - 600, @now + 500000, '127.0.0.1', 'An old browser'),
('aaaa000000000000000000000000000000000000000000000000000000000000', '50000000-0000-4000-8000-000000000002', 'admin', @now - 700000, @now - 650000, @now - 90000, '192.0.2.7', 'Gone for days');

INSERT INTO login_attempts (subject, failures, last_at, blocked_until) VALUES
('address:192.0.2.66', 9, @now - 60, @now + 600);

INSERT INTO provider_nodes (id, name, prefix, type, compat_mode, api_type, base_url, chat_path, models_path, custom_headers, created_at, updated_at) VALUES
('openai-compatible-chat-00000000-0000-4000-8000-000000000001', 'Old chat', 'old-chat', 'openai-compatible', NULL, 'chat', '@url/v1', '', NULL, '[["X-Team-Token", {"sealed": "905f28de:gAAAAABrCbI5111sPBTX4HusTyMOT1KI6Ih2YPBedNcE1OyvWS2lCqLNc0926ncuRK3pIMt0Hk5gLeP10kK_YwpOSXIICYAVfg=="}], ["X-Unwanted", null]]', @now - 800000, @now - 700000),
('anthropic-compatible-00000000-0000-4000-8000-000000000002', 'Old Claude', 'old-claude', 'anthropic-compatible', NULL, NULL, '@url', '', NULL, '[]', @now - 790000, @now - 790000);

INSERT INTO connections (id, provider_id, name, sealed, key_digest, key_hint, priority, max_concurrent, is_active, fields, test_status, status_reason, status_at, succeeded, last_test, last_tested_at, created_at, updated_at) VALUES
('c0000000-0000-4000-8000-000000000001', 'openai-compatible-chat-00000000-0000-4000-8000-000000000001', 'the work one', '905f28de:gAAAAABrCbI5bQ-OiNgRvw0mqJJyXQ6F-zVT9hXocuF2FsQZlO43Ldnb8DEsDKBrTxVReWLtwsQ0YPQJburnHc7p8fZvemeE_km5nyLCY-5SJsM7Xre_X2A=', '5165c53c60ae830d5ba1c29b4b5cf855ea6129e8b44b905c865ac3bcec809dac', 'sk-...0001', 1, 4, TRUE, '{}', 'active', NULL, @now - 86400, TRUE, '{"valid": true, "latency_ms": 210}', @now - 86400, @now - 780000, @now - 86400),
('c0000000-0000-4000-8000-000000000002', 'anthropic-compatible-00000000-0000-4000-8000-000000000002', 'first', '905f28de:gAAAAABrCbI5H5lQ598fLpwEmn07joxArbtCewI-N569jcVu7TuYt4EhrHWGzrIP3ht0Of-k4lR8bMThEQousYvhIiyrHtXq62pOEFHvnO5vqYvRiG7a5b8=', '32d3138819af2758e89c990aae46274bdf842821f1eca551720d1fb126a7a316', 'sk-...0001', 1, NULL, TRUE, '{}', 'untested', NULL, NULL, FALSE, NULL, NULL, @now - 770000, @now - 770000),
('c0000000-0000-4000-8000-000000000003', 'groq', 'switched off', '', NULL, '', 1, NULL, FALSE, '{}', 'banned', 'The account is closed.', @now - 90000, FALSE, NULL, NULL, @now - 760000, @now - 90000);

INSERT INTO provider_models (provider_id, model_id, source, name, hidden, created_at) VALUES
('openai-compatible-chat-00000000-0000-4000-8000-000000000001', 'm-1', 'discovered', 'Model One', FALSE, @now - 700000),
('anthropic-compatible-00000000-0000-4000-8000-000000000002', 'm-2', 'added', 'Model Two', FALSE, @now - 690000),
('groq', 'hidden-1', 'catalog', 'hidden-1', TRUE, @now - 680000);

-- The first key is: sk-or-h9Jj5TD9U99NKpNodbT4FkGgNhUY_PK3dsUfxp2L_zw
INSERT INTO client_keys (id, name, digest, prefix, last4, scopes, expires_at, is_active, allowed_models, allowed_endpoints, no_log, last_used_at, created_at, updated_at) VALUES
('e0000000-0000-4000-8000-000000000001', 'laptop', '3301a08da023b6ba8dfe92f5861984f6516b153733f3a068f22aa890de72c67d', 'sk-or-h9Jj', 'L_zw', '["relay"]', NULL, TRUE, '["old-chat/*", "old-claude/*", "both", "gpt-*"]', '[]', FALSE, @now - 3600, @now - 700000, @now - 700000),
('e0000000-0000-4000-8000-000000000002', 'lost one', '00000000000000000000000000000000000000000000000000000000000000ff', 'sk-or-lost', 'lost', '["relay", "manage"]', @now - 50000, FALSE, '[]', '["/v1/chat/completions"]', TRUE, NULL, @now - 600000, @now - 500000);

INSERT INTO log_rows (id, at, method, path, endpoint, format, streamed, requested_model, provider_id, provider_prefix, upstream_model, canonical_model, connection_id, connection_name, key_id, key_name, status, kind, message, remedy, input_tokens, output_tokens, cached_tokens, cache_write_tokens, reasoning_tokens, usage_source, first_ms, total_ms, attempts, decision, client, finish, upstream_request_id, dropped) VALUES
('10000000-0000-4000-8000-000000000001', @now - 250000, 'POST', '/v1/chat/completions', '/v1/chat/completions', 'openai_chat', FALSE, 'old-chat/m-1', 'openai-compatible-chat-00000000-0000-4000-8000-000000000001', 'old-chat', 'm-1', 'openai-compatible-chat-00000000-0000-4000-8000-000000000001/m-1', 'c0000000-0000-4000-8000-000000000001', 'the work one', 'e0000000-0000-4000-8000-000000000001', 'laptop', 200, 'ok', '', '', 100, 40, 10, NULL, 5, 'reported', 400, 410, '[{"target": "old-chat/m-1", "connection": "the work one", "at_ms": 2, "status": 200, "class": "ok", "message": "", "detail": "", "ms": 398}]', 'strategy=priority; attempts=1', 'curl/8', 'end_turn', 'req_old_1', '[]'),
('10000000-0000-4000-8000-000000000002', @now - 7300, 'POST', '/v1/messages', '/v1/messages', 'anthropic_messages', TRUE, 'old-claude/m-2', 'anthropic-compatible-00000000-0000-4000-8000-000000000002', 'old-claude', 'm-2', 'anthropic-compatible-00000000-0000-4000-8000-000000000002/m-2', 'c0000000-0000-4000-8000-000000000002', 'first', 'e0000000-0000-4000-8000-000000000001', 'laptop', 200, 'ok', NULL, NULL, 7, 3, NULL, NULL, NULL, 'estimated', 90, 1200, '[{"target": "old-claude/m-2", "connection": "first", "at_ms": 1, "status": 529, "class": "overloaded", "message": "Overloaded", "detail": "", "ms": 20}, {"target": "old-claude/m-2", "connection": "first", "at_ms": 25, "status": 200, "class": "ok", "message": "", "detail": "", "ms": 65}]', NULL, NULL, 'end_turn', NULL, '["top_k"]'),
('10000000-0000-4000-8000-000000000003', @now - 7200, 'POST', '/v1/chat/completions', '/v1/chat/completions', 'openai_chat', TRUE, 'no-such/model', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 404, 'unknown_model', 'No provider has the model no-such/model — “nowhere”.', 'Look at /v1/models.', NULL, NULL, NULL, NULL, NULL, 'absent', NULL, 1, '[]', NULL, 'curl/8', NULL, NULL, '[]');

INSERT INTO audit_rows (id, at, actor_kind, actor_name, address, action, subject, before, after) VALUES
('a0000000-0000-4000-8000-000000000001', @now - 864000, 'system', 'gateway', NULL, 'setup', 'admin', NULL, NULL),
('a0000000-0000-4000-8000-000000000002', @now - 780000, 'admin', 'admin', '127.0.0.1', 'connection.update', 'connection:c0000000-0000-4000-8000-000000000001', '{"priority": 3}', '{"priority": 1}');

INSERT INTO settings (key, value) VALUES ('theme', '"dark"'), ('time_zone', '"Europe/Berlin"');

UPDATE config_version SET version = 41 WHERE id = 1;
