-- preparation, supply: the allocation of an approved promotion, and its release to the warehouses

-- Whoever cancels several runs locks what belongs to them in the order that execution keeps.
CREATE FUNCTION merch.lock_shipments(allocations bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM merch.allocation a WHERE a.allocation_id = ANY (allocations) ORDER BY a.allocation_id FOR NO KEY UPDATE;
    PERFORM FROM merch.wave w
    WHERE w.wave_id IN (SELECT t.wave_id FROM merch.transfer t
                        WHERE t.allocation_id = ANY (allocations) AND t.state IN ('planned', 'picking'))
    ORDER BY w.source_id, w.ships_on, w.cut_off, w.wave_id FOR NO KEY UPDATE;
    PERFORM FROM merch.transfer t
    WHERE t.allocation_id = ANY (allocations) AND t.state IN ('planned', 'picking')
    ORDER BY t.transfer_id FOR NO KEY UPDATE;
END
$$;
COMMENT ON FUNCTION merch.lock_shipments(bigint[]) IS
'Locks runs, the waves of their open transfers, and these, in that order.';

-- What somebody cancelled after it was prepared is not made again before the promotion changes.
CREATE FUNCTION merch.allocation_work(promotions bigint[])
RETURNS TABLE (promotion_id bigint, allocation_id bigint, policy jsonb, work text)
LANGUAGE sql STABLE ROWS 100
AS $$
    SELECT s.promotion_id, a.allocation_id, a.policy,
           CASE WHEN r.state = 'done' AND (r.period, r.scope) = (s.period, s.scope) THEN 'none'
                WHEN a.allocation_id IS NULL THEN 'allocate'
                WHEN a.state = 'running' THEN 'wait'
                WHEN lower(r.period) <> lower(s.period)
                     AND NOT EXISTS (SELECT
                                     FROM merch.transfer t
                                     JOIN merch.transfer_line l USING (transfer_id)
                                     WHERE t.allocation_id = a.allocation_id AND t.state <> 'cancelled' AND l.picked > 0)
                THEN 'replace'
                WHEN lower(r.period) <> lower(s.period) THEN 'move'
                ELSE 'renew' END
    FROM merch.promotion_scope(promotions) s
    JOIN merch.promotion p USING (promotion_id)
    LEFT JOIN merch.allocation a ON a.promotion_id = s.promotion_id AND a.state <> 'cancelled'
    LEFT JOIN merch.preparation r ON r.promotion_id = s.promotion_id AND r.step = 'allocation'
    WHERE p.state IN ('approved', 'preparing', 'ready', 'live')
    ORDER BY p.starts_on, p.promotion_id
$$;
COMMENT ON FUNCTION merch.allocation_work(bigint[]) IS
'What is to be done with the allocations of promotions, in the order in which these start: none; allocate; wait until a bulk run has written it; replace (the start has moved and nothing is picked); move (it has, and something is picked); renew (anything else has changed). Used by merch.prepare_allocation().';

CREATE FUNCTION merch.withdraw_transfers(allocations bigint[], moved bigint[])
RETURNS bigint
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(merch.cancel_transfer(u.transfer_id))
    FROM (SELECT t.transfer_id
          FROM merch.transfer t
          JOIN merch.allocation a USING (allocation_id)
          WHERE t.allocation_id = ANY (allocations) AND t.state IN ('planned', 'picking')
            AND NOT EXISTS (SELECT FROM merch.transfer_line l WHERE l.transfer_id = t.transfer_id AND l.picked > 0)
            AND (t.allocation_id = ANY (moved)
                 OR NOT EXISTS (SELECT FROM merch.promotion_location p
                                WHERE p.promotion_id = a.promotion_id AND p.location_id = t.location_id)
                 OR EXISTS (SELECT FROM merch.transfer_line l
                            WHERE l.transfer_id = t.transfer_id AND l.units > 0
                              AND NOT EXISTS (SELECT FROM merch.promotion_item i
                                              WHERE i.promotion_id = a.promotion_id AND i.item_id = l.item_id)))
          ORDER BY t.transfer_id) u
$$;
COMMENT ON FUNCTION merch.withdraw_transfers(bigint[], bigint[]) IS
'Cancels those transfers of runs of which nothing is picked and that do not fit their promotions any more: all of the runs that moved, and those to a location or of an item that left. The units are the runs'' again. Returns their number.';

CREATE FUNCTION merch.allocate_known(promotion_id bigint, policy jsonb)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run CONSTANT bigint := merch.make_run(allocate_known.promotion_id, allocate_known.policy);
BEGIN
    IF NOT EXISTS (SELECT
                   FROM merch.promotion_item i
                   JOIN merch.allocation_line l USING (item_id)
                   WHERE i.promotion_id = allocate_known.promotion_id AND l.allocation_id = run AND l.gross_need IS NOT NULL) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('nothing is known of the demand for the items of promotion %s', allocate_known.promotion_id),
            HINT = 'Load merch.forecast for its days, or name another demand_source in merch.policy.';
    END IF;
    RETURN run;
END
$$;
COMMENT ON FUNCTION merch.allocate_known(bigint, jsonb) IS
'merch.allocate_promotion() without scenarios, but an error if no demand is known for any of its items.';

CREATE FUNCTION merch.prepare_allocation(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    work record;
    moved bigint[];
    kept bigint[];
    renewed bigint[];
    fresh bigint[];
    changed bigint[];
BEGIN
    SELECT array_agg(w.allocation_id) FILTER (WHERE w.work IN ('replace', 'move')),
           array_agg(w.allocation_id) FILTER (WHERE w.work IN ('move', 'renew')),
           array_agg(w.promotion_id) FILTER (WHERE w.work IN ('move', 'renew')),
           array_agg(w.promotion_id) FILTER (WHERE w.work IN ('allocate', 'replace')),
           array_agg(w.promotion_id) FILTER (WHERE w.work <> 'none')
    INTO moved, kept, renewed, fresh, changed
    FROM merch.allocation_work(promotions) w;
    PERFORM merch.lock_shipments(coalesce(moved, '{}') || coalesce(kept, '{}'));
    PERFORM merch.withdraw_transfers(kept, coalesce(moved, '{}'));
    FOR work IN SELECT * FROM merch.allocation_work(promotions) w WHERE w.work IN ('wait', 'replace') LOOP
        IF work.work = 'wait' THEN
            RAISE object_in_use USING
                MESSAGE = format('allocation %s of promotion %s is still being written by a bulk run', work.allocation_id, work.promotion_id),
                HINT = 'Wait until it is done, or resume it: merch.run_allocations().';
        END IF;
        PERFORM merch.cancel_allocation(work.allocation_id);
        fresh := array_remove(fresh, work.promotion_id);
        PERFORM merch.lock_sources(ARRAY[work.promotion_id]);
        PERFORM merch.allocate_known(work.promotion_id, work.policy);
    END LOOP;
    IF fresh <> '{}' THEN
        PERFORM merch.lock_sources(fresh);
        PERFORM merch.allocate_known(f.promotion_id, NULL)
        FROM unnest(fresh) WITH ORDINALITY f(promotion_id, place) ORDER BY f.place;
    END IF;
    IF renewed IS NOT NULL THEN
        PERFORM merch.renew_lines(renewed);
    END IF;
    IF changed IS NOT NULL THEN
        PERFORM merch.request_scenarios(changed);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.prepare_allocation(bigint[]) IS
'Allocates promotions that have no open run, and renews the runs of those that have changed: where the start has moved and nothing is picked, by a new run with the same settings; else transfers that do not fit any more are cancelled and the rest is split anew. Scenarios of what is short are left to job scenarios. A step of preparation.';

CREATE FUNCTION merch.cancel_allocations(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    runs CONSTANT bigint[] := ARRAY(SELECT a.allocation_id FROM merch.allocation a
                                    WHERE a.promotion_id = ANY (promotions) AND a.state <> 'cancelled'
                                    ORDER BY a.allocation_id);
BEGIN
    PERFORM merch.lock_shipments(runs);
    PERFORM merch.cancel_allocation(r) FROM unnest(runs) r;
END
$$;
COMMENT ON FUNCTION merch.cancel_allocations(bigint[]) IS
'Cancels the open allocations of promotions: what they hold is given back, transfers of which nothing is picked are cancelled, what is picked goes its way. Part of their cancellation.';

-- A run that holds nothing any more stays what it is; but one whose promotion was ended early would be renewed.
CREATE FUNCTION merch.end_allocations(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.cancel_allocations(array_agg(DISTINCT a.promotion_id))
    FROM merch.allocation a
    JOIN merch.promotion p USING (promotion_id)
    WHERE a.promotion_id = ANY (promotions) AND a.state <> 'cancelled'
      AND (p.ends_on > current_date
           OR EXISTS (SELECT FROM merch.allocation_line l WHERE l.allocation_id = a.allocation_id AND l.reserved > 0))
    HAVING count(*) > 0
$$;
COMMENT ON FUNCTION merch.end_allocations(bigint[]) IS
'Gives back what allocations of promotions still hold, by cancelling them; those that hold nothing stay as they are. Part of the promotions'' end.';

CREATE FUNCTION merch.release_days()
RETURNS int
LANGUAGE sql STABLE
RETURN merch.setting('merch.release_days')::int;
COMMENT ON FUNCTION merch.release_days() IS
'Days before the first goods leave that allocations of approved promotions are released: the setting merch.release_days.';

CREATE FUNCTION merch.due_runs(promotions bigint[] DEFAULT NULL)
RETURNS TABLE (promotion_id bigint, allocation_id bigint)
LANGUAGE sql STABLE ROWS 100
AS $$
    SELECT a.promotion_id, a.allocation_id
    FROM merch.allocation a
    JOIN merch.promotion p USING (promotion_id)
    WHERE (promotions IS NULL OR a.promotion_id = ANY (promotions))
      AND p.state IN ('approved', 'preparing', 'ready', 'live') AND p.ends_on > current_date
      AND a.state IN ('active', 'released')
      AND EXISTS (SELECT
                  FROM merch.promotion_item i
                  JOIN merch.allocation_line l ON l.item_id = i.item_id AND l.allocation_id = a.allocation_id
                  WHERE i.promotion_id = a.promotion_id AND l.quantity > l.released AND l.source_id <> l.location_id
                    AND l.ships_on <= current_date + (SELECT merch.release_days()))
$$;
COMMENT ON FUNCTION merch.due_runs(bigint[]) IS
'Allocations of approved promotions (null: of all) that are to be released: they have units that are not, and whose day to leave is no more than merch.release_days away.';

CREATE FUNCTION merch.prepare_waves(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run bigint;
BEGIN
    FOR run IN SELECT d.allocation_id FROM merch.due_runs(promotions) d ORDER BY d.allocation_id LOOP
        PERFORM merch.release_allocation(run);
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.prepare_waves(bigint[]) IS
'Releases those allocations of promotions that are due to the warehouses. A step of preparation.';

CREATE FUNCTION merch.release_due()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due CONSTANT bigint[] := merch.lock_promotions(ARRAY(SELECT d.promotion_id FROM merch.due_runs() d),
                                                   ARRAY['approved', 'preparing', 'ready', 'live']);
BEGIN
    RETURN cardinality(due) - cardinality(merch.prepare_step('waves', due));
END
$$;
COMMENT ON FUNCTION merch.release_due() IS
'Releases the allocations of approved promotions whose time has come. A job. Returns their number; what fails is kept in merch.preparation and tried again by merch.prepare_pending().';
