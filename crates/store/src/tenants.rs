//! Tenants: a name, settings, and what they define themselves.

use crate::archive::Archived;
use crate::db::{Reader, Row, Writer};
use crate::field_form::FieldForm;
use crate::index_def::IndexDef;
use crate::{Error, Result};
use scim::{Attribute, Dialect, ResourceType, Schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A tenant's number; the first part of every key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantId(pub i64);

/// One tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its name, as in `/t/{name}/scim/v2`.
    pub name: String,
    /// When it was made.
    pub created_at: i64,
    /// How it behaves.
    pub settings: Settings,
    /// Its own schemas and resource types.
    pub definitions: Definitions,
    /// Goes up with every update, so that what was built from it can be kept until it does.
    pub generation: i64,
}

/// How a tenant behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// Which leniencies are on.
    pub dialect: Dialect,
    /// Which operations are on.
    pub switches: Switches,
    /// What happens when a create meets an existing account.
    pub adoption: Adoption,
    /// Domains whose e-mail addresses are trusted to tell who somebody is, for `Adoption::VerifiedEmail`.
    pub verified_domains: Vec<String>,
    /// Whether somebody who returns with the same externalId gets the old id.
    pub return_same_id: bool,
    /// By what a manager is found, in this order.
    pub manager_match: Vec<ManagerMatch>,
    /// Whether passwords are kept (hashed by the server) or dropped.
    pub keep_passwords: bool,
    /// Whether operators may change by hand what an identity provider owns.
    pub manual_edits: bool,
    /// Attributes that are dropped when an identity provider sends them, each behind its resource type: `User/title`.
    pub ignored: Vec<String>,
    /// Attributes whose values the log does not keep, besides those that are never returned; by their names.
    pub masked: Vec<String>,
    /// Resources in a page when the request does not say.
    pub page_default: u32,
    /// Most resources in a page.
    pub page_max: u32,
    /// What is logged, and for how long.
    pub log: LogLimits,
    /// Requests a second with one token.
    pub rate_per_second: u32,
    /// Requests at once with one token.
    pub rate_burst: u32,
    /// How long a cursor is good for.
    pub cursor_seconds: u32,
    /// The address that clients see, where it is not the one that they ask.
    pub base_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            switches: Switches::default(),
            adoption: Adoption::default(),
            verified_domains: Vec::new(),
            return_same_id: true,
            manager_match: ManagerMatch::ALL.to_vec(),
            keep_passwords: false,
            manual_edits: false,
            ignored: Vec::new(),
            masked: Vec::new(),
            page_default: 100,
            page_max: 1000,
            log: LogLimits::default(),
            rate_per_second: 1000,
            rate_burst: 2000,
            cursor_seconds: 600,
            base_url: None,
        }
    }
}

impl Settings {
    /// Whether an attribute, by its full name, is dropped when an identity provider sends it.
    pub fn ignores(&self, resource_type: &str, value: &str) -> bool {
        let fits = |one: &String| {
            let parts = one.split_once('/');
            parts.is_some_and(|(of, name)| of.eq_ignore_ascii_case(resource_type) && name.eq_ignore_ascii_case(value))
        };
        self.ignored.iter().any(fits)
    }
}

/// The operations of each resource type that can be switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Switches {
    /// For users.
    pub users: Crud,
    /// For groups.
    pub groups: Crud,
}

/// Create, read, update, delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Crud {
    /// POST.
    pub create: bool,
    /// GET and search.
    pub read: bool,
    /// PUT and PATCH.
    pub update: bool,
    /// DELETE.
    pub delete: bool,
}

impl Default for Crud {
    fn default() -> Self {
        Self { create: true, read: true, update: true, delete: true }
    }
}

/// What happens when a create meets an existing account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Adoption {
    /// 409, as the RFC says.
    #[default]
    Refuse,
    /// The account with the same externalId is taken over.
    ExternalId,
    /// The account with the same userName is taken over.
    UserName,
    /// The account with the same e-mail is taken over, where e-mails are verified.
    VerifiedEmail,
}

/// By what a manager can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ManagerMatch {
    /// The resource's id.
    Id,
    /// The client's id.
    ExternalId,
    /// The login.
    UserName,
    /// Any e-mail.
    Emails,
    /// The enterprise extension's number.
    EmployeeNumber,
}

impl ManagerMatch {
    /// All of them, in the order that a new tenant has.
    pub const ALL: [Self; 5] = [Self::Id, Self::ExternalId, Self::UserName, Self::Emails, Self::EmployeeNumber];
}

/// What is logged, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LogLimits {
    /// Days after which entries go.
    pub keep_days: u32,
    /// Bytes of texts above which the oldest entries go.
    pub bytes_max: u64,
    /// Longest body or answer that is kept; the rest is cut off.
    pub body_bytes_max: u32,
    /// Which requests are logged.
    pub level: LogLevel,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { keep_days: 30, bytes_max: 1 << 30, body_bytes_max: 16_384, level: LogLevel::All }
    }
}

