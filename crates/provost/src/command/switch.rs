//! `provost switch …`: which operations an identity provider may use.

use super::Cx;
use crate::cli::{Setting, Switch, merged};
use crate::failure::Result;
use crate::output::text;
use reqwest::Method;
use serde_json::Value;

pub(super) async fn run(cx: &Cx, command: Switch) -> Result<()> {
    match command {
        Switch::Show => {
            let switches = cx.client.get(&cx.path("/switches")).await?;
            cx.out.one("switch.show", &switches, &shown(&switches))
        }
        Switch::Set { switches } => {
            let settings: Vec<Setting> = switches.into_iter().map(|switch| switch.0).collect();
            let switches = cx.client.call(Method::PATCH, &cx.path("/switches"), Some(&merged(&settings))).await?;
            cx.out.one("switch.set", &switches, &shown(&switches))
        }
    }
}

fn shown(switches: &Value) -> String {
    let mut out = String::from("          create  read  update  delete\n");
    for of in ["users", "groups"] {
        out.push_str(&format!("{of:<8}"));
        for (operation, width) in [("create", 8), ("read", 6), ("update", 8), ("delete", 8)] {
            let state = match text(switches, &format!("{of}.{operation}")).as_str() {
                "true" => "on".to_owned(),
                "false" => "off".to_owned(),
                other => other.to_owned(),
            };
            out.push_str(&format!("{state:>width$}"));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn switches_are_a_small_table() {
        let all = json!({"create": true, "read": true, "update": true, "delete": false});
        let shown = shown(&json!({"users": all, "groups": all}));
        assert!(shown.contains("users         on    on      on     off\n"), "{shown}");
    }
}
