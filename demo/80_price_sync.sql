-- One price everywhere: the real shelf prices of this week and the next, and three systems that drift from them.

-- The chain's own juices are delisted after the chosen week: then they have no price any more.
UPDATE merch.item SET price = NULL WHERE item_id IN (10, 11);

CREATE ROLE priya LOGIN IN ROLE merch_pricing;
CREATE ROLE tills LOGIN IN ROLE merch_integration;
CREATE ROLE shelves LOGIN IN ROLE merch_integration;
GRANT SELECT ON demo.plan, demo.chosen TO priya, erp, tills, shelves;

\echo
\echo
\echo '9. ONE PRICE EVERYWHERE: priya approves the shelf prices of this week and the next'
\echo
SET SESSION AUTHORIZATION priya;
INSERT INTO merch.price_event (item_id, kind, location_id, amount, effective)
SELECT p.item_id, 'regular', p.location_id, p.price_cents / 100.0, tstzrange(p.day, p.day + 7)
FROM demo.plan p
JOIN demo.chosen c ON p.day IN (c.starts_on - 7, c.starts_on);
SELECT c.rule, c.severity, count(DISTINCT c.price_event_id) AS prices, min(c.detail) AS "for example"
FROM merch.price_conflicts(ARRAY(SELECT price_event_id FROM merch.price_event WHERE state = 'proposed')) c
GROUP BY c.rule, c.severity
ORDER BY count(*) DESC, c.rule;
\pset tuples_only on
\pset format unaligned
SELECT demo.say($$UPDATE merch.price_event SET state = 'approved' WHERE state = 'proposed'$$);
RESET SESSION AUTHORIZATION;
\pset tuples_only off
\pset format aligned
\echo
\echo What speaks against a price is a rule, and a rule is a row. Juice below cost is how this chain draws
\echo customers, and from there prices go back in one step: that is to be told, not to be refused. Then they
\echo are approved, and the worker puts them into force, for the tills and shops to be compared with:
\echo
UPDATE merch.price_rule SET severity = 'warn' WHERE rule IN ('below cost', 'step too large');
SET SESSION AUTHORIZATION priya;
UPDATE merch.price_event SET state = 'approved' WHERE state = 'proposed';
RESET SESSION AUTHORIZATION;
CALL demo.await($$(SELECT count(*) = 0 FROM merch.price_event WHERE state = 'approved' AND lower(effective) < now())$$);
CALL demo.await($$(SELECT count(*) = 0 FROM merch.dirty_price)$$);
SELECT s.name AS system, count(*) AS prices, count(DISTINCT (p.item_id, p.location_id)) AS "items × places",
       (SELECT count(*) FROM merch.price_leaves(s.name)) AS leaves
FROM merch.published_price p
JOIN merch.system s USING (system_id)
GROUP BY s.name
ORDER BY s.name DESC;
SELECT * FROM merch.price_at(1, (SELECT min(location_id) FROM merch.location WHERE kind = 'store'), 1);

-- Which prices are to drift, and how: five of each kind, by a seed.
INSERT INTO merch.system (system_id, name, description, channel_id, reports) VALUES
    (1, 'erp', 'prices of all channels, also those to come', NULL, 'periods'),
    (2, 'tills', 'what the tills charge', 1, 'current'),
    (3, 'shelf labels', 'what the electronic labels show', 1, 'current');
SELECT setseed(0.42) \g /dev/null
CREATE TABLE demo.planted (system text, item_id bigint, location_id int, channel_id int, difference text);
GRANT SELECT ON demo.planted TO erp, tills;

-- of the prices that change with the chosen week; of the delisted items those that end with it
INSERT INTO demo.planted
SELECT 'erp', k.item_id, k.location_id, CASE k.difference WHEN 'unexpected' THEN 2 ELSE 1 END, k.difference
FROM (SELECT p.item_id, p.location_id,
             CASE WHEN p.item_id IN (10, 11)
                  THEN (ARRAY['ends early', 'ends late'])[(row_number() OVER w + 4) / 5]
                  ELSE (ARRAY['missing', 'unexpected', 'wrong amount', 'wrong currency', 'starts early', 'starts late', 'stale'])
                       [(row_number() OVER w + 4) / 5] END AS difference
      FROM (SELECT item_id, location_id, random() AS lot
            FROM (SELECT item_id, location_id
                  FROM merch.published_price, demo.chosen
                  WHERE system_id = 0 AND valid_from = starts_on AND valid_to = starts_on + 7
                  ORDER BY item_id, location_id) changing) p
      WINDOW w AS (PARTITION BY p.item_id IN (10, 11) ORDER BY p.lot)) k
WHERE k.difference IS NOT NULL;

