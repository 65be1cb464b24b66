"""A small gatekeeper on aiogram: any bot runs against the simulator once its API URL is set. gatekeeper.py URL TOKEN @channel"""
import asyncio
import sys

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import CallbackQuery, ChatPermissions, InlineKeyboardButton, InlineKeyboardMarkup, Message

url, token, channel = sys.argv[1:]
dispatcher = Dispatcher()
button = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="I have joined", callback_data="check")]])
nothing = ChatPermissions(**{name: False for name in ChatPermissions.model_fields})
everything = ChatPermissions(**{name: True for name in ChatPermissions.model_fields})

@dispatcher.message(F.text)
async def guard(message: Message, bot: Bot) -> None:
    if (await bot.get_chat_member(channel, message.from_user.id)).status in ("left", "kicked"):
        await message.delete()
        await message.chat.restrict(message.from_user.id, nothing)
        await message.answer(f"{message.from_user.mention_html()}, join {channel}", parse_mode="HTML", reply_markup=button)

@dispatcher.callback_query()
async def check(press: CallbackQuery, bot: Bot) -> None:
    if (await bot.get_chat_member(channel, press.from_user.id)).status == "member":
        await press.message.chat.restrict(press.from_user.id, everything)
        await press.message.delete()
        await press.answer("Welcome!")

session = AiohttpSession(api=TelegramAPIServer.from_base(url))
asyncio.run(dispatcher.start_polling(Bot(token, session=session), handle_signals=False))
