-- roles: who may do what with every table and every function, from the catalogue. A table or
-- function that is new shows up here.
\pset format unaligned
BEGIN;
SELECT merch.create_model();
CREATE ROLE merch_test_none;

-- the roles, without login; each reads what merch_viewer reads, merch_admin may what all may
SELECT r.rolname, r.rolcanlogin, r.rolsuper, shobj_description(r.oid, 'pg_authid') IS NOT NULL AS described,
       ARRAY(SELECT m.roleid::regrole::text FROM pg_auth_members m
             WHERE m.member = r.oid AND m.roleid::regrole::text LIKE 'merch\_%' ORDER BY 1) AS member_of
FROM pg_roles r
WHERE r.rolname LIKE 'merch\_%' AND r.rolname NOT LIKE 'merch\_test\_%'
ORDER BY r.rolname;

CREATE TEMP TABLE role_of (ordinal int, letter text, role name);
INSERT INTO role_of
VALUES (1, 'V', 'merch_viewer'), (2, 'M', 'merch_merchandiser'), (3, 'P', 'merch_pricing'), (4, 'A', 'merch_allocator'),
       (5, 'F', 'merch_finance'), (6, 'S', 'merch_store'), (7, 'I', 'merch_integration'), (8, 'X', 'merch_admin'),
       (9, 'N', 'merch_test_none');

-- every table and view: read, add, write (in brackets: the columns), delete, truncate, x all else
CREATE FUNCTION pg_temp.rights(role name, class oid) RETURNS text LANGUAGE sql AS $$
    SELECT nullif(concat(
        CASE WHEN has_table_privilege(role, class, 'SELECT') THEN 'r'
             WHEN has_any_column_privilege(role, class, 'SELECT') THEN 'r!' END,
        CASE WHEN has_table_privilege(role, class, 'INSERT') THEN 'a'
             WHEN has_any_column_privilege(role, class, 'INSERT') THEN format('a(%s)',
                 (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a
                  WHERE a.attrelid = class AND a.attnum > 0 AND has_column_privilege(role, class, a.attnum, 'INSERT'))) END,
        CASE WHEN has_table_privilege(role, class, 'UPDATE') THEN 'w'
             WHEN has_any_column_privilege(role, class, 'UPDATE') THEN format('w(%s)',
                 (SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) FROM pg_attribute a
                  WHERE a.attrelid = class AND a.attnum > 0 AND has_column_privilege(role, class, a.attnum, 'UPDATE'))) END,
        CASE WHEN has_table_privilege(role, class, 'DELETE') THEN 'd' END,
        CASE WHEN has_table_privilege(role, class, 'TRUNCATE') THEN 't' END,
        CASE WHEN has_table_privilege(role, class, 'TRIGGER, REFERENCES') THEN 'x' END), '')
$$;
CREATE TEMP VIEW model_table AS
SELECT c.oid, c.relname, c.relkind FROM pg_class c
WHERE c.relnamespace = 'merch'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f');

SELECT t.relname AS "table",
       (SELECT string_agg(format('%s:%s', g.letters, g.rights), ' ' ORDER BY g.first)
        FROM (SELECT string_agg(r.letter, '' ORDER BY r.ordinal) AS letters, p.rights, min(r.ordinal) AS first
              FROM role_of r
              CROSS JOIN LATERAL (SELECT pg_temp.rights(r.role, t.oid) AS rights) p
              WHERE p.rights IS NOT NULL
              GROUP BY p.rights) g) AS rights
FROM model_table t
ORDER BY t.relname;

-- numbers come from identity columns: nobody has rights on a sequence
SELECT c.relname, r.role FROM pg_class c CROSS JOIN role_of r
WHERE c.relnamespace = 'merch'::regnamespace AND c.relkind = 'S'
  AND has_sequence_privilege(r.role, c.oid, 'USAGE, SELECT, UPDATE');
-- views show nothing that who asks may not read; stat_worker reads no table
SELECT t.relname FROM model_table t JOIN pg_class c USING (oid)
WHERE t.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false);
-- a member of none reads and changes nothing
SELECT t.relname FROM model_table t WHERE pg_temp.rights('merch_test_none', t.oid) IS NOT NULL;

-- every function that may write, and who may call it
CREATE TEMP VIEW routine AS
SELECT p.*, p.prorettype = 'trigger'::regtype AS of_triggers FROM pg_proc p WHERE p.pronamespace = 'merch'::regnamespace;
CREATE FUNCTION pg_temp.callers(routine oid) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(r.letter, '' ORDER BY r.ordinal) FROM role_of r WHERE has_function_privilege(r.role, routine, 'EXECUTE')
$$;
SELECT pg_temp.callers(p.oid) AS callers, p.proname AS "function"
FROM routine p
WHERE p.provolatile = 'v' AND NOT p.of_triggers
ORDER BY p.proname;
-- what reads the model is for everybody with a role; what reads nothing is for all
SELECT p.proname, p.provolatile, pg_temp.callers(p.oid) FROM routine p
WHERE p.provolatile <> 'v' AND NOT p.of_triggers
  AND pg_temp.callers(p.oid) IS DISTINCT FROM CASE p.provolatile WHEN 'i' THEN 'VMPAFSIXN' ELSE 'VMPAFSIX' END
ORDER BY p.proname;
-- nobody calls what is for triggers; these merch_admin may make triggers of, on tables of its own
SELECT pg_temp.callers(p.oid) AS callers, p.proname FROM routine p WHERE p.of_triggers AND pg_temp.callers(p.oid) IS NOT NULL ORDER BY p.proname;
-- a member of none may call of what writes only what makes a model, which asks for CREATE on the schema
SELECT p.proname FROM routine p WHERE p.provolatile <> 'i' AND pg_temp.callers(p.oid) LIKE '%N' ORDER BY p.proname;
-- what runs with the rights of its owner looks for names nowhere else
SELECT p.proname, p.proconfig @> '{"search_path=pg_catalog, pg_temp"}' AS pinned FROM routine p WHERE p.prosecdef;