-- the ERP is given what was approved, but for that
SET SESSION AUTHORIZATION erp;
SELECT merch.open_price_feed('erp', 'snapshot') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, valid_from, valid_to, amount, currency)
SELECT p.item_id, p.location_id, x.channel_id,
       CASE WHEN p.valid_from <> c.starts_on THEN p.valid_from
            WHEN d.difference = 'starts early' THEN c.starts_on - 1
            WHEN d.difference = 'starts late' THEN c.starts_on + 1
            ELSE p.valid_from END,
       CASE WHEN p.valid_to = c.starts_on AND d.difference = 'starts early' THEN c.starts_on - 1
            WHEN p.valid_to = c.starts_on AND d.difference = 'starts late' THEN c.starts_on + 1
            WHEN p.valid_to = c.starts_on AND d.difference = 'stale' THEN 'infinity'
            WHEN p.valid_to = c.starts_on + 7 AND d.difference = 'ends early' THEN c.starts_on + 6
            WHEN p.valid_to = c.starts_on + 7 AND d.difference = 'ends late' THEN c.starts_on + 8
            ELSE p.valid_to END,
       CASE WHEN p.valid_from = c.starts_on AND d.difference = 'wrong amount' THEN p.amount * 10 ELSE p.amount END,
       CASE WHEN p.valid_from = c.starts_on AND d.difference = 'wrong currency' THEN 'CAD' ELSE p.currency END
FROM merch.published_price p
CROSS JOIN demo.chosen c
LEFT JOIN demo.planted d ON d.system = 'erp' AND d.item_id = p.item_id AND d.location_id = p.location_id
CROSS JOIN LATERAL (SELECT p.channel_id UNION ALL SELECT 2 WHERE d.difference = 'unexpected' AND p.valid_from = c.starts_on) x
WHERE p.system_id = 0 AND d.difference IS DISTINCT FROM 'missing'
  AND NOT (d.difference IS NOT DISTINCT FROM 'stale' AND p.valid_from >= c.starts_on);
SELECT state, lines, changed, rejected FROM merch.apply_price_feed(:feed);
RESET SESSION AUTHORIZATION;

\echo The ERP got them, with drift planted by a seed: five prices of each kind. The comparison over all
\echo periods reads the leaves that differ, and finds:
\echo
SELECT d.difference, count(DISTINCT (d.item_id, d.location_id, d.channel_id)) AS prices, sum(d.money_at_risk)::numeric(12, 2) AS "at risk, $"
FROM merch.price_timeline_diff('approved', 'erp') d
GROUP BY d.difference
ORDER BY d.difference;

-- The tills told all of last week's prices eight days ago, and since this morning the changes: five
-- are forgotten, five ten times too high, five missing, five of a channel that stores don't have.
-- The shelf labels told theirs eight days ago, and nothing since.
CREATE TABLE demo.till AS
SELECT p.item_id, p.location_id, o.price_cents / 100.0 AS before, p.amount, p.valid_from > now() - interval '8 days' AS has_changed,
       random() AS lot
FROM merch.published_price p
CROSS JOIN demo.chosen c
LEFT JOIN demo.plan o ON o.item_id = p.item_id AND o.location_id = p.location_id AND o.day = c.starts_on - 14
WHERE p.system_id = 0 AND p.valid_from <= now() AND p.valid_to > now()
ORDER BY p.item_id, p.location_id;
GRANT SELECT ON demo.till TO tills, shelves;
INSERT INTO demo.planted
SELECT 'tills', t.item_id, t.location_id, 1, t.difference
FROM (SELECT item_id, location_id,
             (ARRAY['stale', 'wrong amount', 'missing', 'wrong currency'])[(row_number() OVER (ORDER BY lot) + 4) / 5] AS difference
      FROM demo.till
      WHERE before <> amount AND has_changed) t
WHERE t.difference IS NOT NULL;
INSERT INTO demo.planted
SELECT 'shelf labels', item_id, location_id, 1, CASE WHEN before IS NULL THEN 'missing' WHEN has_changed THEN 'stale' ELSE 'wrong amount' END
FROM demo.till
WHERE before IS DISTINCT FROM amount;

SET SESSION AUTHORIZATION shelves;
SELECT merch.open_price_feed('shelf labels', 'snapshot', now() - interval '8 days') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, amount, currency)
SELECT item_id, location_id, before, 'USD' FROM demo.till WHERE before IS NOT NULL;
SELECT merch.apply_price_feed(:feed) \g /dev/null
SET SESSION AUTHORIZATION tills;
SELECT merch.open_price_feed('tills', 'snapshot', now() - interval '8 days') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, amount, currency)
SELECT item_id, location_id, before, 'USD' FROM demo.till WHERE before IS NOT NULL;
SELECT merch.apply_price_feed(:feed) \g /dev/null
SELECT merch.open_price_feed('tills', 'delta') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, amount, currency)
SELECT t.item_id, t.location_id,
       CASE d.difference WHEN 'missing' THEN NULL WHEN 'wrong amount' THEN t.amount * 10 ELSE t.amount END,
       CASE d.difference WHEN 'wrong currency' THEN 'CAD' ELSE 'USD' END
