-- One row a request (or an organ's own facts). The body is the case itself; the columns beside it are for finding it.
CREATE TABLE cases (
    subject      text PRIMARY KEY,
    partition    int NOT NULL,
    body         bytea NOT NULL,
    sequence     bigint NOT NULL,
    state        text NOT NULL,
    organ        text NOT NULL,
    received_on  date,
    due_on       date,
    closed_on    date,
    waiting_for  text NOT NULL,
    calendar     text NOT NULL,
    wake_at      timestamptz,
    updated_at   timestamptz NOT NULL
);
CREATE INDEX cases_wake ON cases (partition, wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX cases_due ON cases (due_on, subject) WHERE state IN ('open', 'stopped');
CREATE INDEX cases_organ ON cases (organ, state, due_on);
CREATE INDEX cases_waiting ON cases (waiting_for) WHERE waiting_for <> '';

-- Tallies are kept apart from their organ's case: there may be many of them, and each stands alone.
CREATE TABLE tallies (
    source  text NOT NULL,
    id      text NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (source, id)
);

-- Every case event, in the order of its partition: the history of each case, and what is still to be published.
-- Rows of a partition are only written under the lock of its progress row, so their numbers follow their commits.
CREATE TABLE events (
    number     bigint GENERATED ALWAYS AS IDENTITY,
    partition  int NOT NULL,
    subject    text NOT NULL,
    sequence   bigint NOT NULL,
    name       text NOT NULL,
    body       bytea NOT NULL,
    PRIMARY KEY (subject, sequence)
);
CREATE INDEX events_outbox ON events (partition, number);
CREATE INDEX events_rejected ON events (number) WHERE name = 'fact-rejected';

-- How far the events of each partition are in the log.
CREATE TABLE published (
    partition  int PRIMARY KEY,
    through    bigint NOT NULL
);

-- How many reference records (organs, calendars) the cases of each partition have been looked at with.
CREATE TABLE reference_applied (
    partition  int PRIMARY KEY,
    known      bigint NOT NULL
);
