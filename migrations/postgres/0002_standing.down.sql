DROP TABLE moved_groups;
DROP TABLE bot_standings;
