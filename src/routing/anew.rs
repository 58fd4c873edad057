//! Where a lead that is out would go by the routes and territories of now.

use std::sync::Arc;

use super::{Decision, Routes, decide, domain_of, owns};
use crate::lead::LeadEvent;
use crate::record::{AccountOwner, Owners};
use crate::time::Millis;

/// Where a lead would go that is somebody's, or nobody's, where that is elsewhere; `None` where it is right, and where it was given by hand.
pub fn elsewhere(by: Routes<'_>, event: &LeadEvent, now: Millis) -> Option<Decision> {
    let has_it = event.lead.routing.as_ref().filter(|routing| routing.route.is_some())?;
    // Whoever has a lead of the account or the domain owns it as far as the lead itself says.
    let rep = has_it.owner.as_deref();
    let owner = rep.map(|rep| AccountOwner { rep: Arc::from(rep), at: now, pinned: false });
    let account = owner.as_ref().filter(|_| event.lead.account.is_some());
    let domain = owner.as_ref().filter(|_| domain_of(by, event, now).is_some());
    let decision = decide(by, event, Owners { account, domain }, now);
    let is_same = match (&decision, has_it.owner.as_deref()) {
        (Decision::Settled(routing), Some(rep)) => {
            routing.owner.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(rep))
        }
        (Decision::Settled(routing), None) => routing.owner.is_none(),
        // Of whoever has left, or is a rep no more, somebody else of the same team gets it.
        (Decision::Turn(pending), Some(_)) => {
            has_it.team.as_deref() == Some(&*pending.team) && owner.as_ref().is_some_and(|owner| owns(by, owner, now))
        }
        (Decision::Turn(_), None) => false,
    };
    (!is_same).then_some(decision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load_text;
    use crate::crm::sample;
    use crate::lead::Routing;

    fn goes(owner: Option<&str>, team: Option<&str>, route: Option<&str>, country: &str) -> Option<String> {
        let text = "
traits: { account: { country: country } }
teams: { dach: { reps: [ana@x.example, ben@x.example] }, us: { reps: [cy@x.example] } }
territories: { rows: [ { country: DE, to: dach }, { country: US, to: us }, { country: FR, to: dee@x.example } ] }
routes: [ { name: table, to: territories }, { name: rest, to: self_serve } ]
";
        let config = load_text("t.yaml", text, &|_| None).expect("it can be used").config;
        let mut event = sample::full();
        let said = |text: Option<&str>| text.map(str::to_owned);
        event.lead.routing =
            Some(Routing { route: said(route), team: said(team), owner: said(owner), ..Routing::default() });
        let account = event.lead.account.as_mut().expect("it has one");
        account.traits.insert("country".to_owned(), country.into());
        Some(match elsewhere(config.rules.routes(), &event, Millis(0))? {
            Decision::Settled(routing) => routing.owner.unwrap_or_else(|| "nobody".to_owned()),
            Decision::Turn(pending) => format!("team {}", pending.team),
        })
    }

    #[test]
    fn a_lead_goes_where_the_table_of_now_says_unless_it_was_given_by_hand() {
        let (ana, dach, table) = (Some("ana@x.example"), Some("dach"), Some("table"));
        assert_eq!(goes(ana, dach, table, "DE"), None, "it is where it belongs");
        assert_eq!(goes(ana, dach, table, "US").as_deref(), Some("team us"));
        assert_eq!(goes(ana, dach, table, "FR").as_deref(), Some("dee@x.example"));
        assert_eq!(goes(ana, dach, table, "IT").as_deref(), Some("nobody"));
        assert_eq!(goes(None, None, Some("rest"), "IT"), None);
        assert_eq!(goes(None, None, Some("rest"), "US").as_deref(), Some("team us"));
        assert_eq!(goes(ana, None, None, "US"), None, "somebody wanted it so");
    }
}
