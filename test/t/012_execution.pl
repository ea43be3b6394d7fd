# Eight clients release, pick, ship, receive, delay, cancel and count the same stock for
# 20 seconds. Nobody deadlocks, the books balance, and no unit is lost or made.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = new_node('execution');
$node->safe_psql('postgres', q{
CREATE EXTENSION pg_merch;
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name) SELECT i, 'item ' || i FROM generate_series(1, 6) i;
INSERT INTO merch.location (location_id, kind, name) VALUES
	(1000, 'distribution_centre', 'north'), (2000, 'distribution_centre', 'south');
INSERT INTO merch.location (location_id, kind, name, channel_id, tier)
SELECT l, CASE WHEN l = 8 THEN 'online' ELSE 'store' END, 'store ' || l, CASE WHEN l = 8 THEN 2 ELSE 1 END, l % 3
FROM generate_series(1, 8) l;
INSERT INTO merch.lane (location_id, source_id, lead_days, unit_cost)
SELECT l, s, l % 2, CASE WHEN l % 2 = s / 1000 - 1 THEN 1 ELSE 2 END
FROM generate_series(1, 8) l, unnest(ARRAY[1000, 2000]) s;
INSERT INTO merch.ranging (item_id, location_id, pack, presentation_minimum, capacity)
SELECT i, l, 1 + i % 3, l % 2, 1000 FROM generate_series(1, 6) i, generate_series(1, 8) l;
INSERT INTO merch.stock (item_id, location_id, on_hand)
SELECT i, s, 400 FROM generate_series(1, 6) i, unnest(ARRAY[1000, 2000]) s;
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT i, l, current_date + d, 2.5 + (i * 7 + l * 3 + d) % 4
FROM generate_series(1, 6) i, generate_series(1, 8) l, generate_series(0, 20) d;
INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on)
SELECT p, 'promotion ' || p, current_date + 3 + p % 3, current_date + 8 + p % 3 FROM generate_series(1, 10) p;
INSERT INTO merch.promotion_item (item_id, promotion_id)
SELECT i, p FROM generate_series(1, 6) i, generate_series(1, 10) p WHERE (i + p) % 2 = 0;
INSERT INTO merch.promotion_location SELECT p, l FROM generate_series(1, 10) p, generate_series(1, 8) l;
CREATE TABLE counted (item_id bigint, units bigint NOT NULL);
-- one at a time, and what it changes is written down
CREATE FUNCTION count_stock(item bigint, place int, change bigint) RETURNS void LANGUAGE sql AS $$
	WITH counted AS (UPDATE merch.stock SET on_hand = on_hand + change WHERE item_id = item AND location_id = place RETURNING 1)
	INSERT INTO counted SELECT item, change FROM counted;
$$;
ANALYZE;
});

