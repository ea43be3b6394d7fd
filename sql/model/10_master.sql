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
    name text NOT NULL,
    price numeric(14, 4),
    cost numeric(14, 4),
    inner_pack bigint,
    case_pack bigint,
    pallet_pack bigint,
    dock_minutes numeric(10, 4) NOT NULL DEFAULT 0,
    labour_minutes numeric(10, 4) NOT NULL DEFAULT 0,
    CONSTRAINT item_price_not_negative CHECK (price >= 0 AND price <> 'NaN'),
    CONSTRAINT item_cost_not_negative CHECK (cost >= 0 AND cost <> 'NaN'),
    CONSTRAINT item_packs_positive CHECK (least(inner_pack, case_pack, pallet_pack) > 0),
    CONSTRAINT item_minutes_not_negative CHECK (dock_minutes >= 0 AND dock_minutes <> 'NaN'
                                                AND labour_minutes >= 0 AND labour_minutes <> 'NaN')
);
ALTER TABLE merch.item ADD COLUMN IF NOT EXISTS active boolean NOT NULL DEFAULT true;
COMMENT ON TABLE merch.item IS 'What is sold and stocked: one row a stock-keeping unit.';
COMMENT ON COLUMN merch.item.item_id IS 'The item''s number, from the system that owns it.';
COMMENT ON COLUMN merch.item.item_group_id IS 'Its place in the item hierarchy; null if it has none.';
COMMENT ON COLUMN merch.item.name IS 'What people call the item.';
COMMENT ON COLUMN merch.item.price IS 'Regular price of a unit; null if unknown.';
COMMENT ON COLUMN merch.item.cost IS 'What a unit costs the retailer; null if unknown. Price less cost is what a sale is worth to an allocation.';
COMMENT ON COLUMN merch.item.inner_pack IS 'Units in an inner pack; null if it has none.';
COMMENT ON COLUMN merch.item.case_pack IS 'Units in a case; null if it has none.';
COMMENT ON COLUMN merch.item.pallet_pack IS 'Units on a pallet; null if it has none.';
COMMENT ON COLUMN merch.item.dock_minutes IS 'Minutes at the dock of the receiving location that a unit takes.';
COMMENT ON COLUMN merch.item.active IS 'Whether it is sold: a promotion of an item that is not fails its readiness.';
COMMENT ON COLUMN merch.item.labour_minutes IS 'Minutes of labour at the receiving location that a unit takes, to put it on the shelf.';

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

CREATE TABLE IF NOT EXISTS merch.channel (
    channel_id int PRIMARY KEY,
    name text NOT NULL UNIQUE,
    tier int NOT NULL DEFAULT 0
);
COMMENT ON TABLE merch.channel IS 'A way to sell: stores, web shop, marketplace. Stock can be ring-fenced for one.';
COMMENT ON COLUMN merch.channel.channel_id IS 'The channel''s number.';
COMMENT ON COLUMN merch.channel.name IS 'What people call the channel.';
COMMENT ON COLUMN merch.channel.tier IS 'Rank in a shortage, added to that of the location: lower is served first.';

INSERT INTO merch.channel (channel_id, name) VALUES (1, 'store'), (2, 'online') ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS merch.location (
    location_id int PRIMARY KEY,
    location_group_id int REFERENCES merch.location_group,
    kind text NOT NULL,
    name text NOT NULL,
    channel_id int NOT NULL DEFAULT 1 REFERENCES merch.channel,
    tier int NOT NULL DEFAULT 0,
    handling_cost numeric(14, 4) NOT NULL DEFAULT 0,
    CONSTRAINT location_kind_known CHECK (kind IN ('store', 'distribution_centre', 'online')),
    CONSTRAINT location_handling_cost_not_negative CHECK (handling_cost >= 0 AND handling_cost <> 'NaN')
);
COMMENT ON TABLE merch.location IS 'A place that holds stock: a store, a distribution centre, an online warehouse.';
COMMENT ON COLUMN merch.location.location_id IS 'The location''s number, from the system that owns it.';
COMMENT ON COLUMN merch.location.location_group_id IS 'Its place in the location hierarchy; null if it has none.';
COMMENT ON COLUMN merch.location.kind IS 'store, distribution_centre or online.';
COMMENT ON COLUMN merch.location.name IS 'What people call the location.';
COMMENT ON COLUMN merch.location.channel_id IS 'The channel it sells in.';
COMMENT ON COLUMN merch.location.tier IS 'Rank in a shortage: lower tiers are served first by method priority, and win ties in every method.';
COMMENT ON COLUMN merch.location.handling_cost IS 'What it costs there to pick or to put away a unit.';

