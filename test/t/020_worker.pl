# The launcher and the workers: who runs, as whom, what survives, what is done how often.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = PostgreSQL::Test::Cluster->new('worker');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', q{
fsync = off
max_connections = 30
restart_after_crash = on
shared_preload_libraries = 'pg_merch'
merch.databases = 'postgres, later, "Odd name"'
merch.naptime = 1s
});
$node->start;

sub sql
{
	my ($statement, $db) = @_;
	return $node->safe_psql($db // 'postgres', $statement);
}

# Waits until a query returns true, also while the server is restarting.
sub until_true
{
	my ($query, $what, $db) = @_;
	ok($node->poll_query_until($db // 'postgres', $query), $what);
	return;
}

my $state = q{(SELECT state FROM merch.stat_worker WHERE database = current_database())};
my $pid = q{(SELECT pid FROM merch.stat_worker WHERE database = current_database())};

# A job whose runs are rows of a table of the model's owner.
sub add_job
{
	my ($job, $body, $columns, $values) = @_;
	sql(qq{
		CREATE FUNCTION public.$job() RETURNS int LANGUAGE plpgsql AS \$\$
		BEGIN
			$body
			INSERT INTO public.done (job, by, pid) VALUES ('$job', current_user, pg_backend_pid());
			RETURN 1;
		END \$\$;
		ALTER FUNCTION public.$job() OWNER TO planner;
		INSERT INTO merch.job (job, description, function, $columns) VALUES ('$job', 'test', 'public.$job', $values)});
	return;
}

# there is nothing to do yet
until_true('SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = \'pg_merch launcher\'', 'there is a launcher');
sql('CREATE EXTENSION pg_merch');
until_true("SELECT $state = 'no model'", 'without a model the worker waits');
is(sql(q{SELECT verdict FROM merch.status() WHERE topic = 'version'}), 'error', 'and the status says that there is none');

# it becomes the model's owner, not more
sql(q{CREATE ROLE planner LOGIN;
	GRANT CREATE, USAGE ON SCHEMA merch TO planner;
	GRANT CREATE ON DATABASE postgres TO planner;
	GRANT CREATE ON SCHEMA public TO planner;
	SET ROLE planner;
	SELECT merch.create_model();
	CREATE TABLE public.done (job text, by text, pid int, at timestamptz DEFAULT clock_timestamp())});
until_true("SELECT $state = 'idle'", 'with a model it works');
is(sql("SELECT usename, application_name, backend_type, datname FROM pg_stat_activity WHERE pid = $pid"),
	'planner|pg_merch worker|pg_merch worker|postgres', 'connected as the owner of the model');
is(sql(q{SELECT verdict FROM merch.status() WHERE topic = 'worker'}), 'ok', 'the status says so');

# woken by a commit, at no other time
add_job('follow', '', 'on_commit', 'true');
until_true(q{SELECT count(*) > 0 FROM done}, 'a new job is noticed');
sql('TRUNCATE done');
is(sql('SELECT pg_sleep(2.5); SELECT count(*) FROM done'), "\n0", 'it sleeps where nothing happens');
sql('BEGIN; SELECT merch.wake_worker(); ROLLBACK');
is(sql('SELECT pg_sleep(0.5); SELECT count(*) FROM done'), "\n0", 'a rollback does not wake it');
sql('SELECT merch.wake_worker()');
until_true('SELECT count(*) = 1 FROM done', 'a commit does');
is(sql("SELECT DISTINCT by, pid = $pid FROM done"), 'planner|t', 'with the rights of the owner');
sql(q{BEGIN; SAVEPOINT s; SELECT merch.wake_worker(); ROLLBACK TO s; SELECT 1; COMMIT});
sql(q{UPDATE merch.job SET enabled = false WHERE job = 'follow'});

# the shipped jobs are allowed all that they do
sql("CALL merch.run_job('$_')") for split /\n/, sql(q{SELECT job FROM merch.job WHERE job <> 'follow' ORDER BY job});
is(sql(q{SELECT job, error FROM merch.job WHERE failures > 0 OR runs = 0}), '', 'every shipped job goes well');

# rights that are not the owner's are not to be had
my ($result, $out, $err) = $node->psql('postgres', q{CREATE ROLE intruder;
	CREATE FUNCTION public.theirs() RETURNS int LANGUAGE sql AS 'SELECT 1';
	ALTER FUNCTION public.theirs() OWNER TO intruder;
	INSERT INTO merch.job (job, description, function) VALUES ('theirs', 'test', 'public.theirs')});
like($err, qr/function public\.theirs cannot be a job: it belongs to "intruder"/, 'the function of another role is refused');
add_job('climb', q{BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END;
	BEGIN RESET SESSION AUTHORIZATION; EXCEPTION WHEN OTHERS THEN NULL; END;}, 'every', "'1 hour'");
until_true(q{SELECT count(*) = 1 FROM done WHERE job = 'climb'}, 'a job that tries to become somebody else runs');
is(sql(q{SELECT by FROM done WHERE job = 'climb'}), 'planner', 'and stays the owner');

# by time, to the second
sql(q{CREATE TABLE public.alarm (at timestamptz); ALTER TABLE public.alarm OWNER TO planner;
	CREATE FUNCTION public.next_alarm() RETURNS timestamptz LANGUAGE sql AS 'SELECT min(at) FROM public.alarm';
	ALTER FUNCTION public.next_alarm() OWNER TO planner;
	CREATE TRIGGER wake AFTER INSERT ON public.alarm FOR EACH STATEMENT EXECUTE FUNCTION merch.wake_worker_at_change()});
add_job('ring', 'DELETE FROM public.alarm WHERE at <= clock_timestamp();', 'due_function', "'public.next_alarm'");
my $at = sql(q{INSERT INTO public.alarm VALUES (clock_timestamp() + interval '2.2 seconds') RETURNING at});
until_true(q{SELECT count(*) = 1 FROM done WHERE job = 'ring'}, 'a job runs when its function says');
is(sql(qq{SELECT at >= '$at' AND at < timestamptz '$at' + interval '1 second' FROM done WHERE job = 'ring'}), 't', 'to the second');

# transitions by the clock: to the second, past one that fails and one that hangs, and after downtime
sql(q{CREATE FUNCTION public.light_lamps(keys bigint[]) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		IF 7 = ANY (keys) THEN RAISE 'lamp 7 explodes'; END IF;
	END $$;
	SELECT merch.define_workflow('lamp', '{
		"states": [{"state": "dark", "initial": true}, {"state": "lit", "final": true}],
		"transitions": [{"event": "light", "from": "dark", "to": "lit", "due_column": "lights_at", "action": "public.light_lamps"}]}', 'lamps');
	CREATE TABLE public.lamp (lamp bigint PRIMARY KEY, state text NOT NULL DEFAULT 'dark', lights_at timestamptz);
	SELECT merch.attach_workflow('public.lamp', 'lamp');
	ALTER TABLE public.lamp OWNER TO planner;
	ALTER FUNCTION public.light_lamps(bigint[]) OWNER TO planner});
sql(q{INSERT INTO lamp (lamp, lights_at) SELECT n, clock_timestamp() + interval '2.3 seconds' FROM generate_series(1, 20) n});
until_true(q{SELECT count(*) = 19 FROM lamp WHERE state = 'lit'}, 'transitions are made when they are due, but for one that fails');
is(sql(q{SELECT bool_and(state_since >= lights_at AND state_since < lights_at + interval '1 second') FROM lamp WHERE state = 'lit'}), 't',
	'to the second');
is(sql(q{SELECT row_key, error FROM merch.clock_failure}), '7|lamp 7 explodes', 'the other one is noted');
is(sql(q{SELECT DISTINCT actor FROM merch.state_change WHERE event = 'light'}), 'planner', 'made by the owner');
sql(q{INSERT INTO lamp (lamp, lights_at) VALUES (30, clock_timestamp() + interval '1 hour')});
sql(q{UPDATE lamp SET lights_at = clock_timestamp() + interval '1.2 seconds' WHERE lamp = 30});
until_true(q{SELECT state_since < lights_at + interval '1 second' FROM lamp WHERE lamp = 30 AND state = 'lit'}, 'one that is moved is made at its new time');
sql(q{INSERT INTO lamp (lamp, lights_at) VALUES (31, clock_timestamp() + interval '1 second')});
$node->stop;
select(undef, undef, undef, 1.5);
$node->start;
until_true(q{SELECT count(*) = 1 FROM lamp WHERE lamp = 31 AND state = 'lit'}, 'one that was due in a downtime is made after it');
{
	my ($in, $session_out) = ('', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$session_out);
	$in .= "BEGIN; INSERT INTO lamp (lamp, lights_at) VALUES (32, clock_timestamp() + interval '0.5 seconds'), (33, clock_timestamp() + interval '0.5 seconds'); COMMIT;"
	  . "BEGIN; UPDATE lamp SET lights_at = clock_timestamp() + interval '1 day' WHERE lamp = 32; SELECT 'held';\n";
	$session->pump until $session_out =~ /held/;
	until_true(q{SELECT count(*) = 1 FROM lamp WHERE lamp = 33 AND state = 'lit'}, 'a row that somebody holds stops no other');
	until_true(q{SELECT count(*) = 1 FROM merch.clock_failure WHERE row_key = '32'}, 'and is noted');
	$in .= "COMMIT;\n";
	$session->finish;
	is(sql(q{SELECT pg_sleep(2.5); SELECT state FROM lamp WHERE lamp = 32}), "\ndark", 'one that was moved while it came due waits for its new time');
}

# failing, hanging and missing functions stop nobody
add_job('poison', 'PERFORM 1 / 0;', 'every, backoff, max_attempts', "'1 hour', '0.1 seconds', 3");
add_job('hang', q{BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN PERFORM pg_sleep(600); END;},
	'every, timeout, max_attempts', "'1 hour', '0.5 seconds', 1");
add_job('gone', '', 'every, backoff, max_attempts', "'1 hour', '0.1 seconds', 2");
sql('ALTER TABLE public.done ADD CONSTRAINT late_check UNIQUE (job, at) DEFERRABLE INITIALLY DEFERRED; DROP FUNCTION public.gone()');
sql(q{UPDATE merch.job SET next_run_at = NULL, attempts = 0, state = 'idle' WHERE job = 'gone'});
add_job('deferred', q{INSERT INTO public.done (job, at) VALUES ('twice', '2020-01-01'), ('twice', '2020-01-01');},
	'every, max_attempts', "'1 hour', 1");
add_job('healthy', '', 'every', "'0.2 seconds'");
until_true(q{SELECT count(*) = 4 FROM merch.job WHERE state = 'dead'}, 'what always fails is dead in the end');
is(sql(q{SELECT job, attempts, error_code, split_part(error, E'\n', 1) FROM merch.job WHERE state = 'dead' ORDER BY job}),
	"deferred|1|23505|duplicate key value violates unique constraint \"late_check\"\n"
	  . "gone|2|42883|no function public.gone can be called without arguments\n"
	  . "hang|1|57014|canceled after its timeout of 500 ms\n"
	  . 'poison|3|22012|division by zero', 'with the attempts and the error');
my $healthy = sql(q{SELECT count(*) FROM done WHERE job = 'healthy'});
until_true(qq{SELECT count(*) > $healthy + 5 FROM done WHERE job = 'healthy'}, 'the others go on');
is(sql(q{SELECT count(*) FROM merch.status() WHERE verdict = 'error' AND topic LIKE 'job %'}), '4', 'the status names them');
sql(q{CREATE OR REPLACE FUNCTION public.poison() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT merch.revive_job('poison')});
until_true(q{SELECT state = 'idle' AND attempts = 0 AND runs = 4 FROM merch.job WHERE job = 'poison'}, 'a mended one can be revived');
sql(q{DELETE FROM merch.job WHERE job IN ('gone', 'hang', 'deferred', 'poison', 'climb')});

# a job that is being run is seen, and cancelled by hand counts as failed
add_job('long', 'PERFORM pg_sleep(600);', 'every, backoff', "'1 hour', '0.1 seconds'");
until_true(q{SELECT count(*) = 1 FROM merch.progress WHERE job = 'long'}, 'a running job is seen in the progress');
sql(qq{SELECT pg_cancel_backend(pid) FROM merch.progress WHERE job = 'long'});
until_true(q{SELECT attempts = 2 AND failures = 1 AND error LIKE 'canceling statement%' FROM merch.job WHERE job = 'long'},
	'one that is cancelled fails and is tried again');

# kill -9 of the worker in the middle of it: the server restarts, the attempt counts
my $before = sql("SELECT $pid");
kill 'KILL', $before;
until_true(qq{SELECT attempts = 3 AND state = 'running' AND pid <> $before FROM merch.job WHERE job = 'long'},
	'kill -9 of the worker counts as an attempt, and it is tried again');
is(sql(qq{SELECT error_code, error, pid FROM merch.job_run WHERE job = 'long' ORDER BY run_id DESC LIMIT 1}),
	"57P01|process $before ended while it ran the job|$before", 'the history says so');

# kill -9 of the server
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];
$before = sql("SELECT $pid");
kill 'KILL', $postmaster;
1 while kill 0, $before and select(undef, undef, undef, 0.1) >= 0;
$node->{_pid} = undef;
$node->start;
until_true(qq{SELECT attempts >= 4 AND state = 'running' FROM merch.job WHERE job = 'long'}, 'so does that of the server');
sql(q{UPDATE merch.job SET enabled = false WHERE job = 'long'; SELECT pg_cancel_backend(pid) FROM merch.progress WHERE job = 'long'});

# the worker, three sessions and a session for one job at once: never two at a time, none twice
add_job('once', q{
	IF NOT pg_try_advisory_xact_lock(42) THEN RAISE 'two at a time'; END IF;
	PERFORM pg_sleep(0.02);}, 'every', "'50 milliseconds'");
my @crew;
for my $n (1 .. 3)
{
	my $dir = PostgreSQL::Test::Utils::tempdir();
	append_to_file("$dir/due.sql", "CALL merch.run_due();\n");
	push @crew, IPC::Run::start([ 'pgbench', '-n', '-c', 1, '-T', 4, '-f', "$dir/due.sql", $node->connstr('postgres') ],
		'>', '/dev/null', '2>', '/dev/null');
}
$_->finish for @crew;
is(sql(q{SELECT failures FROM merch.job WHERE job = 'once'}), '0', 'no two ran at a time');
is(sql(q{SELECT count(*) FROM (SELECT at - lag(at) OVER (ORDER BY at) AS apart FROM done WHERE job = 'once') d
	WHERE apart < interval '20 milliseconds'}), '0', 'none came before it was due');
cmp_ok(sql(q{SELECT count(DISTINCT pid) FROM done WHERE job = 'once'}), '>', 1, 'more than one session ran it');
is(sql(q{SELECT sum(runs) = (SELECT count(*) FROM done WHERE job = 'once') FROM merch.job_run WHERE job = 'once' AND succeeded}), 't',
	'the history has each run once');
is(sql(qq{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid <> $pid}), '0', 'no lock is left behind');
sql(q{DELETE FROM merch.job WHERE job = 'once'});

# databases that come and go
sql('CREATE DATABASE later');
sql('CREATE DATABASE "Odd name"');
until_true(q{SELECT count(*) = 2 FROM merch.stat_worker WHERE database IN ('later', 'Odd name') AND state = 'no model'},
	'a database that is created later gets its worker');
sql('CREATE EXTENSION pg_merch; SELECT merch.create_model()', 'later');
until_true("SELECT $state = 'idle'", 'which starts to work when there is a model', 'later');
($result, $out, $err) = $node->psql('later', 'DROP EXTENSION pg_merch CASCADE');
is($result, 0, 'the extension can be dropped under it');
until_true(q{SELECT state = 'no model' FROM merch.stat_worker WHERE database = 'later'}, 'then it waits again');
sql('CREATE EXTENSION pg_merch; SELECT merch.create_model()', 'later');
until_true("SELECT $state = 'idle'", 'until it is made again', 'later');
($result, $out, $err) = $node->psql('postgres', 'DROP DATABASE later');
is("$result$err", '0', 'a database with a worker can be dropped');
($result, $out, $err) = $node->psql('postgres', 'DROP DATABASE "Odd name" WITH (FORCE)');
is("$result$err", '0', 'with force, too');
until_true(q{SELECT count(*) = 1 FROM merch.stat_worker}, 'their workers are gone');
$node->append_conf('postgresql.conf', "merch.databases = ''");
$node->reload;
until_true('SELECT count(*) = 0 FROM merch.stat_worker', 'a reload takes the worker away');
is(sql(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_merch worker'}), '0', 'its process has ended');
$node->append_conf('postgresql.conf', "merch.databases = 'postgres'");
$node->reload;
until_true("SELECT $state = 'idle'", 'and brings it back');

# the owner changes
# it locks all tables, one after the other, and may get into a deadlock with what is running
sql('CREATE ROLE successor LOGIN; GRANT USAGE ON SCHEMA merch TO successor');
for my $attempt (1 .. 20)
{
	($result, $out, $err) = $node->psql('postgres', 'REASSIGN OWNED BY planner TO successor; SELECT merch.admit_owner()');
	last if $result == 0 && $err eq '';
}
until_true("SELECT usename = 'successor' FROM pg_stat_activity WHERE pid = $pid", 'the worker becomes the new owner of the model');
sql('ALTER ROLE successor NOLOGIN');
sql("SELECT pg_terminate_backend($pid)");
if ($node->pg_version < 17)
{
	until_true("SELECT $state = 'owner may not log in'", 'an owner without login stops it');
	like(sql(q{SELECT hint FROM merch.status() WHERE topic = 'worker'}), qr/^ALTER ROLE … LOGIN/, 'the status says what to do');
}
sql('ALTER ROLE successor LOGIN');
until_true("SELECT $state = 'idle'", 'it is started again');

# a standby has no worker, until it is promoted
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
is($standby->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_merch%'}), '0',
	'a standby has no worker');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM merch.stat_worker}), '0', 'and says so');
$node->stop;
$standby->promote;
ok($standby->poll_query_until('postgres', "SELECT $state = 'idle'"), 'it starts on promotion');
my $runs = $standby->safe_psql('postgres', q{SELECT runs FROM merch.job WHERE job = 'healthy'});
ok($standby->poll_query_until('postgres', qq{SELECT runs > $runs FROM merch.job WHERE job = 'healthy'}), 'and goes on with the jobs');

$standby->safe_psql('postgres', 'SELECT merch.stat_reset()');
is($standby->safe_psql('postgres', q{SELECT count(*) FROM merch.stat_job WHERE job <> 'healthy' AND runs > 0}), '0', 'the counters can be reset');
$standby->stop;
done_testing();
