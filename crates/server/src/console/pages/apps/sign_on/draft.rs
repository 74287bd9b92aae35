//! The SAML settings of an app as a form holds them: texts by the names of the settings, statements by their number.

use super::super::mappings::expression;
use crate::admin::idp;
use crate::idp::{LIST_MAX, SamlApp};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Settings that are a text, or nothing where it is empty.
const OPTIONAL: [&str; 6] =
    ["relayState", "groupsAttribute", "requestCertificate", "logoutUrl", "logoutRequestUrl", "encryptionCertificate"];
/// Settings that always are a text.
const TEXTS: [&str; 4] = ["ssoUrl", "audience", "nameIdFormat", "sign"];
/// Statements that nothing was written into yet.
const BLANK_ROWS: usize = 2;

/// What is wrong, by the field that it is about; what is about none has an empty name.
pub(super) type Wrong = BTreeMap<String, String>;

/// What stands in the form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Draft(BTreeMap<String, String>);

impl Draft {
    /// As it is kept.
    pub(super) fn of(settings: &SamlApp) -> Self {
        let whole = json!(settings);
        let text = |name: &str| whole.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut fields: BTreeMap<String, String> =
            TEXTS.iter().chain(&OPTIONAL).map(|name| ((*name).to_owned(), text(name))).collect();
        fields.insert("otherAcsUrls".into(), settings.other_acs_urls.join("\n"));
        fields.insert("nameId".into(), settings.name_id.as_ref().map(|one| one.text().to_owned()).unwrap_or_default());
        fields.insert("logoutBinding".into(), text("logoutBinding"));
        if let Some(filter) = &settings.groups_filter {
            let by = json!(filter.by);
            fields.insert("groupsBy".into(), by.as_str().unwrap_or_default().to_owned());
            fields.insert("groupsFilter".into(), filter.value.clone());
        }
        if settings.require_signed_requests {
            fields.insert("requireSignedRequests".into(), "1".into());
        }
        for (at, one) in settings.attributes.iter().enumerate() {
            fields.insert(format!("name.{at}"), one.name.clone());
            fields.insert(format!("format.{at}"), one.name_format.clone().unwrap_or_default());
            fields.insert(format!("value.{at}"), one.value.text().to_owned());
        }
        Self(fields)
    }

    /// As it was sent.
    pub(super) fn sent(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// What is in a field. Spaces around it mean nothing, but in a filter they are a part of what names are compared with.
    pub(super) fn get(&self, name: &str) -> &str {
        let text = self.0.get(name).map(String::as_str).unwrap_or_default();
        if name == "groupsFilter" { text } else { text.trim() }
    }

    /// How many statements the form has room for.
    pub(super) fn rows(&self) -> usize {
        let numbers = self.0.keys().filter_map(|name| name.strip_prefix("name.")?.parse::<usize>().ok());
        let written = numbers.filter(|at| self.is_written(*at)).max().map_or(0, |last| last.saturating_add(1));
        let more = if self.get("do") == "add" { 2 } else { 1 };
        written.min(LIST_MAX).saturating_add(BLANK_ROWS * more)
    }

    fn is_written(&self, at: usize) -> bool {
        !self.get(&format!("name.{at}")).is_empty() || !self.get(&format!("value.{at}")).is_empty()
    }

    /// The settings with what stands here laid over them, and as a change; or what is wrong with it.
    pub(super) fn over(&self, known: &SamlApp) -> Result<(Map<String, Value>, SamlApp), Wrong> {
        let (change, mut wrong) = self.change();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        match idp::laid_over(known, change.clone()) {
            Ok(settings) => Ok((change, settings)),
            Err(error) => {
                let detail = error.to_scim("").detail;
                let (field, said) = match detail.strip_prefix("saml.").and_then(|rest| rest.split_once(": ")) {
                    Some((field, said)) => (field, said),
                    None => ("", detail.as_str()),
                };
                wrong.insert(field.to_owned(), said.to_owned());
                Err(wrong)
            }
        }
    }

    fn change(&self) -> (Map<String, Value>, Wrong) {
        let (mut change, mut wrong) = (Map::new(), Wrong::new());
        for name in TEXTS {
            change.insert(name.into(), self.get(name).into());
        }
        for name in OPTIONAL {
            change.insert(name.into(), json!(Some(self.get(name)).filter(|text| !text.is_empty())));
        }
        change.insert("groupsFilter".into(), groups_filter(self.get("groupsBy"), self.get("groupsFilter")));
        change.insert("logoutBinding".into(), binding(self.get("logoutBinding")));
        let urls = self.get("otherAcsUrls").lines().map(str::trim).filter(|url| !url.is_empty());
        change.insert("otherAcsUrls".into(), json!(urls.collect::<Vec<_>>()));
        change.insert("requireSignedRequests".into(), (!self.get("requireSignedRequests").is_empty()).into());
        let mut read = |field: String| match expression(self.get(&field)) {
            Ok(read) => json!(read),
            Err(why) => {
                wrong.insert(field, why);
                Value::Null
            }
        };
        let name_id = if self.get("nameId").is_empty() { Value::Null } else { read("nameId".into()) };
        let mut statements = Vec::new();
        for at in (0..self.rows()).filter(|at| self.is_written(*at)) {
            let format = Some(self.get(&format!("format.{at}"))).filter(|format| !format.is_empty());
            let value = read(format!("value.{at}"));
            statements.push(json!({"name": self.get(&format!("name.{at}")), "nameFormat": format, "value": value}));
        }
        change.insert("nameId".into(), name_id);
        change.insert("attributes".into(), statements.into());
        (change, wrong)
    }
}

/// A filter as a form holds it: how it compares, which is nothing where all groups are named, and what with.
pub(in super::super) fn groups_filter(by: &str, value: &str) -> Value {
    if by.is_empty() { Value::Null } else { json!({"by": by, "value": value}) }
}

/// How answers to logouts travel, as a form holds it.
pub(in super::super) fn binding(by: &str) -> Value {
    if by.is_empty() { json!(store::SamlBinding::default()) } else { by.into() }
}
