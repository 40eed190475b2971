ALTER TABLE request ADD COLUMN item text, ADD COLUMN committed_due_on date, ADD COLUMN committed_timeliness text;
