-- Fewer pages for an entry of the log. Packs go up by their entries and by their changes, so those of a change are found through
-- the primary key; bytes are counted in `log_count`, in a slot behind all others. `log_size` keeps what was counted before, and what nodes
-- of an earlier release count.
drop index log_pack_change;
