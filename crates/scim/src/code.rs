//! The one catalogue of errors: `PRV-nnnn`, its HTTP status, its `scimType`, what it means and what to do.
//!
//! 1xxx is the SCIM protocol (11xx administration), 2xxx who may do what, 3xxx limits, 5xxx the server itself.
//! A number is never reused; `docs/guide/errors.md` lists them all and a test compares the two.

use crate::ScimType;
use std::fmt;

/// An entry of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(u16);

/// What the catalogue says about one code.
#[derive(Debug)]
pub struct Entry {
    /// The code that it is about.
    pub code: Code,
    /// The HTTP status that it answers with.
    pub status: u16,
    /// The protocol's keyword.
    pub scim_type: Option<ScimType>,
    /// What happened, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

macro_rules! catalogue {
    ($($name:ident = $number:literal, $status:literal, $scim_type:expr, $title:literal, $fix:literal;)*) => {
        impl Code { $(#[doc = $title] pub const $name: Self = Self($number);)* }
        /// Every entry, by number.
        pub const CATALOGUE: &[Entry] = &[$(Entry {
            code: Code::$name, status: $status, scim_type: $scim_type, title: $title, fix: $fix,
        }),*];
    };
}

catalogue! {
    INVALID_SYNTAX = 1001, 400, Some(ScimType::InvalidSyntax), "The body is not the message that this endpoint takes",
        "Send a JSON object in the form of RFC 7644 with the Content-Type application/scim+json.";
    INVALID_VALUE = 1002, 400, Some(ScimType::InvalidValue), "A value is missing or does not fit",
        "The detail says which value and why: change it and send it again. What a resource's attributes take is defined at /Schemas.";
    INVALID_FILTER = 1003, 400, Some(ScimType::InvalidFilter), "The filter cannot be understood",
        "The detail names the character position; the grammar is that of RFC 7644 section 3.4.2.2.";
    INVALID_PATH = 1004, 400, Some(ScimType::InvalidPath), "The PATCH path cannot be understood or names no attribute",
        "Use an attribute of /Schemas, as name, name.subAttribute, name[filter].subAttribute or with its schema URN in front.";
    NO_TARGET = 1005, 400, Some(ScimType::NoTarget), "The PATCH path selects nothing",
        "Check the filter in the path against the resource as GET returns it.";
    MUTABILITY = 1006, 400, Some(ScimType::Mutability), "The attribute may not be changed like this",
        "Leave the attribute out; its mutability is shown at /Schemas.";
    UNIQUENESS = 1007, 409, Some(ScimType::Uniqueness), "A value that has to be unique is taken",
        "Look the existing resource up with a filter and update it, or use another value. Whether a create may adopt an existing account is a setting of the tenant.";
    NOT_FOUND = 1008, 404, None, "There is no such resource or endpoint",
        "Check the id or name and the address, or look for it in its list; what was deleted answers 404 for every method.";
    PRECONDITION = 1009, 412, None, "The resource has changed since it was read",
        "Read it again, apply the change to what is there now, and send its new ETag in If-Match.";
    METHOD = 1010, 405, None, "The method is not served here",
        "The Allow header lists the methods that are.";
    NOT_IMPLEMENTED = 1011, 501, None, "The operation is not served",
        "See /ServiceProviderConfig for what is.";
    INVALID_CURSOR = 1012, 400, Some(ScimType::InvalidCursor), "The cursor does not belong to this query",
        "Start again with an empty cursor, and keep filter, sorting and count the same from page to page.";
    EXPIRED_CURSOR = 1013, 400, Some(ScimType::ExpiredCursor), "The cursor is too old",
        "Start again with an empty cursor; its lifetime is shown at /ServiceProviderConfig.";
    INVALID_COUNT = 1014, 400, Some(ScimType::InvalidCount), "The count differs from the one that the cursor was made with",
        "Send the same count with every page.";
    MEDIA_TYPE = 1015, 415, None, "The body is not sent as JSON",
        "Send Content-Type application/scim+json or application/json.";
    FILTER_ON_DISCOVERY = 1016, 403, None, "Discovery endpoints do not take a filter",
        "Leave the filter out; RFC 7644 section 4 forbids it there.";
    TOO_MANY = 1017, 400, Some(ScimType::TooMany), "The query asks for more than the server is willing to look at",
        "Narrow the filter, or page through the list.";
    NOT_ACCEPTABLE = 1018, 406, None, "No form of the answer suits the Accept header",
        "Accept application/scim+json, application/json or anything.";
    BULK_REFERENCE = 1019, 409, None, "A bulkId names what is not there",
        "Give the bulkId to a POST of the same request, and look at that operation's own result: it may have failed.";
    INVALID_VERSION = 1020, 400, Some(ScimType::InvalidVers), "The protocol version is not served",
        "Use the address that ends with /scim/v2.";
    SENSITIVE = 1021, 403, Some(ScimType::Sensitive), "The address holds what must not stand in one",
        "Send the search as a POST to /.search.";
    NAME_TAKEN = 1101, 409, None, "There is already one of that name",
        "Choose another name, or change the one that is there.";
    IN_USE = 1102, 409, None, "It is still in use",
        "Remove what uses it first; the detail names it.";
    PLAN_STALE = 1103, 409, None, "What the plan was made from has changed",
        "Make the plan again and look at what it would do now: provost plan create.";
    PLAN_STATE = 1104, 409, None, "The plan does not stand where it would have to",
        "See where it stands: provost plan show. A plan waits, is approved, and then applied or dropped.";
    UNAUTHORIZED = 2001, 401, None, "The request carries no valid token",
        "Send Authorization: Bearer and the token exactly as it was shown when it was made. Lost tokens cannot be read again: make a new one.";
    TOKEN_EXPIRED = 2002, 401, None, "The token has expired or was revoked",
        "Make a new token and put it into the identity provider.";
    TOKEN_TYPO = 2003, 401, None, "The token is not complete or mistyped",
        "Copy the token again; its checksum does not fit, so a character is missing or wrong.";
    SCOPE = 2004, 403, None, "The token may not do this",
        "Make a token whose scope covers the resource type and the operation.";
    SWITCHED_OFF = 2005, 403, None, "The operation is switched off for this tenant",
        "An administrator can switch it on: provost switch set.";
    SIGN_IN = 2006, 401, None, "Nobody is signed in with this",
        "Check e-mail, password and code. An owner can send a new link to whoever forgot a password; without any owner: provost operator setup-link.";
    FOREIGN_FORM = 2007, 403, None, "The form was not sent by a page of this console",
        "Load the page again and send the form from there. Behind a proxy, start the server with the address that browsers use: --base-url.";
    ROLE = 2008, 403, None, "The role may not do this",
        "Auditors look and change nothing; operators and administrators' keys are the owner's. An owner can change a role in Settings.";
    LINK_USED = 2009, 410, None, "The link was used, has ended, or was never made",
        "Ask an owner for a new one; for the first owner: provost operator setup-link.";
    SAML_REFUSED = 2010, 403, None, "A sign-in with SAML was refused",
        "Look at the steps of this entry: the last one names the reason and what to do. The browser was told none of it.";
    SAML_SETTINGS = 2011, 400, None, "A SAML connection cannot be like this",
        "The detail says what is missing or wrong; compare with the identity provider's metadata.";
    TOKEN_DISABLED = 2012, 401, None, "The token is switched off for the time being",
        "An administrator can switch it on again: provost token enable, or the page of the token in the console.";
    TOKEN_NETWORK = 2013, 403, None, "The token may not come from this address",
        "The log names the address and the token. An administrator can add its network: provost token restrict, or the page of the token in the console. Behind a proxy on another machine, start the server with --trusted-proxy.";
    UNLINKED = 2014, 403, None, "The person was unlinked from the identity provider here",
        "Unassign them there if they stay local. To have them managed again, assign them there anew, or link them again here: provost user link, or their page in the console.";
    OIDC_REFUSED = 2020, 400, None, "A request of an OpenID Connect client was refused",
        "Look at the steps of this entry: the last one says what to change in the application, or in its registration here.";
    OIDC_SETTINGS = 2021, 400, None, "An OpenID Connect client cannot be registered like this",
        "The detail names the field and what it takes.";
    IDP_REFUSED = 2030, 403, None, "A person was not signed in to an app",
        "Look at the steps of this entry: the last one says what to change in the app's settings, its assignments, or at the app.";
    NO_ACCESS_TOKEN = 2040, 502, None, "An app's authorization server gave no access token",
        "The text before the code says what the authorization server answered, and what to change there or on the app's page Provisioning, Integration. Nothing was sent to the app, and it is tried again by itself.";
    NOT_GRANTED = 2041, 502, None, "Somebody has to authenticate an app at its authorization server",
        "Authenticate again on the app's page Provisioning, Integration, or open the address that provost app authenticate prints. Nothing was sent to the app; what waits goes on by itself then.";
    BODY_TOO_LARGE = 3001, 413, None, "The body is larger than allowed",
        "Send less at once: split bulk requests and membership changes.";
    RATE_LIMITED = 3002, 429, None, "Too many requests with this token",
        "Wait for the seconds in Retry-After and go on more slowly.";
    TIMEOUT = 3003, 503, None, "The request took too long",
        "Try again; if it persists, ask for less at once.";
    BULK_TOO_LARGE = 3004, 413, None, "The bulk request has more operations than allowed",
        "Send at most as many operations as /ServiceProviderConfig says.";
    OVERLOADED = 3005, 503, None, "The server has more requests under way than it takes",
        "Wait for the seconds in Retry-After and try again.";
    ADDRESS_TOO_LONG = 3006, 414, None, "The address is longer than allowed",
        "Send the search as a POST to /.search.";
    SIGN_IN_RATE = 3007, 429, None, "Too many attempts to sign in",
        "Wait for the seconds in Retry-After, then try once, slowly. A passkey is not held up by this.";
    STREAMS = 3008, 429, None, "Too many live pages are open",
        "Close some tabs of the console; pages work without being live.";
    NOT_HTTP = 3009, 400, None, "The request is not HTTP",
        "Percent-encode what stands in an address: a space is %20, a quotation mark %22. Most often it is a filter.";
    HEAD_TOO_LARGE = 3010, 431, None, "The headers of the request are too many or too long",
        "Send fewer headers; cookies of other applications are often the reason.";
    STRANGE_TOKENS = 3011, 429, None, "Too many tokens from this address that are not known",
        "Wait for the seconds in Retry-After, and copy the token again into whatever sends it. A good token from the same address is not held up.";
    NO_HOST = 3012, 400, None, "The request names no host, or more than one",
        "Send one Host header with the name and the port of the server; every client of HTTP/1.1 does so by itself. A proxy passes it on as it came.";
    INTERNAL = 5001, 500, None, "Something is broken inside the server",
        "Give the request id to whoever runs the server; its log has the cause.";
    UNAVAILABLE = 5002, 503, None, "The database does not answer",
        "Try again after the seconds in Retry-After; nothing was changed.";
}

/// The catalogue as the Markdown page for the people who meet a code: `docs/guide/errors.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Errors\n\nEvery refusal carries a code at the end of its `detail`, such as `(PRV-1007)`. A code keeps its meaning for ever.\n",
    );
    let areas = [(1, "The protocol"), (2, "Who may do what"), (3, "Limits"), (5, "The server itself")];
    for (area, title) in areas {
        page.push_str(&format!(
            "\n## {title}\n\n| code | status | scimType | what happened | what to do |\n|---|--:|---|---|---|\n"
        ));
        for entry in CATALOGUE.iter().filter(|entry| entry.code.number() / 1000 == area) {
            let Entry { code, status, scim_type, title, fix } = entry;
            let scim_type = scim_type.map_or_else(String::new, |scim_type| format!("`{}`", scim_type.as_str()));
            page.push_str(&format!("| {code} | {status} | {scim_type} | {title} | {fix} |\n"));
        }
    }
    page
}

impl Code {
    /// The catalogue entry of this code.
    pub fn entry(self) -> Option<&'static Entry> {
        CATALOGUE.iter().find(|entry| entry.code == self)
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        self.entry().map_or(500, |entry| entry.status)
    }

    /// The protocol's keyword that goes with it.
    pub fn scim_type(self) -> Option<ScimType> {
        self.entry().and_then(|entry| entry.scim_type)
    }

    /// The number without its prefix.
    pub fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PRV-{:04}", self.0)
    }
}
