//! The directory's profile: what `user.x` means in mappings, and where it stands in a SCIM user.
//!
//! Every attribute of the tenant's own schemas is there by its name; the names below are Okta's and the guide's for
//! places in the standard's schemas.

use provision::Dependency;
use provision::mapping::dependencies;
use provision::place::{Pasted, Place};
use scim::ResourceType;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A name, and its place. Of a list without a choice, the primary element or the first is meant.
const NAMES: [(&str, &str); 42] = [
    ("login", "userName"),
    ("userName", "userName"),
    ("givenName", "name.givenName"),
    ("firstName", "name.givenName"),
    ("familyName", "name.familyName"),
    ("lastName", "name.familyName"),
    ("middleName", "name.middleName"),
    ("honorificPrefix", "name.honorificPrefix"),
    ("honorificSuffix", "name.honorificSuffix"),
    ("formattedName", "name.formatted"),
    ("primaryEmail", "emails.value"),
    ("email", "emails.value"),
    ("secondEmail", "emails[type eq \"home\"].value"),
    ("primaryPhone", "phoneNumbers[type eq \"work\"].value"),
    ("mobilePhone", "phoneNumbers[type eq \"mobile\"].value"),
    ("streetAddress", "addresses.streetAddress"),
    ("city", "addresses.locality"),
    ("locality", "addresses.locality"),
    ("state", "addresses.region"),
    ("region", "addresses.region"),
    ("zipCode", "addresses.postalCode"),
    ("postalCode", "addresses.postalCode"),
    ("countryCode", "addresses.country"),
    ("country", "addresses.country"),
    ("postalAddress", "addresses.formatted"),
    ("displayName", "displayName"),
    ("nickName", "nickName"),
    ("profileUrl", "profileUrl"),
    ("title", "title"),
    ("userType", "userType"),
    ("preferredLanguage", "preferredLanguage"),
    ("locale", "locale"),
    ("timezone", "timezone"),
    ("employeeNumber", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber"),
    ("costCenter", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter"),
    ("organization", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization"),
    ("division", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division"),
    ("department", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
    ("managerId", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value"),
    ("managerDisplayName", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName"),
    ("externalId", "externalId"),
    ("roles", "roles"),
];

/// The same, read.
static PLACES: LazyLock<Vec<(&str, Place)>> =
    LazyLock::new(|| NAMES.iter().filter_map(|(name, path)| Some((*name, place(path)?))).collect());

/// Where a value of a list without a choice is written.
const WRITTEN: [(&str, &str); 3] = [
    ("emails.", "emails[primary eq true]."),
    ("phoneNumbers.", "phoneNumbers[type eq \"work\"]."),
    ("addresses.", "addresses[type eq \"work\"]."),
];

/// The names that mappings can use, for a choice: the tenant's own attributes behind the others.
pub(crate) fn names(users: &ResourceType) -> Vec<String> {
    let mut names: Vec<String> = NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (_, attribute) in users.attributes() {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(&attribute.name)) {
            names.push(attribute.name.clone());
        }
    }
    names
}

/// Which names of the profile are read, and where each stands: worked out once, not for each person.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile(Vec<(String, Source)>);

/// Where a name is read.
#[derive(Clone, Debug)]
enum Source {
    /// An attribute as it is, of an extension or of the core schema.
    Attribute(Option<String>, String),
    /// A place of the standard's schemas.
    Place(&'static Place),
}

impl Profile {
    /// All of it.
    pub(crate) fn whole(users: &ResourceType) -> Self {
        let mut names = Vec::new();
        for (extension, attribute) in users.attributes() {
            let urn = extension.map(|schema| schema.id.clone());
            names.push((attribute.name.clone(), Source::Attribute(urn.clone(), attribute.name.clone())));
            let full = urn.as_ref().map(|urn| format!("{urn}:{}", attribute.name));
            names.extend(full.map(|full| (full, Source::Attribute(urn, attribute.name.clone()))));
        }
        names.extend(PLACES.iter().map(|(name, place)| ((*name).to_owned(), Source::Place(place))));
        Self(names)
    }

    /// What the mappings of an app read; all of it where that cannot be told from them.
    pub(crate) fn of(users: &ResourceType, app: &provision::App) -> Self {
        let profile = Self::whole(users);
        let mut wanted = BTreeSet::new();
        for dependency in dependencies(app) {
            match dependency {
                Dependency::Attribute { object, name } if object == "user" && name != "*" => {
                    wanted.insert(name);
                }
                Dependency::Related { relation, name } if relation == "manager" && name == "remoteId" => {}
                _ => return profile,
            }
        }
        profile.only(|name| wanted.contains(&name.to_lowercase()))
    }

    /// Only names that are wanted.
    #[must_use]
    pub(crate) fn only(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        self.0.retain(|(name, _)| wanted(name));
        self
    }

    /// A person's, from the resource as the API shows it.
    pub(crate) fn read(&self, document: &Map<String, Value>) -> Map<String, Value> {
        let mut profile = Map::new();
        for (name, source) in &self.0 {
            let value = match source {
                Source::Attribute(None, attribute) => document.get(attribute),
                Source::Attribute(Some(urn), attribute) => document.get(urn).and_then(|holder| holder.get(attribute)),
                Source::Place(place) => place.read(document),
            };
            if let Some(value) = value {
                profile.insert(name.clone(), value.clone());
            }
        }
        profile
    }
}

/// Where a name is written in a SCIM user.
pub(crate) fn written(name: &str, users: &ResourceType) -> Option<Place> {
    if let Some((_, path)) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        let list = WRITTEN.iter().find_map(|(list, chosen)| Some(format!("{chosen}{}", path.strip_prefix(list)?)));
        return place(list.as_deref().unwrap_or(path));
    }
    let mut attributes = users.attributes();
    let (extension, attribute) = attributes.find(|(extension, attribute)| {
        let full = extension.map(|schema| format!("{}:{}", schema.id, attribute.name));
        attribute.name.eq_ignore_ascii_case(name) || full.is_some_and(|full| full.eq_ignore_ascii_case(name))
    })?;
    Place::parse(&attribute.name, extension.map(|schema| schema.id.as_str()), Pasted::Split).ok()
}

fn place(path: &str) -> Option<Place> {
    Place::parse(path, None, Pasted::Split).ok()
}
