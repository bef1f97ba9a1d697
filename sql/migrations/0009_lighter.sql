-- The same questions answered by lighter indexes, and merging search's new entries beside the writers.
--
-- `make bench-indexes` measures every index and its alternatives; its figures are in the comments below and in
-- benchmarks/README.md. This rebuilds three indexes, during which writers wait.

-- The time was a second column to have a trace in order. Sorting a thousand records takes a fraction of a
-- millisecond; without it equal trace ids share an entry, and inserting costs half.
drop index logs_trace;
create index logs_trace on logs (trace_id) where trace_id is not null;

-- The same words as before, for less: translate() takes characters one by one, replace() looks for bytes.
create or replace function log_words(message text) returns tsvector
language sql immutable parallel safe strict
return to_tsvector('simple', replace(replace(replace(left(message, 65536), '/', ' '), '.', ' '), '@', ' '));

-- A GIN index collects new entries in a list that searches read from end to end, and whoever makes it longer than
-- this merges it into the tree: half of what inserting costs, and a second of waiting for one unlucky batch. So the
-- list is given room for a burst of 150,000 records, and the daemon merges it every few seconds beside the writers
-- (`merge_pending`). Searching is right at every instant, whether merged or not; a full list costs it 100 ms. Without
-- a daemon, autovacuum and the limit do the same.
drop index logs_words;
create index logs_words on logs using gin (log_words(message))
    with (fastupdate = on, gin_pending_list_limit = 32768);

drop index logs_data;
create index logs_data on logs using gin (data jsonb_path_ops)
    with (fastupdate = on, gin_pending_list_limit = 32768);

-- Merge what search has collected in the partitions of these days and in the default one, and return how many pages
-- that were. Others insert and search meanwhile. Older days get few new records: autovacuum sees to them, and
-- retention, which wants their partitions alone, finds nobody in its way.
create function merge_pending() returns bigint
language plpgsql security definer
set search_path = public, pg_temp
set maintenance_work_mem = '16MB'  -- at once: with 1 MB it takes a quarter longer, with 256 MB as well
as $$
declare
    list   regclass;
    merged bigint := 0;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('godot pending', 0)) then
        return 0;  -- another daemon is at it
    end if;
    for list in
        select i.indexrelid
        from v_partitions p
        join pg_inherits h on h.inhparent = 'logs'::regclass
        join pg_class t on t.oid = h.inhrelid and t.relname = p.name
        join pg_index i on i.indrelid = t.oid and i.indisvalid
        join pg_class c on c.oid = i.indexrelid
        join pg_am a on a.oid = c.relam and a.amname = 'gin'
        where p.is_default
           or p.starts_at < now() + interval '2 days' and p.ends_at > now() - interval '2 days'
    loop
        merged := merged + gin_clean_pending_list(list);
    end loop;
    return merged;
end
$$;

comment on function merge_pending() is 'Merge the new entries of the GIN indexes of logs; returns how many pages.';

revoke execute on function merge_pending() from public;
grant execute on function merge_pending() to godot_writer, godot_admin;

-- What each index answers, and what it costs by `make bench-indexes`: the server's processor time for one record of
-- 429 bytes. Without any index a record takes 5 µs, with all of them 14, and 11 later for merging.
comment on index logs_pkey is
    'A second delivery of a record is recognised. 1 µs; nothing cheaper can be unique, and ids grow with time.';
comment on index logs_trace is
    'All records of a trace. 0.5 µs; with the time as a second column it is six times the size, as a hash four times.';
comment on index logs_errors is
    'The newest errors of a component. 0.1 µs, since only errors pay.';
comment on index logs_time is
    'Time ranges inside a day. Less than 0.1 µs: BRIN.';
comment on index logs_arrival is
    'Statistics: what arrived since it was counted. Less than 0.1 µs: BRIN.';
comment on index logs_words is
    'Full text: log_words(message) @@ log_query(…). 5 µs, of them 3 to find the words, and 4 later for merging.';
comment on index logs_data is
    'Containment: data @> …. 3 µs, and 6 later for merging.';