CREATE TABLE IF NOT EXISTS merch.lane (
    location_id int REFERENCES merch.location,
    source_id int REFERENCES merch.location,
    lead_days int NOT NULL DEFAULT 0,
    cut_off time,
    unit_cost numeric(14, 4) NOT NULL DEFAULT 0,
    shipment_cost numeric(14, 4) NOT NULL DEFAULT 0,
    units_per_day bigint,
    PRIMARY KEY (location_id, source_id),
    CONSTRAINT lane_leads_elsewhere CHECK (source_id <> location_id),
    CONSTRAINT lane_lead_days_not_negative CHECK (lead_days >= 0),
    CONSTRAINT lane_costs_not_negative CHECK (unit_cost >= 0 AND unit_cost <> 'NaN'
                                              AND shipment_cost >= 0 AND shipment_cost <> 'NaN'),
    CONSTRAINT lane_units_per_day_not_negative CHECK (units_per_day >= 0)
);
CREATE INDEX IF NOT EXISTS lane_source_id ON merch.lane (source_id);
COMMENT ON TABLE merch.lane IS 'A way by which one location supplies another. A location with several lanes has several sources.';
COMMENT ON COLUMN merch.lane.location_id IS 'The location that is supplied.';
COMMENT ON COLUMN merch.lane.source_id IS 'The location that supplies it.';
COMMENT ON COLUMN merch.lane.lead_days IS 'Days from dispatch to arrival; 0 for the same day.';
COMMENT ON COLUMN merch.lane.cut_off IS 'Time of day, in the session''s time zone, from which goods leave on the next day; null if there is none.';
COMMENT ON COLUMN merch.lane.unit_cost IS 'What it costs to bring a unit over the lane.';
COMMENT ON COLUMN merch.lane.shipment_cost IS 'What a shipment costs whatever is in it; weighed when stock is moved between stores.';
COMMENT ON COLUMN merch.lane.units_per_day IS 'Units that fit into a day''s trucks; null for no limit.';

CREATE TABLE IF NOT EXISTS merch.location_capacity (
    location_id int REFERENCES merch.location,
    day date NOT NULL,
    dock_hours numeric(10, 2),
    labour_hours numeric(10, 2),
    PRIMARY KEY (location_id, day),
    CONSTRAINT location_capacity_hours_not_negative CHECK (dock_hours >= 0 AND dock_hours <> 'NaN'
                                                           AND labour_hours >= 0 AND labour_hours <> 'NaN')
);
COMMENT ON TABLE merch.location_capacity IS 'What a location can receive on a day. A location and day without a row have no limit.';
COMMENT ON COLUMN merch.location_capacity.location_id IS 'The location that receives.';
COMMENT ON COLUMN merch.location_capacity.day IS 'The day of arrival.';
COMMENT ON COLUMN merch.location_capacity.dock_hours IS 'Hours of its dock that allocations may use, against dock_minutes of the items; null for no limit.';
COMMENT ON COLUMN merch.location_capacity.labour_hours IS 'Hours of labour that allocations may use, against labour_minutes of the items; null for no limit.';

CREATE TABLE IF NOT EXISTS merch.ranging (
    item_id bigint REFERENCES merch.item,
    location_id int REFERENCES merch.location,
    presentation_minimum bigint NOT NULL DEFAULT 0,
    capacity bigint,
    pack bigint NOT NULL DEFAULT 1,
    safety_stock bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (item_id, location_id),
    CONSTRAINT ranging_safety_stock_not_negative CHECK (safety_stock >= 0),
    CONSTRAINT ranging_presentation_minimum_not_negative CHECK (presentation_minimum >= 0),
    CONSTRAINT ranging_capacity_holds_presentation CHECK (capacity >= presentation_minimum),
    CONSTRAINT ranging_pack_positive CHECK (pack > 0)
);
COMMENT ON TABLE merch.ranging IS 'Which item is carried at which location, and within what limits.';
COMMENT ON COLUMN merch.ranging.item_id IS 'The item carried.';
COMMENT ON COLUMN merch.ranging.location_id IS 'The location that carries it.';
COMMENT ON COLUMN merch.ranging.presentation_minimum IS 'Units that the shelf shows even when nothing is expected to sell.';
COMMENT ON COLUMN merch.ranging.capacity IS 'Units that the location can hold at most; null for no limit.';
COMMENT ON COLUMN merch.ranging.pack IS 'Units in a shipping pack: the location is supplied in multiples of it, where its policy names no other level.';
COMMENT ON COLUMN merch.ranging.safety_stock IS 'Units kept beyond what is expected to sell, against what may come differently.';
