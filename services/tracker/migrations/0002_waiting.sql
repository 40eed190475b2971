-- What waits is few among all; counting it must not read them all.
CREATE INDEX cases_unconfirmed ON cases (waiting_for) WHERE state = 'unconfirmed';
