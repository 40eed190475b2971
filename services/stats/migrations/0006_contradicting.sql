-- Whether facts of a request contradict one another. Null where the event that made the row was written before events
-- said so.
ALTER TABLE request ADD COLUMN contradicting boolean;
