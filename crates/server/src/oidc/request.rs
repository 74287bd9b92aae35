//! An authentication request (OpenID Connect Core §3.1.2.1), judged: to whom the answer goes, and what is asked.

use super::refusal::Refusal;
use crate::query;
use store::OidcClient;

/// The parameters, each at most once.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query or a form. A parameter without a value is left out (RFC 6749 §3.1).
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let mut all: Vec<(String, String)> = Vec::new();
        for (name, value) in query::pairs(text).filter(|(_, value)| !value.is_empty()) {
            if all.iter().any(|(have, _)| *have == name) {
                return Err(Refusal::request(format!(
                    "the parameter {} is there twice",
                    crate::redact::cut(&name, 40)
                )));
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.find(name).ok_or_else(|| Refusal::request(format!("{name} is missing")))
    }
}

/// Where an answer may be sent. Until this is known, whoever asks learns nothing but from a page.
#[derive(Clone, Debug)]
pub(super) struct Addressee {
    pub(super) client: OidcClient,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
}

impl Addressee {
    pub(super) fn of(parameters: &Parameters, client: Option<OidcClient>) -> Result<Self, Refusal> {
        let client = client.ok_or_else(|| {
            Refusal::new("unauthorized_client", "no application with this client_id is registered here")
        })?;
        if !client.settings.enabled {
            return Err(Refusal::new("unauthorized_client", "the application is switched off"));
        }
        let redirect_uri = parameters.required("redirect_uri")?;
        if !client.settings.redirect_uris.iter().any(|known| known == redirect_uri) {
            let why = "the redirect_uri is not registered for this application; both have to be the same, character by character";
            return Err(Refusal::request(why));
        }
        let (redirect_uri, state) = (redirect_uri.to_owned(), parameters.find("state").map(str::to_owned));
        Ok(Self { client, redirect_uri, state })
    }

    /// The address with an answer.
    pub(super) fn with(&self, issuer: &str, answer: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().unwrap_or_default();
        let all = answer.iter().chain([("state", state), ("iss", issuer)].iter()).copied().collect::<Vec<_>>();
        let query = query::address("", &all);
        let joint = if self.redirect_uri.contains('?') { "&" } else { "?" };
        format!("{}{joint}{}", self.redirect_uri, query.trim_start_matches('?'))
    }
}

/// How much the person may be bothered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prompt {
    /// As much as it takes.
    Any,
    /// Not at all.
    None,
    /// They have to prove who they are again.
    Login,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct AuthenticationRequest {
    pub(super) to: Addressee,
    pub(super) scope: String,
    pub(super) nonce: Option<String>,
    pub(super) challenge: String,
    pub(super) prompt: Prompt,
    /// Microseconds since the person proved who they are, at the most.
    pub(super) max_age: Option<i64>,
    pub(super) id_token_hint: Option<String>,
}

/// The scopes that mean something here; others are passed over, as the standard wants.
const SCOPES: [&str; 4] = ["openid", "profile", "email", "groups"];
/// Longest `nonce` and `state`.
const MARK_BYTES_MAX: usize = 1_024;

impl AuthenticationRequest {
    pub(super) fn read(parameters: &Parameters, to: Addressee) -> Result<Self, Refusal> {
        unsupported(parameters)?;
        match parameters.required("response_type")? {
            "code" => {}
            _ => return Err(Refusal::new("unsupported_response_type", "response_type has to be code")),
        }
        if parameters.find("response_mode").is_some_and(|mode| mode != "query") {
            return Err(Refusal::request("response_mode has to be query"));
        }
        let nonce = parameters.find("nonce").map(str::to_owned);
        if [&nonce, &to.state].into_iter().flatten().any(|mark| mark.len() > MARK_BYTES_MAX) {
            return Err(Refusal::request(format!("state and nonce take {MARK_BYTES_MAX} bytes at the most")));
        }
        Ok(Self {
            to,
            scope: scope(parameters)?,
            nonce,
            challenge: challenge(parameters)?,
            prompt: prompt(parameters)?,
            max_age: max_age(parameters)?,
            id_token_hint: parameters.find("id_token_hint").map(str::to_owned),
        })
    }
}

fn unsupported(parameters: &Parameters) -> Result<(), Refusal> {
    for (name, error) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        if parameters.find(name).is_some() {
            return Err(Refusal::new(error, format!("{name} is not taken here; send plain parameters")));
        }
    }
    Ok(())
}

