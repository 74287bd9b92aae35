//! The applications that sign people in through a tenant's OpenID Connect provider, and the keys it signs with.

mod keys;
mod uris;

pub(crate) use keys::{keys, new_key, promote_key, remove_key};

use super::{audited, missing, tenant_of, tokens};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::{limits, token};
use scim::Code;
use scim::meta::rfc3339;
use serde::Deserialize;
use serde_json::json;
use store::{OidcClient, OidcGroups, OidcSecret, OidcSettings, Reader};

/// What a secret looks like to whoever searches files for one.
const SECRET_PREFIX: &str = "pvs_";
/// How long a replaced secret goes on by default.
pub(crate) const OVERLAP_SECONDS: u64 = tokens::OVERLAP_SECONDS;
/// Longest overlap: after that nobody is putting the new one in any more.
const OVERLAP_SECONDS_MAX: u64 = 90 * 86_400;

/// What of a client is to be different; what is not there stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) label: Option<String>,
    pub(crate) enabled: Option<bool>,
    /// Cannot be changed later: an application that had a secret may have it still.
    pub(crate) public: Option<bool>,
    pub(crate) redirect_uris: Option<Vec<String>>,
    pub(crate) post_logout_redirect_uris: Option<Vec<String>>,
    pub(crate) groups: Option<OidcGroups>,
    pub(crate) email_verified: Option<bool>,
}

/// A client, and what may be shown of its secrets.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) client: OidcClient,
    pub(crate) secrets: Vec<OidcSecret>,
}

/// A client and its secret, this once; a public one has none.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) client: Client,
    pub(crate) secret: Option<String>,
    /// When the secret before it ends.
    pub(crate) old_ends_at: Option<i64>,
}

fn refuse(detail: impl Into<String>) -> Error {
    Error::new(Code::OIDC_SETTINGS, detail)
}

fn object(tenant: &str, id: &str) -> String {
    format!("{tenant}/oidc-client/{id}")
}

fn changed(mut settings: OidcSettings, change: Change) -> Result<OidcSettings> {
    if let Some(label) = change.label {
        settings.label = label.trim().to_owned();
    }
    let label = &settings.label;
    if label.is_empty() || label.chars().count() > tokens::LABEL_CHARS_MAX || label.chars().any(char::is_control) {
        return Err(refuse("label: say which application it is, in 1 to 100 characters"));
    }
    settings.enabled = change.enabled.unwrap_or(settings.enabled);
    settings.public = change.public.unwrap_or(settings.public);
    settings.groups = change.groups.unwrap_or(settings.groups);
    settings.email_verified = change.email_verified.unwrap_or(settings.email_verified);
    if let Some(all) = change.redirect_uris {
        settings.redirect_uris = uris::checked("redirectUris", all, settings.public)?;
    }
    if let Some(all) = change.post_logout_redirect_uris {
        settings.post_logout_redirect_uris = uris::checked("postLogoutRedirectUris", all, settings.public)?;
    }
    if settings.redirect_uris.is_empty() {
        return Err(refuse("redirectUris: at least one address of the application, where codes are sent"));
    }
    Ok(settings)
}

fn new_secret(now: i64) -> Result<(OidcSecret, String)> {
    let new = token::make(SECRET_PREFIX);
    let new = new.ok_or_else(|| Error::new(Code::INTERNAL, "the operating system gives no randomness"))?;
    Ok((OidcSecret { hash: new.hash, hint: new.hint, created_at: now, expires_at: None }, new.text))
}

/// Registers an application.
pub(crate) async fn create(app: &App, actor: &Actor, tenant: &str, change: Change) -> Result<Made> {
    let (id, now) = (tenant_of(app, tenant)?.tenant.id, app.clock().now());
    let settings = changed(OidcSettings::default(), change)?;
    let (secret, text) =
        if settings.public { (None, None) } else { new_secret(now).map(|(s, t)| (Some(s), Some(t)))? };
    let client = OidcClient {
        tenant: id,
        id: crate::app::request_id(),
        version: 1,
        created_at: now,
        modified_at: now,
        settings,
    };
    let (kept, kept_secret) = (client.clone(), secret.clone());
    let detail = json!({"label": client.settings.label, "public": client.settings.public, "redirectUris": client.settings.redirect_uris});
    audited(app, actor, ("oidc-client.create", object(tenant, &client.id), detail), move |w| {
        if w.oidc_clients(id)?.len() >= limits::OIDC_CLIENTS_MAX {
            return Err(refuse(format!("a tenant has {} clients at the most", limits::OIDC_CLIENTS_MAX)));
        }
        w.oidc_client_insert(&kept)?;
        if let Some(secret) = &kept_secret {
            w.oidc_secret_insert(id, &kept.id, secret, now)?;
        }
        Ok(())
    })
    .await?;
    Ok(Made { client: Client { client, secrets: secret.into_iter().collect() }, secret: text, old_ends_at: None })
}

