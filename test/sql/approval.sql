-- approvals: who is asked, who may vote, what the votes decide, and that raw SQL changes none of it
BEGIN;
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
-- what is prepared when it is approved is another test's matter
SET client_min_messages = error;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name, price, cost) VALUES (1, 'juice', 4, 2), (2, 'milk', 2, 1), (3, 'tea', NULL, 1), (4, 'free', 0, 0);
INSERT INTO merch.location (location_id, kind, name) VALUES (1, 'store', 'A'), (2, 'store', 'B');
INSERT INTO merch.campaign (campaign_id, name) VALUES (1, 'leaflet');
CREATE ROLE merch_test_ann LOGIN IN ROLE merch_merchandiser;
CREATE ROLE merch_test_bob LOGIN IN ROLE merch_merchandiser, merch_finance;
CREATE ROLE merch_test_cat LOGIN IN ROLE merch_merchandiser, merch_pricing;
CREATE ROLE merch_test_dan LOGIN IN ROLE merch_finance;
CREATE ROLE merch_test_eve LOGIN IN ROLE merch_viewer;
CREATE ROLE merch_test_fay LOGIN IN ROLE merch_admin;
-- rights are another test's matter: what refuses here is not a missing GRANT
GRANT USAGE ON SCHEMA merch TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA merch TO PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA merch TO PUBLIC;
CREATE VIEW pg_temp.asked AS
SELECT approval_id, row_key, event, role, measure, round(value, 2) AS value, above, needed, votes, state, ended_at IS NULL AS standing, requested_by
FROM merch.approval ORDER BY 1;
CREATE VIEW pg_temp.changes AS
SELECT row_key, event, from_state, to_state, actor, reason FROM merch.state_change
WHERE subject = 'merch.promotion'::regclass AND from_state IS NOT NULL ORDER BY change_id;
CREATE FUNCTION pg_temp.id(text, text) RETURNS bigint LANGUAGE sql AS
$$SELECT approval_id FROM merch.approval WHERE row_key = $1 AND role = $2 AND ended_at IS NULL$$;
GRANT SELECT ON pg_temp.asked, pg_temp.changes TO PUBLIC;

\echo
\echo what is measured: 3 is planned, the rest forecast; what is not known of one item is not known of the promotion
SET ROLE merch_test_ann;
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on)
SELECT p, 1, 'week ' || p, '2090-01-01', '2090-01-08' FROM generate_series(1, 6) p;
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES
    (1, 1, 'percent_off', 50), (2, 2, 'price', 1), (3, 3, 'amount_off', 0.50), (4, 4, 'feature', NULL), (5, 5, 'price', 3), (6, 6, 'percent_off', 10);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES
    (1, 1, 1), (2, 1, 1), (1, 2, 2), (2, 2, 2), (2, 3, 3), (4, 3, 3), (1, 4, 4), (3, 5, 5), (1, 6, 6);
INSERT INTO merch.promotion_location (promotion_id, location_id) SELECT p, l FROM generate_series(1, 6) p, generate_series(1, 2) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT i, l, d, i * 10 FROM unnest(ARRAY[1, 2, 4]) i, generate_series(1, 2) l, generate_series('2089-12-30'::date, '2090-01-10', '1 day') d;
INSERT INTO merch.demand_plan (item_id, location_id, promotion_id, units) VALUES (1, 1, 2, 100000), (2, 1, 3, 0), (2, 2, 3, 5), (3, 1, 5, 7);
SELECT p AS promotion, u.value AS units, round(m.value, 2) AS money, round(d.value, 2) AS depth
FROM generate_series(1, 7) p
LEFT JOIN merch.promotion_units(ARRAY[1, 2, 3, 4, 5, 6, 7]) u ON u.row_key = p
LEFT JOIN merch.money_at_risk(ARRAY[1, 2, 3, 4, 5, 6, 7]) m ON m.row_key = p
LEFT JOIN merch.discount_depth(ARRAY[1, 2, 3, 4, 5, 6, 7]) d ON d.row_key = p ORDER BY p;

\echo
\echo who is asked: always one, and by measure where it is above its limit, or not known
UPDATE merch.promotion SET state = 'submitted' WHERE promotion_id <= 5;
TABLE pg_temp.asked;
SELECT approval_id, subject, row_key, name, event, rule, role, measure, unit, value, above, still_needed, voters, overdue
FROM merch.approval_overview WHERE row_key = '2' ORDER BY 1;

