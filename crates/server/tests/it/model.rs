//! Two tenants with the same ids, names and externalIds, asked in random order, against a plain model of each: every answer
//! and the state at the end are as if the other tenant were not there.
//!
//! Forty sequences were tried on 2026-11-26, from seed 100. `PROVOST_MODEL_RUNS` is how many sequences are tried, `PROVOST_MODEL_SEED` where they begin.

use crate::desk::{Answer, Desk};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const RUNS: u64 = 2;
const STEPS: u32 = 70;
const USERS: usize = 6;
const GROUPS: usize = 3;

/// Numbers that look random and are the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct User {
    name: String,
    external: Option<String>,
    title: String,
    active: bool,
}

/// Whom a filter means.
type Fits = Box<dyn Fn(&User) -> bool>;

#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    name: String,
    members: BTreeSet<String>,
}

/// What a tenant should hold.
struct Model {
    tenant: &'static str,
    token: String,
    users: BTreeMap<String, User>,
    groups: BTreeMap<String, Group>,
}

/// The ids that both tenants give to their own.
fn user_id(number: usize) -> String {
    format!("0190c2b4-0000-7000-8000-00000000000{number}")
}

fn group_id(number: usize) -> String {
    format!("0190c2b4-0000-7000-8000-0000000000f{number}")
}

fn sorted(values: &Value, key: &str) -> BTreeSet<String> {
    let all = values.as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().map(|one| one[key].as_str().unwrap().to_owned()).collect()
}

impl Model {
    fn scim(&self, path: &str) -> String {
        format!("/t/{}/scim/v2{path}", self.tenant)
    }

    async fn ask(&self, desk: &Desk, method: &str, path: &str, body: Value) -> Answer {
        let answer = desk.with(&self.token, method, &self.scim(path), body).await;
        self.is_ours(&answer.text);
        answer
    }

    /// Nothing that only the other tenant has.
    fn is_ours(&self, text: &str) {
        let other = if self.tenant == "one" { "two" } else { "one" };
        for mark in [format!("of-{other}-"), format!("/t/{other}/")] {
            assert!(!text.contains(&mark), "something of {other} in an answer to {}: {text}", self.tenant);
        }
    }

    /// An id to ask for: one of the common ones, which is there or not, or one that the server made here.
    fn some_user(&self, chance: &mut Chance) -> String {
        let made: Vec<&String> = self.users.keys().filter(|id| !(0..USERS).any(|n| user_id(n) == **id)).collect();
        let at = chance.below(USERS + made.len());
        made.get(at.wrapping_sub(USERS)).map_or_else(|| user_id(at), |id| (*id).clone())
    }

    fn named(&self, name: &str) -> Option<String> {
        self.users.iter().find(|(_, user)| user.name.eq_ignore_ascii_case(name)).map(|(id, _)| id.clone())
    }

    fn draft(&self, chance: &mut Chance) -> User {
        let name = format!("adam{}@example.com", chance.below(5));
        User {
            // The case does not matter.
            name: if chance.below(4) == 0 { name.to_uppercase() } else { name },
            external: (chance.below(3) > 0).then(|| format!("00u{}", chance.below(4))),
            title: format!("of-{}-{}", self.tenant, chance.below(100)),
            active: chance.below(4) > 0,
        }
    }

    fn body(user: &User) -> Value {
        let mut body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": user.name, "title": user.title, "active": user.active});
        if let Some(external) = &user.external {
            body["externalId"] = external.clone().into();
        }
        body
    }

    fn is_user(&self, id: &str, body: &Value) {
        let user = &self.users[id];
        let expected = (id, user.name.as_str(), user.external.as_deref(), user.title.as_str(), user.active);
        let text = |name: &str| body[name].as_str();
        let active = body["active"].as_bool().unwrap();
        let have = (text("id").unwrap(), text("userName").unwrap(), text("externalId"), text("title").unwrap(), active);
        assert_eq!(have, expected, "{}: {body}", self.tenant);
        let groups = self.groups.iter().filter(|(_, group)| group.members.contains(id)).map(|(id, _)| id.clone());
        assert_eq!(sorted(&body["groups"], "value"), groups.collect(), "{}: {body}", self.tenant);
    }

    async fn look(&self, desk: &Desk, id: &str) {
        let answer = self.ask(desk, "GET", &format!("/Users/{id}"), Value::Null).await;
        assert_eq!(answer.status, if self.users.contains_key(id) { 200 } else { 404 }, "{id}: {}", answer.text);
        if answer.status == 200 {
            self.is_user(id, &answer.body);
        }
    }

