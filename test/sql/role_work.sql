-- real work by people who have one role each, on a model of which no superuser is the owner
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
SET TimeZone = 'UTC';
CREATE ROLE merch_test_owner LOGIN;
CREATE ROLE merch_test_ivy LOGIN IN ROLE merch_integration;
CREATE ROLE merch_test_mia LOGIN IN ROLE merch_merchandiser;
CREATE ROLE merch_test_max LOGIN IN ROLE merch_merchandiser;
CREATE ROLE merch_test_pia LOGIN IN ROLE merch_pricing;
CREATE ROLE merch_test_ali LOGIN IN ROLE merch_allocator;
CREATE ROLE merch_test_fay LOGIN IN ROLE merch_finance;
CREATE ROLE merch_test_sam LOGIN IN ROLE merch_store;
CREATE ROLE merch_test_vic LOGIN IN ROLE merch_viewer;
CREATE ROLE merch_test_ada LOGIN IN ROLE merch_admin;
CREATE ROLE merch_test_non LOGIN;

\echo the owner of the model needs CREATE on the schema, on the database for btree_gist if that is missing, and nothing else
GRANT CREATE ON SCHEMA merch TO merch_test_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO merch_test_owner', current_database()); END $$;
SET SESSION AUTHORIZATION merch_test_owner;
SELECT merch.create_model();
RESET SESSION AUTHORIZATION;
SELECT bool_and(has_function_privilege('merch_test_owner', p.oid, 'EXECUTE')) FROM pg_proc p WHERE p.pronamespace = 'merch'::regnamespace;
REVOKE CREATE ON SCHEMA merch FROM merch_test_owner;
DO $$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM merch_test_owner', current_database()); END $$;

\echo integration loads what other systems own
SET SESSION AUTHORIZATION merch_test_ivy;
COPY merch.item (item_id, name, price, cost) FROM stdin;
1	juice	2.00	1.20
2	milk	1.50	1.00
\.
COPY merch.location (location_id, kind, name) FROM stdin;
100	distribution_centre	centre
1	store	A
2	store	B
\.
COPY merch.lane (location_id, source_id, lead_days) FROM stdin;
1	100	1
2	100	1
\.
COPY merch.ranging (item_id, location_id, presentation_minimum, safety_stock) FROM stdin;
1	1	0	0
1	2	0	0
2	1	0	0
2	2	0	0
\.
COPY merch.stock (item_id, location_id, on_hand) FROM stdin;
1	100	500
2	100	500
\.
COPY merch.forecast (item_id, location_id, day, mean) FROM stdin;
1	1	2090-03-01	30
1	2	2090-03-01	20
2	1	2090-03-01	10
2	2	2090-03-01	10
\.
COPY merch.sale (item_id, location_id, day, units) FROM stdin;
1	1	2024-01-01	7
\.
COPY merch.inbound (item_id, inbound_id, location_id, kind, expected_on, units) FROM stdin;
1	900	100	purchase_order	2090-02-01	50
\.
UPDATE merch.stock SET on_hand = 480 WHERE (item_id, location_id) = (1, 100);
UPDATE merch.inbound SET units = 60 WHERE inbound_id = 900;
SELECT item_id, on_hand, incoming FROM merch.stock WHERE location_id = 100 ORDER BY 1;
SELECT count(DISTINCT item_id) FROM merch.dirty_item;
\echo but promotions, policies and counters are not its own
SELECT pg_temp.error_of('INSERT INTO merch.promotion (name, starts_on, ends_on) VALUES (''x'', ''2090-01-01'', ''2090-01-02'')');
SELECT pg_temp.error_of('UPDATE merch.policy SET holdback = 0');
SELECT pg_temp.error_of('UPDATE merch.stock SET reserved = 1 WHERE item_id = 1');

