-- From the table of the Collector's exporter into that of the events: the body
-- of a record is the line. Not tested: it needs a ClickHouse of 2022 or later,
-- for the types of that table.

CREATE MATERIALIZED VIEW IF NOT EXISTS wallarm.websocket_events_otel TO wallarm.websocket_events
AS SELECT Body AS line FROM otel.websocket_lines;
