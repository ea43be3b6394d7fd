# MerchTest: what the TAP tests share.
package MerchTest;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use IPC::Run;
use PostgreSQL::Test::Cluster;

our @EXPORT = qw(new_node fill session say_to sleeping_session kill_backend books);

my $lib = dirname(__FILE__) . '/../lib';

# A server of its own, with the extension and without fsync.
sub new_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\nmax_connections = 30\nautovacuum = off");
	$node->start;
	return $node;
}

# Makes the model and fills it with a chain of the given size.
sub fill
{
	my ($node, $dbname, %size) = @_;
	$node->safe_psql($dbname, 'CREATE EXTENSION pg_merch');
	$node->command_ok(
		[
			'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', (map { ('-v', "$_=$size{$_}") } sort keys %size),
			'-d', $node->connstr($dbname), '-f', "$lib/fixture.sql"
		],
		"$dbname is filled");
	return;
}

# A session in which statements are run one by one, by say_to.
sub session
{
	my ($node) = @_;
	my ($in, $out, $err) = ('', '', '');
	my $session = { in => \$in, out => \$out };
	$session->{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$err);
	return $session;
}

# Runs a statement, and returns what it prints.
sub say_to
{
	my ($session, $statement) = @_;
	${ $session->{out} } = '';
	${ $session->{in} } .= "$statement;\n\\echo ready\n";
	$session->{run}->pump until ${ $session->{out} } =~ /^ready$/m;
	return ${ $session->{out} } =~ s/ready\n//r;
}

# Runs statements in a session of its own that then sleeps. Returns the session and its
# backend's process id, once it sleeps.
sub sleeping_session
{
	my ($node, @statements) = @_;
	my ($out, $err) = ('', '');
	my $session = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), map { ('-c', $_) } @statements, 'SELECT pg_sleep(600)' ],
		'>', \$out, '2>', \$err);
	my $asleep = "FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
	$node->poll_query_until('postgres', "SELECT count(*) = 1 $asleep") or die "no session sleeps: $err";
	return ($session, $node->safe_psql('postgres', "SELECT pid $asleep"));
}

# Kills a backend, and returns once the server has been through its recovery: before it has
# noticed it still takes connections, only to end them.
sub kill_backend
{
	my ($node, $pid) = @_;
	my $log_end = -s $node->logfile;
	kill 'KILL', $pid or die "there is no process $pid";
	$node->wait_for_log(qr/database system is ready to accept connections/, $log_end);
	return;
}

# What is wrong with the books; '0|0|0' if nothing is.
sub books
{
	my ($node, $dbname) = @_;
	return $node->safe_psql($dbname, q{
		SELECT (SELECT count(*) FROM merch.check_ledger()),
		       (SELECT count(*) FROM merch.stock WHERE reserved > on_hand AND reserved <> 0),
		       (SELECT count(*) FROM merch.allocation_line JOIN merch.allocation USING (allocation_id)
		        WHERE reserved <> CASE state WHEN 'cancelled' THEN 0 ELSE quantity END)});
}

1;
