# Price sync with the worker: an event is approved, the approved rows follow, a feed shows the
# old price: a mismatch, an exception, a correction; the system is told, and all is cleared.
# Prices to come: the gate of a promotion waits for them, and events become published. And two
# checks at once, and one that is killed, write everything once.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = PostgreSQL::Test::Cluster->new('price_sync');
$node->init;
$node->append_conf('postgresql.conf', "fsync = off\nrestart_after_crash = on\nshared_preload_libraries = 'pg_merch'\nmerch.databases = 'postgres'");
$node->start;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

sub becomes
{
	my ($query, $what) = @_;
	ok($node->poll_query_until('postgres', $query), $what)
	  or diag(sql('SELECT * FROM merch.status()') . "\n" . sql('SELECT * FROM merch.open_price_mismatch') . "\n"
		  . sql('SELECT job, state, attempts, error FROM merch.job WHERE error IS NOT NULL'));
	return;
}

# A feed of a system, in a transaction: lines are what the query returns.
sub feed
{
	my ($system, $kind, $lines) = @_;
	return sql(qq{
		BEGIN;
		SELECT merch.open_price_feed('$system', '$kind', clock_timestamp()) AS feed \\gset
		INSERT INTO merch.price_feed_line (item_id, location_id, channel_id, valid_from, valid_to, amount, currency) $lines;
		SELECT changed FROM merch.apply_price_feed(:feed);
		COMMIT}) =~ s/^\s+|\s+$//gr;
}

my $approved_now = q{SELECT item_id, location_id, channel_id, NULL::timestamptz, NULL::timestamptz, amount, currency
	FROM merch.published_price WHERE system_id = -1};
my $approved = q{SELECT item_id, location_id, channel_id, valid_from, valid_to, amount, currency
	FROM merch.published_price WHERE system_id = 0};
my $in_sync = q{(SELECT bool_and(share = 1 AND mismatches = 0) AND count(*) = 2
	FROM (SELECT DISTINCT ON (system_id) * FROM merch.price_sync_rate ORDER BY system_id, at DESC) r)};

sql(q{CREATE EXTENSION pg_merch});
sql(q{SELECT merch.create_model()});
sql(q{
	UPDATE merch.job SET every = '1 second' WHERE job IN ('exceptions', 'price check', 'price digests');
	UPDATE merch.approval_rule SET active = false;
	UPDATE merch.critical_change SET active = false;
	UPDATE merch.readiness_check SET active = readiness_check IN ('prices published', 'price events');
	DELETE FROM merch.preparation_step WHERE step <> 'price_events';
	UPDATE merch.exception_kind SET active = kind = 'price mismatch';
	INSERT INTO merch.system (system_id, name, reports) VALUES (1, 'erp', 'periods'), (2, 'tills', 'current');
	INSERT INTO merch.item (item_id, name, price, cost) SELECT n, 'item ' || n, 4, 1 FROM generate_series(1, 20) n;
	INSERT INTO merch.location (location_id, kind, name) SELECT n, 'store', 'store ' || n FROM generate_series(1, 10) n;
	INSERT INTO merch.ranging (item_id, location_id) SELECT i, l FROM generate_series(1, 20) i, generate_series(1, 10) l});
becomes('SELECT count(*) = 400 FROM merch.published_price WHERE system_id IN (0, -1)', 'what is ranged has approved prices');
is(feed('tills', 'snapshot', $approved_now), '200', 'the tills show them');
is(feed('erp', 'snapshot', $approved), '200', 'so does the ERP system');
becomes("SELECT $in_sync", 'in sync');
is(sql('SELECT count(*) FROM merch.price_mismatch'), '0', 'nothing differs any more');
is(feed('tills', 'snapshot', $approved_now), '0', 'the same feed again changes nothing');

# another price from now on; the clock activates it
sql(q{INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES (901, 1, 'regular', 3.5, tstzrange(now(), NULL))});
is(sql(q{SELECT merch.fire('merch.price_event', '901', 'approve', 'cheaper')}), 'approved', 'a price event is approved');
becomes('SELECT count(*) = 10 FROM merch.published_price WHERE system_id = -1 AND amount = 3.5', 'the approved rows are renewed');
becomes(q{SELECT state = 'active' FROM merch.price_event WHERE price_event_id = 901}, 'it is active');
my $old = $approved_now =~ s/amount,/CASE item_id WHEN 1 THEN 4 ELSE amount END,/r;
is(feed('tills', 'snapshot', $old), '0', 'the tills still show the old price');
becomes(q{SELECT count(*) = 10 FROM merch.open_price_mismatch WHERE system = 'tills' AND difference = 'wrong amount' AND approved_amount = 3.5 AND shown_amount = 4},
	'ten mismatches');
becomes(q{SELECT count(*) = 1 FROM merch.exception WHERE state = 'open' AND condition = 'system tills item 1' AND role = 'merch_pricing'},
	'one exception');
