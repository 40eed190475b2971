-- What an organ posted under its code is looked at with the organs and calendars that are known then, so after its names:
-- a task beside the worker does it. Subjects that an earlier release listed without their strands are looked at again.
ALTER TABLE unlisted ADD COLUMN named boolean NOT NULL DEFAULT false;
INSERT INTO unlisted (subject, named) SELECT DISTINCT subject, true FROM strands ON CONFLICT DO NOTHING;
CREATE INDEX unlisted_named ON unlisted (named, subject);
