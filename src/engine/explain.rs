//! The explanation of a subject: the same evaluation that decides leads, shown whole.

use std::sync::Arc;

use super::{Engine, EngineError, Shared};
use crate::identity::{RecordKey, RecordKind, SubjectKind};
use crate::lead::build::{reasons, usage};
use crate::lead::{self, DefinitionExplanation, SubjectExplanation};
use crate::qualify::{Definition, View, evaluate};
use crate::subject::Subject;

impl Engine {
    /// Where a subject stands on every definition of its kind, with observed values; `None` when nothing is known of it.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn explain(&self, key: &RecordKey) -> Result<Option<SubjectExplanation>, EngineError> {
        let of = match key.kind {
            RecordKind::User => SubjectKind::User,
            RecordKind::Account => SubjectKind::Account,
            RecordKind::Team => return Ok(None),
        };
        let id = self.shared.holder(key).await?;
        let subject = self.shared.read(RecordKey { kind: key.kind, id: Arc::clone(&id) }).await?;
        if !subject.has_history() {
            return Ok(None);
        }
        let account = self.shared.account_of_user(of, &subject).await?;
        let merged_into = (id != key.id).then(|| id.to_string());
        Ok(Some(self.shared.explanation(of, &id, &subject, account.as_ref(), merged_into)))
    }
}

impl Shared {
    async fn holder(&self, key: &RecordKey) -> Result<Arc<str>, EngineError> {
        match key.kind {
            RecordKind::User => Ok(self.root_of(&key.id).await?),
            _ => Ok(Arc::clone(&key.id)),
        }
    }

    async fn account_of_user(
        &self,
        of: SubjectKind,
        subject: &Subject,
    ) -> Result<Option<(Arc<str>, Subject)>, EngineError> {
        let id = match of {
            SubjectKind::User => subject.user.group().map(|(id, _)| id).or_else(|| subject.user.accounts.last()),
            SubjectKind::Account => None,
        };
        match id {
            Some(id) => Ok(Some((Arc::clone(id), self.read(RecordKey::account(id)).await?))),
            None => Ok(None),
        }
    }

    fn explanation(
        &self,
        of: SubjectKind,
        id: &str,
        subject: &Subject,
        account: Option<&(Arc<str>, Subject)>,
        merged_into: Option<String>,
    ) -> SubjectExplanation {
        let setup = self.setup();
        let own = Some((id, subject));
        let (user, account) = match of {
            SubjectKind::User => (own, account.map(|(id, state)| (&**id, state))),
            SubjectKind::Account => (None, own),
        };
        let view =
            View { plan: &setup.plan, now: self.clock.now(), user, account, event: None, intent: None, fit: None };
        SubjectExplanation {
            subject: lead::Subject { kind: of, id: id.to_owned(), name: subject.traits.name() },
            merged_into,
            accounts: accounts_latest_first(subject),
            traits: subject.traits.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect(),
            first_seen: subject.first_seen.map(crate::time::Millis::rfc3339),
            last_seen: subject.last_seen.map(crate::time::Millis::rfc3339),
            counters: usage(&setup.plan, of, &view),
            definitions: setup.definitions(of).map(|definition| explain_one(definition, subject, &view)).collect(),
        }
    }
}

fn accounts_latest_first(subject: &Subject) -> Vec<String> {
    let current = subject.user.group().map(|(id, _)| id.to_string());
    let others = subject.user.accounts.iter().rev().map(ToString::to_string);
    let others = others.filter(|id| Some(id) != current.as_ref()).collect::<Vec<_>>();
    current.into_iter().chain(others).collect()
}

fn explain_one(definition: &Definition, subject: &Subject, view: &View<'_>) -> DefinitionExplanation {
    let outcome = evaluate(definition, view);
    let standing = subject.standings.get(&definition.name);
    let cooldown_end = standing.map(|s| s.qualified_at.plus(definition.cooldown_ms)).filter(|end| *end > view.now);
    DefinitionExplanation {
        name: definition.name.to_string(),
        of: definition.of.to_string(),
        version: definition.version.to_string(),
        qualifies: outcome.qualifies,
        intent: outcome.intent,
        fit: outcome.fit,
        tier: outcome.tier,
        conditions: reasons(definition, view),
        qualified_at: standing.map(|s| s.qualified_at.rfc3339()),
        lead_id: standing.map(|s| s.lead_id.clone()),
        cooldown_until: cooldown_end.map(crate::time::Millis::rfc3339),
    }
}
