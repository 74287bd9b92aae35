//! LDIF (RFC 2849): entries of people (RFC 2798) as SCIM users.

use super::{Content, LINE_BYTES_MAX, Lines, Record, read_line};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::io;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Classes of which an entry has to have one to be a person.
const PEOPLE: [&str; 4] = ["person", "organizationalperson", "inetorgperson", "user"];

/// The lines of an entry, or why it has none.
type Lined = Result<Vec<String>, String>;

/// The entries of a file.
pub(super) struct Entries {
    lines: Lines,
    line: u64,
    /// A line that was read ahead, to see whether the one before goes on.
    ahead: Option<(u64, Result<String, String>)>,
}

impl Entries {
    pub(super) fn new(lines: Lines) -> Self {
        Self { lines, line: 0, ahead: None }
    }

    /// The next entry that is somebody, or that cannot be read; entries of other things are passed over.
    pub(super) fn next_entry(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some((line, lines)) = self.entry()? else { return Ok(None) };
            match lines.and_then(|lines| attributes(&lines)).and_then(|entry| user(&entry)) {
                Ok(None) => {}
                Ok(Some(user)) => return Ok(Some(Record { line, resource: Ok(Content::Value(user)) })),
                Err(what) => return Ok(Some(Record { line, resource: Err(what) })),
            }
        }
    }

    /// The lines up to the next empty one, put together where one goes on.
    fn entry(&mut self) -> io::Result<Option<(u64, Lined)>> {
        let (mut first, mut lines, mut bytes, mut wrong) = (None, Vec::<String>::new(), 0_usize, None);
        let mut comment = false;
        while let Some((number, text)) = self.raw()? {
            let text = match text {
                Ok(text) if text.is_empty() && first.is_none() => continue,
                Ok(text) if text.is_empty() => break,
                Ok(text) => text,
                Err(what) => {
                    first.get_or_insert(number);
                    wrong.get_or_insert(what);
                    continue;
                }
            };
            bytes = bytes.saturating_add(text.len());
            if bytes > LINE_BYTES_MAX {
                wrong.get_or_insert(format!("the entry is longer than {LINE_BYTES_MAX} bytes"));
                lines.clear();
            }
            if let Some(rest) = text.strip_prefix(' ') {
                match lines.last_mut() {
                    Some(last) if !comment => last.push_str(rest),
                    _ => {}
                }
                continue;
            }
            comment = text.starts_with('#');
            if !comment {
                first.get_or_insert(number);
                lines.push(text);
            }
        }
        Ok(first.map(|first| (first, wrong.map_or(Ok(lines), Err))))
    }

    fn raw(&mut self) -> io::Result<Option<(u64, Result<String, String>)>> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let mut bytes = Vec::new();
        let Some(too_long) = read_line(&mut self.lines, &mut bytes)? else { return Ok(None) };
        self.line += 1;
        let text = if too_long {
            Err("a line is too long".to_owned())
        } else {
            String::from_utf8(bytes).map_err(|_| "a line is not UTF-8".to_owned())
        };
        Ok(Some((self.line, text)))
    }
}

/// Names in lower case without their options, and values.
type Entry = Vec<(String, String)>;

fn attributes(lines: &[String]) -> Result<Entry, String> {
    let mut entry = Vec::with_capacity(lines.len());
    for line in lines {
        let (name, rest) = line.split_once(':').ok_or("a line has no colon")?;
        let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let value = match rest.strip_prefix(':') {
            Some(encoded) => {
                let bytes = STANDARD.decode(encoded.trim()).map_err(|_| format!("{name} is not base64"))?;
                // Photographs, certificates and passwords are not taken over.
                let Ok(text) = String::from_utf8(bytes) else { continue };
                text
            }
            // A value that is in another file is not fetched.
            None if rest.starts_with('<') => continue,
            None => rest.trim_start_matches(' ').to_owned(),
        };
        entry.push((name, value));
    }
    Ok(entry)
}

/// The entry as a user; nothing if it is not somebody.
fn user(entry: &Entry) -> Result<Option<Value>, String> {
    let all =
        |name: &'static str| entry.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str());
    let one = |name: &'static str| all(name).next();
    if one("changetype").is_some_and(|kind| !kind.eq_ignore_ascii_case("add")) {
        return Err("the entry changes something; only whole entries can be imported".to_owned());
    }
    if one("dn").is_none() {
        return if one("version").is_some() { Ok(None) } else { Err("the entry has no dn".to_owned()) };
    }
    if !all("objectclass").any(|class| PEOPLE.iter().any(|person| person.eq_ignore_ascii_case(class))) {
        return Ok(None);
    }
    let mut user = Map::new();
    let mut put = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            user.insert(name.to_owned(), value.into());
        }
    };
    let name = one("uid").or_else(|| one("mail")).ok_or("the entry has neither uid nor mail")?;
    put("userName", Some(name));
    put("externalId", one("entryuuid"));
    put("displayName", one("displayname").or_else(|| one("cn")));
    put("title", one("title"));
    put("preferredLanguage", one("preferredlanguage"));
    let parts = [("formatted", one("cn")), ("familyName", one("sn")), ("givenName", one("givenname"))];
    set(&mut user, "name", &parts);
    let emails: Vec<Value> = all("mail")
        .enumerate()
        .map(|(at, mail)| {
            if at == 0 {
                json!({"value": mail, "type": "work", "primary": true})
            } else {
                json!({"value": mail, "type": "other"})
            }
        })
        .collect();
    let kinds =
        [("telephonenumber", "work"), ("mobile", "mobile"), ("homephone", "home"), ("facsimiletelephonenumber", "fax")];
    let phones: Vec<Value> =
        kinds.iter().filter_map(|(name, kind)| Some(json!({"value": one(name)?, "type": kind}))).collect();
    for (name, list) in [("emails", emails), ("phoneNumbers", phones)] {
        if !list.is_empty() {
            user.insert(name.to_owned(), list.into());
        }
    }
    let parts = [
        ("employeeNumber", one("employeenumber")),
        ("department", one("departmentnumber").or_else(|| one("ou"))),
        ("organization", one("o")),
    ];
    set(&mut user, ENTERPRISE, &parts);
    if let Some(manager) = one("manager") {
        let enterprise = user.entry(ENTERPRISE).or_insert_with(|| json!({}));
        if let Some(enterprise) = enterprise.as_object_mut() {
            enterprise.insert("manager".to_owned(), json!({"value": manager}));
        }
    }
    Ok(Some(user.into()))
}

fn set(user: &mut Map<String, Value>, name: &str, parts: &[(&str, Option<&str>)]) {
    let there: Map<String, Value> =
        parts.iter().filter_map(|(part, value)| Some(((*part).to_owned(), Value::from((*value)?)))).collect();
    if !there.is_empty() {
        user.insert(name.to_owned(), there.into());
    }
}