# What may be refused: what another client did just now, and what would break a promise.
my $try = sub {
	my ($statement) = @_;
	return "DO \$\$ BEGIN $statement; EXCEPTION WHEN object_not_in_prerequisite_state"
	  . " OR check_violation OR invalid_parameter_value OR unique_violation THEN NULL; END \$\$;";
};
my $run = q{(SELECT allocation_id FROM merch.allocation WHERE state <> 'cancelled' ORDER BY random() LIMIT 1) a};
my $item = '1 + floor(random() * 6)::int';
my $centre = '(1 + floor(random() * 2)::int) * 1000';
my %script = (
	allocate => $try->('PERFORM merch.allocate_promotion(1 + floor(random() * 10)::bigint)'),
	# promotions first, so that no run of them is made meanwhile
	renew => "BEGIN; SELECT 1 + floor(random() * 8)::int AS first \\gset\n"
	  . "SELECT FROM merch.promotion WHERE promotion_id BETWEEN :first AND :first + 2 ORDER BY promotion_id FOR NO KEY UPDATE;\n"
	  . "SELECT merch.renew_lines(ARRAY[:first, :first + 1, :first + 2]::bigint[], ARRAY[$item]); END;",
	release => $try->("PERFORM merch.release_allocation(allocation_id) FROM $run"),
	cancel => $try->("PERFORM merch.cancel_allocation(allocation_id) FROM $run"),
	start => $try->(q{PERFORM merch.start_wave(wave_id) FROM
		(SELECT wave_id FROM merch.wave WHERE state = 'planned' ORDER BY random() LIMIT 1) w}),
	pick => $try->(q{PERFORM merch.record_pick(transfer_id, item_id, greatest(units - CASE WHEN random() < 0.3 THEN floor(random() * 4)::int ELSE 0 END, 0), random() < 0.5)
		FROM (SELECT transfer_id, item_id, units FROM merch.transfer JOIN merch.transfer_line USING (transfer_id)
		      WHERE state = 'picking' AND picked IS NULL ORDER BY random() LIMIT 1) l}),
	ship => $try->(q{PERFORM merch.ship_transfer(transfer_id) FROM
		(SELECT transfer_id FROM merch.transfer WHERE state = 'picking' ORDER BY random() LIMIT 1) t}),
	complete => $try->(q{PERFORM merch.complete_wave(wave_id) FROM
		(SELECT wave_id FROM merch.wave WHERE state = 'picking' ORDER BY random() LIMIT 1) w}),
	undo => $try->(q{PERFORM merch.cancel_transfer(transfer_id) FROM
		(SELECT transfer_id FROM merch.transfer WHERE state IN ('planned', 'picking') ORDER BY random() LIMIT 1) t}),
	order => $try->("INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units)
		VALUES ($item, $centre, 'purchase_order', current_date + floor(random() * 5)::int, 40)"),
	receive => $try->(q{PERFORM merch.record_receipt(item_id, inbound_id, floor(random() * (units + 2))::int, nullif(random() < 0.7, false))
		FROM (SELECT item_id, inbound_id, units FROM merch.inbound WHERE open_units > 0 ORDER BY random() LIMIT 1) i}),
	delay => $try->(q{PERFORM merch.record_delay(item_id, inbound_id, current_date + floor(random() * 9)::int)
		FROM (SELECT item_id, inbound_id FROM merch.inbound WHERE open_units > 0 ORDER BY random() LIMIT 1) i}),
	fence => $try->("PERFORM merch.allocate_fence($item, $centre, 2, 5)"),
	cut => $try->("PERFORM merch.cut_promises($item, $centre, 6)"),
	count => $try->("PERFORM count_stock($item, $centre, floor(random() * 7)::int - 3)"),
	# stores sell, so that there is need again
	sell => $try->("PERFORM count_stock($item, 1 + floor(random() * 8)::int, -20)"));
my %weight = (allocate => 10, renew => 8, release => 10, cancel => 4, start => 10, pick => 40, ship => 15, complete => 3, undo => 4,
	order => 10, receive => 30, delay => 8, fence => 2, cut => 4, count => 4, sell => 15);

my $dir = PostgreSQL::Test::Utils::tempdir();
my @files;
for my $name (sort keys %script)
{
	append_to_file("$dir/$name.sql", "$script{$name}\n");
	push @files, '-f', "$dir/$name.sql\@$weight{$name}";
}
my ($out, $err);
my $done = IPC::Run::run([ 'pgbench', '-n', '-c', 8, '-j', 2, '-T', 20, @files, $node->connstr('postgres') ],
	'>', \$out, '2>', \$err);
ok($done, 'no client failed') or diag($err);
like($out, qr/number of failed transactions: 0 /, 'no transaction failed');
ok(slurp_file($node->logfile) !~ /deadlock detected/, 'nobody deadlocked');

is($node->safe_psql('postgres', 'SELECT count(*) FROM merch.check_ledger()'), '0', 'the books balance');
is($node->safe_psql('postgres', 'SELECT count(*) FROM merch.check_transfers()'), '0', 'transfers agree with what was released');
# by item: what there was, what was bought and counted, against what there is, is on its way, was missing or got lost
is($node->safe_psql('postgres', q{
	WITH had AS (
		SELECT item_id, 800 AS units FROM merch.item
		UNION ALL SELECT item_id, received FROM merch.inbound WHERE kind = 'purchase_order'
		UNION ALL SELECT item_id, units FROM counted
	), has AS (
		SELECT item_id, on_hand AS units FROM merch.stock
		UNION ALL SELECT item_id, missing FROM merch.transfer_line
		UNION ALL SELECT item_id, picked - coalesce(received, 0) FROM merch.transfer_line
		          JOIN merch.transfer USING (transfer_id) WHERE state <> 'cancelled' AND picked > 0
	), difference AS (
		SELECT item_id, sum(units) AS units
		FROM (SELECT item_id, units FROM had UNION ALL SELECT item_id, -units FROM has) d GROUP BY item_id
	)
	SELECT count(*) FROM difference WHERE units <> 0}), '0', 'no unit was lost or made');
is($node->safe_psql('postgres', q{SELECT count(*) FROM merch.allocation_line JOIN merch.allocation USING (allocation_id)
	WHERE state = 'cancelled' AND reserved <> 0}), '0', 'a cancelled run holds nothing');
is($node->safe_psql('postgres', q{SELECT count(*) FROM merch.wave w WHERE state IN ('done', 'cancelled')
	AND EXISTS (SELECT FROM merch.transfer t WHERE t.wave_id = w.wave_id AND t.state IN ('planned', 'picking'))}), '0',
	'a wave that has ended left nothing behind');

my %least = (shipped => 20, received => 20, cancelled => 20);
for my $state (sort keys %least)
{
	cmp_ok($node->safe_psql('postgres', "SELECT count(*) FROM merch.transfer WHERE state = '$state'"), '>=', $least{$state},
		"many transfers were $state");
}
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM merch.transfer_line WHERE missing > 0'), '>', 5, 'units were missing');
note($node->safe_psql('postgres', q{SELECT state, count(*), sum(units), sum(picked), sum(missing), sum(received)
	FROM merch.transfer JOIN merch.transfer_line USING (transfer_id) GROUP BY 1 ORDER BY 1}));
note($out);

$node->stop;
done_testing();
