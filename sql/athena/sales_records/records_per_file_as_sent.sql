-- Records per file as partners sent it, from the crawler's table: for operators, who may read originals (slipway crawler)
select ingest_date, partition_1 as sha256, count(*) as records
from {raw}.sales_records
group by ingest_date, partition_1
order by ingest_date, sha256