\echo a merchandiser makes a promotion and submits it, but does not say who made it
SET SESSION AUTHORIZATION merch_test_mia;
INSERT INTO merch.campaign (campaign_id, name) VALUES (1, 'week 9');
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on, time_zone) VALUES (1, 1, 'drinks', '2090-03-01', '2090-03-08', 'UTC');
INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'price', 1.40);
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (1, 1, 1), (2, 1, 1);
INSERT INTO merch.promotion_location (promotion_id, location_id) VALUES (1, 1), (1, 2);
UPDATE merch.promotion SET name = 'drinks of March' WHERE promotion_id = 1;
SELECT created_by, state FROM merch.promotion;
SELECT pg_temp.error_of('INSERT INTO merch.promotion (name, starts_on, ends_on, created_by) VALUES (''x'', ''2090-01-01'', ''2090-01-02'', ''merch_test_max'')');
SELECT pg_temp.error_of('UPDATE merch.promotion SET created_by = ''merch_test_max''');
SELECT pg_temp.error_of('UPDATE merch.promotion SET revision = 9');
SELECT pg_temp.error_of('UPDATE merch.promotion SET state = ''live'' WHERE promotion_id = 1');
SELECT pg_temp.error_of('UPDATE merch.stock SET on_hand = 1');
SELECT pg_temp.error_of('SELECT merch.allocate_promotion(1)');
SELECT merch.submit_campaign(1, 'the week is planned');
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on, time_zone) VALUES (2, 'more drinks', '2090-03-01', '2090-03-08', 'UTC');
INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 2), (2, 2);
INSERT INTO merch.promotion_location (promotion_id, location_id) VALUES (2, 1), (2, 2);
SELECT state FROM merch.promotion WHERE promotion_id = 1;
SELECT pg_temp.error_of('SELECT merch.approve(approval_id, ''my own'') FROM merch.approval');

\echo approved, it is prepared by the system: its approver needs no rights for that
SET SESSION AUTHORIZATION merch_test_max;
SELECT approval_id FROM merch.approval WHERE state = 'open' \gset
SELECT pg_temp.error_of('UPDATE merch.approval SET state = ''granted''');
SELECT pg_temp.error_of('INSERT INTO merch.approval_vote (approval_id, voter, decision, reason) VALUES (1, ''merch_test_ada'', ''approve'', ''x'')');
SELECT merch.approve(:approval_id, 'good');
SELECT state FROM merch.promotion WHERE promotion_id = 1;
SELECT step, state, error FROM merch.preparation ORDER BY 1;
SELECT count(*), min(state) FROM merch.price_event;
SELECT task, role, count(*) FROM merch.task GROUP BY 1, 2 ORDER BY 1;
SELECT allocation_id, state FROM merch.allocation;

\echo an allocator allocates, compares, releases, picks, ships and receives
SET SESSION AUTHORIZATION merch_test_ali;
SELECT merch.cancel_allocation(allocation_id) FROM merch.allocation WHERE state <> 'cancelled';
SELECT merch.allocate_promotion(1) AS run \gset
SELECT merch.store_scenarios(:run) > 0;
SELECT item_id, location_id, quantity, reserved FROM merch.allocation_line WHERE allocation_id = :run ORDER BY 1, 2;
SELECT item_id, on_hand, reserved FROM merch.stock WHERE location_id = 100 ORDER BY 1;
SELECT merch.release_allocation(:run);
SELECT wave_id FROM merch.wave WHERE state = 'planned' \gset
SELECT merch.start_wave(:wave_id);
SELECT merch.record_pick(t.transfer_id, l.item_id, l.units) FROM merch.transfer t JOIN merch.transfer_line l USING (transfer_id)
WHERE t.allocation_id = :run ORDER BY t.transfer_id, l.item_id;
SELECT transfer_id FROM merch.transfer WHERE allocation_id = :run ORDER BY 1 LIMIT 1 \gset
SELECT merch.ship_transfer(:transfer_id);
SELECT merch.complete_wave(:wave_id);
SELECT state, count(*) FROM merch.transfer GROUP BY 1;
SELECT count(merch.record_receipt(item_id, inbound_id, units)) FROM merch.inbound WHERE kind = 'transfer';
SELECT merch.record_receipt(1, 900, 60, true) IS NOT NULL;
SELECT state, count(*) FROM merch.transfer GROUP BY 1;
SELECT item_id, location_id, on_hand, reserved, incoming FROM merch.stock ORDER BY 1, 2;
SELECT count(*) FROM merch.check_ledger();
SELECT merch.propose_transfers(1) IS NOT NULL;
SELECT merch.allocate_fence(2, 100, 1, 5);
SELECT merch.consume_fence(2, 100, 1, 2);
SELECT merch.reallocate_dirty() >= 0;
CALL merch.run_allocations('{2}', workers => 2);
SELECT promotion_id, state FROM merch.allocation WHERE promotion_id = 2;
\echo but an allocator changes neither promotions nor counters nor policies
SELECT pg_temp.error_of('UPDATE merch.promotion SET state = ''cancelled''');
SELECT pg_temp.error_of('UPDATE merch.stock SET reserved = 0');
SELECT pg_temp.error_of('INSERT INTO merch.policy (holdback) VALUES (0)');
SELECT pg_temp.error_of('UPDATE merch.promotion SET starts_at = now()');

