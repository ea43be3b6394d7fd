-- digests of prices: folded, rebuilt, and which tables they are of

CREATE FUNCTION merch.lock_price_digests()
RETURNS void
LANGUAGE sql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT pg_advisory_xact_lock(hashtext('merch.price_digest'))
$$;
COMMENT ON FUNCTION merch.lock_price_digests() IS
'Waits until nobody else folds, rebuilds or empties digests. Who changes prices does not take this lock.';

-- Takes what a snapshot sees: what is committed meanwhile stays for the next time.
CREATE FUNCTION merch.fold_price_digests()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    folded bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.price_digest_delta) THEN
        RETURN 0;
    END IF;
    PERFORM merch.lock_price_digests();
    WITH gone AS (
        DELETE FROM merch.price_digest_delta d
        RETURNING d.system_id, d.item_id, d.channel_id, d.block, d.prices, d.digest
    ), change AS (
        SELECT g.system_id, g.item_id, g.channel_id, g.block, sum(g.prices)::bigint AS prices, merch.sum_digest(g.digest) AS digest
        FROM gone g
        GROUP BY g.system_id, g.item_id, g.channel_id, g.block
    )
    MERGE INTO merch.price_digest d
    USING (SELECT * FROM change c ORDER BY c.system_id, c.item_id, c.channel_id, c.block) c
    ON d.system_id = c.system_id AND d.item_id = c.item_id AND d.channel_id = c.channel_id AND d.block = c.block
    WHEN MATCHED AND d.prices + c.prices = 0 AND merch.add_digest(d.digest, c.digest) = '\x00000000000000000000000000000000' THEN
        DELETE
    WHEN MATCHED THEN
        UPDATE SET prices = d.prices + c.prices, digest = merch.add_digest(d.digest, c.digest)
    WHEN NOT MATCHED AND (c.prices <> 0 OR c.digest <> '\x00000000000000000000000000000000') THEN
        INSERT (system_id, item_id, channel_id, block, prices, digest)
        VALUES (c.system_id, c.item_id, c.channel_id, c.block, c.prices, c.digest);
    GET DIAGNOSTICS folded = ROW_COUNT;
    RETURN folded;
END
$$;
COMMENT ON FUNCTION merch.fold_price_digests() IS
'Adds the rows of merch.price_digest_delta to the digests of their leaves, and deletes them; returns how many leaves changed. Job price digests.';

CREATE FUNCTION merch.keep_digests_of(price_table regclass)
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format($trigger$
        CREATE OR REPLACE TRIGGER keep_digest_insert AFTER INSERT ON %1$s
            REFERENCING NEW TABLE AS new_row
            FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
        CREATE OR REPLACE TRIGGER keep_digest_update AFTER UPDATE ON %1$s
            REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
            FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
        CREATE OR REPLACE TRIGGER keep_digest_delete AFTER DELETE ON %1$s
            REFERENCING OLD TABLE AS old_row
            FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
        CREATE OR REPLACE TRIGGER keep_digest_truncate AFTER TRUNCATE ON %1$s
            FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
        $trigger$, price_table);
END
$$;
COMMENT ON FUNCTION merch.keep_digests_of(regclass) IS
'Makes the triggers that keep digests: of merch.published_price, or of a partition of it before it is attached. For the owner of the table.';

-- Every number that has prices, or had them when their digests were kept.
CREATE FUNCTION merch.systems_of_table(price_table regclass)
RETURNS TABLE (system_id int, emptied boolean)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.system_id, (SELECT sum(pg_relation_size(t)) = 0 FROM unnest(s.tables) t)
    FROM (SELECT known.system_id, merch.price_tables(known.system_id) AS tables
          FROM (SELECT d.system_id FROM merch.price_digest d
                UNION
                SELECT d.system_id FROM merch.price_digest_delta d
                UNION
                SELECT b.system_id FROM merch.price_digest_base b) known) s
    WHERE price_table = ANY (s.tables)
$$;
COMMENT ON FUNCTION merch.systems_of_table(regclass) IS
'The systems whose prices may be in a table that has been emptied, and whether all the others that may hold their prices are empty, too.';

