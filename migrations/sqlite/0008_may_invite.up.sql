-- Whether the group may hand out the invite link of the channel: an admin of the channel has required it here. While a channel is public
-- anybody may require it, and it can become private later.
ALTER TABLE group_channel_links ADD COLUMN may_invite INTEGER NOT NULL DEFAULT 0;
-- Who has required a private channel so far was an admin of it.
UPDATE group_channel_links SET may_invite = TRUE
    WHERE EXISTS (SELECT 1 FROM enforced_channels c WHERE c.channel_id = group_channel_links.channel_id AND c.username IS NULL);
