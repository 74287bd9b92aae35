"""Strangers read what our identity provider posts over HTTP. Argument: the folder of keys of the tests.
Input: one JSON object: sp, acs, metadata (ours), field (SAMLResponse), request, name_id, first.
Output: a JSON object from each stranger's name to its problem; an empty one is agreement.
"""

import base64
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
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from saml2 import BINDING_HTTP_POST
from saml2.client import Saml2Client
from saml2.config import SPConfig

keys = pathlib.Path(sys.argv[1])
job = json.load(sys.stdin)
xml = base64.b64decode(job["field"])
bare = etree.fromstring(job["metadata"].encode()).find(".//{http://www.w3.org/2000/09/xmldsig#}X509Certificate").text
pem = "-----BEGIN CERTIFICATE-----\n" + "".join(bare.split()) + "\n-----END CERTIFICATE-----\n"
said = {}


def ask(who, question):
    try:
        problem = question()
    except Exception as e:  # noqa: BLE001 - whatever they say is their verdict
        problem = f"{type(e).__name__}: {e}"
    said[who] = str(problem or "")


def with_signxml():
    result = signxml.XMLVerifier().verify(etree.fromstring(xml), x509_cert=pem, id_attribute="ID")
    return "" if result.signed_xml.tag.endswith("}Response") else "something else was signed"


def with_xmlsec1():
    problems = []
    for path in ("/*", "/*/*[local-name()='Assertion']"):
        with tempfile.TemporaryDirectory() as folder:
            file, certificate = pathlib.Path(folder) / "x.xml", pathlib.Path(folder) / "c.pem"
            file.write_bytes(xml)
            # One line is as good as many to others; xmlsec1's OpenSSL wants 64 characters each.
            lines = "\n".join("".join(bare.split())[i : i + 64] for i in range(0, len("".join(bare.split())), 64))
            certificate.write_text(f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
            command = ["xmlsec1", "--verify", "--pubkey-cert-pem", str(certificate)]
            for element in ("protocol:Response", "assertion:Assertion"):
                command += ["--id-attr:ID", f"urn:oasis:names:tc:SAML:2.0:{element}"]
            command += ["--node-xpath", f"{path}/*[local-name()='Signature']", str(file)]
            run = subprocess.run(command, capture_output=True, text=True)
            problems.append("" if run.returncode == 0 else run.stderr)
    return "".join(problems)


def with_python3_saml():
    idp = OneLogin_Saml2_IdPMetadataParser.parse(job["metadata"])["idp"]
    sp = {"entityId": job["sp"], "assertionConsumerService": {"url": job["acs"]}}
    security = {"wantMessagesSigned": True, "wantAssertionsSigned": True, "rejectDeprecatedAlgorithm": True}
    settings = OneLogin_Saml2_Settings({"strict": True, "sp": sp, "idp": idp, "security": security})
    response = OneLogin_Saml2_Response(settings, job["field"])
    parts = urllib.parse.urlsplit(job["acs"])
    request = {"https": "on", "http_host": parts.netloc, "script_name": parts.path, "get_data": {}, "post_data": {}}
    if not response.is_valid(request, job["request"]):
        return response.get_error()
    read = (response.get_nameid(), response.get_attributes().get("first"))
    return "" if read == (job["name_id"], [job["first"]]) else f"read {read}"


def with_pysaml2():
    with tempfile.TemporaryDirectory() as folder:
        metadata = pathlib.Path(folder) / "idp.xml"
        metadata.write_text(job["metadata"])
        pair = {"key_file": str(keys / "sp.key.pem"), "cert_file": str(keys / "sp.cert.pem")}
        sp = {
            "endpoints": {"assertion_consumer_service": [(job["acs"], BINDING_HTTP_POST)]},
            "want_response_signed": True,
            "want_assertions_signed": True,
            "allow_unknown_attributes": True,
        }
        config = {"entityid": job["sp"], "service": {"sp": sp}, "metadata": {"local": [str(metadata)]}, **pair}
        config |= {"xmlsec_binary": shutil.which("xmlsec1"), "allow_unknown_attributes": True}
        client = Saml2Client(config=SPConfig().load(config))
        read = client.parse_authn_request_response(job["field"], BINDING_HTTP_POST, {job["request"]: "/"})
        return "" if read.name_id.text == job["name_id"] else f"read {read.name_id.text}"


ask("signxml", with_signxml)
ask("xmlsec1", with_xmlsec1)
ask("python3-saml", with_python3_saml)
ask("pysaml2", with_pysaml2)
print(json.dumps(said))
