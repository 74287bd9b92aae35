//! The way out: which addresses may be called in which form, names that change their mind, answers that are too much,
//! and what a failure says about whether the request arrived.

pub mod target;

use server::egress::{Authorities, Egress, Lookup, Lost, Network, Place, Refused, Request, Targets};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use target::Target;

fn private() -> Egress {
    Egress::new(Targets { private: true, ..Targets::default() })
}

/// Names that are what the test says, and nothing else.
fn names(known: &[(&str, &[&str])]) -> Lookup {
    let known: BTreeMap<String, Vec<IpAddr>> = known
        .iter()
        .map(|(name, addresses)| ((*name).to_owned(), addresses.iter().map(|text| text.parse().unwrap()).collect()))
        .collect();
    Arc::new(move |name| Ok(known.get(name).cloned().unwrap_or_default()))
}

#[test]
fn every_address_has_its_place() {
    let table: &[(Place, &[&str])] = &[
        (
            Place::Public,
            &[
                "1.1.1.1",
                "8.8.8.8",
                "9.255.255.255",
                "11.0.0.0",
                "100.63.255.255",
                "100.128.0.0",
                "126.255.255.255",
                "128.0.0.0",
                "169.253.255.255",
                "169.255.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "192.0.1.0",
                "192.167.255.255",
                "192.169.0.0",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "168.63.129.15",
                "2001:200::1",
                "2606:4700::1111",
                "2a00:1450:4001::200e",
                "3ffe::1",
            ],
        ),
        (
            Place::Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.254",
                "172.16.0.0",
                "172.31.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "::1",
                "fc00::1",
                "fdff:ffff::1",
            ],
        ),
        (
            Place::Special,
            &[
                "169.254.169.254",
                "169.254.0.1",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "192.0.2.1",
                "192.88.99.1",
                "198.18.0.0",
                "198.19.255.255",
                "198.51.100.1",
                "203.0.113.255",
                "240.0.0.1",
                "255.255.255.254",
                "fd00:ec2::254",
                "fd20:ce::254",
                "fe80::1",
                "febf::1",
                "fec0::1",
                "::ffff:127.0.0.1",
                "::ffff:8.8.8.8",
                "::ffff:0:1.2.3.4",
                "::7f00:1",
                "64:ff9b::7f00:1",
                "64:ff9b:1::1",
                "100::1",
                "2001::1",
                "2001:1ff:ffff::1",
                "2001:db8::1",
                "2002:7f00:1::",
                "3fff::1",
                "4000::1",
                "5f00::1",
            ],
        ),
        (Place::Nobody, &["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255", "::", "ff02::1"]),
    ];
    let all = "0.0.0.0/0 ::/0".split(' ').map(|text| text.parse().unwrap()).collect();
    let (closed, open) = (Targets::default(), Targets { private: true, ..Targets::default() });
    let everything = Targets { networks: all, ..Targets::default() };
    for (place, addresses) in table {
        for text in *addresses {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(Place::of(address), *place, "{text}");
            assert_eq!(closed.permits(address, false), *place == Place::Public, "{text}");
            assert!(!closed.permits(address, true), "{text} in the open");
            assert_eq!(open.permits(address, true), *place == Place::Private, "{text} in the open, private opened");
            assert_eq!(everything.permits(address, false), *place != Place::Nobody, "{text}, everything opened");
        }
    }
}

#[test]
fn a_network_is_what_it_says() {
    for (network, inside, outside) in [
        ("10.20.0.0/16", "10.20.255.1", "10.21.0.0"),
        ("10.20.30.40", "10.20.30.40", "10.20.30.41"),
        ("0.0.0.0/0", "255.0.0.1", "::1"),
        ("fd12:3456::/32", "fd12:3456:ffff::1", "fd12:3457::"),
        ("::1", "::1", "::2"),
        ("::/0", "fd00::1", "1.1.1.1"),
    ] {
        let network: Network = network.parse().unwrap();
        assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
        assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
    }
    for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "example.com", "10.0.0.0/", "10.0.0.0/-1", "[::1]"] {
        assert!(wrong.parse::<Network>().is_err(), "{wrong}");
    }
}

