//! An attribute's name as somebody wrote it: `[urn:]name[.sub]` (RFC 7644 §3.10).
//!
//! Not here: what it means. `ResourceType::resolve` finds the attribute in the schemas.

use std::fmt;

/// An attribute name, not yet looked up in any schema.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttrPath {
    /// The schema URN in front, as written.
    pub urn: Option<String>,
    /// The attribute.
    pub name: String,
    /// The sub-attribute.
    pub sub: Option<String>,
}

impl AttrPath {
    /// Reads a name. The URN ends at the last colon; the version in it may hold dots, so the first dot
    /// *behind* that colon starts the sub-attribute.
    pub fn parse(text: &str) -> Option<Self> {
        let is_urn = text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:"));
        let (urn, rest) = match text.rsplit_once(':') {
            Some((urn, rest)) if is_urn && urn.chars().all(is_path_char) => (Some(urn.to_owned()), rest),
            Some(_) => return None,
            None => (None, text),
        };
        let (name, sub) = match rest.split_once('.') {
            Some((name, sub)) => (name, Some(sub)),
            None => (rest, None),
        };
        // Behind a URN, a name may start with a digit: the whole may be a URN like `urn:x:y:2.0`.
        let fits = |name: &str| is_name(name) || (urn.is_some() && is_name_char_string(name));
        (fits(name) && sub.is_none_or(fits)).then(|| Self {
            urn: urn.clone(),
            name: name.to_owned(),
            sub: sub.map(str::to_owned),
        })
    }

    /// The same path without its sub-attribute.
    pub fn parent(&self) -> Self {
        Self { sub: None, ..self.clone() }
    }
}

/// Whether this character may stand in an attribute path token.
pub fn is_path_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '$' | '%' | '+' | '/' | '@' | '~')
}

fn is_name(text: &str) -> bool {
    let start = text.strip_prefix('$').unwrap_or(text);
    start.starts_with(|c: char| c.is_ascii_alphabetic()) && is_name_char_string(start)
}

fn is_name_char_string(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'))
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.name)?;
        match &self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}
