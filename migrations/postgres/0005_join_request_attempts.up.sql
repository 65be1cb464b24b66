-- How often it was begun to tell somebody what they miss: written before it is sent, so that a crash in between does not repeat it for ever.
ALTER TABLE join_requests ADD COLUMN attempts BIGINT NOT NULL DEFAULT 0;
