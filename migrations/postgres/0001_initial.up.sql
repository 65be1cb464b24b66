-- The first schema. Times are milliseconds since the Unix epoch (*_ms) except Telegram's own until_date, in seconds (until_s).
-- An index names the question that it answers.

CREATE TABLE owners (
    user_id BIGINT PRIMARY KEY,
    username TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- A group stays when its protection ends: its settings wait for the next /protect.
CREATE TABLE protected_groups (
    group_id BIGINT PRIMARY KEY,
    owner_id BIGINT NOT NULL REFERENCES owners (user_id),
    title TEXT NOT NULL,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    params JSONB NOT NULL DEFAULT '{}',
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);
-- Which groups has this owner?
CREATE INDEX idx_groups_owner ON protected_groups (owner_id);
-- Which groups are protected now?
CREATE INDEX idx_groups_enabled ON protected_groups (group_id) WHERE enabled;
-- Which groups have this setting?
CREATE INDEX idx_params_gin ON protected_groups USING GIN (params);

CREATE TABLE enforced_channels (
    channel_id BIGINT PRIMARY KEY,
    title TEXT NOT NULL,
    username TEXT,
    invite_link TEXT,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL
);

-- ON UPDATE CASCADE: a group that becomes a supergroup changes its id.
CREATE TABLE group_channel_links (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id BIGINT NOT NULL REFERENCES protected_groups (group_id) ON UPDATE CASCADE ON DELETE CASCADE,
    channel_id BIGINT NOT NULL REFERENCES enforced_channels (channel_id),
    position INTEGER NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (group_id, channel_id)
);
-- Which channels does this group require, in their order?
CREATE INDEX idx_links_group ON group_channel_links (group_id, position);
-- Which groups require this channel?
CREATE INDEX idx_links_channel ON group_channel_links (channel_id);

-- Why a channel cannot be asked about now. A row is an open breaker.
CREATE TABLE channel_breakers (
    channel_id BIGINT PRIMARY KEY REFERENCES enforced_channels (channel_id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    since_ms BIGINT NOT NULL,
    probed_ms BIGINT NOT NULL,
    told_ms BIGINT
);

CREATE TABLE allowed_users (
    group_id BIGINT NOT NULL REFERENCES protected_groups (group_id) ON UPDATE CASCADE ON DELETE CASCADE,
    subject_id BIGINT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    added_by BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (group_id, subject_id)
);

-- The ledger: what this bot did to whom. No reference to the group: it must be writable and readable whatever became of the group's row.
CREATE TABLE mutes (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'releasing', 'closed')),
    until_s BIGINT NOT NULL,
    restriction_before TEXT,
    created_ms BIGINT NOT NULL,
    closed_ms BIGINT,
    closed_why TEXT,
    CHECK ((state = 'closed') = (closed_ms IS NOT NULL))
);
-- Is this person muted in this group? At most one open row says so.
CREATE UNIQUE INDEX mutes_one_open ON mutes (group_id, user_id) WHERE closed_ms IS NULL;
-- Where is this person muted?
CREATE INDEX mutes_open_of_user ON mutes (user_id) WHERE closed_ms IS NULL;
-- Who is muted in this group, page by page?
CREATE INDEX mutes_open_of_group ON mutes (group_id, id) WHERE closed_ms IS NULL;

CREATE TABLE warnings (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'sending', 'sent', 'removed', 'lost')),
    message_id BIGINT,
    thread_id BIGINT,
    missing TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL,
    closed_ms BIGINT,
    CHECK ((state IN ('removed', 'lost')) = (closed_ms IS NOT NULL))
);
-- Has this person been warned in this group? At most one live row says so.
CREATE UNIQUE INDEX warnings_one_live ON warnings (group_id, user_id) WHERE closed_ms IS NULL;
-- Which warnings wait for the group's send budget?
CREATE INDEX warnings_unsent ON warnings (group_id, id) WHERE state IN ('wanted', 'sending');
-- Whom does this message name?
CREATE INDEX warnings_of_message ON warnings (group_id, message_id) WHERE closed_ms IS NULL;

CREATE TABLE join_requests (
    group_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    user_chat_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'gone')),
    message_id BIGINT,
    requested_ms BIGINT NOT NULL,
    closed_ms BIGINT,
    PRIMARY KEY (group_id, user_id),
    CHECK ((state = 'waiting') = (closed_ms IS NULL))
);
-- Which groups is this person waiting for?
CREATE INDEX join_requests_of_user ON join_requests (user_id) WHERE closed_ms IS NULL;

-- Updates that had an effect, kept 48 hours: a redelivered one resumes from the rows.
CREATE TABLE effects (
    key TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL
);
-- Which marks are old enough to go?
CREATE INDEX effects_by_age ON effects (at_ms);

-- Due rows: each becomes a message of the queue when its time comes.
CREATE TABLE tasks (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard INTEGER NOT NULL,
    chat_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    due_ms BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    trace TEXT NOT NULL,
    UNIQUE (chat_id, key)
);
-- What is due in my shards?
CREATE INDEX tasks_due ON tasks (shard, due_ms);

-- A text on its way to all groups or owners; position is the last chat that is done with, in ascending order of id.
CREATE TABLE broadcasts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    audience TEXT NOT NULL CHECK (audience IN ('groups', 'owners')),
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'done', 'cancelled')),
    position BIGINT,
    total BIGINT NOT NULL,
    sent BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    created_ms BIGINT NOT NULL,
    updated_ms BIGINT NOT NULL,
    finished_ms BIGINT
);

-- The fence: who raised the epoch of a shard last may write for it.
CREATE TABLE shard_epochs (
    shard INTEGER PRIMARY KEY,
    epoch BIGINT NOT NULL
);
