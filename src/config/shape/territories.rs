//! `territories`.

use crate::config::conditions::ConditionText;
use crate::config::read::{At, List, Many, Named, section};
use crate::config::scalar::{Lasting, choice};
use crate::config::yaml::Scalar;

section! {
    /// A table of who gets whom. Each row asks something of some dimensions and names a team, a rep or `self_serve`; of the rows that a
    /// lead meets, the most specific one takes it. A route with `to: territories` leads there.
    ///
    /// Dimensions that need no declaration: `domain` (named accounts), `account`, `postal_code` (whole, the beginning of one, or a range),
    /// `state`, `country`, `region` (`DACH`, `EMEA`, …), `industry`, `employees`, `revenue`, `language`, `definition` and `tier`. A blank cell
    /// asks nothing; several values in one are parted by `;`, `|` or commas.
    TerritoriesShape = "the territories" {
        /// A CSV file with one territory a line, as a spreadsheet saves it; relative to this file. Parted by commas, semicolons or tabs.
        #[schemars(extend("examples" = ["territories.csv"]))]
        from: Scalar,
        /// What the file's columns are called, by dimension; also `to` (who gets the leads), `name`, `parent`, `priority`, `effective_from`,
        /// `effective_until`, `needs` (skills that it takes) and `speaks` (a language). Only those whose header is not understood by itself.
        #[schemars(extend("examples" = [{ "employees": "Company size", "to": "Owner" }]))]
        columns: Named<Scalar>,
        /// Columns of the file that say nothing here.
        #[schemars(extend("examples" = [["Notes", "Quota"]]))]
        ignore: List<Scalar>,
        /// Rows in place of a file, or besides: dimensions with what they ask, `to`, and perhaps `name`, `parent`, `priority`,
        /// `effective_from`, `effective_until`, `needs` (skills that whoever gets its leads must have) and `speaks` (a language).
        #[schemars(extend("examples" = [[{ "country": ["DE", "AT"], "employees": "200+", "to": "enterprise" }]]))]
        rows: List<Named<Many<Scalar>>>,
        /// Where a lead says a dimension, by its name: traits, signals, `lead.…`, or what is made of them; the first that is known counts. Other
        /// names than those known make dimensions of their own, which are texts.
        #[schemars(extend("examples" = [{ "country": ["account.billing_country", "account.country"], "segment": "account.segment" }]))]
        reads: Named<Many<ConditionText>>,
        /// Regions of your own, by name: countries, and regions that are known.
        #[schemars(extend("examples" = [{ "southern europe": ["IT", "ES", "PT", "GR"] }]))]
        regions: Named<List<Scalar>>,
        /// Which dimension is more specific than which; those that are not named come last, in the order above.
        #[schemars(extend("examples" = [["domain", "industry", "country"]]))]
        order: List<Scalar>,
        /// What becomes of a lead that a more specific row might take if more were known of it: `next_route`, or `best_known`, the best of those
        /// that it meets for certain.
        #[schemars(extend("default" = "next_route"))]
        unknown: At<UnknownWord>,
        /// For how long such a lead waits for that to be known first, as enrichment comes seconds later: 1s to 1d. It is decided about anew as soon as
        /// something is. By default not at all.
        #[schemars(extend("examples" = ["10m"]))]
        wait: At<Lasting>,
    }
}

choice! {
    /// What becomes of a lead of which too little is known.
    UnknownWord {
        NextRoute = "next_route",
        BestKnown = "best_known",
    }
}
