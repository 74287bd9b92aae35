-- A tenant's newest entries of changes, beside the last number of its change feed: that row is written with every change anyway, so an
-- entry that comes alone costs no page of its own. When there is no more room they become a row of `log_pack`.
alter table change_seq add column open_first integer;
alter table change_seq add column open_last integer;
alter table change_seq add column open_last_at integer;
alter table change_seq add column open_change_first integer;
alter table change_seq add column open_change_last integer;
alter table change_seq add column open_heads blob;
alter table change_seq add column open_said blob;
