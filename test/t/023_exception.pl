# Exceptions under fire: sessions raise, find, settle, escalate and take back the same
# conditions at once. None deadlocks, no condition is open twice, and every count is kept.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = new_node('exception');

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

sql('CREATE EXTENSION pg_merch');
sql('SELECT merch.create_model()');
sql(q{
	CREATE TABLE weather (n int, money numeric);
	CREATE TABLE raised (times bigint);
	CREATE FUNCTION detect_weather(promotions bigint[]) RETURNS SETOF merch.condition LANGUAGE sql STABLE AS $$
		SELECT 'cloud ' || n, NULL, NULL::bigint, NULL::bigint, NULL::int, NULL::bigint, NULL::bigint, 'it rains', NULL, money,
		       NULL::numeric, NULL::numeric, NULL::numeric, NULL::timestamptz
		FROM public.weather $$;
	UPDATE merch.exception_kind SET active = false;
	INSERT INTO merch.exception_kind (kind, description, remedy, probability, handling_minutes, detector, storm_limit)
	VALUES ('weather', 'test', 'wait', 0.5, 10, 'public.detect_weather', 5);
	INSERT INTO merch.exception_route (kind, role, within, escalate_to)
	VALUES ('weather', 'merch_store', '1 millisecond', 'merch_allocator');
	UPDATE merch.exception_route SET within = '1 millisecond' WHERE kind = 'price mismatch';
});

my %script = (
	# as many as it says were written are counted
	raise => q{INSERT INTO raised SELECT merch.raise_exceptions('price mismatch', array_agg(
		ROW('c ' || n, NULL, NULL, NULL, NULL, NULL, NULL, 'again', NULL, random(), NULL, NULL, NULL, NULL)::merch.condition))
		FROM (SELECT n FROM generate_series(1, 12) n ORDER BY random() LIMIT 4) x;},
	detect => q{INSERT INTO weather SELECT 20 * random(), 100 * random();
		DELETE FROM weather WHERE random() < 0.1;
		SELECT merch.detect_exceptions();},
	take_back => q{SELECT merch.resolve_exceptions('price mismatch', ARRAY(SELECT 'c ' || n FROM generate_series(1, 12) n ORDER BY random() LIMIT 3));},
	# another may have been faster
	settle => q{DO $$
		BEGIN
			PERFORM merch.resolve_exception(exception_id, (ARRAY['fixed', 'accepted', 'false_alarm'])[1 + 2 * random()])
			FROM (SELECT exception_id FROM merch.exception WHERE state <> 'resolved' ORDER BY random() LIMIT 1) e;
		EXCEPTION WHEN restrict_violation THEN NULL;
		END $$;},
	escalate => q{SELECT merch.escalate_exceptions();});
my @files;
foreach my $name (sort keys %script)
{
	my $file = $node->basedir . "/$name.sql";
	# a script of pgbench ends a statement with a line, and keeps what is between
	append_to_file($file, $script{$name} . "\n");
	push @files, '-f', $file;
}
$node->command_ok(
	[ 'pgbench', '-n', '-c', '8', '-j', '2', '-t', '150', @files, '-d', $node->connstr('postgres') ],
	'eight sessions, no error');
unlike(slurp_file($node->logfile), qr/deadlock detected|ERROR/, 'nor in the log');

is( sql(q{SELECT count(*) FROM (SELECT FROM merch.exception WHERE state <> 'resolved' GROUP BY kind, condition HAVING count(*) > 1) x}),
	'0', 'no condition is open twice');
is( sql(q{SELECT (SELECT sum(seen) FROM merch.exception WHERE kind = 'price mismatch') = (SELECT sum(times) FROM raised)}),
	't', 'every time one was raised was counted');
# of all states, one has been entered once more than left
is( sql(q{SELECT count(*) FROM merch.exception e
	WHERE (state = 'resolved') <> (outcome IS NOT NULL)
	   OR (SELECT count(*) FILTER (WHERE c.to_state = e.state) - count(*) FILTER (WHERE c.from_state = e.state)
	       FROM merch.state_change c
	       WHERE c.subject = 'merch.exception'::regclass AND c.row_key = e.exception_id::text) <> 1}),
	'0', 'the history ends in the state of each');
sql('SELECT merch.detect_exceptions()');
is( sql(q{SELECT count(*) FROM merch.exception e
	WHERE kind = 'weather' AND state <> 'resolved' AND condition <> 'storm'
	  AND NOT EXISTS (SELECT FROM weather w WHERE 'cloud ' || n = condition)}),
	'0', 'what is open is true');
cmp_ok(
	sql(q{SELECT count(*) FROM merch.exception WHERE kind = 'weather' AND state <> 'resolved' AND condition <> 'storm'}),
	'<=', 5, 'within the limit of a storm');
is(sql('SELECT merch.detect_exceptions()'), '0', 'another round finds nothing to write');

done_testing();
