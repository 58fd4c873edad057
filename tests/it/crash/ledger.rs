//! What was made, what must still be sent, what was acknowledged. The story: accounts of ten people come and go; each person
//! does two things anonymously, signs in, joins the account, and does eighteen more. Every other of those does not say for which
//! account it is: it counts for the one that they belonged to, even if it arrives before the call that says so.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use handraiser::time::Clock;
use rand::Rng as _;
use rand::rngs::StdRng;

/// Calls of one person: two anonymous tracks, an identify, a group, eighteen tracks.
const CALLS: u64 = 22;
/// Which of a person's calls is the identify, and which the group.
const IDENTIFY: u64 = 2;
const GROUP: u64 = 3;
/// People of one account, who act in turn.
const PEOPLE: u64 = 10;

/// One call, as it is sent again and again until it is acknowledged, always with the same message id.
#[derive(Clone, Debug)]
pub struct Call {
    pub json: String,
}

#[derive(Default)]
struct Books {
    made: u64,
    stopped: bool,
    /// Sent without an answer, or refused: to be sent again.
    again: Vec<Call>,
    under_way: u64,
    acknowledged: u64,
    sent: u64,
    /// A few calls that were acknowledged, to be sent once more as a CDP does whose answer got lost.
    remembered: Vec<Call>,
    answers: BTreeMap<String, u64>,
}

#[derive(Default)]
pub struct Ledger {
    books: Mutex<Books>,
}

/// The figures of the ledger.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub made: u64,
    pub sent: u64,
    pub acknowledged: u64,
    pub answers: BTreeMap<String, u64>,
}

impl Ledger {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request's calls: some that must be sent again, some new ones, mixed anew each time. `None` when all is done;
    /// empty when there is nothing to send right now.
    pub fn take(&self, dice: &mut StdRng) -> Option<Vec<Call>> {
        let mut books = self.books();
        let wanted = dice.random_range(1..40);
        let mut calls = Vec::new();
        while calls.len() < wanted && !books.again.is_empty() {
            let at = dice.random_range(0..books.again.len());
            calls.push(books.again.swap_remove(at));
        }
        while calls.len() < wanted && !books.stopped {
            calls.push(call(books.made));
            books.made += 1;
        }
        if calls.is_empty() && books.stopped && books.under_way == 0 {
            return None;
        }
        books.under_way += calls.len() as u64;
        books.sent += calls.len() as u64;
        Some(calls)
    }

    /// A call that was acknowledged before, to be sent once more.
    pub fn remembered(&self, dice: &mut StdRng) -> Option<Call> {
        let books = self.books();
        let at = dice.random_range(0..books.remembered.len().max(1));
        books.remembered.get(at).cloned()
    }

    pub fn acknowledge(&self, calls: Vec<Call>, dice: &mut StdRng) {
        let mut books = self.books();
        books.under_way -= calls.len() as u64;
        books.acknowledged += calls.len() as u64;
        *books.answers.entry("200".to_owned()).or_default() += 1;
        for call in calls {
            if books.remembered.len() < 1_000 {
                books.remembered.push(call);
            } else if dice.random_ratio(1, 10) {
                let at = dice.random_range(0..1_000);
                books.remembered[at] = call;
            }
        }
    }

    pub fn refuse(&self, calls: Vec<Call>, answer: String) {
        let mut books = self.books();
        books.under_way -= calls.len() as u64;
        books.again.extend(calls);
        *books.answers.entry(answer).or_default() += 1;
    }

    pub fn stop_making(&self) {
        self.books().stopped = true;
    }

    pub fn totals(&self) -> Totals {
        let books = self.books();
        Totals { made: books.made, sent: books.sent, acknowledged: books.acknowledged, answers: books.answers.clone() }
    }
}

/// Which person makes call `number`, and which of their calls it is.
fn place(number: u64) -> (u64, u64) {
    let (account, within) = (number / (CALLS * PEOPLE), number % (CALLS * PEOPLE));
    (account * PEOPLE + within % PEOPLE, within / PEOPLE)
}

/// The tasks of each person and of each account, if `made` calls were made and all were counted once.
pub fn expected(made: u64) -> (BTreeMap<String, u64>, BTreeMap<String, u64>) {
    let (mut people, mut accounts) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..made {
        let (person, nth) = place(number);
        if nth != IDENTIFY && nth != GROUP {
            *people.entry(name(person, nth, made)).or_default() += 1;
            *accounts.entry(format!("account-{}", person / PEOPLE)).or_default() += 1;
        }
    }
    (people, accounts)
}

/// By which id a person is known in the end: who never signed in stays anonymous.
fn name(person: u64, nth: u64, made: u64) -> String {
    let (account, within) = (person / PEOPLE, person % PEOPLE);
    let sign_in = account * CALLS * PEOPLE + IDENTIFY * PEOPLE + within;
    if nth < IDENTIFY && sign_in >= made { format!("anon-{person}") } else { format!("person-{person}") }
}

fn call(number: u64) -> Call {
    let (person, nth) = place(number);
    let account = person / PEOPLE;
    let at = Clock::System.now().rfc3339();
    let common = format!(r#""messageId":"call-{number}","timestamp":"{at}""#);
    let place = format!(r#""context":{{"groupId":"account-{account}"}}"#);
    let task = r#""type":"track","event":"Task Created","properties":{"board":"b1"}"#;
    let json = match nth {
        0 | 1 => format!(r#"{{{task},"anonymousId":"anon-{person}",{common},{place}}}"#),
        IDENTIFY => format!(
            r#"{{"type":"identify","userId":"person-{person}","anonymousId":"anon-{person}","traits":{{"plan":"free"}},{common},{place}}}"#
        ),
        GROUP => format!(
            r#"{{"type":"group","userId":"person-{person}","groupId":"account-{account}","traits":{{"size":10}},{common}}}"#
        ),
        _ if nth.is_multiple_of(2) => {
            format!(r#"{{{task},"userId":"person-{person}","anonymousId":"anon-{person}",{common},{place}}}"#)
        }
        _ => format!(r#"{{{task},"userId":"person-{person}","anonymousId":"anon-{person}",{common}}}"#),
    };
    Call { json }
}
