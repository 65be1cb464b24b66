DROP INDEX broadcasts_open;
ALTER TABLE broadcasts DROP COLUMN held_until_ms;
ALTER TABLE broadcasts DROP COLUMN holder;
ALTER TABLE broadcasts DROP COLUMN skipped;
