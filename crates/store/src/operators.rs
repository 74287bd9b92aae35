//! Operators: the people at the console, and what they sign in with. Not here: `User`, the SCIM resource.

use serde::{Deserialize, Serialize};

/// What an operator may do; each role may do what the one before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at everything and changes nothing.
    #[default]
    Auditor,
    /// Changes everything but operators and their keys.
    Admin,
    /// Everything.
    Owner,
}

impl Role {
    /// All of them, the greatest first.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Auditor];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// The role of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A person at the console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// Its id.
    pub id: String,
    /// What they sign in with; lower case.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// argon2id, in the PHC form; nothing before they have chosen a password.
    pub password: Option<String>,
    /// The TOTP secret, sealed; nothing without a second factor.
    pub totp: Option<Vec<u8>>,
    /// The last time step whose code was used, so that a code works once.
    pub totp_step: i64,
    /// When they were made.
    pub created_at: i64,
    /// Since when they may not sign in.
    pub disabled_at: Option<i64>,
    /// When they last signed in.
    pub seen_at: Option<i64>,
}
