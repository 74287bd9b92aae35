//! Apps: integrations with applications that people and groups are brought to.
//!
//! An app is addressed by its tenant's name and its own. Everything that an administrator can change about one is one
//! document ([`Integration::document`]): `label`, `signIn`, `provisioning`, `connection` (`baseUrl`, `uniqueField`),
//! `target` (habits of the other side; a text is the name of a profile), `profile` (attributes), `toApp`, `toDirectory`
//! (mappings), `policy` (`actions` and the life of accounts), `brakes`, `settings`, and `options` (authentication, pause,
//! schedules, matching, reactions). [`change`] lays a part of such a document over it. Secrets are apart
//! ([`set_credential`]) and are never shown.
//!
//! Elsewhere: another app like it ([`duplicate`]), whether the app can be reached ([`connector`]), what somebody agrees to at its authorization server ([`grant`]), who is assigned ([`assign`]), what became of them ([`links`]) and what of it is left as it is ([`notes`]), groups that are pushed ([`push_groups`]),
//! scans ([`runs`]), everything as one document ([`config`]), and changes that are agreed to before they are made ([`plans`]).

pub(crate) mod assign;
pub(crate) mod config;
pub(crate) mod connector;
pub(crate) mod duplicate;
pub(crate) mod effect;
pub(crate) mod grant;
pub(crate) mod health;
pub(crate) mod links;
pub(crate) mod logo;
pub(crate) mod notes;
pub(crate) mod plans;
pub(crate) mod preview;
pub(crate) mod push_groups;
pub(crate) mod runs;

use super::{audited, missing, tenant_of};
use crate::app::App;
use crate::audit;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::limits;
use crate::outbound::integration::{Integration, Options};
use crate::outbound::others;
use crate::outbound::token::{self, Forgotten, Granted, Revocation};
use crate::tenants::TenantState;
use provision::Target;
use provision::app::SignIn;
use provision::target::TARGETS;
use scim::Code;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::{AppId, AppRow, LinkKind, NewApp, Reach, Reader, Standing, TenantId, Writer};

/// Longest name of an app; it is a part of addresses.
const NAME_CHARS_MAX: usize = 63;

/// So far links are counted, so that it shows that there are more.
pub(super) const COUNTED: u32 = limits::LINKS_COUNTED_MAX + 1;

/// Shortest token whose last characters are shown.
const ENDS_SHOWN_FROM: usize = 24;

/// What a new app is made of.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewIntegration {
    /// Its name: lower-case letters, digits, `-` and `_`.
    pub(crate) name: String,
    /// For people; the name if there is none.
    #[serde(default)]
    pub(crate) label: Option<String>,
    /// How people sign in.
    #[serde(default)]
    pub(crate) sign_in: SignIn,
    /// The profile of the other side: `generic`, `okta-aiw` …; see [`targets`].
    #[serde(default)]
    pub(crate) target: Option<String>,
}

/// How an app is doing, for lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    /// People by where their link stands, and whether the account is in use.
    pub(crate) people: Vec<(Standing, bool, u64)>,
    /// The same of groups.
    pub(crate) groups: Vec<(Standing, bool, u64)>,
    /// Links that are due: leavers, arrivals, changes, backfill. These and what follows are counted no further than
    /// [`limits::LINKS_COUNTED_MAX`], and then one more.
    pub(crate) due: [u64; 4],
    /// Links that were decided with an older revision of the app, and will be decided anew behind everything else.
    pub(crate) stale: u64,
    /// Links that somebody has to look at.
    pub(crate) tasks: u64,
}

impl Numbers {
    /// People and groups that are to be looked at.
    pub(crate) fn queue(&self) -> u64 {
        self.due.iter().sum()
    }
}

/// The profiles of other sides by name, each with what it is called.
pub(crate) fn targets() -> Vec<(&'static str, String)> {
    TARGETS.iter().filter_map(|(name, _)| Some((*name, Target::named(name)?.label))).collect()
}

