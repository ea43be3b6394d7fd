-- The promotion allocated with each method in turn, and what protects the result. The
-- last run stays active; the lines of those before stay as a record.
\echo
\echo '4. THE ALLOCATION, with each method:'
\echo '   SELECT merch.allocate_promotion(1, ''{"method": ...}'');'
\echo
DO $$
DECLARE
    split text;
    run bigint;
BEGIN
    FOREACH split IN ARRAY ARRAY['webster', 'cover', 'even', 'priority', 'expected_sales', 'proportional'] LOOP
        IF run IS NOT NULL THEN
            PERFORM merch.cancel_allocation(run);
        END IF;
        run := merch.allocate_promotion(1, jsonb_build_object('method', split));
    END LOOP;
END
$$;

SELECT method, state, lines, need AS wanted, quantity AS allocated, reserved, lines_short AS "lines short",
       round(100 * fill_rate, 1) AS "need filled, %"
FROM merch.allocation_summary
ORDER BY allocation_id;

\echo Each spreads the same shortage differently. Of the Minute Maid 64 oz that stores need, filled in %
\echo by tier; tier 1 is the third of the stores with the largest sales:
\echo
SELECT a.method,
       round(100.0 * sum(least(l.quantity, l.need)) FILTER (WHERE s.tier = 1)
             / sum(l.need) FILTER (WHERE s.tier = 1), 1) AS "tier 1",
       round(100.0 * sum(least(l.quantity, l.need)) FILTER (WHERE s.tier = 2)
             / sum(l.need) FILTER (WHERE s.tier = 2), 1) AS "tier 2",
       round(100.0 * sum(least(l.quantity, l.need)) FILTER (WHERE s.tier = 3)
             / sum(l.need) FILTER (WHERE s.tier = 3), 1) AS "tier 3",
       min(l.quantity) AS "least a store gets", max(l.quantity) AS "most"
FROM merch.allocation a
JOIN merch.allocation_line l USING (allocation_id)
JOIN merch.location s USING (location_id)
WHERE l.item_id = (SELECT item_id FROM merch.item WHERE name = 'Minute Maid 64 oz')
GROUP BY a.allocation_id
ORDER BY a.allocation_id;

\echo
\echo '5. THE BOOKS: what is reserved at the distribution centre is what the lines of the active'
\echo '   allocation promise, and never more than there is'
\echo
SELECT i.name AS item, s.on_hand AS "on hand", s.reserved, sum(l.quantity) AS "on lines",
       s.on_hand - s.reserved AS "left, less than a case"
FROM merch.allocation a
JOIN merch.allocation_line l USING (allocation_id)
JOIN merch.item i USING (item_id)
JOIN merch.stock s ON (s.item_id, s.location_id) = (l.item_id, l.source_id)
WHERE a.state = 'active'
GROUP BY i.item_id, s.on_hand, s.reserved
ORDER BY i.item_id;

SELECT count(*) AS differences FROM merch.check_ledger() \gset
\echo Differences that SELECT * FROM merch.check_ledger() finds: :differences

CREATE FUNCTION pg_temp.refusal(statement text, OUT error text, OUT hint text)
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS error = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
END
$$;

\echo
\echo 'And nothing brings them out of balance:'
\echo
\pset tuples_only on
\pset format unaligned
SELECT concat(statement, E'\n    ', r.error, E'\n    hint: ' || nullif(r.hint, ''), E'\n')
FROM (VALUES ('SELECT merch.allocate_promotion(1);'),
             ('UPDATE merch.stock SET reserved = 0;'),
             ('UPDATE merch.stock SET on_hand = 0 WHERE reserved > 0;')) v (statement),
     pg_temp.refusal(statement) r;
