//! Our own keys: made here, sealed at rest, rolled over by publishing the next one before it signs.

use crate::app::App;
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use ::saml::{Certificate, PrivateKey, SigningKey};
use scim::Code;
use store::{KeyState, SamlKey, SamlPurpose, Sealer};

/// How long a certificate of ours says that it is good: nobody judges it, but some consoles warn.
const CERTIFICATE_LIFE: i64 = 10 * 365 * 86_400 * 1_000_000;

/// What a key is sealed for; the other side of the product has another purpose.
fn sealed_for(purpose: SamlPurpose) -> String {
    format!("saml {} key", purpose.as_str())
}

/// Our keys as a tenant's service provider, opened.
#[derive(Debug, Default)]
pub(crate) struct Ours(Vec<(KeyState, SigningKey)>);

impl Ours {
    /// The key that signs.
    pub(crate) fn signing(&self) -> Option<&SigningKey> {
        self.0.iter().find(|(state, _)| *state == KeyState::Current).map(|(_, key)| key)
    }

    /// Certificates to publish: the one in use first, then the next.
    pub(crate) fn published(&self) -> Vec<&Certificate> {
        let of = |wanted: KeyState| self.0.iter().filter(move |(state, _)| *state == wanted).map(|(_, key)| key);
        of(KeyState::Current).chain(of(KeyState::Next)).map(SigningKey::certificate).collect()
    }

    /// All of them, to decrypt with.
    pub(crate) fn into_private_keys(self) -> Vec<PrivateKey> {
        let pkcs8 = self.0.iter().map(|(_, key)| PrivateKey::from_pkcs8(key.private_key().pkcs8()));
        pkcs8.filter_map(std::result::Result::ok).collect()
    }
}

/// Opens a tenant's keys for a purpose.
pub(crate) async fn ours(app: &App, tenant: &TenantState, purpose: SamlPurpose) -> Result<Ours> {
    let id = tenant.tenant.id;
    let rows = app.store().read(move |r| r.saml_keys(id, purpose)).await?;
    let sealer = app.store().sealer();
    rows.iter().map(|row| Ok((row.state, open(&sealer, purpose, row)?))).collect::<Result<_>>().map(Ours)
}

fn open(sealer: &Sealer, purpose: SamlPurpose, row: &SamlKey) -> Result<SigningKey> {
    let broken = || Error::new(Code::INTERNAL, "a SAML key cannot be opened; make another one and take it away");
    let pkcs8 = sealer.unseal(&sealed_for(purpose), &row.sealed).ok_or_else(broken)?;
    let key = PrivateKey::from_pkcs8(&pkcs8).map_err(|_| broken())?;
    SigningKey::new(key, Certificate::from_der(&row.certificate).map_err(|_| broken())?).map_err(|_| broken())
}

/// Makes a key of 3072 bits, ready to be kept. It takes a moment, which is spent beside the requests.
pub(crate) async fn make(
    app: &App,
    tenant: &TenantState,
    purpose: SamlPurpose,
    state: KeyState,
    now: i64,
) -> Result<SamlKey> {
    let (sealer, name) = (app.store().sealer(), format!("Provost {}", tenant.tenant.name));
    let made = tokio::task::spawn_blocking(move || -> Result<SamlKey> {
        let failed = |_| Error::new(Code::INTERNAL, "a key cannot be made");
        let key = PrivateKey::generate().map_err(failed)?;
        let until = now.saturating_add(CERTIFICATE_LIFE);
        let certificate = Certificate::self_signed(&key, &name, now, until).map_err(failed)?;
        Ok(SamlKey {
            id: crate::app::request_id(),
            state,
            certificate: certificate.der().to_vec(),
            sealed: sealer.seal(&sealed_for(purpose), key.pkcs8())?,
            created_at: now,
        })
    });
    made.await.map_err(|_| Error::new(Code::INTERNAL, "a key cannot be made"))?
}
