//! Teams take their turns, lead by lead in the order of time, and leads wait for those of whom nobody is there: as the server lets them, by
//! the same functions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::accounts::Accounts;
use crate::lead::{LeadEvent, Routing};
use crate::record::wait::place;
use crate::record::{LeadClass, Owners, Pending, TeamTurns};
use crate::routing::{
    Asks, Decision, Patience, Routes, Team, TeamName, Waited, assign, class_of, decide, is_open, opens, waits,
};
use crate::time::Millis;

/// A lead that wants somebody.
pub(super) struct Wants<'l> {
    /// Its id.
    pub lead: &'l str,
    /// Since when.
    pub at: Millis,
    /// Its tier.
    pub tier: u8,
    /// Its rank.
    pub rank: Option<f32>,
    /// What the routes say of it.
    pub decided: Decided,
}

/// What the routes say of a lead.
pub(super) enum Decided {
    /// This, whatever else happens.
    Now(Decision),
    /// What hangs on who owns the other leads of its account, or of its domain.
    ByAccount(Box<LeadEvent>),
}

impl Decided {
    /// What `by` says of a lead at `now`.
    pub(super) fn of(by: Routes<'_>, event: &LeadEvent, now: Millis) -> Self {
        if Accounts::matter(by, event, now) {
            return Self::ByAccount(Box::new(event.clone()));
        }
        Self::Now(decide(by, event, Owners::default(), now))
    }
}

/// A lead that was given to somebody, or to nobody.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Given {
    /// To whom, and why.
    pub routing: Routing,
    /// When.
    pub at: Millis,
    /// For how many milliseconds it waited by then.
    pub waited: i64,
}

/// Where a lead stands in the line of its team.
type Place<'l> = (Millis, &'l str);

/// A lead on its way through teams.
#[derive(Clone)]
struct Asking<'l> {
    number: usize,
    place: Place<'l>,
    tier: u8,
    pending: Pending,
    wants_since: Millis,
    /// Of this team.
    waits_since: Option<Millis>,
    until: Option<Millis>,
}

/// A team, and those that wait for it.
#[derive(Default)]
struct Desk<'l> {
    turns: TeamTurns,
    /// By what they ask.
    waiting: BTreeMap<LeadClass, BTreeMap<Place<'l>, Asking<'l>>>,
}

/// What comes by time alone.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Due<'l> {
    /// Somebody of a team is there.
    Opens(TeamName),
    /// A lead has waited for a team as long as it may.
    Over(TeamName, LeadClass, Place<'l>),
}

struct Play<'r, 'l> {
    by: Routes<'r>,
    desks: HashMap<TeamName, Desk<'l>>,
    due: BinaryHeap<Reverse<(Millis, Due<'l>)>>,
    accounts: Accounts,
    /// By number: what each lead is known by.
    places: Vec<(Place<'l>, u8, Millis)>,
    given: Vec<Given>,
}

/// Gives out leads, which are in the order of time; answers in the same order.
pub(super) fn play<'l>(by: Routes<'_>, leads: impl Iterator<Item = Wants<'l>>) -> Vec<Given> {
    let (desks, due, accounts) = (HashMap::new(), BinaryHeap::new(), Accounts::default());
    let mut play = Play { by, desks, due, accounts, places: Vec::new(), given: Vec::new() };
    for Wants { lead, at, tier, rank, decided } in leads {
        play.go_on(at);
        let number = play.given.len();
        play.given.push(Given::default());
        play.places.push(((place(tier, rank, at), lead), tier, at));
        match decided {
            Decided::Now(decision) => play.follow(number, decision, at),
            Decided::ByAccount(event) => {
                let ready = play.accounts.ask(by, number, event, at);
                play.decide(ready, at);
            }
        }
    }
    play.go_on(Millis(i64::MAX));
    play.given
}

impl<'l> Play<'_, 'l> {
    /// Decides about leads of which it is known who owns those of their account.
    fn decide(&mut self, ready: Vec<(usize, Box<LeadEvent>)>, now: Millis) {
        for (number, event) in ready {
            let decision = decide(self.by, &event, self.accounts.owners(number), now);
            self.follow(number, decision, now);
        }
    }

    fn follow(&mut self, number: usize, decision: Decision, now: Millis) {
        let Some((place, tier, wants_since)) = self.places.get(number).copied() else { return };
        match decision {
            Decision::Settled(routing) => self.settle(number, wants_since, routing, now),
            Decision::Turn(pending) => {
                self.ask(Asking { number, place, tier, pending, wants_since, waits_since: None, until: None }, now);
            }
        }
    }

