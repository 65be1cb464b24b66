-- Updates that a process had in hand when it ended without a word: one that ends every process is to be put away, and nothing else is.
CREATE TABLE suspects (
    -- The id of its message in the queue.
    message_id TEXT PRIMARY KEY,
    shard BIGINT NOT NULL,
    chat_id BIGINT NOT NULL,
    -- How often it was begun since it came under suspicion.
    begun BIGINT NOT NULL,
    at_ms BIGINT NOT NULL
);
-- Which are there in the shard that is taken over?
CREATE INDEX suspects_of_shard ON suspects (shard);
