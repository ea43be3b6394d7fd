-- who may call what
--
-- Functions run with the rights of who calls them: what a role can do with the tables is
-- in the model's grants. Here is what it may call, with all parts of that.

CREATE FUNCTION merch.admit_owner()
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner CONSTANT oid := (SELECT c.relowner FROM pg_class c WHERE c.oid = to_regclass('merch.model'));
    routines text;
BEGIN
    -- only to who has all rights on the model's tables anyway, whoever calls this
    SELECT string_agg(p.oid::regprocedure::text, ', ') INTO routines
    FROM pg_proc p
    JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
    JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid AND e.extname = 'pg_merch'
    -- a right through a role could be taken back
    WHERE NOT EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
                      WHERE g.grantee IN (0, owner) AND g.privilege_type = 'EXECUTE')
      AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = owner);
    IF routines IS NOT NULL THEN
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %s', routines, owner::regrole);
    END IF;
END
$$;
COMMENT ON FUNCTION merch.admit_owner() IS
'Lets the owner of the model call every function of the extension: its triggers and jobs run as that role. Part of merch.create_model(); call it after the tables were given to another owner.';

CREATE FUNCTION merch.guard_note()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- what the system writes it writes as the table's owner
    IF merch.actor_has_role(OLD.role) OR pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = TG_RELID), 'USAGE') THEN
        RETURN NEW;
    END IF;
    RAISE insufficient_privilege USING
        MESSAGE = format('%s may not write to a row of "%s" that is for %s', merch.actor(), TG_TABLE_NAME, OLD.role),
        HINT = format('Members of %I may.', OLD.role);
END
$$;
COMMENT ON FUNCTION merch.guard_note() IS
'Trigger of merch.task and merch.exception: only members of a row''s role write its note and outcome.';

-- Everybody may call what reads nothing, that is what is IMMUTABLE, and what makes a model,
-- which is for roles that may create tables in the schema.
DO $revoke$
DECLARE
    routine regprocedure;
BEGIN
    FOR routine IN
        SELECT p.oid
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'merch'::regnamespace
          AND p.provolatile <> 'i'
          AND p.proname <> ALL (ARRAY['create_model', 'upgrade_model', 'apply_model', 'admit_owner',
                                      'model_version', 'model_lacks_triggers'])
    LOOP
        EXECUTE format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC', routine);
    END LOOP;
END
$revoke$;
GRANT USAGE ON SCHEMA merch TO PUBLIC;

-- merch_viewer, and with it every other role, may call what is STABLE: it changes nothing.
-- merch_admin may call everything. Functions of triggers nobody can call: to name one takes the
-- right to, when a trigger is made, which the model's owner has; see below for other tables.
DO $grant$
DECLARE
    routine record;
BEGIN
    FOR routine IN
        SELECT p.oid::regprocedure AS name, CASE p.provolatile WHEN 'v' THEN 'merch_admin' ELSE 'merch_viewer' END AS role
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'merch'::regnamespace
          AND p.provolatile <> 'i' AND p.prorettype <> 'trigger'::regtype
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine.name, routine.role);
    END LOOP;
END
$grant$;

-- tables of one's own that follow a workflow, or make something react
GRANT EXECUTE ON FUNCTION merch.guard_workflow, merch.record_changes, merch.react, merch.stamp_states, merch.guard_maker,
    merch.mark_dirty_items, merch.keep_price_digest, merch.wake_worker_at_change
TO merch_admin;

-- pages and views that show what goes on
GRANT EXECUTE ON ROUTINE
    merch.status, merch.status_worker, merch.status_jobs, merch.status_queues, merch.status_failures, merch.status_exceptions,
    merch.count_rows, merch.workers, merch.job_is_running, merch.job_due_at, merch.next_reallocation
TO merch_viewer;

REVOKE ALL ON merch.stat_worker FROM PUBLIC;
GRANT SELECT ON merch.stat_worker TO merch_viewer;

