//! `destinations.<name>.outcomes`.

use std::time::Duration;

use crate::config::compile::settings::{http_url, lasting};
use crate::config::diagnostic::Code;
use crate::config::findings::{Findings, Problem};
use crate::config::read::Many;
use crate::config::shape::{DestinationShape, ReadBackShape};
use crate::config::yaml::Scalar;
use crate::crm::sign::SigningKey;
use crate::crm::{Kind, Pusher, Pushes, Stages};
use crate::record::Stage;
use crate::secret::Secret;

/// How long after one time it is asked again, by default.
const EVERY: Duration = Duration::from_mins(5);

/// How long after one time a destination is asked again what became of its leads; `None`: never.
pub(super) fn read_back(shape: Option<&ReadBackShape>, kind: &Kind, findings: &mut Findings) -> Option<Duration> {
    let reads_back = kind.adapter().reads_back();
    let Some(shape) = shape else { return reads_back.then_some(EVERY) };
    if !reads_back {
        let asks = !shape.every.is_absent() || !shape.off.is_absent() || !shape.stages.is_absent();
        if asks || shape.secret.is_absent() {
            let problem = Problem::error(shape.at, Code::BadValue, "it can't be asked what became of leads");
            findings
                .push(problem.help("leave nothing but `secret`, by which it is known who tells, or remove `outcomes`"));
        }
        return None;
    }
    let every = lasting(&shape.every, EVERY);
    if let Some(at) = shape.every.get().filter(|at| !(30..=86_400).contains(&at.value.0.as_secs())) {
        findings.push(Problem::error(at.scalar.at, Code::BadValue, "`every` must be between 30s and 24h"));
    }
    (!shape.off.get().is_some_and(|off| off.value.0)).then_some(every)
}

/// How it is known that a push is the destination's own; `None`: none is taken.
pub(super) fn pushes(
    name: &Scalar,
    shape: Option<&ReadBackShape>,
    kind: &Kind,
    findings: &mut Findings,
) -> Option<Pushes> {
    let shape = shape?;
    let (secret, url) = (shape.secret.get()?, shape.url.get());
    if matches!(kind, Kind::HubSpot(_)) && url.is_none() {
        let message = "HubSpot signs the address that it pushes to, and `url` doesn't say which that is";
        let help = format!("write `url: https://<your host>/v1/outcomes/{}`, as you told HubSpot", name.shown);
        findings.push(Problem::error(secret.at, Code::MissingField, message).help(help));
    }
    let url = url.map(|url| http_url(url, findings).map(|_| url.text.trim()));
    let by = match kind {
        Kind::HubSpot(_) => Pusher::HubSpot(url.flatten()?.into()),
        Kind::Attio(_) => Pusher::Attio,
        Kind::Pipedrive(_) => Pusher::Pipedrive,
        Kind::Salesforce(_) => Pusher::Salesforce(organization(shape, findings)),
        Kind::Slack(_) => Pusher::Slack,
        Kind::Webhook(_) => {
            if let Err(error) = SigningKey::parse(&Secret::new(secret.text.trim())) {
                findings.push(Problem::error(secret.at, Code::BadValue, error.to_string()));
            }
            Pusher::Program
        }
    };
    Some(Pushes { by, secret: Secret::new(secret.text.trim()) })
}

/// The organisation whose messages are taken.
fn organization(shape: &ReadBackShape, findings: &mut Findings) -> Option<Box<str>> {
    let written = shape.organization.get()?;
    let id = written.text.trim();
    if !(id.starts_with("00D") && matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        let message = format!("`{}` is no id of an organisation", findings.shown(written));
        let help = "it begins with `00D` and has 15 or 18 characters: Setup → Company Information → Salesforce.com Organization ID";
        findings.push(Problem::error(written.at, Code::BadValue, message).help(help));
        return None;
    }
    Some(id.into())
}

/// What names of stages mean there. One name means one thing.
pub(super) fn stages(shape: &DestinationShape, findings: &mut Findings) -> Stages {
    let Some(shape) = shape.outcomes.get().and_then(|outcomes| outcomes.stages.get()) else { return Stages::default() };
    let named = [
        (&shape.new, Stage::New),
        (&shape.accepted, Stage::Accepted),
        (&shape.working, Stage::Working),
        (&shape.rejected, Stage::Rejected),
        (&shape.lost, Stage::Lost),
        (&shape.won, Stage::Won),
    ];
    let named = named.iter().flat_map(|(field, stage)| {
        let names = field.get().into_iter().flat_map(|Many(names)| names);
        names.map(|name| (name, *stage))
    });
    let named: Vec<(&Scalar, Stage)> = named.collect();
    for (at, (name, _)) in named.iter().enumerate() {
        let same = |other: &(&Scalar, Stage)| other.0.text.trim().eq_ignore_ascii_case(name.text.trim());
        if name.text.trim().is_empty() || named.iter().take(at).any(same) {
            let message = format!("`{}` is no name that means one thing", name.shown);
            findings.push(Problem::error(name.at, Code::BadValue, message).help("write each name once"));
        }
    }
    Stages::new(named.into_iter().map(|(name, stage)| (name.text.to_string(), stage)))
}
