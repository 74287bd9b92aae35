//! A signer that does as it is told: any key, any algorithm name, any reference, right or wrong.
//!
//! It shares canonicalisation with the crate and nothing else; that is held against libxml2 by itself.

use aws_lc_rs::{aead, cipher, hmac, iv, rsa};
use base64::{Engine, engine::general_purpose::STANDARD};
use saml::{Certificate, DigestAlgorithm, PrivateKey, SignatureAlgorithm, SigningKey};
use std::{collections::HashMap, ops::Range, path::PathBuf};

pub fn file(name: &str) -> PathBuf {
    // The server's tests use these files as well.
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../saml/tests").join(name)
}

pub fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

pub fn private_key(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&read(&format!("keys/{name}.key.pem"))).unwrap()
}

pub fn certificate(name: &str) -> Certificate {
    Certificate::from_text(&read(&format!("keys/{name}.cert.pem"))).unwrap()
}

pub fn signing_key(name: &str) -> SigningKey {
    SigningKey::new(private_key(name), certificate(name)).unwrap()
}

/// Where an element stands in the text: `Assertion`, `Assertion[2]` or `#id`. Prefixes do not matter.
pub fn find(text: &str, selector: &str) -> Range<usize> {
    let (name, mut nth) = match selector.split_once('[') {
        Some((name, n)) => (name, n.trim_end_matches(']').parse().unwrap()),
        None => (selector, 1),
    };
    let start = if let Some(id) = name.strip_prefix('#') {
        let at = text.find(&format!("ID=\"{id}\"")).unwrap_or_else(|| panic!("no {selector}"));
        text[..at].rfind('<').unwrap()
    } else {
        let mut at = 0;
        loop {
            at = at + text[at..].find('<').unwrap_or_else(|| panic!("no {selector} in {text}"));
            if local(&text[at + 1..]) == name {
                nth -= 1;
                if nth == 0 {
                    break at;
                }
            }
            at += 1;
        }
    };
    let qname = qname(&text[start + 1..]);
    let mut depth = 0;
    let mut at = start;
    loop {
        let tag = at + text[at..].find('<').expect("an end");
        let end = tag + text[tag..].find('>').expect("a tag's end") + 1;
        let closes = text[tag..].starts_with(&format!("</{qname}>"));
        if closes {
            depth -= 1;
        } else if self::qname(&text[tag + 1..]) == qname && !text[..end].ends_with("/>") {
            depth += 1;
        }
        if depth == 0 {
            return start..end;
        }
        at = end;
    }
}

fn qname(text: &str) -> &str {
    &text[..text.find([' ', '>', '/', '\n']).unwrap_or(text.len())]
}

