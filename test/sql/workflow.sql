-- workflows: definitions, the guard against every way around it, the record, actions, reactions
CREATE ROLE merch_test_owner;
CREATE ROLE merch_test_clerk LOGIN IN ROLE merch_store;
CREATE ROLE merch_test_visitor LOGIN;
CREATE ROLE merch_test_chief LOGIN IN ROLE merch_admin;
GRANT USAGE, CREATE ON SCHEMA merch TO merch_test_owner;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO merch_test_owner', current_database()); END $$;
CREATE SCHEMA parcels AUTHORIZATION merch_test_owner;
SET ROLE merch_test_owner;
SELECT merch.create_model();
RESET ROLE;
GRANT USAGE ON SCHEMA merch, parcels TO merch_test_clerk, merch_test_visitor, merch_test_chief;
GRANT SELECT ON merch.workflow, merch.workflow_state, merch.workflow_transition, merch.workflow_table, merch.workflow_map, merch.history
    TO merch_test_clerk, merch_test_chief;
SET client_min_messages = warning;
\set VERBOSITY default
\set SHOW_CONTEXT never
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib

\echo what is shipped
SELECT workflow, version, (SELECT string_agg(state, ' ' ORDER BY state) FROM merch.workflow_state s WHERE s.workflow = w.workflow AND s.initial),
       (SELECT string_agg(state, ' ' ORDER BY state) FROM merch.workflow_state s WHERE s.workflow = w.workflow AND s.final)
FROM merch.workflow w ORDER BY 1;
SELECT from_state, event, to_state, made_by, needs_approval, by_the_clock, guard, action
FROM merch.workflow_map WHERE workflow = 'promotion' ORDER BY from_state, event;
SELECT subject, workflow, state_column, key_column FROM merch.workflow_table
WHERE subject::text IN ('merch.promotion', 'merch.allocation', 'merch.wave', 'merch.transfer') ORDER BY 1;

\echo definitions that are refused
SET ROLE merch_test_owner;
SELECT pg_temp.error_of(format('SELECT merch.define_workflow(%s)', definition)) FROM unnest(ARRAY[
    'NULL, ''{}''',
    '''f'', ''{}''',
    '''f'', ''{"states": []}''',
    '''f'', ''{"states": ["a"], "transitions": []}''',
    '''f'', ''{"states": [{"state": "a", "initial": true, "colour": 1}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true, "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b"}]}''',
    '''f'', ''{"states": [{"state": "a", "final": true}, {"state": "b"}], "transitions": [{"event": "x", "from": "b", "to": "a"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}, {"state": "c"}], "transitions": [{"event": "x", "from": ["a", "c"], "to": "b"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b"}], "transitions": [{"event": "x", "from": "a", "to": "b"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}, {"state": "c"}], "transitions": [{"event": "x", "from": "a", "to": "b"}, {"event": "y", "from": "a", "to": "c"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b", "after": "0"}, {"event": "y", "from": "b", "to": "a", "due_column": "day"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b", "after": "-1 h"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b", "role": "merch_test_nobody"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b", "guard": "parcels.nothing"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b", "action": "int4pl"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b"}, {"event": "y", "from": "a", "to": "b"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b"}, {"event": "x", "from": "a", "to": "a"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b", "automatic": true, "role": "merch_store"}]}''',
    '''f'', ''{"states": [{"state": "a", "initial": true}, {"state": "b", "final": true}], "transitions": [{"event": "x", "from": "a", "to": "b", "role_column": "r", "role": "merch_store"}]}'''
]) definition;
\echo a clock that goes round, but takes its time, is sound; so is raw SQL, checked at the end of the transaction
BEGIN;
SELECT merch.define_workflow('clock', '{"states": [{"state": "tick", "initial": true}, {"state": "tock", "final": true}],
    "transitions": [{"event": "x", "from": "tick", "to": "tock", "after": "1 h"}, {"event": "y", "from": "tock", "to": "tick", "after": "0"}]}');
ROLLBACK;
BEGIN;
INSERT INTO merch.workflow (workflow, version) VALUES ('raw', 1);
INSERT INTO merch.workflow_state (workflow, version, state, initial) VALUES ('raw', 1, 'a', true), ('raw', 1, 'b', false);
INSERT INTO merch.workflow_transition (workflow, version, from_state, event, to_state) VALUES ('raw', 1, 'a', 'x', 'b');
COMMIT;
BEGIN;
INSERT INTO merch.workflow (workflow, version) VALUES ('raw', 1);
COMMIT;