fn scope(parameters: &Parameters) -> Result<String, Refusal> {
    let asked = parameters.find("scope").unwrap_or_default();
    let known: Vec<&str> = SCOPES.into_iter().filter(|scope| asked.split(' ').any(|word| word == *scope)).collect();
    if known.first() != Some(&"openid") {
        return Err(Refusal::new(
            "invalid_scope",
            "scope has to hold openid; profile, email and groups may go with it",
        ));
    }
    Ok(known.join(" "))
}

/// PKCE (RFC 7636), for every client: what is sent through the browser is of no use to whoever catches it.
fn challenge(parameters: &Parameters) -> Result<String, Refusal> {
    let without = "PKCE is required: send code_challenge, and code_challenge_method=S256";
    let challenge = parameters.find("code_challenge").ok_or_else(|| Refusal::request(without))?;
    if parameters.find("code_challenge_method") != Some("S256") {
        return Err(Refusal::request("code_challenge_method has to be S256"));
    }
    let fits = challenge.len() == 43 && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if !fits {
        return Err(Refusal::request(
            "code_challenge has to be the SHA-256 of the verifier in base64url: 43 characters",
        ));
    }
    Ok(challenge.to_owned())
}

fn prompt(parameters: &Parameters) -> Result<Prompt, Refusal> {
    let words: Vec<&str> = parameters.find("prompt").unwrap_or_default().split(' ').filter(|w| !w.is_empty()).collect();
    let known = ["none", "login", "consent", "select_account"];
    if words.iter().any(|word| !known.contains(word)) {
        return Err(Refusal::request("prompt takes none, login, consent and select_account"));
    }
    if words.contains(&"none") {
        let alone = words.len() == 1;
        return if alone { Ok(Prompt::None) } else { Err(Refusal::request("prompt=none goes with nothing else")) };
    }
    // Whoever registered the application has consented for everybody.
    let again = words.iter().any(|word| matches!(*word, "login" | "select_account"));
    Ok(if again { Prompt::Login } else { Prompt::Any })
}

fn max_age(parameters: &Parameters) -> Result<Option<i64>, Refusal> {
    let Some(text) = parameters.find("max_age") else { return Ok(None) };
    let seconds: u32 = text.parse().map_err(|_| Refusal::request("max_age is a number of seconds"))?;
    Ok(Some(i64::from(seconds) * 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::OidcSettings;

    fn read(extra: &str) -> Result<AuthenticationRequest, Refusal> {
        let settings =
            OidcSettings { redirect_uris: vec!["https://app.example/cb?x=1".into()], ..OidcSettings::default() };
        let client = OidcClient { id: "app".into(), settings, ..OidcClient::default() };
        let text = format!("client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb%3Fx%3D1&{extra}");
        let parameters = Parameters::read(&text)?;
        AuthenticationRequest::read(&parameters, Addressee::of(&parameters, Some(client))?)
    }

    fn good(extra: &str) -> String {
        let challenge = "a".repeat(43);
        format!(
            "response_type=code&scope=openid+email+more&code_challenge={challenge}&code_challenge_method=S256{extra}"
        )
    }

    #[test]
    fn what_is_asked_is_read() {
        let request = read(&good("&state=a%26b&nonce=n&max_age=5&prompt=consent")).unwrap();
        assert_eq!((request.scope.as_str(), request.max_age), ("openid email", Some(5_000_000)));
        assert_eq!((request.prompt, request.nonce.as_deref()), (Prompt::Any, Some("n")));
        let answer = request.to.with("https://i.example", &[("code", "c")]);
        assert_eq!(answer, "https://app.example/cb?x=1&code=c&state=a%26b&iss=https%3A%2F%2Fi.example");
    }

    #[test]
    fn what_cannot_be_asked_is_refused_in_the_words_of_the_standard() {
        for (extra, error) in [
            ("".to_owned(), "invalid_request"),
            (good("&request=x"), "request_not_supported"),
            (good("&request_uri=x"), "request_uri_not_supported"),
            (good("&registration=x"), "registration_not_supported"),
            (good("").replace("response_type=code", "response_type=token"), "unsupported_response_type"),
            (good("&response_mode=fragment"), "invalid_request"),
            (good("").replace("openid", "profile"), "invalid_scope"),
            (good("").replace("S256", "plain"), "invalid_request"),
            (good("").replace(&"a".repeat(43), "short"), "invalid_request"),
            (good("&prompt=none+login"), "invalid_request"),
            (good("&prompt=dance"), "invalid_request"),
            (good("&max_age=-1"), "invalid_request"),
            (good("&nonce=1&nonce=2"), "invalid_request"),
        ] {
            assert_eq!(read(&extra).unwrap_err().error, error, "{extra}");
        }
    }
}
