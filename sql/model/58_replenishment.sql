-- replenishment: what locations keep on the shelf while a promotion runs

CREATE TABLE IF NOT EXISTS merch.replenishment_parameter (
    item_id bigint,
    location_id int,
    promotion_id bigint REFERENCES merch.promotion ON DELETE CASCADE,
    effective daterange NOT NULL,
    presentation_minimum bigint NOT NULL,
    safety_stock bigint NOT NULL,
    reset_at timestamptz,
    PRIMARY KEY (item_id, location_id, promotion_id),
    FOREIGN KEY (item_id, location_id) REFERENCES merch.ranging ON DELETE CASCADE,
    CONSTRAINT replenishment_parameter_effective_not_empty CHECK (NOT isempty(effective)),
    CONSTRAINT replenishment_parameter_effective_finite CHECK (lower(effective) IS NOT NULL AND upper(effective) IS NOT NULL),
    CONSTRAINT replenishment_parameter_not_negative CHECK (presentation_minimum >= 0 AND safety_stock >= 0)
);
CREATE INDEX IF NOT EXISTS replenishment_parameter_promotion_id ON merch.replenishment_parameter (promotion_id);
COMMENT ON TABLE merch.replenishment_parameter IS 'Presentation minimum and safety stock that promotions raise at their locations for their period. What holds on a day: merch.replenishment_on(). The allocation goes by merch.ranging alone: it makes the first delivery; this is for what follows.';
COMMENT ON COLUMN merch.replenishment_parameter.item_id IS 'The item.';
COMMENT ON COLUMN merch.replenishment_parameter.location_id IS 'The location.';
COMMENT ON COLUMN merch.replenishment_parameter.promotion_id IS 'The promotion that raises them.';
COMMENT ON COLUMN merch.replenishment_parameter.effective IS 'The days for which they hold: the promotion''s, the last excluded.';
COMMENT ON COLUMN merch.replenishment_parameter.presentation_minimum IS 'Units that the shelf shows: what its best day is expected to sell, at least what is ranged.';
COMMENT ON COLUMN merch.replenishment_parameter.safety_stock IS 'Units kept against what may come differently: what 95 of 100 lead times ask for beyond what is expected, at least what is ranged.';
COMMENT ON COLUMN merch.replenishment_parameter.reset_at IS 'When they went back to what is ranged, as the promotion ended or was cancelled; null if they have not.';

-- the query of merch.replenishment_on(): a view of the function would go with a dropped extension
CREATE OR REPLACE VIEW merch.replenishment_today WITH (security_invoker = true) AS
SELECT r.item_id,
       r.location_id,
       greatest(r.presentation_minimum, p.presentation_minimum) AS presentation_minimum,
       greatest(r.safety_stock, p.safety_stock) AS safety_stock,
       p.promotions,
       p.until
FROM merch.ranging r
LEFT JOIN (SELECT p.item_id, p.location_id, max(p.presentation_minimum) AS presentation_minimum,
                  max(p.safety_stock) AS safety_stock, array_agg(p.promotion_id ORDER BY p.promotion_id) AS promotions,
                  min(upper(p.effective)) AS until
           FROM merch.replenishment_parameter p
           WHERE p.effective @> current_date AND p.reset_at IS NULL
           GROUP BY p.item_id, p.location_id) p USING (item_id, location_id);
COMMENT ON VIEW merch.replenishment_today IS 'What is kept of each ranged item at each location today: as ranged, or raised by promotions.';
COMMENT ON COLUMN merch.replenishment_today.item_id IS 'The item.';
COMMENT ON COLUMN merch.replenishment_today.location_id IS 'The location.';
COMMENT ON COLUMN merch.replenishment_today.presentation_minimum IS 'Units that the shelf shows.';
COMMENT ON COLUMN merch.replenishment_today.safety_stock IS 'Units kept against what may come differently.';
COMMENT ON COLUMN merch.replenishment_today.promotions IS 'The promotions that raise them; null if none does.';
COMMENT ON COLUMN merch.replenishment_today.until IS 'The day on which the first of these ends; null if there is none.';