-- a person's work: approvals, workflows, tasks, exceptions
GRANT EXECUTE ON ROUTINE
    merch.approve, merch.decline, merch.approve_campaign, merch.vote,
    merch.fire, merch.fire_rows,
    -- which itself asks for the table's owner or merch_admin
    merch.fire_as_system,
    merch.start_task, merch.complete_task, merch.reopen_task, merch.fire_task,
    merch.acknowledge_exception, merch.resolve_exception, merch.lock_exception
TO merch_merchandiser, merch_pricing, merch_allocator, merch_finance, merch_store;

-- whoever changes what allocations are made of has it marked
GRANT EXECUTE ON ROUTINE merch.mark_dirty, merch.mark_promotions_dirty
TO merch_merchandiser, merch_pricing, merch_allocator, merch_finance, merch_integration;

GRANT EXECUTE ON ROUTINE merch.submit_campaign, merch.request_override TO merch_merchandiser;
GRANT EXECUTE ON ROUTINE merch.request_price_override TO merch_pricing;

-- allocating, in one statement and in bulk
GRANT EXECUTE ON ROUTINE
    merch.allocate_promotion, merch.make_run, merch.cancel_allocation, merch.measure_allocation, merch.store_scenarios,
    merch.check_allocatable, merch.open_run, merch.lock_capacity, merch.lock_sources, merch.lock_stock,
    merch.write_lines, merch.insert_lines, merch.insert_coupled_lines, merch.renew_lines,
    merch.cancel_transfers_of, merch.end_waves,
    merch.run_allocations, merch.start_batch, merch.resume_batch, merch.cancel_batch, merch.work_block,
    merch.check_own_transaction, merch.complete_batch, merch.run_workers, merch.start_runs, merch.cut_blocks, merch.do_block,
    merch.finish_batch, merch.reopen_batch, merch.give_back_items
TO merch_allocator;

-- allocating anew what has changed
GRANT EXECUTE ON ROUTINE
    merch.reallocate_dirty, merch.keep_reallocating, merch.keep_reallocating_once, merch.reallocate_round,
    merch.renew_items, merch.renew_one_by_one,
    merch.take_dirty, merch.take_marks, merch.settled_snapshot, merch.expand_dirty_scope
TO merch_allocator;

-- releasing and moving the goods
GRANT EXECUTE ON ROUTINE
    merch.release_allocation, merch.start_wave, merch.record_pick, merch.ship_transfer, merch.complete_wave,
    merch.cancel_transfer, merch.record_receipt, merch.receive_transfer, merch.record_delay,
    merch.propose_transfers, merch.accept_transfer, merch.reject_transfer, merch.release_prepacks,
    merch.lock_release, merch.lock_wave, merch.lock_transfer, merch.lock_routes, merch.lock_inbound, merch.lock_promises,
    merch.make_transfers, merch.check_pick, merch.ship_picked, merch.refuse_cycle, merch.refuse_stranded,
    merch.refuse_left, merch.refuse_unpicked,
    merch.cut_lines, merch.cut_fences, merch.cut_held, merch.cut_promises, merch.cut_late,
    merch.lock_prepack_run, merch.book_prepacks, merch.open_prepacks, merch.close_prepacks
TO merch_allocator;

-- units set aside for a channel
GRANT EXECUTE ON ROUTINE
    merch.allocate_fence, merch.reallocate_fence, merch.consume_fence, merch.release_fence,
    merch.lock_fence, merch.take_fence
TO merch_allocator;

-- loading the prices that other systems show
GRANT EXECUTE ON ROUTINE
    merch.open_price_feed, merch.apply_price_feed, merch.abandon_price_feed, merch.retry_price_rejects,
    merch.lock_price_feed, merch.count_price_lines, merch.take_price_feed, merch.sort_out_price_lines, merch.write_price_feed,
    merch.check_feed_loss, merch.end_price_feed
TO merch_integration;
