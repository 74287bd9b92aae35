-- The OpenID Connect provider: applications that may ask, keys that sign, requests under way, codes and access tokens.

create table oidc_client (
    tenant      integer not null,
    id          text    not null, -- client_id
    version     integer not null,
    created_at  integer not null,
    modified_at integer not null,
    settings    text    not null, -- JSON
    primary key (tenant, id)
) without rowid;

-- Secrets of confidential clients; two while one takes the other's place.
create table oidc_secret (
    hash       blob    primary key, -- SHA-256
    tenant     integer not null,
    client     text    not null,
    hint       text    not null,
    created_at integer not null,
    expires_at integer              -- of the old one
) without rowid;
create index oidc_secret_client on oidc_secret (tenant, client);

-- Our keys. One signs, the next one is published already, old ones are published until nothing they signed counts.
create table oidc_key (
    tenant      integer not null,
    id          text    not null, -- kid
    state       text    not null, -- next, current, old
    public_key  text    not null, -- JSON: n and e of the JWK
    private_key blob    not null, -- PKCS #1, sealed
    created_at  integer not null,
    primary key (tenant, id)
) without rowid;

-- Requests of applications that wait for the person to sign in.
create table sign_in_request (
    hash       blob    primary key, -- SHA-256 of what the browser comes back with
    tenant     integer not null,
    purpose    text    not null,    -- oidc, saml: who asks
    asked      text    not null,    -- what, in the words of who asks
    created_at integer not null,
    expires_at integer not null
) without rowid;
create index sign_in_request_end on sign_in_request (tenant, expires_at);

-- What a person has let an application have, from the code on. It is good as long as their session is.
create table oidc_grant (
    id               text    primary key,
    tenant           integer not null,
    client           text    not null,
    session          text    not null,    -- id of the person's session
    person           text    not null,
    redirect_uri     text    not null,
    scope            text    not null,
    nonce            text,
    challenge        text    not null,    -- S256
    code             blob    not null unique, -- SHA-256
    code_expires_at  integer not null,
    code_used_at     integer,
    token            blob    unique,      -- SHA-256 of the access token
    token_expires_at integer,
    created_at       integer not null,
    expires_at       integer not null     -- from when on nothing of it counts
) without rowid;
create index oidc_grant_end on oidc_grant (tenant, expires_at);
create index oidc_grant_client on oidc_grant (tenant, client);
