-- A fold says of each request whether its facts contradict one another; of those that were folded before events said so
-- it says that they do not.
UPDATE request SET contradicting = false WHERE contradicting IS NULL AND organ IS NOT NULL;
