-- leaves of prices: read, compared, verified, rebuilt

CREATE FUNCTION merch.find_system(name text)
RETURNS int
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    id int;
BEGIN
    SELECT s.system_id INTO id FROM merch.system s WHERE s.name = find_system.name;
    IF NOT FOUND THEN
        RAISE undefined_object USING
            MESSAGE = format('there is no system %s', coalesce('"' || name || '"', 'null')),
            HINT = format('The systems are: %s. See merch.system.',
                          (SELECT string_agg(quote_ident(s.name), ', ' ORDER BY s.system_id) FROM merch.system s));
    END IF;
    RETURN id;
END
$$;
COMMENT ON FUNCTION merch.find_system(text) IS
'The number of the system with that name; raises an error if there is none.';

CREATE FUNCTION merch.tables_without_digests(tables regclass[])
RETURNS SETOF regclass
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT r.relation
    FROM (SELECT t FROM unnest(tables) t
          UNION
          SELECT a.relid FROM unnest(tables) t CROSS JOIN LATERAL pg_partition_ancestors(t) a(relid)) r(relation)
    -- on INSERT, DELETE, UPDATE and TRUNCATE
    WHERE (SELECT bit_or(t.tgtype) & 60
           FROM pg_trigger t
           WHERE t.tgrelid = r.relation AND t.tgfoid = 'merch.keep_price_digest'::regproc
             AND t.tgenabled IN ('O', 'A')) IS DISTINCT FROM 60
    ORDER BY r.relation::oid
$$;
COMMENT ON FUNCTION merch.tables_without_digests(regclass[]) IS
'Which of these tables, and of those that they are partitions of, lack one of the triggers that keep digests, or have it disabled.';

CREATE FUNCTION merch.digests_are_kept(system_id int)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT
        FROM merch.price_digest_base b
        WHERE b.system_id = digests_are_kept.system_id
          AND b.tables = merch.price_tables(b.system_id)
          AND NOT EXISTS (SELECT FROM merch.tables_without_digests(b.tables)))
$$;
COMMENT ON FUNCTION merch.digests_are_kept(int) IS
'Whether the digests of a system''s leaves are kept: its prices are in the tables that they were last built from, and these have all triggers.';

CREATE FUNCTION merch.kept_leaves(system_id int)
RETURNS TABLE (item_id bigint, channel_id int, block int, prices bigint, digest bytea)
LANGUAGE sql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.item_id, k.channel_id, k.block, sum(k.prices)::bigint, merch.sum_digest(k.digest)
    FROM (SELECT d.item_id, d.channel_id, d.block, d.prices, d.digest
          FROM merch.price_digest d WHERE d.system_id = kept_leaves.system_id
          UNION ALL
          SELECT d.item_id, d.channel_id, d.block, d.prices, d.digest
          FROM merch.price_digest_delta d WHERE d.system_id = kept_leaves.system_id) k
    GROUP BY k.item_id, k.channel_id, k.block
    HAVING sum(k.prices) <> 0 OR merch.sum_digest(k.digest) <> '\x00000000000000000000000000000000'
$$;
COMMENT ON FUNCTION merch.kept_leaves(int) IS
'The leaves of a system by the digests that are kept.';

CREATE FUNCTION merch.counted_leaves(system_id int)
RETURNS TABLE (item_id bigint, channel_id int, block int, prices bigint, digest bytea)
LANGUAGE sql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.item_id, p.channel_id, merch.price_block(p.location_id), count(*),
           merch.price_digest(p.item_id, p.location_id, p.channel_id, p.valid_from, p.valid_to, p.amount, p.currency)
    FROM merch.published_price p
    WHERE p.system_id = counted_leaves.system_id AND p.amount IS NOT NULL
    GROUP BY 1, 2, 3
$$;
COMMENT ON FUNCTION merch.counted_leaves(int) IS
'The leaves of a system by its rows in merch.published_price: reads all of them.';

CREATE FUNCTION merch.verify_leaves(system_id int)
RETURNS TABLE (item_id bigint, channel_id int, block int, kept_prices bigint, kept_digest bytea, prices bigint, digest bytea)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT item_id, channel_id, block, k.prices, k.digest, c.prices, c.digest
    FROM merch.kept_leaves(verify_leaves.system_id) k
    FULL JOIN merch.counted_leaves(verify_leaves.system_id) c USING (item_id, channel_id, block)
    WHERE k.prices IS DISTINCT FROM c.prices OR k.digest IS DISTINCT FROM c.digest
$$;
COMMENT ON FUNCTION merch.verify_leaves(int) IS
'The damaged leaves of a system: those whose kept digest is not that of their rows. Null where there is none, or no row.';

CREATE FUNCTION merch.verify_price_digest(system text)
RETURNS TABLE (item_id bigint, channel_id int, block int, kept_prices bigint, kept_digest bytea, prices bigint, digest bytea)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM merch.verify_leaves(merch.find_system(system)) v ORDER BY v.item_id, v.channel_id, v.block
$$;
COMMENT ON FUNCTION merch.verify_price_digest(text) IS
'Reads all prices of a system, and returns its damaged leaves: those whose kept digest is not that of their rows. merch.rebuild_price_digest() mends them.';

