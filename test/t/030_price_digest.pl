# Digests of prices: whoever writes prices at the same time, however a transaction ends, and
# whatever folds or mends meanwhile, what is kept is the digest of the rows.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = new_node('digest');
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_prepared_transactions = 2\nlock_timeout = '60s'");
$node->restart;

sub sql
{
	return $node->safe_psql('postgres', $_[0]);
}

my $damaged = 'SELECT count(*) FROM merch.system s CROSS JOIN LATERAL merch.verify_leaves(s.system_id)';

sub is_right
{
	my ($what) = @_;
	is(sql($damaged), '0', "$what: every digest is that of its rows");
	return;
}

sql(q{
	CREATE EXTENSION pg_merch;
	SELECT merch.create_model();
	INSERT INTO merch.system (system_id, name) VALUES (1, 'till'), (2, 'web');
	INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
	SELECT i, s, l, 1, i + l / 100.0, 'EUR' FROM generate_series(1, 20) i, generate_series(1, 2) s, generate_series(1, 100) l;
	SELECT merch.fold_price_digests()});
is_right('at the start');

# two writers of one leaf: neither waits, neither fails, by no isolation level
for my $level ('READ COMMITTED', 'REPEATABLE READ')
{
	my ($first, $second) = (session($node), session($node));
	for my $number (1, 2)
	{
		my $session = $number == 1 ? $first : $second;
		say_to($session, "SET lock_timeout = '5s'; BEGIN ISOLATION LEVEL $level");
		say_to($session, "UPDATE merch.published_price SET amount = amount + $number WHERE item_id = 1 AND system_id = 1 AND location_id = $number");
	}
	say_to($second, 'COMMIT');
	say_to($first, 'COMMIT');
	$_->{run}->finish for $first, $second;
	is(sql('SELECT count(*) FROM merch.price_digest_delta'), '2', "$level: both have committed");
	is_right($level);
	sql('SELECT merch.fold_price_digests()');
	is_right("$level, folded");
}

