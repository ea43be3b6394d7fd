-- demand: what was sold and what is expected to sell

CREATE TABLE IF NOT EXISTS merch.sale (
    item_id bigint REFERENCES merch.item,
    location_id int REFERENCES merch.location,
    day date NOT NULL,
    units bigint NOT NULL,
    net_amount numeric(14, 4),
    PRIMARY KEY (item_id, location_id, day)
) PARTITION BY RANGE (day);
COMMENT ON TABLE merch.sale IS 'Units sold by item, location and day. Partitioned by day: attach partitions as your volume asks for them, what fits none goes to sale_default.';
COMMENT ON COLUMN merch.sale.item_id IS 'The item sold.';
COMMENT ON COLUMN merch.sale.location_id IS 'Where it was sold.';
COMMENT ON COLUMN merch.sale.day IS 'The day of the sale.';
COMMENT ON COLUMN merch.sale.units IS 'Units sold less units returned: below zero on a day of returns.';
COMMENT ON COLUMN merch.sale.net_amount IS 'What customers paid, after discounts; null if unknown.';

CREATE TABLE IF NOT EXISTS merch.sale_default PARTITION OF merch.sale DEFAULT;
COMMENT ON TABLE merch.sale_default IS 'Sales of days that no other partition holds.';

CREATE TABLE IF NOT EXISTS merch.forecast (
    item_id bigint REFERENCES merch.item,
    location_id int REFERENCES merch.location,
    day date NOT NULL,
    mean float8 NOT NULL,
    dispersion float8 NOT NULL DEFAULT 1,
    PRIMARY KEY (item_id, location_id, day),
    CONSTRAINT forecast_dispersion_finite_and_positive CHECK (dispersion > 0 AND dispersion < 'Infinity'),
    CONSTRAINT forecast_mean_finite_and_not_negative CHECK (mean >= 0 AND mean < 'Infinity')
);
COMMENT ON TABLE merch.forecast IS 'Expected demand by item, location and day.';
COMMENT ON COLUMN merch.forecast.item_id IS 'The item.';
COMMENT ON COLUMN merch.forecast.location_id IS 'The location.';
COMMENT ON COLUMN merch.forecast.day IS 'The day that is forecast.';
COMMENT ON COLUMN merch.forecast.mean IS 'Units expected to sell on the day, if there is enough stock; counted in thousandths.';
COMMENT ON COLUMN merch.forecast.dispersion IS 'Variance of the day''s demand over its mean: 1 for Poisson, more where sales come in bursts.';
