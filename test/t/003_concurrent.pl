# Eight clients after the same stock for 20 seconds: allocations, renewals, cancellations, raw
# SQL and stock counts. Nobody deadlocks, no unit is promised twice, the books balance.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use MerchTest;

my $node = new_node('concurrent');
fill($node, 'postgres', items => 6, stores => 10, promotions => 12);
# where lines inserted by hand go, and no lane
$node->safe_psql('postgres', q{INSERT INTO merch.location (location_id, kind, name) VALUES (2000, 'store', 'raw')});

# What may be refused: a promotion that another client allocated or cancelled just
# now, more than there is, a line that is there already. Anything else fails the client.
my $try = sub {
	my ($statement) = @_;
	return "DO \$\$ BEGIN $statement; EXCEPTION WHEN object_not_in_prerequisite_state"
	  . " OR check_violation OR unique_violation OR foreign_key_violation THEN NULL; END \$\$;";
};
my %script = (
	allocate => $try->('PERFORM merch.allocate_promotion(1 + floor(random() * 12)::bigint)'),
	cancel => $try->(q{PERFORM merch.cancel_allocation(allocation_id) FROM
		(SELECT allocation_id FROM merch.allocation WHERE state = 'active' ORDER BY random() LIMIT 1) a}),
	renew => $try->('PERFORM merch.renew_lines(ARRAY[1 + floor(random() * 6)::bigint, 7 + floor(random() * 6)::bigint])'),
	raw => $try->(q{INSERT INTO merch.allocation_line
		(item_id, allocation_id, location_id, source_id, need, quantity, reserved)
		SELECT (SELECT 1 + floor(random() * 6)::int), allocation_id, 2000, 1000, 5, 5, 5
		FROM merch.allocation WHERE state = 'active' ORDER BY random() LIMIT 1}),
	count => $try->('UPDATE merch.stock SET on_hand = 40 + floor(random() * 90)::int
		WHERE location_id = 1000 AND item_id = (SELECT 1 + floor(random() * 6)::int)'));
my %weight = (allocate => 6, cancel => 4, renew => 3, raw => 2, count => 1);

my $dir = PostgreSQL::Test::Utils::tempdir();
my @files;
for my $name (sort keys %script)
{
	append_to_file("$dir/$name.sql", "$script{$name}\n");
	push @files, '-f', "$dir/$name.sql\@$weight{$name}";
}
my ($out, $err);
my $done = IPC::Run::run([ 'pgbench', '-n', '-c', 8, '-j', 2, '-T', 20, @files, $node->connstr('postgres') ],
	'>', \$out, '2>', \$err);
ok($done, 'no client failed') or diag($err);
like($out, qr/number of failed transactions: 0 /, 'no transaction failed');

# a line inserted by hand belongs to its run: it is given back with it
is(books($node, 'postgres'), '0|0|0', 'the books balance');
unlike(slurp_file($node->logfile), qr/deadlock detected/, 'nobody deadlocked');
cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM merch.allocation WHERE state = 'cancelled'}), '>', 100,
	'much was allocated and cancelled');

$node->safe_psql('postgres', q{SELECT merch.cancel_allocation(allocation_id) FROM merch.allocation WHERE state = 'active'});
is($node->safe_psql('postgres', 'SELECT sum(reserved) FROM merch.stock'), '0', 'cancelling all gives all back');

$node->stop;
done_testing();
