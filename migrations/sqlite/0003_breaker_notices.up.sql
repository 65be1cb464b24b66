-- What a group was told about a channel whose breaker is open: the message stays until the channel can be asked again.
CREATE TABLE breaker_notices (
    group_id INTEGER NOT NULL,
    channel_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sending', 'sent', 'lost', 'resolving')),
    message_id INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, channel_id)
) STRICT;
-- Which groups were told of this channel?
CREATE INDEX breaker_notices_of_channel ON breaker_notices (channel_id);

-- Whether the warning's message is one for several people, which is edited as they come and go.
ALTER TABLE warnings ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

-- What is over for long enough to be forgotten?
CREATE INDEX mutes_closed ON mutes (closed_ms) WHERE closed_ms IS NOT NULL;
CREATE INDEX warnings_closed ON warnings (closed_ms) WHERE closed_ms IS NOT NULL;
CREATE INDEX join_requests_closed ON join_requests (closed_ms) WHERE closed_ms IS NOT NULL;
CREATE INDEX dead_letters_by_age ON dead_letters (buried_ms);
