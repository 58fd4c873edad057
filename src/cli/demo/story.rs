//! What happens in the demo: three weeks of the past, then today. The same seed tells the same story.

use serde_json::{Map, Value, json};

use super::cast::{Actor, COMPANIES, Chance, Company};
use crate::time::Millis;

/// One call to be sent, and what it means to a person.
pub struct Beat {
    pub call: Value,
    /// `Noor of Fjord Logistics invites a colleague`.
    pub caption: String,
    /// Whose standing it moves; nobody's, for small talk.
    pub account: Option<&'static str>,
    /// Whether the CRM is to fail the next delivery.
    pub stumbles: bool,
}

/// Makes calls with numbers of their own.
pub struct Teller {
    dice: Chance,
    now: Millis,
    next: u64,
    run: u64,
}

/// Things that happen in every workspace and that no definition asks for.
const SMALL_TALK: [&str; 5] = ["Task Completed", "Comment Added", "Board Viewed", "File Uploaded", "Task Assigned"];

const HISTORY_DAYS: i64 = 21;

impl Teller {
    pub fn new(seed: u64, now: Millis) -> Self {
        let run = u64::try_from(now.0).unwrap_or(0);
        Self { dice: Chance::new(seed), now, next: 0, run }
    }

    /// The past, in the order in which it happened, filled with small talk to about `events` calls.
    pub fn history(&mut self, events: usize) -> Vec<Value> {
        let mut calls = Vec::new();
        for company in &COMPANIES {
            self.sign_ups(company, &mut calls);
            self.work(company, &mut calls);
        }
        while calls.len() < events {
            let company = self.dice.one_of(&COMPANIES);
            let name = self.dice.one_of(&SMALL_TALK);
            let (person, at) = self.someone(company);
            calls.push(self.track(company, &person, at, name, json!({})));
        }
        calls.sort_by_key(|call| call["timestamp"].as_str().map(str::to_owned));
        calls
    }

    /// Everyone looks around first, and then signs up and joins the workspace.
    fn sign_ups(&mut self, company: &Company, calls: &mut Vec<Value>) {
        for position in 0..company.people {
            let person = company.person(position);
            let at = self.now.plus(-(HISTORY_DAYS - 1) * Millis::DAY + self.within(6 * Millis::DAY));
            calls.extend(self.sign_up(company, &person, at));
        }
    }

    fn sign_up(&mut self, company: &Company, person: &Actor, at: Millis) -> [Value; 3] {
        let visitor = format!("anon-{:08x}", self.dice.below(u64::from(u32::MAX)));
        let page = json!({ "type": "page", "name": "Home", "anonymousId": visitor, "properties": { "path": "/" } });
        let traits = json!({ "email": person.id, "name": person.name, "role": person.role });
        let identify = json!({ "type": "identify", "anonymousId": visitor, "userId": person.id, "traits": traits });
        let account = json!({
            "name": company.name, "industry": company.industry, "country": company.country, "employees": company.employees, "plan": company.plan,
        });
        let group = json!({ "type": "group", "userId": person.id, "groupId": company.id, "traits": account });
        [self.call(page, at), self.call(identify, at.plus(40_000)), self.call(group, at.plus(41_000))]
    }

    fn work(&mut self, company: &Company, calls: &mut Vec<Value>) {
        for _ in 0..company.tasks {
            let (person, at) = self.someone(company);
            calls.push(self.task(company, &person, at));
        }
        for guest in 0..company.invited {
            let (person, at) = self.someone(company);
            calls.push(self.invite(company, &person, at, guest));
        }
        for _ in 0..company.pricing_views {
            let at = self.now.plus(-Millis::DAY - self.within(2 * Millis::DAY));
            calls.push(self.pricing(company, at));
        }
        // Each regular was there in the last week, so that everyone is counted.
        for position in 0..company.regulars {
            let at = self.now.plus(-Millis::HOUR - self.within(5 * Millis::DAY));
            calls.push(self.track(company, &company.person(position), at, "Board Viewed", json!({})));
        }
    }

    /// Someone at work at some time: a regular in the last week, or anyone before it.
    fn someone(&mut self, company: &Company) -> (Actor, Millis) {
        let ago = Millis::HOUR + self.within(14 * Millis::DAY);
        let people = if ago < 8 * Millis::DAY { company.regulars } else { company.people };
        let position = self.dice.pick(people);
        (company.person(position), self.now.plus(-ago))
    }

    fn within(&mut self, ms: i64) -> i64 {
        i64::try_from(self.dice.below(u64::try_from(ms).unwrap_or(1))).unwrap_or(0)
    }

    fn task(&mut self, company: &Company, person: &Actor, at: Millis) -> Value {
        let board = 1 + self.dice.below(6);
        let minutes = 5 + self.dice.below(60);
        self.track(
            company,
            person,
            at,
            "Task Created",
            json!({ "board": format!("board-{board}"), "minutes": minutes }),
        )
    }

    fn invite(&mut self, company: &Company, person: &Actor, at: Millis, guest: usize) -> Value {
        let email = format!("guest{guest}@{}", company.id);
        self.track(company, person, at, "User Invited", json!({ "email": email }))
    }