fn local(text: &str) -> &str {
    let name = qname(text);
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// The options of a signature: `key=idp alg=rsa-sha256 digest=sha256 uri=#x transforms=enveloped,exc c14n=exc …`.
pub type Options<'a> = HashMap<&'a str, &'a str>;

fn algorithm_uri(name: &str) -> String {
    match name {
        "rsa-sha1" | "hmac-sha256" | "dsa-sha1" | "sha1" | "enveloped" => {
            let name = name.replace("enveloped", "enveloped-signature");
            let base = if name == "hmac-sha256" { "2001/04/xmldsig-more" } else { "2000/09/xmldsig" };
            format!("http://www.w3.org/{base}#{name}")
        }
        "sha256" | "sha512" => format!("http://www.w3.org/2001/04/xmlenc#{name}"),
        "exc" => "http://www.w3.org/2001/10/xml-exc-c14n#".to_owned(),
        "exc-comments" => "http://www.w3.org/2001/10/xml-exc-c14n#WithComments".to_owned(),
        "inc" => "http://www.w3.org/TR/2001/REC-xml-c14n-20010315".to_owned(),
        "inc11" => "http://www.w3.org/2006/12/xml-c14n11".to_owned(),
        "xpath" => "http://www.w3.org/TR/1999/REC-xpath-19991116".to_owned(),
        "xslt" => "http://www.w3.org/TR/1999/REC-xslt-19991116".to_owned(),
        "base64" => "http://www.w3.org/2000/09/xmldsig#base64".to_owned(),
        "pss" => "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1".to_owned(),
        _ => format!("http://www.w3.org/2001/04/xmldsig-more#{name}"),
    }
}

/// Signs the selected element and puts the signature after its issuer.
pub fn sign(doc: &str, selector: &str, options: &Options) -> String {
    let get = |name: &str, default: &'static str| options.get(name).copied().unwrap_or(default).to_owned();
    let range = find(doc, selector);
    let element = &doc[range.clone()];
    let id = element.split("ID=\"").nth(1).expect("an ID").split('"').next().unwrap();
    let key = signing_key(&get("key", "idp"));
    let default = match get("key", "idp").as_str() {
        "p256" => "ecdsa-sha256",
        "p384" => "ecdsa-sha384",
        _ => "rsa-sha256",
    };
    let alg = options.get("alg").copied().unwrap_or(default);
    let prefixes: Vec<&str> = options.get("prefixes").map(|p| p.split(',').collect()).unwrap_or_default();
    let content = saml::c14n::exclusive(doc, Some(id), &prefixes).unwrap_or_else(|e| panic!("cannot sign: {e}"));
    let digest_alg = get("digest", "sha256");
    let digest = DigestAlgorithm::parse(&algorithm_uri(&digest_alg)).unwrap_or(DigestAlgorithm::Sha256);
    let digest = STANDARD.encode(digest.digest(content.as_bytes()));
    let list = options.get("list").map_or_else(|| prefixes.join(" "), |l| l.replace(',', " "));
    let exc = algorithm_uri("exc");
    let inclusive = if list.is_empty() {
        String::new()
    } else {
        format!("<ec:InclusiveNamespaces xmlns:ec=\"{exc}\" PrefixList=\"{list}\"></ec:InclusiveNamespaces>")
    };
    let transforms: String = get("transforms", "enveloped,exc")
        .split(',')
        .filter(|t| !t.is_empty())
        .map(|t| {
            let inside = if t == "exc" { inclusive.as_str() } else { "" };
            format!("<ds:Transform Algorithm=\"{}\">{inside}</ds:Transform>", algorithm_uri(t))
        })
        .collect();
    let uri = get("uri", "#{id}").replace("{id}", id);
    let reference = format!(
        "<ds:Reference URI=\"{uri}\"><ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm=\"{}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>",
        algorithm_uri(&digest_alg)
    );
    let info = format!(
        "<ds:CanonicalizationMethod Algorithm=\"{}\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>{}</ds:SignedInfo>",
        algorithm_uri(&get("c14n", "exc")),
        algorithm_uri(alg),
        reference.repeat(get("references", "1").parse().unwrap())
    );
    let ds = "http://www.w3.org/2000/09/xmldsig#";
    let signed = format!("<ds:SignedInfo xmlns:ds=\"{ds}\">{info}");
    let value = match SignatureAlgorithm::parse(&algorithm_uri(alg)) {
        Ok(algorithm) => key.private_key().sign(algorithm, signed.as_bytes()).unwrap_or_else(|_| vec![0; 256]),
        // The old confusion: the public key taken for a shared secret.
        Err(_) if alg == "hmac-sha256" => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, certificate("idp").pem().as_bytes());
            hmac::sign(&secret, signed.as_bytes()).as_ref().to_vec()
        }
        Err(_) => key.private_key().sign(key_algorithm(&get("key", "idp")), signed.as_bytes()).unwrap(),
    };
    let hint = certificate(&get("keyinfo", "idp")).base64();
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{ds}\"><ds:SignedInfo>{info}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{hint}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>",
        STANDARD.encode(value)
    );
    let issuer = find(element, "Issuer");
    let at = range.start + issuer.end;
    format!("{}{signature}{}", &doc[..at], &doc[at..])
}

fn key_algorithm(key: &str) -> SignatureAlgorithm {
    match key {
        "p256" => SignatureAlgorithm::EcdsaSha256,
        "p384" => SignatureAlgorithm::EcdsaSha384,
        _ => SignatureAlgorithm::RsaSha256,
    }
}