#[test]
fn an_address_in_any_disguise_is_refused() {
    let inside = |text: &str| Refused::Address(text.parse().unwrap());
    let table: &[(Refused, &[&str])] = &[
        (
            inside("127.0.0.1"),
            &[
                "https://127.0.0.1/",
                "https://127.0.0.1:8443/scim",
                "https://127.1/",
                "https://2130706433/",
                "https://0x7f000001/",
                "https://0x7f.1/",
                "https://0177.0.0.1/",
                "https://017700000001/",
                "https://127.0.0.1./",
                "https://127.000.000.001/",
                "https://%31%32%37.0.0.1/",
                "https://127。0。0。1/",
                "https://127.0.0.1/",
                "https://①②⑦.0.0.1/",
                "https://127.0.0.1#@example.com/",
                "https:127.0.0.1/",
                "  https://127.0.0.1/  ",
                "HTTPS://127.0.0.1/",
            ],
        ),
        (
            inside("169.254.169.254"),
            &["https://169.254.169.254/latest/meta-data/", "https://2852039166/", "https://0xA9FEA9FE/"],
        ),
        (inside("0.0.0.0"), &["https://0/", "https://0.0.0.0/", "https://0x0/"]),
        (inside("::1"), &["https://[::1]/", "https://[0:0:0:0:0:0:0:1]/"]),
        (
            inside("::ffff:127.0.0.1"),
            &["https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[0:0:0:0:0:ffff:127.0.0.1]/"],
        ),
        (inside("64:ff9b::7f00:1"), &["https://[64:ff9b::127.0.0.1]/"]),
        (inside("fd00:ec2::254"), &["https://[fd00:ec2::254]/"]),
        (
            Refused::UserInfo,
            &[
                "https://a@example.com/",
                "https://a:b@example.com/",
                "https://example.com@127.0.0.1/",
                "https://:b@example.com/",
            ],
        ),
        (
            Refused::Scheme,
            &[
                "ftp://example.com/",
                "file:///etc/passwd",
                "gopher://example.com/",
                "javascript:alert(1)",
                "data:,x",
                "unix:/x",
            ],
        ),
        (Refused::Plain, &["http://example.com/", "http://8.8.8.8/"]),
        (Refused::Port(22), &["https://example.com:22/"]),
        (Refused::Port(25), &["https://example.com:25/"]),
        (Refused::Port(1023), &["https://example.com:1023/"]),
        (
            Refused::Malformed,
            &[
                "",
                "example.com",
                "/scim/v2",
                "//example.com/",
                "https://",
                "https:///",
                "https://exa mple.com/",
                "https://[::1/",
                "https://[fe80::1%25eth0]/",
                "https://1.2.3.4.5/",
                "https://256.1.1.1/",
                "https://example.com:99999/",
                "https://example.com\\@127.0.0.1/",
                "https://exam\tple.com/",
                "https://example.com/\r\nX: y",
                "https://a..b^/",
            ],
        ),
    ];
    let egress = Egress::new(Targets::default());
    for (refused, urls) in table {
        for url in *urls {
            assert_eq!(egress.check(url).as_ref(), Err(refused), "{url}");
        }
    }
    assert_eq!(egress.check(&format!("https://example.com/{}", "x".repeat(8 << 10))), Err(Refused::Malformed));
    for good in [
        "https://example.com",
        "https://EXAMPLE.com.:443/a?b#c",
        "https://xn--mnchen-3ya.example/",
        "https://münchen.example:8443/scim",
        "https://1.1.1.1/",
    ] {
        assert_eq!(egress.check(good), Ok(()), "{good}");
    }
    for (good, plain) in [
        ("http://127.0.0.1:8080/", true),
        ("http://localhost/", true),
        ("https://10.0.0.1/", true),
        ("http://169.254.169.254/", false),
        ("http://1.1.1.1/", false),
    ] {
        assert_eq!(private().check(good).is_ok(), plain, "{good}");
    }
}

