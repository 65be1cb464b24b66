-- Those whose process ended only after a while were rather met by its end than the cause of it.
-- Of the times that it was begun: how often it was still under way a second later.
ALTER TABLE suspects ADD COLUMN slow BIGINT NOT NULL DEFAULT 0;
