-- approvals: what the rules ask for, when it is asked anew, and what is still missing

CREATE FUNCTION merch.actor_has_role(role text)
RETURNS boolean
LANGUAGE c STABLE STRICT
AS 'MODULE_PATHNAME', 'merch_actor_has_role_sql';
COMMENT ON FUNCTION merch.actor_has_role(text) IS
'Whether who acts has the rights of a role. SECURITY DEFINER functions don''t change it.';

CREATE FUNCTION merch.person_has_role(person text, role text)
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN coalesce(pg_has_role(to_regrole(quote_ident(person)), to_regrole(quote_ident(role)), 'USAGE'), false);
COMMENT ON FUNCTION merch.person_has_role(text, text) IS
'Whether a user has the rights of a role; false if there is no such user or role.';

CREATE FUNCTION merch.owner_of(subject regclass)
RETURNS oid
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN (SELECT c.relowner FROM pg_class c WHERE c.oid = subject);
COMMENT ON FUNCTION merch.owner_of(regclass) IS
'The owner of a table.';

CREATE FUNCTION merch.row_name(subject regclass, row_key text)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
RETURN format('%s %s', coalesce((SELECT c.relname::text FROM pg_class c WHERE c.oid = subject), subject::text), row_key);
COMMENT ON FUNCTION merch.row_name(regclass, text) IS
'A row of a table as errors name it.';

-- ----------------------------------------------------------------
-- Measures of promotions
-- ----------------------------------------------------------------

CREATE FUNCTION merch.expected_units(promotions bigint[])
RETURNS TABLE (promotion_id bigint, item_id bigint, units numeric)
LANGUAGE sql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.promotion_id, i.item_id, sum(coalesce(d.units::numeric, f.units))
    FROM merch.promotion p
    JOIN merch.promotion_item i USING (promotion_id)
    JOIN merch.promotion_location l USING (promotion_id)
    LEFT JOIN merch.demand_plan d USING (item_id, location_id, promotion_id)
    LEFT JOIN LATERAL (
        SELECT sum(f.mean)::numeric AS units
        FROM merch.forecast f
        WHERE f.item_id = i.item_id AND f.location_id = l.location_id AND f.day >= p.starts_on AND f.day < p.ends_on) f
        ON d.units IS NULL
    WHERE p.promotion_id = ANY (promotions)
    GROUP BY i.promotion_id, i.item_id
$$;
COMMENT ON FUNCTION merch.expected_units(bigint[]) IS
'Units of each item that promotions are expected to sell: where they are planned (merch.demand_plan) the plan, else the forecast; null for an item of which neither is known anywhere.';

CREATE FUNCTION merch.promotion_units(promotions bigint[])
RETURNS TABLE (row_key bigint, value numeric)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT u.promotion_id, CASE WHEN count(*) = count(u.units) THEN sum(u.units) END
    FROM merch.expected_units(promotions) u
    GROUP BY u.promotion_id
$$;
COMMENT ON FUNCTION merch.promotion_units(bigint[]) IS
'Measure of promotions: units that they are expected to sell; null if they are not known of every item.';

CREATE FUNCTION merch.money_at_risk(promotions bigint[])
RETURNS TABLE (row_key bigint, value numeric)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.promotion_id, CASE WHEN count(*) = count(s.money) THEN sum(s.money) END
    FROM (SELECT u.promotion_id,
                 CASE WHEN u.units = 0 THEN 0 ELSE u.units * merch.offer_price(i.price, o.reward, o.value) END AS money
          FROM merch.expected_units(promotions) u
          JOIN merch.item i USING (item_id)
          JOIN merch.promotion_item pi USING (promotion_id, item_id)
          LEFT JOIN merch.offer o ON o.promotion_id = pi.promotion_id AND o.offer_id = pi.offer_id) s
    GROUP BY s.promotion_id
$$;
COMMENT ON FUNCTION merch.money_at_risk(bigint[]) IS
'Measure of promotions: what their expected units sell for under their offers; null if units or price of an item are not known.';

