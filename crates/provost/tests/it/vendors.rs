//! What identity providers really send, replayed over HTTP from the files in `vendors/`, and what they have to
//! get back.
//!
//! A file is JSON Lines. The first line names the lists of headers of that client. A line with `story`
//! begins a story in a fresh tenant, with its variables; every further line is one exchange:
//!
//! - `send`: method and path with its raw query, as they go on the wire; `headers`: which list;
//!   `body`: the exact text; `overlay`: values laid over the JSON in the variable `echo` instead (that
//!   is how an Okta AIW app makes its PUT);
//! - `status`: what may come back; `check`: assertions, each `[JSON pointer, what, value]`;
//!   `capture`: variables from the answer; `repeat`: how often, with `{{n}}` counting from 1;
//! - `admin`: a call of the admin API of this tenant instead;
//! - `why`, `source`, `confidence`, `by`: for the reader. `by: "test"` marks what no vendor sends.
//!
//! `{{name}}` is a variable, `{{name.enc}}` the same percent-encoded, `{{rand8}}` eight characters.

mod attributes;
mod checks;
mod matrix;
mod replay;

use replay::replay;

macro_rules! files {
    ($($name:ident: $file:literal,)*) => {
        $(#[test]
        fn $name() {
            replay($file, include_str!(concat!("vendors/", $file)));
        })*
    };
}

files! {
    okta_aiw: "okta/aiw_lifecycle.jsonl",
    okta_aiw_shapes: "okta/aiw_shapes.jsonl",
    okta_oin: "okta/oin_patch.jsonl",
    okta_spec_suite: "okta/spec_suite.jsonl",
    okta_spec_11_suite: "okta/spec11_suite.jsonl",
    okta_crud_suite: "okta/crud_suite.jsonl",
    okta_entitlements: "okta/entitlements.jsonl",
    okta_error_reactions: "okta/error_reactions.jsonl",
    entra_default: "entra/default.jsonl",
    entra_flag: "entra/aadoptscim062020.jsonl",
    onelogin: "onelogin/onelogin.jsonl",
    jumpcloud: "jumpcloud/jumpcloud.jsonl",
    ping: "ping/ping.jsonl",
    probes: "probes/cyberark_rippling_google.jsonl",
}
