//! Who is what in a chat, and what follows from changes of it.
