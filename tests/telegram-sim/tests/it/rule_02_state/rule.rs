//! Rule 2: people, chats, members, permissions, messages with their age, links and requests, by a clock of their own.

mod access;
mod chats;
mod links;
mod messages;
mod requests;
mod senders;
mod service_messages;
mod time;
mod upgrade;