\echo
\echo not without them, not by who made it, not without the role, not without a reason
SELECT pg_temp.error_of($$SELECT merch.fire('merch.promotion', '1', 'approve')$$);
SELECT pg_temp.error_of($$UPDATE merch.promotion SET state = 'approved'$$);
SELECT pg_temp.error_of($$SELECT merch.approve(1, 'mine')$$);
SELECT count(*) FROM merch.my_votes();
SET ROLE merch_test_dan;
SELECT pg_temp.error_of($$SELECT merch.approve(1, 'why not')$$);
SET ROLE merch_test_cat;
SELECT pg_temp.error_of($$SELECT merch.approve(1, NULL)$$);
SELECT pg_temp.error_of($$SELECT merch.approve(1, ' ')$$);
SELECT pg_temp.error_of($$SELECT merch.approve(999, 'well')$$);
SELECT split_part(pg_temp.error_of($$SELECT merch.vote(1, 'abstain', 'well')$$), E'\n', 1);
RESET ROLE;
SELECT pg_temp.error_of($$SELECT merch.fire_as_system('merch.promotion', '{1}', 'approve', 'I can')$$);

\echo
\echo the last vote that is needed makes the transition
SET ROLE merch_test_cat;
SELECT * FROM merch.my_votes();
SELECT merch.approve(1, 'fine');
SELECT pg_temp.error_of($$SELECT merch.approve(1, 'again')$$);
SELECT merch.approve(2, 'cheap is good');
SELECT pg_temp.error_of($$SELECT merch.approve(2, 'again')$$);
TABLE pg_temp.changes;

\echo
\echo one who declines is enough: the promotion is rejected, the other approvals are withdrawn; revised, it is asked again
SET ROLE merch_test_bob;
SELECT merch.approve(pg_temp.id('2', 'merch_merchandiser'), 'ok');
SELECT approval_id, row_key, role, state FROM pg_temp.asked WHERE row_key = '2';
SET ROLE merch_test_dan;
SELECT merch.decline(pg_temp.id('2', 'merch_finance'), 'too much money');
SELECT approval_id, role, state, standing FROM pg_temp.asked WHERE row_key = '2';
SET ROLE merch_test_ann;
SELECT merch.fire('merch.promotion', '2', 'revise'), merch.fire('merch.promotion', '2', 'submit', 'once more');
SELECT approval_id, role, state, standing FROM pg_temp.asked WHERE row_key = '2';
SELECT merch.fire('merch.promotion', '2', 'withdraw');
SELECT approval_id, role, state, standing FROM pg_temp.asked WHERE row_key = '2';
SELECT * FROM pg_temp.changes WHERE row_key = '2';

\echo
\echo raw SQL: nobody makes, changes, decides or deletes what is asked, nor a vote
RESET ROLE;
CREATE TEMP TABLE attempts (attempt_id int GENERATED ALWAYS AS IDENTITY, statement text);
GRANT SELECT ON attempts TO PUBLIC;
INSERT INTO attempts (statement) VALUES
    ($$INSERT INTO merch.approval_vote (approval_id, voter, decision, reason) VALUES (7, 'merch_test_bob', 'approve', 'forged')$$),
    ($$UPDATE merch.approval_vote SET decision = 'decline'$$),
    ($$DELETE FROM merch.approval_vote$$),
    ($$TRUNCATE merch.approval_vote$$),
    ($$UPDATE merch.approval SET state = 'granted' WHERE row_key = '3'$$),
    ($$UPDATE merch.approval SET needed = 0 WHERE row_key = '3'$$),
    ($$UPDATE merch.approval SET votes = 1 WHERE row_key = '3'$$),
    ($$UPDATE merch.approval SET role = 'merch_viewer' WHERE row_key = '3'$$),
    ($$UPDATE merch.approval SET ended_at = now() WHERE row_key = '3'$$),
    ($$INSERT INTO merch.approval (subject, row_key, from_state, event, subject_version, rule_id, role, needed, due_at)
       SELECT 'merch.promotion', 3, 'submitted', 'approve', 1, rule_id, 'merch_viewer', 1, now() FROM merch.approval_rule LIMIT 1$$),
    ($$DELETE FROM merch.approval WHERE approval_id = 1$$),
    ($$TRUNCATE merch.approval CASCADE$$),
    ($$SELECT merch.fire_as_system('merch.approval', '{7}', 'grant', 'I can')$$),
    ($$SELECT merch.fire_as_system('merch.approval', '{7}', 'decline', 'I can')$$),
    ($$SELECT merch.fire_as_system('merch.approval', '{7}', 'withdraw', 'I can')$$),
    ($$UPDATE merch.promotion SET created_by = 'merch_test_eve' WHERE promotion_id = 3$$),
    ($$INSERT INTO merch.promotion (name, starts_on, ends_on, created_by) VALUES ('x', '2090-01-01', '2090-01-02', 'merch_test_eve')$$),
    ($$INSERT INTO merch.promotion_edit (promotion_id, editor) VALUES (3, 'merch_test_bob')$$),
    ($$TRUNCATE merch.promotion_edit$$);
