-- diff: what differs between the rows of any two queries

-- Without a search_path of its own: the queries are the caller's, and mean what they mean to it.
CREATE FUNCTION merch.diff(left_query text, right_query text, key_columns text[])
RETURNS TABLE (
    key jsonb,
    difference text,
    columns text[],
    left_row jsonb,
    right_row jsonb
)
AS 'MODULE_PATHNAME', 'merch_diff'
LANGUAGE C STABLE ROWS 1000 COST 10000;
COMMENT ON FUNCTION merch.diff(text, text, text[]) IS
'What differs between the rows of two queries that are told apart by key columns: missing on the right, unexpected there, different (with the columns that are), or duplicate; and which columns one of them lacks. Runs with the rights of the caller.';
