//! Who a request is: a bearer token becomes an `Actor`, or the request ends here.

mod strangers;

use crate::egress::Network;
use crate::error::{Error, Result};
use crate::record::Trace;
use crate::tenants::TenantState;
use crate::token;
use axum::http::{HeaderMap, header};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use scim::meta::rfc3339;
use scim::{Code, ResourceType};
use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use store::{Role, Scope, Token, TokenUse};
use strangers::Strangers;

/// What a request wants to do with a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// POST to the endpoint.
    Create,
    /// GET and search.
    Read,
    /// PUT and PATCH.
    Update,
    /// DELETE.
    Delete,
}

impl Operation {
    /// Its name, as the switches are called.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What whoever can open the data folder is called.
pub(crate) const LOCAL: &str = "local";

/// Whoever this request is.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// The token's label.
    pub(crate) label: String,
    /// What it may do.
    pub(crate) scope: Scope,
    /// The address that it comes from, where somebody writes it down.
    pub(crate) address: String,
}

impl Actor {
    /// Someone who can open the data folder: they could change the database itself.
    pub(crate) fn local() -> Self {
        Self { label: LOCAL.into(), scope: Scope::ADMIN, address: LOCAL.into() }
    }

    /// Somebody who showed no token: may read what is public, and nothing else.
    pub(crate) fn anonymous() -> Self {
        Self { label: "anonymous".into(), scope: Scope::default(), address: String::new() }
    }

    /// Refuses whoever has a smaller role.
    pub(crate) fn at_least(&self, role: Role) -> Result<()> {
        let has = self.scope.role();
        if has.is_some_and(|has| has >= role) {
            return Ok(());
        }
        let has = has.map_or("none", Role::as_str);
        Err(Error::new(Code::ROLE, format!("this takes the role {}; yours is {has}", role.as_str())))
    }

    /// Refuses what the token's scope or the tenant's switches do not allow.
    pub(crate) fn may(&self, tenant: &TenantState, rt: &ResourceType, operation: Operation) -> Result<()> {
        let (area, access) = if rt.has_members() { ("groups", self.scope.groups) } else { ("users", self.scope.users) };
        let wants = if operation == Operation::Read { ("read", access.read) } else { ("write", access.write) };
        if !self.scope.admin && !wants.1 {
            let detail = format!("the token's scope lacks {area}:{}; use a token that has it", wants.0);
            return Err(Error::new(Code::SCOPE, detail));
        }
        if self.scope.admin && operation != Operation::Read {
            self.at_least(Role::Admin)?;
        }
        let switches = tenant.switches(rt);
        let on = match operation {
            Operation::Create => switches.create,
            Operation::Read => switches.read,
            Operation::Update => switches.update,
            Operation::Delete => switches.delete,
        };
        if on {
            return Ok(());
        }
        let name = operation.as_str();
        let detail = format!(
            "the switch {area}.{name} is off; an administrator can switch it on with: provost switch set {area}.{name}=on"
        );
        Err(Error::new(Code::SWITCHED_OFF, detail))
    }
}

/// A token as it is kept in memory while it is in use.
struct Live {
    token: Token,
    /// Where it may come from, if that is bounded; one that cannot be read is nowhere.
    networks: Option<Vec<Network>>,
    actor: Arc<Actor>,
    /// Requests a second, and at once.
    rate: (u32, u32),
    limiter: Arc<DefaultDirectRateLimiter>,
    used: Mutex<Option<TokenUse>>,
}

/// The tokens in use, by hash, and who shows others.
#[derive(Default)]
pub(crate) struct Tokens(RwLock<Known>, Strangers);

/// What is known, and how often it was forgotten: a token that was read before a change must not be kept behind it.
#[derive(Default)]
struct Known {
    live: HashMap<[u8; 32], Arc<Live>>,
    /// What was forgotten last, for what the database does not know yet: uses, and how full the limiters are.
    before: HashMap<[u8; 32], Arc<Live>>,
    forgotten: u64,
}

