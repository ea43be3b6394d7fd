-- votes on approvals: who may cast them, counting them, and what they decide

CREATE FUNCTION merch.lock_rows(subject regclass, keys text[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    way CONSTANT merch.attached_table := merch.attached(subject);
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM %s t WHERE t.%I = ANY ($1::%s[]) ORDER BY t.%I FOR NO KEY UPDATE) x',
                   subject, way.key_column, way.key_type, way.key_column)
    USING keys;
END
$$;
COMMENT ON FUNCTION merch.lock_rows(regclass, text[]) IS
'Locks rows of an attached table in the order of their keys, as an UPDATE would.';

CREATE FUNCTION merch.approval_makers(approvals bigint[])
RETURNS TABLE (approval_id bigint, person text)
LANGUAGE plpgsql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    way merch.attached_table;
BEGIN
    FOR part IN
        SELECT a.subject, array_agg(a.approval_id) AS ids, array_agg(a.row_key) AS keys
        FROM merch.approval a
        JOIN merch.workflow_table w USING (subject)
        WHERE a.approval_id = ANY (approvals) AND EXISTS (SELECT FROM pg_class c WHERE c.oid = a.subject)
        GROUP BY a.subject
    LOOP
        way := merch.attached(part.subject);
        IF EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = part.subject AND t.attname = 'created_by' AND NOT t.attisdropped) THEN
            RETURN QUERY EXECUTE format(
                'SELECT k.id, t.created_by::text FROM unnest($1, $2::%s[]) k (id, key)
                 JOIN %s t ON t.%I = k.key WHERE t.created_by IS NOT NULL',
                way.key_type, part.subject, way.key_column) USING part.ids, part.keys;
        ELSE
            RETURN QUERY
            SELECT a.approval_id, coalesce(s.actor, a.requested_by)
            FROM merch.approval a
            LEFT JOIN merch.state_change s ON s.subject = a.subject AND s.row_key = a.row_key
                                          AND (s.from_state IS NULL OR s.to_state = a.from_state)
            WHERE a.approval_id = ANY (part.ids);
        END IF;
        IF part.subject = 'merch.promotion'::regclass THEN
            RETURN QUERY
            SELECT k.id, e.editor FROM unnest(part.ids, part.keys::bigint[]) k(id, key)
            JOIN merch.promotion_edit e ON e.promotion_id = k.key;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.approval_makers(bigint[]) IS
'Who made or edited what approvals are about, and so can''t decide: column created_by (in its absence, who inserted the row and who brought it into the state) and merch.promotion_edit. Nothing of tables that are not attached any more.';

CREATE FUNCTION merch.my_delegators(role text)
RETURNS SETOF text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT d.delegator FROM merch.delegation d
    WHERE d.delegate = merch.actor() AND d.role = my_delegators.role AND d.effective @> now()
      AND merch.person_has_role(d.delegator, d.role)
    ORDER BY 1
$$;
COMMENT ON FUNCTION merch.my_delegators(text) IS
'The members of a role for whom who acts may vote now.';

CREATE FUNCTION merch.my_votes(approvals bigint[] DEFAULT NULL)
RETURNS TABLE (approval_id bigint, on_behalf_of text)
LANGUAGE sql STABLE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
    WITH asked AS (
        SELECT a.approval_id, a.role::text AS role
        FROM merch.approval a
        JOIN merch.workflow_table w USING (subject)
        WHERE has_table_privilege(w.subject, 'SELECT') AND a.state = 'open' AND (approvals IS NULL OR a.approval_id = ANY (approvals))
    ), roles AS MATERIALIZED (
        SELECT DISTINCT a.role FROM asked a
    ), mine AS (
        SELECT r.role, NULL::text AS on_behalf_of FROM roles r WHERE merch.actor_has_role(r.role)
        UNION ALL
        SELECT r.role, d.delegator FROM roles r CROSS JOIN LATERAL merch.my_delegators(r.role) d(delegator)
    ), open AS (
        SELECT a.approval_id, m.on_behalf_of FROM asked a JOIN mine m USING (role)
    ), made AS (
        SELECT k.approval_id, k.person FROM merch.approval_makers((SELECT array_agg(DISTINCT o.approval_id) FROM open o)) k
    )
    SELECT DISTINCT ON (o.approval_id) o.approval_id, o.on_behalf_of
    FROM open o
    WHERE NOT EXISTS (SELECT FROM made k WHERE k.approval_id = o.approval_id AND k.person IN (merch.actor(), o.on_behalf_of))
      AND NOT EXISTS (SELECT FROM merch.approval_vote v
                      WHERE v.approval_id = o.approval_id
                        AND (v.voter IN (merch.actor(), o.on_behalf_of) OR v.counts_for IN (merch.actor(), o.on_behalf_of)))
    ORDER BY o.approval_id, o.on_behalf_of NULLS FIRST