\echo a workflow that a user defines
CREATE TABLE parcels.parcel (parcel_id int PRIMARY KEY, weight numeric NOT NULL DEFAULT 1, note text,
                             owner_role name, state text NOT NULL DEFAULT 'packed');
CREATE TABLE parcels.log (entry_id bigint GENERATED ALWAYS AS IDENTITY, entry text);
CREATE FUNCTION parcels.heavy(keys int[]) RETURNS TABLE (row_key int, reason text) LANGUAGE sql AS
$$ SELECT p.parcel_id, format('it weighs %s kg', p.weight) FROM parcels.parcel p WHERE p.parcel_id = ANY (keys) AND p.weight > 30 ORDER BY 1 $$;
CREATE FUNCTION parcels.heavy(keys text[]) RETURNS TABLE (row_key text, reason text) LANGUAGE sql AS 'SELECT NULL::text, NULL::text WHERE false';
CREATE FUNCTION parcels.on_sent(keys int[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO parcels.log (entry) VALUES (format('sent %s as %s, in system: %s, for %s', keys, current_user,
                                                   merch.in_system('parcels.parcel'), merch.actor()));
END $$;
SELECT merch.define_workflow('parcel', '{
    "states": [{"state": "packed", "initial": true}, {"state": "sent"}, {"state": "arrived", "final": true}, {"state": "lost", "final": true}],
    "transitions": [
        {"event": "send", "from": "packed", "to": "sent", "role": "merch_store", "guard": "parcels.heavy", "action": "parcels.on_sent"},
        {"event": "return", "from": "sent", "to": "packed", "role_column": "owner_role"},
        {"event": "arrive", "from": "sent", "to": "arrived"},
        {"event": "lose", "from": ["sent", "packed"], "to": "lost", "automatic": true}]}', 'parcels on their way');
\echo what cannot be attached
CREATE TABLE parcels.pair (a int, b int, state text, PRIMARY KEY (a, b));
CREATE TABLE parcels.keyless (a int, state text);
CREATE TABLE parcels.dated (a date PRIMARY KEY, state text);
CREATE VIEW parcels.light AS SELECT * FROM parcels.parcel;
INSERT INTO parcels.parcel (parcel_id, state) VALUES (1, 'packed'), (2, 'somewhere'), (3, 'sent');
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
    'SELECT merch.attach_workflow(''parcels.pair'', ''parcel'')',
    'SELECT merch.attach_workflow(''parcels.keyless'', ''parcel'')',
    'SELECT merch.attach_workflow(''parcels.dated'', ''parcel'')',
    'SELECT merch.attach_workflow(''parcels.light'', ''parcel'')',
    'SELECT merch.attach_workflow(''parcels.parcel'', ''parcels'')',
    'SELECT merch.attach_workflow(''parcels.parcel'', NULL)',
    'SELECT merch.attach_workflow(''parcels.parcel'', ''parcel'', ''weight'')',
    'SELECT merch.attach_workflow(''parcels.parcel'', ''task'')',
    'SELECT merch.attach_workflow(''parcels.parcel'', ''promotion'')',
    'SELECT merch.attach_workflow(''parcels.parcel'', ''parcel'')',
    'SELECT merch.detach_workflow(''parcels.parcel'')',
    'SELECT merch.fire(''parcels.parcel'', ''1'', ''send'')'
]) statement;
UPDATE parcels.parcel SET state = 'packed' WHERE parcel_id = 2;
SELECT merch.attach_workflow('parcels.parcel', 'parcel');
SELECT parcel_id, state, workflow_version, state_since IS NOT NULL AS since FROM parcels.parcel ORDER BY 1;
SELECT pg_temp.error_of('SELECT merch.attach_workflow(''parcels.parcel'', ''task'')');
GRANT SELECT, INSERT, UPDATE, DELETE ON parcels.parcel TO merch_test_clerk, merch_test_visitor, merch_test_chief;

