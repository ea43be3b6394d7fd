# A dump of a filled database restores into an empty server: no errors, the same
# rows and states, nothing fired twice, and work goes on there.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $old = new_node('old');
fill($old, 'postgres', items => 20, stores => 15, promotions => 5);
$old->safe_psql('postgres', q{
	SELECT merch.allocate_promotion(promotion_id) FROM merch.promotion WHERE promotion_id < 4 ORDER BY 1;
	SELECT merch.cancel_allocation(2);
	SELECT merch.release_allocation(1);
	SELECT merch.fire('merch.promotion', '5', 'cancel', 'no need');
	CREATE TABLE own_task (task_id int PRIMARY KEY, role name, state text NOT NULL DEFAULT 'open');
	SELECT merch.define_workflow('own', '{
		"states": [{"state": "open", "initial": true}, {"state": "started"}, {"state": "done", "final": true}],
		"transitions": [{"event": "start", "from": "open", "to": "started"}, {"event": "complete", "from": ["open", "started"], "to": "done"},
		                {"event": "reopen", "from": "done", "to": "open"}]}');
	SELECT merch.attach_workflow('own_task', 'own');
	INSERT INTO own_task VALUES (1, 'merch_store'), (2, 'merch_store');
	UPDATE own_task SET state = 'done' WHERE task_id = 1;
	ALTER TABLE merch.item ADD COLUMN colour text DEFAULT 'orange';
	CREATE INDEX own_index ON merch.item (colour)});

# every row of every table, and the objects around them
my $state = q{
	SELECT string_agg(line, E'\n' ORDER BY line)
	FROM (SELECT c.relname || ' ' || (xpath('/row/x/text()', query_to_xml(format(
	             'SELECT count(*) || '' '' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS x FROM merch.%I t',
	             c.relname), false, true, '')))[1]::text
	      FROM pg_class c WHERE relnamespace = 'merch'::regnamespace AND relkind IN ('r', 'p', 'v')
	        AND c.relname <> 'stat_worker' -- needs the library preloaded
	      UNION ALL
	      SELECT pg_get_triggerdef(t.oid) || tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
	      WHERE (relnamespace = 'merch'::regnamespace OR relname = 'own_task') AND NOT tgisinternal
	      UNION ALL
	      SELECT concat_ws(' ', subject, row_key, event, from_state, to_state, actor, reason, changed_at) FROM merch.state_change
	      UNION ALL
	      SELECT conrelid::regclass || ' ' || conname || pg_get_constraintdef(oid) FROM pg_constraint
	      WHERE connamespace = 'merch'::regnamespace
	      UNION ALL
	      SELECT indexdef FROM pg_indexes WHERE schemaname = 'merch') s(line)};
my $before = $old->safe_psql('postgres', $state);
like($before, qr/allocation_line 900/, 'there are lines to restore');

my $new = new_node('new');
for my $format ('plain', 'custom', 'directory')
{
	my $dump = PostgreSQL::Test::Utils::tempdir() . "/$format";
	$old->command_ok([ 'pg_dump', "--format=$format", "--file=$dump", $old->connstr('postgres') ], "dump, $format");
	$new->safe_psql('postgres', "CREATE DATABASE $format");
	$new->command_ok(
		$format eq 'plain'
		? [ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $new->connstr($format), '-f', $dump ]
		: [ 'pg_restore', '--exit-on-error', $format eq 'directory' ? '--jobs=2' : (), '-d', $new->connstr($format), $dump ],
		"restore, $format");
	is($new->safe_psql($format, $state), $before, "the same rows and objects, $format");
	is(books($new, $format), '0|0|0', "the books balance, $format");
}

is($new->safe_psql('plain', 'SELECT merch.create_model()'), 'f', 'the restored model is complete');
cmp_ok($new->safe_psql('plain', 'SELECT count(*) FROM merch.transfer_line'), '>', 0, 'there are transfers');
is($new->safe_psql('plain', 'SELECT count(*) FROM merch.check_transfers()'), '0', 'which agree with the lines');
is($new->safe_psql('plain', 'SELECT merch.cancel_allocation(1); SELECT merch.allocate_promotion(4) > 3'), "\nt",
	'work goes on after the restore');
is(books($new, 'plain'), '0|0|0', 'and the books still balance');

like($before, qr/own_task 1 complete open done/, 'there is history to restore');
my ($result, $out, $err) = $new->psql('plain', "UPDATE own_task SET state = 'started' WHERE task_id = 1");
like($err, qr/own_task 1 cannot go from "done" to "started"/, 'a table of the user is held to its workflow after the restore');
is($new->safe_psql('plain', "SELECT merch.fire('own_task', '2', 'start'), merch.fire('own_task', '1', 'reopen')"), 'started|open',
	'and goes on from there');

$old->stop;
$new->stop;
done_testing();
