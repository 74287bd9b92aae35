//! Somebody at the console, with cookies and no browser.

use crate::client::{Answer, Connection, Request};
use crate::harness::Server;
use crate::pages::Page;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) struct Operator {
    connection: Connection,
    cookies: BTreeMap<String, String>,
    /// What every form of the session carries.
    csrf: String,
}

impl Operator {
    /// The first owner of a server, who looks at a tenant.
    pub(crate) fn first(server: &Server, tenant: &str) -> Self {
        let link = server.admin("POST", "/operators/setup-link", None).json();
        let code = link["link"].as_str().expect("a link").split_once("code=").expect("a code").1.to_owned();
        let connection = Connection::tcp(server.address).expect("it listens");
        let mut operator = Self { connection, cookies: BTreeMap::new(), csrf: String::new() };
        let fields = format!("code={code}&name=Ana&email=ana@example.com&password=correct+horse+battery");
        assert_eq!(operator.send("/setup", Some(&fields)).status, 303);
        let page = operator.send("/account", None).text();
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
        operator.csrf = rest.split('"').next().unwrap_or_default().to_owned();
        assert_eq!(operator.send("/console/tenant", Some(&format!("tenant={tenant}"))).status, 303);
        operator
    }

    /// Opens a page; how long it took until it was there.
    pub(crate) fn open(&mut self, page: &Page) -> Duration {
        let answer = self.send(&page.path, page.form.as_deref());
        assert_eq!(answer.status, 200, "{}: {}", page.path, answer.text());
        answer.took
    }

    /// The first link of a page that has this in it.
    pub(crate) fn link(&mut self, path: &str, part: &str) -> String {
        let page = self.send(path, None).text();
        let found = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let found = found.filter(|href| href.contains(part)).last();
        found.unwrap_or_else(|| panic!("no link with {part} at {path}")).replace("&amp;", "&")
    }

    fn send(&mut self, path: &str, form: Option<&str>) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::new(if form.is_some() { "POST" } else { "GET" }, path)
            .header("Cookie", cookies.join("; "))
            .header("Sec-Fetch-Site", "same-origin");
        if let Some(form) = form {
            request = request
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(format!("{form}&csrf={}", self.csrf));
        }
        let answer = self.connection.send(&request).expect("an answer");
        for (_, value) in answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (name, value) = value.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}
