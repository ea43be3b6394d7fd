-- bulk: many promotions, or all changed items, in slices that each commit

CREATE FUNCTION merch.check_own_transaction(caller text)
RETURNS void
AS 'MODULE_PATHNAME', 'merch_check_own_transaction'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION merch.check_own_transaction(text) IS
'Raises an error if the session is in a transaction block, in which the calling procedure could not commit.';

CREATE FUNCTION merch.batch_lock(batch_id bigint)
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (batch_id & 2147483647)::int;
COMMENT ON FUNCTION merch.batch_lock(bigint) IS
'Second key of the advisory lock of a batch: who works at it holds it shared, who decides about it alone. The first is hashtext(''merch.batch'').';

-- Runs for promotions, where they can be allocated. What can't is noted and skipped.
CREATE FUNCTION merch.start_runs(batch_id bigint, promotions bigint[], within_days int)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    reason text;
BEGIN
    FOR id IN
        WITH due AS (
            SELECT p.promotion_id
            FROM merch.promotion p
            WHERE promotions IS NULL AND p.ends_on > current_date
              AND (within_days IS NULL OR p.starts_on <= current_date + within_days)
              AND NOT EXISTS (SELECT FROM merch.allocation a
                              WHERE a.promotion_id = p.promotion_id AND a.state <> 'cancelled')
            UNION
            SELECT asked FROM unnest(promotions) asked WHERE asked IS NOT NULL)
        SELECT due.promotion_id FROM due ORDER BY due.promotion_id
    LOOP
        -- one run at a time for a promotion: the second waits here and then sees the first
        PERFORM FROM merch.promotion p WHERE p.promotion_id = id FOR NO KEY UPDATE;
        reason := NULL;
        BEGIN
            PERFORM merch.check_allocatable(id);
        EXCEPTION WHEN no_data_found OR object_not_in_prerequisite_state THEN
            GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        END;
        INSERT INTO merch.batch_run (batch_id, promotion_id, allocation_id, reason)
        VALUES (start_runs.batch_id, id, CASE WHEN reason IS NULL THEN merch.open_run(id, NULL, 'running') END, reason);
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.start_runs(bigint, bigint[], int) IS
'Makes a run in state running for each promotion that a batch is to allocate. Used by merch.start_batch().';

