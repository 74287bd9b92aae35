//! An app that takes access tokens of an authorization server: what becomes of a push when a token ends, is refused, or is
//! not to be had.

use super::many::rest;
use super::{APP, APPLICATION, COMPANY, World, person};
use crate::admin::apps::grant::{self, Arrived, Beginning};
use crate::admin::apps::{self, connector, links};
use crate::admin::tenant_of;
use crate::auth::Actor;
use crate::clock::Clock;
use crate::outbound::integration::{Integration, OAuth};
use crate::outbound::token::{Holder, Holders};
use authorization::{Authorization, CLIENT, SECRET, Says};
use provision::outcome::NoToken;
use serde_json::{Value, json};
use std::sync::Arc;
use store::{AppId, LinkQuery, Principal};
use tokio::sync::mpsc;

#[allow(dead_code, unreachable_pub)]
#[path = "../../../tests/it/authorization.rs"]
mod authorization;

const SECOND: i64 = 1_000_000;

struct Stage {
    world: World,
    server: Authorization,
    clock: Clock,
    /// Adam's id in the company; he is at the application.
    adam: String,
}

impl Stage {
    /// The application behind an authorization server, and Adam in it.
    async fn new(lives: Option<u64>) -> Self {
        let clock = Clock::manual(1_790_000_000_000_000);
        let world = World::with(clock.clone(), None).await;
        world.connect("generic").await;
        let server = Authorization::start().await;
        server.lives(lives);
        let integration = apps::find(&world.app, COMPANY, APP).await.unwrap();
        let token = {
            let id = integration.row.id;
            let sealed: Option<Vec<u8>> = world.app.store().read(move |r| r.app_credential(id)).await.unwrap();
            let plain = world.app.store().unseal(&apps::credential_purpose(&integration), &sealed.unwrap()).unwrap();
            String::from_utf8(plain).unwrap()
        };
        server.behind(&format!("{}/t/{APPLICATION}/scim/v2", world.base), &token);
        world
            .change(json!({
                "connection": {"baseUrl": server.scim_url()},
                "options": {"authentication": "oauth2", "oauth": {
                    "tokenUrl": server.token_url(), "clientId": CLIENT, "scope": "scim", "clientAuthentication": "post",
                }},
            }))
            .await;
        apps::set_credential(&world.app, &Actor::local(), COMPANY, APP, SECRET).await.unwrap();
        let adam = world.make(COMPANY, "/Users", person("adam", None)).await;
        world.assign(Principal::User, &adam).await;
        let stage = Self { world, server, clock, adam };
        stage.until_there("adam").await;
        rest(&stage.world).await;
        stage
    }

    async fn until_there(&self, name: &str) {
        let mail = format!("{name}@example.com");
        self.world.until(name, || async { self.world.account(&mail).await.is_some() }).await;
    }

    async fn title(&self, title: &str) {
        let change = json!({"op": "replace", "path": "title", "value": title});
        self.world.patch(COMPANY, &format!("/Users/{}", self.adam), change).await;
    }

    async fn until_title(&self, title: &str) {
        let there = || async { self.world.account("adam@example.com").await.unwrap()["title"] == title };
        self.world.until(title, there).await;
        rest(&self.world).await;
    }

    async fn app(&self) -> Integration {
        apps::find(&self.world.app, COMPANY, APP).await.unwrap()
    }

    /// Waits until this is wrong with the app as a whole.
    async fn until_trouble(&self, trouble: &str) {
        let is = || async { self.app().await.row.pace.is_some_and(|pace| pace["trouble"] == trouble) };
        self.world.until(trouble, is).await;
    }

    /// Somebody has to agree, from now on.
    async fn agreed(&self) {
        let authorize = format!("{}/authorize", self.server.url);
        let oauth = json!({"grant": "authorizationCode", "authorizeUrl": authorize});
        self.world.change(json!({"options": {"oauth": oauth}})).await;
    }

    /// They do.
    async fn authenticate(&self) {
        let (app, actor, known) = (&self.world.app, Actor::local(), self.app().await);
        let redirect = grant::redirect("http://127.0.0.1", COMPANY, APP);
        let beginning = Beginning { session: None, draft: None, secret: None, redirect };
        let address = grant::begin(app, &actor, COMPANY, &known, beginning).await.unwrap();
        let back = self.server.agree(&address, true);
        let (_, answer) = back.split_once('?').unwrap();
        let arrived = grant::arrive(app, &actor, COMPANY, &known, ("a session", answer)).await.unwrap();
        assert!(matches!(arrived, Arrived::Kept));
    }

