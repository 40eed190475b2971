-- The service item of a request, and what was promised for it. Null where the event that made the row was written before
-- events said so.
ALTER TABLE request ADD COLUMN item text;
ALTER TABLE request ADD COLUMN committed_due_on date;
ALTER TABLE request ADD COLUMN committed_timeliness text;

-- The work inside offices: for each request the times for which units had its steps, its steps that are late, its cards;
-- and the duties of organs. The columns stand in the order of the fold's row.
CREATE TABLE office (
    subject  text NOT NULL,
    piece    text NOT NULL,
    about    text NOT NULL,
    organ    text NOT NULL,
    unit     text NOT NULL,
    code     text NOT NULL,
    "on"     date,
    left_on  date,
    how      text NOT NULL,
    days     int,
    PRIMARY KEY (subject, piece, about)
);