is(sql(q{SELECT count(*), count(DISTINCT location_id), min(amount), max(amount) FROM merch.price_correction WHERE system_id = 2}), '10|10|3.5000|3.5000',
	'a correction for each place');
sql('SELECT merch.check_prices()') for 1 .. 3;
is(sql(q{SELECT count(*) FROM merch.price_correction WHERE system_id = 2}), '10', 'written once');
is(sql('SELECT min(share) < 1 FROM merch.price_sync_rate WHERE system_id = 2'), 't', 'the rate has gone down');

# the system is told, and reports what it shows then
is(feed('tills', 'delta', q{SELECT item_id, location_id, channel_id, NULL::timestamptz, NULL::timestamptz, amount, currency
	FROM merch.price_correction WHERE system_id = 2}), '10', 'the tills show what they were told');
feed('erp', 'snapshot', $approved);
becomes("SELECT $in_sync", 'in sync again');
is(sql('SELECT count(*) FROM merch.open_price_mismatch'), '0', 'all mismatches are cleared');
becomes(q{SELECT bool_and(state = 'resolved' AND outcome = 'gone') FROM merch.exception WHERE kind = 'price mismatch'}, 'and the exceptions');

# prices to come: an event of no promotion, and a promotion
sql(q{
	INSERT INTO merch.price_event (price_event_id, item_id, kind, amount, effective) VALUES (902, 2, 'regular', 3, tstzrange(now() + interval '5 days', NULL));
	SELECT merch.fire('merch.price_event', '902', 'approve', 'cheaper');
	INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'week', current_date + 10, current_date + 17);
	INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'price', 3);
	INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id) VALUES (3, 1, 1), (4, 1, 1);
	INSERT INTO merch.promotion_location SELECT 1, l FROM generate_series(1, 5) l;
	SELECT merch.fire('merch.promotion', '1', 'submit', 'please')});
sql(q{SELECT merch.fire('merch.promotion', '1', 'approve', 'good')});
becomes(q{SELECT detail = 'erp in channel 1: prices are wrong: 10, such as item 3 at location 1' FROM merch.readiness_result WHERE readiness_check = 'prices published'},
	'the promotion waits for its prices');
becomes(q{SELECT count(*) > 20 FROM merch.published_price p WHERE system_id = 0 AND valid_from > now()}, 'what is to come is approved');
feed('erp', 'snapshot', $approved);
becomes(q{SELECT passed FROM merch.readiness_result WHERE readiness_check = 'prices published'}, 'the gate passes when they are there');
becomes(q{SELECT state = 'ready' FROM merch.promotion}, 'and the promotion is ready');
becomes(q{SELECT bool_and(state = 'published') FROM merch.price_event WHERE price_event_id <> 901}, 'the events are published');
is(sql(q{SELECT string_agg(system || ' ' || prices || ' ' || right_prices || ' ' || coalesce(share::text, '-'), ', ' ORDER BY system) FROM merch.promotion_price_sync(1)}),
	'erp 10 10 1.0000, tills 10 0 -', 'what shows only now is not judged yet');
becomes("SELECT $in_sync", 'and nothing differs now');

# two checks at once; the worker is kept away
sql(q{UPDATE merch.job SET enabled = false});
$node->poll_query_until('postgres', q{SELECT bool_and(state <> 'running') FROM merch.job}) or die 'a job does not end';
my $corrections = sql('SELECT count(*) FROM merch.price_correction');
feed('tills', 'delta', q{SELECT 5, l, 1, NULL::timestamptz, NULL::timestamptz, 9, 'EUR' FROM generate_series(1, 3) l});
my ($one, $other) = (session($node), session($node));
is(say_to($one, 'BEGIN; SELECT merch.check_prices()'), "3\n", 'a check in a transaction');
${ $other->{in} } .= "SELECT merch.check_prices();\n\\echo ready\n";
$other->{run}->pump_nb;
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) or die 'nobody waits';
say_to($one, 'COMMIT');
$other->{run}->pump until ${ $other->{out} } =~ /^ready$/m;
is(${ $other->{out} }, "0\nready\n", 'another waits for it, and finds nothing new');
is(sql('SELECT count(*) FROM merch.price_correction') - $corrections, 3, 'each was told once');
$_->{run}->kill_kill for $one, $other;

# killed in the middle
feed('tills', 'delta', q{SELECT 6, l, 1, NULL::timestamptz, NULL::timestamptz, 9, 'EUR' FROM generate_series(1, 4) l});
my ($session, $pid) = sleeping_session($node, 'BEGIN', 'SELECT merch.check_prices()');
kill_backend($node, $pid);
$session->finish;
is(sql('SELECT count(*) FROM merch.open_price_mismatch'), '3', 'kill -9: nothing of the check is left');
is(sql('SELECT merch.check_prices()'), '4', 'the next one finds it all');
is(sql('SELECT count(*) FROM merch.price_correction') - $corrections, 7, 'and tells it once');

$node->stop;
done_testing();