\echo a store does its tasks, each after what it depends on
SET SESSION AUTHORIZATION merch_test_sam;
SELECT task_id FROM merch.task WHERE task = 'stock count' AND location_id = 1 \gset
SELECT merch.start_task(:task_id, 'counting');
SELECT merch.complete_task(:task_id);
UPDATE merch.task SET state = 'done' WHERE task = 'labels' AND location_id = 2;
SELECT task, location_id, state, note FROM merch.task WHERE state = 'done' ORDER BY 1, 2;
\echo but no others, only by states, and nothing else
SELECT pg_temp.error_of('SELECT merch.start_task(task_id) FROM merch.task WHERE task = ''supplier confirmation''');
SELECT pg_temp.error_of('UPDATE merch.task SET note = ''not mine'' WHERE task = ''supplier confirmation''');
SELECT pg_temp.error_of('UPDATE merch.task SET due_at = now()');
SELECT pg_temp.error_of('UPDATE merch.task SET role = ''merch_store''');
SELECT pg_temp.error_of('DELETE FROM merch.task');
SELECT pg_temp.error_of('UPDATE merch.stock SET on_hand = 0');
SELECT pg_temp.error_of('SELECT merch.record_pick(1, 1, 1)');

\echo pricing withdraws a price event, but changes no price
SET SESSION AUTHORIZATION merch_test_pia;
SELECT state, count(*) FROM merch.price_event GROUP BY 1;
SELECT pg_temp.error_of('UPDATE merch.price_event SET amount = 0');
SELECT merch.fire('merch.price_event', min(price_event_id)::text, 'withdraw', 'wrong price') FROM merch.price_event;

\echo an exception goes to who has its role
RESET SESSION AUTHORIZATION;
SET ROLE merch_test_owner;
SELECT merch.raise_exception('price mismatch', 'item 1', 'the shelf says 1.99', promotion_id => 1, item_id => 1);
SELECT exception_id, role FROM merch.exception WHERE kind = 'price mismatch' \gset
RESET ROLE;
SELECT :'role';
SET SESSION AUTHORIZATION merch_test_sam;
SELECT pg_temp.error_of(format('SELECT merch.acknowledge_exception(%s)', :exception_id));
SELECT pg_temp.error_of('UPDATE merch.exception SET outcome = ''false_alarm''');
SET SESSION AUTHORIZATION merch_test_pia;
SELECT merch.acknowledge_exception(:exception_id, 'looking');
SELECT merch.resolve_exception(:exception_id, 'fixed');

\echo finance may settle what has ended, and nothing else of it
SET SESSION AUTHORIZATION merch_test_fay;
SELECT split_part(pg_temp.error_of('SELECT merch.fire(''merch.promotion'', ''1'', ''reconcile'')'), E'\n', 1);
SELECT pg_temp.error_of('SELECT merch.fire(''merch.promotion'', ''1'', ''cancel'')');
SELECT pg_temp.error_of('UPDATE merch.promotion SET ends_on = ''2090-04-01''');

