//! PgBouncer in transaction mode between the nodes and PostgreSQL: it hands a connection out for a transaction, so nothing
//! may be kept in a session.

use super::{World, begin, compare, feed_is_whole, known_there, under_load};
use crate::cluster::Cluster;
use crate::harness::id;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Ends it when the pipe to this process closes, however that comes about.
const WATCH: &str = r#""$@" & read -r _; kill -9 $!; wait"#;

fn program() -> &'static str {
    let found = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|program| Path::new(program).exists());
    found.expect("no PgBouncer is installed here: run ./test, which installs what the tests need")
}

struct Pooler {
    settings: PathBuf,
    running: Mutex<Option<Child>>,
}

impl Pooler {
    /// Listens on a socket beside that of the server.
    fn start(cluster: &Cluster) -> Self {
        let folder = cluster.folder().display();
        let settings = cluster.folder().join("pgbouncer.ini");
        // Fewer connections than the nodes have sessions, so that they really go from hand to hand.
        let text = format!(
            "[databases]\n* = host={folder} port=5432 user=postgres\n\n[pgbouncer]\nlisten_addr =\nlisten_port = 6432\n\
             unix_socket_dir = {folder}\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 6\n\
             max_client_conn = 300\n"
        );
        fs::write(&settings, text).unwrap();
        let pooler = Self { settings, running: Mutex::default() };
        pooler.run(cluster);
        pooler
    }

    fn run(&self, cluster: &Cluster) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.settings.with_extension("log")).unwrap();
        let child = cluster
            .command(Path::new("sh"))
            .args(["-c", WATCH, "sh", program()])
            .arg(&self.settings)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        *self.running.lock().unwrap() = Some(child);
        let socket = self.settings.with_file_name(".s.PGSQL.6432");
        let until = Instant::now() + Duration::from_secs(20);
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            let said = fs::read_to_string(self.settings.with_extension("log")).unwrap_or_default();
            assert!(Instant::now() < until, "PgBouncer did not start: {said}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it at once; transactions that are under way are cut off.
    fn kill(&self) {
        if let Some(mut child) = self.running.lock().unwrap().take() {
            drop(child.stdin.take());
            child.wait().unwrap();
        }
        fs::remove_file(self.settings.with_file_name(".s.PGSQL.6432")).ok();
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.kill();
    }
}

#[test]
fn nodes_work_over_pgbouncer_in_transaction_mode() {
    let cluster = Cluster::start();
    let pooler = Pooler::start(&cluster);
    let direct = cluster.database();
    let (before, name) = direct.rsplit_once('/').unwrap();
    let world = World::with(cluster, 2, &format!("{before}:6432/{name}"), &["--database-pooled"]);
    let (tenant, group) = begin(&world);
    let known = under_load(&world, &tenant, &group, Duration::from_secs(6), || {
        std::thread::sleep(Duration::from_secs(3));
        pooler.kill();
        std::thread::sleep(Duration::from_millis(300));
        pooler.run(&world.cluster);
    });
    let refused: usize = known.iter().map(|known| known.refused).sum();
    let people: usize = known.iter().map(|known| known.people.len()).sum();
    assert!(people > 20 && refused > 0, "{people} people, {refused} refused");
    compare(&tenant, &group, &known);
    feed_is_whole(&tenant, people);

    // What nodes keep in memory: without notifications they look every second.
    known_there(&world.nodes[1], &tenant);
    let tokens = tenant.admin("GET", "/tokens", Value::Null).expect(200).json();
    tenant.admin("DELETE", &format!("/tokens/{}", id(&tokens["data"][0])), Value::Null);
    let until = Instant::now() + Duration::from_secs(10);
    while world.nodes[1].send(&tenant.request("GET", "/Users?count=0")).expect("an answer").status != 401 {
        assert!(Instant::now() < until, "the other node still takes it");
        std::thread::sleep(Duration::from_millis(20));
    }
}
