-- The console: operators, how they sign in, and the audit trail of what administrators did.

create table operator (
    id          text    primary key,
    email       text    not null unique, -- lower case
    name        text    not null,
    role        text    not null,        -- owner, admin, auditor
    password    text,                    -- argon2id in the PHC form
    totp        blob,                    -- the secret, sealed
    totp_step   integer not null,        -- the last time step whose code was used
    recovery    text    not null,        -- JSON: hashes of the recovery codes that are left
    created_at  integer not null,
    disabled_at integer,
    seen_at     integer
) without rowid;

create table passkey (
    id         text    primary key,      -- the credential's id, base64url
    operator   text    not null,
    label      text    not null,
    credential text    not null,         -- JSON as the library keeps it
    created_at integer not null,
    used_at    integer
) without rowid;
create index passkey_operator on passkey (operator, created_at);

create table session (
    hash       blob    primary key,      -- SHA-256 of the cookie
    id         text    not null unique,  -- what it is revoked by; no secret
    operator   text    not null,
    tenant     text    not null,         -- the tenant that the operator looks at, by name
    created_at integer not null,
    seen_at    integer not null,
    address    text    not null,
    agent      text    not null,
    method     text    not null          -- password, password and code, passkey, setup link
) without rowid;
create index session_operator on session (operator, created_at);

-- Links that let somebody in once: the first owner, an invited operator, one who forgot the password.
create table entry_link (
    hash       blob    primary key,      -- SHA-256 of the code
    operator   text,                     -- null: makes the first owner
    created_at integer not null,
    expires_at integer not null
) without rowid;

-- Failed sign-ins, by account and by address; `name` is a keyed digest, so that the table tells nobody's name.
create table throttle (
    name      blob    primary key,
    failures  integer not null,
    failed_at integer not null
) without rowid;

-- Who administered what. Each row holds the hash of the one before it, so that a row which was changed, taken away or put
-- in between shows.
create table audit (
    seq       integer primary key,
    at        integer not null,
    actor     text    not null,
    action    text    not null,          -- token.create, switch.set …
    object    text    not null,
    detail    text    not null,          -- JSON
    address   text    not null,
    prev_hash blob    not null,
    hash      blob    not null
);
create index audit_object on audit (object, seq);
