-- Signing in with SAML: the identity providers of a tenant, our keys, what is under way, and who is signed in.

create table saml_connection (
    tenant      integer not null,
    id          text    not null, -- a word of its addresses; `default` has the shortest ones
    version     integer not null,
    created_at  integer not null,
    modified_at integer not null,
    settings    text    not null, -- JSON
    primary key (tenant, id)
) without rowid;

-- Our keys. Several at once: one that signs, the next one that is published already, old ones that still decrypt.
create table saml_key (
    tenant      integer not null,
    purpose     text    not null, -- sp, idp
    id          text    not null,
    state       text    not null, -- next, current, old
    certificate blob    not null, -- DER
    private_key blob    not null, -- PKCS #8, sealed
    created_at  integer not null,
    primary key (tenant, purpose, id)
) without rowid;

-- Requests that we made and that were not answered yet, each bound to the browser that it was made with.
create table saml_request (
    tenant     integer not null,
    id         text    not null, -- the message's ID
    connection text    not null,
    purpose    text    not null, -- sign_in, test, logout
    browser    blob    not null, -- SHA-256 of the browser's cookie
    relay      text    not null, -- the RelayState that goes with it
    target     text    not null, -- a path of ours to go on to
    created_at integer not null,
    expires_at integer not null,
    primary key (tenant, id)
) without rowid;
create index saml_request_end on saml_request (tenant, expires_at);

-- Assertions that were taken: none is taken twice.
create table saml_replay (
    tenant     integer not null,
    connection text    not null,
    assertion  text    not null, -- its ID
    expires_at integer not null, -- from when on its dates alone refuse it
    primary key (tenant, connection, assertion)
) without rowid;
create index saml_replay_end on saml_replay (tenant, expires_at);

-- Persons of the directory who are signed in. They go with the person, and the moment that the person is deactivated.
create table person_session (
    hash             blob    primary key,      -- SHA-256 of the cookie
    id               text    not null unique,  -- what it is ended by; no secret
    tenant           integer not null,
    person           text    not null,         -- id of the resource
    created_at       integer not null,
    authenticated_at integer not null,         -- when they proved who they are, maybe elsewhere
    expires_at       integer not null,
    method           text    not null,         -- saml, password, passkey
    address          text    not null,
    agent            text    not null,
    connection       text,                     -- of SAML, with the next two
    name_id          text,                     -- JSON: what the identity provider calls the person
    session_index    text                      -- what it calls its session
) without rowid;
create index person_session_person on person_session (tenant, person);
create index person_session_end on person_session (tenant, expires_at);
