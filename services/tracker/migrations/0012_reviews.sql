-- Requests of which a review is pending stand among what is open, with the request's own last day: lists are in its order.
CREATE INDEX office_reviews ON office ((coalesce(due_on, DATE 'infinity')), subject) WHERE kind = 'review';
-- What an earlier release decided is brought into the table by a start.
INSERT INTO unlisted SELECT subject FROM cases WHERE subject IN (SELECT subject FROM events WHERE name = 'review-opened')
ON CONFLICT DO NOTHING;