\echo a row begins where its workflow begins, whatever it says of its version and time
SET ROLE merch_test_clerk;
SELECT merch.actor();
INSERT INTO parcels.parcel (parcel_id, weight, owner_role, workflow_version, state_since) VALUES (4, 31, 'merch_store', 77, '2000-01-01');
SELECT state, workflow_version, state_since > '2001-01-01' AS now FROM parcels.parcel WHERE parcel_id = 4;
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
    'INSERT INTO parcels.parcel (parcel_id, state) VALUES (9, ''sent'')',
    'INSERT INTO parcels.parcel (parcel_id, state) VALUES (9, ''Packed'')',
    'INSERT INTO parcels.parcel (parcel_id, state) VALUES (9, NULL)',
    'INSERT INTO parcels.parcel (parcel_id, state) SELECT parcel_id + 90, state FROM parcels.parcel',
    'UPDATE parcels.parcel SET state = ''arrived'' WHERE parcel_id = 1',
    'UPDATE parcels.parcel SET state = NULL WHERE parcel_id = 1',
    'UPDATE parcels.parcel SET state = ''lost'' WHERE parcel_id = 1',
    'UPDATE parcels.parcel SET state = ''packed'' WHERE parcel_id = 3',
    'UPDATE parcels.parcel SET state = ''packed'', owner_role = ''merch_store'' WHERE parcel_id = 3',
    'INSERT INTO parcels.parcel (parcel_id) VALUES (1) ON CONFLICT (parcel_id) DO UPDATE SET state = ''arrived''',
    'MERGE INTO parcels.parcel p USING (VALUES (1)) v (id) ON parcel_id = id WHEN MATCHED THEN UPDATE SET state = ''arrived''',
    'MERGE INTO parcels.parcel p USING (VALUES (9)) v (id) ON parcel_id = id WHEN NOT MATCHED THEN INSERT (parcel_id, state) VALUES (id, ''arrived'')',
    'WITH u AS (UPDATE parcels.parcel SET state = ''arrived'' WHERE parcel_id = 1 RETURNING 1) SELECT * FROM u',
    'UPDATE parcels.parcel SET state_since = ''2000-01-01'' WHERE parcel_id = 1',
    'UPDATE parcels.parcel SET workflow_version = 2 WHERE parcel_id = 1',
    'UPDATE parcels.parcel SET workflow_version = NULL WHERE parcel_id = 1',
    'SELECT merch.fire(''parcels.parcel'', ''1'', ''arrive'')',
    'SELECT merch.fire(''parcels.parcel'', ''1'', NULL)',
    'SELECT merch.fire(''parcels.parcel'', ''99'', ''send'')',
    'SELECT merch.fire(''parcels.parcel'', NULL, ''send'')',
    'SELECT merch.fire(''parcels.parcel'', ''one'', ''send'')',
    'SELECT merch.fire(NULL, ''1'', ''send'')',
    'SELECT merch.fire(''parcels.log'', ''1'', ''send'')',
    'SELECT merch.fire_as_system(''parcels.parcel'', ''{1}'', ''lose'')',
    'SELECT merch.fire_as_system(NULL, ''{1}'', ''lose'')'
]) statement;
COPY parcels.parcel (parcel_id, state) FROM stdin;
9	arrived
\.

\echo a guard stops the statement, an action runs once a statement, all is on record
SELECT pg_temp.error_of('UPDATE parcels.parcel SET state = ''sent'' WHERE parcel_id IN (1, 4)');
BEGIN;
SET LOCAL merch.reason = 'the van is here';
UPDATE parcels.parcel SET state = 'sent' WHERE parcel_id IN (1, 2);
COMMIT;
SELECT merch.fire('parcels.parcel', '1', 'arrive', 'signed for');
SELECT current_setting('merch.reason') = '' AS reason_is_gone;
UPDATE parcels.parcel SET note = 'no change of state', state = state;
RESET ROLE;
SELECT entry FROM parcels.log ORDER BY entry_id;
SELECT subject, row_key, event, from_state, to_state, changed_by, reason FROM merch.history WHERE subject = 'parcels.parcel' ORDER BY change_id;
SELECT parcel_id, state, state_since > (SELECT min(changed_at) FROM merch.state_change) AS later FROM parcels.parcel ORDER BY 1;

\echo roles: of who acts, whatever code runs
CREATE FUNCTION parcels.send(int) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE parcels.parcel SET state = ''sent'' WHERE parcel_id = $1';
CREATE FUNCTION parcels.stay(int) RETURNS void LANGUAGE sql SECURITY DEFINER AS 'UPDATE parcels.parcel SET state = ''packed'' WHERE parcel_id = $1';
UPDATE parcels.parcel SET weight = 2, owner_role = 'merch_store' WHERE parcel_id IN (2, 4);
SET ROLE merch_test_visitor;
SELECT pg_temp.error_of('UPDATE parcels.parcel SET state = ''sent'' WHERE parcel_id = 4');
SELECT pg_temp.error_of('SELECT parcels.send(4)');
SELECT pg_temp.error_of('UPDATE parcels.parcel SET state = ''packed'' WHERE parcel_id = 2');
SET ROLE merch_test_clerk;
SELECT parcels.send(4);
SELECT parcels.stay(4);
RESET ROLE;
SELECT row_key, event, actor FROM merch.state_change WHERE subject = 'parcels.parcel'::regclass ORDER BY change_id DESC LIMIT 2;
SELECT merch.actor() = session_user AS nobody_logs_in_as_the_owner FROM (SELECT set_config('role', 'merch_test_owner', false)) x;

