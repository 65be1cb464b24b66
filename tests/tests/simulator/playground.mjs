// The playground in Chromium, as people use it: playground.mjs URL FOLDER GROUP CHANNEL USERNAME. Each step is a click or a key; a step that does not
// come to pass ends it with exit code 1. Pictures of what was seen are left in FOLDER.
import assert from "node:assert/strict";
import { PHONE, be, fits, gone, messages, open, picture, play, said, there, windowOf, write } from "./browser.mjs";

const [playground, , corner, news, username] = process.argv.slice(2);

/** Whether Telegram tells the bot who comes and goes. It forgets to, now and then; then the button has to do. */
async function tellOfMembers(told) {
  const faults = JSON.stringify({ lose_chat_member: told ? 0 : 1 });
  const answer = await fetch(new URL("/control/delivery-faults", playground), { method: "POST", body: faults });
  assert.equal(answer.status, 200, await answer.text());
}

const steps = {
  "Olga protects her group": async ({ olga }) => {
    await be(olga, "Olga");
    await open(olga, corner);
    await write(olga, `/protect @${username}`);
    await there(said(olga, "Done!"));
  },

  "Ann, in another window, writes and is deleted, muted and warned": async ({ olga, ann }) => {
    await be(ann, "Ann");
    await open(ann, corner);
    await write(ann, "Hello everyone!");
    await there(messages(ann).getByText("was deleted by the bot"));
    await there(said(ann, "Ann, to write in").getByRole("button", { name: "I have joined" }));
    await there(ann.getByText(/muted/i));
    await there(said(olga, "Ann, to write in"));
    await gone(said(olga, "Hello everyone!"));
    await picture(ann, "muted-wide-light");
  },

  "Olga sees in the list of members who is muted": async ({ olga }) => {
    await olga.getByRole("button", { name: "Members" }).click();
    await there(olga.getByRole("dialog").getByText(/muted/i));
    await picture(olga, "members-wide-dark");
    await olga.keyboard.press("Escape");
    await gone(olga.getByRole("dialog"));
  },

  "Ann presses too early and is told what is missing": async ({ ann }) => {
    await said(ann, "Ann, to write in").getByRole("button", { name: "I have joined" }).click();
    const alert = ann.getByRole("alertdialog");
    await there(alert.getByText("You are not subscribed"));
    await picture(ann, "alert-wide-light");
    await alert.getByRole("button", { name: "OK" }).click();
  },

  "Ann follows the button to the channel and joins": async ({ ann }) => {
    await tellOfMembers(false);
    await said(ann, "Ann, to write in").getByRole("button", { name: "Join Channel" }).click();
    await ann.getByRole("button", { name: "Join", exact: true }).click();
    await picture(ann, "channel-wide-light");
    await open(ann, corner);
  },

  "Ann presses again, is free, and everybody reads her": async ({ olga, ann }) => {
    await said(ann, "Ann, to write in").getByRole("button", { name: "I have joined" }).click();
    await there(ann.getByRole("alertdialog").getByText("Thank you"));
    await ann.getByRole("alertdialog").getByRole("button", { name: "OK" }).click();
    await gone(said(ann, "Ann, to write in"));
    await write(ann, "Hello at last!");
    await there(said(olga, "Hello at last!"));
    await picture(olga, "freed-wide-dark");
  },

  "the calls of the bot are there, each with its outcome": async ({ olga }) => {
    const calls = olga.getByRole("region", { name: "Calls of the bot" });
    for (const method of ["deleteMessage", "restrictChatMember", "sendMessage", "answerCallbackQuery"]) {
      await there(calls.getByRole("button", { name: new RegExp(`${method}.*ok`) }));
    }
    await calls.getByRole("button", { name: /restrictChatMember.*ok/ }).first().click();
    await there(olga.getByText('"can_send_messages": true'));
    await picture(olga, "call-wide-dark");
    await olga.keyboard.press("Escape");
  },

  "Ann edits, answers, sends an album and forwards a post": async ({ olga, ann }) => {
    const more = (page, text) => said(page, text).getByRole("button", { name: /^Actions/ }).first().click();
    await more(ann, "Hello at last!");
    await ann.getByRole("menuitem", { name: "Edit" }).click();
    await write(ann, "Hello, friends!");
    await there(said(olga, "Hello, friends!").getByText("edited"));
    await more(olga, "Hello, friends!");
    await olga.getByRole("menuitem", { name: "Reply" }).click();
    await write(olga, "Welcome, Ann");
    await there(said(ann, "Welcome, Ann").getByText("Hello, friends!"));
    await ann.getByRole("button", { name: "More ways to write" }).click();
    await ann.getByRole("menuitem", { name: "Send an album" }).click();
    await ann.getByRole("button", { name: "Send album" }).click();
    await there(messages(olga).getByRole("img", { name: "Album of 3 photos" }));
    await open(olga, news);
    await write(olga, "Extra! Extra!");
    await open(ann, news);
    await more(ann, "Extra! Extra!");
    await ann.getByRole("menuitem", { name: "Forward…" }).click();
    await ann.getByRole("dialog").getByRole("button", { name: corner }).click();
    await open(ann, corner);
    await there(said(ann, "Extra! Extra!").getByText("Forwarded from"));
    await open(olga, corner);
  },

  "Cem does the same with the keyboard alone, on a phone, in the dark": async ({ cem }) => {
    await cem.getByRole("combobox", { name: "You are" }).focus();
    await cem.keyboard.type("Cem");
    const link = cem.getByRole("link", { name: corner });
    await there(link);
    await tabTo(cem, link);
    await cem.keyboard.press("Enter");
    const composer = cem.getByRole("textbox", { name: "Message" });
    await there(composer);
    await tabTo(cem, composer);
    await cem.keyboard.type("Hi, I am Cem");
    await cem.keyboard.press("Enter");
    const button = said(cem, "Cem, to write in").getByRole("button", { name: "I have joined" });
    await there(button);
    await fits(cem, "the group on a phone");
    await picture(cem, "muted-phone-dark");
    await tabTo(cem, button);
    await cem.keyboard.press("Enter");
    await there(cem.getByRole("alertdialog").getByText("You are not subscribed"));
    await picture(cem, "alert-phone-dark");
    await cem.keyboard.press("Enter");
    await gone(cem.getByRole("alertdialog"));
  },

  "Cem joins the channel, and is free without pressing anything": async ({ cem }) => {
    await tellOfMembers(true);
    await tabTo(cem, said(cem, "Cem, to write in").getByRole("button", { name: "Join Channel" }));
    await cem.keyboard.press("Enter");
    const join = cem.getByRole("button", { name: "Join", exact: true });
    await there(join);
    await picture(cem, "channel-phone-dark");
    await tabTo(cem, join);
    await cem.keyboard.press("Enter");
    await gone(join);
    await cem.goBack();
    const composer = cem.getByRole("textbox", { name: "Message" });
    await there(composer);
    await tabTo(cem, composer);
    await cem.keyboard.type("Thank you");
    await cem.keyboard.press("Enter");
    await there(said(cem, "Thank you"));
    await picture(cem, "freed-phone-dark");
  },

  "a name and a text full of markup are only text": async ({ olga }) => {
    const hostile = `<img src=x onerror="console.error('run')"> \u202Eevil\u202C & <b>bold</b>`;
    await write(olga, hostile);
    await there(said(olga, "<b>bold</b>"));
    await fits(olga, "the page");
  },
};

/** Goes on with Tab until it is there, as somebody without a mouse does. */
async function tabTo(page, locator) {
  for (let presses = 0; presses < 120; presses += 1) {
    if (await locator.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail("it cannot be reached with the Tab key");
}

await play(steps, {
  olga: await windowOf("Olga", { colorScheme: "dark" }),
  ann: await windowOf("Ann"),
  cem: await windowOf("Cem", { viewport: PHONE, colorScheme: "dark" }),
});