/// A tenant's apps by their names.
pub(crate) async fn list(app: &App, tenant: &str) -> Result<Vec<Integration>> {
    let tenant = tenant_of(app, tenant)?.tenant.id;
    let rows: Vec<AppRow> = app.store().read(move |r| r.apps(tenant)).await?;
    rows.into_iter().map(Integration::of).collect()
}

/// One app.
pub(crate) async fn find(app: &App, tenant: &str, name: &str) -> Result<Integration> {
    Ok(with_tenant(app, tenant, name).await?.1)
}

/// Whether it can stand in an app's name.
fn fits(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')
}

/// There is no app that is called so.
pub(super) fn unknown(name: &str) -> crate::error::Error {
    // What cannot be a name, such as a token in the wrong place, is not said again.
    let is_name = name.len() <= NAME_CHARS_MAX && name.chars().all(fits);
    match is_name {
        true => missing(&format!("there is no app {name}; see: provost app list")),
        false => missing("there is no app of this name; see: provost app list"),
    }
}

/// One app with its tenant.
pub(super) async fn with_tenant(app: &App, tenant: &str, name: &str) -> Result<(Arc<TenantState>, Integration)> {
    let state = tenant_of(app, tenant)?;
    let (id, asked) = (state.tenant.id, name.to_owned());
    let row: Option<AppRow> = app.store().read(move |r| r.app_named(id, &asked)).await?;
    let row = row.ok_or_else(|| unknown(name))?;
    Ok((state, Integration::of(row)?))
}

/// How an app is doing.
pub(crate) async fn numbers(app: &App, integration: &Integration) -> Result<Numbers> {
    let (id, revision, now) = (integration.row.id, integration.row.revision, app.clock().now());
    app.store()
        .read(move |r| {
            Ok(Numbers {
                people: r.links_count(id, LinkKind::User)?,
                groups: r.links_count(id, LinkKind::Group)?,
                due: r.links_due(id, now, COUNTED)?,
                stale: r.links_stale(id, revision, COUNTED)?,
                tasks: r.tasks_count(id, COUNTED)?,
            })
        })
        .await
        .map_err(|error: store::Error| error.into())
}

/// Makes an app: the standard profile and mappings, provisioning off, the usual brakes.
pub(crate) async fn create(app: &App, actor: &Actor, tenant: &str, wanted: NewIntegration) -> Result<Integration> {
    let state = tenant_of(app, tenant)?;
    let id = state.tenant.id;
    let new = drawn(id, wanted)?;
    let line = ("app.create", format!("{tenant}/app/{}", new.name), json!({"label": new.settings.get("label")}));
    let now = app.clock().now();
    let made = audited(app, actor, line, move |w| insert(w, &new, now)).await?;
    app.events().publish(id, Topic::Apps);
    Integration::of(made)
}

/// An app as it would be, of which nothing is stored.
pub(crate) fn not_yet(app: &App, tenant: &str, wanted: NewIntegration) -> Result<Integration> {
    let NewApp { tenant, name, settings, options } = drawn(tenant_of(app, tenant)?.tenant.id, wanted)?;
    Integration::of(AppRow { tenant, name, settings, options, ..AppRow::default() })
}

/// Stores a new app.
fn insert(w: &mut Writer, new: &NewApp, now: i64) -> Result<AppRow> {
    if w.apps(new.tenant)?.len() >= limits::APPS_MAX {
        return Err(scim::Error::invalid_value(format!("a tenant has at most {} apps", limits::APPS_MAX)).into());
    }
    w.app_insert(new, now).map_err(|error| match error {
        store::Error::Conflict { .. } => Error::new(Code::NAME_TAKEN, "there is already an app of this name"),
        other => other.into(),
    })
}