#[tokio::test]
async fn names_that_lead_inside_are_refused() {
    let known = names(&[
        ("localhost", &["127.0.0.1", "::1"]),
        ("localhost.", &["127.0.0.1"]),
        ("metadata.google.internal", &["169.254.169.254"]),
        ("127.0.0.1.nip.example", &["127.0.0.1"]),
        ("xn--mnchen-3ya.example", &["10.0.0.7"]),
        ("nat64.example", &["64:ff9b::a00:1"]),
        ("mapped.example", &["::ffff:10.0.0.1"]),
        ("several.example", &["10.0.0.1", "192.168.1.1", "fe80::1"]),
    ]);
    let egress = Egress::with_names(Targets::default(), known);
    for host in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "ｌocalhost",
        "metadata.google.internal",
        "127.0.0.1.nip.example",
        "münchen.example",
        "nat64.example",
        "mapped.example",
        "several.example",
    ] {
        let failure = egress.send(Request::get(format!("https://{host}/"))).await.unwrap_err();
        assert!(matches!(failure.lost, Lost::Refused(Refused::Name(_))), "{host}: {failure:?}");
        assert!(!failure.may_have_arrived());
        assert!(!failure.why.contains("10.0.0") && failure.why.contains("--allow-target"), "{}", failure.why);
    }
    let failure = egress.send(Request::get("https://unknown.example/")).await.unwrap_err();
    assert!(!failure.may_have_arrived(), "{failure:?}");
}

#[tokio::test]
async fn a_name_is_looked_up_once_and_cannot_change_its_mind() {
    let target = Target::start().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    // The first answer is permitted, every later one is not: whoever asks twice is led astray.
    let lying: Lookup = Arc::new(move |_| {
        let turn = count.fetch_add(1, Ordering::SeqCst);
        Ok(vec![if turn == 0 { "127.0.0.1" } else { "127.0.0.2" }.parse().unwrap()])
    });
    let only = Targets { networks: vec!["127.0.0.1".parse().unwrap()], ..Targets::default() };
    let egress = Egress::with_names(only, lying);
    let url = format!("http://lying.example:{}/ok", target.port);
    assert_eq!(egress.send(Request::get(&url)).await.unwrap().status, 200);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    // On the connection that is there nobody is asked; for a new one the new answer is judged.
    assert_eq!(egress.send(Request::get(&url)).await.unwrap().status, 200);
    assert_eq!((asked.load(Ordering::SeqCst), target.connections()), (1, 1));
    let other = format!("http://lying.example:{}/ok", Target::start().await.port);
    let failure = egress.send(Request::get(other)).await.unwrap_err();
    assert!(matches!(failure.lost, Lost::Refused(Refused::Name(_))), "{failure:?}");
}

