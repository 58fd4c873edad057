// Does with Slack's own client what Handraiser does: asks who somebody is, posts, changes, replies, reads, and is told so where it asks for
// something that Slack doesn't do.
// node slack.mjs <url> <token> <channel> <e-mail address>; prints what it saw as JSON.

import { LogLevel, WebClient } from "@slack/web-api";

const [slackApiUrl, token, channel, email] = process.argv.slice(2);
const quiet = { slackApiUrl, logLevel: LogLevel.ERROR };
const slack = new WebClient(token, quiet);
const fails = (call) => call.then(() => "done", (error) => [error.code, error.data?.error ?? error.retryAfter ?? null]);

const me = await slack.auth.test();
const user = await slack.users.lookupByEmail({ email });
const before = await slack.conversations.history({ channel, limit: 100, include_all_metadata: true });
const ours = before.messages[0];
const replies = await slack.conversations.replies({ channel, ts: ours.ts });
const metadata = { event_type: "by_hand", event_payload: { id: "1" } };
const blocks = [{ type: "section", text: { type: "mrkdwn", text: "Called *them*" } }];
const posted = await slack.chat.postMessage({ channel, text: "Called them", blocks, metadata });
const thread = await slack.chat.postMessage({ channel, text: "They are glad", thread_ts: posted.ts });
const updated = await slack.chat.update({ channel, ts: posted.ts, text: "Called them twice", blocks });
const after = await slack.conversations.history({ channel, limit: 100, include_all_metadata: true });
const under = await slack.conversations.replies({ channel, ts: posted.ts });

const refused = {
  channel: await fails(slack.chat.postMessage({ channel: "C0", text: "x" })),
  text: await fails(slack.chat.postMessage({ channel, text: "" })),
  blocks: await fails(slack.chat.postMessage({ channel, text: "x", blocks: [{ type: "section", text: { type: "mrkdwn", text: "" } }] })),
  message: await fails(slack.chat.update({ channel, ts: "1.1", text: "x" })),
  user: await fails(slack.users.lookupByEmail({ email: "nobody@example.com" })),
  token: await fails(new WebClient("xoxb-wrong", quiet).auth.test()),
};
// Faster than Slack allows: the client is told when to come again, and gets it all if it waits.
const hasty = new WebClient(token, { ...quiet, rejectRateLimitedCalls: true });
let limited = "done";
for (let call = 0; call < 30 && limited === "done"; call += 1) {
  limited = await fails(hasty.chat.postMessage({ channel, text: `${call}`, thread_ts: posted.ts }));
}

console.log(
  JSON.stringify({
    me: [me.ok, me.team, me.user, typeof me.user_id, typeof me.bot_id],
    user: [user.user.id, user.user.profile.email],
    ours: [ours.text, ours.metadata?.event_type, replies.messages.length],
    posted: [posted.ok, posted.channel === channel, posted.message.text, updated.text, thread.message.thread_ts === posted.ts],
    after: [after.messages.length, after.messages[0].text, after.messages[0].metadata?.event_type, after.has_more],
    under: [under.messages.length, under.messages[0].ts === posted.ts, under.messages.at(-1).text],
    refused,
    limited,
  }),
);
