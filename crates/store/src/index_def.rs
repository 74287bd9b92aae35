//! Where the index of an attribute stands while its definition changes. All of it is part of the tenant's definitions, so
//! that whoever writes knows which builds of the index to keep up, and whoever reads knows which one answers.
//!
//! How it goes: a changed definition waits as `next` while its index is built beside the one that answers; then they
//! change places, and the former one is kept up for a moment more, for whoever has not heard. An attribute that is taken
//! away is read-only while its values go.
//!
//! Invariant: numbers of builds are never used again, so what is left of an abandoned one is never read.

use crate::tenants::Definitions;
use scim::{Attribute, Mutability, Schema};
use serde::{Deserialize, Serialize};

/// A definition, and the build of the index that is made by it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The number of the build.
    pub build: u32,
    /// What values are compared by in it.
    pub definition: Attribute,
    /// Until when a former one is kept up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// One attribute's index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IndexDef {
    /// The URN of its schema and its name.
    pub attribute: String,
    /// The build that answers.
    pub build: u32,
    /// The last number that was given to a build.
    pub last: u32,
    /// What the attribute will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Build>,
    /// What it was before its values began to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub going: Option<Attribute>,
    /// What it will be when its values are back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returning: Option<Attribute>,
    /// What it was not long ago.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Build>,
    /// The job that builds, or takes away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<i64>,
}

impl Build {
    fn state(&self) -> Attribute {
        let mut state = self.definition.clone();
        state.indexed.build = self.build;
        state
    }
}

impl IndexDef {
    fn is_of(&self, attribute: &str) -> bool {
        self.attribute.eq_ignore_ascii_case(attribute)
    }

    /// Tells the attribute where its index is.
    pub(crate) fn apply(&self, schema: &mut Schema) {
        let Some((urn, name)) = self.attribute.rsplit_once(':') else { return };
        if !schema.id.eq_ignore_ascii_case(urn) {
            return;
        }
        if let Some(attribute) = schema.attributes.iter_mut().find(|held| held.name.eq_ignore_ascii_case(name)) {
            attribute.indexed.build = self.build;
            attribute.indexed.beside = self.next.iter().chain(&self.former).map(Build::state).collect();
        }
    }
}

impl Definitions {
    /// Where the index of this attribute stands, if that was ever of concern.
    pub fn index(&self, attribute: &str) -> Option<&IndexDef> {
        self.indexes.iter().find(|index| index.is_of(attribute))
    }

    /// An attribute of the tenant's own by its URN and name.
    pub fn attribute(&self, attribute: &str) -> Option<&Attribute> {
        let (urn, name) = attribute.rsplit_once(':')?;
        let schema = self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))?;
        schema.attributes.iter().find(|held| held.name.eq_ignore_ascii_case(name))
    }

    fn held(&mut self, attribute: &str) -> Option<&mut Attribute> {
        let (urn, name) = attribute.rsplit_once(':')?;
        let schema = self.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn))?;
        schema.attributes.iter_mut().find(|held| held.name.eq_ignore_ascii_case(name))
    }

    fn entry(&mut self, attribute: &str) -> Option<&mut IndexDef> {
        if self.index(attribute).is_none() {
            self.indexes.push(IndexDef { attribute: attribute.to_owned(), ..IndexDef::default() });
        }
        self.indexes.iter_mut().find(|index| index.is_of(attribute))
    }

    /// Another definition, which holds once its index is there.
    pub(crate) fn index_begins(&mut self, attribute: &str, definition: Attribute, job: i64) {
        if let Some(entry) = self.entry(attribute) {
            entry.last += 1;
            entry.next = Some(Build { build: entry.last, definition, until: None });
            entry.job = Some(job);
        }
    }

    /// The attribute goes: nobody gives it a value from now on.
    pub(crate) fn removal_begins(&mut self, attribute: &str, job: i64) {
        let Some(held) = self.held(attribute) else { return };
        let was = held.clone();
        held.mutability = Mutability::ReadOnly;
        held.required = false;
        if let Some(entry) = self.entry(attribute) {
            entry.going = Some(was);
            entry.job = Some(job);
        }
    }

    /// What was begun is done: the new definition holds, or the attribute is gone.
    pub(crate) fn index_ends(&mut self, attribute: &str, until: i64) {
        let Some(entry) = self.entry(attribute) else { return };
        entry.job = None;
        if entry.going.take().is_some() {
            self.drop_attribute(attribute);
        } else if let Some(definition) = entry.returning.take() {
            if let Some(held) = self.held(attribute) {
                *held = definition;
            }
            self.archived.retain(|field| !field.value().eq_ignore_ascii_case(attribute));
        } else if let Some(next) = entry.next.take() {
            let build = std::mem::replace(&mut entry.build, next.build);
            let former = self.held(attribute).map(|held| std::mem::replace(held, next.definition));
            if let (Some(definition), Some(entry)) = (former, self.entry(attribute)) {
                entry.former.push(Build { build, definition, until: Some(until) });
            }
        }
    }

    /// What was begun is not to be: everything is as before, but for values that are gone already.
    pub(crate) fn index_withdrawn(&mut self, attribute: &str) {
        let Some(entry) = self.entry(attribute) else { return };
        (entry.job, entry.next) = (None, None);
        if let Some(was) = entry.going.take()
            && let Some(held) = self.held(attribute)
        {
            *held = was;
        }
    }

    /// Former builds whose time is over are kept up no more; whether there was one.
    pub(crate) fn index_forgets(&mut self, attribute: &str, now: i64) -> bool {
        let Some(entry) = self.entry(attribute) else { return false };
        let before = entry.former.len();
        entry.former.retain(|former| former.until.is_some_and(|until| until > now));
        entry.former.len() < before
    }

    fn drop_attribute(&mut self, attribute: &str) {
        let Some((urn, name)) = attribute.rsplit_once(':') else { return };
        let Some(schema) = self.schemas.iter_mut().find(|schema| schema.id.eq_ignore_ascii_case(urn)) else { return };
        schema.attributes.retain(|held| !held.name.eq_ignore_ascii_case(name));
        if !schema.attributes.is_empty() {
            return;
        }
        let id = schema.id.clone();
        self.schemas.retain(|schema| schema.id != id);
        for def in &mut self.resource_types {
            def.extensions.retain(|extension| !extension.schema.eq_ignore_ascii_case(&id));
        }
        self.resource_types.retain(|def| !def.endpoint.is_empty() || !def.extensions.is_empty());
    }
}