SELECT attempt_id, pg_temp.error_of(statement) FROM attempts ORDER BY 1;
SET ROLE merch_test_cat;
SELECT attempt_id, pg_temp.error_of(statement) FROM attempts
WHERE attempt_id IN (1, 2, 5, 6, 10, 12, 13) ORDER BY 1;
SELECT pg_temp.error_of($$SELECT merch.renew_approvals('merch.promotion', '{3}', 'mine')$$);

\echo
\echo n of m: two of merch_finance, each once
SET ROLE merch_test_fay;
UPDATE merch.approval_rule SET needed = 2, above = 10 WHERE name = 'much money';
SELECT merch.renew_approvals('merch.promotion', '{4}', 'new rules');
SELECT approval_id, role, measure, value, above, needed, votes, state, standing FROM pg_temp.asked WHERE row_key = '4';
RESET ROLE;
SELECT row_key, reason, requested_by FROM merch.approval_renewal;
SELECT pg_temp.error_of($$UPDATE merch.approval_renewal SET reason = 'x'$$);
SET ROLE merch_test_bob;
SELECT merch.approve(pg_temp.id('4', 'merch_finance'), 'once');
SELECT pg_temp.error_of($$SELECT merch.approve(pg_temp.id('4', 'merch_finance'), 'twice')$$);
SELECT merch.approve(pg_temp.id('4', 'merch_merchandiser'), 'as merchandiser');
SELECT pg_temp.error_of($$SELECT merch.fire('merch.promotion', '4', 'approve')$$);
SELECT row_key, role, needed, votes, still_needed, voters FROM merch.approval_overview WHERE row_key = '4';

