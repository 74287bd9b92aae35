//! Another app with what was decided about one: profile, mappings, policy, switches, how people sign in.
//!
//! Not with it: where the app is, what it is shown, and who has it. A second app at the same address would take the people of
//! the first for strangers; so the new one is connected, and tested, before anything is sent.

use super::{NewIntegration, audited, drawn, insert, told, with_tenant};
use crate::app::App;
use crate::auth::Actor;
use crate::error::Result;
use crate::outbound::integration::Integration;
use serde::Deserialize;
use serde_json::{Value, json};

/// What is not taken over, for people.
pub(crate) const LEFT: &str = "the address and the credential, the authorization server, the client's name there and what was authenticated there, the addresses and certificates of sign-in, assignments, pushed groups, and accounts";

/// Where sign-in leads, a part of `settings.saml`: it is the other application's.
const SIGN_IN: [&str; 7] = [
    "ssoUrl",
    "otherAcsUrls",
    "audience",
    "logoutUrl",
    "logoutRequestUrl",
    "requestCertificate",
    "encryptionCertificate",
];

/// What the new app is called.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Called {
    /// Its name: a part of its address.
    pub(crate) name: String,
    /// For people; `Copy of` the other one if there is none.
    #[serde(default)]
    pub(crate) label: Option<String>,
}

/// Makes the new app. Nothing is sent, to nobody.
pub(crate) async fn duplicate(
    app: &App,
    actor: &Actor,
    tenant: &str,
    name: &str,
    called: Called,
) -> Result<Integration> {
    let (state, known) = with_tenant(app, tenant, name).await?;
    let label = called.label.filter(|label| !label.trim().is_empty());
    let label = label.unwrap_or_else(|| format!("Copy of {}", known.app.label));
    let wanted = NewIntegration { name: called.name, label: Some(label.clone()), ..NewIntegration::default() };
    let mut new = drawn(state.tenant.id, wanted)?;
    let mut options = known.options.clone();
    let oauth = &mut options.oauth;
    (oauth.token_url, oauth.authorize_url, oauth.revoke_url, oauth.client_id) = Default::default();
    (new.settings, new.options) = (settings(&known, label), json!(options));
    let line = ("app.duplicate", format!("{tenant}/app/{}", new.name), json!({"of": name}));
    let now = app.clock().now();
    let made = audited(app, actor, line, move |w| insert(w, &new, now)).await?;
    told(app, &state);
    Integration::of(made)
}

fn settings(known: &Integration, label: String) -> Value {
    let mut copy = provision::App { label, ..known.app.clone() };
    copy.connection.base_url.clear();
    if let Some(saml) = copy.settings.get_mut("saml").and_then(Value::as_object_mut) {
        SIGN_IN.iter().for_each(|name| {
            saml.shift_remove(*name);
        });
        // Without the certificate no request could be taken.
        saml.shift_remove("requireSignedRequests");
    }
    json!(copy)
}