/// A new app as it will be stored.
fn drawn(tenant: TenantId, wanted: NewIntegration) -> Result<NewApp> {
    if wanted.name.is_empty() || wanted.name.len() > NAME_CHARS_MAX || !wanted.name.chars().all(fits) {
        let detail = format!(
            "an app's name is 1 to {NAME_CHARS_MAX} lower-case letters, digits, - and _: it is a part of its address"
        );
        return Err(scim::Error::invalid_value(detail).into());
    }
    let mut integration = provision::App::standard();
    integration.label = wanted.label.filter(|label| !label.trim().is_empty()).unwrap_or_else(|| wanted.name.clone());
    integration.sign_in = wanted.sign_in;
    integration.target = named_target(wanted.target.as_deref().unwrap_or("generic"))?;
    integration.brakes = usual_brakes();
    let (settings, options) = (json!(integration), json!(Options::default()));
    Ok(NewApp { tenant, name: wanted.name, settings, options })
}

/// More leavers in a day than these wait for somebody to agree.
fn usual_brakes() -> Vec<provision::brake::Limit> {
    use provision::brake::{Limit, Metric};
    let day_ms = 86_400_000;
    let limit = |metric, percent, free| Limit {
        metric,
        window_ms: day_ms,
        count_max: None,
        percent_max: Some(percent),
        count_free: free,
    };
    vec![
        limit(Metric::Deactivations, 20.0, 10),
        limit(Metric::Deletions, 5.0, 5),
        limit(Metric::MembershipShrink, 50.0, 20),
    ]
}

fn named_target(name: &str) -> Result<Target> {
    Target::named(name).ok_or_else(|| {
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        scim::Error::invalid_value(format!("there is no target profile of this name; there are {}", known.join(", ")))
            .into()
    })
}

/// When everybody's account is brought to what a change of an app says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Now, behind other work.
    Now,
    /// When somebody says so, or with the next reconciliation; until then whoever is looked at for another reason.
    Later,
}

/// Lays a part of an app's document over it: objects are merged, everything else is replaced. Every link is decided
/// anew behind other work if that could matter to it.
pub(crate) async fn change(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    change: Map<String, Value>,
) -> Result<Integration> {
    Ok(change_when(app, actor, tenant, name, change, When::Now).await?.0)
}

/// The same, applied to everybody now or later; and what became of tokens at an authorization server that were forgotten
/// with it.
pub(crate) async fn change_when(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    change: Map<String, Value>,
    when: When,
) -> Result<(Integration, Option<Revocation>)> {
    let known = with_tenant(app, tenant, name).await?;
    change_with(app, actor, tenant, known, change, when, |_, _| Ok(())).await
}

/// Stores a connection that was tested, all of it or nothing: what the form says, the secret that was typed, and what
/// somebody has just agreed to. What became of what they had agreed to before, if that is forgotten with it.
pub(crate) async fn connect(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    change: Map<String, Value>,
    secret: Option<&str>,
    granted: Option<&Granted>,
) -> Result<Option<Revocation>> {
    let known = with_tenant(app, tenant, name).await?;
    let (id, now) = (known.1.row.id, app.clock().now());
    let line = |action, detail| audit::entry(actor, action, format!("{tenant}/app/{name}"), detail, now);
    let secret = secret.map(|secret| sealed_credential(app, &known.1, secret)).transpose()?;
    let secret = secret.map(|sealed| (sealed, line("app.credential", json!({"set": true}))));
    let granted = granted.map(|it| token::sealed(app, id, it).map(|sealed| (sealed, it.client_id())));
    let granted = granted.transpose()?.map(|(sealed, of)| (sealed, line("grant.keep", json!({"clientId": of}))));
    let by = actor.label.to_string();
    let with = move |w: &mut Writer, now| {
        if let Some((sealed, line)) = secret {
            keep_credential(w, id, &sealed, now)?;
            w.audit_add(&line)?;
        }
        if let Some((sealed, line)) = granted {
            w.app_set_granted(id, Some((&sealed, &by)), now)?;
            w.audit_add(&line)?;
        }
        Ok(())
    };
    let (_, revocation) = change_with(app, actor, tenant, known, change, When::Now, with).await?;
    app.access_tokens().forget(id);
    Ok(revocation)
}

