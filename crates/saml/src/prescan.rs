//! Looks at the bytes before any tree exists: bounds, and everything that SAML has no use for.
//!
//! A parser spends memory and time on what it is given, and parsers differ in what they forgive. This scan makes the
//! text small and plain enough that there is nothing left to differ about: no DTD, no comment, no CDATA section, no
//! processing instruction, no entity but the five of XML, no namespace that canonicalisers treat differently.
//! Not here: well-formedness as a whole; the parser decides that afterwards on the same bytes.

use crate::{Refused, error::Result};

/// The deepest nesting of elements.
pub const DEPTH_MAX: usize = 64;
/// The most XML attributes, namespace declarations included, that one tag may have.
pub const ATTRIBUTES_MAX: usize = 64;
/// The longest XML name, in bytes; roxmltree keeps this length in 16 bits.
pub const NAME_BYTES_MAX: usize = 256;
/// The most opening tags of a document.
pub const TAGS_MAX: usize = 20_000;
/// The most namespace declarations of a document: resolving a prefix walks them.
pub const NAMESPACES_MAX: usize = 512;

/// Whether comments are let through; only in metadata, which people edit by hand and which is not read for identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    Refuse,
    Allow,
}

/// The text, if it may be given to the parser.
pub(crate) fn scan(bytes: &[u8], comments: Comments) -> Result<&str> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refused::NotUtf8)?;
    if !text.chars().all(is_xml_char) {
        return Err(Refused::ForbiddenCharacter);
    }
    let rest = declaration(text)?;
    Scan { rest, depth: 0, tags: 0, namespaces: 0, seen_root: false, comments }.run()?;
    Ok(text)
}

/// `Char` of XML 1.0 §2.2, without the byte order mark: within a message it is only a way to hide things.
pub(crate) fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..) && c != '\u{FEFF}'
}

/// Takes a leading XML declaration off, if it says what we read.
fn declaration(text: &str) -> Result<&str> {
    let Some(rest) = text.strip_prefix("<?xml") else { return Ok(text) };
    if !rest.starts_with([' ', '\t', '\r', '\n']) {
        return Err(Refused::ProcessingInstruction);
    }
    let (inside, rest) = rest.split_once("?>").ok_or(Refused::MalformedXml)?;
    let plain: String = inside.replace('\'', "\"").split_ascii_whitespace().collect();
    let lower = plain.to_ascii_lowercase();
    let after = lower.strip_prefix("version=\"1.0\"").ok_or(Refused::XmlVersion)?;
    let after = after.strip_prefix("encoding=\"utf-8\"").unwrap_or(after);
    let after = after.strip_prefix("standalone=\"yes\"").or(after.strip_prefix("standalone=\"no\"")).unwrap_or(after);
    if after.is_empty() { Ok(rest) } else { Err(Refused::XmlVersion) }
}

struct Scan<'a> {
    rest: &'a str,
    depth: usize,
    tags: usize,
    namespaces: usize,
    seen_root: bool,
    comments: Comments,
}

impl<'a> Scan<'a> {
    fn run(mut self) -> Result<()> {
        while let Some(at) = self.rest.find('<') {
            let (text, markup) = self.rest.split_at(at);
            self.text(text)?;
            self.rest = markup;
            self.markup()?;
        }
        self.text(self.rest)?;
        if self.depth == 0 && self.seen_root { Ok(()) } else { Err(Refused::MalformedXml) }
    }

    fn text(&self, text: &str) -> Result<()> {
        if self.depth == 0 && !text.bytes().all(is_space) {
            return Err(Refused::TextOutsideRoot);
        }
        entities(text)
    }

    /// One piece of markup; `rest` starts with `<`.
    fn markup(&mut self) -> Result<()> {
        let rest = self.rest;
        if rest.starts_with("<!--") {
            return self.comment();
        }
        if rest.starts_with("<![") {
            return Err(Refused::Cdata);
        }
        if rest.starts_with("<!") {
            return Err(Refused::Doctype);
        }
        if rest.starts_with("<?") {
            return Err(Refused::ProcessingInstruction);
        }
        if let Some(rest) = rest.strip_prefix("</") {
            let (name, rest) = rest.split_once('>').ok_or(Refused::MalformedXml)?;
            self.depth = self.depth.checked_sub(1).ok_or(Refused::MalformedXml)?;
            self.rest = rest;
            return name_length(name);
        }
        self.open()
    }

    fn comment(&mut self) -> Result<()> {
        if self.comments == Comments::Refuse {
            return Err(Refused::Comment);
        }
        let (_, rest) = self.rest.split_once("-->").ok_or(Refused::MalformedXml)?;
        self.rest = rest;
        Ok(())
    }

