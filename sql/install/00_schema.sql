-- complain if the script is run by psql instead of CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_merch" to load this file. \quit

COMMENT ON SCHEMA merch IS 'retail promotions and inventory allocation (pg_merch)';
