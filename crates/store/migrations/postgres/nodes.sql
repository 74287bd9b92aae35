-- What several nodes on one database need and a single process keeps in its folder or its memory.

-- Numbers of the log; a transaction takes a thousand at once, behind its turn, so that a tenant's numbers follow its
-- commits on whichever node they happen. It skips what it does not use.
create sequence log_seq increment by 1000;

-- A digest of the key that secrets are sealed with: a node with another key is refused.
create table node_key (
    digest blob primary key
);

-- Goes up when a tenant or a token changes: nodes keep these in memory.
insert into meta (name, value) values ('generation', 0);