-- Who may call a function may call what it calls. Names in texts, such as hints, are no calls.
CREATE TEMP VIEW call AS
SELECT DISTINCT p.oid AS caller, c.oid AS callee
FROM routine p
CROSS JOIN LATERAL regexp_matches(regexp_replace(p.prosrc, '''(?:[^'']|'''')*''|--[^\n]*', '', 'g'), 'merch\.(\w+)\s*\(', 'g') AS made(names)
JOIN routine c ON c.proname = made.names[1]
WHERE NOT c.of_triggers AND p.proname <> 'model_sql';
SELECT r.role, c.caller::regproc, c.callee::regproc
FROM call c
CROSS JOIN role_of r
WHERE has_function_privilege(r.role, c.caller, 'EXECUTE') AND NOT has_function_privilege(r.role, c.callee, 'EXECUTE')
  AND r.role <> 'merch_test_none'
ORDER BY 1, 2, 3;
-- so may who writes a table, of what its triggers call; reactions run as the table's owner
SELECT DISTINCT r.role, t.tgrelid::regclass, c.callee::regproc
FROM pg_trigger t
JOIN model_table m ON m.oid = t.tgrelid
JOIN call c ON c.caller = t.tgfoid
CROSS JOIN role_of r
WHERE NOT has_function_privilege(r.role, c.callee, 'EXECUTE')
  AND (has_any_column_privilege(r.role, t.tgrelid, 'INSERT, UPDATE') OR has_table_privilege(r.role, t.tgrelid, 'DELETE, TRUNCATE'))
ORDER BY 1, 2, 3;

-- and may write the tables that its triggers write
SELECT DISTINCT r.role, t.tgrelid::regclass, p.proname, w.names[1]
FROM pg_trigger t
JOIN model_table m ON m.oid = t.tgrelid
JOIN routine p ON p.oid = t.tgfoid
CROSS JOIN LATERAL regexp_matches(p.prosrc, '(?:INSERT INTO|UPDATE|DELETE FROM) (merch\.\w+)', 'g') AS w(names)
CROSS JOIN role_of r
WHERE (has_any_column_privilege(r.role, t.tgrelid, 'INSERT, UPDATE') OR has_table_privilege(r.role, t.tgrelid, 'DELETE, TRUNCATE'))
  AND NOT has_any_column_privilege(r.role, w.names[1], 'INSERT, UPDATE')
  AND (p.proname <> 'mark_all_promotions' OR t.tgtype & 32 = 0 OR t.tgtype & (4 + 8 + 16) <> 0 OR has_table_privilege(r.role, t.tgrelid, 'TRUNCATE'))
ORDER BY 1, 2, 3, 4;

-- a member of none really can't: each table is read and written, each function called
CREATE TEMP TABLE done (what text);
GRANT INSERT ON done TO PUBLIC;
GRANT SELECT ON model_table, routine TO PUBLIC;
CREATE FUNCTION pg_temp.try(statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    INSERT INTO done VALUES (statement);
EXCEPTION
    WHEN insufficient_privilege THEN NULL;
    WHEN OTHERS THEN INSERT INTO done VALUES (statement || ': ' || SQLERRM);
END
$$;
CREATE TEMP VIEW writing AS
SELECT format(w.text, t.oid::regclass, (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = 1)) AS statement
FROM model_table t
CROSS JOIN (VALUES ('INSERT INTO %s (%I) OVERRIDING SYSTEM VALUE SELECT NULL WHERE false'),
                   ('UPDATE %s SET %I = DEFAULT WHERE false'), ('DELETE FROM %s WHERE false'), ('TRUNCATE %s'), ('LOCK TABLE %s')) w(text)
WHERE t.relkind IN ('r', 'p');
GRANT SELECT ON writing TO PUBLIC;
SET ROLE merch_test_none;
SELECT count(pg_temp.try(format('SELECT FROM %s LIMIT 0', t.oid::regclass))) > 50 AS read_each FROM model_table t;
SELECT count(pg_temp.try(w.statement)) > 250 AS written_each FROM writing w;
SELECT count(pg_temp.try(format(CASE p.prokind WHEN 'p' THEN 'CALL %s(%s)' ELSE 'SELECT %s(%s)' END, p.oid::regproc,
                                (SELECT string_agg(format('CASE WHEN random() < 0 THEN NULL::%s END', a.type::regtype), ', ' ORDER BY a.ordinal)
                                 FROM unnest(p.proargtypes) WITH ORDINALITY a(type, ordinal))))) > 200 AS called_each
FROM routine p
WHERE p.provolatile <> 'i' AND NOT p.of_triggers AND p.proname NOT IN ('model_version', 'model_lacks_triggers', 'admit_owner');
RESET ROLE;
SELECT * FROM done;
TRUNCATE done;
-- nor can a viewer write
SET ROLE merch_viewer;
SELECT count(pg_temp.try(format('SELECT FROM %s LIMIT 0', t.oid::regclass))) > 50 AS read_each FROM model_table t;
RESET ROLE;
SELECT count(*) = (SELECT count(*) FROM model_table) AS all_readable FROM done;
TRUNCATE done;
SET ROLE merch_viewer;
SELECT count(pg_temp.try(w.statement)) > 250 AS written_each FROM writing w;
RESET ROLE;
SELECT * FROM done;
ROLLBACK;
