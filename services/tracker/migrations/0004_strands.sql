-- What organs post under their own codes: a row for each review and each tally with what amends it, so that the next one
-- costs the same however many there are. The case of the organ keeps the numbers, the strands the facts.
CREATE TABLE strands (
    subject    text NOT NULL,
    partition  int NOT NULL,
    number     bigint NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (subject, number)
);

-- What leads to a strand: the source and id of each fact in it or awaited by it, and (with an empty source) a review's id.
CREATE TABLE strand_names (
    subject    text NOT NULL,
    partition  int NOT NULL,
    source     text NOT NULL,
    id         text NOT NULL,
    number     bigint NOT NULL,
    PRIMARY KEY (subject, source, id)
);

-- Cases of an earlier release that may hold what belongs in strands, and subjects with tallies: a start splits them out
-- of their events, which carry every fact. That is also why the tallies need not be carried over; and a process of that
-- release, which would look for them there, ends at the next one.
CREATE TABLE unsplit (subject text PRIMARY KEY);
INSERT INTO unsplit
    SELECT subject FROM cases WHERE state IN ('organ', 'waiting')
    UNION SELECT convert_from(body, 'UTF8')::jsonb ->> 'subject' FROM tallies;
DROP TABLE tallies;

-- Until then it may still write: its bodies lack what says how much is kept apart.
CREATE FUNCTION note_unsplit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.unsplit VALUES ($1) ON CONFLICT DO NOTHING', TG_TABLE_SCHEMA) USING NEW.subject;
    RETURN NULL;
END $$;
CREATE TRIGGER unsplit AFTER INSERT OR UPDATE OF body ON cases FOR EACH ROW
    WHEN (NEW.state IN ('organ', 'waiting') AND position('"apart":'::bytea IN NEW.body) = 0)
    EXECUTE FUNCTION note_unsplit();