/// Changes an app, and what goes with it in the same transaction.
async fn change_with(
    app: &App,
    actor: &Actor,
    tenant: &str,
    (state, known): (Arc<TenantState>, Integration),
    mut change: Map<String, Value>,
    when: When,
    with: impl FnOnce(&mut Writer, i64) -> Result<()> + Send + 'static,
) -> Result<(Integration, Option<Revocation>)> {
    let renamed = change.shift_remove("name");
    let detail = match when {
        When::Now => json!(change.keys().collect::<Vec<_>>()),
        When::Later => json!({"later": change.keys().collect::<Vec<_>>()}),
    };
    let mut changed = candidate(app, &known, change)?;
    let object = format!("{tenant}/app/{}", known.row.name);
    if let Some(Value::String(name)) = renamed {
        changed.row.name = name;
    }
    let now = app.clock().now();
    let lost = known.row.grant.is_some() && is_void(&known, &changed);
    let line = lost.then(|| audit::entry(actor, "grant.forget", object.clone(), json!({"why": "changed"}), now));
    let (stored, forgotten) = audited(app, actor, ("app.change", object.clone(), detail), move |w| {
        let forgotten = if lost { Forgotten::of(w, known.row.id)? } else { None };
        let stored = update(w, &known, changed, when, now)?;
        if let Some(line) = line {
            w.app_set_granted(stored.id, None, now)?;
            w.audit_add(&line)?;
        }
        with(w, now)?;
        Ok((w.app(stored.id)?.unwrap_or(stored), forgotten))
    })
    .await?;
    told(app, &state);
    let revocation = grant::revoked(app, actor, object, forgotten).await;
    Ok((Integration::of(stored)?, revocation))
}

/// Whether what somebody has agreed to is worth nothing with these settings: it is of one server and one client. Nor is it
/// told to a server that was none of this when they agreed.
fn is_void(known: &Integration, changed: &Integration) -> bool {
    let agreed = |integration: &Integration| {
        let (options, oauth) = (&integration.options, &integration.options.oauth);
        options.is_agreed().then(|| [&oauth.authorize_url, &oauth.token_url, &oauth.client_id].map(String::clone))
    };
    let (before, after) = (&known.options.oauth, &changed.options.oauth);
    agreed(known) != agreed(changed) || before.revoke_url != after.revoke_url && token::is_elsewhere(after)
}

/// Apps that read each other's accounts could change each other without end.
fn check_circle(r: &Reader, changed: &Integration) -> Result<()> {
    let Some(other) = others::circle(r, changed.row.tenant, changed)? else { return Ok(()) };
    let detail =
        format!("its expressions read {other}, whose expressions read this app's accounts: take one of them away");
    Err(scim::Error::invalid_value(detail).into())
}

/// Stores a changed app; whoever reads its settings or its profile is looked at anew.
fn update(w: &mut Writer, known: &Integration, mut changed: Integration, when: When, now: i64) -> Result<AppRow> {
    check_circle(w, &changed)?;
    schedule(&mut changed, now);
    let matters = provision::App { label: String::new(), ..known.app.clone() }
        != provision::App { label: String::new(), ..changed.app.clone() };
    // Whatever was wrong with the app as a whole may be right now.
    w.app_set_pace(changed.row.id, None)?;
    let reach = match when {
        _ if !matters => Reach::Nobody,
        When::Now => Reach::Everybody,
        When::Later => Reach::Later,
    };
    let stored = w.app_update(&changed.row, reach, now)?;
    if matters {
        for reader in others::readers(w, stored.tenant, stored.id, &stored.name)? {
            w.app_bump(reader)?;
        }
    }
    Ok(stored)
}

/// An app as it would be with a change, which is looked at and not stored.
pub(crate) fn candidate(app: &App, known: &Integration, mut change: Map<String, Value>) -> Result<Integration> {
    if let Some(Value::String(target)) = change.get("target") {
        let target = json!(named_target(target)?);
        change.insert("target".into(), target);
    }
    let mut document = Value::Object(known.document());
    lay_over(&mut document, Value::Object(change), "")?;
    let Value::Object(document) = document else { return Err(missing("the app cannot be read")) };
    let changed = known.with_document(document)?;
    check(app, &changed)?;
    check_uses(known, &changed)?;
    Ok(changed)
}

