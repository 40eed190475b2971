-- The cases whose dates can still move, by what moves them: also what is no request but a duty of an organ, and ended
-- requests with a duty that is still open.
CREATE INDEX cases_movable ON cases (partition, organ, subject)
    WHERE state IN ('open', 'stopped', 'unconfirmed', 'waiting', 'duty') OR state = 'retracted' AND waiting_for <> ''
    OR state IN ('answered', 'closed') AND wake_at IS NOT NULL;
DROP INDEX cases_pending;

-- What is open inside the offices: each step and each duty that is not done, written with its case.
CREATE TABLE office (
    subject      text NOT NULL,
    kind         text NOT NULL,
    about        text NOT NULL,
    partition    int NOT NULL,
    organ        text NOT NULL,
    unit         text NOT NULL,
    code         text NOT NULL,
    assignment   text NOT NULL,
    since        date NOT NULL,
    due_on       date,
    accepted     boolean NOT NULL,
    provisional  boolean NOT NULL,
    body         bytea NOT NULL,
    PRIMARY KEY (subject, kind, about)
);
CREATE INDEX office_listed ON office (kind, organ, (coalesce(due_on, DATE 'infinity')), subject, about);
-- What an earlier release decided is brought into the table by a start.
INSERT INTO unlisted SELECT subject FROM cases ON CONFLICT DO NOTHING;
CREATE INDEX office_unit ON office (unit, organ) WHERE kind = 'step';