impl Tokens {
    /// Forgets what it knows; the next request of each token asks the database. Called after every change of a token.
    pub(crate) fn forget(&self) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let live = std::mem::take(&mut known.live);
        known.before.extend(live);
        known.forgotten += 1;
    }

    /// What was used since it was last asked for.
    pub(crate) fn uses(&self) -> Vec<TokenUse> {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut known.before);
        let all = before.values().chain(known.live.values());
        all.filter_map(|live| live.used.lock().unwrap_or_else(PoisonError::into_inner).take()).collect()
    }

    /// The token, if it is known, and the state of knowledge for `keep`.
    fn live(&self, hash: &[u8; 32]) -> (Option<Arc<Live>>, u64) {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        (known.live.get(hash).cloned(), known.forgotten)
    }

    /// Keeps a token in memory; one of a tenant when it is shown to that tenant, whose settings say how fast it may be.
    fn keep(&self, token: Token, tenant: Option<&TenantState>, forgotten: u64) -> Arc<Live> {
        let hash = token.hash;
        let owner = tenant.filter(|tenant| token.tenant == Some(tenant.tenant.id));
        let is_here = token.tenant.is_none() || owner.is_some();
        let (rate, burst) =
            owner.map_or((1_000, 2_000), |t| (t.tenant.settings.rate_per_second, t.tenant.settings.rate_burst));
        let per_second = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(per_second).allow_burst(NonZeroU32::new(burst).unwrap_or(per_second));
        let actor = Actor { label: token.label.clone(), scope: token.scope, address: String::new() };
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.before.get(&hash).filter(|before| before.rate == (rate, burst));
        let limiter = before.map_or_else(|| Arc::new(RateLimiter::direct(quota)), |before| Arc::clone(&before.limiter));
        let (actor, rate) = (Arc::new(actor), (rate, burst));
        let networks = (!token.networks.is_empty())
            .then(|| token.networks.iter().filter_map(|network| network.parse().ok()).collect());
        let live = Arc::new(Live { token, networks, actor, rate, limiter, used: Mutex::new(None) });
        if is_here && known.forgotten == forgotten {
            known.live.insert(hash, Arc::clone(&live));
        }
        live
    }
}

/// Where a request comes from, for the token's last use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The address of the other side.
    pub(crate) address: String,
    /// Its `User-Agent`.
    pub(crate) agent: String,
}

impl Origin {
    /// Whether it is in one of these networks; who has no address is in none.
    fn is_in(&self, networks: &[Network]) -> bool {
        let address = self.address.parse::<IpAddr>().map(|address| address.to_canonical());
        address.is_ok_and(|address| networks.iter().any(|network| network.contains(address)))
    }

    /// The part of the address that one customer of a provider has: all of IPv4, the first half of IPv6.
    pub(crate) fn network(&self) -> String {
        match self.address.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
                Some(address) => address.to_string(),
                None => format!("{:x}/64", u128::from(address) >> 64),
            },
            _ => self.address.clone(),
        }
    }
}

impl crate::app::App {
    /// The actor of a request to this tenant; without a tenant only an administrator is one. What the log should say of the
    /// token goes into the trace.
    pub(crate) async fn actor(
        &self,
        tenant: Option<&Arc<TenantState>>,
        headers: &HeaderMap,
        origin: &Origin,
        now: i64,
        trace: &mut Trace,
    ) -> Result<Arc<Actor>> {
        let known = self.known(tenant, headers).await;
        let live = known.map_err(|error| {
            tell_shown(headers, trace);
            self.slowed_down(error, headers, origin, now)
        })?;
        let is_of = |tenant: &Arc<TenantState>| live.token.tenant == Some(tenant.tenant.id);
        check_alive(&live.token, now).inspect_err(|_| {
            // A token of another tenant is nothing for this one's log.
            if tenant.is_some_and(is_of) {
                tell_over(&live.token, trace);
            }
        })?;
        let belongs = match (tenant, live.token.tenant) {
            (_, None) => live.token.scope.admin,
            (Some(tenant), Some(owner)) => tenant.tenant.id == owner,
            (None, Some(_)) => false,
        };
        if !belongs {
            return Err(match tenant {
                Some(_) => unknown(),
                None => Error::new(
                    Code::SCOPE,
                    "this needs an administrator's token (pva_…); make one with: provost token create --admin",
                ),
            });
        }
        check_origin(&live, origin, trace)?;
        live.limiter.check().map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let detail = format!("too many requests with this token; wait {} s", seconds.max(1));
            Error::Later { code: Code::RATE_LIMITED, detail, seconds: seconds.max(1) }
        })?;
        note_use(&live, origin, now);
        tell_rotated(&live.token, trace);
        Ok(Arc::clone(&live.actor))
    }

    /// The token that a request shows, if there is such a one, of whichever tenant.
    async fn known(&self, tenant: Option<&Arc<TenantState>>, headers: &HeaderMap) -> Result<Arc<Live>> {
        let bare = tenant.is_none_or(|tenant| tenant.tenant.settings.dialect.bare_token);
        let hash = token::hash(credential(headers, bare)?);
        match self.tokens().live(&hash) {
            (Some(live), _) => Ok(live),
            (None, forgotten) => {
                let found = self.store().read(move |r| r.token_by_hash(&hash)).await?.ok_or_else(unknown)?;
                Ok(self.tokens().keep(found, tenant.map(Arc::as_ref), forgotten))
            }
        }
    }

    /// Who shows one token after another that is not known hears less of each. Tokens that have ended, are switched off or
    /// belong elsewhere are not counted: who has one has to hear what is wrong with it.
    fn slowed_down(&self, error: Error, headers: &HeaderMap, origin: &Origin, now: i64) -> Error {
        let is_strange =
            matches!(&error, Error::Scim(scim) if matches!(scim.code, Code::UNAUTHORIZED | Code::TOKEN_TYPO));
        if !is_strange || origin.address.is_empty() || !headers.contains_key(header::AUTHORIZATION) {
            return error;
        }
        let Some(seconds) = self.tokens().1.another(&origin.network(), now) else { return error };
        let detail = format!("too many tokens from this address are not known here; wait {seconds} s");
        Error::Later { code: Code::STRANGE_TOKENS, detail, seconds }
    }
}

