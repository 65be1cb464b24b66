-- What the bot has last said of its own standing in a group. No reference to the group: it greets before there is a protection.
-- message_id: NULL as long as it has not been said, 0 when it is not known which message it is, or there is none.
CREATE TABLE bot_standings (
    group_id INTEGER PRIMARY KEY,
    said TEXT NOT NULL,
    message_id INTEGER,
    since_ms INTEGER NOT NULL
) STRICT;

-- Which supergroup has this basic group become?
CREATE TABLE moved_groups (
    old_id INTEGER PRIMARY KEY,
    new_id INTEGER NOT NULL,
    moved_ms INTEGER NOT NULL
) STRICT;
-- Which group was this supergroup before?
CREATE INDEX moved_groups_new ON moved_groups (new_id);
