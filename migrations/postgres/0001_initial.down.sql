-- Takes the first schema away, and with it everything the bot knows.
DROP TABLE shard_epochs;
DROP TABLE broadcasts;
DROP TABLE tasks;
DROP TABLE effects;
DROP TABLE join_requests;
DROP TABLE warnings;
DROP TABLE mutes;
DROP TABLE allowed_users;
DROP TABLE channel_breakers;
DROP TABLE group_channel_links;
DROP TABLE enforced_channels;
DROP TABLE protected_groups;
DROP TABLE owners;
