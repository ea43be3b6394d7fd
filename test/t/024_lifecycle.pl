# The whole life of a promotion: made, approved by others, prepared by triggers, stopped by a
# gate, remedied, live and ended by the clock: of a worker, and of pg_cron.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

sub as
{
	my ($who, $statement) = @_;
	return $node->safe_psql('postgres', "SET SESSION AUTHORIZATION $who; $statement");
}

sub refused
{
	my ($who, $statement, $error, $what) = @_;
	my ($code, $out, $err) = $node->psql('postgres', "SET SESSION AUTHORIZATION $who; $statement");
	like($err, $error, $what);
	return;
}

sub becomes
{
	my ($state, $what) = @_;
	my $reached = "SELECT state = '$state' FROM merch.promotion";
	# pg_cron takes a minute for each step: ready, live, ended
	ok($node->poll_query_until('postgres', $reached) || $node->poll_query_until('postgres', $reached), $what)
	  or diag(sql('SELECT state, state_since FROM merch.promotion') . "\n"
		  . sql('SELECT * FROM merch.readiness((SELECT promotion_id FROM merch.promotion))') . "\n"
		  . sql('SELECT * FROM merch.status()'));
	return;
}

my $open = "SELECT approval_id FROM merch.approval WHERE state = 'open'";

sub lifecycle
{
	my ($seconds) = @_;
	$node->command_ok(
		[
			'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-v', 'items=3', '-v', 'stores=4', '-v', 'promotions=0',
			'-d', $node->connstr('postgres'), '-f', 'test/lib/fixture.sql'
		],
		'the chain is there');
	sql(q{
		INSERT INTO merch.item_group (item_group_id, name) VALUES (1, 'all');
		UPDATE merch.item SET price = 4, cost = 2, item_group_id = 1;
		UPDATE merch.stock SET on_hand = 5000 WHERE location_id = 1000;
		UPDATE merch.task_template SET active = false WHERE task NOT IN ('display', 'confirm')});
	sql("CREATE ROLE $_->[0] LOGIN IN ROLE merch_$_->[1]")
	  for (['mary', 'merchandiser'], ['oscar', 'merchandiser'], ['fiona', 'finance'], ['wes', 'allocator'], ['stella', 'store'], ['eve', 'viewer']);
	sql('GRANT merch_pricing, merch_allocator TO fiona');

	# from draft to submitted
	as('mary', q{
		INSERT INTO merch.promotion (promotion_id, name, starts_on, ends_on) VALUES (1, 'the week', current_date + 3, current_date + 10);
		INSERT INTO merch.offer (offer_id, promotion_id, reward, value) VALUES (1, 1, 'price', 3);
		INSERT INTO merch.promotion_item SELECT item_id, 1, 1 FROM merch.item;
		INSERT INTO merch.promotion_location SELECT 1, location_id FROM merch.location WHERE kind = 'store';
		SELECT merch.fire('merch.promotion', '1', 'submit', 'for the leaflet')});
	refused('mary', "UPDATE merch.promotion SET state = 'live'", qr/cannot go from "submitted" to "live"/, 'no state is skipped');
	refused('mary', "UPDATE merch.promotion SET state = 'approved'", qr/approv/, 'nor an approval');
	refused('mary', "SELECT merch.approve(($open ORDER BY 1 LIMIT 1), 'mine')", qr/mary/, 'who made it does not approve it');
	refused('eve', "SELECT merch.approve(($open ORDER BY 1 LIMIT 1), 'why not')", qr/eve|permission/, 'nor who has no such role');

	# approved by others; the work starts in the same transaction
	as('oscar', "SELECT merch.approve(approval_id, 'looks good') FROM merch.approval WHERE state = 'open' AND role = 'merch_merchandiser'");
	as('fiona', "SELECT merch.approve(approval_id, 'funded') FROM merch.approval WHERE state = 'open' AND role <> 'merch_merchandiser'");
	like(sql('SELECT state FROM merch.promotion'), qr/^(preparing|ready)$/, 'the last approval starts the preparation');
	is(sql("SELECT count(*) FROM merch.price_event WHERE promotion_id = 1"), 3, 'with price events');
	is(sql("SELECT state FROM merch.allocation WHERE promotion_id = 1"), 'released', 'an allocation');
	is(sql("SELECT count(*) > 0 FROM merch.wave"), 't', 'waves');
	is(sql("SELECT count(*) FROM merch.task WHERE promotion_id = 1"), 8, 'tasks');
	is(sql("SELECT count(*) > 0 FROM merch.replenishment_parameter WHERE promotion_id = 1"), 't', 'replenishment parameters');

	# the warehouse and the stores do theirs, except one
	as('wes', q{
		SELECT merch.start_wave(wave_id) FROM merch.wave ORDER BY wave_id;
		SELECT merch.complete_wave(wave_id) FROM merch.wave WHERE state = 'picking' ORDER BY wave_id;
		SELECT merch.record_receipt(l.item_id, l.inbound_id, l.picked) FROM merch.transfer_line l WHERE l.inbound_id IS NOT NULL ORDER BY l.item_id, l.inbound_id});
	as('stella', q{
		SELECT merch.complete_task(task_id) FROM merch.task WHERE task = 'display' ORDER BY task_id;
		SELECT merch.complete_task(task_id) FROM merch.task WHERE task = 'confirm' AND location_id <> 4 ORDER BY task_id});
	sql('SELECT merch.evaluate_readiness()');
	is(sql("SELECT string_agg(readiness_check, ',' ORDER BY readiness_check) FROM merch.readiness(1) WHERE verdict = 'failed'"),
		sql("SELECT readiness_check FROM merch.readiness_check WHERE readiness_check LIKE '%store%confirm%'"), 'one gate fails');
	refused('mary', "SELECT merch.fire('merch.promotion', '1', 'launch')", qr/promotion 1 /, 'and stops the launch');
	as('stella', "SELECT merch.complete_task(task_id) FROM merch.task WHERE task = 'confirm' AND location_id = 4");
	becomes('ready', 'remedied, the promotion is ready');

	# moved, it is asked again; then live at its second, and over at its second
	as('mary', qq{
		WITH t AS (SELECT date_trunc('second', clock_timestamp()) + interval '$seconds seconds' AS start)
		UPDATE merch.promotion
		SET starts_on = start::date, opens_at = start::time, ends_on = (start + interval '3 seconds')::date + 1,
		    closes_at = (start + interval '3 seconds')::time
		FROM t});
	is(sql('SELECT state FROM merch.promotion'), 'submitted', 'a promotion that is moved is asked again');
	as('oscar', "SELECT merch.approve(approval_id, 'sooner is better') FROM merch.approval WHERE state = 'open' AND role = 'merch_merchandiser'");
	as('fiona', "SELECT merch.approve(approval_id, 'still funded') FROM merch.approval WHERE state = 'open' AND role <> 'merch_merchandiser'");
	becomes('ended', 'it goes live and ends by the clock');
	is(sql(q{SELECT string_agg(event, ',' ORDER BY changed_at, change_id) FROM merch.state_change
		     WHERE subject = 'merch.promotion'::regclass AND from_state IS NOT NULL AND event NOT IN ('unready', 'ready')}),
		'submit,approve,prepare,change,approve,prepare,launch,end', 'every step is on record');
	is(sql(q{SELECT bool_and(c.changed_at >= CASE c.event WHEN 'launch' THEN p.starts_at ELSE p.ends_at END)
		     FROM merch.state_change c JOIN merch.promotion p ON c.row_key = p.promotion_id::text
		     WHERE c.subject = 'merch.promotion'::regclass AND c.event IN ('launch', 'end')}), 't', 'neither too early');
	is(sql("SELECT string_agg(DISTINCT state, ',') FROM merch.price_event WHERE promotion_id = 1 AND state <> 'withdrawn'"), 'ended', 'its prices have ended');
	is(sql("SELECT count(*) FROM merch.replenishment_parameter WHERE promotion_id = 1 AND reset_at IS NULL"), '0', 'its parameters are reset');
	is(sql('SELECT count(*) FROM merch.check_ledger()'), '0', 'the books balance');
	return;
}

