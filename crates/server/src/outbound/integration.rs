//! An app as the engine works with it: its row, `provision::App` in it, and the options around that.

use super::others;
use crate::error::{Error, Result};
use crate::limits;
use provision::import::{Matching, OnBack, OnGone, SAFEGUARD_PERCENT};
use provision::mapping::Rows;
use provision::reconcile::Reactions;
use scim::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use store::AppRow;

/// How the engine shows who it is. The secret is apart, sealed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Authentication {
    /// `Authorization: Bearer …` (*HTTP Header* in Okta's words).
    #[default]
    Bearer,
    /// Name and password; the secret is `name:password`.
    Basic,
    /// The whole value of `Authorization`, as it is.
    Header,
    /// An access token that an authorization server gives to the client whose secret it is ([`OAuth`]).
    #[serde(rename = "oauth2")]
    OAuth2,
    /// Nothing.
    None,
}

/// How the client shows its authorization server who it is (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ClientAuthentication {
    /// With `Authorization: Basic` (`client_secret_basic`).
    #[default]
    Basic,
    /// In the body (`client_secret_post`).
    Post,
}

/// In which way an access token is come by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Grant {
    /// The client asks for itself (RFC 6749 §4.4).
    #[default]
    ClientCredentials,
    /// Somebody has agreed to it in a browser (§4.1), and it is renewed with a refresh token (§6).
    AuthorizationCode,
}

/// Where access tokens come from (RFC 6749). The client's secret is apart, sealed, and so is what somebody has agreed to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct OAuth {
    /// In which way.
    pub(crate) grant: Grant,
    /// With `authorizationCode`: where somebody agrees.
    pub(crate) authorize_url: String,
    /// The token endpoint.
    pub(crate) token_url: String,
    /// The revocation endpoint (RFC 7009), if there is one: told what is forgotten here.
    pub(crate) revoke_url: String,
    /// What the client is called there.
    pub(crate) client_id: String,
    /// How it shows who it is.
    pub(crate) client_authentication: ClientAuthentication,
    /// Which scopes are asked for, with spaces between them.
    pub(crate) scope: String,
    /// For whom the token is, where a server has to be told that.
    pub(crate) audience: String,
}

impl OAuth {
    /// Whether somebody has to agree.
    pub(crate) fn is_agreed(&self) -> bool {
        self.grant == Grant::AuthorizationCode
    }

    /// What cannot be asked for like this, if anything.
    fn problem(&self) -> Option<String> {
        let texts = [
            ("tokenUrl", &self.token_url),
            ("authorizeUrl", &self.authorize_url),
            ("revokeUrl", &self.revoke_url),
            ("clientId", &self.client_id),
            ("scope", &self.scope),
            ("audience", &self.audience),
        ];
        let odd = |text: &str| text.len() > limits::OAUTH_SETTING_BYTES_MAX || text.chars().any(char::is_control);
        if let Some((name, _)) = texts.iter().find(|(_, text)| odd(text)) {
            let most = limits::OAUTH_SETTING_BYTES_MAX;
            return Some(format!("options.oauth.{name} is at most {most} bytes on one line"));
        }
        // RFC 6749 §3.3.
        let fits = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        (!self.scope.chars().all(fits)).then(|| "options.oauth.scope is names with spaces between them".to_owned())
    }
}

/// What the engine adds to `provision::App`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Options {
    /// How the engine shows who it is.
    pub(crate) authentication: Authentication,
    /// With `oauth2`: where access tokens come from.
    pub(crate) oauth: OAuth,
    /// The app is out of use: nobody signs in to it from here, and nothing is sent.
    pub(crate) deactivated: bool,
    /// Nothing is sent while this is on.
    pub(crate) paused: bool,
    /// Not among the applications on people's own page; they still sign in from the app itself.
    pub(crate) hidden: bool,
    /// How long an answer may take.
    pub(crate) timeout_seconds: u64,
    /// How often the app is scanned; nothing is only on demand.
    pub(crate) reconcile_every_hours: Option<u32>,
    /// What a scan does about what it finds.
    pub(crate) reactions: Reactions,
    /// How often the app is imported; nothing is only on demand.
    pub(crate) import_every_hours: Option<u32>,
    /// Whose an account is.
    pub(crate) matching: Matching,
    /// Most accounts, in a hundred, that an import may find missing.
    pub(crate) safeguard_percent: f64,
    /// Whether the app is where its people's lives are decided (*profile source*).
    pub(crate) profile_source: bool,
    /// Where it is: what happens to people whose accounts are gone or inactive there.
    pub(crate) on_gone: OnGone,
    /// And to those who were deactivated, when their accounts are in use again.
    pub(crate) on_back: OnBack,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            authentication: Authentication::default(),
            oauth: OAuth::default(),
            deactivated: false,
            paused: false,
            hidden: false,
            timeout_seconds: limits::OUTBOUND_TIME.as_secs(),
            reconcile_every_hours: None,
            reactions: Reactions::default(),
            import_every_hours: None,
            matching: Matching::default(),
            safeguard_percent: SAFEGUARD_PERCENT,
            profile_source: false,
            on_gone: OnGone::default(),
            on_back: OnBack::default(),
        }
    }
}

