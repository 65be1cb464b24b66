-- Telegram has said 429: closes a bucket for the whole wait, and its class too if that has happened in several chats at once. Until the
-- period after that is over, a bucket fills up from empty.
--
-- KEYS: closing and level of the bucket, closing and level of its class, the class's latest floods.
-- ARGV: the wait; the chat ('': the class itself is flooded); how far ahead an empty bucket of the chat and of the class is full; for how long
--   floods count, and how many of them close the class. Times are microseconds.
local function close(closing, level, wait, ahead)
  local until_us = now + wait
  if tonumber(redis.call('GET', closing) or 0) >= until_us then return end
  redis.call('SET', closing, string.format('%.0f', until_us), 'PX', math.ceil(wait / 1000))
  if ahead > 0 then
    local full = math.max(tonumber(redis.call('GET', level) or 0), until_us + ahead)
    redis.call('SET', level, string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000) + 1)
  end
end

local wait, chat = tonumber(ARGV[1]), ARGV[2]
local count_for = tonumber(ARGV[5])
if chat == '' then
  return close(KEYS[3], KEYS[4], wait, tonumber(ARGV[4]))
end
close(KEYS[1], KEYS[2], wait, tonumber(ARGV[3]))
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', now - count_for)
redis.call('ZADD', KEYS[5], now, chat)
redis.call('PEXPIRE', KEYS[5], math.ceil(count_for / 1000))
if redis.call('ZCARD', KEYS[5]) >= tonumber(ARGV[6]) then
  close(KEYS[3], KEYS[4], wait, tonumber(ARGV[4]))
end