$$;
COMMENT ON FUNCTION merch.my_votes(bigint[]) IS
'The open approvals (of those given, of all for null) on which who acts may vote, and for whom: null for themselves. Of tables that they can read.';

-- ----------------------------------------------------------------
-- Guards
-- ----------------------------------------------------------------

CREATE FUNCTION merch.guard_vote()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.voter <> merch.actor() THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%s may not vote as %s', merch.actor(), NEW.voter),
                HINT = 'Leave voter out; to vote for another, name them in on_behalf_of. It takes a row of merch.delegation.';
        ELSIF NEW.reason IS NULL OR NEW.reason !~ '\S' THEN
            RAISE null_value_not_allowed USING
                MESSAGE = format('the vote on approval %s has no reason', NEW.approval_id),
                HINT = 'Every decision says why.';
        END IF;
        NEW.voter := merch.actor();
        NEW.on_behalf_of := nullif(NEW.on_behalf_of, NEW.voter);
        NEW.voted_at := now();
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        -- it goes with its approval
        IF NOT EXISTS (SELECT FROM merch.approval a WHERE a.approval_id = OLD.approval_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE restrict_violation USING
        MESSAGE = CASE TG_OP WHEN 'TRUNCATE' THEN 'cannot truncate votes'
                             ELSE format('cannot %s vote %s on approval %s', lower(TG_OP), OLD.vote_id, OLD.approval_id) END,
        HINT = 'Votes are only added to.';
END
$$;
COMMENT ON FUNCTION merch.guard_vote() IS
'Trigger of merch.approval_vote: who votes is who acts; every vote has a reason, and none is changed or deleted.';

CREATE FUNCTION merch.guard_delegation()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' OR (TG_OP = 'DELETE' AND lower(OLD.effective) <= now()) THEN
        RAISE restrict_violation USING
            MESSAGE = CASE TG_OP WHEN 'TRUNCATE' THEN 'cannot truncate delegations'
                                 ELSE format('cannot delete delegation %s, which has begun', OLD.delegation_id) END,
            HINT = 'Votes may have been cast by it. To end it, set the end of effective.';
    END IF;
    IF (CASE TG_OP WHEN 'INSERT' THEN NEW.delegator ELSE OLD.delegator END) <> merch.actor()
       AND NOT merch.actor_has_role('merch_admin') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s may not delegate for %s',
                             merch.actor(), CASE TG_OP WHEN 'INSERT' THEN NEW.delegator ELSE OLD.delegator END),
            HINT = 'Who is to be stood in for does, or a member of merch_admin.';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSIF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - 'effective' <> to_jsonb(OLD) - 'effective' OR NOT NEW.effective <@ OLD.effective
           OR lower(NEW.effective) <> lower(OLD.effective) THEN
            RAISE restrict_violation USING
                MESSAGE = format('delegation %s can be shortened, not changed', OLD.delegation_id),
                HINT = 'Add another one.';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = NEW.delegate AND r.rolcanlogin) THEN
        RAISE undefined_object USING
            MESSAGE = format('there is no user "%s"', NEW.delegate),
            HINT = 'A delegate is a role that can log in.';
    ELSIF isempty(NEW.effective) OR lower_inf(NEW.effective) OR upper_inf(NEW.effective) OR NOT isfinite(upper(NEW.effective)) THEN
        RAISE check_violation USING
            MESSAGE = format('a delegation is for a period, not for %s', NEW.effective),
            HINT = 'tstzrange(from, until) has both its ends.';
    ELSIF NOT merch.person_has_role(NEW.delegator, NEW.role) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s is not a member of %s', NEW.delegator, NEW.role),
            HINT = 'Members of a role can delegate their votes; what was delegated cannot be delegated further.';
    ELSIF NOT has_any_column_privilege(NEW.delegate, 'merch.approval_vote', 'INSERT') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s may not vote at all', NEW.delegate),
            HINT = format('A delegate needs INSERT on merch.approval_vote, as members of %s have it.', NEW.role);
    END IF;
    NEW.created_by := merch.actor();
    NEW.created_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION merch.guard_delegation() IS
'Trigger of merch.delegation: members of a role delegate for themselves, merch_admin for others; afterwards it can be shortened only.';

