//! TLS to the database: what each `sslmode` accepts, and what it says about what it refuses.

use super::support::{Folder, open, write};
use crate::cluster::Cluster;
use store::{Definitions, Error, Options, Settings, Store};

const CERTIFICATE: &str = include_str!("../tls/server.cert.pem");
const KEY: &str = include_str!("../tls/server.key.pem");

fn path(name: &str) -> String {
    format!("{}/tests/tls/{name}.cert.pem", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn each_mode_accepts_what_it_says_and_no_more() {
    let (cluster, port) = Cluster::with_tls(CERTIFICATE, KEY);
    let (ours, others) = (path("authority"), path("stranger"));
    for (number, (host, mode, refused)) in [
        ("localhost", "sslmode=disable".to_owned(), None),
        ("localhost", "sslmode=prefer".to_owned(), None),
        ("localhost", "sslmode=require".to_owned(), None),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ours}"), None),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}"), None),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ours}"), Some("another name")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={others}"), Some("sslrootcert")),
        ("localhost", format!("sslmode=verify-ca&sslrootcert={others}"), Some("sslrootcert")),
        ("localhost", "sslmode=verify-full".to_owned(), Some("sslrootcert")),
        ("localhost", "sslmode=verify-full&sslrootcert=/nowhere.pem".to_owned(), Some("/nowhere.pem")),
        ("localhost", "sslmode=always".to_owned(), Some("none of")),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("tls{number}");
        cluster.sql("postgres", &format!("create database {name}"));
        let folder = Folder::new();
        let url = format!("postgres://postgres@{host}:{port}/{name}?{mode}");
        match (Store::connect(folder.path(), &url, Options::default()), refused) {
            (Ok(store), None) => {
                write(&store, |w| w.tenant_insert("default", &Settings::default(), &Definitions::default(), 1))
                    .unwrap();
                let sql = "select count(*) filter (where s.ssl), count(*) from pg_stat_ssl s join pg_stat_activity a using (pid)
                           where a.application_name = 'provost'";
                let said = cluster.sql(&name, sql);
                let (with, all) = said.split_once('|').unwrap();
                assert_eq!(with, if mode == "sslmode=disable" { "0" } else { all }, "{host} {mode}");
            }
            (Err(Error::Database(why)), Some(word)) => assert!(why.contains(word), "{host} {mode}: {why}"),
            (Ok(_), Some(_)) => panic!("{host} {mode} was accepted"),
            (Err(error), _) => panic!("{host} {mode}: {error}"),
        }
    }
}

#[test]
fn a_server_without_tls_is_told_in_words() {
    let folder = Folder::new();
    let url = folder.url().unwrap().to_owned();
    let refused = Store::connect(folder.path(), &format!("{url}?sslmode=require"), Options::default()).map(|_| ());
    assert!(matches!(&refused, Err(Error::Database(why)) if why.contains("does not offer TLS")), "{refused:?}");
    drop(open(folder.path(), Some(&url), Options::default()));
}
