-- clock: rows whose transition is due and could not be made

CREATE TABLE IF NOT EXISTS merch.clock_failure (
    subject regclass,
    row_key text COLLATE "C",
    event text,
    due_at timestamptz NOT NULL,
    refused boolean NOT NULL DEFAULT false,
    alone boolean NOT NULL DEFAULT false,
    attempts int NOT NULL,
    error text,
    error_code text,
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    retry_at timestamptz NOT NULL,
    PRIMARY KEY (subject, row_key, event)
);
CREATE INDEX IF NOT EXISTS clock_failure_retry_at ON merch.clock_failure (retry_at);
COMMENT ON TABLE merch.clock_failure IS 'Rows whose timed transition is due and was not made: refused by a guard or an approval, failed, or held by another session. Each is tried again at its time; the others do not wait for it.';
COMMENT ON COLUMN merch.clock_failure.subject IS 'The table.';
COMMENT ON COLUMN merch.clock_failure.row_key IS 'The row''s primary key, as text.';
COMMENT ON COLUMN merch.clock_failure.event IS 'The transition.';
COMMENT ON COLUMN merch.clock_failure.due_at IS 'When it was due; once that changes, this row counts no more.';
COMMENT ON COLUMN merch.clock_failure.refused IS 'Whether a guard or a missing approval refused it; else there was an error.';
COMMENT ON COLUMN merch.clock_failure.alone IS 'Whether it is tried in a transaction of its own: it was among rows that took too long together.';
COMMENT ON COLUMN merch.clock_failure.attempts IS 'Times that it was tried.';
COMMENT ON COLUMN merch.clock_failure.error IS 'The reason or the error, with detail and hint.';
COMMENT ON COLUMN merch.clock_failure.error_code IS 'The SQLSTATE of the error; null if it was refused.';
COMMENT ON COLUMN merch.clock_failure.first_at IS 'When it was first tried.';
COMMENT ON COLUMN merch.clock_failure.last_at IS 'When it was last tried.';
COMMENT ON COLUMN merch.clock_failure.retry_at IS 'When it is tried again.';
