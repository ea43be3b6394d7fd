-- the order of the queue, judged on injected faults: does the money that would be lost stand first?
\getenv abs_srcdir PG_ABS_SRCDIR
\set lib :abs_srcdir '/lib/error_of.sql'
\i :lib
BEGIN;
SELECT merch.create_model();
-- random numbers that are the same on every server
CREATE FUNCTION pg_temp.uniform(i int, stream int) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN ((('x' || left(md5(i || ' ' || stream), 8))::bit(32)::bigint) + 0.5) / 4294967296.0;
CREATE FUNCTION pg_temp.gauss(i int, stream int) RETURNS float8 LANGUAGE sql IMMUTABLE
RETURN sqrt(-2 * ln(pg_temp.uniform(i, stream))) * cos(2 * pi() * pg_temp.uniform(i, stream + 100));
-- 400 faults: what each costs is lognormal, and known only to within a factor of about 1.6; whether it
-- is there at all is a matter of its kind; a fifth is due already, the others in 2 days on average
CREATE TEMP TABLE fault AS
SELECT i, k.kind, k.handling_minutes::float8 AS minutes, exp(6.5 + 1.5 * pg_temp.gauss(i, 1)) AS money,
       exp(0.5 * pg_temp.gauss(i, 2)) AS error, (ARRAY[24, 168, 336])[1 + floor(3 * pg_temp.uniform(i, 3))::int] AS loss_hours,
       CASE WHEN pg_temp.uniform(i, 4) < 0.2 THEN -24 * pg_temp.uniform(i, 5) ELSE -48 * ln(pg_temp.uniform(i, 5)) END AS due_in,
       pg_temp.uniform(i, 6) < k.probability AS there
FROM generate_series(1, 400) i
JOIN (SELECT row_number() OVER (ORDER BY kind) - 1 AS n, * FROM merch.exception_kind WHERE kind <> 'stopped launch') k ON k.n = floor(9 * pg_temp.uniform(i, 7));
UPDATE merch.exception_kind SET loss_share = 1, storm_limit = 1000;
UPDATE merch.exception_route SET role = 'merch_admin';
SELECT sum(merch.raise_exceptions(f.kind, f.conditions))
FROM (SELECT kind, array_agg(ROW('fault ' || i, NULL, NULL, NULL, NULL, NULL, NULL, 'injected', NULL, money * error, NULL, NULL,
                                 loss_hours, now() + due_in * interval '1 hour')::merch.condition ORDER BY i) AS conditions
      FROM fault GROUP BY kind) f;
CREATE TEMP TABLE ranked AS
SELECT f.*, q.probability::float8 AS probability, q.money_at_risk::float8 AS told,
       row_number() OVER (ORDER BY q.at) AS by_queue,
       row_number() OVER (ORDER BY f.i) AS by_arrival,
       row_number() OVER (ORDER BY q.deadline, f.i) AS by_deadline,
       row_number() OVER (ORDER BY q.severity DESC, f.i) AS by_severity,
       row_number() OVER (ORDER BY q.money_at_risk DESC, f.i) AS by_money
FROM fault f
JOIN (SELECT row_number() OVER () AS at, * FROM merch.exception_queue) q ON q.condition = 'fault ' || f.i;

\echo precision at k: money lost in so many hours, if nobody does anything, of the first k over that of the k best
SELECT x.ordering, string_agg(format('%s hours: %s', x.hours, x.precisions), ', ' ORDER BY x.hours)
FROM (SELECT o.ordering, o.hours, string_agg(round((o.found / o.best)::numeric, 2)::text, ' ' ORDER BY k) AS precisions
      FROM (SELECT x.ordering, l.hours, k, sum(l.lost) FILTER (WHERE x.place <= k) AS found,
                   sum(l.lost) FILTER (WHERE l.place <= k) AS best
            FROM (SELECT r.*, h.hours, h.lost, row_number() OVER (PARTITION BY h.hours ORDER BY h.lost DESC) AS place
                  FROM ranked r
                  CROSS JOIN LATERAL (SELECT hours, CASE WHEN r.there THEN r.money * least(1, greatest(0, hours - r.due_in) / r.loss_hours)
                                                         ELSE 0 END AS lost
                                      FROM unnest(ARRAY[8, 24, 48]) hours) h) l
            CROSS JOIN generate_series(20, 60, 20) k
            CROSS JOIN LATERAL (VALUES ('1 queue', by_queue), ('2 money', by_money), ('3 severity', by_severity),
                                       ('4 deadline', by_deadline), ('5 arrival', by_arrival)) x (ordering, place)
            GROUP BY x.ordering, l.hours, k) o
      GROUP BY o.ordering, o.hours) x
GROUP BY x.ordering ORDER BY x.ordering;

-- Four people work through all of it, eight hours of each day, and each fault costs until it is dealt
-- with. The queue is looked at again after every one.
CREATE FUNCTION pg_temp.total_loss(ordering text, look_ahead float8) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    job record;
    work float8 := 0;
    minute float8 := 0;
    loss float8 := 0;
BEGIN
    CREATE TEMP TABLE waiting ON COMMIT DROP AS SELECT * FROM ranked;
    LOOP
        SELECT w.* INTO job
        FROM (SELECT *, avg(minutes) OVER () AS average FROM waiting) w
        ORDER BY CASE ordering
                     WHEN 'queue' THEN -merch.exception_priority(probability, told, loss_hours, minutes, due_in * 60 - minute,
                                                                 look_ahead, average)
                     WHEN 'money' THEN by_money
                     WHEN 'severity' THEN by_severity
                     WHEN 'deadline' THEN by_deadline
                     WHEN 'arrival' THEN by_arrival END, i
        LIMIT 1;
        EXIT WHEN NOT FOUND;
        work := work + job.minutes / 4;
        minute := 1440 * floor(work / 480) + work - 480 * floor(work / 480);
        IF job.there THEN
            loss := loss + job.money * least(1, greatest(0, minute / 60 - job.due_in) / job.loss_hours);
        END IF;
        DELETE FROM waiting WHERE i = job.i;
    END LOOP;
    DROP TABLE waiting;
    RETURN loss;
END
$$;
\echo money lost in all when four people work through them, over that of the queue as it ships
SELECT ordering, round(loss / first_value(loss) OVER (ORDER BY n), 2) AS ratio
FROM (SELECT o.n, o.ordering, pg_temp.total_loss(o.ordering, (SELECT look_ahead FROM merch.exception_order)::float8) AS loss
      FROM (VALUES (1, 'queue'), (2, 'money'), (3, 'severity'), (4, 'deadline'), (5, 'arrival')) o (n, ordering)) x
ORDER BY n;
\echo and with other look-aheads
SELECT look_ahead, round(pg_temp.total_loss('queue', look_ahead) / pg_temp.total_loss('queue', 16), 2) AS ratio
FROM unnest(ARRAY[1, 2, 4, 8, 32, 64, 256, 1000]) look_ahead;
ROLLBACK;
