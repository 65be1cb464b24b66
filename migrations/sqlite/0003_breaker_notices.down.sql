DROP INDEX dead_letters_by_age;
DROP INDEX join_requests_closed;
DROP INDEX warnings_closed;
DROP INDEX mutes_closed;
ALTER TABLE warnings DROP COLUMN shared;
DROP TABLE breaker_notices;