CREATE FUNCTION merch.discount_depth(promotions bigint[])
RETURNS TABLE (row_key bigint, value numeric)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.promotion_id, CASE WHEN count(*) = count(d.depth) THEN max(d.depth) END
    FROM (SELECT pi.promotion_id,
                 CASE WHEN o.reward IS NULL OR o.reward = 'feature' OR i.price = 0 THEN 0
                      WHEN o.reward = 'percent_off' THEN o.value
                      ELSE 0 + greatest((1 - merch.offer_price(i.price, o.reward, o.value) / i.price) * 100,
                                        CASE WHEN i.price IS NOT NULL THEN 0 END) END AS depth
          FROM merch.promotion_item pi
          JOIN merch.item i USING (item_id)
          LEFT JOIN merch.offer o ON o.promotion_id = pi.promotion_id AND o.offer_id = pi.offer_id
          WHERE pi.promotion_id = ANY (promotions)) d
    GROUP BY d.promotion_id
$$;
COMMENT ON FUNCTION merch.discount_depth(bigint[]) IS
'Measure of promotions: per cent by which their most reduced item is sold below its regular price; null if that of an item is not known.';

-- ----------------------------------------------------------------
-- Rules
-- ----------------------------------------------------------------

CREATE FUNCTION merch.measure_function(name text)
RETURNS regproc
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_function CONSTANT regprocedure := to_regprocedure(name || '(bigint[])');
    owner oid;
    model_owner CONSTANT oid := merch.owner_of('merch.approval_measure');
BEGIN
    IF found_function IS NULL THEN
        RAISE undefined_function USING
            MESSAGE = format('measure function %s(bigint[]) does not exist', coalesce(name, 'NULL')),
            HINT = 'It is named with its schema, gets the keys of rows and returns a table of row_key bigint and value numeric.';
    END IF;
    SELECT p.proowner INTO owner FROM pg_proc p WHERE p.oid = found_function;
    -- it runs with the rights of the tables' owner
    IF owner <> model_owner AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = owner)
       AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                       WHERE d.classid = 'pg_proc'::regclass AND d.objid = found_function AND d.deptype = 'e' AND e.extname = 'pg_merch') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('measure function %s is not a function of %I, who owns the model', name, pg_get_userbyid(model_owner)),
            HINT = format('It would run with all rights of that role. If it is to: ALTER FUNCTION %s OWNER TO %I.',
                          found_function, pg_get_userbyid(model_owner));
    END IF;
    RETURN found_function::oid::regproc;
END
$$;
COMMENT ON FUNCTION merch.measure_function(text) IS
'The function of a measure. Raises an error if it does not exist, or is nobody''s whose code may run as the owner of the model.';

CREATE FUNCTION merch.guard_measure()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM merch.measure_function(NEW.function);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_measure() IS
'Trigger of merch.approval_measure: refuses functions that do not exist or are not to be trusted.';

CREATE FUNCTION merch.guard_rule()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regrole(quote_ident(NEW.role)) IS NULL THEN
        RAISE undefined_object USING
            MESSAGE = format('rule "%s" asks role "%s", which does not exist', NEW.name, NEW.role),
            HINT = format('CREATE ROLE %I makes it.', NEW.role);
    END IF;
    IF NOT EXISTS (SELECT FROM merch.workflow_transition t
                   WHERE t.workflow = NEW.workflow AND t.event = NEW.event AND t.needs_approval) THEN
        RAISE undefined_object USING
            MESSAGE = format('workflow "%s" has no event "%s" that needs approval', NEW.workflow, NEW.event),
            HINT = coalesce((SELECT 'There is: ' || string_agg(DISTINCT format('"%s"', t.event), ', ') || '.'
                             FROM merch.workflow_transition t WHERE t.workflow = NEW.workflow AND t.needs_approval),
                            'Define a version of it that has: "needs_approval": true.');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_rule() IS
'Trigger of merch.approval_rule: refuses rules for roles and events that do not exist.';

