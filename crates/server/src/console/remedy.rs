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
    let cut = text.split("; an administrator can switch it on").next().unwrap_or(text);
    let cut = cut.split("; compare with: provost ").next().unwrap_or(cut);
    cut.split("; see: provost ").next().unwrap_or(cut)
}

/// The same for what the operator asked for themselves: the form is one page back.
pub(crate) fn words_at_the_desk(code: &str, fix: &'static str) -> &'static str {
    match code {
        "PRV-1002" | "PRV-1007" => "Go back, change what the sentence above names, and send it again.",
        "PRV-1008" => "Check the address, or look for it in its list: it may have been removed meanwhile.",
        "PRV-1009" => "Load the page again, and look at what is there now.",
        "PRV-1010" => "Go to the page that the form is on, and send it from there.",
        "PRV-2006" => "Sign in again, and send it once more.",
        _ => words(code, fix),
    }
}

/// What to do in words, for somebody who sits at the console: where there is a page, no command is told.
pub(crate) fn words(code: &str, fix: &'static str) -> &'static str {
    match code {
        "PRV-2005" => "Switch it on in the SCIM configuration, or leave it off if this is what you want.",
        "PRV-1103" => "Make the plan again and look at what it would do now.",
        "PRV-1104" => "Look at where it stands: a plan waits, is approved, and is then applied or dropped.",
        "PRV-2012" => "Switch the token on again on its page, or give the identity provider another one.",
        _ => fix,
    }
}