#[tokio::test]
async fn of_several_addresses_only_the_permitted_are_called() {
    let target = Target::start().await;
    let mixed = names(&[("mixed.example", &["127.0.0.2", "169.254.169.254", "127.0.0.1"])]);
    let only = Targets { networks: vec!["127.0.0.1".parse().unwrap()], ..Targets::default() };
    let egress = Egress::with_names(only, mixed);
    let answer = egress.send(Request::get(format!("http://mixed.example:{}/ok", target.port))).await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_request_arrives_as_it_was_given() {
    let target = Target::start().await;
    let request = Request {
        method: axum::http::Method::PATCH,
        url: target.url("/echo?filter=userName%20eq%20%22a%22"),
        headers: vec![("Authorization".into(), "Bearer x".into()), ("X-One".into(), "1".into())],
        body: Some("{\"a\":1}".into()),
        time: None,
        bytes_max: None,
    };
    let answer = private().send(request).await.unwrap();
    let seen = String::from_utf8(answer.body.to_vec()).unwrap();
    assert!(seen.starts_with("PATCH /echo?filter=userName%20eq%20%22a%22 HTTP/1.1\r\n"), "{seen}");
    for line in ["authorization: Bearer x\r\n", "x-one: 1\r\n", "content-length: 7\r\n", "user-agent: Provost/"] {
        assert!(seen.contains(line), "{line} in {seen}");
    }
    assert!(seen.ends_with("{\"a\":1}"), "{seen}");
    let agent = Request {
        headers: vec![("User-Agent".into(), "Okta SCIM Client 1.0.0".into())],
        ..Request::get(target.url("/echo"))
    };
    let seen = private().send(agent).await.unwrap();
    let seen = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(seen.contains("user-agent: Okta SCIM Client 1.0.0\r\n") && !seen.contains("Provost"), "{seen}");
}

#[tokio::test]
async fn a_header_that_is_not_the_callers_is_refused_and_no_value_is_shown() {
    let secret = "zq7-Marker-Secret-4711";
    let long = "x".repeat(200);
    for (name, value) in [
        ("Host", secret.to_owned()),
        ("content-length", secret.to_owned()),
        ("Transfer-Encoding", secret.to_owned()),
        ("Connection", secret.to_owned()),
        ("X-Split", format!("{secret}\r\nHost: evil")),
        ("X-Nul", format!("{secret}\0")),
        ("X Space", secret.to_owned()),
        ("X-Line\r\nHost", secret.to_owned()),
        ("", secret.to_owned()),
        (long.as_str(), format!("{secret}\n")),
    ] {
        let request = Request { headers: vec![(name.to_owned(), value)], ..Request::get("https://example.com/") };
        let failure = private().send(request).await.unwrap_err();
        assert!(matches!(failure.lost, Lost::Refused(Refused::Header(_))), "{name}: {failure:?}");
        assert!(!format!("{failure} {failure:?}").contains(secret), "{failure:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let target = Target::start().await;
    let answer = private().send(Request::get(target.url("/redirect"))).await.unwrap();
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://169.254.169.254/latest/")));
    assert_eq!(target.requests(), 1);
}

#[tokio::test]
async fn connections_are_used_again() {
    let target = Target::start().await;
    let egress = private();
    for _ in 0..20 {
        assert_eq!(egress.clone().send(Request::get(target.url("/ok"))).await.unwrap().status, 200);
    }
    assert_eq!((target.requests(), target.connections()), (20, 1));
}

#[tokio::test]
async fn what_a_failure_says_about_the_request() {
    let target = Target::start().await;
    let short = Some(Duration::from_millis(300));
    for (path, lost) in [
        ("/large", Lost::TooLarge),
        ("/endless", Lost::TooLarge),
        ("/hang", Lost::Timeout),
        ("/drip", Lost::Timeout),
        ("/reset", Lost::Reset),
        ("/half", Lost::Reset),
        ("/garbage", Lost::Reset),
        ("/headers", Lost::Reset),
        ("/longheader", Lost::Reset),
    ] {
        let time = short.filter(|_| lost == Lost::Timeout);
        let failure = private().send(Request { time, ..Request::get(target.url(path)) }).await.unwrap_err();
        assert_eq!(failure.lost, lost, "{path}: {failure:?}");
        assert!(failure.may_have_arrived(), "{path}");
    }
    // Nobody listens on a port that was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failure = private().send(Request::get(format!("http://{free}/"))).await.unwrap_err();
    assert_eq!(failure.lost, Lost::Connect, "{failure:?}");
    assert!(!failure.may_have_arrived());
    // Whoever speaks no TLS never sees the request.
    let failure = private().send(Request::get(format!("https://127.0.0.1:{}/ok", target.port))).await.unwrap_err();
    assert!(!failure.may_have_arrived(), "{failure:?}");
}

#[tokio::test]
async fn tls_is_verified_and_authorities_can_be_added() {
    let target = Target::start_tls().await;
    let url = format!("https://127.0.0.1:{}/ok", target.port);
    let failure = private().send(Request::get(&url)).await.unwrap_err();
    assert_eq!(failure.lost, Lost::Tls, "{failure:?}");
    assert!(!failure.may_have_arrived());
    let trusting = |names: Option<Lookup>| {
        let authorities = Authorities::parse(target::CERTIFICATE.as_bytes()).unwrap();
        let targets = Targets { private: true, authorities, ..Targets::default() };
        names.map_or_else(|| Egress::new(targets.clone()), |names| Egress::with_names(targets.clone(), names))
    };
    assert_eq!(trusting(None).send(Request::get(&url)).await.unwrap().status, 200);
    // The certificate's name counts, not the address that the name leads to.
    let known = names(&[("app.example", &["127.0.0.1"]), ("other.example", &["127.0.0.1"])]);
    let named = |host: &str| Request::get(format!("https://{host}:{}/ok", target.port));
    assert_eq!(trusting(Some(known.clone())).send(named("app.example")).await.unwrap().status, 200);
    let failure = trusting(Some(known)).send(named("other.example")).await.unwrap_err();
    assert_eq!(failure.lost, Lost::Tls, "{failure:?}");
    let wrong = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no pem", wrong] {
        assert!(Authorities::parse(pem.as_bytes()).is_err(), "{pem}");
    }
}
