-- What revision 0003 can hold beside that: combos and aliases.

INSERT INTO combos (id, name, strategy, steps, config, tags, enabled, sort_order, created_at, updated_at) VALUES
('b0000000-0000-4000-8000-000000000001', 'both', 'priority', '[{"id": "d0000000-0000-4000-8000-000000000001", "provider": "openai-compatible-chat-00000000-0000-4000-8000-000000000001", "model": "m-1", "combo": "", "connection_id": "c0000000-0000-4000-8000-000000000001", "weight": 1, "label": "work", "tags": [], "enabled": true}, {"id": "d0000000-0000-4000-8000-000000000002", "provider": "anthropic-compatible-00000000-0000-4000-8000-000000000002", "model": "m-2", "combo": "", "connection_id": null, "weight": 2, "label": "", "tags": ["spare"], "enabled": true}]', '{"max_attempts": 3}', '["daily"]', TRUE, 0, @now - 5000, @now - 5000),
('b0000000-0000-4000-8000-000000000002', 'turned off', 'round-robin', '[{"id": "d0000000-0000-4000-8000-000000000003", "provider": "", "model": "", "combo": "both", "connection_id": null, "weight": 1, "label": "", "tags": [], "enabled": true}]', '{}', '[]', FALSE, 1, @now - 4000, @now - 4000);

INSERT INTO model_aliases (pattern, model, priority) VALUES ('gpt-*', 'both', 10);
