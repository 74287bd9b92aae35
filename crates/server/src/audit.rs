//! The audit trail as use cases write it: one call in the transaction of the change.

use crate::auth::Actor;
use serde_json::Value;
use store::Audit;

/// What was done by whom, for `Writer::audit_add`. `action` is `noun.verb`, `object` a path such as
/// `default/token/0190…`; `detail` holds no secret.
pub(crate) fn entry(actor: &Actor, action: &str, object: impl Into<String>, detail: Value, now: i64) -> Audit {
    Audit {
        at: now,
        actor: actor.label.clone(),
        action: action.to_owned(),
        object: object.into(),
        detail,
        address: actor.address.clone(),
        ..Audit::default()
    }
}
