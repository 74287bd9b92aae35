//! Every limit of the HTTP side in one place; `docs/guide/limits.md` lists them with their reasons.

use std::time::Duration;

/// Largest body of an ordinary request.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Largest body of a bulk request.
pub const BULK_BYTES_MAX: usize = 10 << 20;
/// Most of a refused body that is still read, so that its sender gets to see the answer.
pub const DRAIN_BYTES_MAX: usize = 16 << 20;
/// Longest time for that.
pub const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Most operations of a bulk request.
pub const BULK_OPERATIONS_MAX: usize = 1_000;
/// Operations of a bulk request that share one turn of the writer, so that others get theirs in between.
pub const BULK_CHUNK: usize = 50;
/// Largest body of a batch of an import: a group of 100 000 members has to fit.
pub const IMPORT_BYTES_MAX: usize = 32 << 20;
/// Most records of a batch of an import; they share one turn of the writer.
pub const IMPORT_RECORDS_MAX: usize = 1_000;
/// Largest file of people that the console takes for an import; larger ones go by `provost import`.
pub const IMPORT_FILE_BYTES_MAX: usize = 16 << 20;
/// Most rows of such a file.
pub const IMPORT_FILE_ROWS_MAX: u64 = 200_000;
/// Rows of such a file that are imported in one turn.
pub const IMPORT_TURN: usize = 500;
/// Microseconds for which such a file is kept, unless it is being imported.
pub const IMPORT_FILE_LIFE: i64 = 24 * 3_600 * 1_000_000;
/// Most named filters of lists that an operator keeps in a tenant.
pub const VIEWS_MAX: usize = 50;
/// Longest address of such a filter.
pub const VIEW_QUERY_BYTES_MAX: usize = 2_048;
/// Most conflicts that are dismissed or linked in one go.
pub const CONFLICTS_AT_ONCE_MAX: usize = 100;
/// Most tenants that the numbers for Prometheus tell apart; those behind them, by name, are left out.
pub const METRICS_TENANTS_MAX: usize = 200;
/// Most attributes of a tenant whose values are kept out of the log by its own choice.
pub const MASKED_MAX: usize = 50;
/// Microseconds in which a change has to follow the search that found somebody who was unlinked, to manage them again.
pub const MATCHED_FOR: i64 = 600 * 1_000_000;
/// Most people that are counted before a job on all whom a filter fits is confirmed; of more it says so.
pub const JOB_COUNT_MAX: u64 = 100_000;
/// Microseconds for which everything is kept that a job could not do.
pub const JOB_FAILURES_LIFE: i64 = 30 * 86_400 * 1_000_000;
/// Most arrays and objects of a JSON body within one another.
pub const JSON_DEPTH_MAX: usize = 32;
/// Longest query string.
pub const QUERY_BYTES_MAX: usize = 16 << 10;
/// Most requests worked on at once; more wait, and are refused when they would wait too long.
pub const REQUESTS_MAX: usize = 1_024;
/// Most of these for one tenant, so that there is room for others.
pub const REQUESTS_OF_TENANT_MAX: usize = 256;
/// Longest wait for a place among these.
pub const QUEUE_WAIT: Duration = Duration::from_secs(5);
/// Longest time that an answer may take; identity providers give up after 60 s.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Longest time that a client may take to send the head of a request.
pub const HEAD_TIME: Duration = Duration::from_secs(30);
/// Longest time that a client may take for the handshake of TLS.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Most handshakes of TLS at once; whoever comes then is let go at once.
pub const HANDSHAKES_MAX: usize = 1_024;
/// How often the files of the certificate are looked at.
pub const CERTIFICATE_LOOK: Duration = Duration::from_secs(5);
/// Microseconds before its end from which a certificate is warned about.
pub const CERTIFICATE_SOON: i64 = 14 * 86_400 * 1_000_000;
/// How long before a certificate ends, in microseconds, that of an app or one of a sign-in, somebody is told.
pub const PEER_CERTIFICATE_SOON: i64 = 30 * 86_400 * 1_000_000;
/// Longest time that requests in flight get to finish when the server stops.
pub const SHUTDOWN_TIME: Duration = Duration::from_secs(30);
/// Most group members that one page of several groups carries; one group alone may have any number.
pub const LIST_MEMBERS_MAX: u64 = 2_000_000;
/// Most group members of an answer that is made in memory; a larger one is sent while it is read.
pub const MEMBERS_WHOLE_MAX: u64 = 2_000;
/// Longest time that a client may take to read a piece of an answer that is sent while it is read.
pub const PIECE_TIME: Duration = Duration::from_secs(10);
/// Microseconds after which such an answer is broken off.
pub const STREAM_TIME: i64 = 300 * 1_000_000;
/// Longest base URL in front of `/scim/v2`.
pub const BASE_URL_BYTES_MAX: usize = 1_024;
/// Log entries of reads that wait to be written; more are counted and dropped.
pub const LOG_QUEUE_MAX: usize = 65_536;
/// Log entries written in one turn.
pub const LOG_BATCH: usize = 8_000;
/// How long a read's log entry waits at the most.
pub const LOG_DELAY: Duration = Duration::from_millis(500);
/// How long a listing of the log waits for entries that are being written.
pub const LOG_SETTLE: Duration = Duration::from_secs(1);
/// How often old log entries are looked for.
pub const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How often it is looked whether a checkpoint of the audit trail is due.
pub const CHECKPOINT_LOOK: Duration = Duration::from_secs(5);
/// Microseconds between two checkpoints while there is something new.
pub const CHECKPOINT_EVERY: i64 = 60 * 1_000_000;
/// Rows of the audit trail after which one comes sooner.
pub const CHECKPOINT_ROWS: i64 = 1_000;
/// How often the last use of tokens is written down.
pub const TOKEN_USE_EVERY: Duration = Duration::from_secs(5);
/// Microseconds for which an attribute that came is not noted again.
pub const RECEIVED_EVERY: i64 = 10 * 1_000_000;
/// Most names of attributes that are noted of a resource type, each as clients write it.
pub const RECEIVED_NAMES_MAX: usize = 1_000;
/// Seconds that a token lives of which nobody says how long: a year.
pub const TOKEN_SECONDS: u64 = 365 * 86_400;
/// Most seconds that a token lives, unless it is to live until somebody ends it: two years.
pub const TOKEN_SECONDS_MAX: u64 = 2 * 365 * 86_400;
/// Most networks that a token may come from.
pub const TOKEN_NETWORKS_MAX: usize = 50;
/// Tokens that are not known, from one address within a minute, before each further one is told to wait.
pub const STRANGE_TOKENS_MAX: u32 = 10;
/// Microseconds within which they are counted.
pub const STRANGE_TOKENS_WITHIN: i64 = 60 * 1_000_000;
/// Most addresses for which that is known; with one more, counting begins anew.
pub const STRANGE_ADDRESSES_MAX: usize = 10_000;
/// What `Retry-After` says when the server is busy.
pub const RETRY_AFTER_SECONDS: u64 = 2;
/// Most rows that a page of the admin API carries.
pub const API_PAGE_MAX: u32 = 1_000;
/// Microseconds without a request after which a session of the console ends.
pub const SESSION_IDLE: i64 = 1_800 * 1_000_000;
/// Microseconds after signing in during which an operator may change how they sign in without confirming it.
pub const SIGN_IN_RECENT: i64 = 900 * 1_000_000;
/// Microseconds after which a session of the console ends, used or not.
pub const SESSION_LIFE: i64 = 12 * 3_600 * 1_000_000;
/// Microseconds after which the session of a person of a directory ends; a connection may say less.
pub const PERSON_SESSION_LIFE: i64 = 24 * 3_600 * 1_000_000;
/// How often a person's open page looks whether their session is still there.
pub const PERSON_LOOK: Duration = Duration::from_millis(500);
/// Largest form that is posted to a SAML endpoint, in bytes.
pub const SAML_FORM_BYTES_MAX: usize = 512 << 10;
/// Microseconds that a sign-in with SAML may be under way.
pub const SAML_REQUEST_LIFE: i64 = 600 * 1_000_000;
/// Most roles that a group gives.
pub const GROUP_ROLES_MAX: usize = 20;
/// Longest name of a role, in characters.
pub const ROLE_CHARS_MAX: usize = 128;
/// Members that are looked at to say who would gain or lose a role.
pub const ROLE_PREVIEW_MEMBERS: u32 = 200;
/// Longest note on a task that is left as it is, in characters.
pub const TASK_NOTE_MAX: usize = 500;
/// Most apps that are remembered to have been told of a session, and hear that it ended.
pub const SAML_SESSION_APPS_MAX: usize = 50;
/// Results of test sign-ins that are kept, in memory; the oldest goes first.
pub const SAML_TESTS_MAX: usize = 32;
/// Most SAML connections of a tenant.
pub const SAML_CONNECTIONS_MAX: usize = 50;
/// Most of our own SAML keys of a tenant.
pub const SAML_KEYS_MAX: usize = 4;
/// Microseconds that a person has to choose a password by a link.
pub const PERSON_LINK_LIFE: i64 = 3 * 86_400 * 1_000_000;
/// Largest form that is posted to an endpoint of OpenID Connect, in bytes.
pub const OIDC_FORM_BYTES_MAX: usize = 64 << 10;
/// Sign-ins from one address that are under way at once: begun with SAML or for an application, and not ended.
pub const SIGN_INS_WAITING_MAX: usize = 1_000;
/// Microseconds that somebody has to sign in after an application asked for it.
pub const SIGN_IN_REQUEST_LIFE: i64 = 600 * 1_000_000;
/// Microseconds that a code is good for.
pub const OIDC_CODE_LIFE: i64 = 60 * 1_000_000;
/// Microseconds that an access token is good for, if the session does not end before.
pub const OIDC_TOKEN_LIFE: i64 = 600 * 1_000_000;
/// Microseconds that an ID token says it is good for.
pub const OIDC_ID_TOKEN_LIFE: i64 = 600 * 1_000_000;
/// Most groups that an ID token names; with more it names none, and userinfo does.
pub const OIDC_TOKEN_GROUPS_MAX: usize = 100;
/// Most groups that userinfo names; with more it names none.
pub const OIDC_USERINFO_GROUPS_MAX: usize = 10_000;
/// Most OpenID Connect clients of a tenant.
pub const OIDC_CLIENTS_MAX: usize = 200;
/// Most redirect URIs of a client.
pub const OIDC_URIS_MAX: usize = 50;
/// Most keys of a tenant that sign ID tokens, have signed them, or will.
pub const OIDC_KEYS_MAX: usize = 4;
/// Shortest password of an operator in characters.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password of an operator in bytes; hashing more would only cost time.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Password hashes worked on at once; each takes 64 MiB for a moment.
pub const HASHES_MAX: usize = 4;
/// Failed sign-ins of one account or address before each further one has to wait.
pub const SIGN_IN_FREE: u32 = 8;
/// Longest wait between sign-ins of one account in seconds, so that nobody is locked out by somebody else.
pub const SIGN_IN_ACCOUNT_WAIT_MAX: u32 = 60;
/// Longest wait between sign-ins from one address in seconds.
pub const SIGN_IN_ADDRESS_WAIT_MAX: u32 = 900;
/// Microseconds after which failed sign-ins are forgotten.
pub const SIGN_IN_FORGOTTEN: i64 = 24 * 3_600 * 1_000_000;
/// Microseconds between password and code, and between the two halves of a passkey's ceremony.
pub const SIGN_IN_STEP: i64 = 300 * 1_000_000;
/// Microseconds that an operator's invitation is good for.
pub const INVITATION: i64 = 3 * 86_400 * 1_000_000;
/// Most operators.
pub const OPERATORS_MAX: usize = 1_000;
/// Most passkeys of an operator.
pub const PASSKEYS_MAX: usize = 20;
/// Largest form of the console in bytes.
pub const FORM_BYTES_MAX: usize = 1 << 20;
/// Live pages of one operator at once.
pub const STREAMS_MAX: usize = 16;
/// How long events of the live console are gathered before they are told.
pub const STREAM_GATHER: Duration = Duration::from_millis(250);
/// How often the numbers of a live page are asked for anew.
pub const STREAM_TILES: Duration = Duration::from_secs(5);
/// How often a live page hears that the server is still there.
pub const STREAM_HEARTBEAT: Duration = Duration::from_secs(15);
/// How often new jobs are looked for.
pub const JOBS_EVERY: Duration = Duration::from_secs(1);
/// How long a node waits before it tries again to take in what another one changed.
pub const RELOAD_RETRY: Duration = Duration::from_millis(250);
/// Microseconds for which a job is one node's; it is taken again for each turn.
pub const JOB_LEASE: i64 = 60 * 1_000_000;
/// Microseconds for which a request waits for the job that it began; the job goes on behind its answer.
pub const JOB_WAITED_FOR: i64 = 3 * 1_000_000;
/// Microseconds that a job about an index works before others have their turn.
pub const JOB_TURN: i64 = 1_000_000;
/// How long a job that the database did not take rests.
pub const JOBS_RETRY: Duration = Duration::from_secs(5);
/// Longest address that the server calls.
pub const OUTBOUND_URL_BYTES_MAX: usize = 8 << 10;
/// Longest time for a connection to a target: the lookup of its name, TCP and TLS.
pub const OUTBOUND_CONNECT_TIME: Duration = Duration::from_secs(5);
/// Longest time for a request to a target with its whole answer, unless the caller says otherwise.
pub const OUTBOUND_TIME: Duration = Duration::from_secs(30);
/// Largest answer of a target; a group of 100 000 members has to fit.
pub const OUTBOUND_BYTES_MAX: usize = 16 << 20;
/// Most headers of a target's answer.
pub const OUTBOUND_HEADERS_MAX: usize = 100;
/// How long an idle connection to a target is kept.
pub const OUTBOUND_IDLE_TIME: Duration = Duration::from_secs(20);
/// Most idle connections that are kept to one target.
pub const OUTBOUND_IDLE_MAX: usize = 64;
/// Most apps of a tenant.
pub const APPS_MAX: usize = 1_000;
/// Largest picture of an app, in bytes.
pub const APP_LOGO_BYTES_MAX: usize = 16 << 10;
/// Longest credential that is shown to an app.
pub const CREDENTIAL_BYTES_MAX: usize = 8 << 10;
/// Longest address, or other setting, of how an app's access tokens are come by.
pub const OAUTH_SETTING_BYTES_MAX: usize = 2 << 10;
/// Longest access token of an app.
pub const ACCESS_TOKEN_BYTES_MAX: usize = 16 << 10;
/// Largest answer of a token endpoint.
pub const ACCESS_TOKEN_ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest time for a request for an access token.
pub const ACCESS_TOKEN_TIME: Duration = Duration::from_secs(15);
/// Longest time for a request that has a token revoked; there are two, one behind the other.
pub const REVOCATION_TIME: Duration = Duration::from_secs(5);
/// Microseconds before its end at which an access token is renewed; of a short one, a quarter of its life.
pub const ACCESS_TOKEN_MARGIN: i64 = 60 * 1_000_000;
/// Microseconds for which one node alone may renew what somebody has agreed to; longer than the request for it takes.
pub const GRANT_LEASE: i64 = 30 * 1_000_000;
/// How often others look meanwhile whether that is done.
pub const GRANT_LOOK: Duration = Duration::from_millis(100);
/// Microseconds in which somebody who authenticates an app at its authorization server has to be back, and then to save it.
pub const GRANT_BEGUN_LIFE: i64 = 15 * 60 * 1_000_000;
/// Longest life of an access token that is believed, in seconds.
pub const ACCESS_TOKEN_SECONDS_MAX: i64 = 365 * 24 * 3_600;
/// Microseconds until the next try, when an access token that is still good could not be renewed.
pub const ACCESS_TOKEN_REST: i64 = 10 * 1_000_000;
/// People assigned by themselves to one app that a declarative document holds; of more, it holds none.
pub const CONFIG_PEOPLE_MAX: u32 = 10_000;
/// Members of a group that are looked at before it is pushed, to say who of them would be left out.
pub const PUSH_LOOKED_MAX: u32 = 10_000;
/// Groups that a rule is tried on before it is made.
pub const PUSH_RULE_LOOKED: usize = 20_000;
/// Of those that it would choose, how many are named.
pub const PUSH_RULE_NAMED: usize = 20;
/// Most steps of a plan.
pub const PLAN_STEPS_MAX: usize = 50_000;
/// Longest title of a plan; the rest is cut off.
pub const PLAN_TITLE_CHARS_MAX: usize = 200;
/// Microseconds for which an approval of held work is good.
pub const APPROVAL_LIFE: i64 = 24 * 3_600 * 1_000_000;
/// Longest time that an app's own setting lets an answer take.
pub const OUTBOUND_PATIENCE_MAX: Duration = Duration::from_secs(60);
/// How often the outbound engine looks for work when nobody wakes it.
pub const OUTBOUND_TICK: Duration = Duration::from_secs(1);
/// How long changes are gathered before the outbound engine looks at them.
pub const OUTBOUND_GAP: Duration = Duration::from_millis(2);
/// The same while there is much to look at.
pub const OUTBOUND_GAP_MAX: Duration = Duration::from_millis(30);
/// How long the outbound engine rests after the database failed it.
pub const OUTBOUND_RETRY: Duration = Duration::from_millis(500);
/// Links that are taken for one request at once: while some are sent, others are read and stored.
pub const OUTBOUND_AHEAD: u32 = 4;
/// How far an app's clock may be from ours before somebody is told.
pub const CLOCK_APART_MAX: Duration = Duration::from_secs(30);
/// Links of a deleted app that go in one transaction.
pub const APP_DELETE_TURN: u32 = 500;
/// Links that are written down in one go, at the most.
pub const OUTBOUND_WRITTEN_MAX: usize = 256;
/// Those who leave that are taken at once when there is no room for others.
pub const OUTBOUND_LEAVERS: u32 = 32;
/// People who have to wait for their first account before everybody at the app is listed instead of looked for singly.
pub const CENSUS_PEOPLE: u32 = 200;
/// How far those who wait are counted; of more, the list may be as long as this many are worth.
pub const CENSUS_COUNTED: u32 = 100_000;
/// Microseconds until they are counted again where they were too few.
pub const CENSUS_LOOK: i64 = 500 * 1_000;
/// Looks that a page of such a list has to spare.
pub const CENSUS_WORTH: u64 = 10;
/// Microseconds for which such a list is believed.
pub const CENSUS_AGE: i64 = 60 * 1_000_000;
/// Microseconds until it is tried again after a list that was of no use.
pub const CENSUS_REST: i64 = 300 * 1_000_000;
/// How long an app without work is kept at hand.
pub const OUTBOUND_LINGER: Duration = Duration::from_secs(10);
/// Longest time until the sample data of a demo is back.
pub const DEMO_RESET_TIME: Duration = Duration::from_secs(60);
/// Longest time that requests to apps get to finish when the server stops; what is cut off is looked up afterwards.
pub const OUTBOUND_END: Duration = Duration::from_secs(5);
/// Microseconds for which a link is one node's; kept while it is worked on.
pub const OUTBOUND_LEASE: i64 = 20 * 1_000_000;
/// Microseconds after which what a decision is based on is read again.
pub const OUTBOUND_INPUTS_AGE: i64 = 2 * 1_000_000;
/// Microseconds after which an account is decided about again if its mappings ask what time it is.
pub const OUTBOUND_BY_TIME: i64 = 3_600 * 1_000_000;
/// Microseconds for which changes of a pushed group's members are gathered.
pub const OUTBOUND_GATHER: i64 = 150 * 1_000;
/// Most requests for one link in a row; then others have their turn.
pub const OUTBOUND_STEPS_MAX: usize = 40;
/// Links of an app that are counted for a list or a tile; of more it says that there are more.
pub const LINKS_COUNTED_MAX: u32 = 10_000;
/// Changes of the feed that are spread in one turn.
pub const OUTBOUND_FEED_BATCH: u32 = 200;
/// Groups whose people are looked at side by side.
pub const OUTBOUND_FILLS: u32 = 8;
/// People of a group that are made due in one turn.
pub const OUTBOUND_FILL: u32 = 500;
/// Most people that are looked at again when their manager changes.
pub const OUTBOUND_REPORTS_MAX: u32 = 10_000;
/// Largest part of a body that is kept as evidence.
pub const EVIDENCE_BYTES_MAX: usize = 16 << 10;
/// Microseconds for which evidence is kept.
pub const EVIDENCE_LIFE: i64 = 30 * 86_400 * 1_000_000;
/// Microseconds between two looks for evidence that is old.
pub const EVIDENCE_PRUNE_EVERY: i64 = 3_600 * 1_000_000;
/// Rows of old evidence that are taken away in one turn.
pub const EVIDENCE_PRUNE_ROWS: u32 = 5_000;
/// Microseconds for which a scan is one node's.
pub const SCAN_LEASE: i64 = 120 * 1_000_000;
/// Microseconds that an import of what changed goes back behind the last one: clocks differ.
pub const IMPORT_OVERLAP: i64 = 300 * 1_000_000;
/// Failures in a row after which a scan ends.
pub const SCAN_FAILURES_MAX: u32 = 6;
/// Longest time that a scan rests because the app asked for it.
pub const SCAN_REST_MAX: Duration = Duration::from_secs(3_600);
/// Imports whose people are kept in memory between their turns.
pub const SCAN_INDEXES_MAX: usize = 4;
/// Links that a scan did not see, looked at in one turn.
pub const SCAN_UNSEEN: u32 = 200;
/// Most values that an import takes over for one person.
pub const IMPORT_VALUES_MAX: usize = 200;
