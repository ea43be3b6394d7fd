-- readiness checks: what is shipped

INSERT INTO merch.readiness_check (readiness_check, title, function, neighbours, kind, weight, threshold, remedy) VALUES
    ('items', 'Items are active and ranged', 'merch.check_items', NULL, 'gate', 10, NULL, 'Activate the items or take them out; range them at the locations: merch.ranging.'),
    ('hierarchy', 'Items and locations are in groups', 'merch.check_hierarchy', NULL, 'warning', 2, NULL, 'Set the groups of merch.item and merch.location; take circles out of merch.item_group and merch.location_group.'),
    ('offers', 'Offers are below regular prices', 'merch.check_offers', NULL, 'gate', 10, NULL, 'Give every item an offer, and a regular price above it.'),
    ('margin', 'Offers are above cost', 'merch.check_margin', NULL, 'gate', 10, NULL, 'Change the offer, or ask for leave: merch.request_override().'),
    ('conflicts', 'No other promotion at the same time', 'merch.check_conflicts', 'merch.conflict_neighbours', 'gate', 10, NULL, 'Move one of the promotions, or take the items out of one.'),
    ('price events', 'Prices are approved in all channels', 'merch.check_price_events', NULL, 'gate', 10, NULL, 'merch.prepare_promotions() makes what is missing; approve what is proposed.'),
    ('preparation', 'No step of preparation has failed', 'merch.check_preparation', NULL, 'gate', 10, NULL, 'See merch.preparation for the error; merch.prepare_pending() tries again.'),
    ('allocation', 'Stock is allocated', 'merch.check_allocated', NULL, 'gate', 10, NULL, 'SELECT merch.allocate_promotion(promotion_id).'),
    ('coverage', 'Share of the need that is allocated', 'merch.check_coverage', NULL, 'gate', 10, 0.8, 'Order more, or move stock: merch.compare_scenarios() and merch.plan_rebalance() say where.'),
    ('confidence', 'Probability that stock lasts', 'merch.check_confidence', NULL, 'warning', 5, 0.8, 'Order more, or raise safety stock; merch.compare_scenarios() says what other methods give.'),
    ('transfers', 'Transfers arrive before the launch', 'merch.check_transfers_arrive', NULL, 'gate', 10, NULL, 'Release the allocation, ship and receive what is late, or cancel it and send it another way.'),
    ('waves', 'Waves are picked', 'merch.check_waves', NULL, 'warning', 5, NULL, 'Start and complete the waves: merch.start_wave().'),
    ('labour', 'Enough hours for the work', 'merch.check_labour', 'merch.labour_neighbours', 'warning', 5, NULL, 'More hours in merch.location_capacity, or another day for the goods: days_before of merch.policy.'),
    ('store confirmations', 'Share of locations that have confirmed', 'merch.check_confirmations', NULL, 'gate', 10, 1, 'Have the locations complete their task confirm: merch.my_work() shows it to them.'),
    ('supplier confirmations', 'Suppliers have confirmed and deliver', 'merch.check_suppliers', NULL, 'warning', 5, NULL, 'Complete the task supplier confirmation; call suppliers whose deliveries are overdue.'),
    ('tasks', 'No task is overdue', 'merch.check_tasks', NULL, 'warning', 5, NULL, 'Complete the tasks: merch.store_tasks lists them by location.')
ON CONFLICT DO NOTHING;
