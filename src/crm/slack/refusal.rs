//! What the errors mean that Slack gives with a 200 (<https://docs.slack.dev/reference/methods/chat.postMessage#errors>).

use std::time::Duration;

use crate::crm::retry::{Failure, Verdict};

/// The channel can't be written to.
const OF_CHANNEL: [&str; 8] = [
    "channel_not_found",
    "not_in_channel",
    "is_archived",
    "restricted_action",
    "restricted_action_read_only_channel",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_only_channel",
    "team_access_not_granted",
];
/// The message itself can't be taken.
const OF_MESSAGE: [&str; 9] = [
    "msg_too_long",
    "invalid_blocks",
    "invalid_blocks_format",
    "no_text",
    "invalid_arguments",
    "invalid_arg_name",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
];
/// Slack wants to be left alone.
const BUSY: [&str; 3] = ["ratelimited", "rate_limited", "message_limit_exceeded"];
/// The token is no good, or may not do that.
const OF_TOKEN: [&str; 8] = [
    "invalid_auth",
    "not_authed",
    "token_revoked",
    "token_expired",
    "account_inactive",
    "missing_scope",
    "not_allowed_token_type",
    "no_permission",
];
/// As long as nothing else is said.
const A_MINUTE: Duration = Duration::from_mins(1);

/// Whether a message that was posted is gone, or closed to us, by somebody's will.
pub fn is_gone(code: &str) -> bool {
    matches!(
        code,
        "message_not_found" | "thread_not_found" | "cant_update_message" | "edit_window_closed" | "is_archived"
    )
}

/// What an error means. What is wrong with a channel is wrong with all messages where all go into one, and else with those alone that go
/// there.
pub fn failure(method: &str, code: &str, one_channel: bool) -> Failure {
    let error = format!("`{method}`: {code}; {}", fix(code));
    if BUSY.contains(&code) {
        return Failure::busy(error, code, A_MINUTE);
    }
    if OF_TOKEN.contains(&code) {
        return Failure::denied(error, code);
    }
    if OF_MESSAGE.contains(&code) || (!one_channel && OF_CHANNEL.contains(&code)) {
        return Failure::refused(error, code);
    }
    Failure { verdict: Verdict::Failed, ..Failure::refused(error, code) }
}

/// What to do about an error.
pub fn fix(code: &str) -> &'static str {
    match code {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            "write the bot token of an app that is installed (`xoxb-…`) under `token`"
        }
        "missing_scope" | "not_allowed_token_type" | "no_permission" => {
            "give the app the scopes `chat:write`, `users:read`, `users:read.email`, `channels:history`, and install it again"
        }
        "channel_not_found" => "write the id of a channel, such as C024BE91L, which stands at the end of its details",
        "not_in_channel" => "invite the app into the channel: `/invite @app`",
        "is_archived" => "name a channel that is not archived",
        "users_not_found" => "no member has this address; the message names it without a mention",
        code if BUSY.contains(&code) => "it is tried again",
        _ => "https://docs.slack.dev/reference/methods says what it means",
    }
}
