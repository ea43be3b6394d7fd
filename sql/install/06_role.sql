-- roles: made where missing, without login; they belong to the cluster and outlive the extension

DO $roles$
DECLARE
    wanted CONSTANT jsonb := '{
        "merch_viewer": "Reads promotions, stock and plans (pg_merch); changes nothing.",
        "merch_merchandiser": "Makes and runs promotions, offers and assortments (pg_merch).",
        "merch_pricing": "Prices and price events (pg_merch).",
        "merch_allocator": "Allocates, releases, moves and rebalances stock (pg_merch).",
        "merch_finance": "Decides on money and closes promotions (pg_merch).",
        "merch_store": "Does the tasks of locations (pg_merch).",
        "merch_integration": "Loads master data, prices, stock, forecasts and sales from other systems (pg_merch).",
        "merch_admin": "All that the other roles may, and policies, workflows, approval rules and jobs (pg_merch)."}';
    lacking text;
    role text;
    purpose text;
    membership record;
BEGIN
    SELECT string_agg(w.key, ', ' ORDER BY w.key) INTO lacking
    FROM jsonb_each_text(wanted) w
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = w.key);
    IF lacking IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = current_user AND (r.rolsuper OR r.rolcreaterole)) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('role "%s" may not create the roles that pg_merch needs: %s', current_user, lacking),
            HINT = 'Have somebody with CREATEROLE make them: CREATE ROLE … NOLOGIN. They are in the documentation of roles.';
    END IF;

    FOR role, purpose IN SELECT w.key, w.value FROM jsonb_each_text(wanted) w LOOP
        -- another database of the cluster may be making it now
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
                EXECUTE format('COMMENT ON ROLE %I IS %L', role, purpose);
            ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = role AND (r.rolcanlogin OR r.rolsuper)) THEN
                RAISE WARNING USING
                    MESSAGE = format('role "%s" exists, and can log in or is a superuser', role),
                    HINT = 'pg_merch means it as a group without login: it gives it rights on the model''s tables.';
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;

    FOR membership IN
        SELECT g.granted, g.member
        FROM (SELECT 'merch_viewer' AS granted, w.key AS member
              FROM jsonb_object_keys(wanted) w(key) WHERE w.key <> 'merch_viewer'
              UNION ALL
              SELECT w.key, 'merch_admin'
              FROM jsonb_object_keys(wanted) w(key) WHERE w.key NOT IN ('merch_viewer', 'merch_admin')) g
        WHERE NOT EXISTS (SELECT
                          FROM pg_catalog.pg_auth_members m
                          WHERE m.roleid = g.granted::regrole AND m.member = g.member::regrole)
    LOOP
        BEGIN
            EXECUTE format('GRANT %I TO %I', membership.granted, membership.member);
        EXCEPTION
            WHEN unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE insufficient_privilege USING
                    MESSAGE = format('role "%s" may not grant "%s" to "%s"', current_user, membership.granted, membership.member),
                    HINT = format('Have somebody who may do it first: GRANT %I TO %I.', membership.granted, membership.member);
        END;
    END LOOP;
END
$roles$;
