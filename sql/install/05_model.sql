-- model: the canonical tables, made as ordinary objects of the caller

CREATE FUNCTION merch.model_version(
    OUT extension_version text,
    OUT model_version text
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT e.extversion INTO extension_version FROM pg_extension e WHERE e.extname = 'pg_merch';
    IF to_regclass('merch.model') IS NOT NULL THEN
        EXECUTE 'SELECT version FROM merch.model' INTO model_version;
    END IF;
END
$$;
COMMENT ON FUNCTION merch.model_version() IS
'Versions of the installed extension and of the model''s tables; model_version is null where there is no model.';

-- Runs every part of the model: makes what is missing, leaves what is there.
CREATE FUNCTION merch.apply_model()
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
BEGIN
    IF NOT has_schema_privilege('merch', 'CREATE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('role "%s" may not create tables in schema "merch"', current_user),
            HINT = format('As the owner of the schema: GRANT CREATE ON SCHEMA merch TO %I.', current_user);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = 'btree_gist')
       AND NOT has_database_privilege(current_database(), 'CREATE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('role "%s" may not create extension "btree_gist", which the model needs', current_user),
            HINT = format('As the owner of the database: CREATE EXTENSION btree_gist, or GRANT CREATE ON DATABASE %I TO %I.',
                          current_database(), current_user);
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('merch.apply_model'));
    EXECUTE merch.model_sql();
END
$$;
COMMENT ON FUNCTION merch.apply_model() IS
'Makes the tables, triggers and views of the model that are missing. Called by merch.create_model() and merch.upgrade_model(): use those.';

CREATE FUNCTION merch.model_lacks_triggers()
RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT
        FROM regexp_matches(merch.model_sql(), 'CREATE OR REPLACE TRIGGER (\w+)[^;]* ON (merch\.\w+)', 'g') AS made(names)
        WHERE NOT EXISTS (SELECT FROM pg_trigger t
                          WHERE t.tgname = made.names[1] AND t.tgrelid = to_regclass(made.names[2])))
$$;
COMMENT ON FUNCTION merch.model_lacks_triggers() IS
'Whether a trigger of the model is missing, as all are after the extension was dropped and made again.';

CREATE FUNCTION merch.create_model()
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    versions record;
    stranger name;
BEGIN
    SELECT * INTO versions FROM merch.model_version();
    IF versions.model_version IS NOT NULL THEN
        -- dropping the extension took its triggers off the tables
        IF versions.model_version = versions.extension_version AND merch.model_lacks_triggers() THEN
            PERFORM merch.apply_model();
            RETURN true;
        END IF;
        RAISE NOTICE USING
            MESSAGE = format('the model exists already, at version %s', versions.model_version),
            HINT = CASE WHEN versions.model_version = versions.extension_version
                        THEN 'Nothing is to be done.'
                        ELSE 'merch.upgrade_model() brings it to the version of the extension.' END;
        RETURN false;
    END IF;

    SELECT c.relname INTO stranger
    FROM pg_class c
    WHERE c.relnamespace = 'merch'::regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY c.relname
    LIMIT 1;
    IF FOUND THEN
        RAISE duplicate_table USING
            MESSAGE = format('schema "merch" already holds "%s", which is not of a model', stranger),
            HINT = 'Move what is your own to another schema: ALTER TABLE … SET SCHEMA.';
    END IF;

    PERFORM merch.apply_model();
    EXECUTE 'INSERT INTO merch.model (version) VALUES ($1)' USING versions.extension_version;
    RETURN true;
END
$$;
COMMENT ON FUNCTION merch.create_model() IS
'Makes the tables of promotions and allocation in schema merch, owned by the caller. Returns false, and changes nothing, if they are there. Puts triggers back that went with a dropped extension.';

CREATE FUNCTION merch.upgrade_model()
RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    versions record;
BEGIN
    SELECT * INTO versions FROM merch.model_version();
    IF versions.model_version IS NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'there is no model to upgrade',
            HINT = 'merch.create_model() makes one.';
    END IF;
    IF versions.model_version = versions.extension_version THEN
        RETURN false;
    END IF;
    IF string_to_array(versions.model_version, '.')::int[]
       > string_to_array(versions.extension_version, '.')::int[] THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('the model is of version %s, newer than the extension''s %s',
                             versions.model_version, versions.extension_version),
            HINT = format('Install pg_merch %s, then ALTER EXTENSION pg_merch UPDATE.', versions.model_version);
    END IF;

    PERFORM merch.apply_model();
    EXECUTE 'UPDATE merch.model SET version = $1, upgraded_at = now()' USING versions.extension_version;
    RETURN true;
END
$$;
COMMENT ON FUNCTION merch.upgrade_model() IS
'Brings an older model to the version of the extension: adds what is missing, keeps what is there. Returns false if there is nothing to do.';
