//! What an app is told and where: the SAML settings of an app, a part of its document.

use crate::outbound::integration::Integration;
use provision::{Expression, GroupFilter};
use saml::authn_request::{Acs, RequestSignature, ServiceProvider};
use saml::issue::Sign;
use saml::logout::Peer;
use saml::{Certificate, EntityId, Keys, Location, Refused, name_id_format};
use serde::{Deserialize, Serialize};
use store::SamlBinding;

/// Most ACS URLs, and most attributes.
pub(crate) const LIST_MAX: usize = 50;

/// What is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Signed {
    /// Response and assertion: every service provider takes that.
    #[default]
    Both,
    /// The assertion.
    Assertion,
    /// The response.
    Response,
}

/// An attribute statement: a name and the expression that gives its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AttributeStatement {
    /// Its name in the assertion.
    pub(crate) name: String,
    /// `NameFormat`, as a URI; unspecified if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name_format: Option<String>,
    /// Okta's expression language.
    pub(crate) value: Expression,
}

/// What a person is called, in which sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum NameIdFormat {
    /// As the app understands it.
    #[default]
    #[serde(alias = "")]
    Unspecified,
    /// An e-mail address.
    EmailAddress,
    /// The same for ever.
    Persistent,
    /// Another one each time.
    Transient,
}

impl NameIdFormat {
    /// As a URI.
    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::Unspecified => name_id_format::UNSPECIFIED,
            Self::EmailAddress => name_id_format::EMAIL,
            Self::Persistent => name_id_format::PERSISTENT,
            Self::Transient => name_id_format::TRANSIENT,
        }
    }
}

/// The SAML settings of an app: `settings.saml` of its document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SamlApp {
    /// Single sign on URL: where answers go that no request chose a place for.
    pub(crate) sso_url: String,
    /// Other ACS URLs that a request may choose.
    pub(crate) other_acs_urls: Vec<String>,
    /// Audience URI (SP Entity ID).
    pub(crate) audience: String,
    /// Default RelayState, where sign-in starts here.
    pub(crate) relay_state: Option<String>,
    /// What the `NameID` means.
    pub(crate) name_id_format: NameIdFormat,
    /// Application username: what the `NameID` is; the login if there is none.
    pub(crate) name_id: Option<Expression>,
    /// Attribute statements.
    pub(crate) attributes: Vec<AttributeStatement>,
    /// The attribute that holds the names of groups; none is sent without one.
    pub(crate) groups_attribute: Option<String>,
    /// Which groups these are; all without one.
    pub(crate) groups_filter: Option<GroupFilter>,
    /// What is signed.
    pub(crate) sign: Signed,
    /// Single Logout URL: where the app hears that a session here has ended, as it asked or because somebody else did. It
    /// may not ask without one.
    pub(crate) logout_url: Option<String>,
    /// Where it is asked to end its own, if that is another address than the one for answers.
    pub(crate) logout_request_url: Option<String>,
    /// How that travels.
    pub(crate) logout_binding: SamlBinding,
    /// The app's certificate for its requests, base64 of DER or PEM.
    pub(crate) request_certificate: Option<String>,
    /// Whether requests have to be signed with it.
    pub(crate) require_signed_requests: bool,
    /// The app's certificate that assertions are encrypted to.
    pub(crate) encryption_certificate: Option<String>,
}

impl SamlApp {
    /// Of an app; the defaults where nothing is set.
    pub(crate) fn of(integration: &Integration) -> Result<Self, String> {
        let Some(kept) = integration.app.settings.get("saml") else { return Ok(Self::default()) };
        serde_json::from_value(kept.clone()).map_err(|error| format!("the SAML settings cannot be read: {error}"))
    }

    /// Whether anybody can sign in with it.
    pub(crate) fn is_set(&self) -> bool {
        !self.audience.is_empty() && !self.sso_url.is_empty()
    }