CREATE FUNCTION merch.warn_of_digests(system_id int, trouble text)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text := coalesce((SELECT s.name FROM merch.system s WHERE s.system_id = warn_of_digests.system_id), system_id::text);
BEGIN
    RAISE WARNING USING
        MESSAGE = format('digests of system "%s" %s', name, trouble),
        DETAIL = 'What its leaves hold is counted from its prices.',
        HINT = format('As the owner of the model: SELECT merch.rebuild_price_digest(%L).', name);
END
$$;
COMMENT ON FUNCTION merch.warn_of_digests(int, text) IS
'Warns that digests can''t be used.';

CREATE FUNCTION merch.leaves_of(system_id int)
RETURNS TABLE (item_id bigint, channel_id int, block int, prices bigint, digest bytea)
LANGUAGE plpgsql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
BEGIN
    IF merch.digests_are_kept(system_id) THEN
        RETURN QUERY SELECT * FROM merch.kept_leaves(system_id);
    ELSE
        PERFORM merch.warn_of_digests(system_id, 'are not kept');
        RETURN QUERY SELECT * FROM merch.counted_leaves(system_id);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.leaves_of(int) IS
'The leaves of a system, by its number: see merch.price_leaves().';

CREATE FUNCTION merch.price_leaves(system text)
RETURNS TABLE (item_id bigint, channel_id int, block int, prices bigint, digest bytea)
LANGUAGE sql STABLE ROWS 100000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM merch.leaves_of(merch.find_system(system))
$$;
COMMENT ON FUNCTION merch.price_leaves(text) IS
'The leaves of a system: how many prices each holds, and their digest. Who has the same leaf with the same digest has the same prices in it.';

CREATE FUNCTION merch.differing_kept_leaves(
    left_id int, right_id int, only_channel int,
    OUT item_id bigint, OUT channel_id int, OUT block int
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'merch_differing_kept_leaves'
LANGUAGE C STABLE ROWS 1000 COST 100000;
COMMENT ON FUNCTION merch.differing_kept_leaves(int, int, int) IS
'The leaves in which two systems differ by the digests that are kept, of all channels or of one.';

CREATE FUNCTION merch.differing_leaves_of(left_id int, right_id int, verify boolean DEFAULT false)
RETURNS TABLE (item_id bigint, channel_id int, block int)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $$
DECLARE
    channels CONSTANT int[] := ARRAY(SELECT DISTINCT s.channel_id FROM merch.system s
                                     WHERE s.system_id IN (left_id, right_id) AND s.channel_id IS NOT NULL);
    only_channel CONSTANT int := channels[1];
    damaged bigint;
    id int;
BEGIN
    IF cardinality(channels) = 2 THEN
        RETURN;
    END IF;
    IF verify THEN
        FOREACH id IN ARRAY ARRAY[left_id, right_id] LOOP
            SELECT count(*) INTO damaged FROM merch.verify_leaves(id);
            IF damaged > 0 THEN
                PERFORM merch.warn_of_digests(id, format('are damaged in %s leaves', damaged));
            END IF;
        END LOOP;
        RETURN QUERY
            SELECT coalesce(l.item_id, r.item_id), coalesce(l.channel_id, r.channel_id), coalesce(l.block, r.block)
            FROM merch.counted_leaves(left_id) l
            FULL JOIN merch.counted_leaves(right_id) r
                ON l.item_id = r.item_id AND l.channel_id = r.channel_id AND l.block = r.block
            WHERE (l.prices IS DISTINCT FROM r.prices OR l.digest IS DISTINCT FROM r.digest)
              AND (only_channel IS NULL OR coalesce(l.channel_id, r.channel_id) = only_channel);
    ELSIF merch.digests_are_kept(left_id) AND merch.digests_are_kept(right_id) THEN
        RETURN QUERY SELECT * FROM merch.differing_kept_leaves(left_id, right_id, only_channel);
    ELSE
        RETURN QUERY
            SELECT coalesce(l.item_id, r.item_id), coalesce(l.channel_id, r.channel_id), coalesce(l.block, r.block)
            FROM merch.leaves_of(left_id) l
            FULL JOIN merch.leaves_of(right_id) r
                ON l.item_id = r.item_id AND l.channel_id = r.channel_id AND l.block = r.block
            WHERE (l.prices IS DISTINCT FROM r.prices OR l.digest IS DISTINCT FROM r.digest)
              AND (only_channel IS NULL OR coalesce(l.channel_id, r.channel_id) = only_channel);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.differing_leaves_of(int, int, boolean) IS
'The leaves in which two systems differ, by their numbers: see merch.differing_leaves().';

CREATE FUNCTION merch.differing_leaves(left_system text, right_system text, verify boolean DEFAULT false)
RETURNS TABLE (item_id bigint, channel_id int, block int)
LANGUAGE sql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT * FROM merch.differing_leaves_of(merch.find_system(left_system), merch.find_system(right_system), verify)
$$;
COMMENT ON FUNCTION merch.differing_leaves(text, text, boolean) IS
'The leaves in which two systems differ, by their digests: of all channels, or of the one that one of them shows. With verify they are counted from the prices, and damaged digests warned of.';
