//! The other side's metadata (SAML Metadata §2), read into what a connection needs: names, addresses, keys.
//!
//! Metadata is trusted because of how it came (an operator brought it, or it was fetched from an address that they
//! gave), so its signature is not looked at, and what is not needed is passed over. What is needed is read strictly:
//! a dangerous address refuses the whole document.

mod write;

use crate::{
    Certificate, EntityId, Keys, Location, Refused,
    authn_request::Acs,
    error::Result,
    names::Binding,
    time,
    xml::{self, DS, MD, SAML, SAMLP},
};
use roxmltree::Node;
pub use write::{OurIdentityProvider, OurServiceProvider};

/// The largest metadata document, in bytes; ADFS and Entra write a hundred kilobytes.
pub const METADATA_BYTES_MAX: usize = 1024 * 1024;

/// The metadata of one entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Who it describes.
    pub entity_id: EntityId,
    /// Until when it may be used, microseconds since 1970.
    pub valid_until_at: Option<i64>,
    /// As an identity provider.
    pub identity_provider: Option<IdentityProviderRole>,
    /// As a service provider.
    pub service_provider: Option<ServiceProviderRole>,
}

/// What both roles have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Certificates to verify its signatures with. The dates in them are for warning people.
    pub signing: Vec<Certificate>,
    /// Certificates to encrypt to.
    pub encryption: Vec<Certificate>,
    /// Certificates that we cannot use, and why.
    pub unusable: Vec<Refused>,
    /// Where logout messages go.
    pub logout: Vec<Endpoint>,
    /// The `NameID` formats that it speaks, as URIs.
    pub name_id_formats: Vec<String>,
}

impl Role {
    /// The keys to verify with; [`Refused::NoKey`] when not one can be used.
    pub fn keys(&self) -> Result<Keys> {
        Keys::of_certificates(&self.signing)
    }
}

/// An identity provider (`md:IDPSSODescriptor`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityProviderRole {
    /// Keys, logout, formats.
    pub role: Role,
    /// Where `AuthnRequest`s go: at least one.
    pub sign_on: Vec<Endpoint>,
    /// Whether it wants them signed.
    pub wants_signed_requests: bool,
}

/// A service provider (`md:SPSSODescriptor`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceProviderRole {
    /// Keys, logout, formats.
    pub role: Role,
    /// Where responses go: at least one.
    pub acs: Vec<Acs>,
    /// Whether it signs its requests.
    pub signs_requests: bool,
    /// Whether it wants the assertion itself signed.
    pub wants_signed_assertions: bool,
    /// The names of the attributes that it asks for.
    pub requested_attributes: Vec<String>,
}

/// An address with its binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How to send.
    pub binding: Binding,
    /// Where to.
    pub location: Location,
    /// Where answers go, if elsewhere.
    pub response_location: Option<Location>,
}

impl Metadata {
    /// Reads metadata of one entity. `now` is microseconds since 1970.
    pub fn parse(bytes: &[u8], now: i64) -> Result<Self> {
        if bytes.len() > METADATA_BYTES_MAX {
            return Err(Refused::MessageTooLarge);
        }
        // Windows writes a byte order mark.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let text = xml::utf8(bytes)?;
        let document = xml::parse_commented(text)?;
        let root = document.root_element();
        let entity = the_entity(root)?;
        let valid_until_at = [valid_until(root)?, valid_until(entity)?].into_iter().flatten().min();
        if valid_until_at.is_some_and(|until| now >= until) {
            return Err(Refused::MetadataExpired);
        }
        Ok(Self {
            entity_id: EntityId::parse(xml::required(entity, "entityID")?)?,
            valid_until_at,
            identity_provider: role_of(entity, "IDPSSODescriptor")?.map(read_identity_provider).transpose()?,
            service_provider: role_of(entity, "SPSSODescriptor")?.map(read_service_provider).transpose()?,
        })
    }

    /// The identity provider that it describes.
    pub fn identity_provider(&self) -> Result<&IdentityProviderRole> {
        self.identity_provider.as_ref().ok_or(Refused::RoleMissing)
    }

    /// The service provider that it describes.
    pub fn service_provider(&self) -> Result<&ServiceProviderRole> {
        self.service_provider.as_ref().ok_or(Refused::RoleMissing)
    }
}

/// The one entity of the document, alone or as the only one of a list.
fn the_entity<'a, 'i>(root: Node<'a, 'i>) -> Result<Node<'a, 'i>> {
    if xml::is(root, MD, "EntityDescriptor") {
        return Ok(root);
    }
    if !xml::is(root, MD, "EntitiesDescriptor") {
        return Err(Refused::NotMetadata);
    }
    let entities: Vec<Node> = root.descendants().filter(|n| xml::is(*n, MD, "EntityDescriptor")).collect();
    match entities.as_slice() {
        [] => Err(Refused::NotMetadata),
        [only] => Ok(*only),
        _ => Err(Refused::SeveralEntities),
    }
}

