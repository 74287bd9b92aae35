//! Numbers for Prometheus: counters since the start of this process, and what a tenant holds now.
//!
//! Labels are names of tenants, resource types, outcomes and states: nothing of anybody's data, and no secret. Who reads them
//! shows an administrator's token, of an auditor at least, or comes through the socket.

use crate::admin::tokens::State as TokenState;
use crate::admin::waiting;
use crate::app::App;
use crate::error::Result;
use crate::limits;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use store::TenantId;

/// The media type of the text format.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Upper ends of the stretches of time that answers are counted in, in microseconds.
const BOUNDS: [u64; 12] =
    [1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 10_000_000];

/// How old the numbers of what waits may be, in microseconds: they are read from the log, which costs more than the rest.
const WAITS_GOOD_FOR: i64 = 60_000_000;

/// Counters of one tenant.
#[derive(Debug, Default)]
struct Counted {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    took_us: AtomicU64,
    /// One for each of `BOUNDS`; slower ones are only in the sum of the outcomes.
    within: [AtomicU64; BOUNDS.len()],
}

/// Counters of all tenants.
#[derive(Debug, Default)]
pub(crate) struct Metrics(RwLock<HashMap<TenantId, Arc<Counted>>>);

impl Metrics {
    /// Counts a SCIM request that was answered.
    pub(crate) fn note(&self, tenant: TenantId, status: u16, took_us: i64) {
        let counted = self.of(tenant);
        let took = took_us.unsigned_abs();
        let outcome = match status {
            ..400 => &counted.answered,
            400..500 => &counted.refused,
            _ => &counted.failed,
        };
        outcome.fetch_add(1, Ordering::Relaxed);
        counted.took_us.fetch_add(took, Ordering::Relaxed);
        if let Some((_, bucket)) = BOUNDS.iter().zip(&counted.within).find(|(bound, _)| took <= **bound) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn of(&self, tenant: TenantId) -> Arc<Counted> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned();
        known.unwrap_or_else(|| {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(tenant).or_default())
        })
    }
}

/// The page: families of samples, each with what it means.
#[derive(Default)]
struct Sheet(String);

