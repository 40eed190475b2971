-- Requests that no row of a report has: what is missing for a report names how many there are.
CREATE INDEX request_unconfirmed ON request (organ, submitted_on) WHERE state = 'unconfirmed';
