//! Resource types as data (RFC 7643 §6), with the schemas that they are made of.

use crate::schema::{self, Attribute, Schema};
use crate::{AttrPath, Error, Result};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A schema extension of a resource type.
#[derive(Clone, Debug)]
pub struct Extension {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Whether a resource without it is refused.
    pub required: bool,
}

/// A resource type with its schemas at hand.
#[derive(Clone, Debug)]
pub struct ResourceType {
    /// Its name, which is also its id: `User`.
    pub name: String,
    /// Where it is served, with the slash: `/Users`.
    pub endpoint: String,
    /// For people.
    pub description: String,
    /// The core schema.
    pub schema: Arc<Schema>,
    /// The extensions.
    pub extensions: Vec<Extension>,
}

/// What a path means in a resource type.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// All of an extension.
    Extension(&'a Schema),
    /// An attribute, maybe only a part of it.
    Attribute {
        /// The extension that it is in, or nothing for the core and the common attributes.
        extension: Option<&'a Schema>,
        /// The attribute.
        attribute: &'a Attribute,
        /// Its part.
        sub: Option<&'a Attribute>,
    },
}

impl<'a> Target<'a> {
    /// The definition that values are compared by: the part if there is one; of a bare complex
    /// attribute its `value` (`emails eq "x"`).
    pub fn leaf(&self) -> Option<&'a Attribute> {
        match *self {
            Self::Extension(_) => None,
            Self::Attribute { sub: Some(sub), .. } => Some(sub),
            Self::Attribute { attribute, .. } if attribute.is_complex() => attribute.sub("value"),
            Self::Attribute { attribute, .. } => Some(attribute),
        }
    }

    /// The elements of the attribute in this resource: none, one, or those of the list.
    pub fn elements<'v>(&self, resource: &'v Map<String, Value>) -> &'v [Value] {
        let Self::Attribute { extension, attribute, .. } = self else { return &[] };
        let holder = match extension {
            None => Some(resource),
            Some(schema) => resource.get(&schema.id).and_then(Value::as_object),
        };
        match holder.and_then(|map| map.get(&attribute.name)) {
            None | Some(Value::Null) => &[],
            Some(Value::Array(list)) => list,
            Some(one) => std::slice::from_ref(one),
        }
    }

    /// The name under which the index keeps these values: lower case, the extension's URN in front,
    /// the part behind; the number of the build where it is not the first.
    pub fn index_path(&self) -> String {
        let mut path = String::new();
        match self {
            Self::Extension(schema) => path.push_str(&schema.id),
            Self::Attribute { extension, attribute, sub } => {
                if let Some(schema) = extension {
                    path.push_str(&schema.id);
                    path.push(':');
                }
                path.push_str(&attribute.name);
                let sub = sub.or_else(|| if attribute.is_complex() { attribute.sub("value") } else { None });
                if let Some(sub) = sub {
                    path.push('.');
                    path.push_str(&sub.name);
                } else if attribute.indexed.build > 0 {
                    path.push('#');
                    path.push_str(&attribute.indexed.build.to_string());
                }
            }
        }
        path.make_ascii_lowercase();
        path
    }
}

impl ResourceType {
    /// The user resource type of RFC 7643 §4.1 with the enterprise extension.
    pub fn user() -> Self {
        Self {
            name: "User".into(),
            endpoint: "/Users".into(),
            description: "A person's account".into(),
            schema: Arc::new(schema::USER_SCHEMA.clone()),
            extensions: vec![Extension { schema: Arc::new(schema::ENTERPRISE_USER_SCHEMA.clone()), required: false }],
        }
    }

    /// The group resource type of RFC 7643 §4.2.
    pub fn group() -> Self {
        Self {
            name: "Group".into(),
            endpoint: "/Groups".into(),
            description: "A group of users and groups".into(),
            schema: Arc::new(schema::GROUP_SCHEMA.clone()),
            extensions: Vec::new(),
        }
    }

    /// Whether its `members` are kept as rows of their own, apart from the document.
    pub fn has_members(&self) -> bool {
        self.schema.id == schema::GROUP
    }

    /// Whether it is the user type, whose `groups` and manager the server computes.
    pub fn is_user(&self) -> bool {
        self.schema.id == schema::USER
    }

    /// The schema of that URN among its own, in any case.
    pub fn schema_of(&self, urn: &str) -> Option<&Schema> {
        std::iter::once(&*self.schema)
            .chain(self.extensions.iter().map(|extension| &*extension.schema))
            .find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// The extension of that URN, in any case.
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions.iter().map(|extension| &*extension.schema).find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// What a path means here, or nothing if no schema knows it. A bare name that is in no core schema
    /// is looked for in the extensions (`docs/deviations.toml#bare_extension_names`).
    pub fn resolve(&self, path: &AttrPath) -> Option<Target<'_>> {
        match &path.urn {
            None => self.resolve_bare(path),
            Some(urn) => {
                if let Some(extension) = self.extension(&path.to_string()) {
                    return Some(Target::Extension(extension));
                }
                if urn.eq_ignore_ascii_case(&self.schema.id) {
                    return self.resolve_in_core(path);
                }
                let extension = self.extension(urn)?;
                part(Some(extension), extension.attribute(&path.name)?, path)
            }
        }
    }

