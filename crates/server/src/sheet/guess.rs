//! What a column of somebody else's file probably is: by its name, as other systems call it.

use super::{Attributes, Column};
use serde_json::Value;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Names of columns, without signs and in small letters, and the attribute that they mean. `+` stands for the enterprise
/// extension.
const CALLED: [(&str, &[&str]); 24] = [
    ("userName", &["username", "login", "loginname", "user", "userid", "userprincipalname", "upn", "samaccountname"]),
    ("externalId", &["externalid", "objectid", "oktaid"]),
    ("displayName", &["displayname", "fullname", "name", "cn"]),
    ("name.givenName", &["givenname", "firstname", "forename"]),
    ("name.familyName", &["familyname", "lastname", "surname", "sn"]),
    ("name.middleName", &["middlename"]),
    ("nickName", &["nickname"]),
    ("active", &["active", "enabled", "accountenabled", "isactive"]),
    ("emails[type eq \"work\"].value", &["email", "mail", "emailaddress", "workemail", "primaryemail", "emailwork"]),
    ("emails[type eq \"home\"].value", &["homeemail", "personalemail", "secondemail", "secondaryemail"]),
    ("phoneNumbers[type eq \"work\"].value", &["phone", "workphone", "telephone", "telephonenumber", "primaryphone"]),
    ("phoneNumbers[type eq \"mobile\"].value", &["mobile", "mobilephone", "cell", "cellphone"]),
    ("title", &["title", "jobtitle", "position"]),
    ("userType", &["usertype", "employeetype"]),
    ("preferredLanguage", &["language", "preferredlanguage"]),
    ("locale", &["locale"]),
    ("timezone", &["timezone"]),
    ("password", &["password"]),
    ("+employeeNumber", &["employeenumber", "employeeid", "staffnumber"]),
    ("+department", &["department", "dept"]),
    ("+division", &["division"]),
    ("+organization", &["organization", "organisation", "company", "companyname"]),
    ("+costCenter", &["costcenter", "costcentre"]),
    ("+manager", &["manager", "managerid", "manageremail", "managerusername"]),
];

/// The path of the attribute that a column of this name probably is; nothing if nobody can tell.
pub fn guess(name: &str, resource_type: &str, attributes: &Attributes) -> Option<String> {
    let parsed = |path: &str| Column::parse(path, resource_type, attributes).ok().filter(|column| !column.read_only);
    let fits = |path: &str| parsed(path).is_some();
    if let Some(column) = parsed(name) {
        // As the attribute is written: it is one of those that are chosen from.
        let all = places(resource_type, attributes).into_iter().flat_map(|(_, paths)| paths);
        let mut same = all.filter(|path| parsed(path).is_some_and(|place| place.same_place(&column)));
        return same.next().or_else(|| Some(name.to_owned()));
    }
    let plain = plain(name);
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    // A field of the tenant's own has the last word: somebody gave it this name.
    let own = attributes.iter().find(|row| {
        row.get("custom") == Some(&Value::Bool(true))
            && text(row, "resourceType").eq_ignore_ascii_case(resource_type)
            && self::plain(&text(row, "name")) == plain
    });
    let own = own.map(|row| text(row, "value"));
    let called = || CALLED.iter().find(|(_, names)| names.contains(&plain.as_str())).map(|(path, _)| whole(path));
    own.or_else(called).filter(|path| fits(path))
}

