-- What the dates of an organ's requests depended on (its law, zone and calendar) when the cases of a partition were last
-- looked over for it. While that goes on, "through" is the subject up to which it is done.
CREATE TABLE organ_applied (
    partition  int NOT NULL,
    organ      text NOT NULL,
    terms      text NOT NULL,
    through    text,
    PRIMARY KEY (partition, organ)
);
CREATE INDEX organ_applied_unfinished ON organ_applied (partition, organ) WHERE through IS NOT NULL;

-- A digest of the terms of all organs that the rows above are made from.
ALTER TABLE reference_applied ADD COLUMN stamp text NOT NULL DEFAULT '';

-- Cases that the clock failed over and looks at again later; a change of organs or calendars looks at them at once.
CREATE TABLE postponed (
    partition  int NOT NULL,
    subject    text NOT NULL,
    PRIMARY KEY (partition, subject)
);

-- The cases whose dates can still move, by what moves them.
CREATE INDEX cases_pending ON cases (partition, organ, subject) WHERE state IN ('open', 'stopped', 'unconfirmed', 'waiting')
    OR state = 'retracted' AND waiting_for <> '';