/// Encrypts the first assertion in place: `alg=aes256-gcm transport=rsa-oaep-mgf1p key=sp place=inside|beside`.
pub fn encrypt(doc: &str, options: &Options) -> String {
    let get = |name: &str, default: &'static str| options.get(name).copied().unwrap_or(default).to_owned();
    let range = find(doc, options.get("what").copied().unwrap_or("Assertion"));
    let alg = get("alg", "aes256-gcm");
    let key = [7_u8; 32];
    let key = &key[..if alg.contains("128") { 16 } else { 32 }];
    let plain = doc[range.clone()].as_bytes();
    let sealed = if alg.ends_with("gcm") {
        let algorithm = if key.len() == 16 { &aead::AES_128_GCM } else { &aead::AES_256_GCM };
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).unwrap());
        let mut body = plain.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key([9; 12]);
        key.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut body).unwrap();
        [[9_u8; 12].as_slice(), &body].concat()
    } else {
        let algorithm = if key.len() == 16 { &cipher::AES_128 } else { &cipher::AES_256 };
        let key = cipher::EncryptingKey::cbc(cipher::UnboundCipherKey::new(algorithm, key).unwrap()).unwrap();
        let mut body = plain.to_vec();
        let padding = 16 - body.len() % 16;
        body.extend(std::iter::repeat_n(0xAA, padding - 1));
        body.push(padding as u8);
        let context = cipher::EncryptionContext::Iv128(iv::FixedLength::from([5; 16]));
        key.less_safe_encrypt(&mut body, context).unwrap();
        [[5_u8; 16].as_slice(), &body].concat()
    };
    let namespace = if alg.ends_with("gcm") { "2009/xmlenc11" } else { "2001/04/xmlenc" };
    let transport = get("transport", "rsa-oaep-mgf1p");
    let hash = transport.strip_prefix("rsa-oaep-").filter(|hash| hash.starts_with("sha"));
    let oaep = match hash {
        Some("sha256") => &rsa::OAEP_SHA256_MGF1SHA256,
        Some("sha384") => &rsa::OAEP_SHA384_MGF1SHA384,
        Some("sha512") => &rsa::OAEP_SHA512_MGF1SHA512,
        _ => &rsa::OAEP_SHA1_MGF1SHA1,
    };
    let public = private_key(&get("key", "sp")).spki().unwrap();
    let public = rsa::OaepPublicEncryptingKey::new(rsa::PublicEncryptingKey::from_der(&public).unwrap()).unwrap();
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = STANDARD.encode(public.encrypt(oaep, key, &mut wrapped, None).unwrap());
    let method = match hash {
        Some(hash) => {
            let from = if hash == "sha384" { "2001/04/xmldsig-more" } else { "2001/04/xmlenc" };
            format!(
                "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#rsa-oaep\"><ds:DigestMethod xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"http://www.w3.org/{from}#{hash}\"/><xenc11:MGF xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" Algorithm=\"http://www.w3.org/2009/xmlenc11#mgf1{hash}\"/></xenc:EncryptionMethod>"
            )
        }
        None => format!(
            "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#{transport}\"><ds:DigestMethod xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" Algorithm=\"http://www.w3.org/2000/09/xmldsig#sha1\"/></xenc:EncryptionMethod>"
        ),
    };
    let encrypted_key = format!(
        "<xenc:EncryptedKey xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" Id=\"_ek1\">{method}<xenc:CipherData><xenc:CipherValue>{wrapped}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
    );
    let (inside, beside) = if get("place", "inside") == "inside" {
        (encrypted_key, String::new())
    } else {
        ("<ds:RetrievalMethod URI=\"#_ek1\"/>".to_owned(), encrypted_key)
    };
    let data = format!(
        "<xenc:EncryptedData xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" Id=\"_ed1\" Type=\"http://www.w3.org/2001/04/xmlenc#Element\"><xenc:EncryptionMethod Algorithm=\"http://www.w3.org/{namespace}#{alg}\"/><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{inside}</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>",
        STANDARD.encode(sealed)
    );
    let element = format!(
        "<e:EncryptedAssertion xmlns:e=\"urn:oasis:names:tc:SAML:2.0:assertion\">{data}{beside}</e:EncryptedAssertion>"
    );
    format!("{}{element}{}", &doc[..range.start], &doc[range.end..])
}
