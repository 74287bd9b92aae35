//! What an app's expressions read of other apps: `zendesk.title` is what is known of the person's account there,
//! `zendesk_app.domain` a setting of that app. In expressions a hyphen in an app's name is written as an underscore.
//!
//! What is known is what was last pushed to the account, or last read of it by an import. Whoever's account changes there is
//! looked at here.

use super::integration::Integration;
use crate::admin::apps::assign::number;
use crate::error::Result;
use provision::expression::Source;
use provision::link::Link;
use provision::mapping::app_user;
use provision::plan::Lane;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{AppId, LinkKind, Reader, TenantId, Writer};

/// The accounts of some people at the apps that are read, by person and by the app's name in expressions.
pub(crate) type Accounts = HashMap<String, Objects>;
/// Values by attribute, by the name of an object.
pub(crate) type Objects = BTreeMap<String, Map<String, Value>>;

/// What an app is called in expressions.
pub(crate) fn called(name: &str) -> String {
    name.replace('-', "_")
}

/// The objects that an app's mappings name and that are not its own.
pub(crate) fn named(app: &provision::App) -> BTreeSet<String> {
    app.to_app.iter().flat_map(|row| row.objects(Source::User)).collect()
}

/// The objects that expressions of an app can name: the other apps of its tenant, and their settings.
pub(crate) fn objects(r: &Reader, tenant: TenantId, app: AppId) -> store::Result<Vec<String>> {
    let others = r.app_names(tenant)?.into_iter().filter(|(id, _)| *id != app);
    Ok(others.flat_map(|(_, name)| [called(&name), format!("{}_app", called(&name))]).collect())
}

/// The apps that an app's expressions read, with what they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Others {
    accounts: Vec<(String, Integration)>,
    /// Their settings, by the name of that object.
    settings: Objects,
}

impl Others {
    /// Those of an app; nothing is asked where nothing is read.
    pub(crate) fn read(r: &Reader, tenant: TenantId, integration: &Integration) -> Result<Self> {
        let mut others = Self::default();
        if integration.others.is_empty() {
            return Ok(others);
        }
        for (id, name) in r.app_names(tenant)? {
            let (account, settings) = (called(&name), format!("{}_app", called(&name)));
            let is_read = |object: &String| integration.others.contains(object);
            if id == integration.row.id || !(is_read(&account) || is_read(&settings)) {
                continue;
            }
            let Some(row) = r.app(id)? else { continue };
            let other = Integration::of(row)?;
            others.settings.insert(settings, other.app.settings.clone());
            others.accounts.push((account, other));
        }
        Ok(others)
    }

    /// What is known of these people's accounts there.
    pub(crate) fn accounts(&self, r: &Reader, people: &[&str]) -> Result<Accounts> {
        let mut accounts = Accounts::new();
        for (name, other) in &self.accounts {
            for (person, state) in r.link_states(other.row.id, people)? {
                let link: Link = serde_json::from_str(&state).map_err(store::Error::from)?;
                let shown = link.document.map(|document| app_user(&other.app, &other.rows, &document));
                accounts.entry(person).or_default().extend(shown.map(|shown| (name.clone(), shown)));
            }
        }
        Ok(accounts)
    }

    /// The objects that a person's expressions see: an app where they have no account has no values.
    pub(crate) fn objects(&self, accounts: Option<&Objects>) -> Objects {
        let known = |name: &String| accounts.and_then(|all| all.get(name)).cloned().unwrap_or_default();
        let of_people = self.accounts.iter().map(|(name, _)| (name.clone(), known(name)));
        of_people.chain(self.settings.clone()).collect()
    }
}

/// The apps of a tenant whose expressions read an account at this one.
pub(crate) fn readers(r: &Reader, tenant: TenantId, app: AppId, name: &str) -> Result<Vec<AppId>> {
    let name = called(name);
    let mut readers = Vec::new();
    for row in r.apps(tenant)? {
        if row.id != app && Integration::of(row.clone())?.others.contains(&name) {
            readers.push(row.id);
        }
    }
    Ok(readers)
}

/// Somebody's account has other values than before: whoever reads them is due.
pub(crate) fn tell(w: &mut Writer, readers: &[AppId], person: &str, now: i64) -> store::Result<()> {
    let lane = number(Lane::Change);
    readers.iter().try_for_each(|app| w.link_nudge_known(*app, LinkKind::User, person, lane, now))
}

/// The apps, from this one on, that read each other in a circle: values could go round in it without end.
pub(crate) fn circle(r: &Reader, tenant: TenantId, changed: &Integration) -> Result<Option<String>> {
    if changed.others.is_empty() {
        return Ok(None);
    }
    let mut reads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in r.apps(tenant)? {
        let other = if row.id == changed.row.id { changed.clone() } else { Integration::of(row)? };
        reads.insert(called(&other.row.name), other.others);
    }
    let start = called(&changed.row.name);
    let (mut seen, mut open) = (BTreeSet::new(), vec![start.clone()]);
    while let Some(name) = open.pop() {
        for read in reads.get(&name).into_iter().flatten().filter(|read| reads.contains_key(*read)) {
            if *read == start {
                return Ok(Some(name));
            }
            if seen.insert(read.clone()) {
                open.push(read.clone());
            }
        }
    }
    Ok(None)
}
