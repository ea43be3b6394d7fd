-- master data: what is sold, where, and what is sold where

CREATE TABLE IF NOT EXISTS merch.item_group (
    item_group_id int PRIMARY KEY,
    parent_id int REFERENCES merch.item_group,
    name text NOT NULL,
    CONSTRAINT item_group_not_its_own_parent CHECK (parent_id <> item_group_id)
);
COMMENT ON TABLE merch.item_group IS 'A node of the item hierarchy: department, category, brand.';
COMMENT ON COLUMN merch.item_group.item_group_id IS 'The group''s number, from the system that owns the hierarchy.';
COMMENT ON COLUMN merch.item_group.parent_id IS 'The group above; null at the top.';
COMMENT ON COLUMN merch.item_group.name IS 'What people call the group.';

CREATE TABLE IF NOT EXISTS merch.item (
    item_id bigint PRIMARY KEY,
    item_group_id int REFERENCES merch.item_group,
    name text NOT NULL
);
COMMENT ON TABLE merch.item IS 'What is sold and stocked: one row a stock-keeping unit.';
COMMENT ON COLUMN merch.item.item_id IS 'The item''s number, from the system that owns it.';
COMMENT ON COLUMN merch.item.item_group_id IS 'Its place in the item hierarchy; null if it has none.';
COMMENT ON COLUMN merch.item.name IS 'What people call the item.';

CREATE TABLE IF NOT EXISTS merch.location_group (
    location_group_id int PRIMARY KEY,
    parent_id int REFERENCES merch.location_group,
    name text NOT NULL,
    CONSTRAINT location_group_not_its_own_parent CHECK (parent_id <> location_group_id)
);
COMMENT ON TABLE merch.location_group IS 'A node of the location hierarchy: region, district, format.';
COMMENT ON COLUMN merch.location_group.location_group_id IS 'The group''s number, from the system that owns the hierarchy.';
COMMENT ON COLUMN merch.location_group.parent_id IS 'The group above; null at the top.';
COMMENT ON COLUMN merch.location_group.name IS 'What people call the group.';

CREATE TABLE IF NOT EXISTS merch.location (
    location_id int PRIMARY KEY,
    location_group_id int REFERENCES merch.location_group,
    kind text NOT NULL,
    name text NOT NULL,
    source_id int REFERENCES merch.location,
    tier int NOT NULL DEFAULT 0,
    CONSTRAINT location_kind_known CHECK (kind IN ('store', 'distribution_centre', 'online')),
    CONSTRAINT location_not_its_own_source CHECK (source_id <> location_id)
);
COMMENT ON TABLE merch.location IS 'A place that holds stock: a store, a distribution centre, an online warehouse.';
COMMENT ON COLUMN merch.location.location_id IS 'The location''s number, from the system that owns it.';
COMMENT ON COLUMN merch.location.location_group_id IS 'Its place in the location hierarchy; null if it has none.';
COMMENT ON COLUMN merch.location.kind IS 'store, distribution_centre or online.';
COMMENT ON COLUMN merch.location.name IS 'What people call the location.';
COMMENT ON COLUMN merch.location.source_id IS 'The location that supplies it; null if nothing of ours does.';
COMMENT ON COLUMN merch.location.tier IS 'Rank in a shortage: lower tiers are served first by method priority, and win ties in every method.';

CREATE TABLE IF NOT EXISTS merch.ranging (
    item_id bigint REFERENCES merch.item,
    location_id int REFERENCES merch.location,
    presentation_minimum bigint NOT NULL DEFAULT 0,
    capacity bigint,
    pack bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (item_id, location_id),
    CONSTRAINT ranging_presentation_minimum_not_negative CHECK (presentation_minimum >= 0),
    CONSTRAINT ranging_capacity_holds_presentation CHECK (capacity >= presentation_minimum),
    CONSTRAINT ranging_pack_positive CHECK (pack > 0)
);
COMMENT ON TABLE merch.ranging IS 'Which item is carried at which location, and within what limits.';
COMMENT ON COLUMN merch.ranging.item_id IS 'The item carried.';
COMMENT ON COLUMN merch.ranging.location_id IS 'The location that carries it.';
COMMENT ON COLUMN merch.ranging.presentation_minimum IS 'Units that the shelf shows even when nothing is expected to sell.';
COMMENT ON COLUMN merch.ranging.capacity IS 'Units that the location can hold at most; null for no limit.';
COMMENT ON COLUMN merch.ranging.pack IS 'Units in a shipping pack: the location is supplied in multiples of it.';
