-- What of each case needs a person, made from the case whenever it changes: the piece is 0 for a request, the number of
-- the strand for what an organ posted under its code, and -1 for what no case can see by itself.
CREATE TABLE attention (
    subject    text NOT NULL,
    piece      bigint NOT NULL,
    place      text NOT NULL,
    partition  int NOT NULL,
    kind       text NOT NULL,
    code       text NOT NULL,
    since      timestamptz NOT NULL,
    organ      text NOT NULL,
    source     text NOT NULL,
    fact       text NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (subject, piece, place)
);
CREATE INDEX attention_listed ON attention (since, subject, piece, place);
CREATE INDEX attention_kind ON attention (kind, since, subject, piece, place);
CREATE INDEX attention_organ ON attention (organ, since, subject, piece, place);
CREATE INDEX attention_source ON attention (source, since, subject, piece, place);

-- Which subject a fact's source and id stand for: the first that came. A second one is told in the table above.
CREATE TABLE fact_names (
    source     text NOT NULL,
    id         text NOT NULL,
    subject    text NOT NULL,
    partition  int NOT NULL,
    PRIMARY KEY (source, id)
);

-- Subjects of an earlier release that are not in the two tables yet: a start brings them there.
CREATE TABLE unlisted (subject text PRIMARY KEY);
INSERT INTO unlisted SELECT subject FROM cases;
CREATE INDEX dead_letter_name ON dead_letter (source, event_id) WHERE source IS NOT NULL;
