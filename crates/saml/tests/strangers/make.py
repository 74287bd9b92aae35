"""Strangers sign responses for us. Argument: the folder of keys. Input: one JSON object
{"sp", "acs", "idp", "request"}. Output: a JSON list of {"name", "field", "encrypted"}.
"""

import base64
import datetime
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import lxml.etree as etree
import signxml
import saml2.saml
from onelogin.saml2.utils import OneLogin_Saml2_Utils
from saml2.authn_context import PASSWORD
from saml2.config import IdPConfig
from saml2.sigver import pre_signature_part
from saml2.server import Server

keys = pathlib.Path(sys.argv[1])
job = json.load(sys.stdin)
now = datetime.datetime.now(datetime.timezone.utc)


def stamp(seconds):
    return (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def key(name):
    return (keys / f"{name}.key.pem").read_text()


def certificate(name):
    return (keys / f"{name}.cert.pem").read_text()


def template(signature_in=None, signature=""):
    """A response of our own; `signature` may stand in the assertion or the response."""
    inner = signature if signature_in == "assertion" else ""
    outer = signature if signature_in == "response" else ""
    return f"""<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r1" Version="2.0" IssueInstant="{stamp(0)}" Destination="{job['acs']}" InResponseTo="{job['request']}"><saml:Issuer>{job['idp']}</saml:Issuer>{outer}<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status><saml:Assertion ID="_a1" Version="2.0" IssueInstant="{stamp(0)}"><saml:Issuer>{job['idp']}</saml:Issuer>{inner}<saml:Subject><saml:NameID>adam@example.com</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{stamp(300)}" Recipient="{job['acs']}" InResponseTo="{job['request']}"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{stamp(-60)}" NotOnOrAfter="{stamp(300)}"><saml:AudienceRestriction><saml:Audience>{job['sp']}</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="{stamp(-5)}" SessionIndex="s1"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement></saml:Assertion></samlp:Response>"""


made = []


def add(name, xml, encrypted=False):
    xml = xml.encode() if isinstance(xml, str) else xml
    made.append({"name": name, "field": base64.b64encode(xml).decode(), "encrypted": encrypted})


def with_signxml(where, key_name, algorithm):
    placeholder = '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"></ds:Signature>'
    root = etree.fromstring(template(where, placeholder))
    signer = signxml.XMLSigner(
        method=signxml.methods.enveloped,
        signature_algorithm=algorithm,
        digest_algorithm="sha256",
        c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#",
    )
    target = root if where == "response" else root.find("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
    signed = signer.sign(
        target, key=key(key_name), cert=certificate(key_name), reference_uri="_r1" if where == "response" else "_a1"
    )
    if where == "assertion":
        root.replace(root.find("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion"), signed)
        signed = root
    add(f"signxml {where} {key_name} {algorithm}", etree.tostring(signed))


for where in ("assertion", "response"):
    with_signxml(where, "idp", "rsa-sha256")
    with_signxml(where, "idp", "rsa-sha512")
    with_signxml(where, "p256", "ecdsa-sha256")
    with_signxml(where, "p384", "ecdsa-sha384")


def with_xmlsec1(where):
    """The command, which fills a signature that stands there empty."""
    node_id = "_r1" if where == "response" else "_a1"
    ds = "http://www.w3.org/2000/09/xmldsig#"
    exc = "http://www.w3.org/2001/10/xml-exc-c14n#"
    empty = f"""<ds:Signature xmlns:ds="{ds}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{exc}"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><ds:Reference URI="#{node_id}"><ds:Transforms><ds:Transform Algorithm="{ds}enveloped-signature"/><ds:Transform Algorithm="{exc}"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"""
    with tempfile.TemporaryDirectory() as folder:
        unsigned = pathlib.Path(folder) / "unsigned.xml"
        unsigned.write_text(template(where, empty))
        element = "urn:oasis:names:tc:SAML:2.0:" + ("protocol:Response" if where == "response" else "assertion:Assertion")
        command = ["xmlsec1", "--sign", "--privkey-pem", str(keys / "idp.key.pem"), "--id-attr:ID", element, str(unsigned)]
        add(f"xmlsec1 {where}", subprocess.run(command, check=True, capture_output=True).stdout)


with_xmlsec1("assertion")
with_xmlsec1("response")


def encrypted_by_xmlsec1(signed, algorithm, session):
    """The command encrypts a signed assertion to our service provider."""
    xenc, ds = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2000/09/xmldsig#"
    data = f"""<xenc:EncryptedData xmlns:xenc="{xenc}" Type="{xenc}Element"><xenc:EncryptionMethod Algorithm="{algorithm}"/><ds:KeyInfo xmlns:ds="{ds}"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{xenc}rsa-oaep-mgf1p"/><ds:KeyInfo><ds:KeyName/></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>"""
    # The command replaces the element that it encrypts, which therefore stands in its wrapper already.
    start, end = signed.index("<saml:Assertion "), signed.index("</samlp:Response>")
    wrapped = f"{signed[:start]}<saml:EncryptedAssertion>{signed[start:end]}</saml:EncryptedAssertion>{signed[end:]}"
    with tempfile.TemporaryDirectory() as folder:
        template_file, data_file = pathlib.Path(folder) / "template.xml", pathlib.Path(folder) / "data.xml"
        template_file.write_text(data)
        data_file.write_text(wrapped)
        command = ["xmlsec1", "--encrypt", "--pubkey-cert-pem", str(keys / "sp.cert.pem"), "--session-key", session]
        command += ["--xml-data", str(data_file), "--node-xpath", "//*[local-name()='Assertion']", str(template_file)]
        return subprocess.run(command, check=True, capture_output=True).stdout


signed_by_xmlsec1 = next(base64.b64decode(m["field"]).decode() for m in made if m["name"] == "xmlsec1 assertion")
for bits in ("128", "256"):
    xml = encrypted_by_xmlsec1(signed_by_xmlsec1, f"http://www.w3.org/2009/xmlenc11#aes{bits}-gcm", f"aes-{bits}")
    add(f"xmlsec1 encrypted aes{bits}-gcm", xml, True)

add(
    "python3-saml response",
    OneLogin_Saml2_Utils.add_sign(
        template(),
        key("idp"),
        certificate("idp"),
        sign_algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        digest_algorithm="http://www.w3.org/2001/04/xmlenc#sha256",
    ),
)


def pysaml2_server(folder):
    """An identity provider that knows our service provider by metadata."""
    certificate_text = "".join(line for line in certificate("sp").splitlines() if "---" not in line)
    sp = pathlib.Path(folder) / "sp.xml"
    sp.write_text(
        f"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{job['sp']}"><md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="encryption"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>{certificate_text}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{job['acs']}" index="0"/></md:SPSSODescriptor></md:EntityDescriptor>"""
    )
    config = IdPConfig().load(
        {
            "entityid": job["idp"],
            "service": {
                "idp": {
                    "endpoints": {
                        "single_sign_on_service": [
                            ("https://idp.example.com/sso", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect")
                        ]
                    },
                    "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None, "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:uri"}},
                }
            },
            "key_file": str(keys / "idp.key.pem"),
            "cert_file": str(keys / "idp.cert.pem"),
            "encryption_keypairs": [{"key_file": str(keys / "idp.key.pem"), "cert_file": str(keys / "idp.cert.pem")}],
            "metadata": {"local": [str(sp)]},
            "xmlsec_binary": shutil.which("xmlsec1"),
        }
    )
    return Server(config=config)


with tempfile.TemporaryDirectory() as folder:
    server = pysaml2_server(folder)
    name_id = saml2.saml.NameID(format=saml2.saml.NAMEID_FORMAT_EMAILADDRESS, text="adam@example.com")
    for sign_assertion, sign_response in ((True, False), (False, True), (True, True)):
        response = server.create_authn_response(
            identity={"givenName": ["Adam"], "mail": ["adam@example.com"]},
            in_response_to=job["request"],
            destination=job["acs"],
            sp_entity_id=job["sp"],
            name_id=name_id,
            authn={"class_ref": PASSWORD, "authn_auth": job["idp"]},
            sign_assertion=sign_assertion,
            sign_response=sign_response,
            sign_alg="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            digest_alg="http://www.w3.org/2001/04/xmlenc#sha256",
        )
        add(f"pysaml2 assertion={sign_assertion} response={sign_response}", str(response))

print(json.dumps(made))
