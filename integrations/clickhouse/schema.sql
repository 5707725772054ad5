-- The table of the events: a row is a line of wallarm_event_log as it is, and
-- what is asked for most is taken out of it as it comes in. Columns may be
-- added later, from the lines that are there.
--
--   clickhouse-client --multiquery < schema.sql
--   sed 's/"/""/g; s/.*/"&"/' websocket_attacks.json | clickhouse-client \
--       --query 'INSERT INTO wallarm.websocket_events (line) FORMAT CSV'
--
-- Debian's ClickHouse 18.16 has visitParamExtract* for JSON, which newer ones
-- have, too. They take the first key of that name in the line, wherever it is;
-- the order of the members makes that the right one. Quotes in what a client
-- writes are escaped and cannot make a key, but its braces mislead
-- visitParamExtractRaw, which is therefore not used.

CREATE DATABASE IF NOT EXISTS wallarm;

CREATE TABLE IF NOT EXISTS wallarm.websocket_events
(
    line String,

    time DateTime MATERIALIZED parseDateTimeBestEffort(visitParamExtractString(line, '@timestamp')),
    day Date MATERIALIZED toDate(parseDateTimeBestEffort(visitParamExtractString(line, '@timestamp'))),
    message String MATERIALIZED visitParamExtractString(line, 'message'),
    hits UInt32 MATERIALIZED visitParamExtractUInt(line, 'hits'),

    event_id String MATERIALIZED visitParamExtractString(line, 'id'),
    dataset String MATERIALIZED visitParamExtractString(line, 'dataset'),
    action String MATERIALIZED visitParamExtractString(line, 'action'),
    severity UInt16 MATERIALIZED visitParamExtractUInt(line, 'severity'),

    rule String MATERIALIZED visitParamExtractString(extract(line, '"rule":(\\{"id":"(?:[^"\\\\]|\\\\.)*")'), 'id'),
    type String MATERIALIZED visitParamExtractString(extract(line, '"attack":(\\{"type":"(?:[^"\\\\]|\\\\.)*")'), 'type'),
    path String MATERIALIZED visitParamExtractString(extract(line, '("path":"(?:[^"\\\\]|\\\\.)*"),"match":'), 'path'),
    match String MATERIALIZED visitParamExtractString(line, 'match'),
    violation String MATERIALIZED visitParamExtractString(line, 'token'),

    source_ip String MATERIALIZED visitParamExtractString(replaceOne(extract(line, '"source":(\\{"(?:ip|address)":"(?:[^"\\\\]|\\\\.)*")'),
        '{"address":', '{"ip":'), 'ip'),
    domain String MATERIALIZED visitParamExtractString(line, 'domain'),
    url_path String MATERIALIZED visitParamExtractString(line, 'path'),
    host String MATERIALIZED visitParamExtractString(line, 'hostname'),

    connection_id String MATERIALIZED visitParamExtractString(line, 'connection_id'),
    framework String MATERIALIZED visitParamExtractString(line, 'framework'),
    event_name String MATERIALIZED visitParamExtractString(line, 'event_name'),
    bytes UInt64 MATERIALIZED visitParamExtractUInt(line, 'bytes'),

    -- What "wsi console --store" asks for, too: milliseconds, and the names of
    -- attacks and connections in its URLs, as the console over a log has them.
    ms Int64 MATERIALIZED toInt64(toUnixTimestamp(time)) * 1000 + toUInt16OrZero(extract(line, '"@timestamp":"[^"]*\\.([0-9]{3})Z"')),
    kind String MATERIALIZED if(action = 'ignored', 'ignored', splitByChar('.', dataset)[-1]),
    what String MATERIALIZED multiIf(type != '', type, violation != '', violation, kind),
    rule_id String MATERIALIZED if(rule != '', rule, violation),
    site String MATERIALIZED if(domain != '', domain, visitParamExtractString(extract(line, '"service":(\\{(?:[^"}]|"(?:[^"\\\\]|\\\\.)*")*\\})'), 'name')),
    direction String MATERIALIZED extract(line, '"direction":"(client_to_server|server_to_client)"'),
    request String MATERIALIZED visitParamExtractString(substring(line, position(line, '"request":"')), 'request'),
    attack String MATERIALIZED lower(hex(substring(toString(SHA256(concat(kind, '\0', substring(what, 1, 512), '\0',
        substring(site, 1, 512), '\0', substring(url_path, 1, 512), '\0', substring(path, 1, 512), '\0', substring(source_ip, 1, 512), '\0'))), 1, 8))),
    connection String MATERIALIZED if(connection_id = '', '', lower(substring(concat('000000000000000', hex(bitOr(bitShiftRight(
        reinterpretAsUInt64(reverse(substring(toString(SHA256(concat(host, '\0', connection_id, '\0', source_ip, '\0',
        toString(toUInt32OrZero(extract(line, '"source":\\{(?:[^"}]|"(?:[^"\\\\]|\\\\.)*")*?"port":([0-9]+)')))))), 1, 8))),
        1), 1))), -16)))
)
-- An agent may send a line twice: a merge keeps one of them, FINAL reads one.
ENGINE = ReplacingMergeTree
PARTITION BY day
ORDER BY (dataset, domain, time, event_id)
-- A line is some KB: with the usual 8192 rows, 24 MB would be read for one.
SETTINGS index_granularity = 512;
