-- Some work is for later: rows of an index that answers no more are taken away when nobody can ask it any more.
alter table job add column not_before integer not null default 0;