\echo finance may stand in for one another, and only for themselves
INSERT INTO merch.delegation (delegate, role, effective, reason) VALUES ('merch_test_max', 'merch_finance', '[2024-01-01,2090-01-01)', 'holiday');
SELECT delegator, created_by FROM merch.delegation;
SELECT pg_temp.error_of('INSERT INTO merch.delegation (delegator, delegate, role, effective, reason) VALUES (''merch_test_mia'', ''merch_test_fay'', ''merch_merchandiser'', ''[2024-01-01,2090-01-01)'', ''x'')');

\echo a viewer reads every view and page, and writes nothing
SET SESSION AUTHORIZATION merch_test_vic;
SELECT count(*) > 0 FROM merch.promotion_overview;
SELECT count(*) > 0 FROM merch.history;
SELECT count(*) >= 0 FROM merch.exception_queue;
SELECT count(*) > 0 FROM merch.launch_readiness;
SELECT count(*) > 0 FROM merch.readiness(1);
SELECT count(*) >= 0 FROM merch.approval_overview;
SELECT count(*) FROM merch.my_work();
SELECT count(*) > 0 FROM merch.allocation_summary;
SELECT count(*) > 0 FROM merch.stat_job;
SELECT count(*) > 0 FROM merch.status();
SELECT count(*) > 0 FROM merch.explain_allocation(:run, 1, 1);
SELECT pg_temp.error_of('SELECT merch.start_task(1)');
SELECT pg_temp.error_of('INSERT INTO merch.campaign (name) VALUES (''x'')');
SELECT pg_temp.error_of('SELECT merch.mark_dirty(''{1}'')');

\echo an admin edits policies, routes and jobs, runs jobs, defines workflows, and may what all may
SET SESSION AUTHORIZATION merch_test_ada;
INSERT INTO merch.policy (promotion_id, holdback) VALUES (1, 0.1);
UPDATE merch.exception_route SET within = '1 hour' WHERE kind IS NULL;
UPDATE merch.job SET every = '2 hours' WHERE job = 'purge';
CALL merch.run_job('purge');
SELECT state, error FROM merch.job WHERE job = 'purge';
SELECT merch.define_workflow('parcel', '{"states": [{"state": "new", "initial": true}, {"state": "sent", "final": true}],
    "transitions": [{"event": "send", "from": "new", "to": "sent"}]}');
SELECT merch.fire('merch.promotion', '1', 'cancel', 'enough');
SELECT state, count(*) FROM merch.price_event GROUP BY 1;
UPDATE merch.readiness_check SET weight = 2 WHERE readiness_check = 'items';
UPDATE merch.approval_rule SET needed = 2 WHERE name = 'much money';
\echo but names no code that would run with the rights of the owner
SELECT pg_temp.error_of('UPDATE merch.preparation_step SET function = ''public.mine''');
SELECT pg_temp.error_of('UPDATE merch.exception_kind SET detector = ''public.mine''');
SELECT pg_temp.error_of('UPDATE merch.readiness_check SET function = ''public.mine''');
SELECT pg_temp.error_of('UPDATE merch.state_change SET actor = ''me''');

\echo a member of none can do nothing with the model, but everything that needs none
SET SESSION AUTHORIZATION merch_test_non;
SELECT pg_temp.error_of('SELECT FROM merch.item');
SELECT pg_temp.error_of('SELECT merch.fire(''merch.promotion'', ''1'', ''submit'')');
SELECT pg_temp.error_of('SELECT merch.actor()');
SELECT pg_temp.error_of('SELECT merch.create_model()');
SELECT string_agg(units::text, ' ' ORDER BY need)
FROM (SELECT need, merch.allocate(9, need) OVER () AS units FROM (VALUES (5::bigint), (10)) v(need)) s;
RESET SESSION AUTHORIZATION;

SET client_min_messages = warning;
DROP EXTENSION pg_merch CASCADE;
DROP SCHEMA merch CASCADE;
DROP OWNED BY merch_test_owner;
DROP ROLE merch_test_owner, merch_test_ivy, merch_test_mia, merch_test_max, merch_test_pia, merch_test_ali, merch_test_fay, merch_test_sam,
    merch_test_vic, merch_test_ada, merch_test_non;
CREATE EXTENSION pg_merch;
