-- How often a process began on the records at next_offset and ended over them: with others, and with the first alone.
ALTER TABLE progress
    ADD COLUMN attempts  int NOT NULL DEFAULT 0,
    ADD COLUMN alone     int NOT NULL DEFAULT 0;
COMMENT ON COLUMN progress.attempts IS 'begun from here and not got beyond; 0 once the position moves';