fn whole(path: &str) -> String {
    path.strip_prefix('+').map_or_else(|| path.to_owned(), |name| format!("{ENTERPRISE}:{name}"))
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// What is between two cells: spreadsheets of some countries write a semicolon, and some programs a tab.
pub fn delimiter(text: &[u8]) -> u8 {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |sign: u8| first.iter().filter(|byte| **byte == sign).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(b',')
}

/// Every place of a user that a cell can go to, by the namespace of its schema: what there is to choose from.
pub fn places(resource_type: &str, attributes: &Attributes) -> Vec<(String, Vec<String>)> {
    let mut all: Vec<(String, Vec<String>)> = vec![(String::new(), Vec::new())];
    let text = |row: &Value, key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let of_type = attributes.iter().filter(|row| {
        text(row, "resourceType").eq_ignore_ascii_case(resource_type)
            && text(row, "mutability") != "readOnly"
            && text(row, "value") != "schemas"
    });
    for row in of_type {
        let value = text(row, "value");
        let namespace = if value.contains(':') { text(row, "namespace") } else { String::new() };
        let paths = paths(&value, row);
        match all.iter_mut().find(|(known, _)| *known == namespace) {
            Some((_, known)) => known.extend(paths),
            None => all.push((namespace, paths)),
        }
    }
    all.retain(|(_, paths)| !paths.is_empty());
    for (_, paths) in &mut all {
        // The login is what every file needs.
        paths.sort_by_key(|path| path != "userName");
    }
    all
}

/// The places of one attribute: itself, its parts, or those of its elements of each usual type.
fn paths(value: &str, row: &Value) -> Vec<String> {
    let parts = row.get("subAttributes").and_then(Value::as_array).into_iter().flatten();
    let name = |part: &Value| part.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let many = row.get("multiValued") == Some(&Value::Bool(true));
    let types: &[&str] = match value {
        "emails" => &["work", "home", "other"],
        "phoneNumbers" => &["work", "mobile", "home", "fax", "other"],
        "addresses" => &["work", "home"],
        _ => &[],
    };
    if !types.is_empty() {
        let told: Vec<String> =
            parts
                .map(name)
                .filter(|part| {
                    if value == "addresses" { !["type", "primary"].contains(&part.as_str()) } else { part == "value" }
                })
                .collect();
        let of =
            |kind: &&str| told.iter().map(|part| format!("{value}[type eq \"{kind}\"].{part}")).collect::<Vec<_>>();
        return types.iter().flat_map(of).collect();
    }
    let complex = row.get("type").and_then(Value::as_str) == Some("complex");
    if complex && !many && !value.ends_with(":manager") {
        return parts.map(|part| format!("{value}.{}", name(part))).collect();
    }
    vec![value.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn attributes() -> Vec<Value> {
        let row = |name: &str, kind: &str| json!({"resourceType": "User", "name": name, "value": name, "type": kind});
        vec![
            row("userName", "string"),
            json!({"resourceType": "User", "name": "name", "value": "name", "type": "complex",
                "subAttributes": [{"name": "givenName", "type": "string"}]}),
            json!({"resourceType": "User", "name": "emails", "value": "emails", "type": "complex", "multiValued": true,
                "subAttributes": [{"name": "value", "type": "string"}, {"name": "type", "type": "string"}]}),
            json!({"resourceType": "User", "name": "title", "value": "urn:own:User:title", "namespace": "urn:own:User",
                "type": "string", "custom": true}),
        ]
    }

    #[test]
    fn names_of_other_systems_are_known() {
        let all = attributes();
        for (name, path) in [
            ("User Name", Some("userName")),
            ("USERNAME", Some("userName")),
            ("E-mail", Some("emails[type eq \"work\"].value")),
            ("first_name", Some("name.givenName")),
            ("name.givenName", Some("name.givenName")),
            ("Title", Some("urn:own:User:title")),
            ("Surname", None),
            ("id", None),
            ("shoe size", None),
        ] {
            assert_eq!(guess(name, "User", &all).as_deref(), path, "{name}");
        }
    }

    #[test]
    fn places_and_signs() {
        let all = places("User", &attributes());
        assert_eq!(all[0].1[0], "userName");
        assert!(all[0].1.contains(&"emails[type eq \"home\"].value".to_owned()));
        assert_eq!(all[1], ("urn:own:User".to_owned(), vec!["urn:own:User:title".to_owned()]));
        assert_eq!(
            [delimiter(b"a;b;c,d\n1,2,3,4"), delimiter(b"a\tb"), delimiter(b"a,b"), delimiter(b"a")],
            [b';', b'\t', b',', b',']
        );
    }
}
