//! What an answer means for the link that it is about.

use super::answer::{self, Answer, Body, Lost, NoToken, Refusal, Response};
use super::{BREAKER_MS, FAILURES_MAX, REFUSALS_MAX, THROTTLED_MS, WRITES_MAX, WRITES_MS, backoff};
use crate::link::{Assumed, Kind, Knowledge, LESSONS_MAX, Lesson, Link, Parked, agrees, equal};
use crate::place::{Pasted, Place, Way};
use crate::plan::{
    ACTIVE, Action, Change, Desired, Lookup, Member, Members, Observed, Parking, Resource, Rules, Update, fingerprint,
};
use crate::profile::Apply;
use crate::target::GroupUpdate;
use crate::wire;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// Where our id stands.
static EXTERNAL_ID: LazyLock<Place> = LazyLock::new(|| Way::of_attribute("externalId").into());

/// What follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// What was asked is done.
    Done,
    /// Something was learned; decide again at once.
    Again,
    /// Try again at that time.
    Later {
        /// When.
        at: i64,
        /// What somebody should know meanwhile.
        reason: Option<Parking>,
    },
    /// No answer: it may have been done, and the next thing is to look. Not before that time.
    Unknown {
        /// When.
        at: i64,
    },
    /// Nothing before the inputs change.
    Parked(Parking),
    /// The target wants less: nothing for the whole app before that time.
    Throttled {
        /// Until when.
        until: i64,
    },
    /// The app as a whole does not work.
    Breaker {
        /// What is wrong.
        trouble: Trouble,
        /// When to try again.
        until: i64,
    },
}

/// What is wrong with an app as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// The credentials are refused.
    Unauthorized,
    /// Nothing may even be read.
    Forbidden,
    /// There is nothing at the address.
    WrongAddress,
    /// The address points elsewhere.
    Redirected,
    /// It is not reached.
    Unreachable(Lost),
    /// Its authorization server refuses to give an access token.
    NoToken,
    /// Its authorization server is not reached, or does not work.
    NoTokenNow,
    /// Somebody has to agree, at its authorization server, that there are access tokens.
    NotGranted,
}

/// The next state of a link, and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The link.
    pub link: Link,
    /// What follows.
    pub outcome: Outcome,
    /// The membership changes that are at the target now.
    pub members: Option<Members>,
    /// A member that the target does not take; the group goes on without it.
    pub blocked: Option<Member>,
    /// Whether it became ours just now: what waits for it should be decided again.
    pub linked: bool,
}

/// Settles an action. `seed` spreads the pauses; the same seed gives the same ones.
pub fn settle(
    link: Link,
    action: &Action,
    answer: &Answer,
    desired: &Desired,
    rules: &Rules<'_>,
    now: i64,
    seed: u64,
) -> Settled {
    let was_linked = link.knowledge == Knowledge::Linked;
    let mut run = Run { link, desired, rules, now, seed, members: None, blocked: None };
    run.link.intent = None;
    let moving = std::mem::take(&mut run.link.moving);
    let outcome = match answer {
        Answer::Lost(lost) => run.lost(action, *lost),
        Answer::Got(response) => run.got(action, response),
        Answer::Unsent(why) => run.unsent(action, why),
    };
    let Run { mut link, members, blocked, .. } = run;
    if is_in_doubt(answer) {
        link.unsure.extend(moving);
    }
    for told in members.iter().flat_map(Members::ids).chain(blocked.as_ref().map(|member| member.id.as_str())) {
        if let Some(told) = link.unsure.take(told).filter(|_| link.recheck_at > now) {
            link.late.insert(told);
        }
    }
    match &outcome {
        Outcome::Done => {
            (link.attempts, link.next_attempt_at, link.parked) = (0, 0, None);
        }
        Outcome::Later { at, .. } | Outcome::Unknown { at } => {
            link.next_attempt_at = *at;
            link.waiting_for = fingerprint(desired);
        }
        Outcome::Parked(reason) => {
            link.parked = Some(Parked { reason: reason.clone(), inputs: fingerprint(desired) });
        }
        Outcome::Again | Outcome::Throttled { .. } | Outcome::Breaker { .. } => {}
    }
    let linked = !was_linked && link.knowledge == Knowledge::Linked;
    Settled { link, outcome, members, blocked, linked }
}

