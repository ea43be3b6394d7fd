-- pre-packs: styles with their sizes, packs of several sizes, and size profiles

CREATE TABLE IF NOT EXISTS merch.style (
    style_id bigint PRIMARY KEY,
    item_group_id int REFERENCES merch.item_group,
    name text NOT NULL
);
CREATE INDEX IF NOT EXISTS style_item_group_id ON merch.style (item_group_id);
COMMENT ON TABLE merch.style IS 'What is sold in sizes, each of which is an item: see merch.style_item.';
COMMENT ON COLUMN merch.style.style_id IS 'The style''s number, from the system that owns it.';
COMMENT ON COLUMN merch.style.item_group_id IS 'Its place in the item hierarchy, by which size profiles find it; null if it has none.';
COMMENT ON COLUMN merch.style.name IS 'What people call the style.';

CREATE TABLE IF NOT EXISTS merch.style_item (
    item_id bigint PRIMARY KEY REFERENCES merch.item,
    style_id bigint NOT NULL REFERENCES merch.style,
    size text NOT NULL,
    CONSTRAINT style_item_one_a_size UNIQUE (style_id, size),
    CONSTRAINT style_item_style_of_item UNIQUE (item_id, style_id)
);
COMMENT ON TABLE merch.style_item IS 'The sizes of a style: which item is which. An item is of one style at most.';
COMMENT ON COLUMN merch.style_item.item_id IS 'The item.';
COMMENT ON COLUMN merch.style_item.style_id IS 'The style that it is a size of.';
COMMENT ON COLUMN merch.style_item.size IS 'The size, as the size profiles call it.';

CREATE TABLE IF NOT EXISTS merch.prepack (
    prepack_id bigint PRIMARY KEY,
    style_id bigint NOT NULL REFERENCES merch.style,
    name text NOT NULL,
    CONSTRAINT prepack_style_of_prepack UNIQUE (prepack_id, style_id)
);
CREATE INDEX IF NOT EXISTS prepack_style_id ON merch.prepack (style_id);
COMMENT ON TABLE merch.prepack IS 'A kind of pack that holds fixed units of sizes of one style, and is shipped unopened.';
COMMENT ON COLUMN merch.prepack.prepack_id IS 'The pre-pack''s number, from the system that owns it.';
COMMENT ON COLUMN merch.prepack.style_id IS 'The style whose sizes it holds.';
COMMENT ON COLUMN merch.prepack.name IS 'What people call the pre-pack.';

-- The style is here once more, so that the foreign keys see that the item is of the pre-pack's.
CREATE TABLE IF NOT EXISTS merch.prepack_content (
    item_id bigint,
    prepack_id bigint,
    style_id bigint NOT NULL,
    units bigint NOT NULL,
    PRIMARY KEY (item_id, prepack_id),
    CONSTRAINT prepack_content_is_a_size_of_the_style
        FOREIGN KEY (item_id, style_id) REFERENCES merch.style_item (item_id, style_id),
    CONSTRAINT prepack_content_is_of_the_style
        FOREIGN KEY (prepack_id, style_id) REFERENCES merch.prepack (prepack_id, style_id) ON DELETE CASCADE,
    CONSTRAINT prepack_content_units_positive CHECK (units > 0)
);
CREATE INDEX IF NOT EXISTS prepack_content_prepack_id ON merch.prepack_content (prepack_id);
COMMENT ON TABLE merch.prepack_content IS 'What is in a pre-pack.';
COMMENT ON COLUMN merch.prepack_content.item_id IS 'The size.';
COMMENT ON COLUMN merch.prepack_content.prepack_id IS 'The pre-pack.';
COMMENT ON COLUMN merch.prepack_content.style_id IS 'The style of both.';
COMMENT ON COLUMN merch.prepack_content.units IS 'Units of the size in one pack.';

CREATE TABLE IF NOT EXISTS merch.prepack_stock (
    prepack_id bigint REFERENCES merch.prepack,
    location_id int REFERENCES merch.location,
    packs bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (prepack_id, location_id),
    CONSTRAINT prepack_stock_packs_not_negative CHECK (packs >= 0)
);
CREATE INDEX IF NOT EXISTS prepack_stock_location_id ON merch.prepack_stock (location_id);
COMMENT ON TABLE merch.prepack_stock IS 'Unopened packs at a location that nobody has been promised. Their units are not in merch.stock: no loose unit can be picked from them.';
COMMENT ON COLUMN merch.prepack_stock.prepack_id IS 'The pre-pack.';
COMMENT ON COLUMN merch.prepack_stock.location_id IS 'Where the packs are.';
COMMENT ON COLUMN merch.prepack_stock.packs IS 'Packs on hand.';

CREATE TABLE IF NOT EXISTS merch.transfer_prepack (
    transfer_id bigint REFERENCES merch.transfer ON DELETE CASCADE,
    prepack_id bigint REFERENCES merch.prepack,
    packs bigint NOT NULL,
    PRIMARY KEY (transfer_id, prepack_id),
    CONSTRAINT transfer_prepack_packs_positive CHECK (packs > 0)
);
CREATE INDEX IF NOT EXISTS transfer_prepack_prepack_id ON merch.transfer_prepack (prepack_id);
COMMENT ON TABLE merch.transfer_prepack IS 'Packs that a transfer is to carry unopened. Their units are in its merch.transfer_line.';
COMMENT ON COLUMN merch.transfer_prepack.transfer_id IS 'The transfer.';
COMMENT ON COLUMN merch.transfer_prepack.prepack_id IS 'The pre-pack.';
COMMENT ON COLUMN merch.transfer_prepack.packs IS 'Packs to pick.';

CREATE TABLE IF NOT EXISTS merch.size_profile (
    style_id bigint REFERENCES merch.style,
    item_group_id int REFERENCES merch.item_group,
    location_group_id int REFERENCES merch.location_group,
    size text NOT NULL,
    share numeric(20, 6) NOT NULL,
    CONSTRAINT size_profile_one_share_a_size UNIQUE NULLS NOT DISTINCT (style_id, item_group_id, location_group_id, size),
    CONSTRAINT size_profile_of_a_style_or_a_group CHECK (num_nonnulls(style_id, item_group_id) <= 1),
    CONSTRAINT size_profile_share_not_negative CHECK (share >= 0 AND share <> 'NaN')
);
CREATE INDEX IF NOT EXISTS size_profile_item_group_id ON merch.size_profile (item_group_id);
CREATE INDEX IF NOT EXISTS size_profile_location_group_id ON merch.size_profile (location_group_id);
COMMENT ON TABLE merch.size_profile IS 'How the demand for a style splits over its sizes. The rows with the same style, item group and location group are one profile; the most specific one holds as a whole: a style''s before an item group''s, then the nearest location group.';
COMMENT ON COLUMN merch.size_profile.style_id IS 'The style it is for; null for all of the item group.';
COMMENT ON COLUMN merch.size_profile.item_group_id IS 'The styles it is for: those of the group and of all below it; null for all, or where it is for one style.';
COMMENT ON COLUMN merch.size_profile.location_group_id IS 'The locations it is for: those of the group and of all below it; null for all.';
COMMENT ON COLUMN merch.size_profile.size IS 'The size.';
COMMENT ON COLUMN merch.size_profile.share IS 'Its share. Shares need not add up to 1: units sold do as well.';