impl Options {
    /// What keeps these from being used, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let missing = |name: &str| Some(format!("give options.oauth.{name}: without it there is no access token"));
        let asks = self.authentication == Authentication::OAuth2;
        match &self.oauth {
            oauth if asks && oauth.token_url.is_empty() => missing("tokenUrl"),
            oauth if asks && oauth.client_id.is_empty() => missing("clientId"),
            oauth if asks && oauth.is_agreed() && oauth.authorize_url.is_empty() => missing("authorizeUrl"),
            oauth => oauth.problem(),
        }
    }

    /// Whether somebody has to agree at an authorization server.
    pub(crate) fn is_agreed(&self) -> bool {
        self.authentication == Authentication::OAuth2 && self.oauth.is_agreed()
    }

    /// Whether nothing is sent by itself.
    pub(crate) fn is_still(&self) -> bool {
        self.deactivated || self.paused
    }

    /// How long an answer may take.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds.clamp(1, limits::OUTBOUND_PATIENCE_MAX.as_secs()))
    }
}

/// An app, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Integration {
    /// As it is stored.
    pub(crate) row: AppRow,
    /// Profile, mappings, policy, target.
    pub(crate) app: provision::App,
    /// What the engine adds.
    pub(crate) options: Options,
    /// The attributes with their mappings.
    pub(crate) rows: Rows,
    /// What its expressions read besides its own: other apps, by their names.
    pub(crate) others: BTreeSet<String>,
}

impl Integration {
    /// Reads a row.
    pub(crate) fn of(row: AppRow) -> Result<Self> {
        let read = |error: serde_json::Error| {
            tracing::error!(%error, app = row.name, "the settings of an app cannot be read");
            Error::new(Code::INTERNAL, format!("the settings of the app {} cannot be read", row.name))
        };
        let mut app: provision::App = serde_json::from_value(row.settings.clone()).map_err(read)?;
        let options: Options = serde_json::from_value(row.options.clone()).map_err(read)?;
        (app.id, app.name) = (row.id.0.to_string(), row.name.clone());
        Ok(Self { rows: Rows::of(&app), others: others::named(&app), row, app, options })
    }

    /// Whether anything can be sent: there is an address.
    pub(crate) fn is_reachable(&self) -> bool {
        !self.app.connection.base_url.is_empty()
    }

    /// Everything that can be changed, as one document: that of `provision::App` without its id and name, and `options`.
    pub(crate) fn document(&self) -> Map<String, Value> {
        let Value::Object(mut document) = json!(self.app) else { return Map::new() };
        document.shift_remove("id");
        document.shift_remove("name");
        document.insert("options".into(), json!(self.options));
        document
    }

    /// The integration with a changed document; refuses what does not fit together.
    pub(crate) fn with_document(&self, mut document: Map<String, Value>) -> Result<Self> {
        let invalid = |error: serde_json::Error| -> Error {
            let what = format!("a setting of the app has a value that it cannot have: {error}");
            scim::Error::invalid_value(what).into()
        };
        let options = document.shift_remove("options").unwrap_or_else(|| json!(self.options));
        let options: Options = serde_json::from_value(options).map_err(invalid)?;
        let mut app: provision::App = serde_json::from_value(Value::Object(document)).map_err(invalid)?;
        (app.id, app.name) = (self.app.id.clone(), self.app.name.clone());
        if let Some(problem) = app.check().into_iter().next() {
            let detail = format!("the attribute {}: {}", problem.attribute, problem.message);
            return Err(scim::Error::invalid_value(detail).into());
        }
        let row = AppRow { settings: json!(app), options: json!(options), ..self.row.clone() };
        Ok(Self { rows: Rows::of(&app), others: others::named(&app), row, app, options })
    }
}