/// Which requests are logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogLevel {
    /// All.
    #[default]
    All,
    /// Those that change something, or fail.
    Writes,
    /// None.
    Off,
}

/// What a tenant defines itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Definitions {
    /// Its own schemas.
    pub schemas: Vec<Schema>,
    /// Its own resource types; an entry named `User` or `Group` only lists further extensions of that.
    pub resource_types: Vec<ResourceTypeDef>,
    /// Attributes whose index was built again, or is being, and those that are being taken away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<IndexDef>,
    /// When a field was made, by its full value; older ones are not among them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub made: BTreeMap<String, i64>,
    /// Fields that are put away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub archived: Vec<Archived>,
    /// How fields are filled in, by their full values; those that are filled in as their type says are not among them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub forms: BTreeMap<String, FieldForm>,
}

/// A resource type by the URNs of its schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ResourceTypeDef {
    /// Its name.
    pub name: String,
    /// Where it is served, with the slash; of no meaning for `User` and `Group`.
    pub endpoint: String,
    /// For people.
    pub description: String,
    /// URN of the core schema; of no meaning for `User` and `Group`.
    pub schema: String,
    /// Its extensions.
    pub extensions: Vec<ExtensionDef>,
}

/// An extension by the URN of its schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExtensionDef {
    /// The URN.
    pub schema: String,
    /// Whether a resource without it is refused.
    pub required: bool,
}

impl Definitions {
    /// How a field is filled in, by its full value, if that goes with what it is now.
    pub fn form(&self, value: &str, attribute: &Attribute) -> Option<&FieldForm> {
        self.forms.get(value).filter(|form| form.misfit(attribute).is_none())
    }

    /// Sets how a field is filled in.
    pub fn form_set(&mut self, value: String, form: FieldForm) {
        if form.is_plain() {
            self.forms.remove(&value);
        } else {
            self.forms.insert(value, form);
        }
    }

    /// User, Group and the tenant's own types, with their schemas at hand.
    pub fn resource_types(&self) -> scim::Result<Vec<Arc<ResourceType>>> {
        let mut types = vec![ResourceType::user(), ResourceType::group()];
        for def in &self.resource_types {
            let index = match types.iter().take(2).position(|built_in| built_in.name == def.name) {
                Some(index) => index,
                None => {
                    types.push(ResourceType {
                        name: def.name.clone(),
                        endpoint: def.endpoint.clone(),
                        description: def.description.clone(),
                        schema: self.schema(&def.schema)?,
                        extensions: Vec::new(),
                    });
                    types.len() - 1
                }
            };
            let Some(resource_type) = types.get_mut(index) else { continue };
            for extension in &def.extensions {
                let schema = self.schema(&extension.schema)?;
                resource_type.extensions.push(scim::resource_type::Extension { schema, required: extension.required });
            }
        }
        Ok(types.into_iter().map(Arc::new).collect())
    }

    /// Refuses definitions that do not fit together: names that are taken, schemas that are missing.
    pub fn check(&self) -> scim::Result<()> {
        use scim::schema;
        let refuse = |what: String| Err(scim::Error::invalid_value(what));
        let mut urns: Vec<String> = [
            schema::USER,
            schema::GROUP,
            schema::ENTERPRISE_USER,
            schema::SERVICE_PROVIDER_CONFIG,
            schema::RESOURCE_TYPE,
            schema::SCHEMA,
        ]
        .map(str::to_ascii_lowercase)
        .to_vec();
        for schema in &self.schemas {
            schema.check()?;
            let urn = schema.id.to_ascii_lowercase();
            if urns.contains(&urn) {
                return refuse(format!("the schema {} exists already", schema.id));
            }
            urns.push(urn);
        }
        let types = self.resource_types()?;
        for (index, resource_type) in types.iter().enumerate() {
            resource_type.check()?;
            let earlier = types.get(..index).unwrap_or_default();
            let taken = earlier.iter().any(|other| {
                other.name.eq_ignore_ascii_case(&resource_type.name)
                    || other.endpoint.eq_ignore_ascii_case(&resource_type.endpoint)
            });
            if taken {
                return refuse(format!("the resource type {} or its endpoint exists already", resource_type.name));
            }
            let mut of_type: Vec<String> =
                resource_type.extensions.iter().map(|extension| extension.schema.id.to_ascii_lowercase()).collect();
            of_type.push(resource_type.schema.id.to_ascii_lowercase());
            of_type.sort_unstable();
            let count = of_type.len();
            of_type.dedup();
            if of_type.len() != count {
                return refuse(format!("the resource type {} has a schema twice", resource_type.name));
            }
        }
        Ok(())
    }

    fn schema(&self, urn: &str) -> scim::Result<Arc<Schema>> {
        let found = self.schemas.iter().find(|schema| schema.id.eq_ignore_ascii_case(urn));
        let mut schema =
            found.cloned().ok_or_else(|| scim::Error::invalid_value(format!("there is no schema {urn}")))?;
        self.indexes.iter().for_each(|index| index.apply(&mut schema));
        Ok(Arc::new(schema))
    }
}

const COLUMNS: &str = "id, name, created_at, settings, definitions, generation";

