//! Which groups an app is told of: the filter of a group attribute statement, as Okta calls it.

use crate::expression::bounded_regex;
use serde::{Deserialize, Serialize};

/// How a group's name is compared; capitals count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FilterBy {
    /// At the start.
    #[default]
    StartsWith,
    /// All of it.
    Equals,
    /// Anywhere.
    Contains,
    /// By a regular expression that fits anywhere; `^` and `$` hold it to the ends.
    Matches,
}

/// A filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupFilter {
    /// How it compares.
    pub by: FilterBy,
    /// What with.
    pub value: String,
}

impl GroupFilter {
    /// The names that it lets through, or why it cannot be used.
    pub fn chosen<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Vec<&'n str>, String> {
        if self.value.is_empty() {
            return Err("a filter without a value chooses nothing; leave it out to name all groups".to_owned());
        }
        let value = self.value.as_str();
        let names = names.into_iter();
        Ok(match self.by {
            FilterBy::StartsWith => names.filter(|name| name.starts_with(value)).collect(),
            FilterBy::Equals => names.filter(|name| *name == value).collect(),
            FilterBy::Contains => names.filter(|name| name.contains(value)).collect(),
            FilterBy::Matches => {
                let pattern = bounded_regex(value)?;
                names.filter(|name| pattern.is_match(name)).collect()
            }
        })
    }
}
