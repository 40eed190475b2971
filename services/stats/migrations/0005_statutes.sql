-- Counts by law: each counter of requests and reviews names the statute's version that they are under, each review the
-- law that it counts under. What stands here already is told its law by the request that it belongs to; the counters are
-- summed anew. New counters: what was past its limit and not ended when a year ended, and reviews decided in a year after
-- that of their filing.
ALTER TABLE review ADD COLUMN statute text NOT NULL DEFAULT '';
UPDATE review AS v SET statute = r.statute FROM request AS r WHERE r.subject = v.subject AND r.statute IS NOT NULL;

-- Most rows of the largest table are written anew: without its indexes, which are made again behind it.
DROP INDEX cell_change_year;
DROP INDEX cell_change_subject;
ALTER TABLE cell_change ADD COLUMN statute text NOT NULL DEFAULT '';
UPDATE cell_change AS c SET statute = r.statute FROM request AS r
WHERE r.subject = c.subject AND r.statute IS NOT NULL AND c.kind NOT IN ('tally', 'level', 'level-known');
CREATE INDEX cell_change_year ON cell_change (organ, year, recorded_at);
CREATE INDEX cell_change_subject ON cell_change (organ, subject);

-- When a limit was missed the rows say, but not which event said it first: these changes stand at the last event of the
-- request, where a rebuild puts them at the event itself.
INSERT INTO cell_change (organ, year, kind, a, b, c, statute, delta, subject, sequence, recorded_at, cause_source,
                         cause_id, partition, "offset")
SELECT f.organ, f.year, f.kind, f.a, f.b, '', f.statute, 1, f.subject, l.sequence, l.recorded_at, l.cause_source,
       l.cause_id, l.partition, l."offset"
FROM (
    SELECT organ, extract(year FROM overdue_from)::int AS year, 'breached' AS kind, applicant AS a, '' AS b, statute,
           subject
    FROM request
    WHERE received_on IS NOT NULL AND overdue_from IS NOT NULL AND (state IN ('open', 'stopped')
        OR (state IN ('answered', 'closed')
            AND (closed_on IS NULL OR extract(year FROM closed_on) > extract(year FROM overdue_from))))
    UNION ALL
    SELECT organ, extract(year FROM closed_on)::int, 'breached-ended', applicant, '', statute, subject
    FROM request
    WHERE received_on IS NOT NULL AND overdue_from IS NOT NULL AND state IN ('answered', 'closed')
        AND extract(year FROM closed_on) > extract(year FROM overdue_from)
) AS f
JOIN LATERAL (
    SELECT * FROM cell_change AS c WHERE c.organ = f.organ AND c.subject = f.subject
    ORDER BY c.sequence DESC, c.recorded_at DESC LIMIT 1
) AS l ON true;

INSERT INTO cell_change (organ, year, kind, a, b, c, statute, delta, subject, sequence, recorded_at, cause_source,
                         cause_id, partition, "offset")
SELECT v.organ, extract(year FROM v.decided_on)::int, 'review-later', v.kind, v.result,
       CASE WHEN v.first_handling_disputed THEN 'first-handling-disputed' ELSE '' END, v.statute, 1, v.subject,
       l.sequence, l.recorded_at, l.cause_source, l.cause_id, l.partition, l."offset"
FROM review AS v
JOIN LATERAL (
    SELECT * FROM cell_change AS c WHERE c.organ = v.organ AND c.subject = v.subject
    ORDER BY c.sequence DESC, c.recorded_at DESC LIMIT 1
) AS l ON true
WHERE extract(year FROM v.decided_on) > extract(year FROM v.filed_on);

TRUNCATE cell;
ALTER TABLE cell ADD COLUMN statute text NOT NULL DEFAULT '';
ALTER TABLE cell DROP CONSTRAINT cell_pkey;
ALTER TABLE cell ADD PRIMARY KEY (organ, year, kind, a, b, c, statute);
INSERT INTO cell (organ, year, kind, a, b, c, statute, count)
SELECT organ, year, kind, a, b, c, statute, sum(delta) FROM cell_change GROUP BY 1, 2, 3, 4, 5, 6, 7
HAVING sum(delta) <> 0;

-- What is behind a number of one law, in pages.
DROP INDEX request_received;
DROP INDEX request_ended;
CREATE INDEX request_received ON request (organ, statute, received_on, subject);
CREATE INDEX request_ended ON request (organ, statute, closed_on, subject) WHERE state IN ('answered', 'closed');
DROP INDEX review_filed;
CREATE INDEX review_filed ON review (organ, statute, filed_on, subject, review);
-- The latest tally of a level, and of several of one day the one that counts.
DROP INDEX tally_measure;
CREATE INDEX tally_measure ON tally (organ, measure, "on", (source || ' ' || id));
-- The levels that were known at an instant, among the changes of millions of requests.
CREATE INDEX cell_change_level ON cell_change (organ, a) WHERE kind IN ('level', 'level-known');
