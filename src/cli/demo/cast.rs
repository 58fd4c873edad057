//! Who plays in the demo: companies that use a made-up product, and their people.

/// A company and how it uses the product.
pub struct Company {
    pub id: &'static str,
    pub name: &'static str,
    pub industry: &'static str,
    pub country: &'static str,
    pub employees: u32,
    pub plan: &'static str,
    /// People who use the product; the first of them owns the workspace.
    pub people: usize,
    /// How many of the people were active in the last week.
    pub regulars: usize,
    /// Tasks created and people invited in the past three weeks.
    pub tasks: usize,
    pub invited: usize,
    /// Views of the pricing page by the owner in the last days.
    pub pricing_views: usize,
}

const fn company(
    id: &'static str,
    name: &'static str,
    (industry, country): (&'static str, &'static str),
    employees: u32,
    plan: &'static str,
    [people, regulars, tasks, invited, pricing_views]: [usize; 5],
) -> Company {
    Company { id, name, industry, country, employees, plan, people, regulars, tasks, invited, pricing_views }
}

/// Every company stands just before something, or will never get there. The last numbers are people, regulars, tasks, people
/// invited, and views of the pricing page.
pub static COMPANIES: [Company; 8] = [
    company("brightwave.example", "Brightwave Analytics", ("software", "US"), 640, "free", [17, 12, 47, 12, 0]),
    company("fjord.example", "Fjord Logistics", ("logistics", "Norway"), 180, "free", [11, 8, 58, 8, 0]),
    company("halden.example", "Halden Robotics", ("robotics", "Germany"), 1_900, "team", [19, 13, 210, 16, 0]),
    company("pinecrest.example", "Pinecrest Schools", ("education", "Canada"), 90, "free", [9, 6, 46, 11, 0]),
    company("kite.example", "Kite & Partners", ("design", "GB"), 12, "free", [7, 7, 83, 12, 0]),
    company("meridian.example", "Meridian Bank", ("finance", "USA"), 5_200, "enterprise", [24, 21, 320, 22, 0]),
    company("solstice.example", "Solstice Games", ("games", "Suomi"), 310, "team", [16, 14, 120, 9, 0]),
    company("otter.example", "Otter Studio", ("film", "FR"), 35, "free", [3, 3, 14, 2, 2]),
];

const NAMES: [&str; 24] = [
    "Noor", "Mika", "Lena", "Theo", "Asha", "Juno", "Ravi", "Ines", "Otto", "Yara", "Emil", "Tala", "Sami", "Vera",
    "Luca", "Nia", "Arlo", "Mina", "Hugo", "Zoe", "Ivan", "Ada", "Kofi", "Elin",
];

impl Company {
    /// A person of the company; the same position is always the same person.
    pub fn person(&self, position: usize) -> Actor {
        let shift = self.id.len() + usize::try_from(self.employees).unwrap_or(0);
        let name = NAMES.get((position + shift) % NAMES.len()).expect("a remainder is a position");
        let role = if position == 0 { "owner" } else { "member" };
        Actor { id: format!("{}@{}", name.to_lowercase(), self.id), name, role }
    }

    /// The company called `id`.
    pub fn named(id: &str) -> &'static Self {
        COMPANIES.iter().find(|company| company.id == id).expect("the story names its own cast")
    }
}

/// Someone who uses the product. The product uses e-mail addresses as user ids, as many do.
pub struct Actor {
    pub id: String,
    pub name: &'static str,
    pub role: &'static str,
}

/// Chance that is the same in every run (SplitMix64).
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound.max(1)
    }

    /// As [`Chance::below`], for positions.
    pub fn pick(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(u64::try_from(bound).unwrap_or(1))).unwrap_or(0)
    }

    /// One of several, of which there is at least one.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        all.get(self.pick(all.len())).expect("a number below the length is a position")
    }
}
