//! A census: everybody at the target, read once as a list, instead of a look for each of many who are new there.
//!
//! It stands for the looks before a first create and for nothing else. Whoever may have been made already, by a request
//! whose answer was lost, is looked for one by one.

use crate::link::{Knowledge, Link, lookups};
use crate::place::{Pasted, Place};
use crate::plan::{Desired, Lookup, Rules};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Who is there, by what they would be looked up by.
#[derive(Clone, Debug, Default)]
pub struct Census {
    fields: HashMap<String, Field>,
    ids: HashSet<String>,
    /// Whether somebody was shown twice: then others may not have been shown.
    repeats: bool,
}

#[derive(Clone, Debug)]
struct Field {
    place: Place,
    shown: HashSet<String>,
    /// Whether somebody was shown without it: the target may hide it, and its filter may know better.
    hidden: bool,
}

impl Census {
    /// An empty one that goes by these attributes.
    pub fn new(fields: &[&str]) -> Self {
        let place = |field: &&str| Place::parse(field, None, Pasted::Split).ok();
        let of = |field: &&str| Some(((*field).to_owned(), Field::new(place(field)?)));
        Self { fields: fields.iter().filter_map(of).collect(), ..Self::default() }
    }

    /// Whether the list shows each account once, as far as it was read.
    pub fn is_whole(&self) -> bool {
        !self.repeats
    }

    /// Takes in an account of the list.
    pub fn see(&mut self, account: &Map<String, Value>) {
        let id = account.get("id").map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
        self.repeats |= id.is_some_and(|id| !self.ids.insert(id));
        for field in self.fields.values_mut() {
            match field.place.read(account).filter(|value| scim::filter::is_value(value)) {
                Some(Value::String(text)) => drop(field.shown.insert(scim::schema::fold(text))),
                Some(other) => drop(field.shown.insert(other.to_string())),
                None => field.hidden = true,
            }
        }
    }

    /// Whether the list proves that this finds nothing.
    fn lacks(&self, field: &str, value: &str) -> bool {
        let known = self.fields.get(field);
        known.is_some_and(|known| !known.hidden && !known.shown.contains(&scim::schema::fold(value)))
    }

    /// Notes in a link that was never sent anywhere which lookups find nothing. From here on what it is about to be made
    /// under is taken: a second one of that name is looked for.
    #[must_use]
    pub fn vouch(&mut self, mut link: Link, desired: &Desired, rules: &Rules<'_>, now: i64) -> Link {
        let Desired::Present(want) = desired else { return link };
        let untouched = link.knowledge == Knowledge::Nothing
            && link.keys.is_empty()
            && link.lost_id.is_none()
            && link.past.is_none();
        if !untouched {
            return link;
        }
        for lookup in lookups(&want.external_id, &[&want.unique], rules) {
            let Lookup::Filter { field, value } = &lookup else { continue };
            if self.lacks(field, value) {
                if let Some(known) = self.fields.get_mut(field) {
                    known.shown.insert(scim::schema::fold(value));
                }
                link.missed.retain(|(missed, _)| *missed != lookup);
                link.missed.push((lookup, now));
            }
        }
        link
    }
}

impl Field {
    fn new(place: Place) -> Self {
        Self { place, shown: HashSet::new(), hidden: false }
    }
}
