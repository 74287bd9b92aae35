//! The sample data of a demo, put back: everything in it goes, and whoever furnished it furnishes it again.
//!
//! The server does not know the sample data: the demo is made by nothing but what everybody can use. It is told, and says
//! when it is done. Operators, their sessions and the audit trail stay.

use super::{audited, missing};
use crate::app::App;
use crate::auth::Actor;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::limits;
use crate::tenants::DEFAULT;
use scim::Code;
use serde_json::json;
use store::{Definitions, Settings};
use tokio::sync::{mpsc, oneshot};

/// The server is empty: say here when the sample data is back, or why it is not.
pub type Furnish = oneshot::Sender<std::result::Result<(), String>>;

/// Whoever furnishes a demo listens at the other end.
pub type Furnisher = mpsc::Sender<Furnish>;

/// Whether this server is a demo.
pub(crate) fn is_one(app: &App) -> bool {
    app.config().demo.is_some()
}

/// Puts the sample data back. What was added since is gone, tenants, tokens and logs included.
pub(crate) async fn reset(app: &App, actor: &Actor) -> Result<()> {
    let furnisher = app.config().demo.clone().ok_or_else(|| missing("this server is no demo; see: provost demo"))?;
    let now = app.clock().now();
    audited(app, actor, ("demo.reset", "demo".to_owned(), json!({})), move |w| {
        for tenant in w.tenants()? {
            w.tenant_delete(tenant.id)?;
        }
        Ok(w.tenant_insert(DEFAULT, &Settings::default(), &Definitions::default(), now).map(|_| ())?)
    })
    .await?;
    app.reload().await?;
    let (done, told) = oneshot::channel();
    let broken =
        |why: String| Error::new(Code::INTERNAL, format!("everything is gone, and the sample data is not back: {why}"));
    furnisher.send(done).await.map_err(|_| broken("the demo is ending".into()))?;
    match tokio::time::timeout(limits::DEMO_RESET_TIME, told).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(why))) => return Err(broken(why)),
        Ok(Err(_)) => return Err(broken("the demo is ending".into())),
        Err(_) => return Err(broken("it takes too long".into())),
    }
    for state in app.tenants().all() {
        for topic in [Topic::Apps, Topic::Settings] {
            app.events().publish(state.tenant.id, topic);
        }
    }
    Ok(())
}
