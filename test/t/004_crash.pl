# A run that is cancelled or killed leaves nothing behind, wherever it is stopped.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use MerchTest;

my $node = new_node('crash');
$node->append_conf('postgresql.conf', 'restart_after_crash = on');
$node->reload;
fill($node, 'postgres', items => 300, stores => 100, promotions => 2);

sub nothing_happened
{
	my ($what) = @_;
	is($node->safe_psql('postgres', q{SELECT (SELECT count(*) FROM merch.allocation),
		(SELECT count(*) FROM merch.allocation_line), (SELECT sum(reserved) FROM merch.stock)}),
		'0|0|0', "$what: nothing is half-written");
	return;
}

# killed after the run, before its commit
my ($session, $pid) = sleeping_session($node, 'BEGIN', 'SELECT merch.allocate_promotion(1)');
kill_backend($node, $pid);
$session->finish;
nothing_happened('kill -9 before commit');

# killed and cancelled at moments spread over the run
for my $signal ('KILL', 'INT')
{
	for my $delay (0.02, 0.05, 0.1, 0.2, 0.3)
	{
		my ($out, $err) = ('', '');
		my $run = IPC::Run::start(
			[
				'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT pg_backend_pid()',
				'-c', 'BEGIN', '-c', 'SELECT merch.allocate_promotion(1)', '-c', 'ROLLBACK',
				# there is still somebody to be killed when the run was fast
				($signal eq 'KILL' ? ('-c', 'SELECT pg_sleep(600)') : ())
			],
			'>', \$out, '2>', \$err);
		$run->pump until $out =~ /^(\d+)\n/;
		select(undef, undef, undef, $delay);
		$signal eq 'KILL' ? kill_backend($node, $1) : kill($signal, $1);
		$run->finish;
		nothing_happened("SIG$signal after $delay s");
	}
}

# a cancel is heeded inside the split of one long partition
my ($result, $out, $err) = $node->psql('postgres', q{SET statement_timeout = '500ms';
	SELECT count(x) FROM (SELECT merch.allocate(300000000, 1 + n % 97, 'cover', on_position => n % 89)
	                      OVER (ORDER BY n) AS x FROM generate_series(1, 20000000) n) s});
like($err, qr/canceling statement due to statement timeout/, 'a long split is cancelled');

is($node->safe_psql('postgres', 'SELECT merch.allocate_promotion(1) > 0'), 't', 'afterwards it runs');
$node->stop('immediate');
$node->start;
is(books($node, 'postgres'), '0|0|0', 'the books balance after a crash of the server');
is($node->safe_psql('postgres', 'SELECT count(*) FROM merch.allocation_line'), 30000, 'and what was committed is there');

$node->stop;
done_testing();
