-- Why, as a code with its values, written with the letter: nothing works it out of the reason's words any more. Older
-- letters get theirs once, here, from the class that was derived of the words they were written with.
ALTER TABLE dead_letter
    ADD COLUMN code      text NOT NULL DEFAULT 'unfit',
    ADD COLUMN "values"  jsonb NOT NULL DEFAULT '{}';
UPDATE dead_letter SET
    code = CASE class WHEN 'type' THEN 'type-unknown' WHEN 'field' THEN 'field-invalid' ELSE class END,
    "values" = jsonb_build_object('field', CASE class WHEN 'type' THEN '$.type' ELSE '$' END)
    WHERE class <> 'unfit';
DROP INDEX dead_letter_class;
ALTER TABLE dead_letter DROP COLUMN class;
-- The metrics count them every few seconds, from the index alone.
CREATE INDEX dead_letter_code ON dead_letter (topic, code);
