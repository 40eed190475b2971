-- What every service that follows a topic keeps beside its own tables, in its own schema.

-- How far each partition is applied. Written in the transaction of the rows it speaks of.
CREATE TABLE progress (
    topic        text NOT NULL,
    partition    int NOT NULL,
    next_offset  bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic, partition)
);

-- Records that could not be read, whole, with the reason.
CREATE TABLE dead_letter (
    topic        text NOT NULL,
    partition    int NOT NULL,
    "offset"     bigint NOT NULL,
    value        bytea NOT NULL,
    reason       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);
CREATE INDEX dead_letter_recorded ON dead_letter (recorded_at);
