-- A small chain: :items items, :stores stores and a centre, :promotions promotions of
-- all of them. The centre has less than half of what one promotion needs.
SELECT merch.create_model();
INSERT INTO merch.item (item_id, name) SELECT i, 'item ' || i FROM generate_series(1, :items) i;
INSERT INTO merch.location (location_id, kind, name) VALUES (1000, 'distribution_centre', 'centre');
INSERT INTO merch.location (location_id, kind, name, tier)
SELECT l, 'store', 'store ' || l, l % 3 FROM generate_series(1, :stores) l;
INSERT INTO merch.lane (location_id, source_id) SELECT location_id, 1000 FROM merch.location WHERE kind = 'store';
INSERT INTO merch.ranging (item_id, location_id, presentation_minimum, capacity, pack)
SELECT i, l, i % 3, 200, 1 + i % 4 FROM generate_series(1, :items) i, generate_series(1, :stores) l;
INSERT INTO merch.stock (item_id, location_id, on_hand) SELECT i, 1000, 10 * :stores FROM generate_series(1, :items) i;
INSERT INTO merch.stock (item_id, location_id, on_hand)
SELECT i, l, (i * l) % 5 FROM generate_series(1, :items) i, generate_series(1, :stores) l;
INSERT INTO merch.forecast (item_id, location_id, day, mean)
SELECT i, l, current_date + d, 2 + (i * 7 + l * 3 + d) % 5 + 0.5
FROM generate_series(1, :items) i, generate_series(1, :stores) l, generate_series(0, 6) d;
INSERT INTO merch.campaign (name) VALUES ('all');
INSERT INTO merch.promotion (promotion_id, campaign_id, name, starts_on, ends_on)
SELECT p, campaign_id, 'promotion ' || p, current_date, current_date + 7
FROM merch.campaign, generate_series(1, :promotions) p;
INSERT INTO merch.offer (promotion_id, reward, value) SELECT promotion_id, 'percent_off', 10 FROM merch.promotion;
INSERT INTO merch.promotion_item (item_id, promotion_id, offer_id)
SELECT item_id, promotion_id, offer_id FROM merch.item, merch.offer;
INSERT INTO merch.promotion_location SELECT promotion_id, location_id FROM merch.promotion, merch.location WHERE kind = 'store';
INSERT INTO merch.policy (promotion_id, method, holdback)
SELECT promotion_id, (ARRAY['proportional', 'webster', 'cover', 'even', 'priority'])[1 + promotion_id % 5], 0.1
FROM merch.promotion;
INSERT INTO merch.sale (item_id, location_id, day, units, net_amount)
SELECT item_id, location_id, current_date - 1, 3, 2.97 FROM merch.ranging;
ANALYZE;
