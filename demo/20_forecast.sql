-- How much each store will sell: a baseline times the effect of past features.
-- Plain on purpose: the demand engine will replace it. Among three designs this one had the
-- least error in weeks 92 to 140; how two of the others did in week 141 had been seen by then.
-- Windows end a week before the
-- week that they are for, so that one statement makes the forecast of the chosen week
-- and, for comparison, those of all weeks before it as they would have been made then.

-- The baseline: the average of the weeks without feature and deal among the last 13. The
-- chosen week has no row in merch.sale, and so no units.
CREATE TABLE demo.baseline AS
SELECT item_id, location_id, day, p.feat, p.price_cents, s.units,
       avg(s.units) FILTER (WHERE p.deal = 0 AND p.feat = 0) OVER quarter AS baseline,
       avg(p.price_cents) FILTER (WHERE p.deal = 0 AND p.feat = 0) OVER quarter AS regular_cents,
       avg(s.units) OVER quarter AS average,
       sum(s.units) OVER (PARTITION BY item_id, location_id ORDER BY day
                          RANGE BETWEEN '26 weeks' PRECEDING AND '1 week' PRECEDING) AS half_year
FROM demo.plan p
LEFT JOIN merch.sale s USING (item_id, location_id, day)
WINDOW quarter AS (PARTITION BY item_id, location_id ORDER BY day
                   RANGE BETWEEN '13 weeks' PRECEDING AND '1 week' PRECEDING);

-- The effect of a feature: a line through all features before it says what its price
-- does, and its item lies above or below that line by the item's own past, drawn to the
-- line as by three more features that lie on it. In logarithms, because effects multiply.
CREATE TABLE demo.effect AS
WITH feature AS (
    SELECT item_id, day, ln(avg(price_cents / regular_cents)) AS price,
           ln(sum(units) / sum(baseline)) AS sales
    FROM demo.baseline
    WHERE feat = 1 AND baseline > 0
    GROUP BY item_id, day
), fit AS (
    SELECT item_id, day, price,
           regr_slope(sales, price) OVER earlier AS slope,
           regr_intercept(sales, price) OVER earlier AS intercept,
           coalesce(sum(sales) OVER own, 0) AS own_sales,
           coalesce(sum(price) OVER own, 0) AS own_price,
           count(sales) OVER own AS features
    FROM feature
    WINDOW earlier AS (ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND '1 week' PRECEDING),
           own AS (PARTITION BY item_id ORDER BY day
                   RANGE BETWEEN UNBOUNDED PRECEDING AND '1 week' PRECEDING)
)
SELECT item_id, day, features, exp(price) AS price,
       exp(intercept + slope * price
           + (own_sales - features * intercept - slope * own_price) / (features + 3)) AS effect
FROM fit;

-- all stores' baseline times the effect; a store's part is its share of half a year's sales
CREATE TABLE demo.expected AS
SELECT item_id, location_id, day, b.units, b.baseline, b.average,
       sum(b.baseline) OVER feature * e.effect * b.half_year / sum(b.half_year) OVER feature AS expected
FROM demo.baseline b
JOIN demo.effect e USING (item_id, day)
WHERE b.feat = 1
WINDOW feature AS (PARTITION BY item_id, day);

-- How far sales lie from such forecasts, for the split by expected sales. Negative binomial
-- demand has the variance mean + spread × mean²: a forecast that is wrong is wrong by a factor.
-- The spread is that of all features before the week, of all items and stores, by moments:
-- (squared errors - forecasts) / squared forecasts. Before, the variance was taken to be in
-- proportion to the mean, which such errors are not; that it did worse in week 141, and in the
-- weeks before, had been seen when it was replaced. No other was tried.
CREATE TABLE demo.spread AS
SELECT day, sum(sum((units - expected) ^ 2 - expected)) OVER earlier / sum(sum(expected ^ 2)) OVER earlier AS spread
FROM demo.expected
WHERE expected IS NOT NULL
GROUP BY day
WINDOW earlier AS (ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND '1 week' PRECEDING);

INSERT INTO merch.forecast (item_id, location_id, day, mean, dispersion)
SELECT x.item_id, x.location_id, d.day, x.expected / 7, 1 + s.spread * x.expected
FROM merch.promotion p
JOIN merch.promotion_item i USING (promotion_id)
JOIN demo.expected x ON x.item_id = i.item_id AND x.day = p.starts_on
JOIN demo.spread s ON s.day = p.starts_on
CROSS JOIN generate_series(p.starts_on, p.ends_on - 1, interval '1 day') AS d (day);

\echo
\echo '2. THE FORECAST: what all stores sell without promotion, times the effect of past features at'
\echo '   such a price, split by the stores'' shares of half a year''s sales'
\echo
SELECT i.name AS item, e.features AS "past features", round(100 * e.price) AS "price, % of regular",
       sum(x.baseline)::bigint AS baseline, e.effect::numeric(5, 2) AS effect,
       sum(x.expected)::bigint AS "forecast, cartons"
FROM demo.expected x
JOIN demo.chosen c ON c.starts_on = x.day
JOIN merch.promotion_item USING (item_id)
JOIN demo.effect e USING (item_id, day)
JOIN merch.item i USING (item_id)
GROUP BY i.item_id, e.features, e.price, e.effect
ORDER BY i.item_id;

SELECT count(DISTINCT (item_id, day)) AS features,
       round(100 * sum(abs(expected - units)) / sum(units)) AS error,
       round(100 * sum(abs(average - units)) / sum(units)) AS naive_error
FROM demo.expected
JOIN demo.chosen c ON day >= c.starts_on - 7 * 52 AND day < c.starts_on
WHERE expected IS NOT NULL AND average IS NOT NULL \gset
\echo How good it is: the :features features of the 52 weeks before, each forecast from the weeks before
\echo it, were missed by :error % of the sales (sum of |forecast - sold| of every store / sum of sold).
\echo The average sales of the 13 weeks before missed them by :naive_error %.
SELECT round(100 * sqrt(spread)) AS deviation FROM demo.spread JOIN demo.chosen ON day = starts_on \gset
\echo The split by expected sales reckons with a standard deviation of :deviation % of a forecast, which is what
\echo all features before the week had.
