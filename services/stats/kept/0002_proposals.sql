-- A publication that a second person has still to confirm, where the office wants four eyes. One for each year; another
-- proposal takes its place.
CREATE TABLE proposal (
    organ        text NOT NULL,
    year         int NOT NULL,
    said         text NOT NULL,
    account      text NOT NULL,
    proposed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organ, year)
);
