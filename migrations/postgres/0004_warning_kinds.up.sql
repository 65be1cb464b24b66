-- What a warning is for decides how it reads: an offence, a join, or having left a channel.
ALTER TABLE warnings ADD COLUMN kind TEXT NOT NULL DEFAULT 'offence' CHECK (kind IN ('offence', 'join', 'left'));
