//! What is said of a person: the claims of each scope (OpenID Connect Core §5.4), out of the directory.

use crate::admin::directory::{self, Found};
use crate::error::Result;
use crate::person::Visit;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use store::{OidcGroups, OidcSettings};

/// The claims that there are.
pub(super) const NAMES: [&str; 24] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "amr",
    "at_hash",
    "sid",
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "locale",
    "zoneinfo",
    "updated_at",
    "email",
    "email_verified",
    "groups",
    "roles",
];

/// The person as the directory has them now.
pub(super) async fn person(visit: &Visit, id: &str) -> Result<Found> {
    let base = visit.app.base_url(&visit.tenant, &visit.headers)?;
    directory::find(&visit.app, &visit.tenant, &base, "User", id).await
}

/// How somebody signed in, as RFC 8176 calls it; of other people's sign-ins nothing is known.
pub(super) fn method(of_session: &str) -> Option<&'static str> {
    match of_session {
        "password" => Some("pwd"),
        "passkey" => Some("hwk"),
        _ => None,
    }
}

/// What of whom for whom.
pub(super) struct Claims<'a> {
    pub(super) person: &'a Found,
    pub(super) scope: &'a str,
    pub(super) settings: &'a OidcSettings,
    /// Of the person, by their groups.
    pub(super) roles: &'a BTreeSet<String>,
}

impl Claims<'_> {
    /// `sub` and what the scopes hold. More groups than that are left out: a token travels in a header.
    pub(super) fn all(&self, groups_max: usize) -> Map<String, Value> {
        let mut all = Map::new();
        all.insert("sub".to_owned(), json!(self.person.id));
        let has = |scope: &str| self.scope.split(' ').any(|one| one == scope);
        if has("profile") {
            self.profile(&mut all);
        }
        if has("email") {
            self.email(&mut all);
        }
        if has("groups") && self.person.groups.len() <= groups_max {
            all.insert("groups".to_owned(), self.groups());
        }
        if has("groups") && !self.roles.is_empty() && self.roles.len() <= groups_max {
            all.insert("roles".to_owned(), json!(self.roles));
        }
        all
    }

    fn profile(&self, all: &mut Map<String, Value>) {
        all.insert("name".to_owned(), json!(self.person.name()));
        for (claim, path) in [
            ("given_name", "name.givenName"),
            ("family_name", "name.familyName"),
            ("middle_name", "name.middleName"),
            ("nickname", "nickName"),
            ("preferred_username", "userName"),
            ("profile", "profileUrl"),
            ("locale", "locale"),
            ("zoneinfo", "timezone"),
        ] {
            let value = self.person.text(path);
            if !value.is_empty() {
                all.insert(claim.to_owned(), json!(value));
            }
        }
        all.insert("updated_at".to_owned(), json!(self.person.modified_at / 1_000_000));
    }

    /// The primary address, or the first one.
    fn email(&self, all: &mut Map<String, Value>) {
        let emails = self.person.document.get("emails").and_then(Value::as_array);
        let emails = emails.map(Vec::as_slice).unwrap_or_default();
        let primary = emails.iter().find(|email| email.get("primary") == Some(&Value::Bool(true)));
        let address = primary.or(emails.first()).and_then(|email| email.get("value")?.as_str());
        let Some(address) = address.filter(|address| !address.is_empty()) else { return };
        all.insert("email".to_owned(), json!(address));
        if self.settings.email_verified {
            all.insert("email_verified".to_owned(), json!(true));
        }
    }

    fn groups(&self) -> Value {
        let called = |group: &store::GroupView| match self.settings.groups {
            OidcGroups::Name => group.display.clone().unwrap_or_else(|| group.id.clone()),
            OidcGroups::Id => group.id.clone(),
        };
        self.person.groups.iter().map(called).collect()
    }
}