/// A token that is bound to networks opens nothing from elsewhere. The log names both, whoever has the token hears of neither.
fn check_origin(live: &Live, origin: &Origin, trace: &mut Trace) -> Result<()> {
    if live.networks.as_ref().is_none_or(|networks| origin.is_in(networks)) {
        return Ok(());
    }
    let Token { label, hint, networks, .. } = &live.token;
    let from = crate::redact::cut(&origin.address, 64);
    trace.step(format!(
        "the token “{label}” ({hint}) comes from {from} and may come from {} alone",
        networks.join(", ")
    ));
    let detail = "this token may not come from this address; send the request from where the identity provider is, \
                  or let an administrator add the network to the token";
    Err(Error::new(Code::TOKEN_NETWORK, detail))
}

/// How the step begins that tells the end of a token which is not known.
pub(crate) const SHOWN: &str = "the token that was shown ends in ";

/// The end of a token that is not known: whoever has pasted the wrong one recognises it, nobody else can use it. Of a short
/// text, and of a password behind `Basic`, four characters would say too much.
fn tell_shown(headers: &HeaderMap, trace: &mut Trace) {
    const SHOWN_FROM: usize = 20;
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::trim);
    let token = match value.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) => scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()),
        None => value.filter(|value| token::is_ours(value)),
    };
    let Some(token) = token.filter(|token| token.len() >= SHOWN_FROM && token.is_ascii()) else { return };
    trace.step(format!("{SHOWN}…{}", token.get(token.len() - 4..).unwrap_or_default()));
}

/// How the step begins that tells whose token it was that is no longer good.
pub(crate) const WAS_GOOD: &str = "the request has the token ";

/// Whose token it was that is no longer good, for whoever looks for the first request that it refused.
fn tell_over(token: &Token, trace: &mut Trace) {
    let since = match (token.revoked_at, token.expires_at, token.disabled_at) {
        (Some(at), ..) => format!(", revoked at {}", rfc3339(at)),
        (None, _, Some(at)) => format!(", switched off at {}", rfc3339(at)),
        (None, Some(at), None) if token.rotated_to.is_some() => {
            format!(", which another took the place of and which ended at {}", rfc3339(at))
        }
        (None, Some(at), None) => format!(", which ended at {}", rfc3339(at)),
        (None, None, None) => String::new(),
    };
    trace.step(format!("{WAS_GOOD}“{}” ({}){since}", token.label, token.hint));
}

/// Each use of a token that was replaced is told: when it ends, whoever still has it is locked out.
fn tell_rotated(token: &Token, trace: &mut Trace) {
    let (Some(_), Some(end)) = (&token.rotated_to, token.expires_at) else { return };
    let (label, hint, end) = (&token.label, &token.hint, rfc3339(end));
    trace.step(format!(
        "warning: the token “{label}” ({hint}) was rotated and ends at {end}; put the new one in its place"
    ));
}

