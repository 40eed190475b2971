-- What becomes of a dead letter: it is told to the topic of dead letters, and in the end somebody settles it.
ALTER TABLE dead_letter
    ADD COLUMN key           bytea,
    ADD COLUMN published_at  timestamptz,
    ADD COLUMN state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'discarded')),
    ADD COLUMN settled_at    timestamptz,
    ADD COLUMN why           text NOT NULL DEFAULT '';
CREATE INDEX dead_letter_unpublished ON dead_letter (topic, partition, "offset") WHERE published_at IS NULL;
CREATE INDEX dead_letter_open ON dead_letter (recorded_at) WHERE state = 'open';