-- A system that is new is counted once. Where that is not what is kept, it stays out.
CREATE FUNCTION merch.note_systems(systems bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- who empties a table has these locks in this order
    LOCK TABLE merch.published_price IN ACCESS SHARE MODE;
    PERFORM merch.lock_price_digests();
    DELETE FROM merch.price_digest_base b
    WHERE b.system_id = ANY (systems) AND NOT EXISTS (SELECT FROM merch.system s WHERE s.system_id = b.system_id);
    INSERT INTO merch.price_digest_base (system_id, tables)
    SELECT s.system_id, t.tables
    FROM merch.system s
    CROSS JOIN LATERAL (SELECT merch.price_tables(s.system_id) AS tables) t
    WHERE s.system_id = ANY (systems)
      AND NOT EXISTS (SELECT FROM merch.price_digest_base b WHERE b.system_id = s.system_id)
      AND NOT EXISTS (SELECT FROM merch.tables_without_digests(t.tables))
      AND NOT EXISTS (SELECT FROM merch.verify_leaves(s.system_id));
END
$$;
COMMENT ON FUNCTION merch.note_systems(bigint[]) IS
'Notes which tables the digests of new systems are of, where they agree with their prices; forgets systems that are gone. For reactions.';

CREATE FUNCTION merch.rebuild_leaves(system_id int)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    mended bigint;
    price_table regclass;
BEGIN
    -- who empties a table has these locks in this order
    LOCK TABLE merch.published_price IN ACCESS SHARE MODE;
    FOR price_table IN
        SELECT t FROM merch.tables_without_digests(merch.price_tables(system_id)) t
    LOOP
        PERFORM merch.keep_digests_of(price_table);
    END LOOP;
    PERFORM merch.lock_price_digests();
    -- What is right and what is kept, by one snapshot: what others change meanwhile is in
    -- neither, and comes with its own deltas.
    INSERT INTO merch.price_digest_delta (system_id, item_id, channel_id, block, prices, digest)
    SELECT rebuild_leaves.system_id, v.item_id, v.channel_id, v.block,
           coalesce(v.prices, 0) - coalesce(v.kept_prices, 0),
           merch.subtract_digest(coalesce(v.digest, '\x00000000000000000000000000000000'),
                                 coalesce(v.kept_digest, '\x00000000000000000000000000000000'))
    FROM merch.verify_leaves(rebuild_leaves.system_id) v;
    GET DIAGNOSTICS mended = ROW_COUNT;
    INSERT INTO merch.price_digest_base AS b (system_id, tables)
    VALUES (rebuild_leaves.system_id, merch.price_tables(rebuild_leaves.system_id))
    ON CONFLICT ON CONSTRAINT price_digest_base_pkey DO UPDATE
    SET tables = excluded.tables, kept_since = now();
    RETURN mended;
END
$$;
COMMENT ON FUNCTION merch.rebuild_leaves(int) IS
'Mends the digests of one system, by its number: see merch.rebuild_price_digest().';

CREATE FUNCTION merch.rebuild_price_digest(system text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id int;
    mended bigint := 0;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE invalid_transaction_state USING
            MESSAGE = format('digests cannot be rebuilt in a transaction that is %s', current_setting('transaction_isolation')),
            HINT = 'Its snapshot may be older than what others have mended: use READ COMMITTED.';
    END IF;
    FOR id IN
        SELECT s.system_id FROM merch.system s WHERE system IS NULL
        UNION ALL
        SELECT merch.find_system(system) WHERE system IS NOT NULL
        ORDER BY 1
    LOOP
        mended := mended + merch.rebuild_leaves(id);
    END LOOP;
    PERFORM merch.fold_price_digests();
    RETURN mended;
END
$$;
COMMENT ON FUNCTION merch.rebuild_price_digest(text) IS
'Reads all prices of a system (null: of each), makes its digests what they should be, and keeps them from now on, whatever partitions there are; returns how many leaves were damaged. Nobody has to wait for it. For the owner of the model.';