# a snapshot sees digests and rows of the same moment
my $reader = session($node);
say_to($reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM merch.price_leaves('till')");
my $before = say_to($reader, "SELECT md5(string_agg(l::text, '' ORDER BY l)) FROM merch.price_leaves('till') l");
sql('UPDATE merch.published_price SET amount = amount + 1 WHERE item_id = 2');
is(say_to($reader, $damaged), "0\n", 'an old snapshot is right after others have written');
sql('SELECT merch.fold_price_digests()');
is(say_to($reader, $damaged), "0\n", 'and after others have folded');
is(say_to($reader, "SELECT md5(string_agg(l::text, '' ORDER BY l)) FROM merch.price_leaves('till') l"), $before, 'and the same');
say_to($reader, 'COMMIT');
$reader->{run}->finish;

# folding beside a writer, and beside another fold that comes to nothing
my ($folder, $writer) = (session($node), session($node));
sql('UPDATE merch.published_price SET amount = amount + 1 WHERE item_id = 3');
say_to($writer, 'BEGIN; UPDATE merch.published_price SET amount = amount + 1 WHERE item_id = 3 AND location_id = 1');
say_to($folder, 'BEGIN; SELECT merch.fold_price_digests()');
say_to($writer, 'COMMIT');
is_right('folding beside a writer');
my $waiting = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT merch.fold_price_digests()' ], '>', \my $folded);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) or die 'the second fold does not wait';
say_to($folder, 'ROLLBACK');
$waiting->finish;
cmp_ok($folded, '>', 2, 'the fold that waited takes what the other gave back');
is_right('two folds');
is(sql('SELECT count(*) FROM merch.price_digest_delta'), '0', 'nothing is left');

# mending beside a writer: nobody waits, and nothing is counted twice
my $damage = q{
	UPDATE merch.price_digest SET prices = prices + 7 WHERE system_id = 1 AND item_id = 4;
	DELETE FROM merch.price_digest WHERE system_id = 2 AND item_id = 4};
say_to($writer, 'BEGIN; UPDATE merch.published_price SET amount = amount + 1 WHERE item_id = 4');
sql($damage);
is(sql(q{SET lock_timeout = '5s'; SELECT merch.rebuild_price_digest()}), '4', 'damage is mended while a writer has not committed');
is_right('mended beside a writer');
say_to($writer, 'COMMIT');
is_right('then the writer commits');
sql($damage);
say_to($folder, 'BEGIN; SELECT merch.rebuild_price_digest()');
$waiting = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT merch.rebuild_price_digest()' ], '>', \my $mended);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}) or die 'the second does not wait';
say_to($folder, 'COMMIT');
$waiting->finish;
is($mended, "0\n", 'who mends after another finds nothing');
is_right('mended by two');

# TRUNCATE by a snapshot that is older than the last prices
say_to($folder, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM merch.system');
sql(q{
	CREATE TABLE saved AS TABLE merch.published_price;
	INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) VALUES (77, 1, 1, 1, 1, 'EUR')});
say_to($folder, 'TRUNCATE merch.published_price');
say_to($folder, 'COMMIT');
is(sql('SELECT (SELECT count(*) FROM merch.price_digest) + (SELECT count(*) FROM merch.price_digest_delta)'), '0', 'TRUNCATE leaves no digest');
is_right('truncated');
say_to($writer, 'BEGIN; INSERT INTO merch.published_price TABLE saved');
$waiting = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'TRUNCATE merch.published_price' ]);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 'merch.published_price'::regclass AND NOT granted}) or die 'TRUNCATE does not wait';
say_to($writer, 'COMMIT');
$waiting->finish;
is(sql('SELECT (SELECT count(*) FROM merch.price_digest) + (SELECT count(*) FROM merch.price_digest_delta)'), '0', 'nor of a load that it waited for');
say_to($writer, 'BEGIN; INSERT INTO merch.published_price TABLE saved; SAVEPOINT s; TRUNCATE merch.published_price; ROLLBACK TO s; COMMIT');
is_right('a TRUNCATE rolled back');
cmp_ok(sql(q{SELECT count(*) FROM merch.price_leaves('web')}), '>', 10, 'and the prices are there');
$_->{run}->finish for $folder, $writer;

# writers of all kinds at once, on few leaves, while deltas are folded and digests mended
sql(q{
	CREATE FUNCTION try_prices(item bigint, location int, good boolean) RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
		VALUES (item, 1, location, 2, 1, 'EUR') ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE SET amount = published_price.amount + 1;
		BEGIN
			UPDATE merch.published_price SET amount = amount + 1 WHERE item_id = item AND system_id = 1 AND location_id = location;
			DELETE FROM merch.published_price WHERE item_id = item AND system_id = 1 AND location_id = location + 1;
			IF NOT good THEN
				RAISE 'not good';
			END IF;
		EXCEPTION WHEN raise_exception THEN
			DELETE FROM merch.published_price WHERE item_id = item AND system_id = 1 AND location_id = location AND channel_id = 2;
		END;
	END $$});
