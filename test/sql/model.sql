-- the model: made once, owned by who made it
\set VERBOSITY terse
SELECT * FROM merch.model_version() WHERE model_version IS NULL;
SELECT merch.upgrade_model();

-- not without the right to create
CREATE ROLE merch_test_planner;
SET ROLE merch_test_planner;
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT merch.create_model();
RESET ROLE;

-- not over somebody's own tables
CREATE TABLE merch.item (mine int);
SELECT merch.create_model();
DROP TABLE merch.item;

GRANT CREATE ON SCHEMA merch TO merch_test_planner;
-- an extension that comes with PostgreSQL is needed, for which who owns no database may have to ask
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS btree_gist;
RESET client_min_messages;
SET ROLE merch_test_planner;
\set VERBOSITY terse
SELECT merch.create_model();
\set VERBOSITY default
RESET ROLE;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO merch_test_planner', current_database()); END $$;
SET ROLE merch_test_planner;
SELECT merch.create_model();
RESET ROLE;
SELECT count(*) > 10 AS made, bool_and(tableowner = 'merch_test_planner') AS by_caller
FROM pg_tables WHERE schemaname = 'merch';
SELECT extension_version = model_version AS current FROM merch.model_version();

-- a second call changes nothing, not even what a DBA did to the tables
CREATE FUNCTION catalog_state() RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(x, E'\n' ORDER BY x))
    FROM (SELECT 'class ' || oid || xmin || relname FROM pg_class WHERE relnamespace = 'merch'::regnamespace
          UNION ALL
          SELECT 'trigger ' || t.oid || t.xmin FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
          WHERE relnamespace = 'merch'::regnamespace
          UNION ALL
          SELECT 'comment ' || objoid || ' ' || objsubid || d.xmin FROM pg_description d) s(x) $$;
ALTER TABLE merch.item ADD COLUMN colour text;
DROP INDEX merch.allocation_line_allocation_id;
SELECT catalog_state() AS before \gset
\set VERBOSITY terse
SELECT merch.create_model();
SELECT merch.upgrade_model();
SELECT catalog_state() = :'before' AS unchanged;

-- an older model gets what it lacks and keeps what it has; a newer one is refused
UPDATE merch.model SET version = '0.0.9';
DROP VIEW merch.allocation_summary;
SELECT merch.create_model();
SELECT merch.upgrade_model();
SELECT merch.upgrade_model();
SELECT to_regclass('merch.allocation_summary'), to_regclass('merch.allocation_line_allocation_id');
SELECT count(*) FROM pg_attribute WHERE attrelid = 'merch.item'::regclass AND attname = 'colour';
SELECT count(*) FROM merch.policy;
UPDATE merch.model SET version = '99.10.0';
\set VERBOSITY default
SELECT merch.upgrade_model();
UPDATE merch.model SET version = extension_version FROM merch.model_version();

-- dropping the extension keeps the tables and their rows; making it again needs
-- its triggers put back
INSERT INTO merch.item (item_id, name) VALUES (1, 'juice');
\set VERBOSITY terse
SET client_min_messages = warning;
DROP EXTENSION pg_merch CASCADE;
SELECT count(*) FROM merch.item;
CREATE EXTENSION pg_merch;
RESET client_min_messages;
SELECT merch.create_model();
SELECT merch.create_model();

-- a user understands every object
SELECT c.relname, a.attname
FROM pg_class c
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND c.relname <> 'sale_default' AND a.attname <> 'colour'
WHERE c.relnamespace = 'merch'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND (obj_description(c.oid) IS NULL OR (a.attnum IS NOT NULL AND col_description(c.oid, a.attnum) IS NULL));
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'merch'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;

-- the keys of what grows begin with the item
SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relnamespace = 'merch'::regnamespace AND a.attname = 'item_id'
ORDER BY c.relname;

-- every foreign key that is to be followed from the other side quickly has its index
SELECT conrelid::regclass, conname FROM pg_constraint
WHERE contype = 'f' AND confrelid IN ('merch.promotion'::regclass, 'merch.campaign'::regclass, 'merch.offer'::regclass)
  AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = conrelid AND i.indkey[0] = conkey[1]);

DROP OWNED BY merch_test_planner CASCADE;
DROP ROLE merch_test_planner;
