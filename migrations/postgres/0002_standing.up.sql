-- What the bot has last said of its own standing in a group. No reference to the group: it greets before there is a protection.
-- message_id: NULL as long as it has not been said, 0 when it is not known which message it is, or there is none.
CREATE TABLE bot_standings (
    group_id BIGINT PRIMARY KEY,
    said TEXT NOT NULL,
    message_id BIGINT,
    since_ms BIGINT NOT NULL
);

-- Which supergroup has this basic group become?
CREATE TABLE moved_groups (
    old_id BIGINT PRIMARY KEY,
    new_id BIGINT NOT NULL,
    moved_ms BIGINT NOT NULL
);
-- Which group was this supergroup before?
CREATE INDEX moved_groups_new ON moved_groups (new_id);
