//! The only crate that knows SQL: tenants, resources, members, changes, the log and tokens, on SQLite.
//!
//! A `Store` is one data folder. `Store::read` and `Store::write` take closures that see a `Reader` or a
//! `Writer`; what a closure of `write` did is there when it is answered, and stays.

mod absent;
mod archive;
mod audit;
pub mod backup;
mod blocks;
mod browse;
mod changes;
pub mod copy;
#[cfg(test)]
mod costs;
mod db;
mod dismissals;
mod error;
mod field_form;
mod filter_sql;
mod imports;
mod index;
mod index_def;
mod jobs;
mod log;
mod log_block;
mod log_count;
mod log_names;
mod log_open;
mod log_pack;
mod log_search;
mod log_text;
mod manager;
mod members;
mod migrate;
mod oidc;
mod operators;
mod outbound;
mod people;
mod person_passkeys;
mod person_passwords;
mod prepared;
mod queue;
mod received;
mod reindex;
mod render;
mod resources;
mod roles;
mod saml;
mod saved_views;
mod seal;
mod search;
mod sessions;
mod setup_links;
mod tally;
mod tenants;
mod tokens;
mod unlinked;
mod verify;
mod versioned;
mod view;
mod walk;

pub use absent::AbsentMember;
pub use archive::{Archived, ArchivedFit};
pub use audit::{Audit, Broken, hex};
pub use changes::{Change, ChangeKind};
pub use db::{Options, Reader, Stats, Store, Writer};
pub use error::Error;
pub use field_form::{FieldForm, FieldKind};
pub use imports::{ImportFile, ImportPart};
pub use index_def::{Build, IndexDef};
pub use jobs::{FAILURES_MAX, Job, JobState, JobsOf};
pub use log::{LOG_PRUNED_MAX, LogEntry};
pub use log_block::{LOG_BLOCK_MAX, LogBlock, LogLine};
pub use log_count::{LogCount, SLOT};
pub use log_names::{AS_ANSWERED, names_in};
pub use log_search::LogQuery;
pub use members::MembersChanged;
pub use oidc::{LivingGrant, OidcClient, OidcGrant, OidcGroups, OidcKey, OidcSecret, OidcSettings};
pub use operators::{EntryLink, Operator, Passkey, Role, Throttle};
pub use outbound::{
    AppGrant, AppId, AppRow, AssignmentRow, Cause, Claimed, Destruction, Exchange, Fill, Found, Granted, Headcount,
    Intent, KnownMember, LANES, LinkKind, LinkQuery, LinkRow, NewApp, PersonRow, PlanRow, PlanState, Precheck,
    Principal, PushGroupRow, PushRuleRow, Reach, Run, RunItem, RunState, Settled, Standing, TaskNote, TaskRow, Wanted,
    Work,
};
pub use people::{PersonSession, SamlSession, SessionEnded, SignInRequest};
pub use person_passkeys::PersonPasskey;
pub use person_passwords::{PersonLink, PersonSignIn};
pub use prepared::Prepared;
pub use received::Received;
pub use reindex::{Reindex, Turned};
pub use render::Comma;
pub use resources::{Deleted, Policy, Stored};
pub use saml::{
    KeyState, SamlAttribute, SamlBinding, SamlConnection, SamlKey, SamlMatch, SamlPurpose, SamlRequest, SamlSettings,
};
pub use saved_views::SavedView;
pub use seal::Sealer;
pub use search::{Page, Position, Query, Sort, Start};
pub use sessions::Session;
pub use setup_links::SetupLink;
pub use tenants::{
    Adoption, Crud, Definitions, ExtensionDef, LogLevel, LogLimits, ManagerMatch, ResourceTypeDef, Settings, Switches,
    Tenant, TenantId,
};
pub use tokens::{Access, Scope, Token, TokenUse};
pub use unlinked::Unlinked;
pub use versioned::Versioned;
pub use view::{GroupView, ManagerView, MemberView, View};
pub use walk::{Effort, Lifecycle, Only, Walked};

/// What a fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