    /// Links that are not due, although something is to be done: the clock stands still, so these would wait for ever.
    async fn resting(&self) -> usize {
        let (now, query) = (self.clock.now(), LinkQuery { limit: 100, ..LinkQuery::default() });
        let links = links::list(&self.world.app, COMPANY, APP, query).await.unwrap();
        links.iter().filter(|link| link.due_at.is_some_and(|at| at > now)).count()
    }

    /// What the connector's test says about the token.
    async fn tested(&self) -> (connector::Verdict, String) {
        let (steps, mut told) = mpsc::channel(64);
        connector::test_connection(&self.world.app, COMPANY, APP, steps).await.unwrap();
        while let Some(step) = told.recv().await {
            if step.about == "token" {
                return (step.verdict, step.said);
            }
        }
        panic!("no step about the token");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_renewed_before_it_ends_and_the_app_never_sees_an_old_one() {
    let stage = Stage::new(Some(300)).await;
    let form = stage.server.asked()[0].clone();
    assert_eq!((form["grant_type"].as_str(), form["scope"].as_str()), ("client_credentials", "scim"));
    assert_eq!(stage.server.asked().len(), 1, "one for all that Adam's arrival takes");
    // A minute before its end it is good for nothing new.
    for (after, title, asked) in [(239, "A", 1), (2, "B", 2), (1, "C", 2), (1_000, "D", 3)] {
        stage.clock.advance(after * SECOND);
        stage.title(title).await;
        stage.until_title(title).await;
        assert_eq!(stage.server.asked().len(), asked, "{title}");
    }
    assert_eq!(stage.server.refused(), 0);
    assert_eq!(stage.server.shown(), ["zq9-access-token-1", "zq9-access-token-2", "zq9-access-token-3"]);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_is_renewed_once_and_the_request_sent_again() {
    // Nothing is said about how long it is good.
    let stage = Stage::new(None).await;
    stage.clock.advance(30 * 24 * 3_600 * SECOND);
    stage.server.revoke();
    stage.title("Boss").await;
    stage.until_title("Boss").await;
    assert_eq!((stage.server.asked().len(), stage.server.refused()), (2, 1));
    assert_eq!(stage.app().await.row.pace, None, "nothing is wrong with the app");
    // Somebody who arrives then is made once.
    stage.server.revoke();
    let eve = stage.world.make(COMPANY, "/Users", person("eve", None)).await;
    stage.world.assign(Principal::User, &eve).await;
    stage.until_there("eve").await;
    rest(&stage.world).await;
    assert_eq!((stage.server.asked().len(), stage.server.refused()), (3, 2));
    // An app that takes no token at all is left alone, after one more.
    stage.server.close(true);
    stage.title("Chief").await;
    stage.until_trouble("unauthorized").await;
    assert_eq!((stage.server.asked().len(), stage.server.refused()), (4, 4));
    stage.server.close(false);
    // Past the breaker's pause.
    stage.clock.advance(61 * SECOND);
    stage.world.app.wake_outbound();
    stage.until_title("Chief").await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_token_from_being_had_is_told_and_costs_nobody_anything() {
    let stage = Stage::new(None).await;
    let slow = r#"{"error":"slow_down"}"#;
    let table = [
        (Says(401, None, r#"{"error":"invalid_client"}"#), "noToken", "does not know the client"),
        (Says(400, None, r#"{"error":"invalid_grant"}"#), "noToken", "authenticate again"),
        (Says(200, None, "<html>Sign in</html>"), "noToken", "no JSON"),
        (Says(200, None, r#"{"token_type":"Bearer"}"#), "noToken", "no access_token"),
        (Says(200, None, r#"{"access_token":"x","token_type":"mac"}"#), "noToken", "of the type “mac”"),
        (Says(500, None, ""), "noTokenNow", "does not work at the moment"),
        (Says(429, Some("7"), slow), "", "asks for fewer requests"),
    ];
    for (number, (says, trouble, words)) in table.into_iter().enumerate() {
        stage.server.always_says(Some(says));
        stage.server.revoke();
        let (verdict, said) = stage.tested().await;
        assert_eq!(verdict, connector::Verdict::Wrong, "{words}");
        assert!(said.contains(words) && said.contains("(PRV-2040)"), "{said}");
        let (title, before) = (format!("T{number}"), stage.server.asked().len());
        stage.title(&title).await;
        match trouble {
            "" => stage.world.until("it was asked", || async { stage.server.asked().len() > before }).await,
            trouble => {
                stage.until_trouble(trouble).await;
                Default::default()
            }
        };
        let sent = || async { links::exchanges(&stage.world.app, COMPANY, APP, None, None, 1).await.unwrap() };
        stage.world.until("it stands in the log", || async { sent().await[0].action == "token" }).await;
        let evidence = sent().await.remove(0);
        assert!(evidence.path.ends_with("/token") && evidence.response.unwrap().contains(words));
        // Whoever puts it right, or waits, gets on.
        stage.server.always_says(None);
        stage.clock.advance(3_600 * SECOND);
        stage.world.app.wake_outbound();
        stage.until_title(&title).await;
    }
    let (verdict, said) = stage.tested().await;
    assert!(verdict == connector::Verdict::Advice && said.contains("until the app refuses it"), "{said}");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_still_good_outlives_its_server() {
    let stage = Stage::new(Some(300)).await;
    stage.server.always_says(Some(Says(503, None, "")));
    stage.clock.advance(250 * SECOND);
    stage.title("A").await;
    stage.until_title("A").await;
    assert_eq!(stage.server.asked().len(), 2, "it is asked, and not for each request");
    stage.clock.advance(50 * SECOND);
    stage.title("B").await;
    stage.until_trouble("noTokenNow").await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_agreed_to_is_renewed_by_one_and_never_lost() {
    let stage = Stage::new(None).await;
    stage.title("Nobody").await;
    stage.until_title("Nobody").await;
    stage.agreed().await;
    stage.title("Somebody").await;
    stage.until_trouble("notGranted").await;
    let (_, said) = stage.tested().await;
    assert!(said.contains("nobody has authenticated it there") && said.contains("(PRV-2041)"), "{said}");
    assert_eq!(stage.server.asked().len(), 1, "there is nothing to ask with");
    stage.authenticate().await;
    stage.until_title("Somebody").await;
    let asked = stage.server.asked();
    assert_eq!((asked.len(), asked[1]["grant_type"].as_str()), (2, "authorization_code"));
    // Many processes that want another one: each refresh token is sent once, or the server would take nothing any more.
    stage.server.revoke();
    let integration = stage.app().await;
    let (oauth, id) = (&integration.options.oauth, integration.row.id);
    let granted_at = integration.row.grant.as_ref().map(|grant| grant.at);
    let nodes = [(); 6].map(|()| {
        let holder = Holders::default().of(id, oauth, granted_at, SECRET.into());
        let app = stage.world.app.clone();
        tokio::spawn(async move { holder.token(&app, Some("zq9-access-token-2")).await.unwrap() })
    });
    for node in nodes {
        assert_eq!(node.await.unwrap(), "zq9-access-token-3");
    }
    assert_eq!(stage.server.asked().len(), 3);
    assert!(stage.server.refreshes_with(3));
    stage.title("Boss").await;
    stage.until_title("Boss").await;
    // A test of the connector sees what the server says now, and what it gave is everybody's.
    assert_eq!(stage.tested().await.0, connector::Verdict::Advice);
    assert!(stage.server.refreshes_with(4));
    // The server is away, and what is kept is good: another process goes on with it.
    stage.server.always_says(Some(Says(503, None, "")));
    let holder = Holders::default().of(id, oauth, granted_at, SECRET.into());
    assert_eq!(holder.token(&stage.world.app, None).await.unwrap(), "zq9-access-token-4");
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_renewed_while_it_is_forgotten_is_revoked_as_well() {
    let stage = Stage::new(None).await;
    stage.agreed().await;
    stage.world.change(json!({"options": {"oauth": {"revokeUrl": stage.server.revoke_url()}}})).await;
    stage.authenticate().await;
    stage.title("A").await;
    stage.until_title("A").await;
    let (held, before) = (stage.server.hold(), stage.server.asked().len());
    stage.server.revoke();
    stage.title("B").await;
    stage.world.until("it is renewed", || async { stage.server.asked().len() > before }).await;
    let app = stage.world.app.clone();
    let forgotten = tokio::spawn(async move { grant::forget(&app, &Actor::local(), COMPANY, APP).await.unwrap() });
    stage.world.until("it is forgotten", || async { stage.app().await.row.grant.is_none() }).await;
    // The renewal waits longest.
    held.notify_one();
    let newest = ("refresh_token".to_owned(), "zq9-refresh-token-3".to_owned());
    stage.world.until("the newest is told", || async { stage.server.revoked().contains(&newest) }).await;
    stage.server.let_go();
    assert!(forgotten.await.unwrap().unwrap().revoked);
    stage.until_trouble("notGranted").await;
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_takes_back_has_to_be_authenticated_again() {
    let stage = Stage::new(Some(300)).await;
    stage.agreed().await;
    stage.authenticate().await;
    stage.title("A").await;
    stage.until_title("A").await;
    // The server does not work for a while: the token goes on while it is good, then everything waits.
    stage.server.always_says(Some(Says(503, None, "")));
    stage.clock.advance(250 * SECOND);
    stage.title("B").await;
    stage.until_title("B").await;
    stage.clock.advance(60 * SECOND);
    stage.title("C").await;
    stage.until_trouble("noTokenNow").await;
    assert_eq!(stage.app().await.row.grant.unwrap().lost_at, None);
    stage.server.always_says(Some(Says(400, None, r#"{"error":"invalid_grant"}"#)));
    stage.clock.advance(61 * SECOND);
    stage.world.app.wake_outbound();
    stage.until_trouble("notGranted").await;
    let known = stage.app().await;
    let (what, fix) = crate::outbound::causes::trouble(known.row.pace.as_ref().unwrap());
    assert!(what.contains("(PRV-2041)") && fix.starts_with("Authenticate again"), "{what} {fix}");
    assert!(known.row.grant.unwrap().lost_at.is_some());
    let sent = || async { links::exchanges(&stage.world.app, COMPANY, APP, None, None, 1).await.unwrap().remove(0) };
    let words = "authenticate again (invalid_grant, 400)";
    let told = || async { sent().await.response.is_some_and(|said| said.contains(words)) };
    stage.world.until("it stands in the log", told).await;
    assert_eq!(sent().await.action, "token");
    // Nobody knocks with it again.
    let asked = stage.server.asked().len();
    let (verdict, said) = stage.tested().await;
    assert!(verdict == connector::Verdict::Wrong && said.contains("authenticate again"), "{said}");
    stage.clock.advance(61 * SECOND);
    stage.world.app.wake_outbound();
    stage.until_trouble("notGranted").await;
    assert_eq!(stage.server.asked().len(), asked);
    // Whoever does it has everything go on.
    stage.server.always_says(None);
    stage.authenticate().await;
    stage.until_title("C").await;
    assert_eq!(stage.app().await.row.grant.unwrap().lost_at, None);
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_puts_it_right_has_what_waits_sent_at_once() {
    let stage = Stage::new(None).await;
    let (app, actor) = (&stage.world.app, Actor::local());
    let secret = async |secret: &str| apps::set_credential(app, &actor, COMPANY, APP, secret).await.unwrap();
    // The clock stands still: no pause ends.
    secret("zq9-wrong-secret").await;
    stage.title("A").await;
    stage.until_trouble("noToken").await;
    let eve = stage.world.make(COMPANY, "/Users", person("eve", None)).await;
    stage.world.assign(Principal::User, &eve).await;
    secret(SECRET).await;
    stage.until_title("A").await;
    stage.until_there("eve").await;
    // The settings, with the secret and in one with it.
    stage.world.change(json!({"options": {"oauth": {"clientId": "another"}}})).await;
    stage.title("B").await;
    stage.until_trouble("noToken").await;
    assert_eq!(stage.resting().await, 0, "the pause is the app's alone");
    let right = json!({"options": {"oauth": {"clientId": CLIENT}}});
    let Value::Object(right) = right else { panic!() };
    apps::connect(app, &actor, COMPANY, APP, right, Some(SECRET), None).await.unwrap();
    stage.until_title("B").await;
    // Somebody who authenticates, for the first time and again.
    stage.agreed().await;
    for title in ["C", "D"] {
        stage.title(title).await;
        stage.until_trouble("notGranted").await;
        stage.authenticate().await;
        stage.until_title(title).await;
        stage.server.take_back();
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_asked_before_it_was_put_right_keeps_nobody_waiting() {
    let stage = Stage::new(None).await;
    let (app, actor) = (&stage.world.app, Actor::local());
    for number in 0..5 {
        let held = stage.server.hold();
        stage.server.revoke();
        stage.server.says(Says(401, None, r#"{"error":"invalid_client"}"#));
        let (title, before) = (format!("T{number}"), stage.server.asked().len());
        stage.title(&title).await;
        stage.world.until("it was asked", || async { stage.server.asked().len() > before }).await;
        apps::set_credential(app, &actor, COMPANY, APP, SECRET).await.unwrap();
        // The refusal comes behind that, before or after the engine has seen it.
        held.notify_one();
        let there = || async {
            held.notify_one();
            stage.world.account("adam@example.com").await.unwrap()["title"] == title
        };
        stage.world.until(&title, there).await;
        stage.server.let_go();
        rest(&stage.world).await;
        assert_eq!(stage.app().await.row.pace, None);
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_agreed_to_is_of_one_client_at_one_server() {
    let stage = Stage::new(None).await;
    stage.agreed().await;
    let token_url = stage.server.token_url();
    for (number, change) in [
        json!({"oauth": {"clientId": "another"}}),
        json!({"oauth": {"tokenUrl": format!("{token_url}/2")}}),
        json!({"oauth": {"authorizeUrl": format!("{}/else", stage.server.url)}}),
        json!({"oauth": {"grant": "clientCredentials"}}),
        json!({"authentication": "bearer"}),
    ]
    .into_iter()
    .enumerate()
    {
        stage.world.change(json!({"options": {"authentication": "oauth2"}})).await;
        stage.world.change(json!({"options": {"oauth": {"clientId": CLIENT, "tokenUrl": token_url}}})).await;
        stage.agreed().await;
        stage.authenticate().await;
        // What says nothing of the client leaves it.
        stage
            .world
            .change(json!({"label": format!("Desk {number}"), "options": {"oauth": {"scope": "scim more"}}}))
            .await;
        assert!(stage.app().await.row.grant.is_some());
        stage.world.change(json!({"options": change})).await;
        assert_eq!(stage.app().await.row.grant, None, "{change}");
        let id = stage.app().await.row.id;
        let kept: Option<store::Granted> = stage.world.app.store().read(move |r| r.app_granted(id)).await.unwrap();
        assert!(kept.is_none());
    }
    stage.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_wait_ask_once_and_hear_the_same() {
    let world = World::new().await;
    let server = Authorization::start().await;
    let settings = OAuth { token_url: server.token_url(), client_id: CLIENT.into(), ..OAuth::default() };
    for fails in [false, true] {
        let holder = Arc::new(Holder::new(AppId::default(), &settings, None, SECRET.into()));
        let (held, before) = (server.hold(), server.asked().len());
        server.always_says(fails.then_some(Says(400, None, r#"{"error":"invalid_scope"}"#)));
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                let (holder, app) = (Arc::clone(&holder), world.app.clone());
                tokio::spawn(async move { holder.token(&app, None).await })
            })
            .collect();
        world.until("all wait", || async { holder.waiting() == 20 && server.asked().len() > before }).await;
        held.notify_one();
        for one in waiting {
            match one.await.unwrap() {
                Ok(token) => assert!(!fails && token.starts_with("zq9-access-token-")),
                Err(failure) => assert!(fails && failure.why == NoToken::Refused, "{failure:?}"),
            }
        }
        assert_eq!(server.asked().len(), before + 1, "one request for all");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_of_the_client_and_tokens_stand_nowhere() {
    let stage = Stage::new(Some(300)).await;
    apps::set_credential(&stage.world.app, &Actor::local(), COMPANY, APP, "zq9-wrong-secret-of-it").await.unwrap();
    stage.title("A").await;
    stage.until_trouble("noToken").await;
    let (_, said) = stage.tested().await;
    assert!(said.contains("not with (credential)"), "{said}");
    let state = tenant_of(&stage.world.app, COMPANY).unwrap();
    let sent = links::exchanges(&stage.world.app, COMPANY, APP, None, None, 200).await.unwrap();
    let config = apps::config::export(&stage.world.app, COMPANY, None).await.unwrap();
    let told = format!("{sent:?} {} {said} {:?} {:?}", json!(config), stage.app().await, state.tenant);
    assert!(!told.contains("zq9-"), "{told}");
    assert_eq!(json!(config)["apps"][APP]["options"]["oauth"]["clientId"], Value::from(CLIENT));
    stage.world.end().await;
}
