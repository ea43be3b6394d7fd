-- the model's own record: which version of the extension made it

CREATE TABLE IF NOT EXISTS merch.model (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    upgraded_at timestamptz
);
COMMENT ON TABLE merch.model IS 'The one row that says which version of pg_merch made the tables of this schema.';
COMMENT ON COLUMN merch.model.only_row IS 'Always true: the table has one row.';
COMMENT ON COLUMN merch.model.version IS 'Version of pg_merch that made or last upgraded the model.';
COMMENT ON COLUMN merch.model.created_at IS 'When merch.create_model() made the model.';
COMMENT ON COLUMN merch.model.upgraded_at IS 'When merch.upgrade_model() last changed it; null if never.';

-- from here on the owner's rights on the extension's functions are needed
SELECT merch.admit_owner();
