//! Where in the console an error is put right: a page instead of a command.

/// What the button says, and where it leads; nothing where the other side has to change something.
pub(crate) fn of(code: &str) -> Option<(&'static str, &'static str)> {
    Some(match code {
        "PRV-2001" | "PRV-2002" | "PRV-2003" | "PRV-2004" | "PRV-2012" => ("Tokens", "/app/scim/tokens"),
        "PRV-2005" => ("Operation switches", "/app/scim#operations"),
        "PRV-1007" => ("Conflicts", "/app/conflicts"),
        "PRV-3002" => ("Matching and rate", "/app/scim#rules"),
        "PRV-1001" | "PRV-1002" | "PRV-1003" | "PRV-1004" | "PRV-1005" | "PRV-1006" => {
            ("Attributes and what arrived", "/app/scim/attributes")
        }
        _ => return None,
    })
}

/// A detail without the command in it, which was meant for whoever has no console.
pub(crate) fn detail(text: &str) -> &str {
    text.split("; an administrator can switch it on").next().unwrap_or(text)
}

/// What to do in words, for somebody who sits at the console: where there is a page, no command is told.
pub(crate) fn words(code: &str, fix: &'static str) -> &'static str {
    match code {
        "PRV-2005" => "Switch it on in the SCIM configuration, or leave it off if this is what you want.",
        "PRV-2012" => "Switch the token on again on its page, or give the identity provider another one.",
        _ => fix,
    }
}
