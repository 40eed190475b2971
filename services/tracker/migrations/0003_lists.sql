-- The list of requests, in the order of its pages, whatever it is narrowed by: a status is a state and a range of due
-- dates, so each page is read from one of these from its first row on. A request without a due date comes last.
-- These take the place of two that served no order.
CREATE INDEX cases_listed ON cases (state, (coalesce(due_on, DATE 'infinity')), subject)
    WHERE state <> 'waiting' OR waiting_for <> '';
CREATE INDEX cases_listed_organ ON cases (organ, state, (coalesce(due_on, DATE 'infinity')), subject)
    WHERE state <> 'waiting' OR waiting_for <> '';
DROP INDEX cases_due;
DROP INDEX cases_organ;

-- What was rejected, by whom it was sent, and about what. Immutable, as an index needs it: the bodies are UTF-8.
CREATE FUNCTION rejected_source(body bytea) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
BEGIN
    RETURN convert_from(body, 'UTF8')::jsonb #>> '{data,cause,source}';
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
CREATE FUNCTION rejected_organ(body bytea, subject text) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
DECLARE
    data jsonb;
BEGIN
    data := convert_from(body, 'UTF8')::jsonb -> 'data';
    RETURN coalesce(data #>> '{request,organ}', data #>> '{fact,data,organ}', subject);
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
CREATE INDEX events_rejected_source ON events (rejected_source(body), number) WHERE name = 'fact-rejected';
CREATE INDEX events_rejected_organ ON events (rejected_organ(body, subject), number) WHERE name = 'fact-rejected';
CREATE INDEX events_rejected_both ON events (rejected_source(body), rejected_organ(body, subject), number)
    WHERE name = 'fact-rejected';
CREATE INDEX events_rejected_subject ON events (subject, number) WHERE name = 'fact-rejected';
