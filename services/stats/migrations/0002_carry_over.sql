-- The counters now also say what is carried from one year into the next, how long requests took, and in which month
-- they came; each change of a counter names the fact behind it and the place of its event on the log. What was folded
-- before lacks all that, so everything is folded anew: the tables are emptied and the positions go back to the start.
TRUNCATE request, review, tally, cell, cell_change, folded;
DELETE FROM progress;

ALTER TABLE cell_change
    ADD COLUMN cause_source text,
    ADD COLUMN cause_id     text,
    ADD COLUMN partition    int NOT NULL,
    ADD COLUMN "offset"     bigint NOT NULL;

-- The requests behind a number, in pages.
CREATE INDEX request_received ON request (organ, received_on, subject);
CREATE INDEX request_ended ON request (organ, closed_on, subject) WHERE state IN ('answered', 'closed');
CREATE INDEX review_filed ON review (organ, filed_on);
CREATE INDEX tally_on ON tally (organ, "on");