type Parts = (i64, String, i64, String, String, i64);

fn parts(row: &Row<'_>) -> Result<Parts> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn tenant((id, name, created_at, settings, definitions, generation): Parts) -> Result<Tenant> {
    Ok(Tenant {
        id: TenantId(id),
        name,
        created_at,
        settings: serde_json::from_str(&settings)?,
        definitions: serde_json::from_str(&definitions)?,
        generation,
    })
}

impl Reader {
    /// All tenants, by their names.
    pub fn tenants(&self) -> Result<Vec<Tenant>> {
        let rows = self.all(&format!("select {COLUMNS} from tenant order by name"), (), parts)?;
        rows.into_iter().map(tenant).collect()
    }

    /// The tenant of that number.
    pub fn tenant_by(&self, id: TenantId) -> Result<Option<Tenant>> {
        self.first(&format!("select {COLUMNS} from tenant where id = ?1"), [id.0], parts)?.map(tenant).transpose()
    }

    /// The tenant of that name.
    pub fn tenant(&self, name: &str) -> Result<Option<Tenant>> {
        self.first(&format!("select {COLUMNS} from tenant where name = ?1"), [name], parts)?.map(tenant).transpose()
    }
}

impl Writer {
    /// Makes a tenant; `Conflict` if the name is taken.
    pub fn tenant_insert(
        &mut self,
        name: &str,
        settings: &Settings,
        definitions: &Definitions,
        now: i64,
    ) -> Result<Tenant> {
        self.tell_nodes();
        let sql = "insert into tenant (name, created_at, settings, definitions, generation) values (?1, ?2, ?3, ?4, 1)
                   on conflict (name) do nothing";
        let texts = (serde_json::to_string(settings)?, serde_json::to_string(definitions)?);
        if self.execute(sql, (name, now, texts.0, texts.1))? == 0 {
            return Err(Error::Conflict { attribute: "name".into() });
        }
        self.tenant(name)?.ok_or_else(|| Error::broken("a new tenant is not there"))
    }

    /// Stores its name, settings and definitions; the generation goes up. `Stale` if it was updated since it
    /// was read, or is gone; `Conflict` if another tenant has the name. Index rows do not follow a change of
    /// definitions by themselves: see `Writer::index_begin`.
    pub fn tenant_update(&mut self, tenant: &Tenant) -> Result<Tenant> {
        self.tell_nodes();
        if self.tenant(&tenant.name)?.is_some_and(|other| other.id != tenant.id) {
            return Err(Error::Conflict { attribute: "name".into() });
        }
        let sql = "update tenant set name = ?3, settings = ?4, definitions = ?5, generation = generation + 1
                   where id = ?1 and generation = ?2";
        let texts = (serde_json::to_string(&tenant.settings)?, serde_json::to_string(&tenant.definitions)?);
        let before = self.tenant_by(tenant.id)?;
        if self.execute(sql, (tenant.id.0, tenant.generation, &tenant.name, texts.0, texts.1))? == 0 {
            return Err(Error::Stale);
        }
        if before.is_some_and(|before| before.definitions.indexes != tenant.definitions.indexes) {
            self.indexes_changed(tenant.id, tenant.generation + 1);
        }
        self.tenant(&tenant.name)?.ok_or_else(|| Error::broken("an updated tenant is not there"))
    }

    /// Removes a tenant and everything of it; whether there was one. Costs as much as it holds.
    pub fn tenant_delete(&mut self, tenant: TenantId) -> Result<bool> {
        self.tell_nodes();
        self.tally_gone(tenant);
        self.execute("delete from document where rid in (select rid from resource where tenant = ?1)", [tenant.0])?;
        const TABLES: [&str; 62] = [
            "resource_count",
            "attribute_received",
            "resource_block",
            "unique_value",
            "attribute_value",
            "attribute",
            "member",
            "manager_link",
            "archived_value",
            "absent_member",
            "unlinked",
            "saved_view",
            "tombstone",
            "change_seq",
            "change",
            "log",
            "log_block",
            "log_pack",
            "log_size",
            "log_count",
            "dismissal",
            "job",
            "job_failure",
            "import_file",
            "import_part",
            "setup_link",
            "token",
            "saml_connection",
            "saml_key",
            "saml_request",
            "saml_replay",
            "person_session",
            "oidc_client",
            "oidc_secret",
            "oidc_key",
            "sign_in_request",
            "person_password",
            "person_link",
            "person_passkey",
            "oidc_grant",
            "resource",
            "app",
            "assignment",
            "link",
            "link_state",
            "link_count",
            "link_wait",
            "member_link",
            "push_group",
            "push_rule",
            "feed_cursor",
            "fill",
            "fill_person",
            "exchange",
            "destruction",
            "approval",
            "task_note",
            "group_role",
            "run",
            "run_item",
            "lifecycle",
            "plan",
        ];
        for table in TABLES {
            self.execute(&format!("delete from {table} where tenant = ?1"), [tenant.0])?;
        }
        Ok(self.execute("delete from tenant where id = ?1", [tenant.0])? > 0)
    }
}