/// Whether what was sent may have been done, for all that the answer says.
fn is_in_doubt(answer: &Answer) -> bool {
    match answer {
        Answer::Lost(lost) => lost.may_have_arrived(),
        Answer::Got(response) => response.refusal().is_some_and(|refusal| refusal.may_be_done()),
        Answer::Unsent(_) => false,
    }
}

struct Run<'a> {
    link: Link,
    desired: &'a Desired,
    rules: &'a Rules<'a>,
    now: i64,
    seed: u64,
    members: Option<Members>,
    blocked: Option<Member>,
}

impl Run<'_> {
    fn lost(&mut self, action: &Action, lost: Lost) -> Outcome {
        if !lost.may_have_arrived() {
            self.not_sent(action);
            return self.breaker(Trouble::Unreachable(lost));
        }
        self.link.attempts += 1;
        let at = self.now.saturating_add(backoff(self.link.attempts, self.seed));
        match action {
            Action::Create(_) | Action::Update(_) | Action::Deactivate(_) | Action::Delete { .. } => {
                self.recheck();
                Outcome::Unknown { at }
            }
            _ => Outcome::Later { at, reason: None },
        }
    }

    /// The app has not heard of it: `begin` assumed the worst, and it did not come to that. About a look nothing was assumed;
    /// what an earlier request may have done is as open as before.
    fn not_sent(&mut self, action: &Action) {
        if !matches!(action, Action::Probe(_)) {
            (self.link.doubt_until, self.link.verify) = (0, false);
        }
    }

    fn unsent(&mut self, action: &Action, why: &NoToken) -> Outcome {
        self.not_sent(action);
        match why {
            NoToken::Refused => self.breaker(Trouble::NoToken),
            NoToken::NotGranted => self.breaker(Trouble::NotGranted),
            NoToken::Unreachable => self.breaker(Trouble::NoTokenNow),
            NoToken::Busy { retry_after } => self.throttled(retry_after.as_deref()),
            NoToken::Late => Outcome::Again,
        }
    }

    fn throttled(&self, retry_after: Option<&str>) -> Outcome {
        let asked = retry_after.and_then(|header| answer::retry_after(header, self.now));
        Outcome::Throttled { until: asked.unwrap_or(self.now.saturating_add(THROTTLED_MS * 1_000)) }
    }

    /// What was just sent can take effect until the target has settled.
    fn recheck(&mut self) {
        let settled = self.link.intent_at.saturating_add(self.rules.target.settle_ms.saturating_mul(1_000));
        self.link.recheck_at = self.link.recheck_at.max(settled);
        self.link.assumed.clear();
    }

    fn breaker(&self, trouble: Trouble) -> Outcome {
        Outcome::Breaker { trouble, until: self.now.saturating_add(BREAKER_MS * 1_000) }
    }

    fn got(&mut self, action: &Action, response: &Response) -> Outcome {
        let refusal = response.refusal();
        if matches!(action, Action::Update(_) | Action::Deactivate(_) | Action::Delete { .. }) {
            // What broke on the way may have been done all the same, or be done yet.
            let broke = refusal.as_ref().is_some_and(Refusal::may_be_done);
            let yet = refusal.as_ref().is_some_and(|refusal| matches!(refusal.status, 408 | 502 | 503 | 504));
            self.link.verify = broke;
            if yet {
                self.recheck();
            }
        }
        if let Action::Create(_) = action {
            // A proxy answers for a server that may still be at work.
            let answered = !refusal.as_ref().is_some_and(|refusal| matches!(refusal.status, 408 | 502 | 503 | 504));
            self.link.doubt_until = if answered { 0 } else { self.link.doubt_until };
        }
        match refusal.as_ref().map(|refusal| refusal.status) {
            Some(401) => return self.breaker(Trouble::Unauthorized),
            Some(300..=399) => return self.breaker(Trouble::Redirected),
            Some(429) => return self.throttled(response.retry_after.as_deref()),
            _ => {}
        }
        match (action, refusal) {
            (Action::Probe(Lookup::Id(id)), refusal) => self.read(id, response, refusal.as_ref()),
            (Action::Probe(Lookup::Filter { field, value }), refusal) => {
                self.searched(field, value, response, refusal.as_ref())
            }
            (Action::Create(want), None) => self.created(action, want, response),
            (Action::Create(want), Some(refusal)) => self.not_created(want, &refusal, response),
            (Action::Update(update) | Action::Deactivate(update), None) => self.updated(action, update, response),
            (Action::Update(update) | Action::Deactivate(update), Some(refusal)) => {
                self.not_updated(update, &refusal, response)
            }
            (Action::Delete { .. }, None) => self.deleted(),
            (Action::Delete { .. }, Some(Refusal { status: 404 | 410, .. })) => self.deleted(),
            (Action::Delete { .. }, Some(refusal)) => self.failed(&refusal, response),
            _ => Outcome::Again,
        }
    }

    fn is_leaving(&self) -> bool {
        matches!(self.desired, Desired::Gone { .. })
    }

    /// A failure that may pass. The same inputs are not tried for ever, except for somebody who leaves.
    fn failed(&mut self, refusal: &Refusal, response: &Response) -> Outcome {
        let status = refusal.status;
        let passing = status >= 500 && status != 501 || matches!(status, 403 | 408 | 409 | 412 | 425);
        if !passing && !self.is_leaving() {
            return Outcome::Parked(rejected(refusal));
        }
        self.link.attempts += 1;
        if self.link.attempts >= FAILURES_MAX && !self.is_leaving() {
            return Outcome::Parked(Parking::Failing { status });
        }
        // Nothing changes quickly about a permission.
        let attempts = if passing && status != 403 { self.link.attempts } else { self.link.attempts.max(8) };
        let asked = response.retry_after.as_deref().and_then(|header| answer::retry_after(header, self.now));
        if let Some(until) = asked.filter(|_| status == 503 && self.link.attempts <= REFUSALS_MAX) {
            // The app says so for all; who hears it again and again waits alone.
            return Outcome::Throttled { until };
        }
        let at = asked.unwrap_or(self.now.saturating_add(backoff(attempts, self.seed)));
        Outcome::Later { at, reason: (!passing || status == 403).then(|| rejected(refusal)) }
    }

    /// Something that contradicts itself; three times, and a person has to look.
    fn odd(&mut self, reason: Parking) -> Outcome {
        self.link.refusals += 1;
        if self.link.refusals < REFUSALS_MAX {
            return Outcome::Again;
        }
        self.give_up(reason)
    }

    /// Somebody has to look; a leaver is tried again all the same.
    fn give_up(&mut self, reason: Parking) -> Outcome {
        if self.is_leaving() {
            self.link.attempts += 1;
            let at = self.now.saturating_add(backoff(self.link.attempts, self.seed));
            return Outcome::Later { at, reason: Some(reason) };
        }
        self.link.refusals = 0;
        Outcome::Parked(reason)
    }

    fn seen(&mut self, document: &Map<String, Value>, version: Option<String>) {
        let assumed = if self.link.verify { std::mem::take(&mut self.link.assumed) } else { Vec::new() };
        // While another write may still take effect, what is shown teaches nothing.
        if self.link.recheck_at == 0 {
            for Assumed { path, value } in assumed {
                if let Ok(place) = Place::parse(&path, None, Pasted::Split) {
                    self.learn(&place, value.as_ref(), document);
                }
            }
        }
        (self.link.verify, self.link.read_at, self.link.etag) = (false, self.now, version);
        if self.now >= self.link.recheck_at {
            self.link.recheck_at = 0;
            self.link.unsure.append(&mut self.link.late);
        }
        self.link.document = Some(self.kept(document));
    }

    /// A document without what may be a hundred thousand members that are counted elsewhere.
    fn kept(&self, document: &Map<String, Value>) -> Map<String, Value> {
        let mut document = document.clone();
        if self.rules.kind == Kind::Group && self.rules.target.group_update == GroupUpdate::Patch {
            document.shift_remove("members");
        }
        document
    }

    /// Notes what the target made of a value that it was sent.
    fn learn(&mut self, place: &Place, sent: Option<&Value>, document: &Map<String, Value>) {
        let path = place.path();
        // Whether somebody is out is never left to what a target likes to show.
        if path == ACTIVE {
            return;
        }
        let shown = place.read(document);
        self.link.lessons.retain(|lesson| lesson.path != path);
        if !agrees(path, sent, shown, &[]) && self.link.lessons.len() < LESSONS_MAX {
            self.link.lessons.push(Lesson { path: path.to_owned(), sent: sent.cloned(), shown: shown.cloned() });
        }
    }

    /// Looks for an account by the id that it once had. It is theirs again if it is out of use, or called as it should be.
    fn recalled(&mut self, id: &str, response: &Response, refusal: Option<&Refusal>) -> Outcome {
        let lookup = Lookup::Id(id.to_owned());
        match refusal {
            Some(Refusal { status: 400 | 403 | 404 | 410, .. }) => self.not_there(lookup),
            Some(refusal) => self.failed(refusal, response),
            None => {
                let shown = response.resource().filter(|map| answer::id(map).is_none_or(|shown| shown == id)).cloned();
                let Some(document) = shown.filter(|document| self.is_theirs(document)) else {
                    return self.not_there(lookup);
                };
                self.seen(&document, response.version());
                self.link.remote_id = Some(id.to_owned());
                self.link.linked();
                Outcome::Again
            }
        }
    }

    fn is_theirs(&self, document: &Map<String, Value>) -> bool {
        let Desired::Present(want) = self.desired else { return false };
        let off = document.get(ACTIVE).is_some_and(|active| equal(&Value::Bool(false), active));
        off || answer::fits(document, &want.unique.0, &want.unique.1)
    }

    fn read(&mut self, id: &str, response: &Response, refusal: Option<&Refusal>) -> Outcome {
        if self.link.knowledge != Knowledge::Linked && self.link.past.as_deref() == Some(id) {
            return self.recalled(id, response, refusal);
        }
        match refusal {
            Some(Refusal { status: 404 | 410, .. }) => self.vanished(),
            Some(refusal) if refusal.status == 403 => self.hidden(refusal),
            Some(refusal) => self.failed(refusal, response),
            None => match response.resource().filter(|map| answer::id(map).is_none_or(|shown| shown == id)) {
                Some(document) => {
                    self.seen(document, response.version());
                    let denied = std::mem::take(&mut self.link.denied);
                    if denied { self.odd(Parking::Contradiction) } else { Outcome::Again }
                }
                None => self.odd(Parking::NotScim),
            },
        }
    }

    /// Perhaps nothing may be read at the app; perhaps only this one is kept from us, and must not stop all others for ever.
    fn hidden(&mut self, refusal: &Refusal) -> Outcome {
        self.link.refusals += 1;
        if self.link.refusals < REFUSALS_MAX {
            return self.breaker(Trouble::Forbidden);
        }
        self.give_up(rejected(refusal))
    }

    /// The id is not known any more: it is looked for by everything else.
    fn vanished(&mut self) -> Outcome {
        let place = |field: &str| Place::parse(field, None, Pasted::Split).ok();
        let field = match (self.rules.kind, self.desired) {
            (_, Desired::Present(want)) => want.unique.0.clone(),
            (Kind::User, _) => "userName".to_owned(),
            (Kind::Group, _) => "displayName".to_owned(),
        };
        let link = &mut self.link;
        let shown = place(&field).and_then(|place| place.read(link.document.as_ref()?)?.as_str().map(str::to_owned));
        link.former = shown.map(|shown| (field, shown));
        link.denied = false;
        link.lost_id = link.remote_id.take();
        (link.knowledge, link.document, link.etag, link.verify) = (Knowledge::Doubtful, None, None, false);
        link.missed.clear();
        Outcome::Again
    }

    fn missed(&mut self, field: &str, value: &str) -> Outcome {
        self.not_there(lookup(field, value))
    }

    fn not_there(&mut self, lookup: Lookup) -> Outcome {
        if self.link.candidate.as_ref().is_some_and(|(_, by)| *by == lookup) {
            self.link.candidate = None;
        }
        self.link.missed.retain(|(missed, _)| *missed != lookup);
        self.link.missed.push((lookup, self.now));
        let gone = self.link.observed(self.desired, self.rules, self.now);
        if self.is_leaving() && matches!(gone, Observed::Missing { .. }) {
            self.link.let_go();
        }
        Outcome::Again
    }

    fn searched(&mut self, field: &str, value: &str, response: &Response, refusal: Option<&Refusal>) -> Outcome {
        match refusal {
            Some(Refusal { status: 404, .. }) => return self.missed(field, value),
            // Not every target can filter by externalId; the unique identifier is next.
            Some(Refusal { status: 400 | 403 | 501, .. }) if field == "externalId" => return self.missed(field, value),
            Some(Refusal { status: 403, .. }) => return self.breaker(Trouble::Forbidden),
            Some(refusal) => return self.failed(refusal, response),
            None => {}
        }
        let Some(page) = answer::page(response) else { return self.odd(Parking::NotScim) };
        let shown = u64::try_from(page.resources.len()).unwrap_or(u64::MAX);
        let is_all = page.total.is_none_or(|total| total <= shown);
        let mut fitting: Vec<&Map<String, Value>> =
            page.resources.iter().filter(|resource| answer::fits(resource, field, value)).collect();
        // Names of groups may differ in case alone.
        let exact = |resource: &&Map<String, Value>| resource.get(field).is_some_and(|shown| shown == value);
        if fitting.len() > 1 && fitting.iter().filter(|resource| exact(resource)).count() == 1 {
            fitting.retain(exact);
        }
        if let Some(ours) = fitting.iter().find(|resource| self.is_ours(resource)) {
            return self.found(ours, true, field, value);
        }
        match fitting.as_slice() {
            [] if shown > 0 && !is_all => self.odd(Parking::FilterIgnored),
            [] => self.missed(field, value),
            // Somebody else may have its former name by now.
            [one] if self.is_former(field, value) && self.link.lost_id != answer::id(one) => self.missed(field, value),
            [one] => {
                let made = self.link.keys.iter().any(|(known, key)| known == field && key == value);
                let known = |known: &Option<String>| known.is_some() && *known == answer::id(one);
                let lost = known(&self.link.lost_id) || known(&self.link.past);
                let unclaimed = !one.get("externalId").is_some_and(scim::filter::is_value);
                self.found(one, lost || (made && unclaimed), field, value)
            }
            several => {
                (self.link.knowledge, self.link.several) = (Knowledge::Several, several.len());
                (self.link.candidate, self.link.read_at) = (Some((String::new(), lookup(field, value))), self.now);
                Outcome::Again
            }
        }
    }

    fn is_former(&self, field: &str, value: &str) -> bool {
        let is = |key: &(String, String)| key.0 == field && key.1 == value;
        let wanted = matches!(self.desired, Desired::Present(want) if is(&want.unique));
        !wanted && !self.link.keys.iter().any(is) && self.link.former.as_ref().is_some_and(is)
    }

    fn is_ours(&self, resource: &Map<String, Value>) -> bool {
        resource.get("externalId").is_some_and(|claim| *claim == self.link.external_id)
    }

    fn found(&mut self, resource: &Map<String, Value>, ours: bool, field: &str, value: &str) -> Outcome {
        let Some(id) = answer::id(resource) else { return self.odd(Parking::NotScim) };
        let denied = self.link.lost_id.clone().filter(|lost| *lost == id);
        let refusals = self.link.refusals;
        let version = resource.get("meta").and_then(|meta| meta.get("version")?.as_str().map(str::to_owned));
        self.seen(resource, version);
        if !ours {
            self.link.knowledge = Knowledge::Stranger;
            self.link.candidate = Some((id, lookup(field, value)));
            return Outcome::Again;
        }
        self.link.remote_id = Some(id);
        self.link.linked();
        // Lists show some attributes only; a PUT is laid over what GET shows.
        self.link.read_at = 0;
        if denied.is_some() {
            (self.link.lost_id, self.link.refusals, self.link.read_at) = (denied, refusals, self.now);
            return self.odd(Parking::Contradiction);
        }
        Outcome::Again
    }

    fn created(&mut self, action: &Action, want: &Resource, response: &Response) -> Outcome {
        let Some(id) = response.id() else {
            // It says that it did, and not what: the next look tells.
            self.link.missed.clear();
            return self.odd(Parking::Invisible);
        };
        self.link.linked();
        self.link.remote_id = Some(id);
        (self.link.etag, self.link.read_at) = (response.version(), self.now);
        self.link.document = response.resource().map(|document| self.kept(document));
        if let Some(document) = response.resource() {
            for valued in want.values.iter().filter(|valued| valued.apply == Apply::CreateAndUpdate) {
                self.learn(&valued.place, valued.value.as_ref(), document);
            }
            if self.rules.kind == Kind::User {
                self.learn(&EXTERNAL_ID, Some(&Value::from(want.external_id.as_str())), document);
            }
        }
        self.members = wire::members(action, &self.link, self.rules.target);
        Outcome::Done
    }

    fn not_created(&mut self, want: &Resource, refusal: &Refusal, response: &Response) -> Outcome {
        match refusal.status {
            409 => {
                self.link.missed.clear();
                self.odd(Parking::Invisible)
            }
            404 | 405 => self.breaker(Trouble::WrongAddress),
            400 | 403 | 413 | 415 | 422 | 501 => {
                self.link.keys.retain(|key| *key != want.unique);
                if self.link.keys.is_empty() {
                    self.link.knowledge = Knowledge::Nothing;
                }
                self.failed(refusal, response)
            }
            _ => {
                self.link.missed.clear();
                self.failed(refusal, response)
            }
        }
    }

    fn updated(&mut self, action: &Action, update: &Update, response: &Response) -> Outcome {
        let resource = response.resource().filter(|map| answer::id(map).is_some_and(|id| id == update.id)).cloned();
        (self.link.etag, self.link.read_at, self.link.lost_id) = (response.version(), self.now, None);
        self.members = wire::members(action, &self.link, self.rules.target);
        if self.members.is_some() {
            // What went through lets the next one be larger.
            let most = self.rules.target.members_chunk;
            self.link.chunk = self.link.chunk.map(|size| size * 2).filter(|size| *size < most);
        }
        let fights = self.fights();
        match resource {
            Some(document) => {
                self.link.assumed.clear();
                for Change { place, value, .. } in &update.changes {
                    self.learn(place, value.as_ref(), &document);
                }
                let still = document.get(ACTIVE).is_some_and(|active| equal(&Value::Bool(true), active));
                self.link.document = Some(self.kept(&document));
                if matches!(action, Action::Deactivate(_)) && still {
                    return self.odd(Parking::NotApplied { attribute: ACTIVE.into() });
                }
            }
            None => self.assume(&update.changes),
        }
        self.link.refusals = 0;
        if fights {
            let attribute =
                update.changes.first().map_or_else(|| "members".to_owned(), |change| change.variable.clone());
            return self.give_up(Parking::NotApplied { attribute });
        }
        // A page of a login form with status 200 is no success.
        if response.body == Body::Other && response.status == 200 {
            self.link.verify = true;
            return Outcome::Again;
        }
        Outcome::Done
    }

    /// Whether the same is written again and again.
    fn fights(&mut self) -> bool {
        let inputs = fingerprint(self.desired);
        let (count, for_inputs, at) = &self.link.written;
        let again = *for_inputs == inputs && self.now.saturating_sub(*at) < WRITES_MS * 1_000;
        let count = if again { count + 1 } else { 1 };
        self.link.written = (count, inputs, self.now);
        count > WRITES_MAX
    }

    /// Without a body it is taken as done; the second time that the same is sent, it is looked at.
    fn assume(&mut self, changes: &[Change]) {
        let mut document = self.link.document.take().unwrap_or_default();
        for Change { place, value, .. } in changes {
            match value {
                Some(value) => place.write(&mut document, value.clone()),
                None => place.clear(&mut document),
            }
            let assumed = Assumed { path: place.path().to_owned(), value: value.clone() };
            if self.link.assumed.contains(&assumed) {
                self.link.verify = true;
            } else {
                self.link.assumed.retain(|known| known.path != assumed.path);
                self.link.assumed.push(assumed);
            }
        }
        self.link.document = Some(document);
    }

    fn not_updated(&mut self, update: &Update, refusal: &Refusal, response: &Response) -> Outcome {
        let bites = update.members.as_ref().is_some_and(|members| members.add.len() + members.remove.len() > 0)
            && self.rules.target.group_update == GroupUpdate::Patch;
        match refusal.status {
            // Some targets deny for a moment what they have, so that is looked at before it is believed.
            404 | 410 if !(bites && self.link.refusals > 0) => {
                (self.link.verify, self.link.read_at) = (true, 0);
                self.link.denied = true;
                Outcome::Again
            }
            400 | 404 | 413 | 422 if bites => self.smaller(update, refusal, response),
            500..=599 if bites && self.link.attempts >= 3 => self.smaller(update, refusal, response),
            412 => {
                (self.link.etag, self.link.verify, self.link.read_at) = (None, true, 0);
                self.link.refusals += 1;
                if self.link.refusals > REFUSALS_MAX { self.failed(refusal, response) } else { Outcome::Again }
            }
            409 if !self.is_leaving() => Outcome::Parked(rejected(refusal)),
            _ => self.failed(refusal, response),
        }
    }

    /// One member can spoil a request: halve it until that member is alone.
    fn smaller(&mut self, update: &Update, refusal: &Refusal, response: &Response) -> Outcome {
        let Some(members) = &update.members else { return self.failed(refusal, response) };
        let part = wire::chunk(members, &self.link, self.rules.target);
        let size = part.add.len() + part.remove.len();
        if size > 1 {
            self.link.chunk = Some(size / 2);
            return Outcome::Again;
        }
        self.link.chunk = None;
        self.link.refusals = 0;
        if let Some(gone) = part.remove.first() {
            // Who is not there need not go.
            self.members = Some(Members { remove: vec![gone.clone()], before: members.before, ..Members::default() });
            return Outcome::Again;
        }
        self.blocked = part.add.into_iter().next();
        Outcome::Again
    }

    fn deleted(&mut self) -> Outcome {
        self.link.let_go();
        Outcome::Done
    }
}

fn lookup(field: &str, value: &str) -> Lookup {
    Lookup::Filter { field: field.to_owned(), value: value.to_owned() }
}

fn rejected(refusal: &Refusal) -> Parking {
    Parking::Rejected { status: refusal.status, scim_type: refusal.scim_type.clone(), detail: refusal.detail.clone() }
}
