"""Strangers read what we write. Argument: the folder of keys. Input: one JSON object, made by strangers.rs.
Output: a JSON list of {"who", "what", "problem"}; an empty problem is agreement.
"""

import base64
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
import warnings

warnings.simplefilter("ignore")

import lxml.etree as etree
import signxml
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser
from onelogin.saml2.logout_request import OneLogin_Saml2_Logout_Request
from onelogin.saml2.logout_response import OneLogin_Saml2_Logout_Response
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.client import Saml2Client
from saml2.config import IdPConfig, SPConfig
from saml2.server import Server
from saml2.xml.schema import validate

keys = pathlib.Path(sys.argv[1])
job = json.load(sys.stdin)
SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
certificate = (keys / "idp.cert.pem").read_text()
said = []


def ask(who, what, question):
    try:
        problem = question()
    except Exception as e:  # noqa: BLE001 - whatever they say is their verdict
        problem = f"{type(e).__name__}: {e}"
    said.append({"who": who, "what": what, "problem": str(problem or "")})


def with_signxml(xml, where):
    root = etree.fromstring(xml.encode())
    target = root if where == "response" else copy.deepcopy(root.find(f"{SAML}Assertion"))
    config = signxml.SignatureConfiguration(
        signature_methods=[signxml.SignatureMethod.RSA_SHA256, signxml.SignatureMethod.ECDSA_SHA256]
    )
    result = signxml.XMLVerifier().verify(target, x509_cert=certificate, id_attribute="ID", expect_config=config)
    return "" if result.signed_xml.tag == target.tag else "something else was signed"


def with_xmlsec1(xml, where):
    path = "/*" if where == "response" else "/*/*[local-name()='Assertion']"
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "x.xml"
        file.write_text(xml)
        command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(keys / "idp.cert.pem")]
        for element in ("protocol:Response", "assertion:Assertion"):
            command += ["--id-attr:ID", f"urn:oasis:names:tc:SAML:2.0:{element}"]
        command += ["--node-xpath", f"{path}/*[local-name()='Signature']", str(file)]
        run = subprocess.run(command, capture_output=True, text=True)
        return "" if run.returncode == 0 else run.stderr


def settings():
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": job["sp"],
                "assertionConsumerService": {"url": job["acs"]},
                "singleLogoutService": {"url": job["slo"]},
                "x509cert": (keys / "sp.cert.pem").read_text(),
                "privateKey": (keys / "sp.key.pem").read_text(),
            },
            "idp": {
                "entityId": job["idp"],
                "singleSignOnService": {"url": job["sso"]},
                "singleLogoutService": {"url": job["idp_slo"]},
                "x509cert": certificate,
            },
            "security": {"wantMessagesSigned": False, "wantAssertionsSigned": False, "rejectDeprecatedAlgorithm": True},
        }
    )


def request_data(url, query=None):
    parts = urllib.parse.urlsplit(url)
    return {"https": "on", "http_host": parts.netloc, "script_name": parts.path, "get_data": query or {}, "post_data": {}}


def with_python3_saml(xml):
    response = OneLogin_Saml2_Response(settings(), base64.b64encode(xml.encode()).decode())
    if not response.is_valid(request_data(job["acs"]), job["request"]):
        return response.get_error()
    if response.get_nameid() != job["name_id"]:
        return f"read {response.get_nameid()}"
    return "" if response.get_attributes().get("displayName") == [job["display_name"]] else str(response.get_attributes())


def pysaml2_client(folder):
    metadata = pathlib.Path(folder) / "idp.xml"
    metadata.write_text(job["idp_metadata"])
    pair = {"key_file": str(keys / "sp.key.pem"), "cert_file": str(keys / "sp.cert.pem")}
    sp = {
        "endpoints": {"assertion_consumer_service": [(job["acs"], BINDING_HTTP_POST)]},
        "want_response_signed": False,
        "want_assertions_signed": False,
        "want_assertions_or_response_signed": True,
        "allow_unknown_attributes": True,
    }
    config = {"entityid": job["sp"], "service": {"sp": sp}, "metadata": {"local": [str(metadata)]}, **pair}
    config |= {"encryption_keypairs": [pair], "xmlsec_binary": shutil.which("xmlsec1"), "allow_unknown_attributes": True}
    return Saml2Client(config=SPConfig().load(config))


def with_pysaml2(xml):
    with tempfile.TemporaryDirectory() as folder:
        field = base64.b64encode(xml.encode()).decode()
        answer = pysaml2_client(folder).parse_authn_request_response(field, BINDING_HTTP_POST, {job["request"]: "/"})
        name = answer.name_id.text
        return "" if name == job["name_id"] else f"read {name}"


def pysaml2_server_reads(binding, message):
    with tempfile.TemporaryDirectory() as folder:
        metadata = pathlib.Path(folder) / "sp.xml"
        metadata.write_text(job["sp_metadata"])
        endpoints = {"single_sign_on_service": [(job["sso"], binding)]}
        pair = {"key_file": str(keys / "idp.key.pem"), "cert_file": str(keys / "idp.cert.pem")}
        config = {"entityid": job["idp"], "service": {"idp": {"endpoints": endpoints, "want_authn_requests_signed": True}}}
        config |= {"metadata": {"local": [str(metadata)]}, "xmlsec_binary": shutil.which("xmlsec1"), **pair}
        server = Server(config=IdPConfig().load(config))
        if binding == BINDING_HTTP_POST:
            request = server.parse_authn_request(message, binding)
        else:
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(message).query))
            request = server.parse_authn_request(
                query["SAMLRequest"], binding, relay_state=query["RelayState"], sigalg=query["SigAlg"], signature=query["Signature"]
            )
        return "" if request.message.assertion_consumer_service_url == job["acs"] else "another address"


def python3_saml_logout(kind, url):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    strict = settings()
    strict.get_security_data()["wantMessagesSigned"] = True
    if kind == "request":
        message = OneLogin_Saml2_Logout_Request(strict, query["SAMLRequest"])
        good = message.is_valid(request_data(job["slo"], query))
    else:
        message = OneLogin_Saml2_Logout_Response(strict, query["SAMLResponse"])
        good = message.is_valid(request_data(job["slo"], query), job["request"])
    return "" if good else message.get_error()


for message in job["messages"]:
    what, xml = message["name"], message["xml"]
    if not message["encrypted"]:
        for where in message["signed"]:
            ask("signxml", f"{what} ({where})", lambda: with_signxml(xml, where))
            ask("xmlsec1", f"{what} ({where})", lambda: with_xmlsec1(xml, where))
    if message["rsa"]:
        ask("python3-saml", what, lambda: with_python3_saml(xml))
        ask("pysaml2", what, lambda: with_pysaml2(xml))
    ask("OASIS schema", what, lambda: validate(xml))
for what in ("idp_metadata", "sp_metadata"):
    ask("OASIS schema", what, lambda: validate(job[what]))
parsed = OneLogin_Saml2_IdPMetadataParser.parse(job["idp_metadata"])
ask("python3-saml", "idp_metadata", lambda: "" if parsed["idp"]["entityId"] == job["idp"] else str(parsed))
ask("pysaml2", "request by form", lambda: pysaml2_server_reads(BINDING_HTTP_POST, job["request_field"]))
ask("pysaml2", "request by redirect", lambda: pysaml2_server_reads(BINDING_HTTP_REDIRECT, job["request_url"]))
ask("python3-saml", "logout request", lambda: python3_saml_logout("request", job["logout_request_url"]))
ask("python3-saml", "logout response", lambda: python3_saml_logout("response", job["logout_response_url"]))
print(json.dumps(said))
