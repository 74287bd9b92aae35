//! A new resource as far as it comes without the database: what it is kept as and what is indexed of it. Made beside the
//! writer, of whom there is one, so that the writer has nothing to do but write.

use crate::index::{self, IndexRow};
use crate::manager::identifiers;
use crate::render::{self, Rendered, visible};
use crate::resources::Stored;
use crate::view::{self, View};
use crate::{Error, Result};
use scim::{Resource, ResourceType};
use std::collections::BTreeSet;

/// What a resource becomes when it is stored.
#[derive(Debug)]
pub struct Prepared {
    /// The id that it was given, or else one that nobody has (UUID version 7).
    pub(crate) id: String,
    /// Whether it was given.
    pub(crate) given: bool,
    pub(crate) external_id: Option<String>,
    pub(crate) display: Option<String>,
    pub(crate) rendered: Rendered,
    pub(crate) rows: Vec<IndexRow>,
    /// By what others could name it as their manager.
    pub(crate) identifiers: BTreeSet<String>,
}

impl Prepared {
    /// Of a resource with the given id, or with a new one.
    pub fn new(resource: &Resource, resource_type: &ResourceType, id: Option<&str>) -> Result<Self> {
        if id.is_some_and(|id| id.is_empty() || !id.chars().all(|c| c.is_ascii_graphic() && !c.is_ascii_uppercase())) {
            return Err(Error::broken("an id is printable lower-case ASCII without spaces"));
        }
        let given = id.is_some();
        let id = id.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
        let external_id = resource.text(resource_type, "externalId").filter(|text| !text.is_empty());
        let rows = index::rows(&visible(resource, resource_type), resource_type);
        Ok(Self {
            given,
            external_id: external_id.map(str::to_owned),
            display: index::display(resource, resource_type),
            rendered: render::render(resource, resource_type, &id)?,
            rows: rows.into_iter().collect(),
            identifiers: if resource_type.is_user() {
                identifiers(resource, resource_type, &id)
            } else {
                BTreeSet::new()
            },
            id,
        })
    }

    /// What was made of it as it is shown, where that is known without a look at the database; of a group only while it has
    /// no members.
    pub fn view(&self, stored: &Stored) -> Option<View> {
        view::of_new(stored, self)
    }
}
