//! Import: whose account is this? And the safeguard against a list that is suddenly short.

use crate::brake::share;
use crate::expression::lookup;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// How an account and a person are compared. All pairs of one rule have to agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Rule {
    /// The account's attribute and the person's, by their variable names.
    pub pairs: Vec<(String, String)>,
    /// Whether case counts, as it does for Okta.
    pub case_exact: bool,
}

/// The rules, and what happens without anybody looking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Matching {
    /// An exact match by any of these, the first that finds somebody.
    pub exact: Vec<Rule>,
    /// A partial match: first and last name.
    pub partial: Option<Rule>,
    /// Exact matches are confirmed.
    pub confirm_exact: bool,
    /// Partial matches are confirmed.
    pub confirm_partial: bool,
    /// New people are confirmed.
    pub confirm_new: bool,
    /// Confirmed new people are activated.
    pub activate_new: bool,
}

impl Default for Matching {
    fn default() -> Self {
        let pair = |account: &str, person: &str| (account.to_owned(), person.to_owned());
        Self {
            exact: vec![
                Rule { pairs: vec![pair("userName", "userName")], case_exact: false },
                Rule { pairs: vec![pair("email", "primaryEmail")], case_exact: false },
            ],
            partial: Some(Rule {
                pairs: vec![pair("givenName", "givenName"), pair("familyName", "familyName")],
                case_exact: false,
            }),
            confirm_exact: true,
            confirm_partial: false,
            confirm_new: false,
            activate_new: false,
        }
    }
}

/// Whose account it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verdict")]
pub enum Verdict {
    /// Somebody's whom it is linked to already.
    Known {
        /// Whose.
        person: String,
    },
    /// One person's by an exact rule.
    Exact {
        /// Whose.
        person: String,
        /// The account's attributes that agree.
        by: Vec<String>,
        /// Whether nobody has to look.
        confirmed: bool,
    },
    /// One person's by the partial rule.
    Partial {
        /// Whose.
        person: String,
        /// The account's attributes that agree.
        by: Vec<String>,
        /// Whether nobody has to look.
        confirmed: bool,
    },
    /// Several fit: somebody has to look.
    Ambiguous {
        /// Who.
        people: Vec<String>,
        /// The account's attributes that agree.
        by: Vec<String>,
    },
    /// Nobody's.
    New {
        /// Whether nobody has to look.
        confirmed: bool,
    },
}

/// People by what the rules compare: built once, asked for every account.
#[derive(Clone, Debug, Default)]
pub struct Index {
    rules: Vec<BTreeMap<String, BTreeSet<String>>>,
}

impl Matching {
    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.exact.iter().chain(&self.partial)
    }

    /// An index of people: id and profile.
    pub fn index<'a>(&self, people: impl IntoIterator<Item = (&'a str, &'a Map<String, Value>)>) -> Index {
        let mut index = Index { rules: vec![BTreeMap::new(); self.rules().count()] };
        for (id, profile) in people {
            for (rule, map) in self.rules().zip(&mut index.rules) {
                if let Some(key) = rule.key(profile, |(_, person)| person) {
                    map.entry(key).or_default().insert(id.to_owned());
                }
            }
        }
        index
    }

    /// Whose account it is. `known` is whose it is already.
    pub fn verdict(&self, account: &Map<String, Value>, known: Option<&str>, index: &Index) -> Verdict {
        if let Some(person) = known {
            return Verdict::Known { person: person.to_owned() };
        }
        for (at, (rule, map)) in self.rules().zip(&index.rules).enumerate() {
            let found = rule.key(account, |(account, _)| account).and_then(|key| map.get(&key));
            let Some(people) = found else { continue };
            let by: Vec<String> = rule.pairs.iter().map(|(account, _)| account.clone()).collect();
            let mut people: Vec<String> = people.iter().cloned().collect();
            return match (people.pop(), people.is_empty(), at < self.exact.len()) {
                (Some(person), true, true) => Verdict::Exact { person, by, confirmed: self.confirm_exact },
                (Some(person), true, false) => Verdict::Partial { person, by, confirmed: self.confirm_partial },
                (last, ..) => {
                    people.extend(last);
                    Verdict::Ambiguous { people, by }
                }
            };
        }
        Verdict::New { confirmed: self.confirm_new }
    }
}

impl Rule {
    /// The values that are compared, as one text; nothing if one is missing.
    fn key<'r>(
        &'r self,
        values: &Map<String, Value>,
        side: impl Fn(&'r (String, String)) -> &'r String,
    ) -> Option<String> {
        if self.pairs.is_empty() {
            return None;
        }
        let mut key = String::new();
        for pair in &self.pairs {
            let text = match lookup(values, side(pair))? {
                Value::String(text) if !text.trim().is_empty() => text.trim().to_owned(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            key.push_str(&if self.case_exact { text } else { scim::schema::fold(&text) });
            key.push('\u{0}');
        }
        Some(key)
    }
}

/// Most accounts, in a hundred, that one run may find missing.
pub const SAFEGUARD_PERCENT: f64 = 20.0;
/// So few accounts may be missing of any number.
pub const SAFEGUARD_FREE: u64 = 3;

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "safeguard")]
pub enum Safeguard {
    /// It goes on.
    Go,
    /// It stops, this run and the following ones, until somebody decides.
    Stop {
        /// How many are missing.
        missing: u64,
        /// How many may be.
        allowed: u64,
        /// Of how many.
        known: u64,
    },
}

/// Judges a full run before any of it is taken over: accounts that were known and are not in the list.
/// An incremental run proves nothing about what it does not show.
pub fn safeguard(known: u64, missing: u64, percent: f64) -> Safeguard {
    let allowed = share(known, percent).max(SAFEGUARD_FREE);
    if missing > allowed { Safeguard::Stop { missing, allowed, known } } else { Safeguard::Go }
}

/// What an import has done to a person because their account was gone or inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// They were deactivated.
    Deactivated,
    /// They were suspended.
    Suspended,
}

/// What happens to a person whom an import has deactivated or suspended, and nobody else since, when their account is in use
/// again where the app is their source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnBack {
    /// Nothing.
    #[default]
    Nothing,
    /// They are active again.
    Reactivate,
    /// They are if they were suspended.
    ReactivateSuspended,
    /// They are if they were deactivated.
    ReactivateDeactivated,
}

impl OnBack {
    /// Whether it brings somebody back.
    pub fn brings(self, ended: Ended) -> bool {
        match self {
            Self::Nothing => false,
            Self::Reactivate => true,
            Self::ReactivateSuspended => ended == Ended::Suspended,
            Self::ReactivateDeactivated => ended == Ended::Deactivated,
        }
    }
}

/// What happens to a person whose account is gone or inactive where the app is their source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnGone {
    /// Nothing.
    #[default]
    Nothing,
    /// They are deactivated.
    Deactivate,
    /// They are suspended.
    Suspend,
}