\echo
\echo delegation: by members of the role, for a period, not further; nobody counts twice, also not as a delegate or by one
SET ROLE merch_test_eve;
SELECT pg_temp.error_of($$INSERT INTO merch.delegation (delegator, delegate, role, effective, reason) VALUES ('merch_test_dan', 'merch_test_eve', 'merch_finance', '[2000-01-01, 2090-01-01)', 'I like to')$$);
SELECT pg_temp.error_of($$INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_test_ann', 'merch_finance', '[2000-01-01, 2090-01-01)', 'further')$$);
SELECT pg_temp.error_of($$SELECT merch.approve(pg_temp.id('4', 'merch_finance'), 'for dan', 'merch_test_dan')$$);
SET ROLE merch_test_bob;
INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_test_eve', 'merch_finance', '[2000-01-01, 2090-01-01)', 'holidays');
SET ROLE merch_test_dan;
SELECT pg_temp.error_of($$INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_viewer', 'merch_finance', '[2000-01-01, 2090-01-01)', 'x')$$);
SELECT pg_temp.error_of($$INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_test_eve', 'merch_finance', '[2090-01-01,)', 'for ever')$$);
RESET ROLE;
CREATE ROLE merch_test_gus LOGIN;
REVOKE INSERT ON merch.approval_vote FROM PUBLIC;
GRANT INSERT ON merch.approval_vote TO merch_test_ann, merch_test_bob, merch_test_cat, merch_test_dan, merch_test_eve;
SET ROLE merch_test_dan;
SELECT pg_temp.error_of($$INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_test_gus', 'merch_finance', '[2000-01-01, 2090-01-01)', 'x')$$);
INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES
    ('merch_test_bob', 'merch_finance', '[2000-01-01, 2090-01-01)', 'holidays'),
    ('merch_test_eve', 'merch_finance', '[2089-01-01, 2090-01-01)', 'not yet');
SET ROLE merch_test_bob;
SELECT pg_temp.error_of($$SELECT merch.approve(pg_temp.id('4', 'merch_finance'), 'for dan, too', 'merch_test_dan')$$);
SET ROLE merch_test_eve;
SELECT pg_temp.error_of($$SELECT merch.approve(pg_temp.id('4', 'merch_finance'), 'for bob, too', 'merch_test_bob')$$);
SELECT pg_temp.error_of($$SELECT merch.approve(pg_temp.id('4', 'merch_finance'), 'not yet', 'merch_test_dan')$$);
SELECT approval_id, on_behalf_of FROM merch.my_votes() ORDER BY 1;
SET ROLE merch_test_dan;
SELECT pg_temp.error_of($$UPDATE merch.delegation SET effective = '[2000-01-01, 2095-01-01)' WHERE delegate = 'merch_test_bob'$$);
SELECT pg_temp.error_of($$UPDATE merch.delegation SET delegate = 'merch_test_ann' WHERE delegate = 'merch_test_bob'$$);
SELECT pg_temp.error_of($$UPDATE merch.delegation SET reason = 'x' WHERE delegator = 'merch_test_bob'$$);
SELECT pg_temp.error_of($$DELETE FROM merch.delegation WHERE delegate = 'merch_test_bob'$$);
SELECT pg_temp.error_of($$TRUNCATE merch.delegation$$);
UPDATE merch.delegation SET effective = '[2000-01-01, 2000-01-02)' WHERE delegate = 'merch_test_bob';
DELETE FROM merch.delegation WHERE reason = 'not yet';
INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_test_eve', 'merch_finance', '[2000-01-01, 2090-01-01)', 'holidays');
SET ROLE merch_test_eve;
SELECT approval_id, on_behalf_of FROM merch.my_votes() ORDER BY 1;
SELECT merch.approve(pg_temp.id('4', 'merch_finance'), 'dan would');
SELECT voter, on_behalf_of, counts_for, decision, reason FROM merch.approval_vote v JOIN merch.approval a USING (approval_id) WHERE a.row_key = '4' AND a.role = 'merch_finance' ORDER BY vote_id;
SELECT * FROM pg_temp.changes WHERE row_key = '4';

\echo
\echo who edited it cannot decide, nor who votes for them
RESET ROLE;
CREATE FUNCTION public.note_edit(bigint[]) RETURNS void LANGUAGE sql AS
$$INSERT INTO merch.promotion_edit (promotion_id, editor) SELECT p, 'merch_test_bob' FROM unnest($1) p$$;
CREATE TRIGGER test_edit AFTER UPDATE ON merch.promotion REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('public.note_edit', 'promotion_id', 'name');
UPDATE merch.promotion SET name = 'week three' WHERE promotion_id = 3;
DROP TRIGGER test_edit ON merch.promotion;
SELECT pg_temp.error_of($$DELETE FROM merch.promotion_edit WHERE editor = 'merch_test_bob'$$);
SELECT pg_temp.error_of($$UPDATE merch.promotion_edit SET editor = 'merch_test_eve'$$);
SET ROLE merch_test_bob;
SELECT pg_temp.error_of($$SELECT merch.approve(pg_temp.id('3', 'merch_merchandiser'), 'mine, too')$$);
INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_test_cat', 'merch_merchandiser', '[2000-01-01, 2090-01-01)', 'x');
SET ROLE merch_test_cat;
SELECT pg_temp.error_of($$SELECT merch.approve(pg_temp.id('3', 'merch_merchandiser'), 'for bob', 'merch_test_bob')$$);
SELECT merch.approve(pg_temp.id('3', 'merch_merchandiser'), 'for myself');

\echo
\echo a whole campaign; what the caller may not decide stays open
SET ROLE merch_test_ann;
SELECT merch.fire('merch.promotion', '2', 'submit'), merch.fire('merch.promotion', '6', 'submit');
SET ROLE merch_test_cat;
SELECT merch.approve_campaign(1, 'all of them');
SELECT merch.approve_campaign(1, 'all of them');
SELECT pg_temp.error_of($$SELECT merch.approve_campaign(2, 'x')$$);
SELECT promotion_id, state FROM merch.promotion ORDER BY 1;
SELECT row_key, role, still_needed FROM merch.approval_overview ORDER BY 1, 2;

\echo
\echo rules and measures that cannot work are refused
RESET ROLE;
SELECT pg_temp.error_of($$INSERT INTO merch.approval_rule (name, workflow, event, role) VALUES ('a', 'promotion', 'approve', 'merch_nobody')$$);
SELECT pg_temp.error_of($$INSERT INTO merch.approval_rule (name, workflow, event, role) VALUES ('a', 'promotion', 'launch', 'merch_finance')$$);
SELECT pg_temp.error_of($$INSERT INTO merch.approval_measure (workflow, measure, function) VALUES ('promotion', 'x', 'merch.gone')$$);
CREATE FUNCTION public.trap(bigint[]) RETURNS TABLE (row_key bigint, value numeric) LANGUAGE sql AS 'SELECT 1, 1';
ALTER FUNCTION public.trap(bigint[]) OWNER TO merch_test_eve;
SELECT replace(pg_temp.error_of($$INSERT INTO merch.approval_measure (workflow, measure, function) VALUES ('promotion', 'x', 'public.trap')$$), current_user, 'OWNER');

\echo
\echo a table of your own: who asked cannot decide; no reject: it stays, and can be asked anew; no rule: it passes
SELECT merch.define_workflow('budget', '{"states": [{"state": "new", "initial": true}, {"state": "fixed", "final": true}],
    "transitions": [{"event": "fix", "from": "new", "to": "fixed", "needs_approval": true}]}');
CREATE TABLE public.budget (budget_id text PRIMARY KEY, state text DEFAULT 'new');
SELECT merch.attach_workflow('public.budget', 'budget');
GRANT ALL ON public.budget TO PUBLIC;
INSERT INTO public.budget VALUES ('free');
SELECT merch.fire('public.budget', 'free', 'fix');
INSERT INTO public.budget VALUES ('early');
INSERT INTO merch.approval_rule (name, workflow, event, role) VALUES ('budgets', 'budget', 'fix', 'merch_finance');
SELECT pg_temp.error_of($$SELECT merch.fire('public.budget', 'early', 'fix')$$);
SET ROLE merch_test_bob;
INSERT INTO public.budget VALUES ('mine');
SELECT approval_id AS mine FROM merch.approval WHERE row_key = 'mine' \gset
SELECT pg_temp.error_of(format('SELECT merch.approve(%s, ''x'')', :mine));
SET ROLE merch_test_dan;
SELECT merch.decline(:mine, 'no money');
SELECT pg_temp.error_of($$SELECT merch.fire('public.budget', 'mine', 'fix')$$);
SET ROLE merch_test_fay;
SELECT merch.renew_approvals('public.budget', '{mine,early}', 'there is money now');
SET ROLE merch_test_bob;
SELECT pg_temp.error_of(format('SELECT merch.approve(%s, ''x'')', pg_temp.id('mine', 'merch_finance')));
SELECT a.row_key FROM merch.my_votes() JOIN merch.approval a USING (approval_id) WHERE a.subject = 'public.budget'::regclass;
-- who cannot read the table is not told of it, and nobody of one that is not attached any more
RESET ROLE;
REVOKE SELECT ON public.budget FROM PUBLIC;
SET ROLE merch_test_dan;
SELECT a.row_key FROM merch.my_votes() JOIN merch.approval a USING (approval_id) WHERE a.subject = 'public.budget'::regclass;
RESET ROLE;
GRANT SELECT ON public.budget TO PUBLIC;
SAVEPOINT attached;
SELECT merch.detach_workflow('public.budget');
SELECT count(*) FROM merch.my_votes() JOIN merch.approval a USING (approval_id) WHERE a.subject = 'public.budget'::regclass;
SELECT pg_temp.error_of(format('SELECT merch.approve(%s, ''x'')', pg_temp.id('mine', 'merch_finance')));
DROP TABLE public.budget;
SELECT count(*) FROM merch.my_votes() JOIN merch.approval a USING (approval_id) WHERE row_key = 'mine';
ROLLBACK TO attached;
SET ROLE merch_test_dan;
SELECT a.row_key, merch.approve(a.approval_id, 'well then') FROM merch.approval a WHERE subject = 'public.budget'::regclass AND state = 'open' ORDER BY 1;
SELECT row_key, state, votes, standing FROM pg_temp.asked WHERE row_key IN ('mine', 'early');
RESET ROLE;
INSERT INTO merch.approval_measure (workflow, measure, function) VALUES ('budget', 'units', 'merch.promotion_units');
INSERT INTO merch.approval_rule (name, workflow, event, measure, above, role) VALUES ('measured', 'budget', 'fix', 'units', 1, 'merch_finance');
SELECT pg_temp.error_of($$INSERT INTO public.budget VALUES ('x')$$);
ALTER TABLE public.budget OWNER TO merch_test_ann;
SELECT replace(pg_temp.error_of($$INSERT INTO public.budget VALUES ('x')$$), current_user, 'OWNER');

\echo
\echo what has ended is kept as long as merch.history says
SELECT count(*) AS approvals, (SELECT count(*) > 5 FROM merch.approval_vote) AS votes FROM merch.approval WHERE ended_at IS NOT NULL;
SELECT merch.forget_approvals();
SELECT pg_temp.error_of($$DELETE FROM merch.approval WHERE ended_at IS NOT NULL$$);
ROLLBACK;