CREATE FUNCTION merch.matching_rules(subject regclass, workflow text, event text, keys text[])
RETURNS TABLE (rule_id bigint, row_key text, value numeric)
LANGUAGE plpgsql STABLE ROWS 1000
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    measured record;
BEGIN
    RETURN QUERY
    SELECT r.rule_id, k.row_key, NULL::numeric
    FROM merch.approval_rule r CROSS JOIN unnest(keys) k(row_key)
    WHERE r.workflow = matching_rules.workflow AND r.event = matching_rules.event AND r.active AND r.measure IS NULL;
    FOR measured IN
        SELECT DISTINCT m.measure, m.function
        FROM merch.approval_rule r
        JOIN merch.approval_measure m USING (workflow, measure)
        WHERE r.workflow = matching_rules.workflow AND r.event = matching_rules.event AND r.active
    LOOP
        IF (merch.attached(subject)).key_type NOT IN ('smallint', 'integer', 'bigint') THEN
            RAISE datatype_mismatch USING
                MESSAGE = format('measure "%s" cannot measure rows of table "%s", whose key is a %s',
                                 measured.measure, subject, (merch.attached(subject)).key_type),
                HINT = 'Measures get keys as bigint[]: make its rules ask always, or give the table a key of type integer.';
        END IF;
        RETURN QUERY EXECUTE format(
            'SELECT r.rule_id, m.row_key::text, m.value
             FROM %s($1::bigint[]) m (row_key, value)
             JOIN merch.approval_rule r ON r.workflow = $2 AND r.event = $3 AND r.measure = $4 AND r.active
             WHERE (m.value > r.above) IS NOT FALSE AND m.row_key::text = ANY ($1)', merch.measure_function(measured.function))
        USING keys, workflow, event, measured.measure;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.matching_rules(regclass, text, text, text[]) IS
'Which active rules an event of rows has to be approved by, as they are now, with what they measure: those that ask always, and those whose limit is exceeded or whose measure is not known.';

-- ----------------------------------------------------------------
-- Asking
-- ----------------------------------------------------------------

CREATE FUNCTION merch.end_approvals(subject regclass, keys text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM merch.approval a
    WHERE a.subject = end_approvals.subject AND a.row_key = ANY (keys) AND a.ended_at IS NULL
    ORDER BY a.approval_id FOR NO KEY UPDATE;
    UPDATE merch.approval a
    SET ended_at = now(), state = CASE a.state WHEN 'open' THEN 'withdrawn' ELSE a.state END
    WHERE a.subject = end_approvals.subject AND a.row_key = ANY (keys) AND a.ended_at IS NULL;
END
$$;
COMMENT ON FUNCTION merch.end_approvals(regclass, text[]) IS
'Ends what is asked about rows: open approvals are withdrawn, none counts any more. For actions and reactions.';

CREATE FUNCTION merch.check_approvable(subject regclass)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner CONSTANT oid := merch.owner_of(subject);
    model_owner CONSTANT oid := merch.owner_of('merch.approval');
BEGIN
    IF owner = model_owner OR (pg_has_role(owner, model_owner, 'USAGE') AND pg_has_role(model_owner, owner, 'USAGE')) THEN
        RETURN;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('rows of table "%s" cannot wait for approval: it is owned by %I and the model by %I',
                         subject, pg_get_userbyid(owner), pg_get_userbyid(model_owner)),
        HINT = format('Approvals are asked for and change the row as the owner: ALTER TABLE %s OWNER TO %I.',
                      subject, pg_get_userbyid(model_owner));
END
$$;
COMMENT ON FUNCTION merch.check_approvable(regclass) IS
'Raises an error if rows of a table can''t wait for approvals because its owner is not the model''s.';

CREATE FUNCTION merch.request_approvals(subject regclass, workflow text, version int, state text, keys text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asking record;
BEGIN
    PERFORM merch.check_approvable(subject);
    PERFORM merch.end_approvals(subject, keys);
    FOR asking IN
        SELECT t.event FROM merch.workflow_transition t
        WHERE t.workflow = request_approvals.workflow AND t.version = request_approvals.version
          AND t.from_state = request_approvals.state AND t.needs_approval
        ORDER BY t.event
    LOOP
        INSERT INTO merch.approval (subject, row_key, from_state, event, subject_version, rule_id, role, needed, measure, value, above, due_at)
        SELECT request_approvals.subject, m.row_key, request_approvals.state, asking.event, request_approvals.version,
               r.rule_id, r.role, r.needed, r.measure, m.value, r.above, now() + r.within
        FROM unnest(keys) WITH ORDINALITY k(row_key, ordinal)
        JOIN merch.matching_rules(request_approvals.subject, request_approvals.workflow, asking.event, keys) m USING (row_key)
        JOIN merch.approval_rule r USING (rule_id)
        ORDER BY k.ordinal, r.rule_id;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.request_approvals(regclass, text, int, text, text[]) IS
'Asks for what the rules want approved of rows that have come into a state. Called when they do.';

CREATE FUNCTION merch.withdraw_approvals(subject regclass, keys text[], state text)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.end_approvals(subject, keys)
$$;
COMMENT ON FUNCTION merch.withdraw_approvals(regclass, text[], text) IS
'Ends what is asked about rows that have left a state. Called when they do.';

CREATE FUNCTION merch.missing_approvals(subject regclass, workflow text, version int, event text, keys text[])
RETURNS TABLE (row_key text, reason text)
LANGUAGE sql STABLE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
    WITH standing AS (
        SELECT a.row_key, a.approval_id, a.role, a.state, a.votes, a.needed
        FROM merch.approval a
        WHERE a.subject = missing_approvals.subject AND a.event = missing_approvals.event AND a.row_key = ANY (keys)
          AND a.ended_at IS NULL AND a.state <> 'withdrawn'
    ), never AS (
        SELECT array_agg(k.row_key) AS keys
        FROM unnest(keys) k(row_key)
        WHERE NOT EXISTS (SELECT FROM standing s WHERE s.row_key = k.row_key)
    )
    SELECT m.row_key, string_agg(m.reason, '; ' ORDER BY m.number)
    FROM (SELECT s.row_key, s.approval_id AS number,
                 CASE s.state
                     WHEN 'open' THEN format('approval by %s is open, %s of %s votes', s.role, s.votes, s.needed)
                     ELSE (SELECT format('%s declined for %s: %s', v.voter, s.role, v.reason)
                           FROM merch.approval_vote v
                           WHERE v.approval_id = s.approval_id AND v.decision = 'decline'
                           ORDER BY v.vote_id LIMIT 1) END AS reason
          FROM standing s
          WHERE s.state <> 'granted'
          UNION ALL
          SELECT r.row_key, u.rule_id, format('%s was not asked by rule "%s"; merch.renew_approvals() asks', u.role, u.name)
          FROM never n
          CROSS JOIN LATERAL merch.matching_rules(missing_approvals.subject, missing_approvals.workflow, missing_approvals.event, n.keys) r
          JOIN merch.approval_rule u USING (rule_id)
          WHERE n.keys IS NOT NULL) m
    GROUP BY m.row_key
$$;
COMMENT ON FUNCTION merch.missing_approvals(regclass, text, int, text, text[]) IS
'Those of the rows whose event may not pass yet, and which approvals are missing. Asked before they pass.';

CREATE FUNCTION merch.ask_again(renewals bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    way merch.attached_table;
    waiting record;
BEGIN
    FOR part IN
        SELECT n.subject, array_agg(DISTINCT n.row_key) AS keys
        FROM merch.approval_renewal n WHERE n.renewal_id = ANY (renewals)
        GROUP BY n.subject ORDER BY n.subject
    LOOP
        way := merch.attached(part.subject);
        PERFORM merch.lock_rows(part.subject, part.keys);
        FOR waiting IN EXECUTE format(
            'SELECT t.%1$I AS state, t.workflow_version AS version, array_agg(t.%2$I::text ORDER BY t.%2$I) AS keys
             FROM %3$s t WHERE t.%2$I = ANY ($1::%4$s[]) GROUP BY 1, 2 ORDER BY 1, 2',
            way.state_column, way.key_column, part.subject, way.key_type) USING part.keys
        LOOP
            PERFORM merch.request_approvals(part.subject, way.workflow, waiting.version, waiting.state, waiting.keys);
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.ask_again(bigint[]) IS
'Withdraws what is asked about rows and asks anew. Reaction to rows of merch.approval_renewal.';

CREATE FUNCTION merch.renew_approvals(subject regclass, keys text[], reason text DEFAULT NULL)
RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO merch.approval_renewal (subject, row_key, reason) SELECT subject, k, reason FROM unnest(keys) k
$$;
COMMENT ON FUNCTION merch.renew_approvals(regclass, text[], text) IS
'Asks anew for approval of rows that wait for it, because they have changed or the rules have: open approvals are withdrawn, votes cast do not count. For actions, reactions and members of merch_admin.';

CREATE FUNCTION merch.guard_renewal()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NOT merch.in_system(NEW.subject) AND NOT merch.actor_has_role('merch_admin') THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%s may not have approvals of %s asked anew', merch.actor(), merch.row_name(NEW.subject, NEW.row_key)),
                HINT = 'Members of merch_admin may; changes of the row do it by themselves.';
        END IF;
        NEW.requested_by := merch.actor();
        NEW.requested_at := now();
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.requested_at < now() - merch.setting('merch.history')::interval THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE restrict_violation USING
        MESSAGE = format('cannot %s what is on record in "%s"', lower(TG_OP), TG_TABLE_NAME),
        HINT = format('Rows are kept for merch.history, %s; merch.forget_approvals() deletes older ones.',
                      merch.setting('merch.history'));
END
$$;
COMMENT ON FUNCTION merch.guard_renewal() IS
'Trigger of merch.approval_renewal: fills in who and when; refuses to change it.';

CREATE FUNCTION merch.check_approval_change(before record, after record)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted record;
BEGIN
    IF before.ended_at IS NOT NULL
       OR (before.approval_id, before.subject, before.row_key, before.from_state, before.event, before.subject_version, before.rule_id,
           before.role, before.needed, before.measure, before.value, before.above, before.requested_by, before.requested_at, before.due_at)
          IS DISTINCT FROM
          (after.approval_id, after.subject, after.row_key, after.from_state, after.event, after.subject_version, after.rule_id,
           after.role, after.needed, after.measure, after.value, after.above, after.requested_by, after.requested_at, after.due_at) THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot change what was asked by approval %s', before.approval_id),
            HINT = 'merch.renew_approvals() asks anew.';
    ELSIF after.state = 'withdrawn' AND after.ended_at IS NULL THEN
        RAISE restrict_violation USING
            MESSAGE = format('cannot withdraw approval %s alone', before.approval_id),
            HINT = 'All that is asked about a row ends when it leaves its state; merch.renew_approvals() asks anew.';
    ELSIF after.votes = before.votes AND (after.state = before.state OR after.state = 'withdrawn') THEN
        RETURN;
    END IF;
    SELECT count(*) FILTER (WHERE v.decision = 'approve') AS approved, count(*) FILTER (WHERE v.decision = 'decline') AS declined
    INTO counted FROM merch.approval_vote v WHERE v.approval_id = before.approval_id;
    IF after.votes <> counted.approved OR (after.state = 'granted' AND counted.approved < after.needed)
       OR (after.state = 'declined' AND counted.declined = 0) THEN
        RAISE restrict_violation USING
            MESSAGE = format('approval %s has %s of %s votes, and %s against it',
                             before.approval_id, counted.approved, after.needed, counted.declined),
            HINT = 'Votes are rows of merch.approval_vote: merch.approve() and merch.decline() cast them.';
    END IF;
END
$$;
COMMENT ON FUNCTION merch.check_approval_change(record, record) IS
'Raises an error if a row of merch.approval may not become another: what was asked stays, and nothing is decided without its votes. Part of merch.guard_approval().';

CREATE FUNCTION merch.guard_approval()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP IN ('DELETE', 'TRUNCATE') THEN
        IF TG_OP = 'DELETE' AND OLD.ended_at < now() - merch.setting('merch.history')::interval THEN
            RETURN OLD;
        END IF;
        RAISE restrict_violation USING
            MESSAGE = CASE TG_OP WHEN 'DELETE' THEN format('cannot delete approval %s', OLD.approval_id) ELSE 'cannot truncate approvals' END,
            HINT = format('They stay on record for merch.history, %s; merch.forget_approvals() deletes older ones.',
                          merch.setting('merch.history'));
    END IF;
    -- guard_workflow knows who may
    IF TG_OP = 'UPDATE' AND NEW.workflow_version <> OLD.workflow_version THEN
        OLD.workflow_version := NEW.workflow_version;
        IF NEW = OLD THEN
            RETURN NEW;
        END IF;
    END IF;
    IF NOT merch.in_system('merch.approval') THEN
        RAISE insufficient_privilege USING
            MESSAGE = CASE TG_OP WHEN 'INSERT' THEN format('%s may not make approvals', merch.actor())
                                 ELSE format('%s may not change approval %s', merch.actor(), OLD.approval_id) END,
            HINT = 'They are asked for when a row comes into a state that waits for them; merch.approve() and merch.decline() decide.';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        PERFORM merch.check_approval_change(OLD, NEW);
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_approval() IS
'Trigger of merch.approval: only the system writes it, and grants nothing without its votes; what was asked stays as it was.';