/// A tenant's clients, in the order in which they were made.
pub(crate) async fn list(app: &App, tenant: &str) -> Result<Vec<Client>> {
    let (id, now) = (tenant_of(app, tenant)?.tenant.id, app.clock().now());
    let read = app.store().read(move |r| -> store::Result<Vec<Client>> {
        r.oidc_clients(id)?.into_iter().map(|client| with_secrets(r, client, now)).collect()
    });
    Ok(read.await?)
}

/// A client with the secrets that are still good.
fn with_secrets(r: &Reader, client: OidcClient, now: i64) -> store::Result<Client> {
    let mut secrets = r.oidc_secrets(client.tenant, &client.id)?;
    secrets.retain(|secret| secret.expires_at.is_none_or(|at| at > now));
    Ok(Client { client, secrets })
}

/// One of them.
pub(crate) async fn find(app: &App, tenant: &str, id: &str) -> Result<Client> {
    let (tenant, id, now) = (tenant_of(app, tenant)?.tenant.id, id.to_owned(), app.clock().now());
    let read = app.store().read(move |r| -> store::Result<Option<Client>> {
        r.oidc_client(tenant, &id)?.map(|client| with_secrets(r, client, now)).transpose()
    });
    read.await?.ok_or_else(|| missing("there is no client with this id; see: provost oidc client list"))
}

/// Changes a client. One that is switched off loses at once what it was let have.
pub(crate) async fn change(app: &App, actor: &Actor, tenant: &str, id: &str, change: Change) -> Result<Client> {
    let (tenant_id, now) = (tenant_of(app, tenant)?.tenant.id, app.clock().now());
    let Client { mut client, .. } = find(app, tenant, id).await?;
    if change.public.is_some_and(|public| public != client.settings.public) {
        return Err(refuse("public: cannot be changed; register the application anew"));
    }
    client.settings = changed(client.settings, change)?;
    let detail = serde_json::to_value(&client.settings).unwrap_or_default();
    let kept = client.clone();
    audited(app, actor, ("oidc-client.update", object(tenant, id), detail), move |w| {
        w.oidc_client_update(&kept, now)?;
        if !kept.settings.enabled {
            w.oidc_grants_end(tenant_id, &kept.id)?;
        }
        Ok(())
    })
    .await?;
    find(app, tenant, id).await
}

/// Takes a client away.
pub(crate) async fn delete(app: &App, actor: &Actor, tenant: &str, id: &str) -> Result<()> {
    let tenant_id = tenant_of(app, tenant)?.tenant.id;
    let Client { client, .. } = find(app, tenant, id).await?;
    let line = ("oidc-client.delete", object(tenant, id), json!({"label": client.settings.label}));
    audited(app, actor, line, move |w| Ok(w.oidc_client_delete(tenant_id, &client.id).map(|_| ())?)).await
}

/// The beginning of the newest of a client's secrets, which everybody may see.
pub(crate) fn newest(secrets: &[OidcSecret]) -> &str {
    secrets.first().map_or("", |secret| secret.hint.as_str())
}

/// Makes a new secret; the one before goes on for so many seconds. `seen`: which one whoever asks took for the newest.
pub(crate) async fn rotate(
    app: &App,
    actor: &Actor,
    tenant: &str,
    id: &str,
    overlap_seconds: Option<u64>,
    seen: Option<String>,
) -> Result<Made> {
    let (tenant_id, now) = (tenant_of(app, tenant)?.tenant.id, app.clock().now());
    let Client { client, .. } = find(app, tenant, id).await?;
    if client.settings.public {
        return Err(refuse("a public client has no secret: it proves itself by PKCE"));
    }
    let overlap = overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    let fits = i64::try_from(overlap).ok().filter(|_| overlap <= OVERLAP_SECONDS_MAX);
    let seconds = fits.ok_or_else(|| refuse(format!("overlapSeconds: {OVERLAP_SECONDS_MAX} at the most")))?;
    let ends_at = now.saturating_add(seconds.saturating_mul(1_000_000));
    let (secret, text) = new_secret(now)?;
    let (kept, client_id) = (secret, client.id.clone());
    let line = ("oidc-client.rotate", object(tenant, id), json!({"oldEndsAt": rfc3339(ends_at)}));
    audited(app, actor, line, move |w| {
        // A page that is loaded again asks again: the secret that it has shown, which somebody may have copied, would end.
        let secrets = w.oidc_secrets(tenant_id, &client_id)?;
        let newest = newest(&secrets);
        if seen.is_some_and(|seen| seen != newest) {
            return Err(refuse(format!(
                "there is a newer secret already, {newest}: ask again if nobody has copied it"
            )));
        }
        Ok(w.oidc_secret_insert(tenant_id, &client_id, &kept, ends_at)?)
    })
    .await?;
    Ok(Made { client: find(app, tenant, id).await?, secret: Some(text), old_ends_at: Some(ends_at) })
}