fn note_use(live: &Live, origin: &Origin, now: i64) {
    const ENOUGH: i64 = 1_000_000;
    let mut used = live.used.lock().unwrap_or_else(PoisonError::into_inner);
    if used.as_ref().is_none_or(|used| now - used.at > ENOUGH) {
        let from = crate::redact::cut(&origin.address, 64).into_owned();
        let agent = crate::redact::cut(&origin.agent, 256).into_owned();
        *used = Some(TokenUse { id: live.token.id.clone(), at: now, from: Some(from), agent: Some(agent) });
    }
}

fn check_alive(token: &Token, now: i64) -> Result<()> {
    let over = |at: Option<i64>| at.is_some_and(|at| at <= now);
    if over(token.revoked_at) {
        return Err(Error::new(Code::TOKEN_EXPIRED, "the token was revoked; put a new one into the identity provider"));
    }
    if over(token.expires_at) {
        return Err(Error::new(Code::TOKEN_EXPIRED, "the token has expired; put a new one into the identity provider"));
    }
    if over(token.disabled_at) {
        let detail = "the token is switched off for the time being; an administrator can switch it on again";
        return Err(Error::new(Code::TOKEN_DISABLED, detail));
    }
    Ok(())
}

fn unknown() -> Error {
    Error::new(
        Code::UNAUTHORIZED,
        "this token is not known here; check that token and address belong to the same tenant",
    )
}

/// The token in the `Authorization` header: behind `Bearer` in any case, or alone, as some set-ups send it.
fn credential(headers: &HeaderMap, bare: bool) -> Result<&str> {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::trim) else {
        return Err(Error::new(
            Code::UNAUTHORIZED,
            "the Authorization header is missing; send: Authorization: Bearer and the token",
        ));
    };
    // Whoever stands in front may have looked at the other one.
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        let detail = "the request has more than one Authorization header; send one";
        return Err(Error::new(Code::UNAUTHORIZED, detail));
    }
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        None if bare && token::is_ours(value) => value,
        _ => return Err(Error::new(Code::UNAUTHORIZED, "the Authorization header has to be: Bearer and the token")),
    };
    if !token::is_ours(token) {
        return Err(Error::new(Code::UNAUTHORIZED, "this is not a token of this server; its tokens start with pv_"));
    }
    if !token::is_whole(token) {
        return Err(Error::new(Code::TOKEN_TYPO, "the token is incomplete or mistyped; copy it again, whole"));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn an_address_of_ipv6_is_one_of_many_of_its_owner() {
        let network = |address: &str| Origin { address: address.into(), agent: String::new() }.network();
        assert_eq!(network("2001:db8:1:2:3::4"), network("2001:db8:1:2::9"));
        assert_ne!(network("2001:db8:1:2::9"), network("2001:db8:1:3::9"));
        assert_eq!((network("192.0.2.1"), network("::ffff:192.0.2.1")), ("192.0.2.1".into(), "192.0.2.1".into()));
    }

    #[test]
    fn the_scheme_in_any_case_or_none() {
        let token = token::make(token::PREFIX).unwrap().text;
        for value in [format!("Bearer {token}"), format!("bearer   {token} "), format!("BEARER {token}")] {
            assert_eq!(credential(&headers(&value), false).unwrap(), token);
        }
        assert_eq!(credential(&headers(&token), true).unwrap(), token);
        assert!(credential(&headers(&token), false).is_err());
        assert!(credential(&headers(&format!("Basic {token}")), true).is_err());
        assert!(credential(&HeaderMap::new(), true).is_err());
    }

    #[test]
    fn of_a_token_that_is_not_known_the_end_is_told_and_of_a_password_nothing() {
        let told = |value: &str| {
            let mut trace = Trace::default();
            tell_shown(&headers(value), &mut trace);
            trace.steps.join("")
        };
        let token = token::make(token::PREFIX).unwrap().text;
        let expected = format!("{SHOWN}…{}", &token[token.len() - 4..]);
        assert_eq!((told(&format!("Bearer {token}")), told(&token)), (expected.clone(), expected));
        for silent in ["Bearer short", "Basic dXNlcjpwYXNzd29yZC1vZi1hLXVzZXI=", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"] {
            assert_eq!(told(silent), "", "{silent}");
        }
    }

    #[test]
    fn a_typing_error_is_told_apart() {
        let token = token::make(token::PREFIX).unwrap().text;
        let cut = &token[..token.len() - 2];
        match credential(&headers(&format!("Bearer {cut}")), true) {
            Err(Error::Scim(error)) => assert_eq!(error.code, Code::TOKEN_TYPO),
            other => panic!("{other:?}"),
        }
    }
}
