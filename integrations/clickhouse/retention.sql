-- Not tested: ClickHouse 18.16 has no TTL. There, and where an older version
-- is, drop the days: ALTER TABLE wallarm.websocket_events DROP PARTITION '2026-11-25'

ALTER TABLE wallarm.websocket_events MODIFY TTL day + INTERVAL 90 DAY;