    /// An opening or empty tag.
    fn open(&mut self) -> Result<()> {
        if self.depth == 0 && self.seen_root {
            return Err(Refused::TextOutsideRoot);
        }
        self.seen_root = true;
        self.tags += 1;
        if self.tags > TAGS_MAX {
            return Err(Refused::TooManyTags);
        }
        self.rest = self.rest.get(1..).unwrap_or_default();
        name_length(self.take_name()?)?;
        let mut attributes = 0;
        loop {
            let spaced = self.skip_space();
            if let Some(rest) = self.rest.strip_prefix("/>") {
                self.rest = rest;
                // An empty element is as deep as one with content.
                return if self.depth < DEPTH_MAX { Ok(()) } else { Err(Refused::TooDeep) };
            }
            if let Some(rest) = self.rest.strip_prefix('>') {
                self.rest = rest;
                self.depth += 1;
                return if self.depth <= DEPTH_MAX { Ok(()) } else { Err(Refused::TooDeep) };
            }
            if !spaced {
                return Err(Refused::MalformedXml);
            }
            attributes += 1;
            if attributes > ATTRIBUTES_MAX {
                return Err(Refused::TooManyAttributes);
            }
            self.attribute()?;
        }
    }

    fn attribute(&mut self) -> Result<()> {
        let name = self.take_name()?;
        name_length(name)?;
        self.skip_space();
        self.rest = self.rest.strip_prefix('=').ok_or(Refused::MalformedXml)?;
        self.skip_space();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(Refused::MalformedXml)?;
        let (value, rest) = self.rest.get(1..).and_then(|rest| rest.split_once(quote)).ok_or(Refused::MalformedXml)?;
        self.rest = rest;
        if value.contains('<') {
            return Err(Refused::MalformedXml);
        }
        entities(value)?;
        if name == "xmlns" || name.starts_with("xmlns:") {
            self.namespaces += 1;
            if self.namespaces > NAMESPACES_MAX {
                return Err(Refused::TooManyNamespaces);
            }
            return namespace(name, value);
        }
        Ok(())
    }

    fn take_name(&mut self) -> Result<&'a str> {
        let ends = |c: char| is_space_char(c) || matches!(c, '=' | '/' | '>' | '<' | '"' | '\'' | '&');
        let end = self.rest.find(ends).ok_or(Refused::MalformedXml)?;
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        // A parser may read `:xmlns` as `xmlns`, of which nothing would have been looked at here.
        if name.is_empty() || name.starts_with(':') { Err(Refused::MalformedXml) } else { Ok(name) }
    }

    fn skip_space(&mut self) -> bool {
        let trimmed = self.rest.trim_start_matches(is_space_char);
        let moved = trimmed.len() != self.rest.len();
        self.rest = trimmed;
        moved
    }
}

fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_space_char(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn name_length(name: &str) -> Result<()> {
    if name.len() > NAME_BYTES_MAX { Err(Refused::NameTooLong) } else { Ok(()) }
}

/// A namespace that every canonicaliser writes alike: absolute, and of URI characters that need no escape. The two
/// names that XML binds by itself may not be bound again, under any prefix.
fn namespace(name: &str, uri: &str) -> Result<()> {
    const RESERVED: [&str; 2] = ["http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"];
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$'()*+,;=%".contains(&b);
    let absolute = uri.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    let reserved = RESERVED.contains(&uri) || matches!(name, "xmlns:xml" | "xmlns:xmlns" | "xmlns:");
    if absolute && uri.bytes().all(plain) && !reserved { Ok(()) } else { Err(Refused::OddNamespace) }
}

/// Every `&` starts one of the five entities of XML or a reference to a character that XML allows.
fn entities(text: &str) -> Result<()> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('&') {
        let (name, tail) = after.split_once(';').ok_or(Refused::UnknownEntity)?;
        rest = tail;
        if matches!(name, "amp" | "lt" | "gt" | "quot" | "apos") {
            continue;
        }
        let number = name.strip_prefix('#').ok_or(Refused::UnknownEntity)?;
        let code = match number.strip_prefix('x') {
            Some(hex) if hex.len() <= 8 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
            None if number.len() <= 8 && number.bytes().all(|b| b.is_ascii_digit()) => number.parse(),
            _ => return Err(Refused::UnknownEntity),
        };
        let code = code.map_err(|_| Refused::UnknownEntity)?;
        char::from_u32(code).filter(|c| is_xml_char(*c)).ok_or(Refused::ForbiddenCharacter)?;
    }
    Ok(())
}
