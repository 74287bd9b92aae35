//! Reads and writes XML in the small way that SAML needs: closed shapes in, canonical text out.
//!
//! Reading: a document is scanned, then parsed, and every element is asked for exactly what it may hold. Names are
//! always compared with their namespace, because a tree that matches local names alone can be fooled by a look-alike.
//! Writing: everything we write is in exclusive canonical form already (explicit end tags, sorted attributes,
//! namespaces declared where they are first used), so that signing needs no canonicaliser.

use crate::{
    Refused,
    error::Result,
    prescan::{self, Comments},
};
use roxmltree::{Document, Node, ParsingOptions};

pub(crate) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(crate) const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
pub(crate) const MD: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
pub(crate) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(crate) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
pub(crate) const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The most nodes of a tree: tags and the texts between them.
const NODES_MAX: u32 = 65_536;

/// The bytes as text.
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|_| Refused::NotUtf8)
}

/// A tree of a text that went through the scan.
pub(crate) fn parse(text: &str) -> Result<Document<'_>> {
    prescan::scan(text.as_bytes(), Comments::Refuse)?;
    tree(text)
}

/// The same for metadata, where comments may stand.
pub(crate) fn parse_commented(text: &str) -> Result<Document<'_>> {
    prescan::scan(text.as_bytes(), Comments::Allow)?;
    tree(text)
}

fn tree(text: &str) -> Result<Document<'_>> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|_| Refused::MalformedXml)
}

/// Whether the element has this name in this namespace.
pub(crate) fn is(node: Node, namespace: &str, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name && node.tag_name().namespace() == Some(namespace)
}

/// The element children; between them only white space.
pub(crate) fn elements<'a, 'i>(node: Node<'a, 'i>) -> Result<Vec<Node<'a, 'i>>> {
    let blank = |n: &Node| n.text().is_none_or(|t| t.bytes().all(|b| b" \t\r\n".contains(&b)));
    if node.children().filter(Node::is_text).all(|n| blank(&n)) {
        Ok(node.children().filter(Node::is_element).collect())
    } else {
        Err(Refused::UnexpectedText)
    }
}

/// The whole text of an element that holds nothing else.
pub(crate) fn text<'a>(node: Node<'a, '_>) -> Result<&'a str> {
    let mut children = node.children();
    match (children.next(), children.next()) {
        (None, _) => Ok(""),
        (Some(only), None) if only.is_text() => Ok(only.text().unwrap_or_default()),
        _ => Err(Refused::UnexpectedText),
    }
}

/// The text of an `xs:anyURI`, whose white space around it means nothing.
pub(crate) fn uri<'a>(node: Node<'a, '_>) -> Result<&'a str> {
    text(node).map(|t| t.trim_matches([' ', '\t', '\r', '\n']))
}

/// The attribute of this name in no namespace.
pub(crate) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.attributes().find(|a| a.namespace().is_none() && a.name() == name).map(|a| a.value())
}

/// The same, when it has to be there.
pub(crate) fn required<'a>(node: Node<'a, '_>, name: &str) -> Result<&'a str> {
    attribute(node, name).ok_or(Refused::MissingAttribute)
}

/// The element has no other attributes than these, none of them in a namespace.
pub(crate) fn only_attributes(node: Node, allowed: &[&str]) -> Result<()> {
    let known = |a: roxmltree::Attribute| a.namespace().is_none() && allowed.contains(&a.name());
    if node.attributes().all(known) { Ok(()) } else { Err(Refused::UnexpectedAttribute) }
}

/// Walks the children of an element in the order of its schema.
pub(crate) struct Children<'a, 'i> {
    rest: std::iter::Peekable<std::vec::IntoIter<Node<'a, 'i>>>,
}

impl<'a, 'i> Children<'a, 'i> {
    pub(crate) fn of(node: Node<'a, 'i>) -> Result<Self> {
        Ok(Self { rest: elements(node)?.into_iter().peekable() })
    }

    /// The next child, if it is this one.
    pub(crate) fn optional(&mut self, namespace: &str, name: &str) -> Option<Node<'a, 'i>> {
        self.rest.next_if(|n| is(*n, namespace, name))
    }