CREATE FUNCTION merch.guard_edit()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') AND merch.in_system('merch.promotion_edit') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        IF NOT EXISTS (SELECT FROM merch.promotion p WHERE p.promotion_id = OLD.promotion_id) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('%s may not %s who edited promotions', merch.actor(), lower(TG_OP)),
        HINT = 'The system notes it, and it decides who cannot approve.';
END
$$;
COMMENT ON FUNCTION merch.guard_edit() IS
'Trigger of merch.promotion_edit: only the system writes who edited promotions.';

CREATE FUNCTION merch.guard_maker()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.created_by IS NULL THEN
            NEW.created_by := merch.actor();
            RETURN NEW;
        END IF;
        RAISE insufficient_privilege USING
            MESSAGE = format('%s may not make rows of "%s" in the name of %s', merch.actor(), TG_TABLE_NAME, NEW.created_by),
            HINT = 'Leave created_by out: who makes a row cannot approve it.';
    END IF;
    RAISE restrict_violation USING
        MESSAGE = format('cannot change who made a row of "%s" from %s to %s', TG_TABLE_NAME,
                         coalesce(OLD.created_by, 'NULL'), coalesce(NEW.created_by, 'NULL')),
        HINT = 'Who makes a row cannot approve it, for good.';
END
$$;
COMMENT ON FUNCTION merch.guard_maker() IS
'Trigger of tables with a column created_by whose rows are approved: it is who made the row, and stays.';

-- ----------------------------------------------------------------
-- Counting
-- ----------------------------------------------------------------

CREATE FUNCTION merch.flawed_votes(vote_ids bigint[])
RETURNS TABLE (vote_id bigint, approval_id bigint, voter text, on_behalf_of text, role text, state text, what text, maker text, flaw text)
LANGUAGE sql STABLE ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
    WITH cast_now AS MATERIALIZED (
        SELECT v.vote_id, v.approval_id, v.voter, v.on_behalf_of, v.counts_for, a.role::text AS role, a.state,
               merch.row_name(a.subject, a.row_key) AS what
        FROM merch.approval_vote v JOIN merch.approval a USING (approval_id)
        WHERE v.vote_id = ANY (vote_ids)
    ), made AS MATERIALIZED (
        SELECT DISTINCT * FROM merch.approval_makers((SELECT array_agg(DISTINCT c.approval_id) FROM cast_now c))
    ), roles AS MATERIALIZED (
        SELECT r.role, merch.actor_has_role(r.role) AS mine, ARRAY(SELECT merch.my_delegators(r.role)) AS delegators
        FROM (SELECT DISTINCT c.role FROM cast_now c) r
    ), judged AS (
        SELECT c.*, coalesce(m.person, o.person) AS maker,
               CASE WHEN c.state <> 'open' THEN 'decided'
                    WHEN num_nonnulls(m.person, o.person) > 0 THEN 'made'
                    WHEN c.on_behalf_of IS NULL AND NOT r.mine THEN 'role'
                    WHEN c.on_behalf_of IS NOT NULL AND c.on_behalf_of <> ALL (r.delegators) THEN 'delegation'
                    WHEN EXISTS (SELECT FROM merch.approval_vote e
                                 WHERE e.approval_id = c.approval_id AND e.vote_id <> c.vote_id
                                   AND (e.voter IN (c.voter, c.counts_for) OR e.counts_for IN (c.voter, c.counts_for)))
                    THEN 'twice' END AS flaw
        FROM cast_now c
        JOIN roles r USING (role)
        LEFT JOIN made m ON m.approval_id = c.approval_id AND m.person = c.voter
        LEFT JOIN made o ON o.approval_id = c.approval_id AND o.person = c.counts_for
    )
    SELECT j.vote_id, j.approval_id, j.voter, j.on_behalf_of, j.role, j.state, j.what, j.maker, j.flaw
    FROM judged j WHERE j.flaw IS NOT NULL
$$;
COMMENT ON FUNCTION merch.flawed_votes(bigint[]) IS
'Those of the votes that may not be cast, and why: decided, made, role, delegation or twice. Part of merch.check_votes().';

