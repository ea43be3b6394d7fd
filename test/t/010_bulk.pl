# A bulk run that is cancelled, killed or that fails in a block, resumed: the same lines as
# one that nobody disturbed, no slice done twice, and the books balance.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use MerchTest qw(new_node fill kill_backend);

my $node = new_node('bulk');
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_worker_processes = 8");
$node->restart;
my $call = 'CALL merch.run_allocations(slice_lines => 60';
my %size = (items => 24, stores => 6, promotions => 4);

# Makes a database with the same chain in it.
sub chain
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	fill($node, $name, %size);
	return $name;
}

# All lines, by promotion instead of the run's number.
sub lines_of
{
	my ($db) = @_;
	return $node->safe_psql($db, q{
		SELECT a.promotion_id, a.state, to_jsonb(l) - 'allocation_id'
		FROM merch.allocation_line l
		JOIN merch.allocation a USING (allocation_id)
		WHERE a.state <> 'cancelled'
		ORDER BY a.promotion_id, l.item_id, l.location_id, l.source_id});
}

sub is_whole
{
	my ($db, $what, $expected) = @_;
	is(lines_of($db), $expected, "$what: the same lines as in an undisturbed run");
	is($node->safe_psql($db, 'SELECT count(*) FROM merch.check_ledger()'), '0', "$what: the books balance");
	is($node->safe_psql($db, q{SELECT DISTINCT state, attempts FROM merch.batch_block}), 'done|1',
		"$what: every slice was done once");
	return;
}

# A session that runs statements, one after the other, in the background.
sub session
{
	my ($db, @statements) = @_;
	my ($out, $err) = ('', '');
	return {
		out => \$out,
		err => \$err,
		run => IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), map { ('-c', $_) } @statements ],
			'>', \$out, '2>', \$err)
	};
}

# Holds the centre's stock of an item: who comes to its block waits. Returns the session, and
# the pid that ends it.
sub hold
{
	my ($db, $item) = @_;
	my ($session, $pid) = (session($db, 'BEGIN',
		"SELECT FROM merch.stock WHERE item_id = $item AND location_id = 1000 FOR UPDATE", 'SELECT pg_sleep(600)'));
	my $holds = "FROM pg_stat_activity WHERE datname = '$db' AND wait_event = 'PgSleep'";
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $holds") or die "nobody holds: ${$session->{err}}";
	return ($session, $node->safe_psql('postgres', "SELECT pid $holds"));
}

sub let_go
{
	my ($session, $pid) = @_;
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	$session->{run}->finish;
	return;
}

# The pid of the one process of a kind that waits for the held row.
sub waiting_pid
{
	my ($db, $kind) = @_;
	my $waits = "FROM pg_stat_activity WHERE datname = '$db' AND backend_type = '$kind' AND wait_event_type = 'Lock'";
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $waits") or die "no $kind waits";
	return $node->safe_psql('postgres', "SELECT pid $waits");
}

# Until all blocks but one are done.
sub all_but_one
{
	my ($db) = @_;
	$node->poll_query_until($db, 'SELECT blocks_done = blocks - 1 FROM merch.progress') or die 'the others are not done';
	return;
}

my $calm = chain('calm');
$node->safe_psql($calm, "$call)");
my $expected = lines_of($calm);
cmp_ok($node->safe_psql($calm, 'SELECT blocks FROM merch.progress'), '>', 5, 'there are several slices');
is($node->safe_psql($calm, 'SELECT state, done = total, share, time_left FROM merch.progress'), 'done|t|1.0000|00:00:00',
	'all is done');
is_whole($calm, 'one session', $expected);
# it is what one statement over all promises
is( $node->safe_psql($calm, q{SELECT merch.renew_lines(array_agg(promotion_id)) FROM merch.promotion}),
	'0', 'nothing changes when all is allocated anew at once');

my $crew = chain('crew');
$node->safe_psql($crew, "$call, workers => 3)");
is_whole($crew, 'three workers', $expected);

# a worker that ends: who remains does its block
my $ended = chain('ended');
my ($holder, $holder_pid) = hold($ended, 14);
my $caller = session($ended, "$call, workers => 2)");
my $worker = waiting_pid($ended, 'pg_merch worker');
all_but_one($ended);
is($node->safe_psql($ended, 'SELECT workers, errors FROM merch.progress'), '1|0', 'one worker is at it');
is( $node->safe_psql($ended, q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CALL merch.run%' AND backend_xmin IS NOT NULL
	AND backend_type = 'client backend'}),
	'0', 'the waiting caller holds no snapshot');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker)");
waiting_pid($ended, 'client backend');
let_go($holder, $holder_pid);
$caller->{run}->finish;
is(${ $caller->{err} }, '', 'the caller went on');
is_whole($ended, 'a worker ended', $expected);