\echo transitions of the system: for the owner and merch_admin; rows without the event are passed over
SELECT merch.fire_as_system('parcels.parcel', '{1,2,4,99}', 'lose', 'not heard of');
SET ROLE merch_test_chief;
SELECT merch.fire_as_system('parcels.parcel', '{3}', 'lose');
RESET ROLE;
SELECT row_key, event, from_state, reason FROM merch.state_change WHERE subject = 'parcels.parcel'::regclass AND event = 'lose' ORDER BY row_key;

\echo a later trigger that changes what the guard has let pass
SET ROLE merch_test_owner;
INSERT INTO parcels.parcel (parcel_id) SELECT generate_series(11, 16);
CREATE FUNCTION parcels.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[0] = 'state' THEN NEW.state := TG_ARGV[1]; ELSE NEW.workflow_version := TG_ARGV[1]; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE INSERT OR UPDATE ON parcels.parcel FOR EACH ROW EXECUTE FUNCTION parcels.meddle('state', 'arrived');
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY['INSERT INTO parcels.parcel (parcel_id) VALUES (17)', 'UPDATE parcels.parcel SET note = NULL WHERE parcel_id = 11']) statement;
CREATE OR REPLACE TRIGGER meddle BEFORE INSERT OR UPDATE ON parcels.parcel FOR EACH ROW EXECUTE FUNCTION parcels.meddle('state', 'lost');
SELECT pg_temp.error_of('UPDATE parcels.parcel SET note = NULL WHERE parcel_id = 11');
CREATE OR REPLACE TRIGGER meddle BEFORE INSERT OR UPDATE ON parcels.parcel FOR EACH ROW EXECUTE FUNCTION parcels.meddle('version', '9');
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY['INSERT INTO parcels.parcel (parcel_id) VALUES (17)', 'UPDATE parcels.parcel SET note = NULL WHERE parcel_id = 11']) statement;
DROP TRIGGER meddle ON parcels.parcel;

\echo keys that change
SELECT pg_temp.error_of('UPDATE parcels.parcel SET parcel_id = 112, state = ''arrived'' WHERE parcel_id = 12');
RESET ROLE;
UPDATE parcels.parcel SET parcel_id = 111, state = 'sent' WHERE parcel_id = 11;
SELECT row_key, event FROM merch.state_change WHERE row_key LIKE '11%' AND event IS NOT NULL;

\echo guards and actions that fail: what failed, for what; and whoever acted is himself again
SET ROLE merch_test_owner;
CREATE FUNCTION pg_temp.context_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', sqlstate || ': ' || sqlerrm, 'HINT: ' || nullif(hint, ''),
                     'CONTEXT: ' || (SELECT line FROM regexp_split_to_table(context, E'\n') line WHERE line ~ '^(guard|action|reaction) '),
                     format('now %s, in system: %s', current_user, merch.in_system('parcels.parcel')));