CREATE FUNCTION merch.check_votes(vote_ids bigint[])
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bad record;
BEGIN
    SELECT * INTO bad FROM merch.flawed_votes(vote_ids) f ORDER BY f.vote_id LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    CASE bad.flaw
        WHEN 'decided' THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = format('approval %s is %s already', bad.approval_id, bad.state),
                HINT = 'merch.approval_overview shows those that are open.';
        WHEN 'made' THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%s may not decide on %s: %s made or edited it', bad.voter, bad.what, bad.maker),
                HINT = format('Another member of %s may.', bad.role);
        WHEN 'role' THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%s may not decide on approval %s of %s', bad.voter, bad.approval_id, bad.what),
                HINT = format('Members of %s may, and to whom they delegate.', bad.role);
        WHEN 'delegation' THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%s may not decide on approval %s of %s on behalf of %s',
                                 bad.voter, bad.approval_id, bad.what, bad.on_behalf_of),
                HINT = format('%s must be a member of %s, and have delegated it to %s for now: merch.delegation.',
                              bad.on_behalf_of, bad.role, bad.voter);
        ELSE
            RAISE unique_violation USING
                MESSAGE = format('%s has voted on approval %s already', CASE WHEN bad.on_behalf_of IS NULL THEN bad.voter
                                     ELSE format('%s, or %s,', bad.voter, bad.on_behalf_of) END, bad.approval_id),
                HINT = 'Nobody counts twice, neither by a delegate nor as one.';
    END CASE;
END
$$;
COMMENT ON FUNCTION merch.check_votes(bigint[]) IS
'Raises an error if one of the votes may not be cast: the approval is not open, or who votes, or is voted for, made or edited the row, lacks the role, or has voted. Part of merch.count_votes().';

