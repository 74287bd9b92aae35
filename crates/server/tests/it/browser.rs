//! A browser without a screen: keeps cookies, finds the token of forms in the page, sends what a browser would.

use crate::desk::Desk;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use server::Peer;
use std::collections::BTreeMap;

pub const EMAIL: &str = "ana@example.com";
pub const PASSWORD: &str = "correct horse battery";

pub struct Browser<'d> {
    pub desk: &'d Desk,
    pub cookies: BTreeMap<String, String>,
    pub address: [u8; 4],
    /// Sent with every request that changes something.
    pub site: &'static str,
    /// The token of the session's forms, as the last page had it.
    pub token: String,
}

pub struct Shown {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Shown {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// What stands between two pieces of the page.
    pub fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.text.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.text));
        rest.split_once(after).unwrap().0.to_owned()
    }
}

impl<'d> Browser<'d> {
    pub fn new(desk: &'d Desk) -> Self {
        let address = [192, 0, 2, 1];
        Self { desk, cookies: BTreeMap::new(), address, site: "same-origin", token: String::new() }
    }

    /// With the first owner made and signed in.
    pub async fn owner(desk: &'d Desk) -> Self {
        let link = desk.local("POST", "/api/v1/operators/setup-link", serde_json::Value::Null).await;
        let code = link.body["link"].as_str().unwrap().split_once("code=").unwrap().1.to_owned();
        let mut browser = Self::new(desk);
        let fields = [("code", code.as_str()), ("name", "Ana Ruiz"), ("email", EMAIL), ("password", PASSWORD)];
        let made = browser.post("/setup", &fields).await;
        assert_eq!((made.status, made.location()), (303, "/app/setup"), "{}", made.text);
        assert_eq!(browser.get("/account").await.status, 200);
        browser
    }

    /// With an operator of that role, invited by the owner and signed in.
    pub async fn invited(owner: &mut Browser<'d>, email: &str, role: &str) -> Self {
        let page =
            owner.post("/app/settings/operators", &[("name", "Bea Cruz"), ("email", email), ("role", role)]).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let code = page.between("/setup?code=", "\"");
        let mut browser = Self::new(owner.desk);
        let made = browser.post("/setup", &[("code", &code), ("password", PASSWORD)]).await;
        assert_eq!((made.status, made.location()), (303, "/app"), "{}", made.text);
        assert_eq!(browser.get("/account").await.status, 200);
        browser
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> Shown {
        self.post("/login", &[("email", email), ("password", password), ("next", "/account")]).await
    }

    pub async fn get(&mut self, path: &str) -> Shown {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.send(request).await
    }

    /// A form, with the session's token if there is one.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let token = self.token.clone();
        let mut all: Vec<(&str, &str)> = fields.to_vec();
        all.push(("csrf", &token));
        self.post_bare(path, &all).await
    }

    pub async fn post_bare(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
        let body: Vec<String> = fields.iter().map(pair).collect();
        let request = self
            .request("POST", path)
            .header("sec-fetch-site", self.site)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body.join("&")));
        self.send(request.unwrap()).await
    }

    pub fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let builder = Request::builder().method(method).uri(path).header("host", "localhost:8080");
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if cookies.is_empty() { builder } else { builder.header("cookie", cookies.join("; ")) }
    }

    pub async fn send(&mut self, request: Request<Body>) -> Shown {
        let answer = self.desk.send(Some(Peer::Remote((self.address, 1).into())), request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let (pair, rest) = cookie.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if rest.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let shown = Shown { status: answer.status, headers: answer.headers, text: answer.text };
        if shown.text.contains("name=\"csrf\" content=\"") {
            self.token = shown.between("name=\"csrf\" content=\"", "\"");
        }
        shown
    }
}

pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
