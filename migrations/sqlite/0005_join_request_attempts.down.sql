ALTER TABLE join_requests DROP COLUMN attempts;