    /// Does what is due until `now`.
    fn go_on(&mut self, now: Millis) {
        while self.due.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            match self.due.pop() {
                Some(Reverse((at, Due::Opens(team)))) => self.call(&team, at),
                Some(Reverse((at, Due::Over(team, class, place)))) => {
                    let waiting = self.desks.get_mut(&team).and_then(|desk| desk.waiting.get_mut(&class));
                    let Some(waiting) = waiting else { continue };
                    if waiting.get(&place).is_some_and(|asking| asking.until == Some(at))
                        && let Some(asking) = waiting.remove(&place)
                    {
                        self.ask(asking, at);
                    }
                }
                None => return,
            }
        }
    }

    /// Calls those that wait for a team, as long as somebody of it may be given a lead.
    fn call(&mut self, name: &TeamName, now: Millis) {
        let Some(team) = self.by.teams.iter().find(|team| team.name == *name) else { return };
        if self.desks.get(name).is_none_or(|desk| desk.turns.opens() != Some(now)) {
            return;
        }
        while let Some(desk) = self.desks.get_mut(name) {
            desk.waiting.retain(|_, waiting| !waiting.is_empty());
            let Desk { turns, waiting } = desk;
            turns.waits.retain(|class, _| waiting.contains_key(class));
            let present = self.by.present(now);
            let open = waiting.iter_mut().filter(|(class, _)| is_open(team, turns, (*class).into(), present));
            let first = open.min_by_key(|(_, waiting)| waiting.first_key_value().map(|(place, _)| *place));
            let Some((_, asking)) = first.and_then(|(_, waiting)| waiting.pop_first()) else {
                return self.look_again(team, now);
            };
            self.ask(asking, now);
        }
    }

    /// Says when to look at those that wait for a team of which nobody is there whom they may be given.
    fn look_again(&mut self, team: &Team, now: Millis) {
        let Some(Desk { turns, waiting }) = self.desks.get_mut(&team.name) else { return };
        let (before, present) = (turns.opens(), self.by.present(now));
        for class in waiting.keys() {
            let at = opens(team, turns, class.into(), present).max(now.plus(1));
            turns.waits.insert(class.clone(), at);
        }
        if let Some(at) = turns.opens().filter(|at| before != Some(*at)) {
            self.due.push(Reverse((at, Due::Opens(team.name.clone()))));
        }
    }

    /// A lead asks a team for somebody: it is given one, or waits, or is passed on.
    fn ask(&mut self, mut asking: Asking<'l>, now: Millis) {
        loop {
            let name = asking.pending.team.clone();
            let Some(team) = self.by.teams.iter().find(|team| team.name == name) else {
                return self.settle(asking.number, asking.wants_since, asking.pending.gone(), now);
            };
            let desk = self.desks.entry(name.clone()).or_default();
            let waited = asking.waits_since.map(|since| Waited { team: name.clone(), ms: now.since(since) });
            let needs = asking.pending.needs.clone();
            let asks = Asks { needs: &needs, tier: asking.tier, not: &[] };
            if let Some(turn) = assign(team, &mut desk.turns, asks, self.by.present(now)) {
                // What becomes of leads is not known on paper: none counts as open.
                if let Some(place) = desk.turns.reps.get_mut(&turn.rep) {
                    place.given.open = 0;
                }
                let routing = asking.pending.settle(&turn, waited);
                return self.settle(asking.number, asking.wants_since, routing, now);
            }
            let since = asking.waits_since.unwrap_or(now);
            if let Some(Patience { until }) = waits(team, &desk.turns, asks, since, self.by.present(now)) {
                let asking = Asking { waits_since: Some(since), until, ..asking };
                let class = class_of(team, asks);
                if let Some(until) = until {
                    self.due.push(Reverse((until, Due::Over(name, class.clone(), asking.place))));
                }
                desk.waiting.entry(class).or_default().insert(asking.place, asking);
                return self.look_again(team, now);
            }
            // No team leads back to itself by this, so that it ends.
            match asking.pending.otherwise(team, &desk.turns, (asks, waited), self.by, now) {
                Decision::Settled(routing) => return self.settle(asking.number, asking.wants_since, routing, now),
                Decision::Turn(pending) => asking = Asking { pending, waits_since: None, until: None, ..asking },
            }
        }
    }

    fn settle(&mut self, number: usize, since: Millis, routing: Routing, now: Millis) {
        let ready = self.accounts.owned(self.by, number, routing.owner.as_deref(), now);
        if let Some(given) = self.given.get_mut(number) {
            *given = Given { routing, at: now, waited: now.since(since) };
        }
        self.decide(ready, now);
    }
}
