//! A PostgreSQL server of the tests' own: in a folder that goes with it, heard through a socket in that folder (so no
//! port can be taken), gone with the process that started it. It never runs as root.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// `nobody`, for tests that run as root.
const NOBODY: u32 = 65_534;

/// Ends the server at once when the pipe to this process closes, however that comes about, and takes its folder away.
const WATCH: &str = r#"d=$1; shift; "$@" & read -r _; kill -QUIT $!; wait $!; rm -rf "$d""#;

/// Settings of a server, and of one that is measured.
const QUICK: &[&str] = &["-c", "fsync=off", "-c", "max_connections=400", "-c", "shared_buffers=64MB"];
const DURABLE: &[&str] = &["-c", "max_connections=100", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"];

/// The programs of the newest server that is installed.
fn programs() -> PathBuf {
    let told = Command::new("pg_config").arg("--bindir").output().ok().filter(|output| output.status.success());
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    folders.sort();
    folders.extend(told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())));
    let found = folders.into_iter().rfind(|folder| folder.join("initdb").exists() && folder.join("postgres").exists());
    found.expect("no PostgreSQL server is installed here: run ./test, which installs what the tests need")
}

/// A running server.
pub struct Cluster {
    folder: PathBuf,
    /// How it is started, behind what every one is started with.
    settings: Vec<String>,
    port: u16,
    running: Mutex<Option<Child>>,
}

impl Cluster {
    /// A fresh one.
    pub fn start() -> Self {
        Self::with(QUICK)
    }

    /// A fresh one that is as careful as in earnest: for measuring.
    #[allow(dead_code, reason = "only the benchmark measures")]
    pub fn durable() -> Self {
        Self::with(DURABLE)
    }

    fn with(settings: &[&str]) -> Self {
        let cluster = Self::made(settings);
        cluster.run();
        cluster
    }

    fn made(settings: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // A socket's path is short.
        let name = format!("pv-pg-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::remove_dir_all(&folder).ok();
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let cluster = Self {
            folder,
            settings: settings.iter().map(|setting| (*setting).to_owned()).collect(),
            port: 5432,
            running: Mutex::default(),
        };
        if cluster.is_root() {
            chown(&cluster.folder, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = cluster.folder.join("data");
        // Texts sort by the rules of a language here, so that whatever relies on bytes has to say so.
        let made = cluster
            .command(&programs().join("initdb"))
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--locale=C.UTF-8"])
            .args(["--locale-provider=icu", "--icu-locale=en-US", "--pgdata"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster
    }

    /// One that speaks TLS over TCP with this certificate and key; and the port.
    #[allow(dead_code, reason = "only the store's tests speak TLS to it")]
    pub fn with_tls(certificate: &str, key: &str) -> (Self, u16) {
        let mut cluster = Self::made(QUICK);
        for (name, text) in [("server.crt", certificate), ("server.key", key)] {
            let file = cluster.folder.join("data").join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            if cluster.is_root() {
                chown(&file, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = ["-c".to_owned(), "listen_addresses=127.0.0.1".into(), "-c".into(), format!("port={port}")];
        cluster.settings.extend(address);
        cluster.settings.extend(["-c".into(), "ssl=on".into()]);
        cluster.port = port;
        cluster.run();
        (cluster, port)
    }

    fn is_root(&self) -> bool {
        fs::metadata("/proc/self").unwrap().uid() == 0
    }

    /// A program that runs as the server does.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if self.is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir(&self.folder);
        command
    }

    /// The folder that it and its socket are in.
    #[allow(dead_code, reason = "only the tests of a pooler put something there")]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts the server and waits until it answers.
    pub fn run(&self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let child = self
            .command(Path::new("sh"))
            .args(["-c", WATCH, "sh"])
            .arg(&self.folder)
            .arg(programs().join("postgres"))
            .arg("-D")
            .arg(self.folder.join("data"))
            .args(["-c", "listen_addresses="])
            .arg("-c")
            .arg(format!("unix_socket_directories={}", self.folder.display()))
            // A process that is killed takes nothing out of the system's cache, and these tests kill no machines.
            .args(&self.settings)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        *self.running.lock().unwrap() = Some(child);
        for _ in 0..400 {
            if self.try_sql("postgres", "select 1").is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("PostgreSQL did not start: {}", fs::read_to_string(self.folder.join("log")).unwrap_or_default());
    }

    /// `kill -9` of the server and all its processes; what it holds stays where it is.
    pub fn kill(&self) {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        let mut child = self.running.lock().unwrap().take().unwrap();
        // The watcher first, or it would take the folder away.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        // Its children notice that it is gone, and end. Where nobody buries it, its number stays taken, and a new server
        // would believe that it is still there.
        std::thread::sleep(Duration::from_millis(300));
        for left in ["data/postmaster.pid", ".s.PGSQL.5432.lock", ".s.PGSQL.5432"] {
            fs::remove_file(self.folder.join(left)).unwrap();
        }
    }

    /// Runs SQL as the superuser; gives what `psql` prints.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.try_sql(database, sql).unwrap()
    }

    fn try_sql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(programs().join("psql"))
            .args([
                "-XqAt",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                database,
                "-p",
                &self.port.to_string(),
                "-h",
            ])
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        psql.stdin.take().unwrap().write_all(sql.as_bytes()).ok();
        let output = psql.wait_with_output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("w{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database {name}"));
        self.url(&name)
    }

    /// The address of a database.
    pub fn url(&self, name: &str) -> String {
        let folder = self.folder.to_str().unwrap().replace('/', "%2F");
        format!("postgres://postgres@{folder}/{name}")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut child) = self.running.lock().unwrap().take() {
            drop(child.stdin.take());
            child.wait().ok();
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}
