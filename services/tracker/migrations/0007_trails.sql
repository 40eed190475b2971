-- Where requests went. A row stands for a request that was transferred (to whom, by whom, when), or that another one is
-- said to follow, whichever came first: both sides write it, so that they meet there.
CREATE TABLE handed_on (
    request     text PRIMARY KEY,
    partition   int,
    to_organ    text,
    from_organ  text,
    moved_on    date
);

-- Which requests follow another one, each with its own organ.
CREATE TABLE followed (
    request  text NOT NULL,
    subject  text NOT NULL,
    organ    text NOT NULL,
    why      text NOT NULL,
    PRIMARY KEY (request, subject)
);

-- What an earlier release decided is brought into these tables by a start.
INSERT INTO unlisted SELECT subject FROM cases ON CONFLICT DO NOTHING;
