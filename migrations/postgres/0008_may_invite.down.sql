ALTER TABLE group_channel_links DROP COLUMN may_invite;