    pub(crate) fn all(&mut self, namespace: &str, name: &str) -> Vec<Node<'a, 'i>> {
        std::iter::from_fn(|| self.optional(namespace, name)).collect()
    }

    /// The next child, which has to be this one.
    pub(crate) fn required(&mut self, namespace: &str, name: &str) -> Result<Node<'a, 'i>> {
        let next = self.rest.peek().is_some();
        self.optional(namespace, name).ok_or(if next { Refused::UnexpectedElement } else { Refused::MissingElement })
    }

    /// The same with a reason of its own when the element is not there at all.
    pub(crate) fn required_or(&mut self, namespace: &str, name: &str, missing: Refused) -> Result<Node<'a, 'i>> {
        let later = self.rest.clone().any(|n| is(n, namespace, name));
        self.optional(namespace, name).ok_or(if later { Refused::UnexpectedElement } else { missing })
    }

    pub(crate) fn peek(&mut self) -> Option<Node<'a, 'i>> {
        self.rest.peek().copied()
    }

    /// Nothing may follow.
    pub(crate) fn end(mut self) -> Result<()> {
        if self.rest.next().is_none() { Ok(()) } else { Err(Refused::UnexpectedElement) }
    }
}

/// An `ID` as SAML writes it: an `xs:NCName` of a sensible length.
pub(crate) fn id(text: &str) -> Result<&str> {
    let starts = |c: char| c == '_' || c.is_alphabetic();
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if text.len() <= 256 && text.starts_with(starts) && text.chars().all(goes_on) {
        Ok(text)
    } else {
        Err(Refused::InvalidId)
    }
}

/// Every `ID` of the document is one of SAML's, and no two are equal. XML Signature and XML Encryption spell their own
/// `Id`; no reference that we take can name one of those, and they share the space of names.
pub(crate) fn check_ids(document: &Document) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for node in document.descendants().filter(Node::is_element) {
        for a in node.attributes().filter(|a| a.name().eq_ignore_ascii_case("id") || a.name() == "AssertionID") {
            let own = matches!(node.tag_name().namespace(), Some(SAML | SAMLP)) && a.name() == "ID";
            let theirs = matches!(node.tag_name().namespace(), Some(DS | XENC)) && a.name() == "Id";
            if a.namespace().is_some() || !(own || theirs) {
                return Err(Refused::ForeignId);
            }
            if !seen.insert(id(a.value())?) {
                return Err(Refused::DuplicateId);
            }
        }
    }
    Ok(())
}

/// Writes text as canonical XML does.
pub(crate) fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#xD;"),
            _ => out.push(c),
        }
    }
}

/// Writes the value of an attribute as canonical XML does.
pub(crate) fn push_value(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            _ => out.push(c),
        }
    }
}

/// Writes canonical elements. A value that XML cannot carry makes the whole document fail at the end, so that no half
/// of it is ever used.
///
/// Invariant: the caller gives attributes in canonical order: namespaces first, then by name.
#[derive(Default)]
pub(crate) struct Writer {
    out: String,
    unwritable: bool,
}

impl Writer {
    /// An opening tag with the attributes that have a value.
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, Option<&str>)]) -> &mut Self {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            let Some(value) = value else { continue };
            self.check(value);
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            push_value(&mut self.out, value);
            self.out.push('"');
        }
        self.out.push('>');
        self
    }

    pub(crate) fn close(&mut self, name: &str) -> &mut Self {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.check(text);
        push_text(&mut self.out, text);
        self
    }

    /// An element that holds a text.
    pub(crate) fn leaf(&mut self, name: &str, attributes: &[(&str, Option<&str>)], text: &str) -> &mut Self {
        self.open(name, attributes).text(text).close(name)
    }

    /// XML that is canonical already, from another writer.
    pub(crate) fn raw(&mut self, xml: &str) -> &mut Self {
        self.out.push_str(xml);
        self
    }

    pub(crate) fn finish(self) -> Result<String> {
        if self.unwritable { Err(Refused::UnwritableText) } else { Ok(self.out) }
    }

    fn check(&mut self, text: &str) {
        self.unwritable |= !text.chars().all(prescan::is_xml_char);
    }
}