END $$;
RESET ROLE;
GRANT merch_store TO merch_test_owner;
CREATE FUNCTION pg_temp.with_function(function text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    seen text;
BEGIN
    EXECUTE function;
    seen := pg_temp.context_of(statement);
    RAISE EXCEPTION USING ERRCODE = 'ZZ999', MESSAGE = seen;
EXCEPTION WHEN SQLSTATE 'ZZ999' THEN
    RETURN sqlerrm;
END $$;
SET ROLE merch_test_owner;
SELECT pg_temp.with_function(function, 'UPDATE parcels.parcel SET state = ''sent'' WHERE parcel_id IN (12, 13)') FROM unnest(ARRAY[
    'CREATE OR REPLACE FUNCTION parcels.heavy(keys int[]) RETURNS TABLE (row_key int, reason text) LANGUAGE plpgsql AS $f$ BEGIN RAISE division_by_zero; END $f$',
    'CREATE OR REPLACE FUNCTION parcels.heavy(keys int[]) RETURNS TABLE (row_key int, reason text) LANGUAGE sql AS $f$ SELECT 1, ''no'' $f$',
    'CREATE OR REPLACE FUNCTION parcels.heavy(keys int[]) RETURNS TABLE (row_key int, reason text) LANGUAGE sql AS $f$ SELECT NULL::int, ''no'' UNION ALL SELECT 12, NULL $f$',
    'DROP FUNCTION parcels.heavy(int[])',
    'DROP FUNCTION parcels.heavy(int[]); CREATE FUNCTION parcels.heavy(keys int[]) RETURNS int LANGUAGE sql AS ''SELECT 1''',
    'CREATE OR REPLACE FUNCTION parcels.on_sent(keys int[]) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN RAISE division_by_zero; END $f$',
    'DROP FUNCTION parcels.on_sent(int[])'
]) function;
\echo one that runs for ever can be cancelled like any statement
BEGIN;
CREATE OR REPLACE FUNCTION parcels.on_sent(keys int[]) RETURNS void LANGUAGE plpgsql AS $$ BEGIN LOOP PERFORM 1; END LOOP; END $$;
SET LOCAL statement_timeout = '200ms';
UPDATE parcels.parcel SET state = 'sent' WHERE parcel_id IN (12, 13);
ROLLBACK;
SET ROLE merch_test_owner;
RESET ROLE;
SELECT state, count(*) FROM parcels.parcel WHERE parcel_id IN (12, 13) GROUP BY 1;
\echo a function of somebody else is not lent the rights of the owner
ALTER FUNCTION parcels.on_sent(int[]) OWNER TO merch_test_chief;
SET ROLE merch_test_owner;
SELECT pg_temp.context_of('UPDATE parcels.parcel SET state = ''sent'' WHERE parcel_id = 12');
RESET ROLE;
ALTER FUNCTION parcels.on_sent(int[]) OWNER TO merch_test_owner;

\echo an action that goes on to the next state; reactions
SET ROLE merch_test_owner;
TRUNCATE parcels.log;
CREATE OR REPLACE FUNCTION parcels.on_sent(keys int[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO parcels.log (entry) VALUES (format('sent %s', keys));
    PERFORM merch.fire_as_system('parcels.parcel', keys::text[], 'lose', 'at once');
END $$;
CREATE FUNCTION parcels.noted(keys bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO parcels.log (entry) VALUES (format('noted %s, in system: %s', keys, merch.in_system('parcels.parcel')));
    UPDATE parcels.parcel SET state = 'lost' WHERE parcel_id = ANY (keys) AND note = 'lose it';
END $$;
CREATE TRIGGER noted_update AFTER UPDATE ON parcels.parcel REFERENCING OLD TABLE AS o NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('parcels.noted', 'parcel_id', 'note', 'weight');
CREATE TRIGGER noted_insert AFTER INSERT ON parcels.parcel REFERENCING NEW TABLE AS n
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('parcels.noted', 'parcel_id', 'note', 'weight');
CREATE TRIGGER noted_delete AFTER DELETE ON parcels.parcel REFERENCING OLD TABLE AS o
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('parcels.noted', 'parcel_id');
SET ROLE merch_test_clerk;
UPDATE parcels.parcel SET state = 'sent' WHERE parcel_id IN (12, 13);
INSERT INTO parcels.parcel (parcel_id) VALUES (18), (17);
UPDATE parcels.parcel SET note = 'lose it' WHERE parcel_id IN (14, 15);
UPDATE parcels.parcel SET weight = weight WHERE parcel_id IN (14, 15);
DELETE FROM parcels.parcel WHERE parcel_id = 17;
RESET ROLE;
SELECT entry FROM parcels.log ORDER BY entry_id;
SELECT row_key, event, from_state, to_state, actor, reason FROM merch.state_change
WHERE subject = 'parcels.parcel'::regclass AND row_key IN ('12', '13', '14', '15') AND event IS NOT NULL ORDER BY change_id;
SET ROLE merch_test_owner;
SELECT pg_temp.with_function(function, 'UPDATE parcels.parcel SET note = ''x'' WHERE parcel_id = 16') FROM unnest(ARRAY[
    'DROP FUNCTION parcels.noted(bigint[])',
    'CREATE OR REPLACE FUNCTION parcels.noted(keys bigint[]) RETURNS void LANGUAGE plpgsql AS $f$ BEGIN RAISE division_by_zero; END $f$',
    'CREATE OR REPLACE TRIGGER noted_update AFTER UPDATE ON parcels.parcel REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION merch.react(''parcels.noted'')',
    'CREATE OR REPLACE TRIGGER noted_update AFTER UPDATE ON parcels.parcel REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION merch.react(''parcels.noted'', ''note'')',
    'CREATE OR REPLACE TRIGGER noted_update AFTER UPDATE ON parcels.parcel REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION merch.react(''parcels.noted'', ''nothing'')',
    'CREATE OR REPLACE TRIGGER noted_update AFTER UPDATE ON parcels.parcel FOR EACH STATEMENT EXECUTE FUNCTION merch.react(''parcels.noted'', ''parcel_id'')',
    'CREATE OR REPLACE TRIGGER record_changes_update AFTER UPDATE ON parcels.parcel FOR EACH STATEMENT EXECUTE FUNCTION merch.record_changes(''parcel'', ''state'')',
    'CREATE OR REPLACE TRIGGER guard_workflow BEFORE UPDATE ON parcels.parcel FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow(''parcel'')',
    'CREATE OR REPLACE TRIGGER guard_workflow BEFORE UPDATE ON parcels.parcel FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow(''nothing'', ''state'')',
    'CREATE OR REPLACE TRIGGER guard_workflow BEFORE UPDATE ON parcels.parcel FOR EACH ROW EXECUTE FUNCTION merch.guard_workflow(''parcel'', ''weight'')',
    'ALTER TABLE parcels.parcel DROP COLUMN state_since',
    'ALTER TABLE parcels.parcel DROP CONSTRAINT parcel_pkey'
]) function;
DROP TRIGGER noted_update ON parcels.parcel;
DROP TRIGGER noted_insert ON parcels.parcel;
DROP TRIGGER noted_delete ON parcels.parcel;
CREATE OR REPLACE FUNCTION parcels.on_sent(keys int[]) RETURNS void LANGUAGE sql AS '';
\echo nobody comes into system context for a table of others by a trigger of their own
RESET ROLE;
CREATE SCHEMA mine AUTHORIZATION merch_test_clerk;
GRANT EXECUTE ON FUNCTION merch.react TO merch_test_clerk;
GRANT USAGE ON SCHEMA mine TO merch_test_owner;
SET ROLE merch_test_clerk;
CREATE TABLE mine.lever (lever_id int);
CREATE FUNCTION mine.pull(bigint[]) RETURNS void LANGUAGE sql AS 'UPDATE parcels.parcel SET state = ''lost'' WHERE parcel_id = 16';
CREATE TRIGGER pull AFTER INSERT ON mine.lever REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION merch.react('mine.pull', 'lever_id');
SELECT pg_temp.error_of('INSERT INTO mine.lever VALUES (1)');
RESET ROLE;
GRANT TRIGGER ON parcels.parcel TO merch_test_clerk;
SET ROLE merch_test_clerk;
CREATE TRIGGER pull AFTER INSERT ON parcels.parcel REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION merch.react('mine.pull', 'parcel_id');
SELECT pg_temp.error_of('INSERT INTO parcels.parcel (parcel_id) VALUES (19)');
RESET ROLE;
DROP TRIGGER pull ON parcels.parcel;

\echo versions: rows stay on theirs, new ones take the newest, merch_admin can move them
SET ROLE merch_test_owner;
SELECT merch.define_workflow('parcel', '{
    "states": [{"state": "packed", "initial": true}, {"state": "weighed"}, {"state": "sent"}, {"state": "arrived", "final": true}],
    "transitions": [
        {"event": "weigh", "from": "packed", "to": "weighed"},
        {"event": "send", "from": "weighed", "to": "sent", "role": "merch_store"},
        {"event": "arrive", "from": "sent", "to": "arrived"}]}', 'parcels are weighed');
INSERT INTO parcels.parcel (parcel_id) VALUES (21);
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
    'UPDATE parcels.parcel SET state = ''sent'' WHERE parcel_id = 21',
    'UPDATE parcels.parcel SET state = ''weighed'' WHERE parcel_id = 16',
    'UPDATE parcels.parcel SET workflow_version = 2 WHERE parcel_id = 16',
    'UPDATE merch.workflow SET description = ''other'' WHERE workflow = ''parcel''',
    'UPDATE merch.workflow_state SET final = true',
    'DELETE FROM merch.workflow_transition WHERE workflow = ''parcel''',
    'INSERT INTO merch.workflow_state (workflow, version, state, final) VALUES (''parcel'', 1, ''burnt'', true)',
    'INSERT INTO merch.workflow_transition (workflow, version, from_state, event, to_state) VALUES (''parcel'', 1, ''packed'', ''jump'', ''arrived'')',
    'INSERT INTO merch.workflow_state (workflow, version, state, final) VALUES (''parcel'', 3, ''burnt'', true)',
    'TRUNCATE merch.workflow CASCADE'
]) statement;
SET ROLE merch_test_chief;
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
    'UPDATE parcels.parcel SET workflow_version = 2 WHERE state = ''lost''',
    'UPDATE parcels.parcel SET workflow_version = 3 WHERE parcel_id = 16',
    'UPDATE parcels.parcel SET workflow_version = 2, state = ''weighed'' WHERE parcel_id = 16',
    'UPDATE parcels.parcel SET workflow_version = 2 WHERE parcel_id = 16'
]) statement;
SELECT merch.fire('parcels.parcel', '16', 'weigh');
RESET ROLE;
SELECT row_key, workflow_version, event FROM merch.state_change WHERE row_key IN ('16', '21') ORDER BY change_id;
\echo a definition that is rolled back is forgotten
BEGIN;
SELECT merch.define_workflow('parcel', '{"states": [{"state": "new", "initial": true, "final": true}, {"state": "old"}],
    "transitions": [{"event": "age", "from": "new", "to": "old"}, {"event": "renew", "from": "old", "to": "new"}]}');
