-- Attacks by type and what was done. A line stands for `hits` events.
SELECT type, action, sum(hits) AS events
FROM wallarm.websocket_events FINAL WHERE dataset = 'wallarm_websocket.attack'
GROUP BY type, action ORDER BY type, action;

-- The clients that attack most, of the last day of the log.
SELECT source_ip, sum(hits) AS events, uniq(connection_id) AS connections, groupUniqArray(type) AS types
FROM wallarm.websocket_events WHERE dataset = 'wallarm_websocket.attack' AND action = 'blocked'
    AND day >= (SELECT max(day) FROM wallarm.websocket_events)
GROUP BY source_ip ORDER BY events DESC, source_ip LIMIT 20;

-- False alarms to look at: one rule, one place, many clients.
SELECT domain, url_path, event_name, path, rule, uniq(source_ip) AS clients, sum(hits) AS events, any(match) AS example
FROM wallarm.websocket_events WHERE dataset = 'wallarm_websocket.attack'
GROUP BY domain, url_path, event_name, path, rule ORDER BY clients DESC, events DESC LIMIT 20;

-- Exceptions in use: without events for a month one may go.
SELECT domain, url_path, visitParamExtractString(line, 'ignore') AS exception, sum(hits) AS events, max(time) AS last
FROM wallarm.websocket_events WHERE dataset = 'wallarm_websocket.ignored'
GROUP BY domain, url_path, exception ORDER BY last;

-- What breaks the protocol or a limit, by site.
SELECT domain, violation, action, sum(hits) AS events
FROM wallarm.websocket_events WHERE dataset = 'wallarm_websocket.violation'
GROUP BY domain, violation, action ORDER BY events DESC LIMIT 20;

-- Attacks by hour and host.
SELECT toStartOfHour(time) AS hour, host, sum(hits) AS events
FROM wallarm.websocket_events WHERE dataset = 'wallarm_websocket.attack'
GROUP BY hour, host ORDER BY hour, host;

-- One event, whole: the message in the shape of an HTTP request.
SELECT request
FROM wallarm.websocket_events WHERE dataset = 'wallarm_websocket.attack' AND match != ''
ORDER BY time DESC LIMIT 1;
