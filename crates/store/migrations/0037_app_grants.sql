-- What somebody has let an app's authorization server give, sealed; who they were, and when. Renewals draw numbers: whoever draws
-- one has until a time for it, and what is kept says which number brought it, so that an older one never takes its place.
alter table app add column granted blob;
alter table app add column granted_at integer;
alter table app add column granted_by text;
alter table app add column granted_number integer not null default 0;
alter table app add column granted_of integer not null default 0;
alter table app add column granted_until integer;
alter table app add column granted_lost_at integer; -- the authorization server does not take it any more
alter table app add column granting blob; -- what somebody has begun there and not finished, sealed