SELECT pg_temp.error_of('INSERT INTO parcels.parcel (parcel_id) VALUES (22)');
ROLLBACK;
INSERT INTO parcels.parcel (parcel_id) VALUES (22) RETURNING workflow_version;

\echo the record: nobody changes it, or takes away what is young
SET ROLE merch_test_owner;
SELECT regexp_replace(pg_temp.error_of(statement), 'change \d+ .* from [^\n]*', 'change <…>') FROM unnest(ARRAY[
    'UPDATE merch.state_change SET actor = ''nobody''',
    'DELETE FROM merch.state_change',
    'TRUNCATE merch.state_change',
    'SET merch.history = 0'
]) statement;
SELECT merch.forget_history();
RESET ROLE;
BEGIN;
SET LOCAL merch.history = 0;
SELECT count(*) AS all_changes FROM merch.state_change \gset
SELECT merch.forget_history() = :all_changes AS all_that_is_old_enough;
ROLLBACK;
SHOW merch.history;
SELECT pg_temp.error_of('SET merch.hystory = 1');

\echo partitions: through the table, by name, and from one to the other
SET ROLE merch_test_owner;
CREATE TABLE parcels.box (box_id int PRIMARY KEY, state text NOT NULL DEFAULT 'packed', note text) PARTITION BY RANGE (box_id);
CREATE TABLE parcels.box_1 PARTITION OF parcels.box FOR VALUES FROM (0) TO (100);
CREATE TABLE parcels.box_2 PARTITION OF parcels.box FOR VALUES FROM (100) TO (200);
SELECT merch.attach_workflow('parcels.box', 'parcel');
INSERT INTO parcels.box (box_id) VALUES (1), (2), (101);
INSERT INTO parcels.box_1 (box_id) VALUES (3);
UPDATE parcels.box SET state = 'weighed' WHERE box_id IN (1, 101);
UPDATE parcels.box_1 SET state = 'weighed' WHERE box_id = 3;
UPDATE parcels.box SET box_id = box_id + 100 WHERE box_id IN (2, 3);
UPDATE parcels.box SET box_id = 150, state = 'sent' WHERE box_id = 1;
UPDATE parcels.box SET box_id = 1 WHERE box_id = 150;
UPDATE parcels.box SET state = 'sent', box_id = 100 WHERE box_id = 103;
SELECT pg_temp.error_of(statement) FROM unnest(ARRAY[
    'UPDATE parcels.box SET state = ''arrived'', box_id = 5 WHERE box_id = 102',
    'UPDATE parcels.box_2 SET state = ''arrived'' WHERE box_id = 102',
    'INSERT INTO parcels.box_1 (box_id, state) VALUES (9, ''sent'')',
    'INSERT INTO parcels.box (box_id, state) VALUES (9, ''sent'')',
    'WITH u AS (UPDATE parcels.box SET note = ''x'' WHERE box_id = 100 RETURNING state) INSERT INTO parcels.box (box_id, state) SELECT 9, state FROM u',
    'SELECT merch.attach_workflow(''parcels.box_1'', ''parcel'')'
]) statement;
CREATE TABLE parcels.box_3 PARTITION OF parcels.box FOR VALUES FROM (200) TO (300);
SELECT pg_temp.error_of('INSERT INTO parcels.box_3 (box_id) VALUES (201)');
SELECT pg_temp.error_of('INSERT INTO parcels.box (box_id) VALUES (201)');
SELECT merch.attach_workflow('parcels.box', 'parcel');
INSERT INTO parcels.box_3 (box_id) VALUES (201);
RESET ROLE;
SELECT tableoid::regclass, box_id, state FROM parcels.box ORDER BY 2;
SELECT subject, row_key, event, from_state, to_state FROM merch.state_change WHERE subject::text LIKE 'parcels.box%' ORDER BY change_id;

