-- Those who cannot be written to: no fault, so they are counted apart.
ALTER TABLE broadcasts ADD COLUMN skipped BIGINT NOT NULL DEFAULT 0;

-- The process that sends it, and until when that counts: it says again and again that it is alive.
ALTER TABLE broadcasts ADD COLUMN holder TEXT;
ALTER TABLE broadcasts ADD COLUMN held_until_ms BIGINT;

-- One at a time, whoever begins it.
UPDATE broadcasts SET state = 'cancelled'
    WHERE state IN ('running', 'paused') AND id < (SELECT MAX(id) FROM broadcasts WHERE state IN ('running', 'paused'));
CREATE UNIQUE INDEX broadcasts_open ON broadcasts ((1)) WHERE state IN ('running', 'paused');
