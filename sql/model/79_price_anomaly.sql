-- price anomalies: what counts as one

CREATE TABLE IF NOT EXISTS merch.price_anomaly (
    anomaly text PRIMARY KEY,
    description text NOT NULL,
    threshold numeric,
    least_prices int,
    least_spread numeric,
    active boolean NOT NULL DEFAULT true,
    CONSTRAINT price_anomaly_known CHECK (anomaly IN ('off by 10', 'off by 100', 'cents for units', 'far from other locations',
                                                      'regular for promotional', 'promotional for regular', 'promotional above regular',
                                                      'odd currency')),
    CONSTRAINT price_anomaly_threshold_where_there_is_one CHECK ((threshold IS NULL)
        = (anomaly IN ('regular for promotional', 'promotional above regular')) AND threshold >= 0 AND threshold <> 'NaN'),
    CONSTRAINT price_anomaly_spread_of_the_far CHECK ((anomaly = 'far from other locations')
        = (num_nonnulls(least_prices, least_spread) > 0) AND num_nonnulls(least_prices, least_spread) <> 1
        AND least_prices >= 2 AND least_spread > 0 AND least_spread <= 1)
);
COMMENT ON TABLE merch.price_anomaly IS 'The kinds of prices that can hardly be meant, and when one counts as such: see merch.price_anomalies().';
COMMENT ON COLUMN merch.price_anomaly.anomaly IS 'The kind: one of those that merch.price_anomalies() knows. A kind without a row is not looked for.';
COMMENT ON COLUMN merch.price_anomaly.description IS 'What it is, in words.';
COMMENT ON COLUMN merch.price_anomaly.threshold IS 'off by 10, off by 100: how far from just that factor, as a share. cents for units: least share of the item''s prices that are so. far from other locations: least number of spreads. promotional for regular: days around its period. odd currency: largest share of the item''s prices. Null for others.';
COMMENT ON COLUMN merch.price_anomaly.least_prices IS 'Prices that an item must have in the system to say what is usual; null but for far from other locations.';
COMMENT ON COLUMN merch.price_anomaly.least_spread IS 'What the spread of an item''s prices is taken to be at least, as a share of their median; null but for far from other locations.';
COMMENT ON COLUMN merch.price_anomaly.active IS 'Whether it is looked for.';

INSERT INTO merch.price_anomaly (anomaly, description, threshold, least_prices, least_spread) VALUES
    ('off by 10', 'a slipped decimal point', 0.1, NULL, NULL),
    ('off by 100', 'two slipped decimal points', 0.1, NULL, NULL),
    ('cents for units', 'most prices of the item are in cents, or what should be in cents is not', 0.5, NULL, NULL),
    ('far from other locations', 'neither near what the item costs elsewhere nor near what was approved', 6, 5, 0.05),
    ('regular for promotional', 'the regular price, where another one was approved', NULL, NULL, NULL),
    ('promotional for regular', 'a promotional or clearance price, outside of its period', 30, NULL, NULL),
    ('promotional above regular', 'a promotional or clearance price above the regular one: they may be swapped', NULL, NULL, NULL),
    ('odd currency', 'a currency that few of the item''s prices are in', 0.2, NULL, NULL)
ON CONFLICT DO NOTHING;