\echo approvals: asked for on entry, looked at before the step, withdrawn on leaving
BEGIN;
ALTER FUNCTION merch.request_approvals(regclass, text, int, text, text[]) RENAME TO shipped_request_approvals;
ALTER FUNCTION merch.withdraw_approvals(regclass, text[], text) RENAME TO shipped_withdraw_approvals;
ALTER FUNCTION merch.missing_approvals(regclass, text, int, text, text[]) RENAME TO shipped_missing_approvals;
CREATE FUNCTION merch.request_approvals(regclass, text, int, text, text[]) RETURNS void LANGUAGE sql AS
    'INSERT INTO parcels.log (entry) VALUES (format(''request %s %s %s %s %s as %s'', $1, $2, $3, $4, $5, current_user))';
CREATE FUNCTION merch.withdraw_approvals(regclass, text[], text) RETURNS void LANGUAGE sql AS
    'INSERT INTO parcels.log (entry) VALUES (format(''withdraw %s %s %s as %s'', $1, $2, $3, current_user))';
CREATE FUNCTION merch.missing_approvals(regclass, text, int, text, text[]) RETURNS TABLE (row_key text, reason text) LANGUAGE sql AS
    'SELECT k, ''finance must agree'' FROM unnest($5) k WHERE k <> ''2''';