sub start_node
{
	my ($name, $settings) = @_;
	$node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	my $host = $node->host;
	$settings =~ s/HOST/$host/;
	$node->append_conf('postgresql.conf', "fsync = off\n$settings");
	$node->start;
	sql('CREATE EXTENSION pg_merch');
	return;
}

start_node('lifecycle_worker', "shared_preload_libraries = 'pg_merch'\nmerch.databases = 'postgres'");
lifecycle(4);
is(sql(q{SELECT count(*) FROM merch.state_change c JOIN merch.promotion p ON c.row_key = p.promotion_id::text
	     WHERE c.subject = 'merch.promotion'::regclass AND c.event IN ('launch', 'end')
	       AND c.changed_at < CASE c.event WHEN 'launch' THEN p.starts_at ELSE p.ends_at END + interval '1 minute'}),
	'2', 'the worker made both steps in their minute');
$node->stop;

SKIP:
{
	my $library = `pg_config --pkglibdir`;
	chomp $library;
	skip 'pg_cron is not installed', 1 unless -e "$library/pg_cron.so";
	start_node('lifecycle_cron', "shared_preload_libraries = 'pg_cron'\ncron.database_name = 'postgres'\ncron.host = 'HOST'");
	sql('CREATE EXTENSION pg_cron');
	lifecycle(4) if sql('SELECT merch.create_model()') && sql('SELECT merch.schedule_jobs() > 0') eq 't';
	$node->stop;
}

done_testing();
