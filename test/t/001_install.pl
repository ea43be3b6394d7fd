# The extension installs, says its version, and leaves nothing behind.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use Test::More;

use MerchTest;

my $node = new_node('install');
my $objects = q{SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'merch'};

my ($result, $out, $err) = $node->psql('postgres', 'CREATE EXTENSION pg_merch');
is($result, 0, 'CREATE EXTENSION');
is($err, '', 'without a word');
is($node->safe_psql('postgres', 'SELECT extension_version FROM merch.model_version()'),
	$node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'pg_merch'}),
	'the version is that of the control file');

$node->safe_psql('postgres', 'DROP EXTENSION pg_merch');
is($node->safe_psql('postgres', $objects), 0, 'DROP EXTENSION without a model leaves no function');

$node->safe_psql('postgres', 'CREATE EXTENSION pg_merch; SELECT merch.create_model()');
($result, $out, $err) = $node->psql('postgres', 'DROP EXTENSION pg_merch');
isnt($result, 0, 'DROP EXTENSION is refused while a model depends on it');
$node->safe_psql('postgres', q{INSERT INTO merch.item (item_id, name) VALUES (1, 'kept');
	DROP EXTENSION pg_merch CASCADE});
is($node->safe_psql('postgres', 'SELECT name FROM merch.item'), 'kept', 'CASCADE keeps tables and rows');
$node->safe_psql('postgres', 'CREATE EXTENSION pg_merch; SELECT merch.create_model()');
is($node->safe_psql('postgres', 'SELECT merch.model_lacks_triggers()'), 'f', 'the triggers are put back');

$node->safe_psql('postgres', 'CREATE ROLE planner LOGIN');
($result, $out, $err) = $node->psql('postgres', 'SET ROLE planner; DROP TABLE IF EXISTS merch.item');
isnt($result, 0, 'another role cannot touch the model');

($result, $out, $err) = $node->psql('postgres', "LOAD 'pg_merch'; SET merch.misspelt = 1");
like($err, qr/invalid configuration parameter name "merch.misspelt"/, 'an unknown setting is refused');

$node->stop;
done_testing();
