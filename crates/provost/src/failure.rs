//! How a command ends when it does not succeed: exit code, catalogue code, what happened, what to do.
//!
//! Invariant: the exit codes are part of the interface (`docs/guide/cli.md`); none changes its meaning.

use scim::Code;
use serde_json::{Value, json};
use std::fmt;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// The operation failed.
    Failed = 1,
    /// Wrong usage, or it would have to ask and there is nobody to answer.
    Usage = 2,
    /// The configuration or the data folder cannot be used.
    Configuration = 3,
    /// Not signed in, or not allowed.
    Forbidden = 4,
    /// There is no such thing.
    NotFound = 5,
    /// Somebody else has it: a name, a port, the data folder.
    Conflict = 6,
    /// The server cannot be reached.
    Unreachable = 7,
    /// A check found something.
    Findings = 11,
    /// Ctrl-C.
    Interrupted = 130,
}

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// `PRV-nnnn`: the server's, or `PRV-40nn` with the exit code in it.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub fix: Option<String>,
}

/// What a fallible function of this crate returns.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure of the command line's own, with what to do about it.
    pub fn new(exit: Exit, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let fix = Some(fix.into()).filter(|fix| !fix.is_empty());
        Self { exit, code: format!("PRV-{:04}", 4000 + u16::from(exit as u8)), message: message.into(), fix }
    }

    /// Wrong usage.
    pub fn usage(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message, fix)
    }

    /// What an answer with an error status says, in the form of the admin API or in that of SCIM.
    pub fn from_answer(status: u16, body: &Value) -> Self {
        let exit = match status {
            401 | 403 => Exit::Forbidden,
            404 => Exit::NotFound,
            409 | 412 => Exit::Conflict,
            _ => Exit::Failed,
        };
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(error) = body.get("error") {
            let message = text(error, "message").unwrap_or_else(|| format!("the server answered {status}"));
            let code = text(error, "code").unwrap_or_else(|| format!("PRV-{:04}", 4000 + u16::from(exit as u8)));
            return Self { exit, code, message, fix: text(error, "fix") };
        }
        let Some(detail) = text(body, "detail") else {
            let fix = "check that the address is a Provost server's, without /scim/v2 behind it";
            return Self::new(exit, format!("the server answered {status} without saying why"), fix);
        };
        let (message, code) = match detail.strip_suffix(')').and_then(|rest| rest.rsplit_once(" (PRV-")) {
            Some((message, number)) => (message.to_owned(), format!("PRV-{number}")),
            None => (detail.clone(), format!("PRV-{:04}", 4000 + u16::from(exit as u8))),
        };
        let fix = scim::code::CATALOGUE.iter().find(|entry| entry.code.to_string() == code).map(|entry| entry.fix);
        Self { exit, code, message, fix: fix.map(str::to_owned) }
    }

    /// As `--json` prints it.
    pub fn to_json(&self) -> Value {
        let page = if self.code.starts_with("PRV-40") { "cli.md" } else { "errors.md" };
        json!({"error": {
            "code": self.code,
            "message": self.message,
            "fix": self.fix,
            "docs": format!("docs/guide/{page}"),
        }})
    }
}

impl From<scim::Error> for Failure {
    fn from(error: scim::Error) -> Self {
        let exit = if error.code == Code::NOT_FOUND { Exit::NotFound } else { Exit::Failed };
        Self {
            exit,
            code: error.code.to_string(),
            message: error.detail,
            fix: error.code.entry().map(|entry| entry.fix.to_owned()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scim_error_keeps_its_code_and_gets_the_fix_of_the_catalogue() {
        let failure = Failure::from_answer(404, &scim::Error::not_found("there is no such user").to_json());
        assert_eq!(failure.exit, Exit::NotFound);
        assert_eq!(failure.code, "PRV-1008");
        assert_eq!(failure.message, "there is no such user");
        assert!(failure.fix.is_some());
    }

    #[test]
    fn an_error_of_the_admin_api_is_taken_as_it_is() {
        let body = json!({"error": {"code": "PRV-1007", "status": 409, "message": "taken", "fix": "use another"}});
        let failure = Failure::from_answer(409, &body);
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Conflict, "PRV-1007"));
        assert_eq!(failure.to_json()["error"]["docs"], "docs/guide/errors.md");
    }

    #[test]
    fn an_answer_that_is_not_ours_says_so() {
        let failure = Failure::from_answer(502, &Value::Null);
        assert_eq!((failure.exit, failure.code.as_str()), (Exit::Failed, "PRV-4001"));
    }
}
