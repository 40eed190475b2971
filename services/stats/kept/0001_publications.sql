-- Reports as they were published. They are nobody's derivative: the log has no record of them, so they live in a schema
-- of their own, which no rebuild of the counters touches, and belong into every backup.
CREATE TABLE publication (
    organ         text NOT NULL,
    year          int NOT NULL,
    number        int NOT NULL CHECK (number > 0),
    published_on  date NOT NULL,
    made_at       timestamptz NOT NULL DEFAULT now(),
    content       text NOT NULL,
    digest        text NOT NULL,
    PRIMARY KEY (organ, year, number)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a publication is never changed or deleted; publish the year again instead';
END
$$;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON publication
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON publication
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
