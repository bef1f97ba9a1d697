-- The table of all log records, range-partitioned by UTC day, with the indexes that reading needs.

create table logs (
    id                   uuid        not null,
    trace_id             uuid,
    component            text        not null check (char_length(component) between 1 and 64),
    level                text        not null check (level in ('TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR')),
    message              text        not null,
    data                 jsonb,
    -- The component's clock: never corrected here; it decides the partition.
    event_created_at     timestamptz not null,
    -- The database's clock. now() and not clock_timestamp(): a volatile default makes COPY insert row by row
    -- instead of a page at a time, and all rows of a batch become visible in one instant anyway.
    ingestion_created_at timestamptz not null default now(),
    instance             text,
    seq                  bigint      check (seq >= 0),
    -- The partition key has to be part of it. Ids of version 7 grow with time, so inserts stay on the right edge.
    primary key (id, event_created_at)
) partition by range (event_created_at);

comment on table logs is 'One row per log record, partitioned by UTC day of event_created_at.';

-- A record outside every partition is kept all the same; any row in here raises an alarm (v_partitions, metrics).
create table logs_default partition of logs default;

-- Each index is paid on every insert, so each one has to name the question that it answers.

-- A trace in order of time. Records without a trace never look here and do not pay.
create index logs_trace on logs (trace_id, event_created_at) where trace_id is not null;

-- A component's recent errors. Partial: the other 99 % of the rows do not pay.
create index logs_errors on logs (component, event_created_at desc) where level = 'ERROR';

-- Time ranges inside a day. Rows arrive almost in order of time: a few bytes for each 128 pages do the work of
-- a b-tree that would cost as much as the primary key. autosummarize keeps it current without a vacuum.
create index logs_time on logs using brin (event_created_at) with (autosummarize = on);

-- Words of a message. Only the first 65,536 characters are indexed: a tsvector may not pass 1 MiB, and a log
-- line that does must not fail its batch. "/", "." and "@" are taken for spaces, or the parser would glue
-- `tools/list`, `a.b.c` and URLs into single words that a search for one part cannot find.
-- Search with: where log_words(message) @@ log_query('tools list -gates').
create function log_words(message text) returns tsvector
language sql immutable parallel safe strict
return to_tsvector('simple', translate(left(message, 65536), '/.@', '   '));

create function log_query(words text) returns tsquery
language sql immutable parallel safe strict
return websearch_to_tsquery('simple', translate(words, '/.@', '   '));

comment on function log_words(text) is 'Words of a message as the index logs_words holds them.';
comment on function log_query(text) is 'A search for log_words: words, "phrases", or, -not; never a syntax error.';

-- fastupdate collects new entries and merges them in bulk, which is what makes GIN bearable here. The list stays
-- at 4 MiB: a longer one makes the merge, which one unlucky batch has to wait for, longer than P-3 allows.
create index logs_words on logs using gin (log_words(message))
    with (fastupdate = on, gin_pending_list_limit = 4096);

-- Containment in data: where data @> '{"tool": "gates_create_document"}'. jsonb_path_ops holds one hash per path
-- and value, half the size of the default operator class, and answers @> alone, which is all that is asked.
create index logs_data on logs using gin (data jsonb_path_ops)
    with (fastupdate = on, gin_pending_list_limit = 4096);
