-- The texts of an entry lie together, compressed (`log_text`). Entries that are there already keep theirs as they are.
alter table log add column packed blob;
alter table log_block add column packed blob; -- instead of `entries`, which is empty then