    fn pricing(&mut self, company: &Company, at: Millis) -> Value {
        let owner = company.person(0);
        let page = json!({
            "type": "page", "name": "Pricing", "userId": owner.id, "context": { "groupId": company.id },
            "properties": { "path": "/pricing" },
        });
        self.call(page, at)
    }

    fn track(&mut self, company: &Company, person: &Actor, at: Millis, name: &str, properties: Value) -> Value {
        let call = json!({
            "type": "track", "event": name, "userId": person.id, "context": { "groupId": company.id },
            "properties": properties,
        });
        self.call(call, at)
    }

    /// Adds what every SDK adds. The run is part of the message id, so that a second demo on the same store counts anew.
    fn call(&mut self, call: Value, at: Millis) -> Value {
        self.next += 1;
        let mut call = match call {
            Value::Object(call) => call,
            _ => Map::new(),
        };
        call.insert("messageId".to_owned(), json!(format!("demo-{:x}-{}", self.run, self.next)));
        call.insert("timestamp".to_owned(), json!(at.rfc3339()));
        Value::Object(call)
    }

    /// A call of someone who does not say who they are, which nobody can count.
    pub fn nobody(&mut self) -> Value {
        let call = json!({ "type": "track", "event": "Task Created", "properties": { "board": "board-1" } });
        let now = self.now;
        self.call(call, now)
    }

    /// Today, beat by beat, with small talk in between.
    pub fn today(&mut self) -> Vec<Beat> {
        let at = self.now;
        let mut beats = Vec::new();
        let brightwave = Company::named("brightwave.example");
        for position in 0..4 {
            self.chatter(&mut beats, 3);
            let person = brightwave.person(position);
            let call = self.task(brightwave, &person, at);
            beats.push(beat(brightwave, &person, "creates a task", call));
        }
        let fjord = Company::named("fjord.example");
        for guest in [20, 21] {
            self.chatter(&mut beats, 3);
            let person = fjord.person(guest % 5);
            let call = self.invite(fjord, &person, at, guest);
            beats.push(beat(fjord, &person, "invites a colleague", call));
        }
        let otter = Company::named("otter.example");
        self.chatter(&mut beats, 4);
        let call = self.pricing(otter, at);
        let looks = beat(otter, &otter.person(0), "looks at the prices for the third time", call);
        beats.push(Beat { stumbles: true, ..looks });

        let pinecrest = Company::named("pinecrest.example");
        for position in 0..2 {
            self.chatter(&mut beats, 2);
            let person = pinecrest.person(position);
            let call = self.task(pinecrest, &person, at);
            beats.push(beat(pinecrest, &person, "creates a task", call));
        }
        self.outgrow(&mut beats, Company::named("halden.example"), 2);
        self.outgrow(&mut beats, Company::named("solstice.example"), 1);
        self.chatter(&mut beats, 6);
        beats
    }

    /// People who were away come back, and one of them meets a limit.
    fn outgrow(&mut self, beats: &mut Vec<Beat>, company: &Company, newcomers: usize) {
        let at = self.now;
        for position in company.regulars..company.regulars + newcomers {
            self.chatter(beats, 3);
            let person = company.person(position);
            let call = self.track(company, &person, at, "Board Viewed", json!({}));
            beats.push(beat(company, &person, "is back", call));
        }
        self.chatter(beats, 3);
        let person = company.person(1);
        let call = self.track(company, &person, at, "Limit Reached", json!({ "limit": "automations" }));
        beats.push(beat(company, &person, "meets the limit on automations", call));
    }

    fn chatter(&mut self, beats: &mut Vec<Beat>, count: usize) {
        for _ in 0..count {
            let company = self.dice.one_of(&COMPANIES);
            let person = company.person(self.dice.pick(company.regulars));
            let name = self.dice.one_of(&SMALL_TALK);
            let at = self.now;
            let call = self.track(company, &person, at, name, json!({}));
            beats.push(Beat { account: None, ..beat(company, &person, &name.to_lowercase(), call) });
        }
    }
}

fn beat(company: &Company, person: &Actor, does: &str, call: Value) -> Beat {
    Beat {
        call,
        caption: format!("{} of {}: {does}", person.name, company.name),
        account: Some(company.id),
        stumbles: false,
    }
}

/// The workspace that almost qualifies: its explanation ends the demo.
pub const ALMOST: &str = "pinecrest.example";

/// The workspace whose lead a few people more would have sent to another team.
pub const NEAR: &str = "fjord.example";

/// How many leads the story comes to.
pub const LEADS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_tells_the_same_story() {
        let tell = || Teller::new(7, Millis(1_795_000_000_000)).history(1_500);
        let story = tell();
        assert_eq!(story, tell());
        assert_eq!(story.len(), 1_500);
        let times: Vec<&str> = story.iter().filter_map(|call| call["timestamp"].as_str()).collect();
        assert!(times.is_sorted());
    }

    #[test]
    fn today_has_a_call_for_every_threshold() {
        let today = Teller::new(7, Millis(1_795_000_000_000)).today();
        let calls = |name: &str| today.iter().filter(|beat| beat.call["event"] == name).count();
        assert_eq!((calls("Task Created"), calls("User Invited"), calls("Limit Reached")), (6, 2, 2));
    }
}