/// An attribute of the profile is not taken away while a mapping writes or reads it.
fn check_uses(known: &Integration, changed: &Integration) -> Result<()> {
    for attribute in &known.app.profile.attributes {
        let name = attribute.variable_name.as_str();
        if changed.app.profile.attribute(name).is_some() {
            continue;
        }
        let uses = uses(changed, name);
        if !uses.is_empty() {
            let detail =
                format!("the attribute {name} is still mapped; take these mappings away first: {}", uses.join(", "));
            return Err(scim::Error::invalid_value(detail).into());
        }
    }
    Ok(())
}

/// The mappings that an attribute of the profile is needed for, in words.
pub(crate) fn uses(integration: &Integration, variable: &str) -> Vec<String> {
    let word = |one: provision::app::Use| match one.to_app {
        true => format!("{} (Directory › App)", one.attribute),
        false => format!("{} (App › Directory)", one.attribute),
    };
    integration.app.uses(variable).into_iter().map(word).collect()
}

/// Schedules begin when they are set; one that was set already goes on.
fn schedule(integration: &mut Integration, now: i64) {
    let next = |every: Option<u32>, known: Option<i64>| {
        let behind = every.map(|hours| now.saturating_add(i64::from(hours) * 3_600_000_000))?;
        Some(known.map_or(behind, |known| known.min(behind)))
    };
    integration.row.reconcile_at = next(integration.options.reconcile_every_hours, integration.row.reconcile_at);
    integration.row.import_at = next(integration.options.import_every_hours, integration.row.import_at);
}

fn check(app: &App, integration: &Integration) -> Result<()> {
    logo::check(&integration.app.settings)?;
    let url = &integration.app.connection.base_url;
    if url.len() > limits::BASE_URL_BYTES_MAX {
        let detail = format!("baseUrl is longer than {} bytes", limits::BASE_URL_BYTES_MAX);
        return Err(scim::Error::invalid_value(detail).into());
    }
    let refused = |what: String| -> Error { scim::Error::invalid_value(what).into() };
    let options = &integration.options;
    // One of them is called by a browser; it has to be an address all the same, and no way into a script.
    let oauth = &options.oauth;
    let urls =
        [("tokenUrl", &oauth.token_url), ("revokeUrl", &oauth.revoke_url), ("authorizeUrl", &oauth.authorize_url)];
    for (name, url) in urls {
        if !url.is_empty() {
            app.egress().check(url).map_err(|why| refused(format!("options.oauth.{name}: {why}")))?;
        }
    }
    // Provisioning can be on before the address is known: it is given on a page that comes with it.
    if url.is_empty() {
        return Ok(());
    }
    app.egress().check(url).map_err(|why| refused(why.to_string()))?;
    options.problem().map_or(Ok(()), |problem| Err(refused(problem)))
}

/// Objects are merged and a name that there is not is an error; the app's own settings have free names.
fn lay_over(whole: &mut Value, change: Value, path: &str) -> Result<()> {
    match (whole, change) {
        (Value::Object(whole), Value::Object(change)) => {
            for (name, value) in change {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match whole.get_mut(&name) {
                    Some(held) => lay_over(held, value, &path)?,
                    None if path.starts_with("settings.") => {
                        whole.insert(name, value);
                    }
                    None => {
                        let detail = format!("an app has no setting {path}; see: provost app show");
                        return Err(scim::Error::invalid_value(detail).into());
                    }
                }
            }
        }
        (whole, change) => *whole = change,
    }
    Ok(())
}

