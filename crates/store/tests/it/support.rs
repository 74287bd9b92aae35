//! A store in a folder of its own, and short ways to fill it.

use super::POSTGRES;
use crate::cluster::Cluster;
use scim::patch_op::MemberOp;
use scim::resource::MemberRef;
use scim::{Dialect, Resource, ResourceType};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use store::{Definitions, Error, LogEntry, ManagerMatch, Options, Policy, Settings, Store, Stored, TenantId, Writer};

pub const BASE: &str = "https://Scim.example/scim/v2";
pub const ORDER: &[ManagerMatch] = &ManagerMatch::ALL;
pub const POLICY: Policy<'_> = Policy { return_same_id: true, manager_match: ORDER, heard: false };

/// A data folder that goes with the value, and a database of its own where the folder does not hold it.
pub struct Folder {
    path: PathBuf,
    url: Option<String>,
}

impl Folder {
    fn path_of_one() -> PathBuf {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("provost-store-{POSTGRES}-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::remove_dir_all(&path).ok();
        path
    }

    pub fn new() -> Self {
        Self { path: Self::path_of_one(), url: POSTGRES.then(|| cluster().database()) }
    }

    /// Runs SQL behind the store's back; gives what PostgreSQL answers.
    pub fn sql(&self, sql: &str) -> String {
        match self.url() {
            Some(url) => cluster().sql(url.rsplit_once('/').unwrap().1, sql),
            None => {
                rusqlite::Connection::open(self.path.join("provost.db")).unwrap().execute_batch(sql).unwrap();
                String::new()
            }
        }
    }

    /// Where the database is, if it is not in the folder.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn open(&self) -> Store {
        self.open_with(Options::default())
    }

    pub fn open_with(&self, options: Options) -> Store {
        open(&self.path, self.url(), options)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.path).ok();
    }
}

/// One server for all tests of this process.
fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}

pub fn open(folder: &Path, url: Option<&str>, options: Options) -> Store {
    match url {
        None => Store::open(folder, options),
        Some(url) => Store::connect(folder, url, options),
    }
    .unwrap()
}

/// An open store with one tenant.
pub struct World {
    pub store: Store,
    pub tenant: TenantId,
    pub user: Arc<ResourceType>,
    pub group: Arc<ResourceType>,
    pub folder: Folder,
}

impl World {
    pub fn new() -> Self {
        Self::with(Definitions::default())
    }

    pub fn with(definitions: Definitions) -> Self {
        let folder = Folder::new();
        let store = folder.open();
        definitions.check().unwrap();
        let types = definitions.resource_types().unwrap();
        let tenant =
            write(&store, move |w| w.tenant_insert("default", &Settings::default(), &definitions, 1)).unwrap().id;
        Self { store, tenant, user: Arc::clone(&types[0]), group: Arc::clone(&types[1]), folder }
    }

    pub fn write<T: Send + 'static>(
        &self,
        closure: impl FnOnce(&mut Writer) -> store::Result<T> + Send + 'static,
    ) -> store::Result<T> {
        write(&self.store, closure)
    }

    pub fn log(&self, entries: impl IntoIterator<Item = LogEntry> + Send + 'static) {
        self.write(move |w| {
            entries.into_iter().for_each(|entry| w.log(entry));
            Ok(())
        })
        .unwrap();
    }

    pub fn read<T: Send + 'static>(
        &self,
        closure: impl FnOnce(&store::Reader) -> store::Result<T> + Send + 'static,
    ) -> T {
        self.store.read_blocking(closure).unwrap()
    }

    pub fn try_insert(&self, resource_type: &Arc<ResourceType>, body: Value, now: i64) -> store::Result<Stored> {
        let resource = resource(resource_type, body);
        let (tenant, resource_type) = (self.tenant, Arc::clone(resource_type));
        self.write(move |w| w.insert(tenant, &resource_type, None, &resource, now, POLICY))
    }

    pub fn insert(&self, resource_type: &Arc<ResourceType>, body: Value) -> Stored {
        self.try_insert(resource_type, body, 1_000_000).unwrap()
    }

    pub fn update(&self, resource_type: &Arc<ResourceType>, id: &str, body: Value) -> store::Result<Stored> {
        let resource = resource(resource_type, body);
        let (tenant, resource_type, id) = (self.tenant, Arc::clone(resource_type), id.to_owned());
        self.write(move |w| {
            let stored = w.find(tenant, &resource_type, &id)?.unwrap();
            w.update(tenant, &resource_type, &stored, &Arc::new(resource), 2_000_000, ORDER)
        })
    }

    pub fn delete(&self, resource_type: &Arc<ResourceType>, id: &str) -> store::Deleted {
        let (tenant, resource_type, id) = (self.tenant, Arc::clone(resource_type), id.to_owned());
        self.write(move |w| {
            let stored = w.find(tenant, &resource_type, &id)?.unwrap();
            w.delete(tenant, &resource_type, &stored, 3_000_000, ORDER)
        })
        .unwrap()
    }

    pub fn members(&self, group: &str, ops: Vec<MemberOp>) -> store::Result<store::MembersChanged> {
        let (tenant, resource_type, id) = (self.tenant, Arc::clone(&self.group), group.to_owned());
        self.write(move |w| {
            let stored = w.find(tenant, &resource_type, &id)?.unwrap();
            let changed = w.members_apply(tenant, &resource_type, &stored, &ops, BASE, false)?;
            if !changed.is_empty() {
                w.touch(tenant, &stored, 2_500_000)?;
            }
            Ok(changed)
        })
    }

    pub fn find(&self, resource_type: &Arc<ResourceType>, id: &str) -> Option<Stored> {
        let (tenant, resource_type, id) = (self.tenant, Arc::clone(resource_type), id.to_owned());
        self.read(move |r| r.find(tenant, &resource_type, &id))
    }

    pub fn view(&self, resource_type: &Arc<ResourceType>, id: &str) -> Option<store::View> {
        let (tenant, resource_type, id) = (self.tenant, Arc::clone(resource_type), id.to_owned());
        self.read(move |r| r.view(tenant, &resource_type, &id, true))
    }

    pub fn member_ids(&self, group: &str) -> Vec<String> {
        let (tenant, view) = (self.tenant, self.view(&self.group, group).unwrap());
        self.read(move |r| {
            let mut ids = Vec::new();
            r.members(tenant, view.rid, |member| {
                ids.push(member.id);
                Ok(())
            })?;
            Ok(ids)
        })
    }

    /// Everything that is derived is as it should be.
    pub fn verify(&self) {
        let (tenant, types) = (self.tenant, vec![Arc::clone(&self.user), Arc::clone(&self.group)]);
        let problems = self.read(move |r| r.verify(tenant, &types, ORDER));
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(self.read(|r| r.verify_file()), Vec::<String>::new());
    }
}

pub fn write<T: Send + 'static>(
    store: &Store,
    closure: impl FnOnce(&mut Writer) -> store::Result<T> + Send + 'static,
) -> store::Result<T> {
    store.write_blocking::<T, Error, _>(closure)
}

pub fn resource(resource_type: &ResourceType, body: Value) -> Resource {
    Resource::parse(body, resource_type, &Dialect::LENIENT).unwrap().resource
}

pub fn refs<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Vec<MemberRef> {
    ids.into_iter().map(|id| MemberRef { value: id.into() }).collect()
}

/// Numbers that look random and are the same every time.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % end as u64).unwrap()
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

pub fn wait_for(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < end, "it did not happen");
        thread::sleep(Duration::from_millis(1));
    }
}
