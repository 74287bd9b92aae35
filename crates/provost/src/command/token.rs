//! `provost token …`

use super::{Cx, Listed, rows};
use crate::cli::{SecretOutput, Span, Token, TokenCreate};
use crate::client::encoded;
use crate::failure::Result;
use crate::output::{Column, instant, text};
use crate::secret::{SecretFile, confirm};
use reqwest::Method;
use serde_json::{Map, Value, json};
use server::egress::Network;

pub(super) async fn run(cx: &Cx, command: Token) -> Result<()> {
    match command {
        Token::Create(arguments) => create(cx, &arguments).await,
        Token::List { admin } => list(cx, admin).await,
        Token::Rotate { id, overlap, output } => rotate(cx, &id, overlap, &output).await,
        Token::Restrict { id, network, anywhere: _ } => restrict(cx, &id, &network).await,
        Token::Disable { id, admin } => disable(cx, &id, admin, true).await,
        Token::Enable { id, admin } => disable(cx, &id, admin, false).await,
        Token::Revoke { id, admin } => revoke(cx, &id, admin).await,
    }
}

async fn create(cx: &Cx, arguments: &TokenCreate) -> Result<()> {
    let file = SecretFile::open(&arguments.output)?;
    let mut body = Map::new();
    body.insert("label".into(), arguments.label.clone().into());
    if let Some(scope) = &arguments.scope {
        body.insert("scope".into(), scope.clone().into());
    }
    if let Some(life) = arguments.expires_in {
        body.insert("expiresIn".into(), life.json());
    }
    if !arguments.network.is_empty() {
        body.insert("networks".into(), written(&arguments.network).into());
    }
    let path = if arguments.admin { "/api/v1/tokens/admin".to_owned() } else { cx.path("/tokens") };
    if let Some(role) = arguments.role {
        body.insert("role".into(), role.as_str().into());
    }
    let made = cx.client.call(Method::POST, &path, Some(&body.into())).await?;
    show(cx, "token.create", made, file)?;
    if arguments.admin {
        cx.out.hint("provost status --server URL --token-file FILE");
    } else {
        cx.out.hint(&format!("paste it into the identity provider; see it used with `provost log tail{}`", cx.again()));
    }
    Ok(())
}

async fn rotate(cx: &Cx, id: &str, overlap: Span, output: &SecretOutput) -> Result<()> {
    let file = SecretFile::open(output)?;
    let id = whole_id(cx, id, false).await?;
    let path = cx.path(&format!("/tokens/{}/rotate", encoded(&id)));
    let made = cx.client.call(Method::POST, &path, Some(&json!({"overlapSeconds": overlap.0}))).await?;
    show(cx, "token.rotate", made, file)?;
    cx.out.note(&format!("The old token goes on working for {} seconds.", overlap.0));
    cx.out.hint("put the new token into the identity provider before the old one ends");
    Ok(())
}

/// Shows a secret the one time that it is known: in the file, or on standard output.
fn show(cx: &Cx, schema: &str, mut made: Value, file: Option<SecretFile>) -> Result<()> {
    let secret = text(&made, "token");
    let Some(file) = file else {
        cx.out.note("This is the only time that the token is shown:");
        return cx.out.one(schema, &made, &secret);
    };
    let path = file.keep(&secret)?;
    if let Some(map) = made.as_object_mut() {
        map.shift_remove("token");
        map.insert("outputFile".into(), path.display().to_string().into());
    }
    cx.out.done(schema, &made, &format!("The token is in {} and nowhere else.", path.display()))
}

fn listed(row: &Value, name: &str) -> String {
    let all = row.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}

/// Where the tokens are: those of the tenant, or the administrators'.
fn tokens_path(cx: &Cx, admin: bool) -> String {
    if admin { "/api/v1/tokens".to_owned() } else { cx.path("/tokens") }
}

async fn list(cx: &Cx, admin: bool) -> Result<()> {
    let (tokens, next) = rows(&cx.client.get(&tokens_path(cx, admin)).await?);
    let columns: [Column<'_>; 11] = [
        ("ID", &|row| text(row, "id")),
        ("LABEL", &|row| text(row, "label")),
        ("TOKEN", &|row| text(row, "hint")),
        ("SCOPE", &|row| text(row, "scope")),
        ("MADE", &|row| instant(row, "createdAt")),
        ("BY", &|row| text(row, "createdBy")),
        ("EXPIRES", &|row| instant(row, "expiresAt")),
        ("LAST USED", &|row| instant(row, "lastUsedAt")),
        ("FROM", &|row| text(row, "lastUsedFrom")),
        ("NETWORKS", &|row| listed(row, "networks")),
        ("STATE", &|row| text(row, "state")),
    ];
    cx.out.list("token.list", &columns, &tokens, &next)
}

fn written(networks: &[Network]) -> Vec<String> {
    networks.iter().map(ToString::to_string).collect()
}

async fn restrict(cx: &Cx, id: &str, networks: &[Network]) -> Result<()> {
    let id = whole_id(cx, id, false).await?;
    let (path, networks) = (cx.path(&format!("/tokens/{}", encoded(&id))), written(networks));
    let changed = cx.client.call(Method::PATCH, &path, Some(&json!({"networks": networks}))).await?;
    let from = if networks.is_empty() { "anywhere".to_owned() } else { format!("{} alone", networks.join(", ")) };
    cx.out.done("token.restrict", &changed, &format!("Token {id} may come from {from}."))
}

async fn disable(cx: &Cx, id: &str, admin: bool, off: bool) -> Result<()> {
    let id = whole_id(cx, id, admin).await?;
    if off {
        confirm(&format!("switch token {id} off: whoever uses it is refused until it is on again"), cx.yes)?;
    }
    let path = format!("{}/{}", tokens_path(cx, admin), encoded(&id));
    let changed = cx.client.call(Method::PATCH, &path, Some(&json!({"disabled": off}))).await?;
    let (schema, word) = if off { ("token.disable", "off") } else { ("token.enable", "on") };
    cx.out.done(schema, &changed, &format!("Token {id} is switched {word}."))
}

async fn revoke(cx: &Cx, id: &str, admin: bool) -> Result<()> {
    let id = whole_id(cx, id, admin).await?;
    confirm(&format!("end token {id} at once: whoever uses it is locked out"), cx.yes)?;
    let path = format!("{}/{}", tokens_path(cx, admin), encoded(&id));
    cx.client.call(Method::DELETE, &path, None).await?;
    cx.out.done("token.revoke", &json!({"id": id}), &format!("Token {id} is revoked."))
}

async fn whole_id(cx: &Cx, start: &str, admin: bool) -> Result<String> {
    let listed = match admin {
        false => Listed::of(cx, "/tokens", "token", "token list"),
        true => Listed {
            path: tokens_path(cx, admin),
            what: "token",
            owner: "the server".to_owned(),
            list: "token list --admin".to_owned(),
        },
    };
    listed.whole_id(cx, start).await
}