-- Cuts the items into ranges of about slice_lines lines. How many lines an item has is
-- known at once only as an upper bound (locations of its promotions); which share of that
-- is ranged, a sample of at most 100 items says.
CREATE FUNCTION merch.cut_blocks(batch_id bigint, dirty boolean, slice_lines bigint, promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    WITH place AS MATERIALIZED (
        SELECT l.promotion_id, count(*) AS locations
        FROM merch.promotion_location l
        WHERE l.promotion_id = ANY (promotions)
        GROUP BY l.promotion_id
    ), bound AS MATERIALIZED (
        SELECT i.item_id, sum(p.locations)::numeric AS lines, row_number() OVER (ORDER BY i.item_id) AS number
        FROM merch.promotion_item i
        JOIN place p USING (promotion_id)
        WHERE NOT dirty
        GROUP BY i.item_id
        UNION ALL
        -- one that is in no promotion may still be in a run: it counts as one line
        SELECT b.item_id, coalesce(sum(p.locations), 1)::numeric, row_number() OVER (ORDER BY b.item_id)
        FROM merch.batch_item b
        LEFT JOIN merch.promotion_item i USING (item_id)
        LEFT JOIN place p USING (promotion_id)
        WHERE dirty AND b.batch_id = cut_blocks.batch_id
        GROUP BY b.item_id
    ), sample AS MATERIALIZED (
        SELECT b.item_id, b.lines
        FROM bound b
        WHERE b.number % (SELECT count(*) / 100 + 1 FROM bound) = 0
    ), density AS (
        SELECT (SELECT count(*)::numeric
                FROM sample s
                JOIN merch.promotion_item i USING (item_id)
                JOIN merch.promotion_location l USING (promotion_id)
                JOIN merch.ranging r USING (item_id, location_id)
                WHERE i.promotion_id = ANY (promotions)) / (SELECT sum(s.lines) FROM sample s) AS share
    ), estimate AS (
        SELECT b.item_id, b.lines * coalesce(d.share, 1) AS lines,
               sum(b.lines * coalesce(d.share, 1)) OVER (ORDER BY b.item_id) AS upto
        FROM bound b
        CROSS JOIN density d
    ), block AS (
        SELECT min(e.item_id) AS item_from, max(e.item_id) AS item_to, sum(e.lines) AS lines
        FROM estimate e
        GROUP BY ceil(e.upto / slice_lines)
    )
    INSERT INTO merch.batch_block (batch_id, block, item_from, item_to, expected_lines)
    SELECT cut_blocks.batch_id, row_number() OVER (ORDER BY k.item_from), k.item_from, k.item_to, round(k.lines)
    FROM block k
$$;
COMMENT ON FUNCTION merch.cut_blocks(bigint, boolean, bigint, bigint[]) IS
'Makes the blocks of a batch over promotions, or over the items that it owes. Used by merch.start_batch().';

CREATE FUNCTION merch.start_batch(promotions bigint[], within_days int, dirty boolean, slice_lines bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id bigint;
    items bigint[];
    targets bigint[];
BEGIN
    IF dirty THEN
        items := merch.take_dirty();
        targets := merch.open_promotions(items);
    END IF;
    INSERT INTO merch.batch (dirty, slice_lines) VALUES (dirty, slice_lines)
    RETURNING batch.batch_id INTO id;
    IF dirty THEN
        INSERT INTO merch.batch_item (item_id, batch_id) SELECT i, id FROM unnest(items) i;
    ELSE
        PERFORM merch.start_runs(id, promotions, within_days);
        SELECT coalesce(array_agg(r.promotion_id), '{}') INTO targets
        FROM merch.batch_run r WHERE r.batch_id = id AND r.allocation_id IS NOT NULL;
    END IF;
    PERFORM merch.cut_blocks(id, dirty, slice_lines, targets);
    IF NOT EXISTS (SELECT FROM merch.batch_run r WHERE r.batch_id = id)
        AND NOT EXISTS (SELECT FROM merch.batch_block k WHERE k.batch_id = id) THEN
        DELETE FROM merch.batch b WHERE b.batch_id = id;
        RETURN NULL;
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION merch.start_batch(bigint[], int, boolean, bigint) IS
'Makes a batch with its runs and blocks; null if there is nothing to do. Used by merch.run_allocations().';

CREATE FUNCTION merch.do_block(batch_id bigint, dirty boolean, item_from bigint, item_to bigint)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := do_block.batch_id;
    promotions bigint[];
BEGIN
    IF dirty THEN
        RETURN merch.renew_items(ARRAY(
            SELECT b.item_id
            FROM merch.batch_item b
            WHERE b.batch_id = id AND b.item_id BETWEEN item_from AND item_to
            ORDER BY b.item_id));
    END IF;
    -- a run that was cancelled by itself gets no more lines
    promotions := ARRAY(
        SELECT r.promotion_id
        FROM merch.batch_run r
        JOIN merch.allocation a USING (allocation_id)
        WHERE r.batch_id = id AND a.state = 'running'
          AND EXISTS (SELECT FROM merch.promotion_item i
                      WHERE i.promotion_id = r.promotion_id AND i.item_id BETWEEN item_from AND item_to)
        ORDER BY r.promotion_id);
    -- items that share capacity are split together, when the batch ends
    promotions := ARRAY(SELECT unnest(promotions) EXCEPT SELECT merch.coupled_promotions(promotions) ORDER BY 1);
    IF promotions = '{}' THEN
        RETURN 0;
    END IF;
    RETURN merch.insert_lines(promotions, item_from, item_to);
END
$$;
COMMENT ON FUNCTION merch.do_block(bigint, boolean, bigint, bigint) IS
'Does the work of one block of a batch; returns the lines written or changed. Used by merch.work_block().';

-- A block's row is locked while it is done, and marked with its lines in one transaction:
-- a crash at any moment leaves it waiting and nothing of it written.
CREATE FUNCTION merch.work_block(batch_id bigint)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := work_block.batch_id;
    batch record;
    job record;
    started CONSTANT timestamptz := clock_timestamp();
    written bigint;
    message text;
    detail text;
    hint text;
    code text;
    again boolean;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('merch.batch'), merch.batch_lock(id));
    SELECT * INTO batch FROM merch.batch b WHERE b.batch_id = id AND b.state = 'running';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT * INTO job
    FROM merch.batch_block k
    WHERE k.batch_id = id AND k.state = 'waiting'
    ORDER BY k.block
    LIMIT 1
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    BEGIN
        written := merch.do_block(id, batch.dirty, job.item_from, job.item_to);
        DELETE FROM merch.batch_item b
        WHERE batch.dirty AND b.batch_id = id AND b.item_id BETWEEN job.item_from AND job.item_to;
        UPDATE merch.batch_block k
        SET state = 'done', attempts = k.attempts + 1, lines = written, pid = pg_backend_pid(),
            started_at = started, ended_at = clock_timestamp(), error = NULL, error_code = NULL
        WHERE k.batch_id = id AND k.block = job.block;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
                                hint = PG_EXCEPTION_HINT, code = RETURNED_SQLSTATE;
        -- deadlocks and the like: three times
        again := job.attempts < 2 AND (code LIKE '40%' OR code = '55P03');
        UPDATE merch.batch_block k
        SET state = CASE WHEN again THEN 'waiting' ELSE 'failed' END, attempts = k.attempts + 1, pid = pg_backend_pid(),
            started_at = started, ended_at = clock_timestamp(),
            error = merch.error_text(message, detail, hint), error_code = code
        WHERE k.batch_id = id AND k.block = job.block;
    END;
    RETURN true;
END
$$;
COMMENT ON FUNCTION merch.work_block(bigint) IS
'Does one block of a batch that waits and that nobody else is doing; false if there is none. Commit after each. Called by merch.complete_batch() and by background workers.';

CREATE FUNCTION merch.finish_batch(batch_id bigint)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := finish_batch.batch_id;
    batch record;
    coupled bigint[];
BEGIN
    -- waits for those who are at a block
    PERFORM pg_advisory_xact_lock(hashtext('merch.batch'), merch.batch_lock(id));
    SELECT * INTO batch FROM merch.batch b WHERE b.batch_id = id FOR NO KEY UPDATE;
    IF batch.state <> 'running' THEN
        RETURN true;
    END IF;
    IF EXISTS (SELECT FROM merch.batch_block k WHERE k.batch_id = id AND k.state = 'waiting') THEN
        RETURN false;
    END IF;
    IF EXISTS (SELECT FROM merch.batch_block k WHERE k.batch_id = id AND k.state = 'failed') THEN
        UPDATE merch.batch b SET state = 'failed' WHERE b.batch_id = id;
        RETURN true;
    END IF;

    UPDATE merch.allocation a SET state = 'active'
    FROM merch.batch_run r
    WHERE r.batch_id = id AND a.allocation_id = r.allocation_id AND a.state = 'running';
    coupled := ARRAY(
        SELECT c
        FROM merch.coupled_promotions(ARRAY(
            SELECT r.promotion_id
            FROM merch.batch_run r
            JOIN merch.allocation a USING (allocation_id)
            WHERE r.batch_id = id AND a.state = 'active')) c
        ORDER BY c);
    IF coupled <> '{}' THEN
        PERFORM merch.renew_lines(coupled);
    END IF;
    PERFORM merch.give_back_items(id);
    UPDATE merch.batch b SET state = 'done', ended_at = clock_timestamp() WHERE b.batch_id = id;
    RETURN true;
END
$$;
COMMENT ON FUNCTION merch.finish_batch(bigint) IS
'Ends a batch none of whose blocks is waiting: its runs become active, the lines of promotions that share capacity are written, and it is done, or failed if a block is; false if blocks are waiting. Used by merch.complete_batch().';

CREATE FUNCTION merch.give_back_items(batch_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    items bigint[];
BEGIN
    WITH gone AS (DELETE FROM merch.batch_item b WHERE b.batch_id = give_back_items.batch_id RETURNING b.item_id)
    SELECT array_agg(g.item_id) INTO items FROM gone g;
    IF items IS NOT NULL THEN
        PERFORM merch.mark_dirty(items);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.give_back_items(bigint) IS
'Puts what a batch owes into the queue of changed items. Used by merch.finish_batch() and merch.cancel_batch().';

CREATE FUNCTION merch.check_batch(batch_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := check_batch.batch_id;
    batch record;
    failed record;
BEGIN
    SELECT * INTO batch FROM merch.batch b WHERE b.batch_id = id;
    IF batch.state = 'cancelled' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('batch %s was cancelled', id);
    END IF;
    IF batch.state = 'failed' THEN
        SELECT count(*) FILTER (WHERE k.state = 'failed') AS number, count(*) AS blocks,
               (array_agg(k.error ORDER BY k.block) FILTER (WHERE k.state = 'failed'))[1] AS error,
               (array_agg(k.error_code ORDER BY k.block) FILTER (WHERE k.state = 'failed'))[1] AS code
        INTO failed
        FROM merch.batch_block k WHERE k.batch_id = id;
        RAISE EXCEPTION USING
            ERRCODE = failed.code,
            MESSAGE = format('%s of %s blocks of batch %s failed', failed.number, failed.blocks, id),
            DETAIL = failed.error,
            HINT = format('The other blocks are done. Once what is wrong is put right: CALL merch.resume_batch(%s). To give all back: SELECT merch.cancel_batch(%s).', id, id);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_batch(bigint) IS
'Raises an error, with that of the first failed block, if a batch has failed or was cancelled. Used by merch.resume_batch().';

CREATE FUNCTION merch.reopen_batch(batch_id bigint, workers int)
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := reopen_batch.batch_id;
    batch record;
BEGIN
    IF workers IS NULL OR workers < 0 OR workers > 1000 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('workers must be from 0 to 1000: %s', coalesce(workers::text, 'NULL')),
            HINT = 'With 0 the calling session does the work itself.';
    END IF;
    SELECT * INTO batch FROM merch.batch b WHERE b.batch_id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('batch %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The batches are the rows of merch.progress.';
    END IF;
    IF batch.state IN ('done', 'cancelled') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('batch %s is already %s', id, batch.state),
            DETAIL = format('It was %s at %s.', batch.state, batch.ended_at),
            HINT = 'merch.run_allocations() starts a new one.';
    END IF;
    UPDATE merch.batch_block k SET state = 'waiting', attempts = 0
    WHERE k.batch_id = id AND k.state = 'failed';
    UPDATE merch.batch b SET state = 'running' WHERE b.batch_id = id AND b.state <> 'running';
    RETURN workers > 0;
END
$$;
COMMENT ON FUNCTION merch.reopen_batch(bigint, int) IS
'Makes the failed blocks of a batch wait again, and checks that it can go on; returns whether workers are wanted. Used by merch.complete_batch().';

CREATE PROCEDURE merch.run_workers(batch_id bigint, workers int)
AS 'MODULE_PATHNAME', 'merch_run_workers'
LANGUAGE C;
COMMENT ON PROCEDURE merch.run_workers(bigint, int) IS
'Starts background workers that do the blocks of a batch, with the user and the settings of this session, and waits until they end. Used by merch.complete_batch().';

-- Procedures that commit can have no search_path of their own: they leave all that has an
-- operator to functions, which have.
CREATE PROCEDURE merch.complete_batch(batch_id bigint, workers int)
LANGUAGE plpgsql
AS $$
BEGIN
    IF merch.reopen_batch(batch_id, workers) THEN
        COMMIT;
        CALL merch.run_workers(batch_id, workers);
    END IF;
    -- the whole work, or what workers that died have left
    LOOP
        LOOP
            COMMIT;
            SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
            EXIT WHEN NOT merch.work_block(batch_id);
        END LOOP;
        EXIT WHEN merch.finish_batch(batch_id);
    END LOOP;
    COMMIT;
END
$$;
COMMENT ON PROCEDURE merch.complete_batch(bigint, int) IS
'Does what is left of a batch, and leaves it done, failed or, if another session cancelled it, cancelled. Used by merch.resume_batch() and merch.run_allocations().';

CREATE PROCEDURE merch.resume_batch(batch_id bigint, workers int DEFAULT 0)
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM merch.check_own_transaction('merch.resume_batch');
    CALL merch.complete_batch(batch_id, workers);
    PERFORM merch.check_batch(batch_id);
END
$$;
COMMENT ON PROCEDURE merch.resume_batch(bigint, int) IS
'Does what is left of a batch that was cut off or has failed, in slices that each commit, with background workers if any are asked for. No slice is done twice.';

CREATE FUNCTION merch.check_bulk_arguments(promotions bigint[], within_days int, dirty boolean, workers int, slice_lines bigint)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF slice_lines IS NULL OR slice_lines < 1 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('slice_lines must be at least 1: %s', coalesce(slice_lines::text, 'NULL')),
            HINT = 'It is about how many lines are written in one transaction.';
    END IF;
    IF within_days < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('within_days must not be negative: %s', within_days),
            HINT = 'Use 0 for promotions that start today or are under way, NULL for all that have not ended.';
    END IF;
    IF workers IS NULL OR workers < 0 OR workers > 1000 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('workers must be from 0 to 1000: %s', coalesce(workers::text, 'NULL')),
            HINT = 'With 0 the calling session does the work itself.';
    END IF;
    IF dirty IS NULL OR (dirty AND (promotions IS NOT NULL OR within_days IS NOT NULL)) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = CASE WHEN dirty THEN 'dirty items are allocated for all their promotions' ELSE 'dirty must not be null' END,
            HINT = 'Leave promotions and within_days NULL with dirty.';
    END IF;
    IF array_position(promotions, NULL) IS NOT NULL THEN
        RAISE null_value_not_allowed USING
            MESSAGE = 'promotions must not contain null',
            HINT = 'NULL instead of an array stands for all that are due.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_bulk_arguments(bigint[], int, boolean, int, bigint) IS
'Raises an error if merch.run_allocations() can''t be called with these arguments.';

CREATE FUNCTION merch.unfinished_batches(promotions bigint[], dirty boolean)
RETURNS bigint[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(b.batch_id ORDER BY b.batch_id), '{}')
    FROM merch.batch b
    WHERE b.state IN ('running', 'failed') AND b.dirty = unfinished_batches.dirty
      AND (promotions IS NULL
           OR EXISTS (SELECT FROM merch.batch_run r
                      WHERE r.batch_id = b.batch_id AND r.allocation_id IS NOT NULL AND r.promotion_id = ANY (promotions)))
$$;
COMMENT ON FUNCTION merch.unfinished_batches(bigint[], boolean) IS
'Batches, of promotions or of dirty items, that were cut off, have failed, or are being done by others. Used by merch.run_allocations().';

CREATE PROCEDURE merch.run_allocations(
    promotions bigint[] DEFAULT NULL,
    within_days int DEFAULT NULL,
    dirty boolean DEFAULT false,
    workers int DEFAULT 0,
    slice_lines bigint DEFAULT 100000,
    INOUT batch_id bigint DEFAULT NULL
)
LANGUAGE plpgsql
AS $$
DECLARE
    unfinished bigint[];
    started bigint;
BEGIN
    PERFORM merch.check_own_transaction('merch.run_allocations');
    PERFORM merch.check_bulk_arguments(promotions, within_days, dirty, workers, slice_lines);
    batch_id := NULL;
    unfinished := merch.unfinished_batches(promotions, dirty);
    FOREACH batch_id IN ARRAY unfinished LOOP
        CALL merch.complete_batch(batch_id, workers);
    END LOOP;
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    started := merch.start_batch(promotions, within_days, dirty, slice_lines);
    IF started IS NOT NULL THEN
        batch_id := started;
        COMMIT;
        CALL merch.complete_batch(batch_id, workers);
        PERFORM merch.check_batch(batch_id);
    END IF;
    -- an older batch that fails again must not keep the new one from being done
    FOREACH started IN ARRAY unfinished LOOP
        PERFORM merch.check_batch(started);
    END LOOP;
END
$$;
COMMENT ON PROCEDURE merch.run_allocations(bigint[], int, boolean, int, bigint, bigint) IS
'Allocates all promotions that are due (within_days before they start; or those given), or allocates all dirty items anew, in slices of about slice_lines lines that each commit, with as many background workers as asked for. First finishes what an earlier call left. Returns the batch, null if nothing was to be done; merch.progress shows how far it is.';

CREATE FUNCTION merch.cancel_batch(batch_id bigint)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id CONSTANT bigint := cancel_batch.batch_id;
    batch record;
BEGIN
    -- waits for the blocks that are being done; no other is begun then
    PERFORM pg_advisory_xact_lock(hashtext('merch.batch'), merch.batch_lock(id));
    SELECT * INTO batch FROM merch.batch b WHERE b.batch_id = id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('batch %s does not exist', coalesce(id::text, 'NULL')),
            HINT = 'The batches are the rows of merch.progress.';
    END IF;
    IF batch.state IN ('done', 'cancelled') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('batch %s is already %s', id, batch.state),
            DETAIL = format('It was %s at %s.', batch.state, batch.ended_at),
            HINT = CASE batch.state WHEN 'done' THEN 'merch.cancel_allocation() gives a single run back.' END;
    END IF;
    PERFORM merch.cancel_allocation(a.allocation_id)
    FROM (SELECT a.allocation_id
          FROM merch.batch_run r
          JOIN merch.allocation a USING (allocation_id)
          WHERE r.batch_id = id AND a.state <> 'cancelled'
          ORDER BY a.allocation_id) a;
    PERFORM merch.give_back_items(id);
    UPDATE merch.batch b SET state = 'cancelled', ended_at = clock_timestamp() WHERE b.batch_id = id;
END
$$;
COMMENT ON FUNCTION merch.cancel_batch(bigint) IS
'Gives a batch back that is not done: cancels its runs, or puts the dirty items that it has not done into the queue again. Waits for blocks that are being done.';
