-- A subject of the case topic: a request as its last event left it, or an organ's own events (then all but the first
-- two columns are null). An event whose number is not beyond `sequence` has been folded.
CREATE TABLE request (
    subject       text PRIMARY KEY,
    sequence      bigint NOT NULL,
    organ         text,
    channel       text,
    applicant     text,
    statute       text,
    submitted_on  date,
    state         text,
    received_on   date,
    due_on        date,
    provisional   boolean,
    extended      boolean,
    answered_on   date,
    closed_on     date,
    outcome       text,
    timeliness    text,
    working_days  int,
    overdue_from  date
);
CREATE INDEX request_unanswered ON request (organ, state, due_on, overdue_from) WHERE state IN ('open', 'stopped');

CREATE TABLE review (
    subject                  text NOT NULL,
    review                   text NOT NULL,
    organ                    text NOT NULL,
    kind                     text NOT NULL,
    filed_on                 date NOT NULL,
    first_handling_disputed  boolean NOT NULL,
    decided_on               date,
    result                   text,
    PRIMARY KEY (subject, review)
);

CREATE TABLE tally (
    subject  text NOT NULL,
    source   text NOT NULL,
    id       text NOT NULL,
    organ    text NOT NULL,
    "on"     date NOT NULL,
    measure  text NOT NULL,
    count    numeric NOT NULL,
    PRIMARY KEY (subject, source, id)
);

-- The counters. Each is the sum of what the rows above contribute, and the sum of its changes below.
CREATE TABLE cell (
    organ  text NOT NULL,
    year   int NOT NULL,
    kind   text NOT NULL,
    a      text NOT NULL,
    b      text NOT NULL,
    c      text NOT NULL,
    count  numeric NOT NULL,
    PRIMARY KEY (organ, year, kind, a, b, c)
);

-- Every change of a counter, with the event that made it and when that event was written to the log: a year can be
-- read as of any instant, and a number opened down to the requests behind it, by sums over these rows. Never updated.
CREATE TABLE cell_change (
    organ        text NOT NULL,
    year         int NOT NULL,
    kind         text NOT NULL,
    a            text NOT NULL,
    b            text NOT NULL,
    c            text NOT NULL,
    delta        numeric NOT NULL,
    subject      text NOT NULL,
    sequence     bigint NOT NULL,
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX cell_change_year ON cell_change (organ, year, recorded_at);

-- What has been folded of each partition, beside its position.
CREATE TABLE folded (
    topic          text NOT NULL,
    partition      int NOT NULL,
    events         bigint NOT NULL,
    repeated       bigint NOT NULL,
    last_event_at  timestamptz NOT NULL,
    PRIMARY KEY (topic, partition)
);
