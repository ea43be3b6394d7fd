-- revision: what was approved, who changed it since, and what then has to be asked again

CREATE FUNCTION merch.promotion_content(promotions bigint[])
RETURNS TABLE (promotion_id bigint, content jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.promotion_id,
           jsonb_build_object('starts_on', p.starts_on, 'ends_on', p.ends_on, 'opens_at', p.opens_at, 'closes_at', p.closes_at,
                              'time_zone', p.time_zone, 'items', coalesce(i.items, '{}'), 'locations', coalesce(l.locations, '[]'))
    FROM merch.promotion p
    LEFT JOIN (SELECT i.promotion_id,
                      jsonb_object_agg(i.item_id, jsonb_build_object('reward', o.reward, 'value', o.value,
                                                                     'from_quantity', o.from_quantity)) AS items
               FROM merch.promotion_item i
               LEFT JOIN merch.offer o USING (promotion_id, offer_id)
               WHERE i.promotion_id = ANY (promotions)
               GROUP BY i.promotion_id) i USING (promotion_id)
    LEFT JOIN (SELECT l.promotion_id, jsonb_agg(l.location_id ORDER BY l.location_id) AS locations
               FROM merch.promotion_location l
               WHERE l.promotion_id = ANY (promotions)
               GROUP BY l.promotion_id) l USING (promotion_id)
    WHERE p.promotion_id = ANY (promotions)
$$;
COMMENT ON FUNCTION merch.promotion_content(bigint[]) IS
'What promotions are: their period, each item with its offer, and their locations, as it is kept in merch.promotion_version when they are approved.';

CREATE FUNCTION merch.keep_versions(promotions bigint[])
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.promotion_version (promotion_id, revision, content)
    SELECT p.promotion_id, p.revision, c.content
    FROM merch.promotion_content(ARRAY(SELECT a.promotion_id FROM merch.promotion a
                                       WHERE a.promotion_id = ANY (promotions) AND a.state = 'approved')) c
    JOIN merch.promotion p USING (promotion_id)
    ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION merch.keep_versions(bigint[]) IS
'Keeps what promotions are that have just been approved. Reaction to changes of the state of merch.promotion.';

CREATE FUNCTION merch.approved_content(promotions bigint[])
RETURNS TABLE (promotion_id bigint, approved jsonb, content jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.promotion_id, v.content, c.content
    FROM merch.promotion_content(promotions) c
    JOIN (SELECT DISTINCT ON (v.promotion_id) v.promotion_id, v.content
          FROM merch.promotion_version v
          WHERE v.promotion_id = ANY (promotions)
          ORDER BY v.promotion_id, v.revision DESC) v USING (promotion_id)
$$;
COMMENT ON FUNCTION merch.approved_content(bigint[]) IS
'What promotions were when they were last approved, and what they are now; no row for those that never were.';

CREATE FUNCTION merch.days_moved(promotions bigint[])
RETURNS TABLE (row_key bigint, value numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.promotion_id,
           greatest(abs(extract(epoch FROM merch.content_moment(a.content, 'starts_on', 'opens_at')
                                           - merch.content_moment(a.approved, 'starts_on', 'opens_at'))),
                    abs(extract(epoch FROM merch.content_moment(a.content, 'ends_on', 'closes_at')
                                           - merch.content_moment(a.approved, 'ends_on', 'closes_at')))) / 86400
    FROM merch.approved_content(promotions) a
$$;
COMMENT ON FUNCTION merch.days_moved(bigint[]) IS
'Measure of promotions: days by which their start or end, whichever moved further, differs from what was approved.';

CREATE FUNCTION merch.content_moment(content jsonb, day text, hour text)
RETURNS timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN ((content ->> day)::date + (content ->> hour)::time) AT TIME ZONE (content ->> 'time_zone');
COMMENT ON FUNCTION merch.content_moment(jsonb, text, text) IS
'A moment of what merch.promotion_content() returns: that day at that hour.';

-- where the regular price is not known, another reward or value counts as all of it
CREATE FUNCTION merch.price_change(promotions bigint[])
RETURNS TABLE (row_key bigint, value numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.promotion_id, coalesce(max(CASE
               WHEN e.approved = e.content THEN 0
               ELSE coalesce(100 * abs(n.price - b.price) / nullif(b.price, 0), 100)
           END), 0)
    FROM merch.approved_content(promotions) a
    LEFT JOIN LATERAL (SELECT was.key::bigint AS item_id, was.value AS approved, a.content -> 'items' -> was.key AS content
                       FROM jsonb_each(a.approved -> 'items') was
                       WHERE a.content -> 'items' ? was.key) e ON true
    LEFT JOIN merch.item i ON i.item_id = e.item_id
    LEFT JOIN LATERAL merch.offer_price(i.price, e.content ->> 'reward', (e.content ->> 'value')::numeric) n(price) ON true
    LEFT JOIN LATERAL merch.offer_price(i.price, e.approved ->> 'reward', (e.approved ->> 'value')::numeric) b(price) ON true
    GROUP BY a.promotion_id
$$;
COMMENT ON FUNCTION merch.price_change(bigint[]) IS
'Measure of promotions: by how many per cent of what was approved the price of an item was changed, the largest of its items.';

CREATE FUNCTION merch.scope_change(promotions bigint[])
RETURNS TABLE (row_key bigint, value numeric)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT a.promotion_id,
           100.0 * (s.items * s.locations + s.approved_items * s.approved_locations - 2 * s.kept_items * s.kept_locations)
               / greatest(s.approved_items * s.approved_locations, 1)
    FROM merch.approved_content(promotions) a
    CROSS JOIN LATERAL (
        SELECT (SELECT count(*) FROM jsonb_object_keys(a.content -> 'items')) AS items,
               (SELECT count(*) FROM jsonb_object_keys(a.approved -> 'items')) AS approved_items,
               (SELECT count(*) FROM jsonb_object_keys(a.content -> 'items') k WHERE a.approved -> 'items' ? k) AS kept_items,
               jsonb_array_length(a.content -> 'locations') AS locations,
               jsonb_array_length(a.approved -> 'locations') AS approved_locations,
               (SELECT count(*)
                FROM jsonb_array_elements(a.content -> 'locations') l
                JOIN jsonb_array_elements(a.approved -> 'locations') o ON o.value = l.value) AS kept_locations) s
$$;
COMMENT ON FUNCTION merch.scope_change(bigint[]) IS
'Measure of promotions: items at locations that were added or taken away, in per cent of those that were approved.';

CREATE FUNCTION merch.critical_changes(promotions bigint[])
RETURNS TABLE (promotion_id bigint, reason text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    limits record;
BEGIN
    FOR limits IN
        SELECT c.measure, c.above, m.function, m.unit
        FROM merch.critical_change c
        JOIN merch.approval_measure m ON m.workflow = 'promotion' AND m.measure = c.measure
        WHERE c.active
        ORDER BY c.measure
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT m.row_key, format(''%%s: %%s %%s, more than %%s'', $2, round(m.value, 2), $4, $3::float8)
             FROM %s($1) m WHERE m.value > $3', limits.function::regproc)
        USING promotions, limits.measure, limits.above, limits.unit;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.critical_changes(bigint[]) IS
'Which of the promotions differ from what was approved by more than merch.critical_change allows, and in what.';

-- The promotions' rows are locked: they can't be launched while they are changed.
CREATE FUNCTION merch.note_edits(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked text[];
    started bigint[];
    critical bigint[] := '{}';
    changed bigint[];
    why text;
BEGIN
    PERFORM FROM merch.promotion p WHERE p.promotion_id = ANY (promotions) ORDER BY p.promotion_id FOR NO KEY UPDATE;
    INSERT INTO merch.promotion_edit (promotion_id, editor)
    SELECT p.promotion_id, merch.actor() FROM merch.promotion p WHERE p.promotion_id = ANY (promotions)
    ON CONFLICT (promotion_id, editor) DO UPDATE SET edited_at = excluded.edited_at;
    UPDATE merch.promotion p SET revision = p.revision + 1 WHERE p.promotion_id = ANY (promotions);

    SELECT array_agg(p.promotion_id::text) FILTER (WHERE p.state = 'submitted'),
           array_agg(p.promotion_id) FILTER (WHERE p.state IN ('approved', 'preparing', 'ready', 'live'))
    INTO asked, started
    FROM merch.promotion p WHERE p.promotion_id = ANY (promotions);
    IF asked IS NOT NULL THEN
        PERFORM merch.renew_approvals('merch.promotion', asked);
    END IF;
    IF started IS NULL THEN
        RETURN;
    END IF;
    FOR changed, why IN
        SELECT array_agg(r.promotion_id), r.reasons
        FROM (SELECT c.promotion_id, string_agg(c.reason, '; ' ORDER BY c.reason) AS reasons
              FROM merch.critical_changes(started) c
              JOIN merch.promotion p USING (promotion_id)
              WHERE p.state <> 'live'
              GROUP BY c.promotion_id) r
        GROUP BY r.reasons
    LOOP
        PERFORM merch.fire_as_system('merch.promotion', changed::text[], 'change', 'critical change: ' || why);
        critical := critical || changed;
    END LOOP;
    PERFORM merch.prepare_promotions(array_agg(s)) FROM unnest(started) s
    WHERE s <> ALL (critical)
    HAVING count(*) > 0;
END
$$;
COMMENT ON FUNCTION merch.note_edits(bigint[]) IS
'Notes who changed promotions and counts their revision. What is asked is asked anew; what was approved is asked again where the change is critical, and where it is not its preparation is brought in line. Reaction to changes of a promotion''s period, offers and scope.';

CREATE FUNCTION merch.note_scope_edits(promotions bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fixed record;
BEGIN
    -- locked as it will be changed: one that is just going live is waited for, and seen
    PERFORM FROM merch.promotion p WHERE p.promotion_id = ANY (promotions) ORDER BY p.promotion_id FOR NO KEY UPDATE;
    SELECT p.promotion_id, p.state INTO fixed
    FROM merch.promotion p
    WHERE p.promotion_id = ANY (promotions) AND p.state IN ('live', 'ended', 'reconciled', 'closed', 'cancelled')
    ORDER BY p.promotion_id LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('the offers, items and locations of promotion %s cannot change: it is %s', fixed.promotion_id, fixed.state),
            HINT = CASE fixed.state WHEN 'live' THEN 'End it, and make another promotion for the rest of its time.'
                                    ELSE 'Make another promotion.' END;
    END IF;
    PERFORM merch.note_edits(promotions);
END
$$;
COMMENT ON FUNCTION merch.note_scope_edits(bigint[]) IS
'merch.note_edits() for changes of offers, items and locations; an error if one of the promotions is live or over.';

CREATE FUNCTION merch.guard_period()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ends_at timestamptz;
BEGIN
    IF OLD.state IN ('ended', 'reconciled', 'closed', 'cancelled') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('the period of promotion %s cannot change: it is %s', OLD.promotion_id, OLD.state),
            HINT = 'Make another promotion.';
    ELSIF OLD.state = 'live' AND (NEW.starts_on, NEW.opens_at, NEW.time_zone) IS DISTINCT FROM (OLD.starts_on, OLD.opens_at, OLD.time_zone) THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('the start of promotion %s cannot change: it is live', OLD.promotion_id),
            HINT = 'Its end can: set ends_on or closes_at.';
    ELSIF OLD.state = 'live' THEN
        -- computed columns are not there yet
        ends_at := (NEW.ends_on - 1 + NEW.closes_at) AT TIME ZONE NEW.time_zone;
        IF ends_at < now() THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = format('promotion %s is live and cannot have ended at %s', OLD.promotion_id, ends_at),
                HINT = format('To end it now: SELECT merch.fire(''merch.promotion'', ''%s'', ''end'', reason).', OLD.promotion_id);
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_period() IS
'Trigger of merch.promotion: the start of a live promotion does not change, its end not to before now, and nothing of one that is over.';

CREATE FUNCTION merch.guard_promotion()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        IF NOT EXISTS (SELECT FROM merch.promotion p WHERE p.state NOT IN ('draft', 'rejected')) THEN
            RETURN NULL;
        END IF;
        RAISE restrict_violation USING
            MESSAGE = format('cannot truncate "%s": some promotions are more than drafts', TG_TABLE_NAME),
            HINT = 'DELETE what belongs to drafts.';
    END IF;
    RAISE restrict_violation USING
        MESSAGE = format('cannot delete promotion %s: it is %s', OLD.promotion_id, OLD.state),
        HINT = CASE WHEN OLD.state IN ('closed', 'cancelled', 'ended', 'reconciled') THEN 'It stays as a record.'
                    ELSE format('Cancel it: SELECT merch.fire(''merch.promotion'', ''%s'', ''cancel'', reason).', OLD.promotion_id) END;
END
$$;
COMMENT ON FUNCTION merch.guard_promotion() IS
'Trigger of merch.promotion and its scope: only drafts and rejected promotions can be deleted or truncated away.';

CREATE FUNCTION merch.guard_version()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE restrict_violation USING
        MESSAGE = 'what was approved cannot be changed afterwards',
        HINT = 'merch.promotion_version is only added to, when a promotion is approved.';
END
$$;
COMMENT ON FUNCTION merch.guard_version() IS
'Trigger of merch.promotion_version: refuses to change or delete it.';

CREATE FUNCTION merch.changes_since_approval(promotion_id bigint)
RETURNS TABLE (what text, approved text, now text)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH a AS (SELECT * FROM merch.approved_content(ARRAY[changes_since_approval.promotion_id])),
    item AS (
        SELECT coalesce(was.key, is_now.key) AS key, was.value AS approved, is_now.value AS content
        FROM (SELECT e.* FROM a, jsonb_each(a.approved -> 'items') e) was
        FULL JOIN (SELECT e.* FROM a, jsonb_each(a.content -> 'items') e) is_now USING (key)
    ), location AS (
        SELECT coalesce(was.value, is_now.value)::int AS location_id, was.value AS approved, is_now.value AS content
        FROM (SELECT e.* FROM a, jsonb_array_elements(a.approved -> 'locations') e) was
        FULL JOIN (SELECT e.* FROM a, jsonb_array_elements(a.content -> 'locations') e) is_now USING (value)
    )
    SELECT f.what, a.approved ->> f.what, a.content ->> f.what
    FROM a CROSS JOIN unnest(ARRAY['starts_on', 'ends_on', 'opens_at', 'closes_at', 'time_zone']) f(what)
    WHERE a.approved -> f.what IS DISTINCT FROM a.content -> f.what
    UNION ALL
    (SELECT 'item ' || i.key,
            CASE WHEN i.approved IS NOT NULL THEN coalesce(concat_ws(' ', i.approved ->> 'reward', i.approved ->> 'value'), '') END,
            CASE WHEN i.content IS NOT NULL THEN coalesce(concat_ws(' ', i.content ->> 'reward', i.content ->> 'value'), '') END
     FROM item i
     WHERE i.approved IS DISTINCT FROM i.content
     ORDER BY i.key::bigint)
    UNION ALL
    (SELECT 'location ' || l.location_id,
            CASE WHEN l.approved IS NOT NULL THEN 'in scope' END, CASE WHEN l.content IS NOT NULL THEN 'in scope' END
     FROM location l
     WHERE l.approved IS NULL OR l.content IS NULL
     ORDER BY l.location_id)
$$;
COMMENT ON FUNCTION merch.changes_since_approval(bigint) IS
'What differs between a promotion as it was last approved and as it is: its period, items with their offers, locations; null where it was or is not part of it.';
