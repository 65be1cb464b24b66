-- The first schema. Times are milliseconds since the Unix epoch (*_ms) except Telegram's own until_date, in seconds (until_s).
-- An index names the question that it answers. As on Postgres, except: STRICT tables, a number for a truth, text for JSON, no index into JSON.
-- AUTOINCREMENT everywhere: a message of the queue carries the id of its task, so an id may never name a second thing.

CREATE TABLE owners (
    user_id INTEGER PRIMARY KEY,
    username TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;

-- A group stays when its protection ends: its settings wait for the next /protect.
CREATE TABLE protected_groups (
    group_id INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES owners (user_id),
    title TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    params TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(params)),
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
-- Which groups has this owner?
CREATE INDEX idx_groups_owner ON protected_groups (owner_id);
-- Which groups are protected now?
CREATE INDEX idx_groups_enabled ON protected_groups (group_id) WHERE enabled;

CREATE TABLE enforced_channels (
    channel_id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    username TEXT,
    invite_link TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;

-- ON UPDATE CASCADE: a group that becomes a supergroup changes its id.
CREATE TABLE group_channel_links (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL REFERENCES protected_groups (group_id) ON UPDATE CASCADE ON DELETE CASCADE,
    channel_id INTEGER NOT NULL REFERENCES enforced_channels (channel_id),
    position INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    UNIQUE (group_id, channel_id)
) STRICT;
-- Which channels does this group require, in their order?
CREATE INDEX idx_links_group ON group_channel_links (group_id, position);
-- Which groups require this channel?
CREATE INDEX idx_links_channel ON group_channel_links (channel_id);

-- Why a channel cannot be asked about now. A row is an open breaker.
CREATE TABLE channel_breakers (
    channel_id INTEGER PRIMARY KEY REFERENCES enforced_channels (channel_id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    probed_ms INTEGER NOT NULL,
    told_ms INTEGER
) STRICT;

CREATE TABLE allowed_users (
    group_id INTEGER NOT NULL REFERENCES protected_groups (group_id) ON UPDATE CASCADE ON DELETE CASCADE,
    subject_id INTEGER NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    added_by INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, subject_id)
) STRICT;

-- The ledger: what this bot did to whom. No reference to the group: it must be writable and readable whatever became of the group's row.
CREATE TABLE mutes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'releasing', 'closed')),
    until_s INTEGER NOT NULL,
    restriction_before TEXT,
    created_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    closed_why TEXT,
    CHECK ((state = 'closed') = (closed_ms IS NOT NULL))
) STRICT;
-- Is this person muted in this group? At most one open row says so.
CREATE UNIQUE INDEX mutes_one_open ON mutes (group_id, user_id) WHERE closed_ms IS NULL;
-- Where is this person muted?
CREATE INDEX mutes_open_of_user ON mutes (user_id) WHERE closed_ms IS NULL;
-- Who is muted in this group, page by page?
CREATE INDEX mutes_open_of_group ON mutes (group_id, id) WHERE closed_ms IS NULL;

CREATE TABLE warnings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'sending', 'sent', 'removed', 'lost')),
    message_id INTEGER,
    thread_id INTEGER,
    missing TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    CHECK ((state IN ('removed', 'lost')) = (closed_ms IS NOT NULL))
) STRICT;
-- Has this person been warned in this group? At most one live row says so.
CREATE UNIQUE INDEX warnings_one_live ON warnings (group_id, user_id) WHERE closed_ms IS NULL;
-- Which warnings wait for the group's send budget?
CREATE INDEX warnings_unsent ON warnings (group_id, id) WHERE state IN ('wanted', 'sending');
-- Whom does this message name?
CREATE INDEX warnings_of_message ON warnings (group_id, message_id) WHERE closed_ms IS NULL;

CREATE TABLE join_requests (
    group_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    user_chat_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'approved', 'gone')),
    message_id INTEGER,
    requested_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    PRIMARY KEY (group_id, user_id),
    CHECK ((state = 'waiting') = (closed_ms IS NULL))
) STRICT;
-- Which groups is this person waiting for?
CREATE INDEX join_requests_of_user ON join_requests (user_id) WHERE closed_ms IS NULL;

-- Updates that had an effect, kept 48 hours: a redelivered one resumes from the rows.
CREATE TABLE effects (
    key TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL
) STRICT;
-- Which marks are old enough to go?
CREATE INDEX effects_by_age ON effects (at_ms);

-- Due rows: each becomes a message of the queue when its time comes.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    shard INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    trace TEXT NOT NULL,
    UNIQUE (chat_id, key)
) STRICT;
-- What is due in my shards?
CREATE INDEX tasks_due ON tasks (shard, due_ms);

-- A text on its way to all groups or owners; position is the last chat that is done with, in ascending order of id.
CREATE TABLE broadcasts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    audience TEXT NOT NULL CHECK (audience IN ('groups', 'owners')),
    body TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running', 'paused', 'done', 'cancelled')),
    position INTEGER,
    total INTEGER NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    finished_ms INTEGER
) STRICT;

-- The fence: who raised the epoch of a shard last may write for it.
CREATE TABLE shard_epochs (
    shard INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL
) STRICT;

-- The queue of the stand-alone program: what Telegram or a timer handed over. A row that is done with is emptied and stays for a while, so
-- that the same update, fetched again after a crash, is known.
CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    shard INTEGER NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    done INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1))
) STRICT;
-- What waits in this shard, oldest first? How many wait?
CREATE INDEX inbox_waiting ON inbox (shard, seq) WHERE done = 0;

-- What could not be handled, for an operator. The same one again is one letter.
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    trace_id TEXT NOT NULL,
    buried_ms INTEGER NOT NULL,
    UNIQUE (headers, body)
) STRICT;

-- One row: how many periods of ownership the stand-alone queue has begun.
CREATE TABLE inbox_epoch (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL
) STRICT;