TRUNCATE parcels.log;
SET ROLE merch_test_owner;
CREATE TABLE parcels.gift (gift_id text PRIMARY KEY, state text NOT NULL DEFAULT 'wished');
SELECT merch.define_workflow('gift', '{
    "states": [{"state": "wished", "initial": true}, {"state": "given", "final": true}, {"state": "refused", "final": true}],
    "transitions": [{"event": "give", "from": "wished", "to": "given", "needs_approval": true}, {"event": "refuse", "from": "wished", "to": "refused"}]}');
SELECT merch.attach_workflow('parcels.gift', 'gift');
INSERT INTO parcels.gift VALUES ('1'), ('2'), ('3');
SELECT pg_temp.error_of('UPDATE parcels.gift SET state = ''given''');
UPDATE parcels.gift SET state = 'given' WHERE gift_id = '2';
SELECT merch.fire('parcels.gift', '3', 'refuse');
SELECT entry FROM parcels.log ORDER BY entry_id;
ROLLBACK;

\echo history goes by INSERT where somebody put a trigger on it
BEGIN;
CREATE FUNCTION parcels.see() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE WARNING 'seen: % % % → % by %', NEW.subject, NEW.row_key, NEW.from_state, NEW.to_state, NEW.actor; RETURN NULL; END $$;
CREATE TRIGGER see AFTER INSERT ON merch.state_change FOR EACH ROW EXECUTE FUNCTION parcels.see();
SET ROLE merch_test_clerk;
UPDATE parcels.parcel SET state = 'weighed' WHERE parcel_id IN (21, 22);
ROLLBACK;

\echo detached, and attached again
SET ROLE merch_test_owner;
SELECT merch.detach_workflow('parcels.box');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'parcels.box%';
UPDATE parcels.box SET state = 'arrived' WHERE box_id = 1;
SELECT merch.attach_workflow('parcels.box', 'parcel');
SELECT pg_temp.error_of('UPDATE parcels.box SET state = ''sent'' WHERE box_id = 1');

\echo the extension dropped and made again: create_model() puts the triggers back, on tables of users, too
RESET ROLE;
CREATE VIEW parcels.triggers AS SELECT tgrelid::regclass, tgname FROM pg_trigger
WHERE tgname IN ('guard_workflow', 'record_changes_insert', 'record_changes_update');
SELECT count(*) AS triggers FROM parcels.triggers \gset
DROP EXTENSION pg_merch CASCADE;
SELECT count(*) FROM parcels.triggers;
CREATE EXTENSION pg_merch;
SET ROLE merch_test_owner;
SELECT merch.create_model();
RESET ROLE;
SELECT count(*) = :triggers AS all_back FROM parcels.triggers;
SELECT pg_temp.error_of('UPDATE parcels.parcel SET state = ''sent'' WHERE parcel_id = 21');
INSERT INTO merch.promotion (name, starts_on, ends_on) VALUES ('week', '2090-01-01', '2090-01-08') RETURNING created_by = session_user AS by_me;
SELECT count(*) FROM merch.workflow WHERE workflow = 'promotion';

DROP OWNED BY merch_test_owner, merch_test_clerk, merch_test_visitor, merch_test_chief CASCADE;
DROP ROLE merch_test_owner, merch_test_clerk, merch_test_visitor, merch_test_chief;
