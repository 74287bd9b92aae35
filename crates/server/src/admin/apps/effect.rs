//! What a change of an app would do to its people, before anything is done: *Apply Updates*, looked at first.

use super::{candidate, with_tenant};
use crate::app::App;
use crate::error::Result;
use crate::outbound::inputs;
use crate::outbound::integration::Integration;
use crate::tenants::TenantState;
use provision::link::{Kind, Link};
use provision::plan::{Desired, Resource};
use serde_json::{Map, Value, json};
use store::{LinkKind, LinkQuery, LinkRow, Reader};

/// People who are looked at; of more, the rest is not counted.
const LOOKED_AT_MAX: u32 = 500;
/// People who are shown with what changes.
const SHOWN_MAX: usize = 20;

/// One value that would change: variable name, before, after.
pub(crate) type Changed = (String, Option<Value>, Option<Value>);

/// What a change would do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    /// People whose accounts were looked at.
    pub(crate) looked_at: usize,
    /// Whether there are more people than that.
    pub(crate) more: bool,
    /// How many would get other values.
    pub(crate) change: usize,
    /// How many could not be pushed any more.
    pub(crate) fail: usize,
    /// Some of those who change: name, and what.
    pub(crate) shown: Vec<(String, Vec<Changed>)>,
    /// Some of those who would fail: name, and why.
    pub(crate) failing: Vec<(String, String)>,
}

/// Compares what people should have now with what they should have after a change; nothing is stored or sent.
pub(crate) async fn effect(app: &App, tenant: &str, name: &str, change: Map<String, Value>) -> Result<Effect> {
    let (state, before) = with_tenant(app, tenant, name).await?;
    let (after, now) = (candidate(app, &before, change)?, app.clock().now());
    app.store()
        .read(move |r| -> Result<Effect> {
            let query = LinkQuery { kind: LinkKind::User, limit: LOOKED_AT_MAX + 1, ..LinkQuery::default() };
            let mut rows = r.links(before.row.id, &query)?;
            let more = rows.len() > LOOKED_AT_MAX as usize;
            rows.truncate(LOOKED_AT_MAX as usize);
            let mut effect = Effect { looked_at: rows.len(), more, ..Effect::default() };
            for row in rows {
                let was = desired(r, &state, &before, &row, now)?;
                let is = desired(r, &state, &after, &row, now)?;
                effect.note(row.name.unwrap_or(row.resource), &was, &is);
            }
            Ok(effect)
        })
        .await
}

fn desired(r: &Reader, state: &TenantState, integration: &Integration, row: &LinkRow, now: i64) -> Result<Desired> {
    let link = Link::new(Kind::User, &row.resource);
    Ok(inputs::person(r, state, integration, &row.resource, &link, now)?.desired)
}

impl Effect {
    /// For the API and for plans.
    pub(crate) fn to_json(&self) -> Value {
        let changes = |(who, what): &(String, Vec<Changed>)| {
            let what: Vec<Value> =
                what.iter().map(|(name, was, is)| json!({"attribute": name, "was": was, "is": is})).collect();
            json!({"person": who, "changes": what})
        };
        json!({
            "lookedAt": self.looked_at, "more": self.more, "change": self.change, "fail": self.fail,
            "shown": self.shown.iter().map(changes).collect::<Vec<_>>(),
            "failing": self.failing.iter().map(|(who, why)| json!({"person": who, "why": why})).collect::<Vec<_>>(),
        })
    }

    fn note(&mut self, name: String, was: &Desired, is: &Desired) {
        if let Desired::Impossible(problems) = is {
            self.fail += 1;
            let told = problems.first().map(|problem| format!("{}: {}", problem.attribute, problem.message));
            if self.failing.len() < SHOWN_MAX {
                self.failing.push((name, told.unwrap_or_default()));
            }
            return;
        }
        let changes = differences(was, is);
        if changes.is_empty() {
            return;
        }
        self.change += 1;
        if self.shown.len() < SHOWN_MAX {
            self.shown.push((name, changes));
        }
    }
}

fn differences(was: &Desired, is: &Desired) -> Vec<Changed> {
    let (was, is) = (resource(was), resource(is));
    let value =
        |of: Option<&Resource>, name: &str| of?.values.iter().find(|valued| valued.variable == name)?.value.clone();
    let mut names: Vec<&str> = Vec::new();
    for valued in is.into_iter().chain(was).flat_map(|resource| &resource.values) {
        if !names.contains(&valued.variable.as_str()) {
            names.push(&valued.variable);
        }
    }
    let pairs = names.into_iter().map(|name| (name.to_owned(), value(was, name), value(is, name)));
    pairs.filter(|(_, was, is)| was != is).collect()
}

fn resource(desired: &Desired) -> Option<&Resource> {
    match desired {
        Desired::Present(resource) => Some(resource),
        _ => None,
    }
}