/// Stores what the engine shows to the app, sealed; an empty text takes it away. The secret is not shown again, but for its
/// last characters where these give nothing away. What failed for the want of it is tried at once.
pub(crate) async fn set_credential(app: &App, actor: &Actor, tenant: &str, name: &str, secret: &str) -> Result<()> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, now) = (integration.row.id, app.clock().now());
    let sealed = sealed_credential(app, &integration, secret)?;
    let line = ("app.credential", format!("{tenant}/app/{name}"), json!({"set": sealed.is_some()}));
    audited(app, actor, line, move |w| keep_credential(w, id, &sealed, now)).await?;
    told(app, &state);
    Ok(())
}

/// A credential as it is kept: sealed, and how it ends where that may be shown. Nothing takes it away.
type Credential = Option<(Vec<u8>, Option<String>)>;

fn sealed_credential(app: &App, integration: &Integration, secret: &str) -> Result<Credential> {
    if secret.len() > limits::CREDENTIAL_BYTES_MAX || secret.chars().any(char::is_control) {
        let detail = format!("a credential is at most {} bytes on one line", limits::CREDENTIAL_BYTES_MAX);
        return Err(scim::Error::invalid_value(detail).into());
    }
    if secret.trim().is_empty() {
        return Ok(None);
    }
    Ok(Some((app.store().seal(&credential_purpose(integration), secret.as_bytes())?, ends(secret.trim()))))
}

fn keep_credential(w: &mut Writer, id: AppId, credential: &Credential, now: i64) -> Result<()> {
    let kept = credential.as_ref().map(|(sealed, ends)| (&**sealed, ends.as_deref()));
    w.app_set_credential(id, kept, now)?;
    for task in w.tasks(id)?.into_iter().filter(|task| task.cause.starts_with(FORBIDDEN)) {
        w.links_retry(id, &task.cause, now)?;
    }
    Ok(w.app_set_pace(id, None)?)
}

/// How the causes begin that another credential may do away with.
const FORBIDDEN: &str = "rejected:403";

/// The last characters of a token, by which people tell one from another. Nothing of what is short, or of what may be a
/// password: `name:password`, or a whole value of `Authorization` that is not a bearer token.
fn ends(secret: &str) -> Option<String> {
    let token = secret.strip_prefix("Bearer ").unwrap_or(secret).trim();
    let plain = token.chars().all(|c| c.is_ascii_graphic() && c != ':');
    (plain && token.len() >= ENDS_SHOWN_FROM).then(|| token.get(token.len() - 4..).map(str::to_owned)).flatten()
}

/// What a credential is sealed for: it cannot be moved to another app.
pub(crate) fn credential_purpose(integration: &Integration) -> String {
    format!("app credential {}", integration.row.id.0)
}

/// The apps that are being deleted: what each was called, since when, and how many links are left.
pub(crate) async fn deleted(app: &App, tenant: &str) -> Result<Vec<(String, i64, u64)>> {
    let tenant = tenant_of(app, tenant)?.tenant.id;
    app.store().read(move |r| r.apps_deleted(tenant)).await.map_err(|error: store::Error| error.into())
}

/// Removes an app at once, and what is known of its accounts by and by. Nothing is sent to it: everybody keeps their account
/// there. What became of tokens at its authorization server, if somebody had agreed to any.
pub(crate) async fn delete(app: &App, actor: &Actor, tenant: &str, name: &str) -> Result<Option<Revocation>> {
    let (state, integration) = with_tenant(app, tenant, name).await?;
    let (id, object) = (integration.row.id, format!("{tenant}/app/{name}"));
    let now = app.clock().now();
    let forgotten = audited(app, actor, ("app.delete", object.clone(), json!({})), move |w| {
        let forgotten = Forgotten::of(w, id)?;
        w.app_delete(id, now)?;
        Ok(forgotten)
    })
    .await?;
    app.access_tokens().forget(id);
    told(app, &state);
    Ok(grant::revoked(app, actor, object, forgotten).await)
}

/// Wakes the engine, and the console.
pub(super) fn told(app: &App, state: &TenantState) {
    app.outbound().nudge();
    app.events().publish(state.tenant.id, Topic::Apps);
}
