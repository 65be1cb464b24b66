//! Every sentence and every label that members and admins read, in the order in which they meet them.
//!
//! To change what the bot says, change the words between the quotation marks and nothing else. A word in braces is filled in: `{channel}`
//! becomes the channel's title. `\n` begins a new line; a `\` at the end of a line only means that the text goes on below.

use std::fmt::Display;

/// `NAME = "words"` is a text as it is; `name(what) = "words with {what}"` is one with something to fill in.
macro_rules! sentences {
    ($($name:ident $(($($filled:ident),+))? = $words:literal;)+) => { $(sentence!($name $(($($filled),+))? = $words);)+ };
}

macro_rules! sentence {
    ($name:ident = $words:literal) => {
        pub(crate) const $name: &str = $words;
    };
    ($name:ident ($($filled:ident),+) = $words:literal) => {
        pub(crate) fn $name($($filled: impl Display),+) -> String {
            format!($words)
        }
    };
}

sentences! {
    // ---- An admin finds the bot: the chat with it in private. ----

    START_PAGE = "Hello! With me, only subscribers of your channel can write in your group. Whoever has not joined it yet is shown where, \
        and can write the moment they have.";
    ADD_TO_GROUP = "Add me to a group";
    ADD_TO_CHANNEL = "Add me to a channel";
    HOW_IT_WORKS = "How it works";
    SET_UP = "Set up";
    COMMANDS = "Commands";
    BACK = "Back";

    HOW_PAGE = "Somebody writes in your group who is not subscribed to your channel: I delete the message, mute the person, and tell them \
        where to join.\n\n\
        Once they have joined, they can write again at once, by themselves or with the button \"I have joined\".\n\n\
        Admins can always write. When I cannot find out whether somebody is subscribed, I leave them alone. A mute ends by itself after a \
        day, or when you tell me to.";

    SETUP_PAGE = "Three steps:\n\n\
        1. Add me to your group, with the rights to delete messages and to ban users.\n\
        2. Add me to your channel as an admin; any right will do.\n\
        3. In the group, send /protect @channel, with your channel's name.\n\n\
        /setup in the group shows what is done and what is missing.";

    COMMANDS_PAGE = "In your group, for admins:\n\n\
        /setup - what is done and what is missing\n\
        /protect @channel - only subscribers can write\n\
        /unprotect - stop, and free everybody I muted\n\
        /settings - texts, times and how strict I am\n\
        /allow - let somebody write without subscribing\n\
        /disallow - take that back\n\
        /status - how things stand\n\n\
        Here:\n\
        /start - this menu, and where you are muted\n\
        /help - these commands";

    ONLY_IN_GROUPS = "That is for a group: please send it there. /start shows you how to begin, and adds me to your group.";

    // ---- The bot comes into a group: its greeting, with the next step. ----

    HELLO = "Hello! With me, only subscribers of your channel can write in this group.";
    NEXT_UPGRADE = "This is a basic group, where Telegram lets no bot mute anybody. Next step: turn it into a supergroup. Open the group's \
        settings and, for example, make the chat history visible to new members.";
    NEXT_RIGHTS = "Next step: make me an admin here who may delete messages and ban users.";
    NEXT_PROTECT = "Next step: press Set up, or send /protect @channel here, with the name of your channel.";
    MAKE_ADMIN = "Make me an admin";
    GOODBYE = "Hello! I am a private bot and work only in the groups of the person who runs me, so I am leaving again. All the best!";

    STARTED_IN_GROUP = "I am here. Admins: send /setup, and I will show you what is left to do.";
    HELP_IN_GROUP = "With me, only subscribers of this group's channel can write here.\n\n\
        For admins:\n\
        /setup - what is done and what is missing\n\
        /protect @channel - only subscribers can write\n\
        /unprotect - stop, and free everybody I muted\n\
        /settings - texts, times and how strict I am\n\
        /allow - let somebody write without subscribing\n\
        /disallow - take that back\n\
        /status - how things stand";

    // ---- What is offered to whoever types a slash. ----

    MENU_START = "What I do, and where you are muted";
    MENU_HELP = "How it works";
    MENU_STATUS = "How things stand in this group";
    MENU_SETUP = "What is done and what is missing";
    MENU_PROTECT = "Require a channel: /protect @channel";
    MENU_UNPROTECT = "Stop, and free everybody I muted";
    MENU_SETTINGS = "Change how I work here";
    MENU_ALLOW = "Let somebody write without subscribing";
    MENU_DISALLOW = "Take that back";

    // ---- /setup: the check-list. ✅ is done, ❌ is to do, ▫️ could not be looked at, or is meant to be so. ----

    setting_up(group) = "Setting up {group}";
    SUPERGROUP_DONE = "✅ This is a supergroup";
    SUPERGROUP_TO_DO = "❌ This is a basic group, where Telegram lets no bot mute anybody. Turn it into a supergroup: open the group's \
        settings and, for example, make the chat history visible to new members";
    RIGHTS_DONE = "✅ I have the rights I need here";
    rights_to_do(rights) = "❌ My rights here: please let me {rights}";
    RIGHTS_UNKNOWN = "▫️ My rights here: I could not check them right now";
    CHANNEL_TO_DO = "❌ The channel: none chosen yet";
    channel_done(channel) = "✅ The channel: {channel}";
    ADMIN_THERE_DONE = "✅ I am an admin there";
    ADMIN_THERE_TO_DO = "❌ I am not an admin there: until I am, it is not asked for";
    ADMIN_THERE_UNKNOWN = "▫️ Whether I am an admin there: I could not check it right now";
    PROTECTED_TO_DO = "❌ Protected: not yet";
    PROTECTED_IN_PART = "❌ Protected, but not all works: see above";
    PROTECTED_DONE = "✅ Protected: only subscribers and admins can write";
    PROTECTED_OBSERVING = "▫️ Protected, but I only watch and stop nobody, until you change the mode in the settings";
    GIVE_RIGHTS = "Give me these rights";
    ADD_TO_THE_CHANNEL = "Add me to the channel";
    add_to(channel) = "Add me to {channel}";
    require(channel) = "Require {channel}";
    CHOOSE_CHANNEL = "Choose the channel";
    CHECK_AGAIN = "Check again";

    CHOOSE_PAGE = "Which channel do people have to subscribe to?\n\n\
        1. Add me to it as an admin (any right will do).\n\
        2. Reply to this message with its @name.\n\n\
        If it is private: forward one of its posts into this group, and reply to that post with /protect.";

    // ---- /protect: what stands in the way, and what to do about it. ----

    ASK_AN_ADMIN = "Only admins of this group can set me up. Please ask one of them.";
    WHICH_CHANNEL = "Tell me which channel: /protect @channel. For a private channel, forward one of its posts here and reply to it with \
        /protect, or use its numeric id.";
    INVITATION = "An invite link does not tell me which channel it belongs to. Please forward one of the channel's posts here, and reply to that \
        post with /protect.";
    BASIC_GROUP = "This is a basic group, where Telegram lets no bot mute anybody. Please turn it into a supergroup first: open the group's \
        settings and, for example, make the chat history visible to new members. Then send /protect again.";
    rights_missing(rights) = "I need more rights in this group: please make me an admin who may {rights}. Then try again.";
    no_such_channel(name) = "I cannot find a channel called {name}. Please check the spelling, and try again. If it is private, forward one of \
        its posts here, and reply to that post with /protect.";
    UNSEEN_CHANNEL = "I cannot see that channel. Please add me there as an admin (any right will do), then try again. If you sent a number, \
        please check it as well.";
    not_a_channel(name) = "{name} is not a channel. Please give me the @name of a channel.";
    not_admin_there(channel) = "I am not an admin in {channel}. Please add me there as an admin (any right will do): only then can I see who \
        is subscribed. Then try again.";
    CALLER_NOT_ADMIN_THERE = "That channel is private, and only its own admins can require it. Please ask one of them to send this command.";
    ANONYMOUS_PRIVATE = "For a private channel I have to see that you are an admin there, and you are anonymous here. Please send the command \
        under your own name.";
    no_link(channel) = "{channel} is private and I may not make an invite link there. Please give me the right to invite users in the \
        channel, then try again.";
    GIVE_RIGHT = "Give me this right";
    TRY_AGAIN = "Try again";
    CHECK_LATER = "Telegram did not answer my questions just now, so nothing was changed. Please try again in a moment.";

    // ---- /protect: done, or already so. ----

    protected(whom) = "Done! From now on only {whom} can write here. Admins always can.";
    protected_observing(whom) = "Done! The rule is: only {whom} can write here. I only watch and stop nobody, until you change the mode in \
        /settings.";
    subscribers_of(channels) = "subscribers of {channels}";
    subscribers_of_any(channels) = "subscribers of at least one of {channels}";
    protected_already(channel) = "This group requires {channel} already. All is set.";
    which_way(channels, new) = "This group requires {channels} already. What about {new}?\n\n\
        Replace: it takes their place.\n\
        Require both: people have to subscribe to all of them.\n\
        Either: any one of them is enough.";
    REPLACE = "Replace";
    REQUIRE_BOTH = "Require both";
    EITHER = "Either";
    // How the admins of a private channel see the link that the bot made.
    INVITE_LINK_NAME = "gmbot";

    // ---- A member writes, joins, or leaves the channel: {name}, {group} and {channels} are filled in when it is sent. ----

    WARNING = "{name}, to write in {group} please subscribe to {channels} first. Then press the button below, and you can write at once.";
    WELCOME = "{name}, welcome to {group}! To write here, please subscribe to {channels} first. Then press the button below, and you can \
        write at once.";
    REVOKED = "{name}, your permissions in {group} are revoked because you left {channels}. Subscribe again and press the button below, and \
        you can write at once.";
    REQUESTED = "{name}, to be let into {group} please subscribe to {channels} first. Then press the button below, and I will let you in at \
        once.";
    JOIN = "Join Channel";
    JOIN_ONE_OF_SEVERAL = "Join {channels}";
    VERIFY = "I have joined";
    several_buttons(button, of) = "{button}: {of}";
    banned_from(channels) = "You are banned from {channels}. Please ask an admin there to let you in.";

    // ---- The member presses "I have joined": the answer that pops up, of at most 200 characters. ----

    VERIFIED = "Thank you! You can write in the group now.";
    free_soon(group) = "Thank you! You can write in {group} in a moment.";
    LETTING_IN = "Thank you! I am letting you in.";
    not_subscribed(channels) = "You are not subscribed to {channels} yet. Please join, then press again.";
    join_and_banned(open, closed) = "Please join {open}. You are banned from {closed}: please ask an admin there to let you in.";
    UNKNOWN = "I could not check right now. Please try again in a moment.";
    NOTHING_OPEN = "You are all set: I am not keeping you from writing.";
    NOT_FOR_YOU = "This button is for somebody else. If you cannot write either, send me /start in private.";
    DECIDED_BY_ADMIN = "I am not holding you back: an admin has restricted you here, and only an admin can lift that.";
    NO_REQUEST = "I have no open request of yours any more. Please ask to join the group again.";
    ADMINS_DECIDE = "The group's admins decide about this themselves.";
    OLD_BUTTON = "This button is out of date. Please send your command again, or /start to me in private.";

    // ---- A muted member writes to the bot in private. ----

    HELD = "You cannot write yet in these groups:";
    held_join(channels) = "Please subscribe to {channels}, then press the button.";
    held_banned(channels) = "You are banned from {channels}: please ask an admin there to let you in.";
    held_in_others(count) = "And in {count} more: send /start again when you are done with these.";
    HELD_UNKNOWN = "I could not check right now whether you can write in all your groups. Please send /start again in a moment.";
    FREED = "Nothing holds you back any more: you can write in your groups.";

    // ---- /status ----

    NOT_PROTECTED = "This group is not protected. To start, send /protect @channel here.";
    STATUS_ON = "Protection is on.";
    STATUS_OBSERVING = "I only watch and stop nobody, until an admin changes the mode in /settings.";
    STATUS_PAUSED = "Protection is paused until I have the rights I need.";
    status_channel(channel, state) = "Channel {channel}: {state}";
    CHANNEL_FINE = "all is well";
    CHANNEL_NOT_ADMIN = "I am not an admin there, so it is not asked for";
    CHANNEL_UNKNOWN = "I could not check it right now";
    STATUS_RIGHTS = "My rights here: all I need";
    status_rights_missing(rights) = "My rights here: please let me {rights}";
    STATUS_RIGHTS_UNKNOWN = "My rights here: I could not check them right now";
    status_muted(people) = "Muted now: {people}";

    // ---- /settings: the list, and the answers to its buttons. ----

    settings_list(group) = "Settings of {group}\n\nEach button shows how it is now. Press one to change it.";
    setting_button(setting, value) = "{setting}: {value}";
    setting_now(value) = "Now: {value}";
    chosen_value(value) = "• {value}";
    DEFAULT = "default";
    CLOSE = "Close";
    SETTINGS = "Settings";
    ADMINS_ONLY = "Only admins of this group can use this button.";
    SAVED = "Saved.";
    NOT_A_VALUE = "That value is not possible. Please choose another one.";
    NEEDS_INVITING = "Saved. To let people in I also need the right to invite users here: please give it to me, or their requests wait for \
        you.";
    STOPPED = "This group is not protected any more. /protect @channel turns it on again.";

    // ---- /settings: the texts that can be typed. ----

    TYPE_A_TEXT = "Reply to this message with the new text. In it, {name} stands for the person, {group} for this group, {channels} for what \
        to subscribe to.";
    READS_NOW = "Now it reads:";
    SAVED_READS_NOW = "Saved. Now it reads:";
    TO_DEFAULT = "Back to the default";
    DONE = "Done";
    CANCEL = "Cancel";
    TOO_LONG = "I cannot use that: it is empty or too long. A warning has room for 1000 characters, a button for 64.";
    // The name in a preview for an admin who stays anonymous.
    SOMEBODY = "Ann";

    // ---- /settings: each setting by its name, what it is about, and its values. ----

    MODE = "Mode";
    MODE_ABOUT = "Enforce: I delete, mute and explain. Observe: I only note what I would do, and touch nobody.";
    MODE_ENFORCE = "enforce";
    MODE_OBSERVE = "observe";

    REQUIRE = "Channels needed";
    REQUIRE_ABOUT = "With several channels: must people subscribe to all of them, or is any one of them enough?";
    REQUIRE_ALL = "all";
    REQUIRE_ANY = "any one";

    WARNING_TEXT = "Warning";
    WARNING_TEXT_ABOUT = "What people read when they have to subscribe first; at most 1000 characters.";
    JOIN_BUTTON = "Join button";
    JOIN_BUTTON_ABOUT = "What stands on the button that leads to the channel; at most 64 characters.";
    VERIFY_BUTTON = "Second button";
    VERIFY_BUTTON_ABOUT = "What stands on the button to press after subscribing; at most 64 characters.";

    WARNING_TTL = "Warnings stay";
    WARNING_TTL_ABOUT = "How long a warning stays, if the person does not subscribe.";
    MUTE_FOR = "Mutes last";
    MUTE_FOR_ABOUT = "When a mute ends by itself. It also ends as soon as the person subscribes; whoever then writes without subscribing is \
        muted again.";

    CHANNEL_LEAVE = "Leaving a channel";
    CHANNEL_LEAVE_ABOUT = "What happens to a member who leaves a required channel.";
    CHANNEL_LEAVE_MUTE = "mute";
    CHANNEL_LEAVE_WAIT = "wait for a message";

    CHANNEL_POSTS = "Posts as a channel";
    CHANNEL_POSTS_ABOUT = "People can write in the name of a channel of theirs, where I cannot see who it is. The required channels are \
        always welcome.";
    CHANNEL_POSTS_DELETE = "delete";
    CHANNEL_POSTS_ALLOW = "allow";

    JOIN_REQUESTS = "Join requests";
    JOIN_REQUESTS_ABOUT = "If newcomers have to be approved: I can let subscribers in and tell the others where to subscribe. I turn nobody \
        away. I need the right to invite users for this.";
    JOIN_REQUESTS_OFF = "off";
    JOIN_REQUESTS_GATE = "let subscribers in";

    GREET_ON_JOIN = "Newcomers";
    GREET_ON_JOIN_ABOUT = "What happens to somebody who joins and is not subscribed.";
    GREET_ON_JOIN_MUTE = "mute and welcome";
    GREET_ON_JOIN_WAIT = "wait for a message";

    seconds(count) = "{count} s";
    minutes(count) = "{count} min";
    hours(count) = "{count} h";
    days(count) = "{count} days";

    // ---- /allow and /disallow ----

    ALLOW_USAGE = "To let somebody write without subscribing, reply to their message (or to my warning to them) with /allow, or send /allow \
        with their numeric id, or with a channel's. /disallow takes it back.";
    NOBODY_LISTED = "Nobody is on the list.";
    people_listed(people) = "On the list: {people}.";
    named_with_id(name, id) = "{name} ({id})";
    allowed(who) = "{who} can write here without subscribing.";
    disallowed(who) = "{who} is off the list, and has to subscribe like everybody else.";
    not_listed(who) = "{who} is not on the list.";
    ALREADY_FREE = "That is an admin of this group: admins can always write.";
    NOT_CHECKED = "I do not check that one: bots and posts of the linked channel can always write.";
    NO_SUCH_ID = "I need a person or a channel: reply to one of their messages with /allow, or give a numeric id, for example /allow \
        123456789. A channel's @name works too.";
    ALLOW_WHOM = "That warning is for several people. Who may write without subscribing?";
    DISALLOW_WHOM = "That warning is for several people. Please send /disallow with the numeric id of the one you mean; /allow shows the \
        list.";

    // ---- /unprotect ----

    UNPROTECTED = "Protection is off. Your settings are kept: /protect @channel turns it on again.";
    unprotected_freeing(people) = "Protection is off. I am freeing {people} now.";
    freeing(done, total) = "Protection is off. I am freeing people: {done} of {total} so far.";
    freed(people) = "Protection is off, and I have freed {people}. Your settings are kept: /protect @channel turns it on again.";
    unlinked(channel) = "{channel} is no longer required. The other channels still are; whoever I muted and who meets the rest is free now.";
    NO_SUCH_LINK = "This group does not require that channel. /status shows what it requires.";

    // ---- Something breaks: the bot loses its rights, or sight of a channel. ----

    paused(rights) = "Protection is paused: I am missing the right to {rights} here. Please make me an admin who may do that, and I go on by \
        myself.";
    RESUMED = "Thank you, I have the rights I need again: protection is on.";
    MAY_NOT_LET_IN = "Subscribers ask to join this group and I may not let them in. Please give me the right to invite users by link.";

    broken(channel) = "I can no longer see who is subscribed to {channel}: I am not an admin there, or the channel is gone. Until that is \
        mended I do not ask for it here, and nobody stays muted because of it.\n\n\
        Admins, please make me an admin of {channel} again (any right will do), and I go on by myself. If the channel is gone for good, \
        /unprotect stops asking for it.";
    back(channel) = "I can see again who is subscribed to {channel}, and go on asking for it here.";
    broken_for_owner(channel) = "I can no longer see who is subscribed to {channel}: I am not an admin there, or the channel is gone. Your \
        groups that require it are open to everybody for that long.\n\n\
        Please make me an admin of {channel} again (any right will do), and I go on by myself. If the channel is gone for good, send \
        /unprotect in the groups.";
    back_for_owner(channel) = "I can see again who is subscribed to {channel}: your groups that require it are protected as before.";

    // ---- /stats, for those who run the bot. ----

    stats_groups(count) = "Protected groups: {count}";
    stats_channels(count) = "Required channels: {count}";
    stats_mutes(count) = "Open mutes: {count}";
    stats_breakers(count) = "Channels that cannot be checked: {count}";
    stats_waiting(count) = "Waiting in the queue: {count}";
    stats_dead(count) = "Dead letters: {count}";
    stats_version(version, time) = "Version {version}, up for {time}";
    up_minutes(minutes) = "{minutes} min";
    up_hours(hours, minutes) = "{hours} h {minutes} min";
    up_days(days, hours) = "{days} d {hours} h";

    // ---- Small words that fill in the others. ----

    DELETE_MESSAGES = "delete messages";
    BAN_USERS = "ban users";
    ONE_PERSON = "1 person";
    several_people(count) = "{count} people";
    FRIEND = "friend";
    THE_CHANNEL = "the channel";
    THE_CHANNEL_FIRST = "The channel";
    A_CHANNEL = "a channel of yours";
    YOUR_CHANNEL = "your channel";
    THAT_CHANNEL = "that channel";
    THE_NEW_CHANNEL = "the new channel";
    THE_LINKED_CHANNEL = "the linked channel";
    THAT = "That";
    A_GROUP = "a group";
    THE_GROUP = "the group";
    THIS_GROUP = "this group";
    COMMA = ", ";
    AND = " and ";
    OR = " or ";
    more(count) = "{count} more";
    ONE_OTHER = "1 other";
    others(count) = "{count} others";
}
