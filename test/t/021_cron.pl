# The jobs by a real pg_cron, alone and together with a worker.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use MerchTest;

my $libdir = `pg_config --pkglibdir`;
chomp $libdir;
if (!-e "$libdir/pg_cron.so")
{
	plan skip_all => 'pg_cron is not installed for this server (Debian: postgresql-MAJOR-cron)';
}

my $node = PostgreSQL::Test::Cluster->new('cron');
$node->init;
my $host = $node->host;
$node->append_conf('postgresql.conf', qq{
fsync = off
max_connections = 40
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.host = '$host'
});
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

sub until_true
{
	my ($query, $what) = @_;
	ok($node->poll_query_until('postgres', $query), $what);
	return;
}

sql('CREATE EXTENSION pg_merch; SELECT merch.create_model()');
my ($result, $out, $err) = $node->psql('postgres', 'SELECT merch.schedule_jobs()');
like($err, qr/pg_cron is not installed in database "postgres".*CREATE EXTENSION pg_cron/s, 'without pg_cron the error says what to do');
$node->safe_psql('template1', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION pg_merch; SELECT merch.create_model()');
($result, $out, $err) = $node->psql('other', 'SELECT merch.schedule_jobs()');
like($err, qr/cron\.schedule_in_database\('merch: run_due other'/, 'in another database than cron\'s, too');

sql(q{CREATE EXTENSION pg_cron;
	CREATE TABLE done (job text, pid int, at timestamptz DEFAULT clock_timestamp());
	CREATE FUNCTION public.often() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		IF NOT pg_try_advisory_xact_lock(42) THEN RAISE 'two at a time'; END IF;
		PERFORM pg_sleep(0.05);
		INSERT INTO public.done (job, pid) VALUES ('often', pg_backend_pid());
		RETURN 1;
	END $$;
	INSERT INTO merch.job (job, description, function, every) VALUES ('often', 'test', 'public.often', '1 minute');
	INSERT INTO merch.job (job, description, function, every, enabled) VALUES ('off', 'test', 'public.often', '1 minute', false);
	INSERT INTO merch.job (job, description, function) VALUES ('by hand', 'test', 'public.often')});
my $scheduled = sql('SELECT merch.schedule_jobs()');
is(sql('SELECT merch.schedule_jobs()'), $scheduled, 'scheduling twice replaces the entries');
is(sql(q{SELECT count(*) FROM cron.job WHERE jobname LIKE 'merch: %'}), $scheduled, 'each is there once');
is(sql(q{SELECT jobname, schedule, command FROM cron.job WHERE jobname = 'merch: often'}),
	q{merch: often|* * * * *|CALL merch.run_due('often')}, 'by its name, each minute');
is(sql(q{SELECT count(*) FROM cron.job WHERE jobname IN ('merch: off', 'merch: by hand')}), '0', 'only what is due by itself');

until_true(q{SELECT count(*) >= 1 FROM done}, 'pg_cron runs it');
until_true(q{SELECT count(*) = (SELECT count(*) FROM cron.job) FROM (SELECT DISTINCT jobid FROM cron.job_run_details WHERE status = 'succeeded') d},
	'and all the others');
is(sql(q{SELECT count(*) FROM cron.job_run_details WHERE status = 'failed'}), '0', 'none failed');
is(sql(q{SELECT verdict FROM merch.status() WHERE topic = 'worker'}), 'ok', 'the status is content with it');

# a worker, too: never twice
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron,pg_merch'\nmerch.databases = 'postgres'\nmerch.naptime = 1s");
$node->restart;
until_true(q{SELECT state = 'idle' FROM merch.stat_worker WHERE database = 'postgres'}, 'a worker starts beside it');
my $minutes = sql(q{SELECT count(*) FROM cron.job_run_details});
until_true(qq{SELECT count(*) > $minutes + $scheduled FROM cron.job_run_details WHERE status = 'succeeded'}, 'pg_cron goes on');
is(sql(q{SELECT failures FROM merch.job WHERE job = 'often'}), '0', 'never two at a time');
is(sql(q{SELECT count(*) FROM (SELECT at - lag(at) OVER (ORDER BY at) AS apart FROM done) d WHERE apart < interval '59 seconds'}), '0',
	'nothing is done twice');

is(sql('SELECT merch.unschedule_jobs()'), $scheduled, 'the entries can be taken out');
is(sql(q{SELECT count(*) FROM cron.job}), '0', 'all of them');

$node->stop;
done_testing();
