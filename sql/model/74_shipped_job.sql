-- shipped jobs

INSERT INTO merch.job (job, description, function, every, due_function, priority, timeout) VALUES
    ('clock', 'Makes the transitions that are due by time: promotions go live, end, and so on.',
     'merch.make_due_transitions', NULL, 'merch.next_due_transition', 1, '1 hour'),
    ('readiness', 'Evaluates the readiness of promotions that something has touched.',
     'merch.evaluate_dirty_readiness', NULL, 'merch.next_readiness', 3, '10 minutes'),
    ('reallocate', 'Allocates anew what has changed.',
     'merch.reallocate_dirty', NULL, 'merch.next_reallocation', 5, '10 minutes'),
    ('prepare', 'Tries steps of preparation again that failed.',
     'merch.prepare_pending', NULL, 'merch.next_preparation', 5, '30 minutes'),
    ('escalate', 'Escalates exceptions whose deadline was missed.',
     'merch.escalate_exceptions', NULL, 'merch.next_escalation', 5, '10 minutes'),
    ('scenarios', 'Stores the scenarios of prepared runs that are short.',
     'merch.store_missing_scenarios', NULL, 'merch.next_scenarios', 6, '30 minutes'),
    ('exceptions', 'Looks for what is not as it should be, and for what is so again.',
     'merch.detect_exceptions', '1 minute', NULL, 7, '10 minutes'),
    ('release', 'Releases allocations whose time to leave the warehouse has come.',
     'merch.release_due', '10 minutes', NULL, 7, '30 minutes'),
    ('learn', 'Learns how long tasks take and how late transfers are.',
     'merch.learn_durations', '1 day', NULL, 9, '30 minutes'),
    ('purge', 'Deletes history that is older than is to be kept.',
     'merch.purge_history', '1 hour', NULL, 9, '10 minutes')
ON CONFLICT DO NOTHING;
