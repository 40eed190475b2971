-- When the applicant was first told something, and after how many days. Null where the event that made the row was
-- written before events said so.
ALTER TABLE request
    ADD COLUMN first_response_on   date,
    ADD COLUMN first_working_days  int;