    fn acs_urls(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.sso_url).filter(|url| !url.is_empty()).chain(&self.other_acs_urls)
    }

    /// What keeps it from being saved.
    pub(crate) fn check(&self) -> Result<(), String> {
        let about = |field: &str| {
            let field = field.to_owned();
            move |why: Refused| format!("saml.{field}: {}", why.fix().trim_end_matches('.'))
        };
        if !self.audience.is_empty() {
            EntityId::parse(&self.audience).map_err(about("audience"))?;
        }
        if !self.sso_url.is_empty() {
            Location::parse(&self.sso_url).map_err(about("ssoUrl"))?;
        }
        for url in &self.other_acs_urls {
            Location::parse(url).map_err(about("otherAcsUrls"))?;
        }
        if self.other_acs_urls.len() > LIST_MAX || self.attributes.len() > LIST_MAX {
            return Err(format!("saml: {LIST_MAX} ACS URLs and {LIST_MAX} attributes at the most"));
        }
        let mut names: Vec<&str> = self.attributes.iter().map(|one| one.name.as_str()).collect();
        names.extend(self.groups_attribute.as_deref());
        if names.iter().any(|name| name.trim().is_empty() || name.len() > 512 || name.contains(char::is_control)) {
            return Err("saml.attributes: each attribute has a name".to_owned());
        }
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err("saml.attributes: two attributes have one name".to_owned());
        }
        if let Some(filter) = &self.groups_filter {
            filter.chosen([]).map_err(|why| format!("saml.groupsFilter: {why}"))?;
        }
        if self.require_signed_requests && self.request_certificate.is_none() {
            return Err("saml.requireSignedRequests: needs the app's requestCertificate".to_owned());
        }
        if let Some(url) = &self.logout_url {
            Location::parse(url).map_err(about("logoutUrl"))?;
            if self.request_certificate.is_none() {
                return Err(
                    "saml.logoutUrl: needs the app's requestCertificate: only signed requests end sessions".to_owned()
                );
            }
        }
        if let Some(url) = &self.logout_request_url {
            Location::parse(url).map_err(about("logoutRequestUrl"))?;
            if self.logout_url.is_none() {
                return Err("saml.logoutRequestUrl: needs a logoutUrl, where answers go".to_owned());
            }
        }
        self.signature().map_err(about("requestCertificate"))?;
        match self.encrypts_to().map_err(about("encryptionCertificate"))? {
            Some(certificate) if !certificate.key().encrypts() => {
                Err("saml.encryptionCertificate: only an RSA key can be encrypted to; give the certificate of one"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    fn signature(&self) -> Result<RequestSignature, Refused> {
        Ok(match (self.request_keys()?, self.require_signed_requests) {
            (None, _) => RequestSignature::Ignored,
            (Some(keys), true) => RequestSignature::Required(keys),
            (Some(keys), false) => RequestSignature::Verified(keys),
        })
    }

    fn request_keys(&self) -> Result<Option<Keys>, Refused> {
        let Some(text) = &self.request_certificate else { return Ok(None) };
        Keys::of_certificates(&[Certificate::from_text(text)?]).map(Some)
    }

    /// The app, as its requests to sign out are judged by; nothing where it may not ask.
    pub(crate) fn logout_peer(&self, our_location: Location) -> Result<Option<Peer>, Refused> {
        let Some(keys) = self.request_keys()?.filter(|_| self.logout_url.is_some()) else { return Ok(None) };
        Ok(Some(Peer { entity_id: EntityId::parse(&self.audience)?, keys, our_location }))
    }

    /// The certificate that assertions are encrypted to.
    pub(crate) fn encrypts_to(&self) -> Result<Option<Certificate>, Refused> {
        self.encryption_certificate.as_deref().map(Certificate::from_text).transpose()
    }

    /// The app, as requests are judged by.
    pub(crate) fn service_provider(&self) -> Result<ServiceProvider, Refused> {
        let mut acs = Vec::new();
        for (index, url) in (0_u16..).zip(self.acs_urls()) {
            acs.push(Acs { location: Location::parse(url)?, index, default: index == 0 });
        }
        Ok(ServiceProvider { entity_id: EntityId::parse(&self.audience)?, acs, signature: self.signature()? })
    }

    /// What is signed, in the words of the crate.
    pub(crate) fn sign(&self) -> Sign {
        match self.sign {
            Signed::Both => Sign::Both,
            Signed::Assertion => Sign::Assertion,
            Signed::Response => Sign::Response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key on a curve: it signs, and nothing can be encrypted to it.
    const CURVE: &str = include_str!("../../../saml/tests/keys/p256.cert.pem");

    #[test]
    fn settings_that_cannot_be() {
        assert!(SamlApp { request_certificate: Some(CURVE.into()), ..SamlApp::default() }.check().is_ok());
        assert!(SamlApp::default().check().is_ok());
        let value = Expression::okta("user.login").unwrap();
        let attribute = |name: &str| AttributeStatement { name: name.into(), name_format: None, value: value.clone() };
        for (broken, field) in [
            (SamlApp { sso_url: "http://app.example/acs".into(), ..SamlApp::default() }, "ssoUrl"),
            (SamlApp { other_acs_urls: vec!["javascript:x".into()], ..SamlApp::default() }, "otherAcsUrls"),
            (SamlApp { attributes: vec![attribute("a"), attribute("a")], ..SamlApp::default() }, "attributes"),
            (
                SamlApp { attributes: vec![attribute("g")], groups_attribute: Some("g".into()), ..SamlApp::default() },
                "attributes",
            ),
            (
                SamlApp {
                    groups_filter: Some(GroupFilter { by: provision::FilterBy::Matches, value: "(".into() }),
                    ..SamlApp::default()
                },
                "groupsFilter",
            ),
            (SamlApp { attributes: vec![attribute(" ")], ..SamlApp::default() }, "attributes"),
            (SamlApp { require_signed_requests: true, ..SamlApp::default() }, "requireSignedRequests"),
            (SamlApp { request_certificate: Some("x".into()), ..SamlApp::default() }, "requestCertificate"),
            (SamlApp { logout_url: Some("https://app.example/slo".into()), ..SamlApp::default() }, "logoutUrl"),
            (
                SamlApp {
                    logout_url: Some("app".into()),
                    request_certificate: Some(CURVE.into()),
                    ..SamlApp::default()
                },
                "logoutUrl",
            ),
            (
                SamlApp { logout_request_url: Some("https://app.example/slo".into()), ..SamlApp::default() },
                "logoutRequestUrl",
            ),
            (SamlApp { encryption_certificate: Some("x".into()), ..SamlApp::default() }, "encryptionCertificate"),
            (SamlApp { encryption_certificate: Some(CURVE.into()), ..SamlApp::default() }, "encryptionCertificate"),
        ] {
            assert!(broken.check().unwrap_err().contains(field), "{field}");
        }
    }
}