my %script = (
	update => [ 8, q{UPDATE merch.published_price SET amount = :cents / 100.0 WHERE item_id = :item AND system_id = :system AND location_id = :location;} ],
	same => [ 2, q{UPDATE merch.published_price SET seen_at = now() WHERE item_id = :item AND system_id = :system AND location_id = :location;} ],
	take_back => [ 2, q{UPDATE merch.published_price SET amount = NULL WHERE item_id = :item AND system_id = :system AND location_id = :location;} ],
	insert => [ 4, q{INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, valid_from, amount, currency)
		VALUES (:item, :system, :location, 1, '2090-01-01'::timestamptz + :cents % 5 * interval '1 day', :cents / 100.0, 'EUR') ON CONFLICT DO NOTHING;} ],
	upsert => [ 4, q{INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
		SELECT :item, :system, l, 1, :cents / 100.0, 'EUR' FROM generate_series(:location, :location + 3) l
		ON CONFLICT (item_id, system_id, location_id, channel_id, valid_from) DO UPDATE SET amount = excluded.amount;} ],
	merge => [ 4, q{MERGE INTO merch.published_price p
		USING (SELECT l, :cents / 100.0 AS amount FROM generate_series(:location, :location + 2) l) n
		ON p.item_id = :item AND p.system_id = :system AND p.location_id = n.l AND p.channel_id = 1 AND p.valid_from = '-infinity'
		WHEN MATCHED AND p.amount > 500 THEN DELETE
		WHEN MATCHED THEN UPDATE SET amount = n.amount
		WHEN NOT MATCHED THEN DO NOTHING;} ],
	delete => [ 3, q{DELETE FROM merch.published_price WHERE item_id = :item AND system_id = :system AND location_id = :location AND valid_from > '-infinity';} ],
	move => [ 3, q{UPDATE merch.published_price SET location_id = 100000 + nextval('move_number'), valid_from = '2091-01-01'
		WHERE item_id = :item AND system_id = :system AND location_id = :location AND valid_from > '-infinity';} ],
	savepoint => [ 3, q{SELECT try_prices(:item, :location, :cents % 2 = 0);} ],
	rollback => [ 2, q{BEGIN;
		UPDATE merch.published_price SET amount = amount + 1 WHERE item_id = :item AND system_id = :system AND location_id = :location;
		SAVEPOINT s;
		UPDATE merch.published_price SET amount = amount + 2 WHERE item_id = :item AND system_id = :system AND location_id = :location;
		ROLLBACK TO s;
		ROLLBACK;} ],
	fold => [ 1, 'SELECT merch.fold_price_digests();' ],
	# which finds nothing to mend
	rebuild => [ 1, 'SELECT 1 / (merch.rebuild_price_digest() = 0)::int;' ]);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @files;
sql('CREATE SEQUENCE move_number');
for my $name (sort keys %script)
{
	open my $file, '>', "$dir/$name.sql" or die $!;
	print $file "\\set item random(1, 5)\n\\set system random(1, 2)\n\\set location random(1, 80)\n\\set cents random(1, 99999)\n$script{$name}[1]\n";
	close $file;
	push @files, '-f', "$dir/$name.sql\@$script{$name}[0]";
}
my $writers = IPC::Run::start([ 'pgbench', '-n', '-c', 6, '-j', 2, '-T', 6, '--max-tries', 20, @files, $node->connstr('postgres') ],
	'>', \my $pgbench_out, '2>', \my $pgbench_err);
# beside them, a session that looks: by a snapshot of any moment all must be right
my @seen;
push @seen, sql($damaged) for 1 .. 8;
sql('COPY (SELECT item_id, 2 AS system_id, location_id + 500000 AS location_id, channel_id, amount, currency FROM saved WHERE system_id = 1) TO ' . "'$dir/copy'");
sql("COPY merch.published_price (item_id, system_id, location_id, channel_id, amount, currency) FROM '$dir/copy'");
$writers->finish;
unlike($pgbench_err, qr/aborted|ERROR/, 'no writer failed');
like($pgbench_out, qr/number of failed transactions: 0 /, 'no transaction failed');
is(join('', @seen), '0' x @seen, 'all was right whenever somebody looked');
is_right('after writers of all kinds');
sql('SELECT merch.fold_price_digests()');
is_right('folded in the end');
is(sql(q{SELECT count(*) FROM ((SELECT * FROM merch.price_leaves('till') EXCEPT SELECT * FROM merch.counted_leaves(1))
	UNION ALL (SELECT * FROM merch.counted_leaves(1) EXCEPT SELECT * FROM merch.price_leaves('till'))) x}), '0', 'and leaves are those of the rows');