    fn resolve_in_core(&self, path: &AttrPath) -> Option<Target<'_>> {
        let attribute = self.schema.attribute(&path.name).or_else(|| schema::COMMON.attribute(&path.name))?;
        part(None, attribute, path)
    }

    fn resolve_bare(&self, path: &AttrPath) -> Option<Target<'_>> {
        self.resolve_in_core(path).or_else(|| {
            self.extensions.iter().find_map(|extension| {
                let schema = &*extension.schema;
                part(Some(schema), schema.attribute(&path.name)?, path)
            })
        })
    }

    /// As `resolve`, for a name written out.
    pub fn resolve_text(&self, text: &str) -> Option<Target<'_>> {
        self.resolve(&AttrPath::parse(text)?)
    }

    /// Every attribute that a resource of this type may have, with the extension that it is in.
    pub fn attributes(&self) -> impl Iterator<Item = (Option<&Schema>, &Attribute)> {
        let core = schema::COMMON.attributes.iter().chain(&self.schema.attributes).map(|attribute| (None, attribute));
        core.chain(self.extensions.iter().flat_map(|extension| {
            extension.schema.attributes.iter().map(|attribute| (Some(&*extension.schema), attribute))
        }))
    }

    /// The resource type as discovery shows it (RFC 7643 §6), at this address.
    pub fn to_json(&self, location: &str) -> Value {
        let extension = |extension: &Extension| json!({"schema": extension.schema.id, "required": extension.required});
        let extensions: Vec<Value> = self.extensions.iter().map(extension).collect();
        let mut document = Map::new();
        document.insert("schemas".into(), json!([schema::RESOURCE_TYPE]));
        document.insert("id".into(), self.name.as_str().into());
        document.insert("name".into(), self.name.as_str().into());
        document.insert("endpoint".into(), self.endpoint.as_str().into());
        if !self.description.is_empty() {
            document.insert("description".into(), self.description.as_str().into());
        }
        document.insert("schema".into(), self.schema.id.as_str().into());
        if !extensions.is_empty() {
            document.insert("schemaExtensions".into(), extensions.into());
        }
        document.insert("meta".into(), json!({"resourceType": "ResourceType", "location": location}));
        Value::Object(document)
    }

    /// Checks a resource type that somebody made at run time.
    pub fn check(&self) -> Result<()> {
        const TAKEN: [&str; 7] =
            ["/Me", "/Bulk", "/.search", "/Schemas", "/ResourceTypes", "/ServiceProviderConfig", "/"];
        let path = self.endpoint.strip_prefix('/').unwrap_or_default();
        let fits = !path.is_empty() && path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !fits || TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(&self.endpoint)) {
            return Err(Error::invalid_value(
                "the endpoint is a slash and letters, digits, - or _, and not one that the protocol uses",
            ));
        }
        if self.name.is_empty() || !self.name.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err(Error::invalid_value("the name of a resource type is letters and digits"));
        }
        // The standard's own schemas are as they are; `$ref` and nested parts are theirs alone.
        if ![schema::USER, schema::GROUP].contains(&self.schema.id.as_str()) {
            self.schema.check()?;
        }
        for common in &schema::COMMON.attributes {
            if self.schema.attribute(&common.name).is_some() {
                return Err(Error::invalid_value(format!(
                    "{}: every resource has this attribute, so a schema does not define it",
                    common.name
                )));
            }
        }
        self.check_extensions()
    }

    /// Names of different schemas live apart, so only the URNs must not run into each other.
    fn check_extensions(&self) -> Result<()> {
        let mut seen = vec![&*self.schema];
        for Extension { schema, .. } in &self.extensions {
            if schema.id != schema::ENTERPRISE_USER {
                schema.check()?;
            }
            for other in &seen {
                if other.id.eq_ignore_ascii_case(&schema.id) {
                    return Err(Error::invalid_value(format!("{}: this schema stands twice in the type", schema.id)));
                }
                if runs_into(other, schema) || runs_into(schema, other) {
                    return Err(Error::invalid_value(format!(
                        "{}: this URN is also the full name of an attribute of {}",
                        schema.id, other.id
                    )));
                }
            }
            seen.push(schema);
        }
        Ok(())
    }
}

/// Whether one schema's URN is the full name of an attribute of the other.
fn runs_into(schema: &Schema, other: &Schema) -> bool {
    let rest = other.id.get(..schema.id.len()).filter(|head| head.eq_ignore_ascii_case(&schema.id));
    let rest = rest.and_then(|_| other.id.get(schema.id.len()..)?.strip_prefix(':'));
    rest.is_some_and(|name| schema.attribute(name.split('.').next().unwrap_or_default()).is_some())
}

fn part<'a>(extension: Option<&'a Schema>, attribute: &'a Attribute, path: &AttrPath) -> Option<Target<'a>> {
    let sub = match &path.sub {
        None => None,
        // The elements of a list of plain values are called `value`, as inside of brackets.
        Some(name) if attribute.multi_valued && !attribute.is_complex() && name.eq_ignore_ascii_case("value") => None,
        Some(name) => Some(attribute.sub(name)?),
    };
    Some(Target::Attribute { extension, attribute, sub })
}
