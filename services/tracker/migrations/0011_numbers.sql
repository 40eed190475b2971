-- Requests are searched by the beginning or the end of their number, bytewise, whatever the database's collation is.

CREATE INDEX cases_number ON cases (subject text_pattern_ops);
CREATE INDEX cases_number_end ON cases (reverse(subject) text_pattern_ops);