    /// By the import, which keeps ids.
    async fn bring(&mut self, desk: &Desk, resource: Value) -> Value {
        let path = format!("/api/v1/tenants/{}/import", self.tenant);
        let answer = desk.local("POST", &path, json!({"keepIds": true, "records": [{"resource": resource}]})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.is_ours(&answer.text);
        answer.body
    }

    async fn bring_user(&mut self, desk: &Desk, chance: &mut Chance) {
        let (id, user) = (user_id(chance.below(USERS)), self.draft(chance));
        let mut body = Self::body(&user);
        body["id"] = id.clone().into();
        let told = self.bring(desk, body).await;
        match self.named(&user.name) {
            Some(there) => {
                let old = &self.users[&there];
                let new = User { external: user.external.clone().or_else(|| old.external.clone()), ..user };
                let same = *old == new;
                assert_eq!(told[if same { "unchanged" } else { "updated" }], 1, "{told}");
                self.users.insert(there, new);
            }
            None if self.users.contains_key(&id) => assert_eq!(told["failed"].as_array().unwrap().len(), 1, "{told}"),
            None => {
                assert_eq!(told["created"], 1, "{told}");
                self.users.insert(id, user);
            }
        }
    }

    async fn create(&mut self, desk: &Desk, chance: &mut Chance) {
        let user = self.draft(chance);
        let answer = self.ask(desk, "POST", "/Users", Self::body(&user)).await;
        if self.named(&user.name).is_some() {
            assert_eq!(answer.status, 409, "{}", answer.text);
            return;
        }
        assert_eq!(answer.status, 201, "{}", answer.text);
        let id = answer.body["id"].as_str().unwrap().to_owned();
        assert!(self.users.insert(id.clone(), user).is_none(), "an id that is in use: {id}");
        self.is_user(&id, &answer.body);
    }

    async fn replace(&mut self, desk: &Desk, chance: &mut Chance) {
        let (id, user) = (self.some_user(chance), self.draft(chance));
        let answer = self.ask(desk, "PUT", &format!("/Users/{id}"), Self::body(&user)).await;
        let there = self.users.contains_key(&id);
        let taken = self.named(&user.name).is_some_and(|other| other != id);
        assert_eq!(
            answer.status,
            if !there {
                404
            } else if taken {
                409
            } else {
                200
            },
            "{id}: {}",
            answer.text
        );
        if answer.status == 200 {
            self.users.insert(id.clone(), user);
            self.is_user(&id, &answer.body);
        }
    }

    async fn patch(&mut self, desk: &Desk, chance: &mut Chance) {
        let (id, user) = (self.some_user(chance), self.draft(chance));
        let value = if chance.below(2) == 0 { json!({"active": user.active}) } else { json!({"title": user.title}) };
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": value}]});
        let answer = self.ask(desk, "PATCH", &format!("/Users/{id}"), body).await;
        let Some(known) = self.users.get_mut(&id) else { return assert_eq!(answer.status, 404, "{}", answer.text) };
        assert!(matches!(answer.status, 200 | 204), "{}", answer.text);
        match value.get("active") {
            Some(_) => known.active = user.active,
            None => known.title = user.title,
        }
        self.look(desk, &id).await;
    }

    async fn remove(&mut self, desk: &Desk, chance: &mut Chance) {
        let id = self.some_user(chance);
        let answer = self.ask(desk, "DELETE", &format!("/Users/{id}"), Value::Null).await;
        assert_eq!(answer.status, if self.users.remove(&id).is_some() { 204 } else { 404 }, "{}", answer.text);
        for group in self.groups.values_mut() {
            group.members.remove(&id);
        }
    }

    async fn search(&self, desk: &Desk, chance: &mut Chance) {
        let wanted = self.draft(chance);
        let (filter, fits): (String, Fits) = match chance.below(3) {
            0 => {
                let name = wanted.name.clone();
                (format!("userName eq \"{name}\""), Box::new(move |user| user.name.eq_ignore_ascii_case(&name)))
            }
            1 => {
                let external = wanted.external.unwrap_or_else(|| "00u0".into());
                let text = format!("externalId eq \"{external}\"");
                (text, Box::new(move |user| user.external.as_ref() == Some(&external)))
            }
            _ => ("title sw \"of-\" and active eq true".into(), Box::new(|user| user.active)),
        };
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter});
        let answer = self.ask(desk, "POST", "/Users/.search", body).await;
        let expected: BTreeSet<String> =
            self.users.iter().filter(|(_, user)| fits(user)).map(|(id, _)| id.clone()).collect();
        assert_eq!(answer.body["totalResults"], expected.len(), "{filter}: {}", answer.text);
        assert_eq!(sorted(&answer.body["Resources"], "id"), expected, "{filter}: {}", answer.text);
    }

    async fn bring_group(&mut self, desk: &Desk, chance: &mut Chance) {
        let number = chance.below(GROUPS);
        let (id, name) = (group_id(number), format!("Group {number}"));
        let member = user_id(chance.below(USERS));
        let members = if self.users.contains_key(&member) { vec![member] } else { Vec::new() };
        let told = self
            .bring(
                desk,
                json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "id": id, "displayName": name,
                "members": members.iter().map(|id| json!({"value": id})).collect::<Vec<_>>()}),
            )
            .await;
        assert_eq!(told["failed"], json!([]), "{told}");
        self.groups.insert(id, Group { name, members: members.into_iter().collect() });
    }

    /// Also with ids that only the other tenant knows: those are left out.
    async fn join(&mut self, desk: &Desk, chance: &mut Chance) {
        let (id, member) = (group_id(chance.below(GROUPS)), self.some_user(chance));
        let add = chance.below(3) > 0;
        let operation = if add {
            json!({"op": "add", "path": "members", "value": [{"value": member}]})
        } else {
            json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")})
        };
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        let answer = self.ask(desk, "PATCH", &format!("/Groups/{id}"), body).await;
        let exists = self.users.contains_key(&member);
        let Some(group) = self.groups.get_mut(&id) else { return assert_eq!(answer.status, 404, "{}", answer.text) };
        let has = group.members.contains(&member);
        match add {
            true if exists => drop(group.members.insert(member)),
            true => {}
            false => drop(group.members.remove(&member)),
        }
        assert!(matches!(answer.status, 200 | 204) || (!add && !has && answer.status == 400), "{}", answer.text);
        self.look_group(desk, &id).await;
    }

    async fn look_group(&self, desk: &Desk, id: &str) {
        let answer = self.ask(desk, "GET", &format!("/Groups/{id}"), Value::Null).await;
        let Some(group) = self.groups.get(id) else { return assert_eq!(answer.status, 404, "{}", answer.text) };
        assert_eq!((answer.status, answer.body["displayName"].as_str()), (200, Some(&*group.name)), "{}", answer.text);
        assert_eq!(sorted(&answer.body["members"], "value"), group.members, "{}: {}", self.tenant, answer.text);
    }

    async fn disband(&mut self, desk: &Desk, chance: &mut Chance) {
        let id = group_id(chance.below(GROUPS));
        let answer = self.ask(desk, "DELETE", &format!("/Groups/{id}"), Value::Null).await;
        assert_eq!(answer.status, if self.groups.remove(&id).is_some() { 204 } else { 404 }, "{}", answer.text);
    }

    async fn step(&mut self, desk: &Desk, chance: &mut Chance) {
        match chance.below(20) {
            0..=3 => self.bring_user(desk, chance).await,
            4..=6 => self.create(desk, chance).await,
            7 | 8 => self.replace(desk, chance).await,
            9 | 10 => self.patch(desk, chance).await,
            11 | 12 => self.remove(desk, chance).await,
            13 | 14 => self.search(desk, chance).await,
            15 | 16 => self.bring_group(desk, chance).await,
            17 | 18 => self.join(desk, chance).await,
            _ => self.disband(desk, chance).await,
        }
    }

    /// Everything, by the ways in which it can be seen.
    async fn is_as_it_should_be(&self, desk: &Desk) {
        let users = self.ask(desk, "GET", "/Users?count=100", Value::Null).await;
        assert_eq!(sorted(&users.body["Resources"], "id"), self.users.keys().cloned().collect(), "{}", users.text);
        for user in users.body["Resources"].as_array().unwrap() {
            self.is_user(user["id"].as_str().unwrap(), user);
        }
        for number in 0..GROUPS {
            self.look_group(desk, &group_id(number)).await;
        }
        for path in ["changes?limit=1000", "log?limit=1000", "conflicts", "tokens", "jobs"] {
            let answer = desk.local("GET", &format!("/api/v1/tenants/{}/{path}", self.tenant), Value::Null).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            self.is_ours(&answer.text);
        }
    }
}

