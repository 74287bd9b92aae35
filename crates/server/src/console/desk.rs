//! Who sits at the console: the session behind every page, the token behind every form.

use super::shell;
use crate::app::App;
use crate::auth::Origin;
use crate::error::Error;
use crate::tenants::TenantState;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use maud::html;
use scim::Code;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use store::{Operator, Role};

/// Everything that a page knows about its request.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) app: App,
    /// The tenant that the operator looks at.
    pub(crate) tenant: Arc<TenantState>,
    pub(crate) operator: Arc<Operator>,
    /// The session's token for forms.
    pub(crate) csrf: Arc<str>,
    pub(crate) theme: Theme,
    pub(crate) now: i64,
    /// htmx asks for a part of a page.
    pub(crate) is_htmx: bool,
    /// Path and query of the request.
    pub(crate) path: String,
    pub(crate) query: String,
    /// The SCIM endpoint of the tenant as this browser reaches the server.
    pub(crate) endpoint: Arc<str>,
    pub(crate) origin: Origin,
    /// What the page before has to say, once.
    pub(crate) flash: Option<Flash>,
}

impl Desk {
    /// Whether the operator may change things; buttons that may not be pressed are not shown.
    pub(crate) fn may_change(&self) -> bool {
        self.operator.role >= Role::Admin
    }

    /// Refuses whoever has a smaller role.
    pub(crate) fn at_least(&self, role: Role) -> Result<(), Fault> {
        if self.operator.role >= role {
            return Ok(());
        }
        let detail = format!("this needs the role {}; yours is {}", role.as_str(), self.operator.role.as_str());
        Err(Error::new(Code::SCOPE, detail).into())
    }

    /// Ends a change: to that page, which says this sentence once.
    pub(crate) fn done(&self, to: &str, flash: Flash) -> Shown {
        let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, to.to_owned())]).into_response();
        if let Ok(cookie) = HeaderValue::from_str(&flash.cookie()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Desk {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        let missing = || Fault::from(Error::new(Code::INTERNAL, "the page is not behind the sign-in"));
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

/// The fields of a form. Its token was looked at before (`enter`).
#[derive(Debug)]
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Fault;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fault> {
        match axum::extract::Form::<T>::from_request(request, state).await {
            Ok(axum::extract::Form(fields)) => Ok(Self(fields)),
            Err(_) => Err(scim::Error::invalid_value("the form is incomplete; load the page again").into()),
        }
    }
}

/// Colours: as the system says, or as the operator chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }
}

/// A sentence about what was just done, shown once on the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flash {
    pub(crate) good: bool,
    pub(crate) text: String,
    /// Where a POST undoes it, with its fields (`users.update=true`).
    pub(crate) undo: Option<(String, Vec<(String, String)>)>,
}

impl Flash {
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { good: true, text: text.into(), undo: None }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { good: false, text: text.into(), undo: None }
    }

    /// With a button that takes it back.
    #[must_use]
    pub(crate) fn undo(mut self, action: &str, fields: &[(&str, &str)]) -> Self {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.undo = Some((action.to_owned(), fields));
        self
    }

    fn cookie(&self) -> String {
        String::new()
    }
}

/// What a page answers.
pub(crate) type Shown = Result<Response<Body>, Fault>;

/// A page that could not be shown; becomes a page of its own that says what, why and what to do.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Error);

impl<E: Into<Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response<Body> {
        let error = self.0.to_scim("");
        let body = html! { h1 { "This did not work" } p { (error.detail) } };
        let mut response = shell::bare(Theme::System, "Error", body);
        *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response
    }
}

/// Lets in who is signed in, and changes nothing for who did not mean to.
pub(crate) async fn enter(State(_app): State<App>, request: Request, next: Next) -> Response<Body> {
    if request.extensions().get::<Desk>().is_none() {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, "/login")]).into_response();
    }
    next.run(request).await
}