# kill -9 of a worker, and of the caller
for my $kind ('pg_merch worker', 'client backend')
{
	my $db = chain($kind eq 'client backend' ? 'killed_caller' : 'killed_worker');
	($holder, $holder_pid) = hold($db, 14);
	$caller = session($db, $call . ($kind eq 'client backend' ? ')' : ', workers => 2)'));
	my $pid = waiting_pid($db, $kind);
	my $done = q{SELECT string_agg(block || ' ' || ended_at, ',' ORDER BY block) FROM merch.batch_block WHERE state = 'done'};
	all_but_one($db) if $kind ne 'client backend';
	my $before = $node->safe_psql($db, $done);
	kill_backend($node, $pid);
	$caller->{run}->finish;
	$holder->{run}->finish;
	is($node->safe_psql($db, $done), $before, "kill -9 of a $kind: what was done is there");
	is($node->safe_psql($db, q{SELECT string_agg(DISTINCT state, ',') FROM merch.allocation}), 'running',
		'and the runs are not active yet');
	is($node->safe_psql($db, 'SELECT count(*) FROM merch.check_ledger()'), '0', 'the books balance in between');
	$node->safe_psql($db, "$call, workers => 1)");
	is(index($node->safe_psql($db, $done), (split /,/, $before)[0]), 0, 'the first slice was not done again');
	is_whole($db, "kill -9 of a $kind", $expected);
}

# cancelled: the workers end, too; then given back
my $cancelled = chain('cancelled');
($holder, $holder_pid) = hold($cancelled, 14);
$caller = session($cancelled, "$call, workers => 2)");
waiting_pid($cancelled, 'pg_merch worker');
all_but_one($cancelled);
$node->safe_psql('postgres', q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	WHERE datname = 'cancelled' AND backend_type = 'client backend' AND query LIKE 'CALL%'});
$caller->{run}->finish;
like(${ $caller->{err} }, qr/canceling statement due to user request/, 'the caller is cancelled');
$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'pg_merch worker'})
  or die 'a worker remains';
let_go($holder, $holder_pid);
is($node->safe_psql($cancelled, 'SELECT state, workers, time_left IS NULL FROM merch.progress'), 'running|0|t',
	'the batch can be resumed');
$node->safe_psql($cancelled, 'SELECT merch.cancel_batch(1)');
is($node->safe_psql($cancelled, q{SELECT sum(reserved), (SELECT string_agg(DISTINCT state, ',') FROM merch.allocation),
	(SELECT state FROM merch.progress) FROM merch.stock}), '0|cancelled|cancelled', 'and can be given back');
is($node->safe_psql($cancelled, 'SELECT count(*) FROM merch.check_ledger()'), '0', 'the books balance');
my ($result, $out, $err) = $node->psql($cancelled, 'CALL merch.resume_batch(1)');
like($err, qr/batch 1 is already cancelled/, 'a cancelled batch is not resumed');
$node->safe_psql($cancelled, "$call)");
is(lines_of($cancelled), $expected, 'afterwards it runs');

# an error in a block: the others are done, it is recorded, and tried again
my $failing = chain('failing');
$node->safe_psql($failing, q{
	CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN RAISE check_violation USING MESSAGE = 'item 14 is refused', HINT = 'Drop the trigger.'; END $$;
	CREATE TRIGGER refuse BEFORE INSERT ON merch.allocation_line FOR EACH ROW WHEN (NEW.item_id = 14)
	EXECUTE FUNCTION refuse()});
for my $workers (0, 2)
{
	($result, $out, $err) = $node->psql($failing, "$call, workers => $workers)", extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($err, qr/ERROR:  23514: 1 of \d+ blocks of batch 1 failed.*item 14 is refused/s, "the error of the block, $workers workers");
	is($node->safe_psql($failing, q{SELECT state, blocks - blocks_done, errors, last_error FROM merch.progress}),
		"failed|1|1|item 14 is refused\nHINT: Drop the trigger.", 'it is recorded');
}
$node->safe_psql($failing, 'DROP TRIGGER refuse ON merch.allocation_line');
$node->safe_psql($failing, 'CALL merch.resume_batch(1)');
is_whole($failing, 'an error', $expected);

# more workers than there is room for, and another role
my $room = chain('room');
$node->safe_psql($room, q{CREATE ROLE planner LOGIN; CREATE ROLE boss NOLOGIN; GRANT boss TO planner; GRANT merch_allocator TO boss;
	GRANT USAGE ON SCHEMA merch TO boss; GRANT ALL ON ALL TABLES IN SCHEMA merch TO boss});
($result, $out, $err) = $node->psql($room, "SET SESSION AUTHORIZATION planner; SET ROLE boss;\n$call, workers => 50)");
is($result, 0, 'a role without rights to log in');
like($err, qr/only \d of 50 background workers could be started/, 'too few worker processes are reported');
is($node->safe_psql($room, 'SELECT DISTINCT created_by FROM merch.batch'), 'boss', 'the role is kept');
is_whole($room, 'many workers', $expected);

$node->stop;
done_testing();