async fn tenant(desk: &Desk, name: &'static str) -> Model {
    let settings = json!({"ratePerSecond": 1_000_000, "rateBurst": 1_000_000});
    assert_eq!(desk.local("POST", "/api/v1/tenants", json!({"name": name})).await.status, 201);
    let path = format!("/api/v1/tenants/{name}");
    assert_eq!(desk.local("PATCH", &path, json!({"settings": settings})).await.status, 200);
    let (token, _) = desk.token(name, json!({"label": format!("of-{name}-okta")})).await;
    Model { tenant: name, token, users: BTreeMap::new(), groups: BTreeMap::new() }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "the seed of a sequence that fails")]
async fn two_tenants_are_as_if_each_were_alone() {
    let first = number("PROVOST_MODEL_SEED").unwrap_or(1);
    for seed in first..first + number("PROVOST_MODEL_RUNS").unwrap_or(RUNS) {
        eprintln!("PROVOST_MODEL_SEED={seed}");
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15 ^ seed.wrapping_mul(0x2545_F491_4F6C_DD1D));
        let desk = Desk::new();
        let mut both = [tenant(&desk, "one").await, tenant(&desk, "two").await];
        // A token of the other tenant opens nothing here, whatever is asked.
        for (token, path) in [(&both[0].token, both[1].scim("/Users")), (&both[1].token, both[0].scim("/Users"))] {
            assert_eq!(desk.with(token, "GET", &path, Value::Null).await.status, 401);
        }
        for _ in 0..STEPS {
            let at = chance.below(2);
            both[at].step(&desk, &mut chance).await;
            // What has just been touched here is as it was there.
            let id = user_id(chance.below(USERS));
            both[1 - at].look(&desk, &id).await;
        }
        for model in &both {
            model.is_as_it_should_be(&desk).await;
        }
    }
}
