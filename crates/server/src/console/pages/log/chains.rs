//! The log by what belongs together: one token's requests about one person or group, close behind each other, are one
//! row. An identity provider looks somebody up, creates them and puts them into a group; that is one thing to whoever
//! reads the log.

use super::{about, changed, resource};
use crate::console::parts::{Column, Row, count, ms, status, when};
use maud::html;
use serde_json::Value;
use std::collections::BTreeSet;
use store::LogEntry;

/// Longer than this between two requests, in microseconds, and they do not belong together.
const GAP_MAX: i64 = 60_000_000;
/// Requests of a chain that its row names one by one.
const NAMED_MAX: usize = 6;

pub(super) const COLUMNS: [Column; 6] = [
    Column::new("Time"),
    Column::new("About"),
    Column::new("Requests"),
    Column::new("Changed").minor(),
    Column::new("Took").number().minor(),
    Column::new("Token").minor(),
];

/// Requests that belong together, newest first.
pub(super) struct Chain<'a> {
    entries: Vec<&'a LogEntry>,
    /// Names and ids that they are about.
    subjects: BTreeSet<String>,
}

/// The chains in a stretch of the log, which is newest first; so are they.
pub(super) fn chains(entries: &[LogEntry]) -> Vec<Chain<'_>> {
    let mut all: Vec<Chain<'_>> = Vec::new();
    for entry in entries {
        let subjects = subjects(entry);
        let belongs = |chain: &&mut Chain<'_>| {
            let last = chain.entries.last();
            last.is_some_and(|last| last.actor == entry.actor && last.at - entry.at <= GAP_MAX)
                && !chain.subjects.is_disjoint(&subjects)
        };
        match all.iter_mut().rev().find(belongs) {
            Some(chain) => {
                chain.entries.push(entry);
                chain.subjects.extend(subjects);
            }
            None => all.push(Chain { entries: vec![entry], subjects }),
        }
    }
    all
}

/// What tells that a request is about the same as another: the id, the name, and the one member who came or went.
fn subjects(entry: &LogEntry) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    all.extend(entry.resource_id.clone());
    let named = about(entry);
    let named = named.strip_suffix(" (not found)").unwrap_or(&named);
    // A list of many is about nobody.
    if named != "—" && !named.ends_with(" found") {
        all.insert(named.to_owned());
    }
    let diff: Value = entry.diff.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    for change in diff.as_array().into_iter().flatten() {
        if let Some([Value::String(member)]) = change.get("ids").and_then(Value::as_array).map(Vec::as_slice) {
            all.insert(member.clone());
        }
    }
    all
}

impl Chain<'_> {
    /// Whom most of it is about: a person rather than the group that they came into.
    fn subject(&self) -> Option<&LogEntry> {
        let is_user = |entry: &&&LogEntry| entry.resource_type.as_deref() == Some("User");
        let person = self.entries.iter().find(|entry| is_user(entry) && resource(entry).is_some());
        person.or_else(|| self.entries.iter().find(|entry| resource(entry).is_some())).or(self.entries.first()).copied()
    }

    pub(super) fn row(&self, now: i64) -> Option<Row> {
        let (newest, subject) = (self.entries.first()?, self.subject()?);
        let failed = self.entries.iter().any(|entry| entry.status >= 400);
        let took = self.entries.iter().map(|entry| entry.took_us).sum();
        let what: Vec<String> =
            self.entries.iter().rev().map(|entry| changed(entry)).filter(|text| !text.is_empty()).collect();
        let cells = vec![
            html! { a href={ "/app/log/" (newest.seq) } { (when(newest.at, now)) } },
            html! { @match resource(subject) {
                Some(href) => a .ellipsis href=(href) { (about(subject)) },
                None => span .ellipsis { (about(subject)) },
            } },
            html! { ul .chain {
                @for entry in self.entries.iter().rev().take(NAMED_MAX) {
                    li { a .method href={ "/app/log/" (entry.seq) } { (entry.method) } " " (status(entry.status, entry.code.as_deref())) }
                }
                @if self.entries.len() > NAMED_MAX { li .quiet { "and " (count((self.entries.len() - NAMED_MAX) as u64)) " more" } }
            } },
            html! { (what.join("; ")) },
            html! { (ms(took)) },
            html! { @if newest.actor.is_empty() { span .quiet { "—" } } @else { (newest.actor) } },
        ];
        let class = if failed { "bad-row" } else { "" };
        Some(Row { id: Some(format!("chain-{}", newest.seq)), class, cells })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: i64, seconds: i64, actor: &str, id: Option<&str>, body: &str, diff: &str) -> LogEntry {
        LogEntry {
            seq,
            at: seconds * 1_000_000,
            actor: actor.into(),
            method: "POST".into(),
            path: "/Users".into(),
            status: 200,
            resource_id: id.map(str::to_owned),
            body: (!body.is_empty()).then(|| body.to_owned()),
            diff: (!diff.is_empty()).then(|| diff.to_owned()),
            ..LogEntry::default()
        }
    }

    #[test]
    fn a_lookup_a_create_and_a_group_are_one() {
        let adam = "{\"userName\":\"adam\"}";
        let joined = "[{\"attribute\":\"membersAdded\",\"count\":1,\"ids\":[\"u1\"]}]";
        let lookup = LogEntry {
            path: "/Users?filter=userName%20eq%20%22adam%22".into(),
            answer: Some("{\"totalResults\":0}".into()),
            ..entry(1, 0, "okta", None, "", "")
        };
        let log = [
            entry(6, 200, "okta", Some("u1"), adam, ""),
            entry(5, 4, "other", Some("u1"), adam, ""),
            entry(4, 3, "okta", Some("g1"), "", joined),
            entry(3, 2, "okta", Some("u2"), "{\"userName\":\"bea\"}", ""),
            entry(2, 1, "okta", Some("u1"), adam, ""),
            lookup,
        ];
        let numbers = |chain: &Chain<'_>| chain.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>();
        let found: Vec<Vec<i64>> = chains(&log).iter().map(numbers).collect();
        assert_eq!(found, [vec![6], vec![5], vec![4, 2, 1], vec![3]]);
    }
}
