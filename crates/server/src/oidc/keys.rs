//! The keys that ID tokens are signed with: RSA, made here, sealed at rest, rolled over by publishing the next one
//! before it signs and the old one after it did.
//!
//! RS256, because it is the one algorithm that every client has to take (OpenID Connect Core §15.1).

use crate::app::App;
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use scim::Code;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{KeyState, OidcKey, TenantId};

const PURPOSE: &str = "oidc key";
/// What stands in front of a PKCS #1 key inside of PKCS #8, for keys of 2048 bits and more: version, algorithm,
/// octet string; each length has two bytes.
const PKCS8_HEAD: usize = 26;

/// The key that signs, opened.
pub(super) struct Signer {
    id: String,
    key: EncodingKey,
}

impl Signer {
    /// Signs claims.
    pub(super) fn sign(&self, claims: &Value) -> Result<String> {
        let header = Header { kid: Some(self.id.clone()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, claims, &self.key).map_err(|_| unusable())
    }
}

/// The tenant's key that signs; the first one is made when it is needed.
pub(super) async fn signer(app: &App, tenant: &TenantState, now: i64) -> Result<Signer> {
    let id = tenant.tenant.id;
    if let Some(signer) = current(app, id).await? {
        return Ok(signer);
    }
    let first = make(app, KeyState::Current, now).await?;
    // Somebody else may have been first: then theirs signs, and this one is the next.
    app.store().write_in(id, move |w| w.oidc_key_insert(id, &first)).await.map_err(|error: store::Error| error)?;
    current(app, id).await?.ok_or_else(unusable)
}

async fn current(app: &App, tenant: TenantId) -> Result<Option<Signer>> {
    let keys: Vec<OidcKey> = app.store().read(move |r| r.oidc_keys(tenant)).await?;
    let Some(row) = keys.into_iter().find(|key| key.state == KeyState::Current) else { return Ok(None) };
    let pkcs1 = app.store().sealer().unseal(PURPOSE, &row.sealed).ok_or_else(unusable)?;
    Ok(Some(Signer { id: row.id, key: EncodingKey::from_rsa_der(&pkcs1) }))
}

fn unusable() -> Error {
    Error::new(Code::INTERNAL, "the key of OpenID Connect cannot be used; make another one and take it away")
}

/// Makes a key of 2048 bits, ready to be kept. It takes a moment, which is spent beside the requests.
pub(crate) async fn make(app: &App, state: KeyState, now: i64) -> Result<OidcKey> {
    let sealer = app.store().sealer();
    let made = tokio::task::spawn_blocking(move || {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
        let pkcs8: Pkcs8V1Der<'static> = pair.as_der().ok()?;
        let pkcs1 = pkcs8.as_ref().get(PKCS8_HEAD..)?;
        let id = crate::app::request_id();
        let mut jwk = Jwk::from_encoding_key(&EncodingKey::from_rsa_der(pkcs1), Algorithm::RS256).ok()?;
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let public_key = serde_json::to_string(&jwk).ok()?;
        let sealed = sealer.seal(PURPOSE, pkcs1).ok()?;
        Some(OidcKey { id, state, public_key, sealed, created_at: now })
    });
    made.await.ok().flatten().ok_or_else(|| Error::new(Code::INTERNAL, "a key cannot be made"))
}

/// What an ID token that comes back says, as far as it matters here.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Hint {
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) sid: String,
}

/// Reads an ID token of ours, also one that has run out: it says whom the application takes the person for.
pub(super) async fn hint(app: &App, tenant: TenantId, issuer: &str, token: &str) -> Result<Option<Hint>> {
    let Some(kid) = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid) else { return Ok(None) };
    let keys: Vec<OidcKey> = app.store().read(move |r| r.oidc_keys(tenant)).await?;
    let Some(row) = keys.into_iter().find(|key| key.id == kid) else { return Ok(None) };
    let jwk: Jwk = serde_json::from_str(&row.public_key).map_err(|_| unusable())?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| unusable())?;
    let mut wanted = Validation::new(Algorithm::RS256);
    wanted.validate_exp = false;
    wanted.validate_aud = false;
    wanted.set_issuer(&[issuer]);
    Ok(jsonwebtoken::decode::<Hint>(token, &key, &wanted).ok().map(|read| read.claims))
}
