-- What a dead letter is about, as far as its bytes can be read: it is shown where people look for its subject, and found
-- by who sent it. Null where the record can't be read that far, and in letters recorded before there were these columns.
ALTER TABLE dead_letter
    ADD COLUMN subject   text,
    ADD COLUMN source    text,
    ADD COLUMN event_id  text,
    ADD COLUMN type      text,
    ADD COLUMN organ     text;
CREATE INDEX dead_letter_subject ON dead_letter (subject, recorded_at) WHERE subject IS NOT NULL;
CREATE INDEX dead_letter_source ON dead_letter (source, recorded_at) WHERE source IS NOT NULL;
CREATE INDEX dead_letter_organ ON dead_letter (organ, recorded_at) WHERE organ IS NOT NULL;
CREATE INDEX dead_letter_both ON dead_letter (source, organ, recorded_at) WHERE source IS NOT NULL;
-- The list of a topic's letters in its order, and of those in one state.
CREATE INDEX dead_letter_listed ON dead_letter (topic, recorded_at, partition, "offset");
CREATE INDEX dead_letter_state ON dead_letter (topic, state, recorded_at, partition, "offset");
DROP INDEX dead_letter_open;

-- Why, as the metrics count it: read every few seconds, from the index alone.
ALTER TABLE dead_letter ADD COLUMN class text GENERATED ALWAYS AS (
    CASE WHEN reason LIKE '%expected one JSON object%' THEN 'not-json' WHEN reason LIKE '$.type:%' THEN 'type'
         WHEN reason LIKE '$%' THEN 'field' ELSE 'unfit' END) STORED;
CREATE INDEX dead_letter_class ON dead_letter (topic, class);
