-- The pages behind a number are read in the order of these indexes, and no further than a bounded number of rows.
DROP INDEX review_filed;
CREATE INDEX review_filed ON review (organ, filed_on, subject, review);
DROP INDEX tally_on;
CREATE INDEX tally_on ON tally (organ, "on", source, id);
-- The latest tally of a level.
CREATE INDEX tally_measure ON tally (organ, measure, "on");
-- What counted at an instant, by request.
CREATE INDEX cell_change_subject ON cell_change (organ, subject);