/// The descriptor of a role, for SAML 2.0. Two of the same role cannot be told apart.
fn role_of<'a, 'i>(entity: Node<'a, 'i>, name: &str) -> Result<Option<Node<'a, 'i>>> {
    let speaks = |n: &Node| {
        xml::attribute(*n, "protocolSupportEnumeration").is_some_and(|p| p.split_ascii_whitespace().any(|p| p == SAMLP))
    };
    let roles: Vec<Node> = children(entity, MD, name).filter(speaks).collect();
    match roles.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        _ => Err(Refused::SeveralEntities),
    }
}

fn children<'a, 'i>(node: Node<'a, 'i>, namespace: &str, name: &str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |n| xml::is(*n, namespace, name))
}

fn valid_until(node: Node) -> Result<Option<i64>> {
    xml::attribute(node, "validUntil").map(time::parse).transpose()
}

fn flag(node: Node, name: &str) -> bool {
    matches!(xml::attribute(node, name), Some("true" | "1"))
}

fn read_identity_provider(node: Node) -> Result<IdentityProviderRole> {
    let sign_on = endpoints(node, "SingleSignOnService")?;
    if sign_on.is_empty() {
        return Err(Refused::EndpointMissing);
    }
    Ok(IdentityProviderRole {
        role: read_role(node)?,
        sign_on,
        wants_signed_requests: flag(node, "WantAuthnRequestsSigned"),
    })
}

fn read_service_provider(node: Node) -> Result<ServiceProviderRole> {
    let mut acs = Vec::new();
    for service in children(node, MD, "AssertionConsumerService") {
        if xml::attribute(service, "Binding").and_then(Binding::parse) == Some(Binding::Post) {
            acs.push(Acs {
                location: Location::parse(xml::required(service, "Location")?)?,
                index: xml::attribute(service, "index").and_then(|i| i.parse().ok()).unwrap_or_default(),
                default: flag(service, "isDefault"),
            });
        }
    }
    if acs.is_empty() {
        return Err(Refused::EndpointMissing);
    }
    let requested = children(node, MD, "AttributeConsumingService")
        .flat_map(|service| children(service, MD, "RequestedAttribute").collect::<Vec<_>>())
        .filter_map(|attribute| xml::attribute(attribute, "Name").map(str::to_owned));
    Ok(ServiceProviderRole {
        role: read_role(node)?,
        acs,
        signs_requests: flag(node, "AuthnRequestsSigned"),
        wants_signed_assertions: flag(node, "WantAssertionsSigned"),
        requested_attributes: requested.collect(),
    })
}

fn read_role(node: Node) -> Result<Role> {
    let mut role = Role { logout: endpoints(node, "SingleLogoutService")?, ..Role::default() };
    for format in children(node, MD, "NameIDFormat") {
        role.name_id_formats.push(xml::uri(format)?.to_owned());
    }
    for descriptor in children(node, MD, "KeyDescriptor") {
        let certificate = match read_certificate(descriptor) {
            Ok(certificate) => certificate,
            Err(reason) => {
                role.unusable.push(reason);
                continue;
            }
        };
        // Without a use, a key is for both.
        let purpose = xml::attribute(descriptor, "use");
        if purpose != Some("encryption") && !role.signing.contains(&certificate) {
            role.signing.push(certificate.clone());
        }
        if purpose != Some("signing") && !role.encryption.contains(&certificate) {
            role.encryption.push(certificate);
        }
    }
    Ok(role)
}

/// The first certificate; what follows it is its chain.
fn read_certificate(descriptor: Node) -> Result<Certificate> {
    let info = children(descriptor, DS, "KeyInfo").next();
    let data = info.and_then(|info| children(info, DS, "X509Data").next());
    let certificate = data.and_then(|data| children(data, DS, "X509Certificate").next());
    Certificate::from_text(xml::text(certificate.ok_or(Refused::UnreadableCertificate)?)?)
}

/// The endpoints with a binding that we speak. Others are passed over, whatever their address is.
fn endpoints(node: Node, name: &str) -> Result<Vec<Endpoint>> {
    let mut endpoints = Vec::new();
    for service in children(node, MD, name) {
        let Some(binding) = xml::attribute(service, "Binding").and_then(Binding::parse) else { continue };
        endpoints.push(Endpoint {
            binding,
            location: Location::parse(xml::required(service, "Location")?)?,
            response_location: xml::attribute(service, "ResponseLocation").map(Location::parse).transpose()?,
        });
    }
    Ok(endpoints)
}

/// The attributes that an identity provider says it can send (`saml:Attribute` in its descriptor), by name.
pub fn offered_attributes(bytes: &[u8]) -> Result<Vec<String>> {
    let text = xml::utf8(bytes)?;
    let document = xml::parse_commented(text)?;
    let entity = the_entity(document.root_element())?;
    let role = role_of(entity, "IDPSSODescriptor")?.ok_or(Refused::RoleMissing)?;
    Ok(children(role, SAML, "Attribute").filter_map(|a| xml::attribute(a, "Name").map(str::to_owned)).collect())
}
