-- Asks the buckets of several calls, in order: each is taken out of all its buckets, or out of none. Times are microseconds since the epoch of
-- `now`, the server's clock. Nothing is booked ahead: a refusal says when to ask again.
--
-- KEYS, for each call: level and closing of its class, a closing that stops the class too, level and closing of its chat.
-- ARGV, for each call: interval, period and what it must leave over of its class; the same of its chat (0: no rate), and how far ahead its
--   asker knows the chat to be full.
-- Returns, for each call: when its class and its chat open (0: taken), how long they are closed, how far ahead they are full now.
local function closed_until(key)
  return tonumber(redis.call('GET', key) or 0)
end

-- Never in the past, never more than a period ahead: the clock may have been set back.
local function full_at(key, period)
  return math.min(math.max(tonumber(redis.call('GET', key) or 0), now), now + period)
end

local function take(key, full, interval)
  redis.call('SET', key, string.format('%.0f', full + interval), 'PX', math.ceil((full + interval - now) / 1000) + 1)
end

local answer = {}
for call = 0, #ARGV / 7 - 1 do
  local class, class_closing, also, chat, chat_closing = unpack(KEYS, call * 5 + 1, call * 5 + 5)
  local numbers = {}
  for n = 1, 7 do
    numbers[n] = tonumber(ARGV[call * 7 + n])
  end
  local interval, period, left, chat_interval, chat_period, chat_left, ahead = unpack(numbers)

  local class_closed = math.max(closed_until(class_closing), closed_until(also))
  local chat_closed = closed_until(chat_closing)
  local class_full = full_at(class, period)
  local class_opens = math.max(class_closed, class_full + interval + left - period)
  local chat_full, chat_opens = now, chat_closed
  if chat_interval > 0 then
    chat_full = math.min(math.max(full_at(chat, chat_period), now + ahead), now + chat_period)
    chat_opens = math.max(chat_closed, chat_full + chat_interval + chat_left - chat_period)
  end

  if class_opens <= now and chat_opens <= now then
    take(class, class_full, interval)
    class_full = class_full + interval
    if chat_interval > 0 then
      take(chat, chat_full, chat_interval)
      chat_full = chat_full + chat_interval
    end
  end
  for _, time in ipairs({ class_opens, chat_opens, class_closed, chat_closed, class_full, chat_full }) do
    answer[#answer + 1] = math.max(time - now, 0)
  end
end
return answer
