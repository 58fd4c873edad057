//! `destinations.<name>.slack`.

use super::{Section, api, check_plain_http};
use crate::config::compile::settings::http_url;
use crate::config::compile::template;
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::shape::SlackShape;
use crate::config::yaml::Scalar;
use crate::crm::slack::{Slack, Way};
use crate::crm::{Kind, Known};
use crate::secret::Secret;

/// Compiles a Slack destination.
pub(super) fn slack(section: &Section<'_>, findings: &mut Findings) -> Option<Kind> {
    let Section { name, http, known, .. } = *section;
    let shape = section.shape.slack.get()?;
    if let Some(text) = shape.text.get() {
        template::field(text, known, findings);
    }
    let way = match (shape.webhook.get(), shape.token.get()) {
        (Some(webhook), None) => {
            let url = http_url(webhook, findings)?;
            check_plain_http(webhook, &url, &http.allow_addresses, findings);
            if let Some(channel) = shape.channel.get() {
                let problem =
                    Problem::warning(channel.at, Code::Suspicious, "`channel` has no effect beside `webhook`");
                findings.push(
                    problem.help(
                        "the URL of an incoming webhook belongs to one channel; remove it, or use a bot's `token`",
                    ),
                );
            }
            Way::Hook(url)
        }
        (None, Some(token)) => {
            let channel = shape.channel.require("channel", SlackShape::WHAT, name.at, findings)?;
            check_channel(channel, known, findings);
            let token = Secret::new(token.text.trim());
            let api = api(&shape.api, "https://slack.com/api/", http, findings)?;
            Way::Bot { token, channel: channel.text.clone(), api }
        }
        (both, _) => {
            let (message, help) = match both {
                Some(_) => ("`token` and `webhook` are two ways to the same place", "keep one of them"),
                None => {
                    ("`slack` has no way in", "add `token` and `channel` of a bot, or the URL of an incoming `webhook`")
                }
            };
            findings.push(Problem::error(shape.at, Code::MissingField, message).help(help));
            return None;
        }
    };
    let buttons = section.shape.outcomes.get().is_some_and(|outcomes| !outcomes.secret.is_absent());
    Some(Kind::Slack(Slack { way, buttons, text: shape.text.get().map(|text| text.text.clone()) }))
}

/// Names of channels change; only ids can be read by.
fn check_channel(channel: &Scalar, known: &Known, findings: &mut Findings) {
    if channel.text.contains('{') {
        return template::field(channel, known, findings);
    }
    let text = channel.text.trim();
    let fine = text.len() >= 9
        && text.starts_with(['C', 'G', 'D'])
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !fine {
        let message = format!("`{}` is no id of a channel", findings.shown(channel));
        let help = "it stands at the end of the channel's details, such as C024BE91L";
        findings.push(Problem::error(channel.at, Code::BadValue, message).help(help));
    }
}
