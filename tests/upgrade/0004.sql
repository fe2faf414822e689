-- What revision 0004 can hold beside that: what all workers share. Of its counters and reservations nothing made any use.

INSERT INTO health_conditions (digest, kind, id, model, condition) VALUES
('7b2421574f243f16acd1d4552286aae3084b565d07bd9d1d2dbafd0173188b41', 'model', 'c0000000-0000-4000-8000-000000000002', 'm-2', '{"mark": {"kind": "rate_limited", "reason": "Too many requests", "since": @since, "until": @until, "stated": true, "count": 2}}');

INSERT INTO turns (name, next) VALUES ('combo:b0000000-0000-4000-8000-000000000002', 17);

INSERT INTO holds (id, name, until) VALUES ('f0000000-0000-4000-8000-000000000001', 'jobs', @now - 5);

INSERT INTO worker_reports (worker, document, until) VALUES ('old-worker', '{"busy": 1}', @now - 5);