impl Sheet {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into memory cannot fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    /// A family of one sample.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Seconds, as the format wants them.
fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// What a tenant holds now.
struct Held {
    name: String,
    id: TenantId,
    resources: Vec<(String, u64)>,
    log_bytes: u64,
    active_tokens: usize,
    /// When the first of its active tokens ends.
    next_end: Option<i64>,
    conflicts: usize,
    tasks: usize,
}

async fn held(app: &App) -> Result<Vec<Held>> {
    let (now, mut all) = (app.clock().now(), Vec::new());
    for state in app.tenants().all().into_iter().take(limits::METRICS_TENANTS_MAX) {
        let waits = waiting::of_lately(app, &state, WAITS_GOOD_FOR).await?;
        let of = Arc::clone(&state);
        let read = app.store().read(move |r| -> store::Result<_> {
            let tenant = of.tenant.id;
            let count = |name: &String| Ok((name.clone(), r.count(tenant, name)?));
            let resources = of.types.iter().map(|rt| count(&rt.name)).collect::<store::Result<Vec<_>>>()?;
            Ok((resources, r.log_bytes(tenant)?, r.tokens(Some(tenant))?))
        });
        let (resources, log_bytes, tokens) = read.await?;
        let active: Vec<_> = tokens.iter().filter(|token| TokenState::of(token, now) == TokenState::Active).collect();
        all.push(Held {
            name: state.tenant.name.clone(),
            id: state.tenant.id,
            resources,
            log_bytes,
            active_tokens: active.len(),
            next_end: active.iter().filter_map(|token| token.expires_at).min(),
            conflicts: waits.conflicts,
            tasks: waits.tasks,
        });
    }
    Ok(all)
}

/// Everything, in the text format of Prometheus.
pub(crate) async fn text(app: &App) -> Result<String> {
    let (held, mut sheet) = (held(app).await?, Sheet::default());
    sheet.family("provost_build_info", "gauge", "The version that runs.");
    sheet.sample("provost_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    requests(app, &held, &mut sheet);
    of_tenants(&held, &mut sheet);
    of_store(app, &mut sheet);
    Ok(sheet.0)
}

fn requests(app: &App, held: &[Held], sheet: &mut Sheet) {
    let name = "provost_scim_requests_total";
    sheet.family(name, "counter", "SCIM requests since the start, by what became of them.");
    for tenant in held {
        let counted = app.metrics().of(tenant.id);
        for (outcome, number) in
            [("answered", &counted.answered), ("refused", &counted.refused), ("failed", &counted.failed)]
        {
            let labels = [("tenant", tenant.name.as_str()), ("outcome", outcome)];
            sheet.sample(name, &labels, number.load(Ordering::Relaxed));
        }
    }
    let name = "provost_scim_request_duration_seconds";
    sheet.family(name, "histogram", "How long answers took.");
    for tenant in held {
        let counted = app.metrics().of(tenant.id);
        let (bucket, mut below) = (format!("{name}_bucket"), 0);
        for (bound, number) in BOUNDS.iter().zip(&counted.within) {
            below += number.load(Ordering::Relaxed);
            sheet.sample(&bucket, &[("tenant", &tenant.name), ("le", &seconds(*bound))], below);
        }
        let outcomes = [&counted.answered, &counted.refused, &counted.failed];
        let all: u64 = outcomes.iter().map(|number| number.load(Ordering::Relaxed)).sum();
        let tenant = ("tenant", tenant.name.as_str());
        sheet.sample(&bucket, &[tenant, ("le", "+Inf")], all);
        sheet.sample(&format!("{name}_sum"), &[tenant], seconds(counted.took_us.load(Ordering::Relaxed)));
        sheet.sample(&format!("{name}_count"), &[tenant], all);
    }
}

/// A number of a tenant: its name, what it means, and how it is read.
type Gauge = (&'static str, &'static str, fn(&Held) -> Option<u64>);

fn of_tenants(held: &[Held], sheet: &mut Sheet) {
    sheet.family("provost_resources", "gauge", "Resources of each type.");
    for tenant in held {
        for (kind, number) in &tenant.resources {
            sheet.sample("provost_resources", &[("tenant", &tenant.name), ("type", kind)], number);
        }
    }
    let gauges: [Gauge; 5] = [
        ("provost_log_bytes", "What the provisioning log takes.", |held| Some(held.log_bytes)),
        ("provost_tokens_active", "Tokens that let somebody in.", |held| Some(held.active_tokens as u64)),
        ("provost_token_next_end_timestamp_seconds", "When the first active token ends.", |held| {
            held.next_end.map(|at| at.unsigned_abs() / 1_000_000)
        }),
        ("provost_conflicts_open", "Refusals that wait for somebody.", |held| Some(held.conflicts as u64)),
        ("provost_tasks_open", "People and groups of applications that wait for somebody.", |held| {
            Some(held.tasks as u64)
        }),
    ];
    for (name, help, read) in gauges {
        sheet.family(name, "gauge", help);
        for tenant in held {
            if let Some(number) = read(tenant) {
                sheet.sample(name, &[("tenant", &tenant.name)], number);
            }
        }
    }
}

fn of_store(app: &App, sheet: &mut Sheet) {
    let stats = app.store().stats();
    sheet.one("provost_store_commits_total", "counter", "Commits since the start.", stats.batches);
    sheet.one("provost_store_writes_total", "counter", "Writes that were committed.", stats.writes);
    sheet.one("provost_store_failed_writes_total", "counter", "Writes that were undone.", stats.failed_writes);
    sheet.one("provost_store_reads_total", "counter", "Reads.", stats.reads);
    sheet.one("provost_store_writes_waiting", "gauge", "Writes that wait now.", stats.writes_waiting);
    sheet.one("provost_store_reads_waiting", "gauge", "Reads that wait now.", stats.reads_waiting);
    let help = "Entries of the log that were dropped because too many waited.";
    sheet.one("provost_log_entries_dropped_total", "counter", help, app.log_dropped());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_outcome_and_time() {
        let metrics = Metrics::default();
        for (status, took) in [(200, 900), (201, 20_000), (404, 1), (503, 99_000_000)] {
            metrics.note(TenantId(1), status, took);
        }
        let counted = metrics.of(TenantId(1));
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        assert_eq!((read(&counted.answered), read(&counted.refused), read(&counted.failed)), (2, 1, 1));
        assert_eq!(counted.within.iter().map(read).sum::<u64>(), 3, "the slowest is beyond all bounds");
        assert_eq!((read(&counted.within[0]), read(&counted.within[4])), (2, 1));
        assert_eq!((seconds(2_500), escaped("a\"b\\")), ("0.002500".to_owned(), "a\\\"b\\\\".to_owned()));
    }
}
