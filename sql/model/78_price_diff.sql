-- price diff: what it must find at once

-- A system without a row here has one price for each key: nothing of it can overlap, and its
-- prices in force are read without asking which of several holds.
CREATE INDEX IF NOT EXISTS published_price_period ON merch.published_price (system_id, valid_from)
WHERE valid_from > '-infinity';
COMMENT ON INDEX merch.published_price_period IS 'Prices that start at some moment, by system: tells whether a system has any.';
