//! `provost operator …`: the people at the console.

use super::{Cx, rows};
use crate::cli::{Operator, Role};
use crate::client::encoded;
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, instant, text, yes};
use crate::secret::confirm;
use reqwest::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/operators";

pub(super) async fn run(cx: &Cx, command: Operator) -> Result<()> {
    match command {
        Operator::SetupLink => {
            let made = cx.client.call(Method::POST, &format!("{PATH}/setup-link"), None).await?;
            show(cx, "operator.setup-link", &made, "Good once, until there is an owner; an earlier link has ended.")
        }
        Operator::List => list(cx).await,
        Operator::Invite { email, name, role } => {
            let body = json!({"email": email, "name": name, "role": role.as_str()});
            let made = cx.client.call(Method::POST, PATH, Some(&body)).await?;
            show(cx, "operator.invite", &made, "Pass it on: it is good once, for three days.")
        }
        Operator::Link { email } => {
            let id = id_of(cx, &email).await?;
            let made = cx.client.call(Method::POST, &format!("{PATH}/{}/link", encoded(&id)), None).await?;
            show(cx, "operator.link", &made, "Pass it on: it is good once, for three days.")
        }
        Operator::Role { email, role } => {
            change(cx, &email, &json!({"role": role.as_str()}), &format!("{email} is {} now.", role.as_str())).await
        }
        Operator::Disable { email } => {
            confirm(&format!("sign {email} out everywhere and let them in no more"), cx.yes)?;
            change(cx, &email, &json!({"disabled": true}), &format!("{email} is disabled.")).await
        }
        Operator::Enable { email } => {
            change(cx, &email, &json!({"disabled": false}), &format!("{email} is enabled.")).await
        }
        Operator::Delete { email } => {
            let id = id_of(cx, &email).await?;
            confirm(&format!("delete the operator {email}"), cx.yes)?;
            cx.client.call(Method::DELETE, &format!("{PATH}/{}", encoded(&id)), None).await?;
            cx.out.done("operator.delete", &json!({"email": email}), &format!("{email} is deleted."))
        }
    }
}

/// The link is the data; what to know about it goes beside.
fn show(cx: &Cx, schema: &str, made: &Value, about: &str) -> Result<()> {
    cx.out.one(schema, made, &text(made, "link"))?;
    cx.out.note(about);
    Ok(())
}

async fn list(cx: &Cx) -> Result<()> {
    let (operators, next) = rows(&cx.client.get(PATH).await?);
    let columns: [Column<'_>; 6] = [
        ("EMAIL", &|row| text(row, "email")),
        ("NAME", &|row| text(row, "name")),
        ("ROLE", &|row| text(row, "role")),
        ("2ND FACTOR", &|row| yes(row, "secondFactor")),
        ("LAST SIGN-IN", &|row| instant(row, "lastSignInAt")),
        ("DISABLED", &|row| instant(row, "disabledAt")),
    ];
    cx.out.list("operator.list", &columns, &operators, &next)
}

async fn id_of(cx: &Cx, email: &str) -> Result<String> {
    let (operators, _) = rows(&cx.client.get(PATH).await?);
    let found = operators.iter().find(|operator| text(operator, "email").eq_ignore_ascii_case(email));
    let missing =
        || Failure::new(Exit::NotFound, format!("there is no operator {email}"), "see `provost operator list`");
    found.map(|operator| text(operator, "id")).ok_or_else(missing)
}

async fn change(cx: &Cx, email: &str, body: &Value, sentence: &str) -> Result<()> {
    let id = id_of(cx, email).await?;
    let changed = cx.client.call(Method::PATCH, &format!("{PATH}/{}", encoded(&id)), Some(body)).await?;
    cx.out.done("operator.change", &changed, sentence)
}

impl Role {
    /// As the API calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }
}
