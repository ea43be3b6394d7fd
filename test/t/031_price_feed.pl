# Feeds of prices: killed, cancelled or cut off in the middle, nothing of them is taken, and
# applied again they give what they would have given at once.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use MerchTest;

my $node = new_node('price_feed');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

sql(q{CREATE EXTENSION pg_merch});
sql(q{
	SELECT merch.create_model();
	INSERT INTO merch.item (item_id, name) SELECT n, 'item ' || n FROM generate_series(1, 200) n;
	INSERT INTO merch.location (location_id, kind, name) SELECT n, 'store', 'store ' || n FROM generate_series(1, 10) n;
	INSERT INTO merch.system (system_id, name, channel_id) VALUES (1, 'tills', 1), (2, 'twin', 1)});

# Opens a feed of a system and loads it: prices of all items but the last, at a cent more than before.
sub load_feed
{
	my ($system, $kind, $cents, $options) = @_;
	return sql(qq{
		SELECT merch.open_price_feed('$system', '$kind'$options);
		INSERT INTO merch.price_feed_line (item_id, location_id, amount, currency)
		SELECT i, l, i + $cents / 100.0, 'EUR' FROM generate_series(1, 199) i, generate_series(1, 10) l});
}

my $prices = q{SELECT md5(string_agg((item_id, location_id, channel_id, amount, currency)::text, ',' ORDER BY item_id, location_id))
	FROM merch.published_price WHERE system_id = };

sub nothing_happened
{
	my ($what, $feed, $before) = @_;
	is(sql("SELECT state, (SELECT count(*) FROM merch.price_feed_line WHERE price_feed_id = $feed) FROM merch.price_feed WHERE price_feed_id = $feed"),
		'open|1990', "$what: the feed is open, its lines are there");
	is(sql("${prices}1"), $before, "$what: the prices are as before");
	is(sql(q{SELECT count(*) FROM merch.verify_price_digest('tills')}), '0', "$what: so are the digests");
	return;
}

# Applies a feed that waits for a lock that another session holds, and ends it by a signal.
sub end_in_the_middle
{
	my ($feed, $signal) = @_;
	my $holder = session($node);
	say_to($holder, 'BEGIN; SELECT count(*) FROM (SELECT FROM merch.published_price WHERE item_id = 150 AND system_id = 1 FOR UPDATE) p');
	my ($out, $err) = ('', '');
	my $victim = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', "SELECT merch.apply_price_feed($feed)" ],
		'>', \$out, '2>', \$err);
	my $waits = q{FROM pg_stat_activity WHERE query LIKE 'SELECT merch.apply_price_feed%' AND wait_event_type = 'Lock'};
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $waits") or die 'nobody waits';
	my $pid = sql("SELECT pid $waits");
	$signal eq 'KILL' ? kill_backend($node, $pid) : kill($signal, $pid);
	$victim->finish;
	$holder->{run}->kill_kill;
	return;
}

for my $system ('tills', 'twin')
{
	my $feed = load_feed($system, 'snapshot', 0, '');
	sql("SELECT merch.apply_price_feed($feed)");
}
my $before = sql("${prices}1");
is($before, sql("${prices}2"), 'two systems that got the same show the same');

my $feed = load_feed('tills', 'delta', 1, '');
for my $signal ('INT', 'KILL')
{
	end_in_the_middle($feed, $signal);
	nothing_happened("SIG$signal in the middle", $feed, $before);
}
sql("SELECT merch.apply_price_feed($feed)");
my $twin = load_feed('twin', 'delta', 1, '');
sql("SELECT merch.apply_price_feed($twin)");
isnt(sql("${prices}1"), $before, 'applied again, prices change');
is(sql("${prices}1"), sql("${prices}2"), 'to what they are where nothing happened');
is(sql(q{SELECT count(*) FROM merch.verify_price_digest('tills')}), '0', 'and the digests with them');
is(sql("SELECT changed FROM merch.apply_price_feed($feed)"), '1990', 'once more, it tells what it did');

# cut off: fewer lines than the source said
$before = sql("${prices}1");
my $cut = load_feed('tills', 'snapshot', 2, ', expected_lines => 2000');
my ($result, $out, $err) = $node->psql('postgres', "SELECT merch.apply_price_feed($cut)");
isnt($result, 0, 'a feed that stopped half-way is refused');
nothing_happened('half-way', $cut, $before);

$node->stop;
done_testing();
