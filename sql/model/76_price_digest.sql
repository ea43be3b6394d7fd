-- price digest: what the leaves of each system hold

CREATE TABLE IF NOT EXISTS merch.price_digest (
    item_id bigint NOT NULL,
    prices bigint NOT NULL,
    system_id int NOT NULL,
    channel_id int NOT NULL,
    block int NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (system_id, item_id, channel_id, block),
    CONSTRAINT price_digest_has_16_bytes CHECK (octet_length(digest) = 16)
) WITH (fillfactor = 80);
COMMENT ON TABLE merch.price_digest IS 'How many prices each leaf of a system holds, and their digest. What statements have changed since is in merch.price_digest_delta. Kept by triggers of merch.published_price; see merch.price_leaves().';
COMMENT ON COLUMN merch.price_digest.item_id IS 'The item of the leaf.';
COMMENT ON COLUMN merch.price_digest.prices IS 'How many rows with an amount it holds.';
COMMENT ON COLUMN merch.price_digest.system_id IS 'The system.';
COMMENT ON COLUMN merch.price_digest.channel_id IS 'The channel of the leaf.';
COMMENT ON COLUMN merch.price_digest.block IS 'The block of its locations: merch.price_block().';
COMMENT ON COLUMN merch.price_digest.digest IS 'The sum of their hashes modulo 2^128, 16 bytes, little-endian: merch.price_digest().';

-- no index: it is read as a whole, and appended to by every change of a price
CREATE TABLE IF NOT EXISTS merch.price_digest_delta (
    system_id int NOT NULL,
    item_id bigint NOT NULL,
    channel_id int NOT NULL,
    block int NOT NULL,
    prices bigint NOT NULL,
    digest bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_threshold = -1);
COMMENT ON TABLE merch.price_digest_delta IS 'What statements have changed in the leaves of systems since merch.fold_price_digests() was last called.';
COMMENT ON COLUMN merch.price_digest_delta.system_id IS 'The system.';
COMMENT ON COLUMN merch.price_digest_delta.item_id IS 'The item of the leaf.';
COMMENT ON COLUMN merch.price_digest_delta.channel_id IS 'The channel of the leaf.';
COMMENT ON COLUMN merch.price_digest_delta.block IS 'The block of its locations.';
COMMENT ON COLUMN merch.price_digest_delta.prices IS 'How many more prices it holds; negative for fewer.';
COMMENT ON COLUMN merch.price_digest_delta.digest IS 'What is to be added to its digest, modulo 2^128.';

CREATE TABLE IF NOT EXISTS merch.price_digest_base (
    system_id int PRIMARY KEY,
    tables regclass[] NOT NULL,
    kept_since timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE merch.price_digest_base IS 'Which tables the digests of a system are of. Where its prices are in others by now, they are counted until merch.rebuild_price_digest() is called.';
COMMENT ON COLUMN merch.price_digest_base.system_id IS 'The system.';
COMMENT ON COLUMN merch.price_digest_base.tables IS 'merch.published_price, or those of its partitions that may hold prices of the system, in the order of their OIDs.';
COMMENT ON COLUMN merch.price_digest_base.kept_since IS 'Since when they have been kept: when the system was new, or its digests were last rebuilt.';

-- while the extension was away, nobody kept them
DELETE FROM merch.price_digest_base b
WHERE EXISTS (SELECT FROM merch.tables_without_digests(b.tables));

CREATE OR REPLACE TRIGGER keep_digest_insert AFTER INSERT ON merch.published_price
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
CREATE OR REPLACE TRIGGER keep_digest_update AFTER UPDATE ON merch.published_price
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
CREATE OR REPLACE TRIGGER keep_digest_delete AFTER DELETE ON merch.published_price
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();
CREATE OR REPLACE TRIGGER keep_digest_truncate AFTER TRUNCATE ON merch.published_price
    FOR EACH STATEMENT EXECUTE FUNCTION merch.keep_price_digest();

CREATE OR REPLACE TRIGGER note_system_insert AFTER INSERT ON merch.system
    REFERENCING NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_systems', 'system_id');
CREATE OR REPLACE TRIGGER note_system_update AFTER UPDATE ON merch.system
    REFERENCING OLD TABLE AS old_row NEW TABLE AS new_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_systems', 'system_id', 'system_id');
CREATE OR REPLACE TRIGGER note_system_delete AFTER DELETE ON merch.system
    REFERENCING OLD TABLE AS old_row
    FOR EACH STATEMENT EXECUTE FUNCTION merch.react('merch.note_systems', 'system_id');
SELECT merch.note_systems(array_agg(s.system_id)) FROM merch.system s
WHERE NOT EXISTS (SELECT FROM merch.price_digest_base b WHERE b.system_id = s.system_id);
