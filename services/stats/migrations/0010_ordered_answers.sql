-- A request that was answered counts as ended by its first answer while a review orders another one; it was taken for
-- pending until that came. What it counts more, or less, stands at the last event of the request; the rows stay as they
-- are. The first day after the law's own limit is kept beside that after an order's.
ALTER TABLE request ADD COLUMN breached_from date;

CREATE TEMPORARY TABLE ordered ON COMMIT DROP AS
WITH r AS (
    SELECT subject, organ, applicant, statute, item, committed_timeliness, coalesce(outcome, 'other') AS outcome,
           coalesce(timeliness, '') AS timeliness, extract(year FROM received_on)::int AS received,
           extract(year FROM closed_on)::int AS ended, extract(year FROM overdue_from)::int AS breached,
           coalesce(working_days::text, '') AS days, to_char(closed_on, 'MM') AS month,
           coalesce(timeliness, 'unlimited') || CASE WHEN extended THEN '-extended' ELSE '' END AS pace
    FROM request
    WHERE state IN ('open', 'stopped') AND closed_on IS NOT NULL AND received_on IS NOT NULL
)
SELECT organ, ended AS year, 'closed' AS kind, outcome AS a, applicant AS b, timeliness AS c, statute, 1 AS delta, subject
FROM r
UNION ALL
SELECT organ, ended, 'item-closed', item, outcome, timeliness, statute, 1, subject FROM r WHERE item IS NOT NULL
UNION ALL
SELECT organ, ended, 'committed', applicant, item, '', statute, 1, subject
FROM r WHERE item IS NOT NULL AND committed_timeliness = 'in-time'
UNION ALL
SELECT organ, ended, 'pace', days, pace, month, statute, 1, subject FROM r
UNION ALL
SELECT organ, ended, 'carried-ended', applicant, '', '', statute, 1, subject FROM r WHERE ended > received
UNION ALL
SELECT organ, received, 'carried', applicant, '', '', statute, -1, subject FROM r WHERE ended <= received
UNION ALL
SELECT organ, ended, 'breached-ended', applicant, '', '', statute, 1, subject FROM r WHERE ended > breached
UNION ALL
SELECT organ, breached, 'breached', applicant, '', '', statute, -1, subject FROM r WHERE ended <= breached
UNION ALL
-- Facts that contradict one another are told in the year of the end, too.
SELECT organ, extract(year FROM closed_on)::int, 'contradicting', subject, '', '', statute, 1, subject
FROM request
WHERE contradicting AND received_on IS NOT NULL AND state IN ('open', 'stopped', 'answered', 'closed')
    AND extract(year FROM closed_on) <> extract(year FROM received_on);

INSERT INTO cell_change (organ, year, kind, a, b, c, statute, delta, subject, sequence, recorded_at, cause_source,
                         cause_id, partition, "offset")
SELECT f.organ, f.year, f.kind, f.a, f.b, f.c, f.statute, f.delta, f.subject, l.sequence, l.recorded_at, l.cause_source,
       l.cause_id, l.partition, l."offset"
FROM ordered AS f
JOIN LATERAL (
    SELECT * FROM cell_change AS c WHERE c.organ = f.organ AND c.subject = f.subject
    ORDER BY c.sequence DESC, c.recorded_at DESC LIMIT 1
) AS l ON true;

INSERT INTO cell (organ, year, kind, a, b, c, statute, count)
SELECT organ, year, kind, a, b, c, statute, sum(delta) FROM ordered GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT (organ, year, kind, a, b, c, statute) DO UPDATE SET count = cell.count + excluded.count;
DELETE FROM cell WHERE count = 0;

DROP INDEX request_ended;
CREATE INDEX request_ended ON request (organ, statute, closed_on, subject) WHERE closed_on IS NOT NULL;
