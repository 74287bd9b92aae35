//! Everything that can go wrong in a request, and the one place where it becomes an answer.

use crate::answer::Answer;
use scim::Code;

/// What a use case fails with.
#[derive(Debug)]
pub(crate) enum Error {
    /// The protocol's own refusal.
    Scim(scim::Error),
    /// The database's.
    Store(store::Error),
    /// Too many requests: come back in so many seconds.
    Later {
        /// Which limit it was.
        code: Code,
        /// What to do.
        detail: String,
        /// For `Retry-After`.
        seconds: u64,
    },
    /// The endpoint is there, the method is not.
    Method {
        /// For `Allow`.
        allow: &'static str,
    },
    /// The body is compressed.
    Packed,
}

/// What a fallible function of this crate returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl From<scim::Error> for Error {
    fn from(error: scim::Error) -> Self {
        Self::Scim(error)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl Error {
    /// A refusal by its catalogue code.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::Scim(scim::Error::new(code, detail))
    }

    /// The server is busy or its database does not answer.
    pub(crate) fn busy(code: Code, detail: impl Into<String>) -> Self {
        Self::Later { code, detail: detail.into(), seconds: crate::limits::RETRY_AFTER_SECONDS }
    }

    /// The error in the protocol's words; `request_id` leads an operator from a bare 500 to its log line.
    pub(crate) fn to_scim(&self, request_id: &str) -> scim::Error {
        match self {
            Self::Scim(error) => error.clone(),
            Self::Later { code, detail, .. } => scim::Error::new(*code, detail.clone()),
            Self::Method { allow } => {
                scim::Error::new(Code::METHOD, format!("this method is not served here; use {allow}"))
            }
            Self::Packed => scim::Error::new(
                Code::MEDIA_TYPE,
                "the body is compressed (Content-Encoding); send it as it is, without that header",
            ),
            Self::Store(store::Error::Conflict { attribute }) => scim::Error::uniqueness(attribute),
            Self::Store(store::Error::Stale) => scim::Error::new(
                Code::PRECONDITION,
                "the resource has changed since it was read; read it again and send its new version in If-Match",
            ),
            Self::Store(store::Error::UnknownMembers(ids)) => scim::Error::invalid_value(format!(
                "members names {} ids that do not exist in this tenant; create these resources first",
                ids.len()
            )),
            Self::Store(store::Error::SelfMember) => {
                scim::Error::invalid_value("members names the group itself; a group cannot be its own member")
            }
            Self::Store(store::Error::Unavailable) => scim::Error::new(
                Code::UNAVAILABLE,
                "the database does not take more work right now; nothing was changed, try again in a moment",
            ),
            Self::Store(store::Error::Database(why)) => scim::Error::invalid_value(why.clone()),
            Self::Store(_) => scim::Error::new(
                Code::INTERNAL,
                format!("something is broken inside the server; its log has the cause under request id {request_id}"),
            ),
        }
    }

    /// The answer of RFC 7644 §3.12. What is broken inside is logged here, once; a 4xx is not an error of ours.
    pub(crate) fn answer(&self, request_id: &str) -> Answer {
        let error = self.to_scim(request_id);
        if let (Self::Store(cause), 500..) = (self, error.status) {
            tracing::error!(request_id, error = %cause, "the database failed a request");
        }
        let mut answer = Answer::json(error.status, &error.to_json());
        match self {
            Self::Later { seconds, .. } => answer.set("retry-after", seconds.to_string()),
            Self::Store(store::Error::Unavailable) => {
                answer.set("retry-after", crate::limits::RETRY_AFTER_SECONDS.to_string());
            }
            Self::Method { allow } => answer.set("allow", (*allow).to_owned()),
            Self::Packed => answer.set("accept-encoding", "identity".to_owned()),
            _ => {}
        }
        if error.status == 401 {
            answer.set("www-authenticate", "Bearer realm=\"scim\"".to_owned());
        }
        answer.code = Some(error.code);
        answer
    }
}
