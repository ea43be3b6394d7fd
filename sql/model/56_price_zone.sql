-- price zones: locations that share prices, and the channels in which locations sell

CREATE TABLE IF NOT EXISTS merch.price_zone (
    price_zone_id int PRIMARY KEY,
    name text NOT NULL UNIQUE,
    description text
);
COMMENT ON TABLE merch.price_zone IS 'Locations that share prices, such as a region, or the shops near a competitor. A price event for a zone holds at all its locations.';
COMMENT ON COLUMN merch.price_zone.price_zone_id IS 'The zone''s number.';
COMMENT ON COLUMN merch.price_zone.name IS 'What people call the zone.';
COMMENT ON COLUMN merch.price_zone.description IS 'What it is, in words; null if nobody said.';

CREATE TABLE IF NOT EXISTS merch.price_zone_location (
    location_id int PRIMARY KEY REFERENCES merch.location,
    price_zone_id int NOT NULL REFERENCES merch.price_zone
);
CREATE INDEX IF NOT EXISTS price_zone_location_price_zone_id ON merch.price_zone_location (price_zone_id, location_id);
COMMENT ON TABLE merch.price_zone_location IS 'Which zone a location is in: at most one, so that no two zones have a price for it.';
COMMENT ON COLUMN merch.price_zone_location.location_id IS 'The location.';
COMMENT ON COLUMN merch.price_zone_location.price_zone_id IS 'Its zone.';

CREATE TABLE IF NOT EXISTS merch.location_channel (
    location_id int REFERENCES merch.location,
    channel_id int REFERENCES merch.channel,
    PRIMARY KEY (location_id, channel_id)
);
COMMENT ON TABLE merch.location_channel IS 'Further channels in which a location sells, such as a store that delivers for the web shop: beside channel_id of merch.location.';
COMMENT ON COLUMN merch.location_channel.location_id IS 'The location.';
COMMENT ON COLUMN merch.location_channel.channel_id IS 'A channel in which it sells, too.';

-- no UNION that removes duplicates: planned for one item it would read all locations
CREATE OR REPLACE VIEW merch.sales_place WITH (security_invoker = true) AS
SELECT l.location_id, l.channel_id
FROM merch.location l
WHERE l.kind <> 'distribution_centre'
UNION ALL
SELECT c.location_id, c.channel_id
FROM merch.location_channel c
JOIN merch.location l USING (location_id)
WHERE c.channel_id <> l.channel_id OR l.kind = 'distribution_centre';
COMMENT ON VIEW merch.sales_place IS 'Where customers buy: every location with every channel in which it sells. A distribution centre is in it only if merch.location_channel says so.';
COMMENT ON COLUMN merch.sales_place.location_id IS 'The location.';
COMMENT ON COLUMN merch.sales_place.channel_id IS 'The channel.';
