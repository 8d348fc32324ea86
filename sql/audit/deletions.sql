-- Who removed objects, and who was refused: set the key (part of it is enough) and the first day, as yyyy/MM/dd
select coalesce(e.useridentity.sessioncontext.sessionissuer.username, e.useridentity.arn) as who,
       coalesce(e.useridentity.invokedby, '') as through,
       e.eventname as call,
       coalesce(json_extract_scalar(e.requestparameters, '$.key'), e.additionaleventdata) as object_key,
       count(*) as times,
       max(e.eventtime) as last_time,
       coalesce(e.errorcode, '') as refused
from {audit}.events e
where e.eventcategory = 'Data'
  and e.day >= {since}
  and e.eventname in ('DeleteObject', 'DeleteObjects')
  and (e.requestparameters like {pattern} or e.additionaleventdata like {pattern})
group by 1, 2, 3, 4, 7
order by last_time desc, who, call
