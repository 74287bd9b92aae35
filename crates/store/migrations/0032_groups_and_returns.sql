-- Of a pushed group, as it was last decided about: its members at the app, the people in it, and how many of them have no
-- account in use.
alter table link add column members integer;
alter table link add column members_of integer;
alter table link add column members_out integer;

-- What an import did to the person when their account went: deactivated, suspended. Whoever else changes where the person
-- stands takes it away.
alter table link add column ended_by_import text;
