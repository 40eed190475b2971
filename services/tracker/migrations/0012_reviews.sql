-- Requests of which a review is pending stand among what is open. With each row stands the request's own last day: lists
-- of requests are in its order, also those of a unit and those that wait for somebody.
ALTER TABLE office ADD COLUMN ends_on date;
CREATE INDEX office_reviews ON office ((coalesce(ends_on, DATE 'infinity')), subject) WHERE kind = 'review';
CREATE INDEX office_reviews_organ ON office (organ, (coalesce(ends_on, DATE 'infinity')), subject) WHERE kind = 'review';
CREATE INDEX office_unit_listed ON office (unit, (coalesce(ends_on, DATE 'infinity')), subject) WHERE kind = 'step';
-- What an earlier release decided is brought into the table by a start.
INSERT INTO unlisted
SELECT subject FROM cases
WHERE subject IN (SELECT subject FROM office) OR subject IN (SELECT subject FROM events WHERE name = 'review-opened')
ON CONFLICT DO NOTHING;
