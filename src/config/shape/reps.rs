//! `reps`.

use crate::config::read::{At, Many, Named, section};
use crate::config::scalar::{Count, Flag, Lasting};
use crate::config::yaml::Scalar;

section! {
    /// When a rep may be given leads. Whoever is not named here is there always.
    RepShape = "this rep" {
        /// Where they are, by IANA name: their hours and days are told by the clock there. By default the zone of the configuration.
        #[schemars(extend("examples" = ["Europe/Berlin"]))]
        time_zone: Scalar,
        /// When they work, as OpenStreetMap writes opening hours. By default always.
        #[schemars(extend("examples" = ["Mo-Fr 09:00-12:30,13:30-17:00"]))]
        hours: Scalar,
        /// Days on which they don't work whatever `hours` say, unless those say what holds on `PH`: countries, for their public holidays, and
        /// dates.
        #[schemars(extend("examples" = [["DE", "2026-12-24"]]))]
        holidays: Many<Scalar>,
        /// Days on which they are away: a date, or the first and the last of several.
        #[schemars(extend("examples" = [["2026-12-24..2027-01-02", "2027-05-14"]]))]
        absent: Many<Scalar>,
        /// Their calendar, as an iCalendar file or the `https` URL of one that their calendar shares: they are away while it has them out of
        /// office.
        #[schemars(extend("examples" = ["https://calendar.example.com/ana/private-0f3a9e/basic.ics", "calendars/ana.ics"]))]
        calendar: Scalar,
        /// `true` when they are gone for good, or from which date on. Their leads find another owner when there is news of them.
        #[schemars(extend("examples" = ["2027-03-31"]))]
        left: Scalar,
        /// Whether they get nothing for now.
        #[schemars(extend("default" = false))]
        paused: At<Flag>,
        /// How many leads each of their teams may give them.
        caps: CapsShape,
        /// The languages that they speak, by their tags: `de` is any German, `pt-BR` that of Brazil. Routes ask for them by `needs`.
        #[schemars(extend("examples" = [["de", "en"]]))]
        languages: Many<Scalar>,
        /// What they know, in words of your own. Routes ask for it by `needs`.
        #[schemars(extend("examples" = [["security", "enterprise"]]))]
        skills: Many<Scalar>,
    }
}

section! {
    /// How the calendars of reps are read.
    CalendarsShape = "`calendars`" {
        /// How often: 1m to 1d.
        #[schemars(extend("default" = "15m"))]
        every: At<Lasting>,
        /// Private address ranges that they may be at. By default none.
        allow_addresses: Many<Scalar>,
    }
}

section! {
    /// How many leads a team may give a rep.
    CapsShape = "these caps" {
        /// In a calendar day, where they are.
        day: At<Count>,
        /// In a week, from Monday on.
        week: At<Count>,
        /// Open at a time: nothing became of them yet, and they didn't lapse.
        open: At<Count>,
        /// The same for leads of a tier, by its number.
        #[schemars(extend("examples" = [{ "1": { "day": 3 } }]))]
        tiers: Named<TierCapsShape>,
    }
}

section! {
    /// How many leads of a tier a team may give a rep.
    TierCapsShape = "these caps" {
        /// In a calendar day, where they are.
        day: At<Count>,
        /// In a week, from Monday on.
        week: At<Count>,
    }
}