# a writer that dies in the midst, of a transaction and of a load
sql('UPDATE merch.published_price SET amount = 3 WHERE item_id = 6');
my ($dying, $pid) = sleeping_session($node, 'BEGIN', 'UPDATE merch.published_price SET amount = 4 WHERE item_id < 7', 'SELECT merch.fold_price_digests()');
kill_backend($node, $pid);
$dying->finish;
is_right('killed in a transaction');
is(sql('SELECT DISTINCT amount FROM merch.published_price WHERE item_id = 6'), '3.0000', 'nothing of it is there');
$dying = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', q{
	INSERT INTO merch.published_price (item_id, system_id, location_id, channel_id, amount, currency)
	SELECT i, 1, l, 3, 1, 'EUR' FROM generate_series(1, 1000000) i, generate_series(1, 100) l} ], '>', \my $out, '2>', \my $err);
$node->poll_query_until('postgres', q{SELECT pg_relation_size('merch.published_price') > 8000000}) or die 'nothing is loaded';
kill_backend($node, sql(q{SELECT pid FROM pg_stat_activity WHERE query LIKE '%1000000%' AND pid <> pg_backend_pid()}));
$dying->finish;
is_right('killed in a load');
$node->stop('immediate');
$node->start;
is_right('after a crash of the server');

# prepared transactions, over a restart
sql(q{BEGIN; UPDATE merch.published_price SET amount = 5 WHERE item_id = 7; PREPARE TRANSACTION 'one'});
sql(q{BEGIN; UPDATE merch.published_price SET amount = 6 WHERE item_id = 8; PREPARE TRANSACTION 'two'});
sql('SELECT merch.fold_price_digests()');
is_right('prepared');
$node->stop('immediate');
$node->start;
sql(q{COMMIT PREPARED 'one'});
sql(q{ROLLBACK PREPARED 'two'});
is_right('one committed, one rolled back');

# a dump takes digests along, and where they are of
sql('UPDATE merch.published_price SET amount = 7 WHERE item_id = 9');
$node->command_ok([ 'pg_dump', '--format=custom', "--file=$dir/dump", $node->connstr('postgres') ], 'dump');
sql('CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), "$dir/dump" ], 'restore');
is($node->safe_psql('restored', $damaged), '0', 'restored digests are those of the restored rows');
is($node->safe_psql('restored', 'SELECT bool_and(merch.digests_are_kept(system_id)) FROM merch.system'), 't', 'and kept');

# while the extension is away, nobody keeps them
sql('DROP EXTENSION pg_merch CASCADE');
sql('UPDATE merch.published_price SET amount = 8 WHERE item_id = 9 AND system_id = 2');
sql('CREATE EXTENSION pg_merch; SELECT merch.create_model()');
is(sql('SELECT system_id, merch.digests_are_kept(system_id) FROM merch.system ORDER BY 1'), "-1|t\n0|t\n1|t\n2|f",
	'what was changed meanwhile is known');
my ($result, $leaves, $warning) = $node->psql('postgres', q{SELECT count(*) FROM (SELECT * FROM merch.price_leaves('web') EXCEPT SELECT * FROM merch.counted_leaves(2)) x});
is($leaves, '0', 'leaves are counted');
like($warning, qr/WARNING:  digests of system "web" are not kept\n.*\nHINT:  .*rebuild_price_digest\('web'\)/, 'with a warning');
sql(q{SELECT merch.rebuild_price_digest('web')});
is(sql('SELECT bool_and(merch.digests_are_kept(system_id)) FROM merch.system'), 't', 'until they are rebuilt');
is_right('rebuilt');
is(sql(q{UPDATE merch.published_price SET amount = 9 WHERE item_id = 9 AND system_id = 2 AND location_id = 1;
	CALL merch.run_job('price digests');
	SELECT count(*) FROM merch.price_digest_delta}), '0', 'the job folds');

$node->stop;
done_testing();
