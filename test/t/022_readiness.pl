# Readiness: whatever changes, in whatever order it commits, evaluating what was marked
# gives the same rows as evaluating all, bit for bit.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = new_node('readiness');
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_prepared_transactions = 2");
$node->restart;
fill($node, 'postgres', items => 10, stores => 5, promotions => 6);

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# no approvals here, and starts far enough away that no hour matters
sql(q{SET session_replication_role = replica;
	UPDATE merch.promotion SET state = 'approved', starts_on = current_date + 40 + 3 * promotion_id::int,
		ends_on = current_date + 47 + 3 * promotion_id::int;
	UPDATE merch.item SET price = 10, cost = 6, labour_minutes = 1;
	INSERT INTO merch.forecast (item_id, location_id, day, mean)
	SELECT i, l, current_date + d, 1 + (i + l + d) % 3 FROM generate_series(1, 10) i, generate_series(1, 5) l, generate_series(40, 70) d;
	DELETE FROM merch.promotion_item WHERE (item_id + promotion_id) % 3 <> 0});
sql('SELECT merch.prepare_promotions(array_agg(promotion_id)) FROM merch.promotion');
sql('INSERT INTO merch.location_capacity (location_id, day, labour_hours)
	SELECT l, current_date + d, 3 FROM generate_series(1, 2) l, generate_series(35, 60) d');

my $rows = q{SELECT promotion_id, readiness_check, passed, figure, money_at_risk, detail FROM merch.readiness_result ORDER BY 1, 2};
my $chances = q{SELECT promotion_id, probability FROM merch.promotion_readiness ORDER BY 1};

# Evaluates what is marked until nothing is, and then all, which must change nothing. When
# the hour turns in between, the chances are those of another hour.
sub is_complete
{
	my ($what) = @_;
	my $hour;
	my ($before, $after, $marks);
	do
	{
		$hour = sql(q{SELECT date_trunc('hour', now())});
		sql('SELECT merch.evaluate_dirty_readiness()') for 1 .. 3;
		$before = sql($rows) . sql($chances);
		$marks = sql('SELECT count(*) FROM merch.dirty_promotion');
		sql('SELECT merch.evaluate_readiness()');
		$after = sql($rows) . sql($chances);
	} while (sql(q{SELECT date_trunc('hour', now())}) ne $hour);
	is($marks, '0', "$what: nothing is marked any more");
	is($before, $after, "$what: the same rows as a full pass");
	return;
}

is_complete('at the start');
cmp_ok(sql('SELECT count(DISTINCT readiness_check) FROM merch.readiness_result'), '>=', 12, 'twelve checks and more');

# two that make rivals of each other, neither of which sees the other; with the triggers
# they would wait for each other to allocate
my ($one, $other) = (session($node), session($node));
sql('SET session_replication_role = replica; DELETE FROM merch.promotion_item WHERE item_id = 1');
sql('SELECT merch.mark_items_of_promotions(ARRAY[1]), merch.mark_promotions(array_agg(promotion_id)) FROM merch.promotion');
is_complete('an item in no promotion');
say_to($one, 'BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 1);
	SELECT merch.mark_items_of_promotions(ARRAY[1]), merch.mark_promotions(ARRAY[1])');
say_to($other, 'BEGIN; SET LOCAL session_replication_role = replica; INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1, 2);
	SELECT merch.mark_items_of_promotions(ARRAY[1]), merch.mark_promotions(ARRAY[2])');
say_to($one, 'COMMIT');
sql('SELECT merch.evaluate_dirty_readiness()');
say_to($other, 'COMMIT');
is_complete('two transactions that do not see each other');

# subtransactions that are rolled back, and a prepared transaction
sql(q{BEGIN; SAVEPOINT a; UPDATE merch.item SET active = false; ROLLBACK TO a; UPDATE merch.item SET active = false WHERE item_id = 2; COMMIT});
sql(q{BEGIN; UPDATE merch.item SET active = false WHERE item_id = 3; PREPARE TRANSACTION 'p'});
is_complete('a prepared transaction');
sql('COMMIT PREPARED \'p\'');
is_complete('and its end');
is(sql(q{SELECT count(*) > 0 FROM merch.readiness_result WHERE readiness_check = 'items' AND NOT passed}), 't', 'which something depends on');

# everything that is emptied, and COPY
sql('CREATE TABLE saved_ranging AS TABLE merch.ranging; CREATE TABLE saved_forecast AS TABLE merch.forecast');
sql('TRUNCATE merch.ranging, merch.replenishment_parameter');
sql('TRUNCATE merch.forecast, merch.location_capacity');
is_complete('TRUNCATE');
$node->command_ok([ 'bash', '-c', "psql -XAtq -d '" . $node->connstr('postgres') . "' -c 'COPY saved_$_ TO STDOUT' | psql -XAtq -d '"
	  . $node->connstr('postgres') . "' -c 'COPY merch.$_ FROM STDIN'" ], "COPY $_") for qw(ranging forecast);
is_complete('COPY');

# killed in the middle: the marks are still there
say_to($one, 'BEGIN; SELECT merch.lock_readiness()');
sql('UPDATE merch.item SET cost = 9.5 WHERE item_id = 4');
my ($out, $err) = ('', '');
my $victim = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT merch.evaluate_dirty_readiness()' ], '>', \$out, '2>', \$err);
my $waits = q{FROM pg_stat_activity WHERE query LIKE '%evaluate_dirty_readiness()' AND wait_event_type = 'Lock'};
$node->poll_query_until('postgres', "SELECT count(*) = 1 $waits") or die 'nobody waits';
kill_backend($node, sql("SELECT pid $waits"));
$victim->finish;
$_->{run}->kill_kill for ($one, $other);
is(sql('SELECT count(*) > 0 FROM merch.dirty_promotion'), 't', 'kill -9: the marks are there');
is_complete('kill -9');

# everything at once
my $try = sub { return 'DO $$ BEGIN ' . $_[0] . '; EXCEPTION WHEN object_not_in_prerequisite_state OR integrity_constraint_violation'
	  . ' OR transaction_rollback OR object_in_use OR restrict_violation THEN NULL; END $$;' };
my $promotion = '1 + floor(random() * 6)::int';
my %script = (
	item => [ 3, 'UPDATE merch.item SET active = random() < 0.8, price = 8 + floor(random() * 4), cost = 5 + floor(random() * 4)
		WHERE item_id = 1 + floor(random() * 10)::int' ],
	ranging => [ 2, 'DELETE FROM merch.ranging WHERE item_id = 1 + floor(random() * 10)::int AND location_id = 1 + floor(random() * 5)::int' ],
	range => [ 2, 'INSERT INTO merch.ranging (item_id, location_id) SELECT 1 + floor(random() * 10)::int, 1 + floor(random() * 5)::int' ],
	task => [ 4, "UPDATE merch.task SET state = CASE state WHEN 'open' THEN 'done' ELSE 'open' END
		WHERE task_id = (SELECT task_id FROM merch.task WHERE state IN ('open', 'done') ORDER BY random() LIMIT 1)" ],
	due => [ 1, "UPDATE merch.task SET due_at = now() + (random() * 100 - 50) * interval '1 day' WHERE promotion_id = $promotion AND task = 'labels'" ],
	scope => [ 2, "DELETE FROM merch.promotion_item WHERE item_id = 1 + floor(random() * 10)::int AND promotion_id = $promotion" ],
	scope_more => [ 2, "INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) SELECT 1 + floor(random() * 10)::int, p, o.offer_id
		FROM (SELECT $promotion AS p) x JOIN merch.offer o ON o.promotion_id = p" ],
	place => [ 1, "DELETE FROM merch.promotion_location WHERE location_id = 1 + floor(random() * 5)::int AND promotion_id = $promotion" ],
	place_more => [ 1, "INSERT INTO merch.promotion_location SELECT $promotion, 1 + floor(random() * 5)::int" ],
	move => [ 1, "UPDATE merch.promotion SET starts_on = current_date + 40 + d, ends_on = current_date + 45 + d
		FROM (SELECT floor(random() * 20)::int AS d) x WHERE promotion_id = $promotion" ],
	runs => [ 1, "PERFORM merch.cancel_allocation(a.allocation_id) FROM merch.allocation a WHERE a.promotion_id = 3 AND a.state = 'active';
		PERFORM merch.allocate_promotion(3)" ],
	release => [ 1, "PERFORM merch.release_allocation(a.allocation_id) FROM merch.allocation a WHERE a.promotion_id = $promotion AND a.state = 'active'" ],
	lines => [ 2, 'UPDATE merch.allocation_line SET mean = 1 + floor(random() * 9), dispersion = 1 + random() WHERE item_id = 1 + floor(random() * 10)::int' ],
	capacity => [ 1, 'INSERT INTO merch.location_capacity (location_id, day, labour_hours)
		SELECT 1 + floor(random() * 5)::int, current_date + 35 + floor(random() * 25)::int, random() * 3' ],
	transfer => [ 1, 'UPDATE merch.transfer SET arrives_on = ships_on + floor(random() * 60)::int
		WHERE transfer_id = (SELECT transfer_id FROM merch.transfer ORDER BY random() LIMIT 1)' ],
	inbound => [ 1, "INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units)
		VALUES (1 + floor(random() * 10)::int, 1000, 'purchase_order', current_date + floor(random() * 4)::int - 2, 3)" ],
	group => [ 1, "INSERT INTO merch.item_group VALUES (floor(random() * 1000)::int, NULL, 'group')" ],
	subtransaction => [ 2, 'UPDATE merch.item SET price = 11 WHERE item_id = 1 + floor(random() * 10)::int;
		BEGIN UPDATE merch.item SET cost = 12 WHERE item_id = 1 + floor(random() * 10)::int;
		PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END' ]);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @files;
for my $name (sort keys %script)
{
	append_to_file("$dir/$name.sql", $try->($script{$name}[1]) . "\n");
	push @files, '-f', "$dir/$name.sql\@$script{$name}[0]";
}
append_to_file("$dir/consume.sql", "SELECT merch.evaluate_dirty_readiness();\n");
for my $round (1 .. 2)
{
	my $begun = sql('SELECT now()');
	my $consumer = IPC::Run::start([ 'pgbench', '-n', '-c', 1, '-T', 7, '--max-tries=10', '-f', "$dir/consume.sql", $node->connstr('postgres') ],
		'>', \my $consumer_out, '2>', \my $consumer_err);
	my $writers = IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-j', 2, '-R', 100, '-T', 6, '--max-tries=10', @files, $node->connstr('postgres') ],
		'>', \my $pgbench_out, '2>', \my $pgbench_err);
	$writers->finish;
	$consumer->finish;
	unlike($pgbench_err, qr/aborted|ERROR/, 'no writer failed');
	unlike($consumer_err, qr/aborted|ERROR/, 'the consumer went on');
	is_complete("random changes, round $round");
	cmp_ok(sql("SELECT count(*) FROM merch.readiness_result WHERE evaluated_at > '$begun'"), '>', 20, 'which have changed many verdicts');
}

$node->stop;
done_testing();
