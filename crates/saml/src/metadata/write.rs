//! Our own metadata, in both roles, for the other side to import.
//!
//! Keys roll over by being published twice: the next one beside the one in use, until every other side has seen it.

use crate::{
    Certificate, EntityId, Location,
    error::Result,
    names::Binding,
    xml::{DS, MD, SAMLP, Writer},
};

/// We as a service provider.
#[derive(Clone, Debug)]
pub struct OurServiceProvider<'a> {
    /// Our entity ID.
    pub entity_id: &'a EntityId,
    /// Our ACS URLs, the default first.
    pub acs: &'a [&'a Location],
    /// Our logout endpoint.
    pub logout: Option<&'a Location>,
    /// Certificates that we sign with, now and next.
    pub signing: &'a [&'a Certificate],
    /// Certificates to encrypt to; none means that assertions may not be encrypted.
    pub encryption: &'a [&'a Certificate],
    /// Whether our requests are signed.
    pub signs_requests: bool,
    /// The `NameID` formats that we take, as URIs.
    pub name_id_formats: &'a [&'a str],
}

/// We as an identity provider.
#[derive(Clone, Debug)]
pub struct OurIdentityProvider<'a> {
    /// Our entity ID.
    pub entity_id: &'a EntityId,
    /// Our endpoint for requests, by redirect and by form.
    pub sign_on: &'a Location,
    /// Our logout endpoint.
    pub logout: Option<&'a Location>,
    /// Certificates that we sign with, now and next.
    pub signing: &'a [&'a Certificate],
    /// Whether requests have to be signed.
    pub wants_signed_requests: bool,
    /// The `NameID` formats that we give, as URIs.
    pub name_id_formats: &'a [&'a str],
}

impl OurServiceProvider<'_> {
    /// The XML (`md:SPSSODescriptor`).
    pub fn xml(&self) -> Result<String> {
        let mut out = Writer::default();
        open_entity(&mut out, self.entity_id);
        out.open(
            "md:SPSSODescriptor",
            &[
                ("AuthnRequestsSigned", Some(boolean(self.signs_requests))),
                ("WantAssertionsSigned", Some("true")),
                ("protocolSupportEnumeration", Some(SAMLP)),
            ],
        );
        keys(&mut out, "signing", self.signing);
        keys(&mut out, "encryption", self.encryption);
        shared(&mut out, self.logout, self.name_id_formats);
        for (index, acs) in self.acs.iter().enumerate() {
            out.leaf(
                "md:AssertionConsumerService",
                &[
                    ("Binding", Some(Binding::Post.name())),
                    ("Location", Some(acs.as_str())),
                    ("index", Some(&index.to_string())),
                    ("isDefault", (index == 0).then_some("true")),
                ],
                "",
            );
        }
        out.close("md:SPSSODescriptor").close("md:EntityDescriptor");
        out.finish()
    }
}

impl OurIdentityProvider<'_> {
    /// The XML (`md:IDPSSODescriptor`).
    pub fn xml(&self) -> Result<String> {
        let mut out = Writer::default();
        open_entity(&mut out, self.entity_id);
        out.open(
            "md:IDPSSODescriptor",
            &[
                ("WantAuthnRequestsSigned", Some(boolean(self.wants_signed_requests))),
                ("protocolSupportEnumeration", Some(SAMLP)),
            ],
        );
        keys(&mut out, "signing", self.signing);
        shared(&mut out, self.logout, self.name_id_formats);
        for binding in [Binding::Redirect, Binding::Post] {
            let attributes = [("Binding", Some(binding.name())), ("Location", Some(self.sign_on.as_str()))];
            out.leaf("md:SingleSignOnService", &attributes, "");
        }
        out.close("md:IDPSSODescriptor").close("md:EntityDescriptor");
        out.finish()
    }
}

fn open_entity(out: &mut Writer, entity_id: &EntityId) {
    out.open("md:EntityDescriptor", &[("xmlns:md", Some(MD)), ("entityID", Some(entity_id.as_str()))]);
}

fn boolean(on: bool) -> &'static str {
    if on { "true" } else { "false" }
}

fn keys(out: &mut Writer, purpose: &str, certificates: &[&Certificate]) {
    for certificate in certificates {
        out.open("md:KeyDescriptor", &[("use", Some(purpose))])
            .open("ds:KeyInfo", &[("xmlns:ds", Some(DS))])
            .open("ds:X509Data", &[])
            .leaf("ds:X509Certificate", &[], &certificate.base64())
            .close("ds:X509Data")
            .close("ds:KeyInfo")
            .close("md:KeyDescriptor");
    }
}

/// Logout and formats, in the order of the schema.
fn shared(out: &mut Writer, logout: Option<&Location>, name_id_formats: &[&str]) {
    for binding in [Binding::Redirect, Binding::Post] {
        if let Some(logout) = logout {
            let attributes = [("Binding", Some(binding.name())), ("Location", Some(logout.as_str()))];
            out.leaf("md:SingleLogoutService", &attributes, "");
        }
    }
    for format in name_id_formats {
        out.leaf("md:NameIDFormat", &[], format);
    }
}
