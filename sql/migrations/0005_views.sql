-- For people who prefer SQL: messages, calls and tools as the components logged them.
--
-- These show what was logged and no more. They read message records (data.mcp) only, not the older conventions;
-- they do not merge the two sightings of one message, follow a call through a relay, correct clocks or explain
-- what is missing. godot_analysis.messages(), .reconstruct() and .diagnose() do.
--
-- Give a trace_id, or for v_messages a range of event_created_at: these reach the indexes and partitions of logs.
-- Without, all of logs is read.

-- One row per message as one component saw it.
create view v_messages as
select id,
       trace_id,
       event_created_at,
       component                                                                        as observer,
       instance,
       seq,
       mcp ->> 'direction'                                                              as direction,
       mcp ->> 'peer'                                                                   as peer,
       case mcp ->> 'direction' when 'sent' then component when 'received' then mcp ->> 'peer' end as sender,
       case mcp ->> 'direction' when 'received' then component when 'sent' then mcp ->> 'peer' end as receiver,
       mcp ->> 'transport'                                                              as transport,
       mcp ->> 'session'                                                                as session,
       case
           when jsonb_typeof(payload) is distinct from 'object'         then 'invalid'  -- text as read, or a batch
           when payload ? 'method' and payload ? 'id'                   then 'request'
           when payload ? 'method'                                      then 'notification'
           when payload ? 'error' and payload -> 'error' <> 'null'      then 'error'
           when payload ? 'result'                                      then 'response'
           else 'invalid'
       end                                                                              as kind,
       payload ->> 'method'                                                             as method,
       case payload ->> 'method' when 'tools/call' then payload #>> '{params,name}' end as tool,
       payload -> 'id'                                                                  as rpc_id,  -- 1 is not "1"
       (case when jsonb_typeof(payload #> '{error,code}') = 'number'
             then payload #>> '{error,code}' end)::numeric                              as error_code,
       payload #>> '{error,message}'                                                    as error_text,
       payload
from logs,
     lateral (select data -> 'mcp' as mcp, data #> '{mcp,payload}' as payload) as message
where jsonb_typeof(data -> 'mcp') = 'object';

comment on view v_messages is 'One row per logged JSON-RPC message (data.mcp), as its observer saw it.';

-- One row per tools/call request as one component saw it, with the answer that the same component saw.
--
-- The answer is the next message on the same wire (observer, peer, session) with the same id, within the same
-- trace: a request whose id is used again before an answer came has none. direction = 'sent' gives the caller's
-- side. A call through a relay shows up once for each component that logged it.
create view v_calls as
select id,
       trace_id,
       event_created_at,
       observer,
       direction,
       sender   as caller,
       receiver as callee,
       session,
       rpc_id,
       tool,
       payload #> '{params,arguments}' as arguments,
       case
           when next_kind = 'error'                                             then 'error'
           when next_kind = 'response' and next_payload #>> '{result,isError}' = 'true' then 'tool_error'
           when next_kind = 'response'                                          then 'answered'
           else 'unanswered'
       end                             as status,
       case when next_kind in ('response', 'error') then next_at end as answered_at,
       case when next_kind in ('response', 'error')
            then extract(epoch from next_at - event_created_at)::float8 * 1000 end as duration_ms,
       case next_kind when 'response' then next_payload -> 'result' when 'error' then next_payload -> 'error' end as answer,
       case when next_kind in ('response', 'error') then next_id end as answer_id
from (
    select v_messages.*,
           lead(id) over wire               as next_id,
           lead(kind) over wire             as next_kind,
           lead(payload) over wire          as next_payload,
           lead(event_created_at) over wire as next_at
    from v_messages
    where kind in ('request', 'response', 'error') and rpc_id is not null
    window wire as (
        partition by trace_id, observer, peer, session, rpc_id,
                     (direction = 'sent') = (kind = 'request')  -- who asked
        order by event_created_at, seq
    )
) as paired
where kind = 'request' and method = 'tools/call';

comment on view v_calls is 'One row per tools/call request as one component saw it, with the answer it saw.';

-- One row per tool that a component saw another one list, as it was listed last.
create view v_tools as
select distinct on (observer, server, tool)
       observer,
       server,
       tool,
       description,
       input_schema,
       event_created_at as listed_at,
       id               as record
from (
    select m.observer,
           m.sender                as server,
           entry ->> 'name'        as tool,
           entry ->> 'description' as description,
           entry -> 'inputSchema'  as input_schema,
           m.event_created_at,
           m.id
    from v_messages m,
         lateral jsonb_path_query(m.payload, 'lax $.result.tools[*] ? (@.name.type() == "string")') as entry
    where m.kind = 'response'
) as listed
order by observer, server, tool, event_created_at desc;

comment on view v_tools is 'One row per tool that a component saw listed, newest listing first in line.';

grant select on v_messages, v_calls, v_tools to godot_reader, godot_admin;