CREATE FUNCTION merch.fire_decided(approvals bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    done record;
BEGIN
    FOR done IN
        WITH touched AS (
            SELECT DISTINCT a.subject, a.row_key, a.event, a.from_state, a.subject_version
            FROM merch.approval a WHERE a.approval_id = ANY (approvals)
        ), decided AS (
            SELECT t.subject, t.row_key,
                   CASE WHEN bool_or(a.state = 'declined')
                        THEN (SELECT max(w.event) FROM merch.workflow_transition w
                              JOIN merch.workflow_table b ON b.workflow = w.workflow AND b.subject = t.subject
                              WHERE w.version = t.subject_version AND w.from_state = t.from_state AND w.event IN ('reject', 'decline'))
                        WHEN bool_and(a.state = 'granted') THEN t.event END AS event,
                   bool_or(a.state = 'declined') AS declined, array_agg(a.approval_id) AS ids
            FROM touched t
            JOIN merch.approval a ON a.subject = t.subject AND a.row_key = t.row_key AND a.event = t.event AND a.ended_at IS NULL
            GROUP BY t.subject, t.row_key, t.event, t.from_state, t.subject_version
        )
        SELECT d.subject, d.event, v.reason, array_agg(d.row_key) AS keys
        FROM decided d
        CROSS JOIN LATERAL (
            SELECT string_agg(s.said, '; ' ORDER BY s.first) AS reason
            FROM (SELECT v.voter || coalesce(' for ' || v.on_behalf_of, '') || ': ' || v.reason AS said, min(v.vote_id) AS first
                  FROM merch.approval_vote v
                  WHERE v.approval_id = ANY (d.ids) AND (v.decision = 'decline' OR NOT d.declined)
                  GROUP BY 1) s) v
        WHERE d.event IS NOT NULL
        GROUP BY d.subject, d.event, v.reason
        ORDER BY d.subject, d.event DESC, min(d.ids[1])
    LOOP
        PERFORM merch.fire_as_system(done.subject, done.keys, done.event, done.reason);
    END LOOP;
END
$$;
COMMENT ON FUNCTION merch.fire_decided(bigint[]) IS
'Makes the transitions that approvals decide: the event that waited if all that stand are granted, reject or decline, where the workflow has it, if one is declined. Part of merch.count_votes().';

CREATE FUNCTION merch.count_votes(vote_ids bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked CONSTANT bigint[] := ARRAY(SELECT DISTINCT v.approval_id FROM merch.approval_vote v WHERE v.vote_id = ANY (vote_ids) ORDER BY 1);
    part record;
BEGIN
    -- who changes a row locks it before its approvals, too
    FOR part IN
        SELECT a.subject, array_agg(DISTINCT a.row_key) AS keys
        FROM merch.approval a WHERE a.approval_id = ANY (asked)
        GROUP BY a.subject ORDER BY a.subject
    LOOP
        PERFORM merch.lock_rows(part.subject, part.keys);
        -- also what is asked besides: whether all is granted must not be judged by an older snapshot
        PERFORM FROM merch.approval a
        WHERE a.subject = part.subject AND a.row_key = ANY (part.keys) AND (a.ended_at IS NULL OR a.approval_id = ANY (asked))
        ORDER BY a.approval_id FOR NO KEY UPDATE;
    END LOOP;
    PERFORM merch.check_votes(vote_ids);
    UPDATE merch.approval a
    SET votes = c.approved,
        state = CASE WHEN c.declined > 0 THEN 'declined' WHEN c.approved >= a.needed THEN 'granted' ELSE a.state END
    FROM (SELECT v.approval_id, count(*) FILTER (WHERE v.decision = 'approve') AS approved,
                 count(*) FILTER (WHERE v.decision = 'decline') AS declined
          FROM merch.approval_vote v WHERE v.approval_id = ANY (asked)
          GROUP BY v.approval_id) c
    WHERE a.approval_id = c.approval_id;
    PERFORM merch.fire_decided(asked);
END
$$;
COMMENT ON FUNCTION merch.count_votes(bigint[]) IS
'Checks votes that were cast, counts them, and makes the transitions that they decide. Reaction to rows of merch.approval_vote.';

-- ----------------------------------------------------------------
-- Voting
-- ----------------------------------------------------------------

CREATE FUNCTION merch.vote(approval_id bigint, decision text, reason text, on_behalf_of text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asked merch.approval;
    way merch.attached_table;
    state text;
BEGIN
    SELECT a.* INTO asked FROM merch.approval a WHERE a.approval_id = vote.approval_id;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('approval %s does not exist', coalesce(approval_id::text, 'NULL')),
            HINT = 'merch.approval_overview shows those that are open.';
    END IF;
    INSERT INTO merch.approval_vote (approval_id, on_behalf_of, decision, reason)
    VALUES (vote.approval_id,
            coalesce(vote.on_behalf_of, (SELECT m.on_behalf_of FROM merch.my_votes(ARRAY[vote.approval_id]) m)),
            vote.decision, vote.reason);
    way := merch.attached(asked.subject);
    EXECUTE format('SELECT t.%I FROM %s t WHERE t.%I = $1::%s', way.state_column, asked.subject, way.key_column, way.key_type)
    INTO state USING asked.row_key;
    RETURN state;
END
$$;
COMMENT ON FUNCTION merch.vote(bigint, text, text, text) IS
'Votes on an approval: approve or decline. Part of merch.approve() and merch.decline().';

CREATE FUNCTION merch.approve(approval_id bigint, reason text, on_behalf_of text DEFAULT NULL)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.vote(approval_id, 'approve', reason, on_behalf_of)
$$;
COMMENT ON FUNCTION merch.approve(bigint, text, text) IS
'Approves, and returns the state of the row afterwards: the last vote that is needed makes the transition. Who does not have the role votes for a member who has delegated it to them; on_behalf_of names one.';

CREATE FUNCTION merch.decline(approval_id bigint, reason text, on_behalf_of text DEFAULT NULL)
RETURNS text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT merch.vote(approval_id, 'decline', reason, on_behalf_of)
$$;
COMMENT ON FUNCTION merch.decline(bigint, text, text) IS
'Declines, and returns the state of the row afterwards. One vote is enough; it makes the event reject or decline of the row''s workflow, if there is one from its state.';

CREATE FUNCTION merch.approve_campaign(campaign_id bigint, reason text)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    approved bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM merch.campaign c WHERE c.campaign_id = approve_campaign.campaign_id) THEN
        RAISE no_data_found USING
            MESSAGE = format('campaign %s does not exist', coalesce(campaign_id::text, 'NULL')),
            HINT = 'Its number is in merch.campaign.';
    END IF;
    INSERT INTO merch.approval_vote (approval_id, on_behalf_of, decision, reason)
    SELECT m.approval_id, m.on_behalf_of, 'approve', approve_campaign.reason
    FROM merch.my_votes(ARRAY(
        SELECT a.approval_id
        FROM merch.promotion p
        JOIN merch.approval a ON a.subject = 'merch.promotion'::regclass AND a.row_key = p.promotion_id::text
        WHERE p.campaign_id = approve_campaign.campaign_id AND a.state = 'open')) m
    ORDER BY m.approval_id;
    GET DIAGNOSTICS approved = ROW_COUNT;
    RETURN approved;
END
$$;
COMMENT ON FUNCTION merch.approve_campaign(bigint, text) IS
'Approves all open approvals of a campaign''s promotions on which who acts may vote, and returns how many.';

CREATE FUNCTION merch.forget_approvals()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT timestamptz := now() - merch.setting('merch.history')::interval;
    forgotten bigint;
BEGIN
    DELETE FROM merch.approval a WHERE a.ended_at < before;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    DELETE FROM merch.approval_renewal n WHERE n.requested_at < before;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION merch.forget_approvals() IS
'Deletes approvals with their votes, and renewals, that ended longer ago than the setting merch.history, and returns how many approvals.';
