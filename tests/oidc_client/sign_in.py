"""Signs somebody in with Authlib: discovery, authorization code with PKCE, ID token, userinfo.

Arguments: issuer, client id, client secret (or an empty string), redirect URI, cookie of the person's browser.
Prints what the ID token and userinfo say as one JSON object.
"""

import json
import sys
from urllib.parse import parse_qs, urlparse

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt

issuer, client_id, client_secret, redirect_uri, cookie = sys.argv[1:]

metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=20).json()
assert metadata["issuer"] == issuer, metadata["issuer"]

verifier, nonce = generate_token(48), generate_token(20)
client = OAuth2Session(
    client_id,
    client_secret or None,
    scope="openid profile email groups",
    redirect_uri=redirect_uri,
    token_endpoint_auth_method="client_secret_basic" if client_secret else "none",
    code_challenge_method="S256",
)
address, state = client.create_authorization_url(
    metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
)

# The person's browser: it follows the way until it would leave for the application.
browser = requests.Session()
answer = browser.get(address, headers={"cookie": cookie}, allow_redirects=False, timeout=20)
back = answer.headers["location"]
assert back.startswith(redirect_uri), back
assert parse_qs(urlparse(back).query)["iss"] == [issuer]

token = client.fetch_token(
    metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier, timeout=20
)
keys = jwk.KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=20).json())
read = jwt.decode(token["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
claims = CodeIDToken(
    read.claims,
    read.header,
    {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
    {"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]},
)
claims.validate(leeway=5)

userinfo = client.get(metadata["userinfo_endpoint"], timeout=20).json()
assert userinfo["sub"] == claims["sub"]
print(json.dumps({"id_token": dict(claims), "userinfo": userinfo}))
