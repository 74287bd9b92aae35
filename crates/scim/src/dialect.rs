//! The leniencies that real identity providers need, each with a name and a switch per tenant.
//!
//! Invariant: every field has its entry in `docs/deviations.toml` (who sends it, why, the test that
//! pins it); a test compares the two.

use serde::{Deserialize, Serialize};

macro_rules! dialect {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Which deviations from the letter of the RFCs are accepted; all of them by default.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Dialect { $($(#[$doc])* pub $name: bool,)* }

        impl Dialect {
            /// The letter of the RFCs: a tenant that is *strict*.
            pub const STRICT: Self = Self { $($name: false,)* };
            /// What real clients send is understood.
            pub const LENIENT: Self = Self { $($name: true,)* };
            /// The names of all leniencies.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Switches one by its name; `false` if there is none of that name.
            pub fn set(&mut self, name: &str, on: bool) -> bool {
                match name { $(stringify!($name) => self.$name = on,)* _ => return false }
                true
            }

            /// Each name with its state.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

dialect! {
    /// `op` of a PATCH operation in any case: `Add`, `Replace`.
    op_any_case,
    /// `"True"` and `"false"` where a boolean is due.
    boolean_strings,
    /// A number or boolean where a string is due.
    numbers_for_strings,
    /// `"x"` where a complex attribute with a `value` is due, also JSON inside the string.
    scalar_for_complex,
    /// One object where a list is due.
    object_for_array,
    /// A list of one where a single value is due.
    array_for_single,
    /// Names with dots or URNs as keys of a body, also split at the dots.
    keys_as_paths,
    /// `""` takes an optional attribute away.
    empty_string_unassigns,
    /// `add` or `replace` at `emails[type eq "work"].value` makes the missing element.
    create_missing_element,
    /// `remove` with a list of values takes only these away.
    remove_listed_values,
    /// Unknown attributes are dropped and reported instead of refused.
    unknown_attributes_dropped,
    /// Unknown URNs in `schemas` are ignored, and missing ones supplied.
    unknown_schemas_ignored,
    /// Attributes that only the server writes are ignored in a pathless PATCH value.
    read_only_ignored,
    /// Members that do not exist are dropped and reported instead of refused.
    unknown_members_dropped,
    /// An extension's attribute by its bare name in a filter or path.
    bare_extension_names,
    /// A PATCH or bulk message without its own URN in `schemas`.
    message_schema_optional,
    /// A POST of a bulk message without a `bulkId`.
    bulk_id_optional,
    /// An `Authorization` header that holds the token alone.
    bare_token,
}

impl Default for Dialect {
    fn default() -> Self {
        Self::LENIENT
    }
}