FROM demo.till t
LEFT JOIN demo.planted d ON d.system = 'tills' AND d.item_id = t.item_id AND d.location_id = t.location_id
WHERE t.before IS DISTINCT FROM t.amount AND d.difference IS DISTINCT FROM 'stale';
SELECT merch.apply_price_feed(:feed) \g /dev/null
RESET SESSION AUTHORIZATION;

\echo The tills told the prices of last week eight days ago, and today what has changed: not quite all, and
\echo not quite right. The shelf labels have not been heard of since. What they show at this moment:
\echo
SELECT s.system, d.difference, count(*) AS prices, sum(d.money_at_risk)::numeric(12, 2) AS "at risk a day, $"
FROM (VALUES ('tills'), ('shelf labels')) s(system),
     LATERAL merch.price_diff('approved', s.system) d
GROUP BY s.system, d.difference
ORDER BY s.system DESC, d.difference;
CREATE TEMPORARY TABLE found AS
SELECT DISTINCT 'erp' AS system, item_id, location_id, channel_id, difference FROM merch.price_timeline_diff('approved', 'erp')
UNION ALL
SELECT s.system, d.item_id, d.location_id, d.channel_id, d.difference
FROM (VALUES ('tills'), ('shelf labels')) s(system), LATERAL merch.price_diff('approved', s.system) d;
\echo Just what was planted, no more and no less:
\echo
SELECT (SELECT count(*) FROM demo.planted) AS planted, (SELECT count(*) FROM found) AS found,
       (SELECT count(*) FROM (TABLE demo.planted EXCEPT ALL TABLE found) f) AS "planted, not found",
       (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE demo.planted) f) AS "found, not planted";
\echo What looks wrong among what the tills show, without asking what was approved:
\echo
SELECT anomaly, count(*) AS prices, min(detail) AS "for example" FROM merch.price_anomalies('tills') GROUP BY anomaly ORDER BY anomaly;

SELECT merch.check_prices() \g /dev/null
SELECT merch.detect_exceptions() \g /dev/null
\echo A feed that is late as a whole is one exception, not as many as there are prices:
\echo
SELECT kind, count(*) AS exceptions, count(*) FILTER (WHERE item_id IS NULL) AS "of a whole feed", sum(money_at_risk)::numeric(12, 2) AS "at risk, $",
       min(detail) FILTER (WHERE item_id IS NULL) AS "which"
FROM merch.exception_queue
WHERE kind = 'price mismatch'
GROUP BY kind;
\echo The tills are told what to correct, the labels and the ERP load all prices again. What they report is
\echo compared, and what is right already is not written again:
\echo
SET SESSION AUTHORIZATION tills;
SELECT merch.open_price_feed('tills', 'delta') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, amount, currency)
SELECT item_id, location_id, channel_id, amount, currency FROM merch.price_correction WHERE system_id = 2 ORDER BY price_correction_id;
SELECT state, lines, changed, taken_back AS "taken back" FROM merch.apply_price_feed(:feed);
SET SESSION AUTHORIZATION shelves;
SELECT merch.open_price_feed('shelf labels', 'snapshot') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, amount, currency)
SELECT item_id, location_id, amount, currency FROM merch.published_price WHERE system_id = -1;
SELECT state, lines, changed, taken_back AS "taken back" FROM merch.apply_price_feed(:feed);
SET SESSION AUTHORIZATION erp;
SELECT merch.open_price_feed('erp', 'snapshot') AS feed \gset
INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, valid_from, valid_to, amount, currency)
SELECT item_id, location_id, channel_id, valid_from, valid_to, amount, currency FROM merch.published_price WHERE system_id = 0;
SELECT state, lines, changed, taken_back AS "taken back" FROM merch.apply_price_feed(:feed);
RESET SESSION AUTHORIZATION;
SELECT merch.check_prices() \g /dev/null
SELECT merch.detect_exceptions() \g /dev/null
SELECT s.name AS system, count(m.*) AS mismatches, count(m.cleared_at) AS cleared,
       (SELECT count(*) FROM merch.exception e WHERE e.kind = 'price mismatch' AND e.cause = s.name AND e.state <> 'resolved') AS "exceptions open"
FROM merch.system s
JOIN merch.price_mismatch m USING (system_id)
GROUP BY s.name
ORDER BY s.name;
SELECT system, day, checks, prices, worst_share AS "worst share in sync", last_share AS "last share in sync", opened, cleared
FROM merch.price_sync_kpi
ORDER BY system;
\echo All three systems show what was approved, now and to come:
\echo
SELECT (SELECT count(*) FROM merch.price_timeline_diff('approved', 'erp')) AS erp,
       (SELECT count(*) FROM merch.price_diff('approved', 'tills')) AS tills,
       (SELECT count(*) FROM merch.price_diff('approved', 'shelf labels')) AS "shelf labels";
