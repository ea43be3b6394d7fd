# Allocation in near real time: whatever happens, in whatever order it commits, what is
# re-allocated piece by piece equals a full recompute, bit for bit.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = new_node('dirty');
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_prepared_transactions = 2");
$node->restart;
fill($node, 'postgres', items => 12, stores => 8, promotions => 4);
$node->safe_psql('postgres', q{CALL merch.run_allocations(promotions => '{1,2}', slice_lines => 50)});
$node->safe_psql('postgres', 'SELECT merch.allocate_promotion(3)');

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

# Re-allocates until nothing is left in the queue.
sub catch_up
{
	my ($limit) = @_;
	my $rounds = 0;
	do
	{
		sql('SELECT merch.reallocate_dirty(' . ($limit // 1000) . ')');
		$rounds++;
	} while (sql('SELECT (SELECT count(*) FROM merch.dirty_item) + (SELECT count(*) FROM merch.dirty_scope)') > 0 && $rounds < 1000);
	return $rounds;
}

my $all_lines = q{
	SELECT a.promotion_id, a.state, to_jsonb(l) FROM merch.allocation_line l JOIN merch.allocation a USING (allocation_id)
	WHERE a.state IN ('active', 'released') ORDER BY 1, l.item_id, l.location_id, l.source_id};

# The lines must be what allocating everything anew makes of them.
sub is_complete
{
	my ($what) = @_;
	my $lines = sql($all_lines);
	sql('SELECT merch.renew_lines(merch.open_promotions(array_agg(item_id))) FROM merch.item');
	is(sql($all_lines), $lines, "$what: the same lines as a full recompute");
	is(sql('SELECT count(*) FROM merch.check_ledger()'), '0', "$what: the books balance");
	return;
}

my $marks = 'SELECT string_agg(item_id::text, \',\' ORDER BY item_id) FROM merch.dirty_item';

catch_up();
is_complete('at the start');
catch_up();

# what marks, and what does not
sql('UPDATE merch.stock SET on_hand = on_hand WHERE item_id = 1');
sql('UPDATE merch.item SET name = name || \'!\'');
sql('SELECT merch.cancel_allocation(allocation_id), merch.allocate_promotion(3) FROM merch.allocation WHERE promotion_id = 3 AND state <> \'cancelled\'');
is(sql('SELECT count(*) FROM merch.dirty_item'), '0', 'no change, a name and reserved units mark no item');
is(sql('SELECT string_agg(DISTINCT promotion_id::text, \',\') FROM merch.dirty_scope'), '3', 'a run that goes and one that comes mark their promotion');
catch_up();
sql('UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id IN (2, 3)');
sql('UPDATE merch.forecast SET mean = mean + 1 WHERE item_id = 4 AND location_id = 2');
sql('DELETE FROM merch.ranging WHERE item_id = 5 AND location_id = 3');
sql('INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units) VALUES (6, 1000, \'purchase_order\', current_date, 30)');
sql('DELETE FROM merch.promotion_item WHERE item_id = 7 AND promotion_id = 2');
sql('INSERT INTO merch.demand_plan (item_id, location_id, promotion_id, units) VALUES (8, 1, 1, 5)');
sql('UPDATE merch.item SET cost = 1, price = 2 WHERE item_id = 9');
is(sql($marks), '2,3,4,5,6,7,8,9', 'each of these marks its items');
is(catch_up(3), 3, 'three rounds of three marks');
is_complete('single changes');
sql('UPDATE merch.policy SET holdback = 0.3 WHERE promotion_id = 2');
is(sql('SELECT promotion_id FROM merch.dirty_scope'), '2', 'a policy marks its promotion');
sql('UPDATE merch.lane SET unit_cost = 1');
is(sql('SELECT count(*) FROM merch.dirty_scope WHERE promotion_id IS NULL'), '1', 'lanes mark all');
cmp_ok(catch_up(), '<', 3, 'and are turned into items at once');
is_complete('policy and lanes');

# a transaction that commits later than one with a higher number
my ($early, $late) = (session($node), session($node));
catch_up();
say_to($early, 'BEGIN; UPDATE merch.stock SET on_hand = on_hand + 2 WHERE item_id = 1 AND location_id = 1');
say_to($late, 'BEGIN; SELECT pg_current_xact_id()');
sql("UPDATE merch.stock SET on_hand = on_hand + 2 WHERE item_id = $_ AND location_id = 1") for 2 .. 6;
is(sql('SELECT merch.take_dirty(2)'), '{2,3}', 'a limited number, in order');
say_to($late, 'UPDATE merch.stock SET on_hand = on_hand + 2 WHERE item_id = 9 AND location_id = 1; COMMIT');
say_to($early, 'COMMIT');
is(sql('SELECT merch.take_dirty(2)'), '{4,5}', 'the next, though earlier ones have become visible');
is(sql('SELECT merch.take_dirty(2)'), '{1,6}', 'the last that was visible when this began, and the first of those');
is(sql('SELECT merch.take_dirty(2)'), '{9}', 'then the last of all');
is(sql('SELECT merch.take_dirty()'), '{}', 'then none');
sql('SELECT merch.mark_promotions_dirty(\'{NULL}\')');
catch_up();

# in one's own transaction, before and after; aborted subtransactions; a prepared transaction
is(sql(q{BEGIN; UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id = 1 AND location_id = 1;
	SELECT merch.take_dirty(); UPDATE merch.stock SET on_hand = on_hand - 1 WHERE item_id = 1 AND location_id = 1; COMMIT}),
	'{1}', 'a transaction takes its own marks');
is(sql('SELECT merch.take_dirty()'), '{1}', 'and what it marks later is not lost');
sql(q{BEGIN; SAVEPOINT a; UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id = 1; ROLLBACK TO a;
	UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id = 2 AND location_id = 3; COMMIT});
sql(q{BEGIN; UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id = 3 AND location_id = 3; PREPARE TRANSACTION 'p'});
is(sql('SELECT merch.take_dirty()'), '{2}', 'what was rolled back is not marked, what is prepared not yet');
sql('COMMIT PREPARED \'p\'');
is(sql('SELECT merch.take_dirty()'), '{3}', 'what was prepared, once it is committed');

# an old snapshot keeps the dead rows; they are not looked at again
my $old = session($node);
say_to($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM merch.item');
my $read = sub { return sql(q{SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'dirty_item_xid'}) };
for (1 .. 20)
{
	sql('INSERT INTO merch.dirty_item (item_id) SELECT n FROM generate_series(1, 1000) n');
	sql('SELECT count(*) FROM (SELECT merch.take_dirty(300) FROM generate_series(1, 2)) t');
}
sql('SELECT merch.take_dirty()');
my $before = $read->();
sql('SELECT merch.mark_dirty(\'{1}\')');
is(sql('SELECT merch.take_dirty()'), '{1}', 'one mark among 20,000 dead ones');
cmp_ok($read->() - $before, '<', 20, 'and few rows of the index are read');
say_to($old, 'COMMIT');

# restored where transaction numbers mean something else
sql(q{INSERT INTO merch.dirty_position (system_identifier, taken) VALUES (1, '4000000000:4000000000:')});
sql(q{INSERT INTO merch.dirty_item VALUES (4, '3999999999')});
sql('SELECT merch.mark_dirty(\'{5}\')');
is(sql('SELECT merch.take_dirty()'), '{4,5}', 'after a dump was restored elsewhere the queue is read from its start');
sql('SELECT merch.mark_dirty(\'{6}\')');
is(sql('SELECT merch.take_dirty()'), '{6}', 'and goes on from there');

# killed in the middle: the marks are still there
sql('SELECT merch.mark_promotions_dirty(\'{NULL}\')');
catch_up();
my $holder = session($node);
say_to($holder, 'BEGIN; SELECT FROM merch.stock WHERE item_id = 5 AND location_id = 1000 FOR UPDATE');
sql('UPDATE merch.stock SET on_hand = on_hand + 7 WHERE location_id = 2');
my ($out, $err) = ('', '');
my $victim = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT merch.reallocate_dirty()' ], '>', \$out, '2>', \$err);
my $waits = q{FROM pg_stat_activity WHERE query LIKE '%reallocate_dirty()' AND wait_event_type = 'Lock'};
$node->poll_query_until('postgres', "SELECT count(*) = 1 $waits") or die 'nobody waits';
kill_backend($node, sql("SELECT pid $waits"));
$victim->finish;
$_->{run}->kill_kill for ($holder, $early, $late, $old);
is(sql('SELECT count(*) FROM merch.dirty_item'), '12', 'kill -9 of the consumer: the marks are there');
catch_up();
is_complete('kill -9 of the consumer');

# an item that can't be allocated does not stop the others
sql(q{CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN RAISE check_violation USING MESSAGE = 'item 3 is refused'; END $$;
	CREATE TRIGGER refuse BEFORE UPDATE ON merch.allocation_line FOR EACH ROW WHEN (NEW.item_id = 3) EXECUTE FUNCTION refuse()});
sql('UPDATE merch.stock SET on_hand = on_hand + 3 WHERE item_id IN (2, 3, 4) AND location_id = 1');
catch_up();
is(sql('SELECT item_id, error, error_code FROM merch.dirty_failure'), '3|item 3 is refused|23514', 'an item that fails is noted');
sql('DROP TRIGGER refuse ON merch.allocation_line; SELECT merch.mark_dirty(\'{3}\')');
catch_up();
is(sql('SELECT count(*) FROM merch.dirty_failure'), '0', 'until it succeeds');
is_complete('an item that failed');

# changes while a bulk run is being written
$holder = session($node);
say_to($holder, 'BEGIN; SELECT FROM merch.stock WHERE item_id = 11 AND location_id = 1000 FOR UPDATE');
my $bulk = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
		'CALL merch.run_allocations(slice_lines => 10)' ], '>', \$out, '2>', \$err);
$node->poll_query_until('postgres', 'SELECT max(blocks_done) > 5 FROM merch.progress WHERE state = \'running\'') or die 'no block is done';
sql('UPDATE merch.stock SET on_hand = on_hand + 9 WHERE item_id = 1 AND location_id IN (3, 4)');
sql('SELECT merch.reallocate_dirty()');
is(sql('SELECT string_agg(item_id::text, \',\') FROM merch.batch_item'), '1', 'a batch that is being written owes what has changed');
say_to($holder, 'COMMIT');
$bulk->finish;
is(sql($marks) =~ /^1(,|$)/, 1, 'when it is done that is marked');
catch_up();
is_complete('changes during a bulk run');

# everything at once: four sessions of changes, one that re-allocates, COPY and TRUNCATE
my $try = sub { return 'DO $$ BEGIN ' . $_[0] . '; EXCEPTION WHEN object_not_in_prerequisite_state OR integrity_constraint_violation'
	  . ' OR transaction_rollback THEN NULL; END $$;' };
my %script = (
	stock => [ 8, 'UPDATE merch.stock SET on_hand = greatest(on_hand + floor(random() * 9)::int - 4, reserved + fenced)
		WHERE item_id = 1 + floor(random() * 12)::int AND location_id = 1 + floor(random() * 8)::int' ],
	centre => [ 2, 'UPDATE merch.stock SET on_hand = greatest(60 + floor(random() * 40)::int, reserved + fenced)
		WHERE item_id = 1 + floor(random() * 12)::int AND location_id = 1000' ],
	forecast => [ 3, 'UPDATE merch.forecast SET mean = round(random()::numeric * 6, 1)
		WHERE item_id = 1 + floor(random() * 12)::int AND location_id = 1 + floor(random() * 8)::int' ],
	inbound => [ 1, 'INSERT INTO merch.inbound (item_id, location_id, kind, expected_on, units)
		VALUES (1 + floor(random() * 12)::int, 1 + floor(random() * 8)::int, \'purchase_order\', current_date, 3)' ],
	subtransaction => [ 2, 'UPDATE merch.stock SET on_hand = on_hand + 1 WHERE item_id = 1 + floor(random() * 12)::int AND location_id = 3;
		BEGIN UPDATE merch.stock SET on_hand = on_hand + 50 WHERE item_id = 1 + floor(random() * 12)::int AND location_id = 4;
		PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END' ],
	runs => [ 1, 'PERFORM merch.cancel_allocation(allocation_id) FROM merch.allocation WHERE promotion_id = 3 AND state = \'active\';
		PERFORM merch.allocate_promotion(3)' ],
	policy => [ 1, 'UPDATE merch.policy SET holdback = round(random()::numeric * 0.3, 2) WHERE promotion_id = 1 + floor(random() * 4)::int' ],
	scope => [ 1, 'DELETE FROM merch.promotion_item WHERE item_id = 1 + floor(random() * 12)::int AND promotion_id = 2;
		INSERT INTO merch.promotion_item (item_id, promotion_id) VALUES (1 + floor(random() * 12)::int, 2)' ]);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @files;
for my $name (sort keys %script)
{
	append_to_file("$dir/$name.sql", $try->($script{$name}[1]) . "\n");
	push @files, '-f', "$dir/$name.sql\@$script{$name}[0]";
}
sql('CREATE TABLE saved AS TABLE merch.forecast');
my $consumer = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
		'CALL merch.keep_reallocating(until => clock_timestamp() + interval \'9 s\', item_limit => 5)' ], '>', \$out, '2>', \my $consumer_err);
my $writers = IPC::Run::start([ 'pgbench', '-n', '-c', 4, '-j', 2, '-R', 150, '-T', 8, @files, $node->connstr('postgres') ],
	'>', \my $pgbench_out, '2>', \my $pgbench_err);
sleep 3;
sql('TRUNCATE merch.forecast');
sleep 1;
$node->command_ok([ 'bash', '-c', "psql -XAtq -d '" . $node->connstr('postgres') . "' -c 'COPY saved TO STDOUT' | psql -XAtq -d '"
	  . $node->connstr('postgres') . "' -c 'COPY merch.forecast FROM STDIN'" ], 'COPY');
$writers->finish;
$consumer->finish;
unlike($pgbench_err, qr/aborted|ERROR/, 'no writer failed');
like($pgbench_out, qr/number of failed transactions: 0 /, 'no transaction failed');
is($consumer_err, '', 'the consumer went on');
catch_up();
is(sql('SELECT count(*) FROM merch.dirty_failure'), '0', 'no item failed');
is_complete('random changes');

$node->stop;
done_testing();
