//! Exclusive XML Canonicalization 1.0 without comments (`http://www.w3.org/2001/10/xml-exc-c14n#`), with the
//! `InclusiveNamespaces` prefix list.
//!
//! How: one walk over the tree. Each element writes the namespaces that its own names use and that no written
//! ancestor has bound alike; prefixes of the list are written wherever they are in scope, as inclusive
//! canonicalisation would. Depth is bounded by the scan, so the walk may recurse.
//! Not here: comments, processing instructions and relative namespaces; the scan lets none through.

use crate::{
    Refused,
    error::Result,
    xml::{self, push_text, push_value},
};
use roxmltree::{Attribute, Node, NodeId};
use std::collections::BTreeMap;

/// The most prefixes that an `InclusiveNamespaces` list may name.
pub const PREFIXES_MAX: usize = 16;

/// The canonical form of the element with this `ID`, or of the root element when there is none. `prefixes` is the
/// `InclusiveNamespaces` list; `#default` is the default namespace.
///
/// Source: Exclusive XML Canonicalization Version 1.0 §3. Fails when the text is refused by the scan or the parser.
pub fn exclusive(xml: &str, id: Option<&str>, prefixes: &[&str]) -> Result<String> {
    let document = xml::parse(xml)?;
    let named = |n: &Node| id.is_none_or(|id| xml::attribute(*n, "ID") == Some(id));
    let apex = document.descendants().filter(Node::is_element).find(named).ok_or(Refused::MissingElement)?;
    element(apex, None, prefixes)
}

/// The canonical form of an element, leaving one descendant out (the enveloped signature).
pub(crate) fn element(apex: Node, without: Option<NodeId>, prefixes: &[&str]) -> Result<String> {
    let mut walk = Walk { out: String::new(), source: apex.document().input_text(), without, prefixes };
    walk.element(apex, &Rendered::new())?;
    Ok(walk.out)
}

/// What is bound in the output at some place: prefix ("" is the default namespace) to URI.
type Rendered<'a> = BTreeMap<&'a str, &'a str>;

struct Walk<'a> {
    out: String,
    source: &'a str,
    without: Option<NodeId>,
    prefixes: &'a [&'a str],
}

impl<'a> Walk<'a> {
    fn element<'i: 'a>(&mut self, node: Node<'a, 'i>, outer: &Rendered<'a>) -> Result<()> {
        let name = self.tag_name(node)?;
        let mut rendered = outer.clone();
        self.out.push('<');
        self.out.push_str(name);
        for (prefix, uri) in self.declarations(node, name, outer)? {
            self.out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            self.out.push_str(prefix);
            self.out.push_str("=\"");
            push_value(&mut self.out, uri);
            self.out.push('"');
            rendered.insert(prefix, uri);
        }
        let mut attributes: Vec<Attribute> = node.attributes().collect();
        attributes.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        for attribute in attributes {
            self.out.push(' ');
            self.out.push_str(self.attribute_name(attribute)?);
            self.out.push_str("=\"");
            push_value(&mut self.out, attribute.value());
            self.out.push('"');
        }
        self.out.push('>');
        let without = self.without;
        for child in node.children().filter(|c| Some(c.id()) != without) {
            if child.is_element() {
                self.element(child, &rendered)?;
            } else if child.is_text() {
                push_text(&mut self.out, child.text().unwrap_or_default());
            }
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }

    /// The namespaces to write on this element, sorted by prefix.
    fn declarations<'i: 'a>(&self, node: Node<'a, 'i>, name: &'a str, outer: &Rendered<'a>) -> Result<Rendered<'a>> {
        let mut used = vec![prefix_of(name)];
        for attribute in node.attributes() {
            let prefix = prefix_of(self.attribute_name(attribute)?);
            // An attribute without a prefix is in no namespace: the default does not apply to it.
            if !prefix.is_empty() {
                used.push(prefix);
            }
        }
        let listed = self.prefixes.iter().map(|p| if *p == "#default" { "" } else { p });
        let mut declarations = Rendered::new();
        for (prefix, must) in used.into_iter().map(|p| (p, true)).chain(listed.map(|p| (p, false))) {
            let lookup = (!prefix.is_empty()).then_some(prefix);
            let uri = match node.lookup_namespace_uri(lookup) {
                _ if prefix == "xml" => continue,
                Some(uri) => uri,
                None if prefix.is_empty() => "",
                None if must => return Err(Refused::MalformedXml),
                None => continue,
            };
            // An empty default namespace is written only to undo one that is bound above.
            let bound = outer.get(prefix).copied().unwrap_or_default();
            if bound != uri {
                declarations.insert(prefix, uri);
            }
        }
        Ok(declarations)
    }

    /// The tree drops prefixes; the source has them.
    fn tag_name(&self, node: Node) -> Result<&'a str> {
        let tag = self.source.get(node.range()).and_then(|s| s.strip_prefix('<')).ok_or(Refused::MalformedXml)?;
        let end = tag.find([' ', '\t', '\r', '\n', '/', '>']).ok_or(Refused::MalformedXml)?;
        tag.get(..end).ok_or(Refused::MalformedXml)
    }

    fn attribute_name(&self, attribute: Attribute) -> Result<&'a str> {
        self.source.get(attribute.range_qname()).ok_or(Refused::MalformedXml)
    }
}

fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}
